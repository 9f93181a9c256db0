"""Single values out of the panel's JSON, tolerant of how versions differ. Pure.

``None`` means "not known": missing, of another type, or out of any sensible range; never a stand-in 0.
"""

from __future__ import annotations

import math

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off", "none", "null", ""})
# Larger than any figure of a panel; keeps absurd ones out of SQLite's integers too.
_LARGEST = 2**53


def whole(value: object) -> int | None:
    """A whole number, also where it comes as text or as a fraction (MiB are sometimes computed)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = round(value)
    return value if isinstance(value, int) and abs(value) <= _LARGEST else None


def count(value: object) -> int | None:
    """A number of things: 0 is a fine answer, less is not known."""
    number = whole(value)
    return number if number is not None and number >= 0 else None


def positive(value: object) -> int | None:
    """A size, or a limit: 0 and -1 are the panel's ways to say that there is none."""
    number = whole(value)
    return number if number is not None and number > 0 else None


def reference(value: object) -> int | None:
    """The id of something that is given as a number or, in list rows, as an object with an ``id``."""
    return positive(value.get("id") if isinstance(value, dict) else value)


def maybe_flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (int, str)) else None
    if word in _TRUE:
        return True
    return False if word in _FALSE and word else None


def flag(value: object) -> bool:
    """A switch that forbids something: missing = off; what cannot be understood = on, to be safe."""
    if value is None:
        return False
    if isinstance(value, str):
        return value.strip().lower() not in _FALSE
    known = maybe_flag(value)
    return bool(value) if known is None else known


def text(value: object) -> str | None:
    """A text that is not empty. Lone surrogates, which nothing could store or send, become "?"."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    words = str(value)
    if not words.isascii():
        words = words.encode("utf-8", "replace").decode("utf-8")
    return words if words.strip() else None
