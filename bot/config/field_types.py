"""The types of settings, with the functions that read and check a value.

A type contains its checks, so that a field of Settings is one line. An error says what is needed, and never contains
the value, which may be a secret.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from bot.config.parsing import LARGEST_ID, address, chat_id, ids, names, proxy, ssh_hosts, webhook_address
from bot.domain.reminders import parse_reminders
from bot.domain.room_tables import parse_shapes
from bot.domain.times import parse_timing, parse_windows, zone_named

LONGEST_S = 315_360_000  # ten years: beyond it, clocks overflow
SMALLEST, LARGEST = 0.001, 1e9  # of thresholds: beyond them, scores overflow
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}", re.ASCII)
_TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{3,}")


def _checked_by(check: Callable[[str], object]) -> AfterValidator:
    """A validator that returns the text unchanged if ``check`` accepts it."""

    def keep(text: str) -> str:
        check(text)
        return text

    return AfterValidator(keep)


def _secret(read: Callable[[str], str]) -> AfterValidator:
    """A validator that reads the text inside a secret."""
    return AfterValidator(lambda value: SecretStr(read(value.get_secret_value())))


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("text on one line without control characters is needed")
    return text


def _path(path: Path) -> Path:
    _one_line(str(path))
    try:
        return path.expanduser()
    except RuntimeError as error:  # ~nobody
        raise ValueError("the home folder of that user is not known; write the whole path") from error


def _chat_id(value: int) -> int:
    if value == 0:
        raise ValueError("the numeric id of a person, or the negative id of a group, is needed")
    return value


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text.strip()):
        raise ValueError("it does not look like a token; copy it from @BotFather")
    return text.strip()


def _webhook_secret(text: str) -> str:
    if not _WEBHOOK_SECRET.fullmatch(text):
        raise ValueError("1 to 256 of A-Z, a-z, 0-9, _ and - are needed")
    return text


def _command(text: str) -> str:
    _one_line(text)
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"a command and its words are needed, quoted as in a shell ({error})") from error
    if text.strip() and not words:
        raise ValueError("a command is needed")
    return text


def _number_as_text(value: object) -> object:
    """Turns a whole number from a program into text."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


AnyCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
"""For a choice that people may write in any case."""
AnyCaseUpper = BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)

Address = Annotated[str, AfterValidator(address)]
BotToken = Annotated[SecretStr, _secret(_token)]
ChatId = Annotated[int, Field(ge=-LARGEST_ID, le=LARGEST_ID), BeforeValidator(chat_id)]
CommandWords = Annotated[str, AfterValidator(_command)]
DigestTime = Annotated[str, _checked_by(parse_timing)]
FilePath = Annotated[Path, AfterValidator(_path)]
HostMapping = Annotated[Mapping[str, str], BeforeValidator(ssh_hosts)]
IdList = Annotated[tuple[int, ...], BeforeValidator(ids)]
Line = Annotated[str, AfterValidator(_one_line)]
MainChatId = Annotated[ChatId, AfterValidator(_chat_id)]
NameList = Annotated[tuple[str, ...], BeforeValidator(names)]
ReminderTimes = Annotated[str, BeforeValidator(_number_as_text), _checked_by(parse_reminders)]
Percent = Annotated[float, Field(ge=SMALLEST, le=100, allow_inf_nan=False)]
Positive = Annotated[float, Field(ge=SMALLEST, le=LARGEST, allow_inf_nan=False)]
ProxyAddress = Annotated[SecretStr, _secret(proxy)]
Seconds = Annotated[int, Field(ge=0, le=LONGEST_S)]
Shapes = Annotated[str, _checked_by(parse_shapes)]
ThreadId = Annotated[int, Field(ge=1, le=LARGEST_ID)]
WebhookAddress = Annotated[str, AfterValidator(webhook_address)]
WebhookSecret = Annotated[SecretStr, _secret(_webhook_secret)]
Windows = Annotated[str, _checked_by(parse_windows)]
ZoneName = Annotated[str, _checked_by(zone_named)]


def whole(low: int, high: int = LONGEST_S) -> Any:
    """A whole number from ``low`` to ``high``."""
    return Field(ge=low, le=high)


def number(low: float, high: float) -> Any:
    """A finite number from ``low`` to ``high``."""
    return Field(ge=low, le=high, allow_inf_nan=False)


def above(low: float, high: float) -> Any:
    """A finite number above ``low``, up to ``high``."""
    return Field(gt=low, le=high, allow_inf_nan=False)
