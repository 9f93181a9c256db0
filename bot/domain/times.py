"""Hours of the day, such as ``22:00-06:00`` or ``mon-fri 22:00-06:00, sat 00:00-24:00``: read, and asked. Pure.

By the clocks of a time zone: where they are set on or back, a span begins and ends when they show its times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo

from bot.domain import zones

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_SPAN = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+)?(?P<from>\d{1,2}:\d{2})\s*-\s*(?P<to>\d{1,2}:\d{2})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Span:
    """From one time of the day to another, on days on which it begins; past midnight where it does not end later.

    Times are minutes after midnight; Monday is 0.
    """

    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hours:
    """When a cluster's migrations may start (``None`` = now), and whether messages are to make no sound now."""

    opens_at: Callable[[int, str], datetime | None] = lambda _id, _name: None
    quiet: Callable[[], bool] = lambda: False
    digest_of: timedelta = _DAY
    """What a summary is about: the day or the week before it."""
    digest_quiet_days: bool = True
    """Whether there is a summary of what was quiet as well."""


def parse_windows(text: str) -> tuple[Span, ...]:
    """Nothing: always.

    Raises:
        ValueError: it is not written so.
    """
    return tuple(_span(part.strip().lower()) for part in text.split(",")) if text.strip() else ()


def is_open(spans: Sequence[Span], now: datetime, zone: tzinfo | None) -> bool:
    return not spans or any(start <= now < end for start, end in _around(spans, now, zone))


def opens_at(spans: Sequence[Span], now: datetime, zone: tzinfo | None) -> datetime | None:
    """When the next one begins; ``None`` = it is open now."""
    if is_open(spans, now, zone):
        return None
    return min(start for start, _ in _around(spans, now, zone) if start > now)


def _around(spans: Sequence[Span], now: datetime, zone: tzinfo | None) -> list[tuple[datetime, datetime]]:
    """Every span that begins from yesterday to this day next week."""
    today = zones.local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    found = []
    for day in (today + _DAY * n for n in range(-1, 9)):
        for span in spans:
            if day.weekday() in span.days:
                length = span.end - span.start if span.end > span.start else span.end - span.start + 24 * 60
                begin = day + timedelta(minutes=span.start)
                found.append((zones.at(begin, zone), zones.at(begin + timedelta(minutes=length), zone)))
    return found


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError("hours such as 22:00-06:00 or mon-fri 22:00-06:00 are needed, several separated by commas")
    start, end = _minutes(found["from"], 23 * 60 + 59), _minutes(found["to"], 24 * 60)
    if start == end:
        raise ValueError("the hours begin and end at the same time; the whole day is 00:00-24:00")
    return Span(_days(found["first"], found["last"]), start, end)


def _minutes(text: str, latest: int) -> int:
    hours, minutes = (int(part) for part in text.split(":"))
    if minutes > 59 or hours * 60 + minutes > latest:
        raise ValueError(f"{text} is no time of the day")
    return hours * 60 + minutes


def _days(first: str | None, last: str | None) -> frozenset[int]:
    if first is None:
        return frozenset(range(7))
    for name in (first, last):
        if name is not None and name not in DAYS:
            raise ValueError(f"{name} is no day: {', '.join(DAYS)} are known")
    begin = DAYS.index(first)
    end = begin if last is None else DAYS.index(last)
    return frozenset((begin + n) % 7 for n in range((end - begin) % 7 + 1))
