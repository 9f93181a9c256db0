"""Reading JSON that people and other programs wrote: each value checked, each complaint with its place.

A complaint names the path, shows the value and says what is needed instead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias

from balancer.model import Scalar

Path: TypeAlias = tuple[str | int, ...]
Reader: TypeAlias = Callable[[Any, Path], Any]

LARGEST = 2**53
"""Whole numbers above this are not exact in every JSON program, and no real figure is so large."""

REQUIRED: Any = object()


class FormatError(ValueError):
    """A file does not follow its format. The text says where, what was found and what is needed."""


def place(path: Path) -> str:
    """``("nodes", 3, "cpus")`` as ``nodes[3].cpus``."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.lstrip(".") or "the document"


def wrong(value: Any, path: Path, needed: str) -> FormatError:
    """The error for a value: where it is, what it is, and what is needed instead."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if len(shown) > 60:
        shown = shown[:57] + "..."
    return FormatError(f"{place(path)} is {shown}: {needed} is needed")


def field(obj: Mapping[str, Any], key: str, path: Path, reader: Reader, default: Any = REQUIRED) -> Any:
    """The value under ``key``, read; a missing optional one is its default."""
    if key in obj:
        return reader(obj[key], (*path, key))
    if default is REQUIRED:
        raise FormatError(f"{place((*path, key))} is missing: it is required")
    return default


def mapping(value: Any, path: Path) -> Mapping[str, Any]:
    """An object. Raises FormatError for anything else, as all readers do."""
    if not isinstance(value, dict):
        raise wrong(value, path, "an object")
    return value


def items(value: Any, path: Path) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise wrong(value, path, "a list")
    return value


def whole(value: Any, path: Path) -> int:
    """A whole number from 0 to ``LARGEST``."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= LARGEST:
        raise wrong(value, path, "a whole number from 0 up")
    return value


def number(value: Any, path: Path) -> float:
    """A number; the sign is free."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= LARGEST:
        raise wrong(value, path, "a number")
    return float(value)


def text(value: Any, path: Path) -> str:
    """A text."""
    if not isinstance(value, str):
        raise wrong(value, path, "a text in quotes")
    return value


def truth(value: Any, path: Path) -> bool:
    """``true`` or ``false``."""
    if not isinstance(value, bool):
        raise wrong(value, path, "true or false")
    return value


def scalar(value: Any, path: Path) -> Scalar:
    """A text, a number, ``true``, ``false`` or ``null``."""
    if value is not None and not isinstance(value, (str, int, float, bool)):
        raise wrong(value, path, "a text, a number, true, false or null")
    return value


def moment(value: Any, path: Path) -> datetime:
    """ISO 8601 with an offset (``Z`` too), as UTC."""
    needed = 'a time with its offset, such as "2026-11-22T10:00:00+00:00",'
    try:
        at = datetime.fromisoformat(text(value, path).replace("Z", "+00:00"))
        if at.tzinfo is None:
            raise wrong(value, path, needed)
        return at.astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise wrong(value, path, needed) from error


def seconds(value: Any, path: Path) -> timedelta:
    """A length of time, given in seconds."""
    try:
        return timedelta(seconds=number(value, path))
    except OverflowError as error:
        raise wrong(value, path, "a shorter time") from error


def null_or(reader: Reader) -> Reader:
    """The same reader, with ``null`` allowed for "none"."""
    return lambda value, path: None if value is None else reader(value, path)


def maybe(reader: Reader, needed: str) -> Reader:
    """The same for a single figure; the complaint names ``null``, the way to say "not known"."""

    def read(value: Any, path: Path) -> Any:
        if value is None:
            return None
        try:
            return reader(value, path)
        except FormatError:
            raise wrong(value, path, f"{needed} or null") from None

    return read


def many(reader: Reader) -> Reader:
    """A list of what ``reader`` reads."""
    return lambda value, path: tuple(reader(item, (*path, i)) for i, item in enumerate(items(value, path)))
