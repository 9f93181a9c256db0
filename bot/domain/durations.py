"""Lengths of time as people write them: 30m, 2h, 3d. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

_PART = re.compile(r"(\d{1,6})\s*([smhdw]|мин|м|ч|д|с|н)", re.IGNORECASE)
_UNITS = {
    "s": "seconds",
    "с": "seconds",
    "m": "minutes",
    "м": "minutes",
    "мин": "minutes",
    "h": "hours",
    "ч": "hours",
    "d": "days",
    "д": "days",
    "w": "weeks",
    "н": "weeks",
}
LONGEST = timedelta(days=3650)
MOST_PARTS = 10
"""So many that a sum of them cannot overflow."""


def parse_duration(text: str) -> timedelta | None:
    """The length of ``90s``, ``30m``, ``2h``, ``3d``, ``1w`` or ``1d12h``, in Latin or Russian letters.

    ``None``: it is no length of time, or zero, or beyond ten years.
    """
    cleaned = text.strip()
    parts = _PART.findall(cleaned)
    if not 0 < len(parts) <= MOST_PARTS or _PART.sub("", cleaned).strip():
        return None
    total = sum((timedelta(**{_UNITS[unit.lower()]: int(number)}) for number, unit in parts), timedelta())
    return total if timedelta(0) < total <= LONGEST else None
