"""When a summary is due: ``08:00`` every day, ``mon 08:00`` every week. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from bot.domain import zones
from bot.domain.times import DAYS

LATE = timedelta(hours=12)
"""For so long one that was missed is made up for; after that the next one is told, of its own time alone."""
_TIMES = re.compile(r"(?:(?P<day>[a-z]{3})\s+)?(?P<hours>\d{1,2}):(?P<minutes>\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Timing:
    """``day``: Monday is 0; ``None`` = every day."""

    day: int | None
    hour: int
    minute: int

    @property
    def length(self) -> timedelta:
        """What a summary is about."""
        return timedelta(days=1 if self.day is None else 7)


def parse_timing(text: str) -> Timing | None:
    """``None``: never.

    Raises:
        ValueError: it is not written so.
    """
    if not text.strip():
        return None
    found = _TIMES.fullmatch(text.strip().lower())
    if found is None or int(found["hours"]) > 23 or int(found["minutes"]) > 59:
        raise ValueError("a time such as 08:00, or a day and a time such as mon 08:00, is needed")
    if found["day"] is not None and found["day"] not in DAYS:
        raise ValueError(f"{found['day']} is no day: {', '.join(DAYS)} are known")
    return Timing(
        None if found["day"] is None else DAYS.index(found["day"]), int(found["hours"]), int(found["minutes"])
    )


def last_due(timing: Timing, now: datetime, zone: tzinfo | None) -> datetime:
    """The last moment, not after ``now``, for which a summary is due."""
    today = zones.local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for back in range(9):
        day = today - timedelta(days=back)
        due = zones.at(day.replace(hour=timing.hour, minute=timing.minute), zone)
        if due <= now and timing.day in (None, day.weekday()):
            return due
    raise AssertionError("every week has every day")
