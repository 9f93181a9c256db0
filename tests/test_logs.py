"""Log lines: the format of the specification, one line for a record, no secret in any encoding; and the redactor."""

from __future__ import annotations

import html
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from yarl import URL

from bot.config.settings import Settings
from bot.domain import log_context
from bot.domain.sanitize import MASK, Redactor, with_parts
from bot.errors import ConfigError
from bot.observability.logging_setup import LIBRARIES, JsonFormatter, SafeFormatter, formatter_for, set_up_logging

SECRET = "p@ss w/örd&<\"'\\%1"
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[(DEBUG|INFO|WARNING|ERROR|CRITICAL)\] \S.*")


def record(message: str, *args: object, trace: bool = False) -> logging.LogRecord:
    return logging.LogRecord("bot", logging.INFO, "x.py", 1, message, args, sys.exc_info() if trace else None)


def formatted(message: str, *args: object, secret: str = SECRET) -> str:
    return SafeFormatter([secret]).format(record(message, *args))


def failure(error: Exception) -> str:
    """The record of a caught exception, formatted."""
    try:
        raise error
    except Exception:
        return SafeFormatter([SECRET]).format(record("it failed", trace=True))


def test_text_format_is_that_of_the_specification() -> None:
    one = record("Starting balance cycle for %d clusters", 3)
    one.created = 1705314600.0
    text = SafeFormatter().format(one)
    assert LINE.fullmatch(text)
    assert text.endswith(" [INFO] Starting balance cycle for 3 clusters")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata"])
def test_times_are_local_and_independent_of_the_locale(zone: str) -> None:
    code = (
        "import logging; from bot.observability.logging_setup import SafeFormatter\n"
        "r = logging.LogRecord('x', 20, 'x', 1, 'hello', (), None); r.created = 1705314600.0\n"
        "print(SafeFormatter().format(r))"
    )
    root = str(Path(__file__).resolve().parent.parent)
    env = {"TZ": zone, "LC_ALL": "ru_RU.UTF-8", "PYTHONPATH": root}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    hour = {"UTC": "10:30:00", "Asia/Kolkata": "16:00:00"}[zone]
    assert done.stdout == f"2024-01-15 {hour} [INFO] hello\n"


def test_names_with_line_breaks_stay_on_one_line() -> None:
    forged = "vm\n2024-01-15 10:30:00 [INFO] Migration completed\x1b[2J\u202e\r\u2028x"
    text = formatted("VM '%s'", forged)
    assert len(text.splitlines()) == 1 and "\x1b" not in text and "\u202e" not in text


def test_traceback_lines_cannot_look_like_records() -> None:
    text = failure(ValueError("bad\n2024-01-15 10:30:00 [INFO] Migration completed\x1b[31m"))
    first, *rest = text.split("\n")
    assert LINE.fullmatch(first) and rest
    assert all(line.startswith("    ") and not line.strip().startswith("\x1b") for line in rest)
    assert "Traceback (most recent call last):" in rest[0]


def test_message_with_a_line_break_stays_on_one_line_before_its_traceback() -> None:
    try:
        raise ValueError
    except ValueError:
        text = SafeFormatter().format(record("VM '%s'", "a\n2024-01-15 10:30:00 [INFO] forged", trace=True))
    assert [line for line in text.split("\n") if LINE.fullmatch(line)] == [text.split("\n")[0]]


