"""Reads JSON that people and other programs wrote, and checks each value.

An error names the path, shows the value and says what is needed instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias

from balancer.model import Scalar

Path: TypeAlias = tuple[str | int, ...]
Reader: TypeAlias = Callable[[Any], Any]

LARGEST = 2**53
"""Whole numbers above this are not exact in every JSON program, and no real figure is so large."""

REQUIRED: Any = object()


class FormatError(ValueError):
    """A file does not follow its format. The text has the place, the value and what is needed.

    A reader knows only its value. Its caller adds the place of the value (``inside``), so that valid values need no
    path.
    """

    def __init__(self, problem: str, path: Path = ()) -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    def __str__(self) -> str:
        return place(self.path) + self.problem

    def inside(self, part: str | int) -> FormatError:
        """The error with the path from the object or list that has the value under this key or index."""
        return FormatError(self.problem, (part, *self.path))


def place(path: Path) -> str:
    """``("nodes", 3, "cpus")`` as ``nodes[3].cpus``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the document"


def wrong(value: Any, needed: str, path: Path = ()) -> FormatError:
    """The error for a value: the value, and what is needed instead."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return FormatError(f" is {shown}: {needed} is needed", path)


def field(obj: Mapping[str, Any], key: str, reader: Reader, default: Any = REQUIRED) -> Any:
    """Reads the value under ``key``; a missing optional key has its default."""
    try:
        if key in obj:
            return reader(obj[key])
    except FormatError as error:
        raise error.inside(key) from error.__cause__
    if default is REQUIRED:
        raise FormatError(" is missing: it is required", (key,))
    return default


def mapping(value: Any) -> Mapping[str, Any]:
    """An object. Raises FormatError for anything else, as all readers do."""
    if not isinstance(value, dict):
        raise wrong(value, "an object")
    return value


def items(value: Any) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise wrong(value, "a list")
    return value


def whole(value: Any) -> int:
    """A whole number from 0 to ``LARGEST``."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise wrong(value, "a whole number from 0 up")
    return value


def number(value: Any) -> float:
    """A number of any sign."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= LARGEST:
        raise wrong(value, "a number")
    return float(value)


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise wrong(value, "a text in quotes")
    return value


def truth(value: Any) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise wrong(value, "true or false")
    return value


def scalar(value: Any) -> Scalar:
    """A text, a number, ``true``, ``false`` or ``null``."""
    if value is not None and not isinstance(value, (str, int, float, bool)):
        raise wrong(value, "a text, a number, true, false or null")
    return value


def moment(value: Any) -> datetime:
    """A time in ISO 8601 with an offset (also ``Z``), as UTC."""
    needed = 'a time with its offset, such as "2026-11-22T10:00:00+00:00",'
    try:
        at = datetime.fromisoformat(text(value).replace("Z", "+00:00"))
        if at.tzinfo is None:
            raise wrong(value, needed)
        return at.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise wrong(value, needed) from error


def seconds(value: Any) -> timedelta:
    """A length of time in seconds."""
    try:
        return timedelta(seconds=number(value))
    except OverflowError as error:
        raise wrong(value, "a shorter time") from error


def null_or(reader: Reader) -> Reader:
    """The reader, with ``null`` allowed for "none"."""
    return lambda value: None if value is None else reader(value)


def maybe(reader: Reader, needed: str) -> Reader:
    """As ``null_or``, for a single figure; the error names ``null``, which means "unknown"."""

    def read(value: Any) -> Any:
        if value is None:
            return None
        try:
            return reader(value)
        except FormatError:
            raise wrong(value, f"{needed} or null") from None

    return read


def many(reader: Reader) -> Reader:
    """A reader of lists whose items ``reader`` reads."""

    def read(value: Any) -> tuple[Any, ...]:
        result: list[Any] = []
        try:
            for item in items(value):
                result.append(reader(item))
        except FormatError as error:
            raise (error.inside(len(result)) if isinstance(value, list) else error) from error.__cause__
        return tuple(result)

    return read
