"""Logging: the seed's line format to the console and a rotating file, names escaped, secrets taken out."""

from __future__ import annotations

import logging
import logging.handlers
import sys
from collections.abc import Iterable, Sequence

from bot.config import Settings, secrets
from bot.errors import ConfigError
from bot.redact import Redactor, with_parts
from bot.sanitize import one_line

DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
INDENT = "    "
FILE_BYTES, FILES_KEPT = 10_000_000, 5
LIBRARIES = ("aiogram", "apscheduler", "aiosqlite", "aiohttp", "asyncio", "asyncssh", "filelock")


class SafeFormatter(logging.Formatter):
    """`2024-01-15 10:30:00 [INFO] …`, local time: one record, one line, without control characters and secrets.

    The lines of a traceback are indented, so that no text from outside can look like a record of its own.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__(datefmt=DATE_FORMAT)
        self._redact = Redactor(part for secret in secrets for part in with_parts(secret))

    def format(self, record: logging.LogRecord) -> str:
        head = f"{self.formatTime(record, self.datefmt)} [{record.levelname}] {self._line(record.getMessage())}"
        trace = self.formatException(record.exc_info) if record.exc_info else ""
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        more = [line for text in (trace, stack) if text for line in self._redact(text).splitlines()]
        return "\n".join([head, *(f"{INDENT}{_indentation(line)}{one_line(line)}" for line in more)])

    def _line(self, text: str) -> str:
        return self._redact(one_line(self._redact(text)))


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]


def set_up_logging(settings: Settings, *, to_file: bool = True, hushed: Sequence[str] = ()) -> None:
    """Console (standard error) and file from now on.

    Args:
        hushed: loggers that stay off the console, because somebody prints there what they say.
    Raises:
        ConfigError: the log file cannot be written.
    """
    console = logging.StreamHandler(sys.stderr)
    console.addFilter(lambda record: not record.name.startswith(tuple(hushed)))
    handlers: list[logging.Handler] = [console, *([_file_handler(settings)] if to_file else [])]
    formatter = SafeFormatter(secrets(settings))
    for handler in handlers:
        handler.setFormatter(formatter)
    logging.basicConfig(level=settings.log_level, handlers=handlers, force=True)
    level = logging.getLogger().level
    for name in LIBRARIES:  # their INFO is our DEBUG
        logging.getLogger(name).setLevel(logging.INFO if level <= logging.DEBUG else max(level, logging.WARNING))


def _file_handler(settings: Settings) -> logging.Handler:
    path = settings.log_file
    try:
        return logging.handlers.RotatingFileHandler(path, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8")
    except OSError as error:
        remedy = "mend its rights or name another file"
        problem = f"LOG_FILE={path} ({settings.place('log_file')}): it cannot be written ({error.strerror}); {remedy}"
        raise ConfigError([problem]) from error