SPELLINGS = {
    "plain": SECRET,
    "percent": quote(SECRET, safe=""),
    "percent in lower case": re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
    "path": quote(SECRET),
    "query": quote_plus(SECRET),
    "yarl": URL.build(scheme="http", user="u", password=SECRET, host="h").raw_password or "",
    "repr": repr(SECRET)[1:-1],
    "ascii": ascii(SECRET)[1:-1],
    "json": json.dumps(SECRET)[1:-1],
    "html": html.escape(SECRET),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_secret_is_masked_in_every_encoding(spelling: str) -> None:
    written = SPELLINGS[spelling]
    assert formatted("Cannot connect to http://u:%s@h/", written).count(written) == 0
    assert MASK in formatted("<%s>", written) and written not in formatted("<%s>", written)
    trace = failure(RuntimeError(f"GET /?password={written} failed"))
    assert written not in trace and MASK in trace


def test_secrets_in_chained_exceptions_are_masked() -> None:
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as error:
            raise RuntimeError(f"while using {SECRET}") from error
    except RuntimeError:
        text = SafeFormatter([SECRET]).format(record("it failed", trace=True))
    assert SECRET not in text and repr(SECRET)[1:-1] not in text and text.count(MASK) == 2


def test_unknown_text_that_looks_like_a_secret_is_masked() -> None:
    redact = Redactor()
    token = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
    assert redact(f"https://api.telegram.org/bot{token}/getMe") == f"https://api.telegram.org/bot{MASK}/getMe"
    assert redact(f"token {token.replace(':', '%3A')}!") == f"token {MASK}!"
    assert redact("socks5://u:hunter2@h:1") == f"socks5://{MASK}@h:1"
    assert redact("https://h/a@b and x@y.example") == "https://h/a@b and x@y.example"


def test_password_of_a_proxy_address_is_masked_on_its_own() -> None:
    formatter = SafeFormatter(["socks5://user:hunt%20er2@h:1"])
    assert formatter.format(record("proxy refused hunt er2 and hunt%20er2")).count(MASK) == 2
    assert with_parts("socks5://[broken") == ["socks5://[broken"]


def test_short_secret_does_not_mask_parts_of_words() -> None:
    redact = Redactor(["7", "abc"])
    assert redact("node-77 has 7 VMs of abcd, password abc") == f"node-77 has {MASK} VMs of abcd, password {MASK}"
    assert formatted("hello", secret="INFO").endswith("[INFO] hello"), "the line's own words stay"


# --- JSON


def as_json(message: str, *args: object, secrets: list[str] | None = None, **options: bool) -> dict[str, object]:
    """The one line of a record, read back."""
    text = JsonFormatter(secrets or []).format(record(message, *args, **options))
    assert text.isascii() and len(text.splitlines()) == 1
    document: dict[str, object] = json.loads(text)
    return document


def test_json_has_one_object_per_line_and_the_zone_in_its_time() -> None:
    one = record("VM '%s'", "шкаф\n2024-01-15 10:30:00 [INFO] forged\x1b[2J")
    one.created = 1705314600.25
    document = json.loads(JsonFormatter().format(one))
    assert document.keys() == {"time", "level", "logger", "message"}
    assert datetime.fromisoformat(str(document["time"])) == datetime(2024, 1, 15, 10, 30, 0, 250_000, timezone.utc)
    assert datetime.fromisoformat(str(document["time"])).utcoffset() is not None
    assert (document["level"], document["logger"]) == ("INFO", "bot")
    assert document["message"] == "VM 'шкаф 2024-01-15 10:30:00 [INFO] forged'"


@pytest.mark.parametrize(("work", "key", "id"), [(log_context.cycle, "cycle", None), (None, "migration", 7)])
def test_json_names_the_cycle_or_the_migration(work: Any, key: str, id: int | None) -> None:
    with work() if work else log_context.migration(7) as name:
        assert as_json("hello")[key] == (id or name)
    assert not {"cycle", "migration"} & as_json("hello").keys()


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_secret_is_masked_in_json(spelling: str) -> None:
    written = SPELLINGS[spelling]
    try:
        raise RuntimeError(f"GET /?password={written} failed\x1b[2J\u2028x")
    except RuntimeError:
        document = as_json("<%s>", written, secrets=[SECRET], trace=True)
    trace = str(document["exception"])
    assert MASK in str(document["message"]) and MASK in trace
    assert written not in str(document["message"]) + trace and json.dumps(written)[1:-1] not in json.dumps(document)
    assert trace.startswith("Traceback (most recent call last):\n  File ") and "\x1b" not in trace


@given(st.text(max_size=50), st.text(min_size=6, max_size=20).filter(str.strip))
def test_json_stays_one_valid_line_for_any_text(message: str, secret: str) -> None:
    document = as_json("%s", message + secret, secrets=[secret])
    assert secret not in str(document["message"]).replace(MASK, "")


@pytest.mark.parametrize(("given_format", "kind"), [("text", SafeFormatter), ("json", JsonFormatter)])
def test_log_format_chooses_the_formatter(given_format: str, kind: type[SafeFormatter]) -> None:
    assert type(formatter_for(Settings(log_format=given_format))) is kind  # type: ignore[arg-type]


# --- redaction


@given(st.text(min_size=6, max_size=30).filter(str.strip), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_reaches_a_line(secret: str, before: str, after: str) -> None:
    assert secret not in Redactor([secret])(before + secret + after).replace(MASK, "")


# --- handlers


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, as it was before the test afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield root
    for handler in root.handlers:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_lines_go_to_the_console_and_to_the_rotating_file(
    tmp_path: Path, root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.log"
    set_up_logging(Settings(log_file=path, ssh_password=SecretStr("hunter2")), hushed=("loud",))
    logging.getLogger("bot.x").info("the password is %s", "hunter2")
    logging.getLogger("bot.x").debug("unseen")
    logging.getLogger("loud.part").info("only in the file")
    [first, second] = path.read_text("utf-8").splitlines()
    assert LINE.fullmatch(first) and first.endswith(f"the password is {MASK}")
    assert second.endswith("only in the file")
    assert capsys.readouterr().err.splitlines() == [first]
    [file] = [h for h in root_logger.handlers if isinstance(h, logging.handlers.RotatingFileHandler)]
    assert file.maxBytes > 0 and file.backupCount > 0
    file.maxBytes = 200
    for number in range(10):
        logging.getLogger("bot.x").info("line %d with some length to it", number)
    assert (tmp_path / "x.log.1").exists()


def test_loggers_whose_text_is_printed_stay_off_the_console_except_at_debug(
    tmp_path: Path, root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(Settings(log_level="DEBUG"), to_file=False, hushed=("loud",))
    loud = logging.getLogger("loud.part")
    loud.warning("printed")
    loud.debug("analysis")
    assert [line.split("] ")[1] for line in capsys.readouterr().err.splitlines()] == ["analysis"]


@pytest.mark.parametrize(("level", "shown"), [("DEBUG", "IWE"), ("INFO", "WE"), ("WARNING", "WE"), ("ERROR", "E")])
def test_libraries_log_one_level_less(
    level: str, shown: str, root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(Settings(log_level=level), to_file=False)  # type: ignore[arg-type]
    library = logging.getLogger("aiogram.dispatcher")
    for word, say in {"D": library.debug, "I": library.info, "W": library.warning, "E": library.error}.items():
        say(word)
    assert "".join(line[-1] for line in capsys.readouterr().err.splitlines()) == shown


def test_unwritable_log_file_is_a_config_error(tmp_path: Path, root_logger: logging.Logger) -> None:
    with pytest.raises(ConfigError, match=r"^LOG_FILE=.*x\.log \(given\): it cannot be written \(No such file"):
        set_up_logging(Settings(log_file=tmp_path / "no" / "x.log"))
