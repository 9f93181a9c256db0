"""Sets up logging to the console and to a rotating file, as text or as JSON; escapes names and masks secrets."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from bot.config.settings import Settings, secrets
from bot.domain.log_context import Work, current_work
from bot.domain.sanitize import Redactor, one_line, with_parts
from bot.errors import ConfigError
from bot.observability.log_file import LogFile

DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
INDENT = "    "
FILE_BYTES, FILES_KEPT = 10_000_000, 5
LIBRARIES = ("aiogram", "apscheduler", "aiosqlite", "aiohttp", "asyncio", "asyncssh", "filelock")
OURS = ("bot",)
"""Loggers whose lines carry the id of a cycle or a migration. Connections of libraries outlive the cycle that opened
them, so lines of libraries carry none."""


class SafeFormatter(logging.Formatter):
    """`2024-01-15 10:30:00 [INFO] …` in local time. One line for each record, without control characters and secrets.

    The lines of a traceback are indented, so that a text from outside cannot look like a record.
    ``with_ids`` appends ` [cycle 5f1c09ab]` or ` [migration 7]` to the message.
    """

    def __init__(self, secrets: Iterable[str] = (), *, with_ids: bool = False) -> None:
        super().__init__(datefmt=DATE_FORMAT)
        self._redact = Redactor(part for secret in secrets for part in with_parts(secret))
        self._with_ids = with_ids

    def format(self, record: logging.LogRecord) -> str:
        head = f"{self.formatTime(record, self.datefmt)} [{record.levelname}] {self._line(record.getMessage())}"
        work = _work_of(record) if self._with_ids else None
        return "\n".join([head if work is None else f"{head} [{work.kind} {work.id}]", *self._more(record)])

    def _line(self, text: str) -> str:
        return self._redact(one_line(self._redact(text)))

    def _more(self, record: logging.LogRecord) -> Iterator[str]:
        """Traceback and stack, line by line."""
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        for text in (trace, stack):
            for line in self._redact(text).splitlines():
                yield f"{INDENT}{_indentation(line)}{one_line(line)}"


class JsonFormatter(SafeFormatter):
    """One JSON object for each record: `time` (ISO 8601, local with offset), `level`, `logger`, `message`, and if
    there is one, `cycle` or `migration`, and `exception`. ASCII only, so that collectors need not know an encoding."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone()
        work = _work_of(record)
        exception = "\n".join(line.removeprefix(INDENT) for line in self._more(record))
        return json.dumps(
            {
                "time": at.isoformat(timespec="milliseconds"),
                "level": record.levelname,
                "logger": record.name,
                "message": self._line(record.getMessage()),
                **({work.kind: work.id} if work else {}),
                **({"exception": exception} if exception else {}),
            }
        )


def _work_of(record: logging.LogRecord) -> Work | None:
    return current_work() if record.name.split(".")[0] in OURS else None


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def formatter_for(settings: Settings) -> SafeFormatter:
    """The formatter that ``LOG_FORMAT`` names. Text has the ids only at DEBUG, as the specification fixes its lines."""
    known = secrets(settings)
    if settings.log_format == "json":
        return JsonFormatter(known)
    return SafeFormatter(known, with_ids=settings.log_level == "DEBUG")


def set_up_logging(
    settings: Settings,
    *,
    to_file: bool = True,
    hushed: Sequence[str] = (),
    instead: logging.Handler | None = None,
) -> None:
    """Logs to the console (standard error) and to the log file.

    Args:
        instead: a handler used in place of standard error, for a program that fills the terminal; always plain text.
        hushed: loggers that write to the console only at DEBUG, because the program itself prints the same there.
    Raises:
        ConfigError: the log file cannot be written.
    """
    console = instead or logging.StreamHandler(sys.stderr)
    console.addFilter(lambda record: record.levelno <= logging.DEBUG or not record.name.startswith(tuple(hushed)))
    handlers: list[logging.Handler] = [console, *([_file_handler(settings)] if to_file else [])]
    formatter = formatter_for(settings)
    for handler in handlers:
        handler.setFormatter(formatter if handler is not instead else SafeFormatter(secrets(settings)))
    logging.basicConfig(level=settings.log_level, handlers=handlers, force=True)
    level = logging.getLogger().level
    for name in LIBRARIES:  # their INFO is our DEBUG
        logging.getLogger(name).setLevel(logging.INFO if level <= logging.DEBUG else max(level, logging.WARNING))


def _file_handler(settings: Settings) -> logging.Handler:
    path = settings.log_file
    try:
        return LogFile(path, max_bytes=FILE_BYTES, kept=FILES_KEPT)
    except OSError as error:
        remedy = "mend its rights or name another file"
        problem = f"LOG_FILE={path} ({settings.place('log_file')}): it cannot be written ({error.strerror}); {remedy}"
        raise ConfigError([problem]) from error
