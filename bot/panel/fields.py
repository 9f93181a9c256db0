"""Reads single values of the panel's JSON, in the forms of all known versions. Pure.

``None`` means unknown: missing, of another type, or out of range. An unknown value is never 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from bot.domain.sanitize import shorten
from bot.panel.vocabulary import FALSE, LOCAL_STORAGE, SHARED_STORAGE, TRUE

_LARGEST = 2**53
"""The largest id. Real ids are smaller; SQLite and JSON still store this number exactly."""
_WORDS_LENGTH = 500
_LONGEST_TEXT = 1000
"""Longer texts are cut. A name in VMmanager has at most 255 characters."""
_FIRST_YEAR = 2010
"""Earlier dates are not real: VMmanager is younger."""
_LATEST_S = 10**11
"""A larger number is in milliseconds: as seconds since 1970 it would be after the year 5000."""
_LARGEST_SIZE = 2**40
"""The largest figure: 2^40 MiB are an exbibyte. A larger one is a fault of the panel, so it is unknown."""


def whole(value: object) -> int | None:
    """A whole number, also if the panel sends it as text or as a fraction (MiB are sometimes computed)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value[:_LONGEST_TEXT])
        except ValueError:
            return None
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        value = round(value)
    return value if isinstance(value, int) and abs(value) <= _LARGEST else None


def count(value: object) -> int | None:
    """A number of things, 0 to 2^40; ``None`` for a number out of this range."""
    number = whole(value)
    return number if number is not None and 0 <= number <= _LARGEST_SIZE else None


def positive(value: object) -> int | None:
    """A size or a limit, 1 to 2^40. 0 and -1, which the panel uses for "no limit", are ``None``."""
    number = whole(value)
    return number if number is not None and 0 < number <= _LARGEST_SIZE else None


def reference(value: object) -> int | None:
    """An id: a number, or in list rows an object with an ``id``."""
    number = whole(value.get("id") if isinstance(value, dict) else value)
    return number if number is not None and number > 0 else None


def maybe_flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, (int, str)) else None
    if word in TRUE:
        return True
    return False if word in FALSE and word else None


def flag(value: object) -> bool:
    """A switch that forbids something: missing = off; not readable = on, which is safer."""
    if value is None:
        return False
    if isinstance(value, str):
        return value.strip().lower() not in FALSE
    known = maybe_flag(value)
    return bool(value) if known is None else known


def text(value: object) -> str | None:
    """A text that is not empty. Lone surrogates become "?", because files and messages cannot contain them."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return None
    words = value[:_LONGEST_TEXT] if isinstance(value, str) else str(value)[:_LONGEST_TEXT]
    if not words.isascii():
        words = words.encode("utf-8", "replace").decode("utf-8")
    return words if words.strip() else None


def moment(value: object) -> datetime | None:
    """A date with time: ISO 8601, ``DD.MM.YYYY HH:MM:SS``, or seconds (or milliseconds) since 1970.

    It has no zone if the panel sends none. ``None`` for other or ambiguous forms, and for dates before 2010, which
    mean "no date".
    """
    words = (text(value) or "").strip()
    if re.fullmatch(r"\d{9,14}(\.\d+)?", words):
        seconds = float(words)
        date = datetime.fromtimestamp(seconds / 1000 if seconds > _LATEST_S else seconds, timezone.utc)
    else:
        try:
            date = _written(words)
        except ValueError:
            return None
    return date if date.year >= _FIRST_YEAR else None


def _written(words: str) -> datetime:
    day = re.fullmatch(r"(\d\d)\.(\d\d)\.(\d{4})[ T,]+(\d\d:\d\d(?::\d\d)?)", words)
    if day:
        return datetime.fromisoformat(f"{day[3]}-{day[2]}-{day[1]}T{day[4]}")
    # Python 3.10 does not accept "Z", and only fractions of three or six digits.
    iso = re.fullmatch(r"(\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?\s*(Z|UTC|[+-]\d\d:?\d\d)?", words)
    if not iso:
        raise ValueError(words)
    zone = iso[2] or ""
    return datetime.fromisoformat(
        iso[1] + ("+00:00" if zone in ("Z", "UTC") else zone[:3] + ":" + zone[-2:] if zone else "")
    )


def local_storage(cluster: Mapping[str, Any]) -> bool | None:
    """Whether the disks of a cluster are on its nodes, so that a migration copies them too.

    Read from the kind of the main storage in the cluster's row; ``None`` = the row has none, or the word is unknown.
    """
    main = cluster.get("storage")
    kind = _storage_kind(main)
    if kind is None:  # some versions send only the id of the main storage, or mark it in the list of storages
        number = main.get("id") if isinstance(main, dict) else main
        every = cluster.get("storages")
        rows = [row for row in every if isinstance(row, dict)] if isinstance(every, list) else []
        chosen = [row for row in rows if flag(row.get("is_main")) or (number is not None and row.get("id") == number)]
        kinds = {_storage_kind(row) for row in chosen or rows}
        kind = kinds.pop() if len(kinds) == 1 else None
    return True if kind in LOCAL_STORAGE else False if kind in SHARED_STORAGE else None


def _storage_kind(storage: object) -> str | None:
    word = text(storage.get("type")) if isinstance(storage, dict) else None
    return word.strip().lower().replace("-", "_") if word else None


def first_words(row: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The text of the first of these fields that has one."""
    return next((value for key in keys if (value := words(row.get(key))) is not None), None)


def words(value: object) -> str | None:
    """A text of the panel on one line, cut to a maximum length; ``None`` = it is empty or no text."""
    full = text(value)
    return shorten(full, _WORDS_LENGTH) or None if full else None
