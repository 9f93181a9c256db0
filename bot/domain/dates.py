"""Dates and hours as people type them, with English or Russian days: `sat 02:00-06:00`, `2026-12-05 02:00`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from bot.domain.times import WallTime, at, local

LONGEST_AHEAD = timedelta(days=60)
"""Later dates are refused, because people forget a campaign that was planned so far ahead."""
_HOURS = re.compile(r"(?P<from>\d{1,2}:\d{2})(?:[-–—](?P<to>\d{1,2}:\d{2}))?")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})(?:\.(\d{4}))?")
_DAY = timedelta(days=1)
_WEEKDAYS = (
    ("mon", "monday", "пн", "понедельник"),
    ("tue", "tuesday", "вт", "вторник"),
    ("wed", "wednesday", "ср", "среда", "среду"),
    ("thu", "thursday", "чт", "четверг"),
    ("fri", "friday", "пт", "пятница", "пятницу"),
    ("sat", "saturday", "сб", "суббота", "субботу"),
    ("sun", "sunday", "вс", "воскресенье"),
)
_NEAR = {"today": 0, "сегодня": 0, "tomorrow": 1, "завтра": 1}


@dataclass(frozen=True, slots=True)
class When:
    """From ``start``, until ``end`` if one was given. Aware UTC."""

    start: datetime
    end: datetime | None = None


class NoSuchTime(ValueError):
    """An impossible date or hours. ``code``: ``past``, ``far`` or ``none`` (no such date or time)."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"{text}: {code}")
        self.code = code
        self.text = text


def split_when(words: str, now: WallTime, zone: tzinfo | None) -> tuple[str, When | None]:
    """What stands before a date at the end of the words, and the date; ``None``: there is none.

    A date is hours, or a day and hours. Hours alone are those of today, or of tomorrow where today's are over. A
    weekday is the next one. Hours whose end is not after their beginning end on the next day. Clocks that go back show
    a time twice: the first one counts. A time that they leave out when they go forward is as much later.

    Raises:
        NoSuchTime: the date is over, more than ``LONGEST_AHEAD`` away, or there is no such date or time.
    """
    parts = words.split()
    hours = _HOURS.fullmatch(parts[-1]) if parts else None
    if hours is None:
        return words.strip(), None
    text, day = parts[-1], None
    today = local(now, zone).date()
    if len(parts) > 1 and (day := _day_of(parts[-2], today)) is not None:
        text = f"{parts[-2]} {text}"
        parts.pop()
    parts.pop()
    when = _when(day, hours, now, zone, text=text, weekday=_weekday(text.split()[0]) is not None)
    return " ".join(parts), when


def _when(
    day: date | None, hours: re.Match[str], now: WallTime, zone: tzinfo | None, *, text: str, weekday: bool
) -> When:
    today = local(now, zone).date()
    start = _moment(day or today, hours["from"], zone, text)
    if start <= now and (day is None or weekday):  # the next one of its kind is meant
        start = _moment((day or today) + (7 * _DAY if weekday else _DAY), hours["from"], zone, text)
    if start <= now:
        raise NoSuchTime("past", text)
    if start > now + LONGEST_AHEAD:
        raise NoSuchTime("far", text)
    if hours["to"] is None:
        return When(start)
    first = local(start, zone).date()
    end = _moment(first, hours["to"], zone, text)
    return When(start, end if end > start else _moment(first + _DAY, hours["to"], zone, text))


def _moment(day: date, clock: str, zone: tzinfo | None, text: str) -> datetime:
    hour, minute = (int(part) for part in clock.split(":"))
    if hour > 23 or minute > 59:
        raise NoSuchTime("none", text)
    return at(datetime(day.year, day.month, day.day, hour, minute), zone)


def _day_of(word: str, today: date) -> date | None:
    """The day that a word means; ``None``: the word is no day.

    Raises:
        NoSuchTime: there is no such date.
    """
    lower = word.casefold().rstrip(",")
    if lower in _NEAR:
        return today + _NEAR[lower] * _DAY
    weekday = _weekday(lower)
    if weekday is not None:
        return today + ((weekday - today.weekday()) % 7) * _DAY
    iso, dotted = _ISO.fullmatch(lower), _DOTTED.fullmatch(lower)
    try:
        if iso is not None:
            return date(*(int(part) for part in iso.groups()))
        if dotted is not None:
            return _dotted(int(dotted[1]), int(dotted[2]), dotted[3], today)
    except ValueError as error:
        raise NoSuchTime("none", word) from error
    return None


def _dotted(day: int, month: int, year: str | None, today: date) -> date:
    """Without a year: the next such day."""
    if year is not None:
        return date(int(year), month, day)
    this_year = date(today.year, month, day)
    return this_year if this_year >= today else date(today.year + 1, month, day)


def _weekday(word: str) -> int | None:
    lower = word.casefold().rstrip(",")
    return next((number for number, names in enumerate(_WEEKDAYS) if lower in names), None)
