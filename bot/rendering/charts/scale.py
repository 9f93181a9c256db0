"""Round numbers for an axis, and time marks: hours of the day, days of the week, dates. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo

from bot.domain import times
from bot.rendering.catalog import Texts

_MANTISSAS = (1, 2, 2.5, 5, 10)
_HOURS = (1, 2, 3, 4, 6, 12)
_DAYS = (1, 2, 7, 14, 28, 91, 364)
MOST_MARKS = 7


def steps(most: float, lines: int = 4) -> list[float]:
    """Equal round steps from 0 to the first that is not below ``most``."""
    raw = max(most, 1e-9) / lines
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in _MANTISSAS if m * power >= raw * (1 - 1e-9))
    return [round(step * n, 10) for n in range(math.ceil(most / step - 1e-6) + 1)]


def marks(texts: Texts, since: datetime, until: datetime) -> list[tuple[datetime, str]]:
    """At most about seven times between ``since`` and ``until`` for the axis, in the zone of the reader.

    With one or two days, midnights have the date, so that the day is clear.
    """
    hours = (until - since).total_seconds() / 3600
    if hours <= 2 * 24 + 1:
        step = next((h for h in _HOURS if hours / h <= MOST_MARKS), 12)
        return [(at, _hour_words(texts, at)) for at in _hours(since, until, step, texts.zone)]
    days = next((d for d in _DAYS if hours / 24 / d <= MOST_MARKS + 0.1), 364)
    return [
        (at, day_words(texts, times.local(at, texts.zone).date(), weekday=days == 1))
        for at in _midnights(since, until, days, texts.zone)
    ]


def _hours(since: datetime, until: datetime, step: int, zone: tzinfo | None) -> Iterator[datetime]:
    day = times.local(since, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    while (start := times.at(day, zone)) <= until:
        for hour in range(0, 24, step):
            at = times.at(day.replace(hour=hour), zone)
            if since <= at <= until and (hour == 0 or at > start):
                yield at
        day += timedelta(days=1)


def _midnights(since: datetime, until: datetime, days: int, zone: tzinfo | None) -> Iterator[datetime]:
    """Midnight of every n-th day; weeks begin on Mondays."""
    day = times.local(since, zone).date()
    if days % 7 == 0:
        day += timedelta(days=-day.weekday() % 7)
    while (at := times.at(datetime(day.year, day.month, day.day), zone)) <= until:
        if at >= since:
            yield at
        day += timedelta(days=days)


def _hour_words(texts: Texts, at: datetime) -> str:
    there = times.local(at, texts.zone)
    if there.hour == 0 and there.minute == 0:
        return day_words(texts, there.date(), weekday=True)
    return there.strftime("%H:%M")


def day_words(texts: Texts, day: date, *, weekday: bool) -> str:
    """``Fri 27``, or ``27 Nov``."""
    if weekday:
        return texts.text("picture-weekday", weekday=day.isoweekday(), day=day.day)
    return texts.text("picture-date", month=day.month, day=day.day)
