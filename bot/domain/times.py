"""Times as people write and read them: hours of the day, digest times, durations, time zones. Pure.

Hours of the day follow the wall clock in a time zone: these functions take a ``WallTime``, so the monotonic
clock for deadlines does not type-check here. A zone of ``None`` is the machine's own: Python asks the system for it
each time, so daylight saving works without a named zone.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone, tzinfo
from typing import NewType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

WallTime = NewType("WallTime", datetime)
"""An aware time of the system clock; stored rows have such times too."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_SPAN = re.compile(
    r"(?:(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))?\s+)?(?P<from>\d{1,2}:\d{2})\s*-\s*(?P<to>\d{1,2}:\d{2})", re.ASCII
)


# Time zones ---------------------------------------------------------------------------------------


def zone_named(name: str) -> tzinfo | None:
    """The zone of a name such as ``Europe/Berlin``; ``None`` for an empty name.

    Raises:
        ValueError: there is no such zone; the text has the nearest name.
    """
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        names = {zone.casefold(): zone for zone in available_timezones()}
        cities = {zone.rsplit("/", 1)[-1].casefold(): zone for zone in names.values()}
        wanted = name.strip().casefold()
        near = [names[n] for n in difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)]
        near = near or [cities[n] for n in difflib.get_close_matches(wanted.replace(" ", "_"), cities, n=1, cutoff=0.8)]
        hint = f": {near[0]} is probably meant" if near else ", such as Europe/Berlin"
        raise ValueError(f"the name of a time zone is needed{hint}") from error


def local(when: datetime, zone: tzinfo | None) -> datetime:
    """The same time in the zone."""
    return when.astimezone(zone)


def at(naive: datetime, zone: tzinfo | None) -> datetime:
    """The time in UTC at which clocks in the zone show this time.

    When clocks go back, they show a time twice: the first one counts. When clocks go forward, they may skip this time:
    then the result is later by the same amount.
    """
    moment = naive.replace(tzinfo=zone) if zone is not None else naive.astimezone()
    return moment.astimezone(timezone.utc)


# Hours of the day ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """From one time of the day to another, on the days on which it begins. It goes past midnight if it ends earlier.

    Times are minutes after midnight; Monday is 0.
    """

    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hours:
    """When a cluster's migrations may start (``None`` = now), and whether messages make no sound now."""

    opens_at: Callable[[int, str], datetime | None] = lambda _id, _name: None
    quiet: Callable[[], bool] = lambda: False
    digest_of: timedelta = _DAY
    """The period of a digest: the day or the week before it."""
    digest_quiet_days: bool = True
    """Whether a quiet day gets a digest too."""


def parse_windows(text: str) -> tuple[Span, ...]:
    """Parses ``22:00-06:00``, or ``mon-fri 22:00-06:00, sat 00:00-24:00``; an empty text means always.

    Raises:
        ValueError: the text has another form.
    """
    return tuple(_span(part.strip().lower()) for part in text.split(",")) if text.strip() else ()


def is_open(spans: Sequence[Span], now: WallTime, zone: tzinfo | None) -> bool:
    """Whether a span is open now, by the clocks of the zone. Without spans: always."""
    if not spans:
        return True
    return _shows(spans, local(now, zone)) and any(start <= now < end for start, end in _around(spans, now, zone))


def opens_at(spans: Sequence[Span], now: WallTime, zone: tzinfo | None) -> WallTime | None:
    """When the next span begins; ``None`` = a span is open now."""
    if is_open(spans, now, zone):
        return None
    for first_day in (-1, 7):  # a span of one day a week may be skipped when clocks go forward
        days = range(first_day, first_day + 9)
        moments = (m for m in _beginnings(spans, now, zone, days) if m > now and is_open(spans, m, zone))
        opening = min(moments, default=None)
        if opening is not None:
            return opening
    raise AssertionError("every fortnight has every day")


def open_time(spans: Sequence[Span], since: WallTime, until: WallTime, zone: tzinfo | None) -> timedelta:
    """How much of the time between two moments is inside the spans, for at most nine days."""
    if not spans or until <= since:
        return max(until - since, timedelta(0))
    stretches = sorted((max(start, since), min(end, until)) for start, end in _around(spans, since, zone))
    total, reached = timedelta(0), since
    for start, end in stretches:
        if end > max(start, reached):
            total += end - max(start, reached)
            reached = end
    return total


def _shows(spans: Sequence[Span], here: datetime) -> bool:
    minute, today = here.hour * 60 + here.minute, here.weekday()
    yesterday = (today - 1) % 7
    return any(
        (today in span.days and span.start <= minute < (span.end if span.end > span.start else 24 * 60))
        or (yesterday in span.days and span.end <= span.start and minute < span.end)
        for span in spans
    )


def _around(spans: Sequence[Span], now: WallTime, zone: tzinfo | None) -> list[tuple[WallTime, WallTime]]:
    """Every span that begins from yesterday to the same day next week, without those that clocks skip."""
    spans_near = []
    for day, span in _days_of(spans, now, zone, range(-1, 9)):
        length = span.end - span.start if span.end > span.start else span.end - span.start + 24 * 60
        begin = day + timedelta(minutes=span.start)
        start, end = WallTime(at(begin, zone)), WallTime(at(begin + timedelta(minutes=length), zone))
        if start < end:
            spans_near.append((start, end))
    return spans_near


def _beginnings(spans: Sequence[Span], now: WallTime, zone: tzinfo | None, days: Iterable[int]) -> Iterator[WallTime]:
    """Every moment of these days (0 = today) at which a span may begin; two if clocks go back and show it twice."""
    for day, span in _days_of(spans, now, zone, days):
        begin = day + timedelta(minutes=span.start)
        yield WallTime(at(begin, zone))
        yield WallTime(at(begin.replace(fold=1), zone))


def _days_of(
    spans: Sequence[Span], now: WallTime, zone: tzinfo | None, days: Iterable[int]
) -> Iterator[tuple[datetime, Span]]:
    today = local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None, fold=0)
    for day in (today + _DAY * n for n in days):
        yield from ((day, span) for span in spans if day.weekday() in span.days)


def _span(text: str) -> Span:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError("hours such as 22:00-06:00 or mon-fri 22:00-06:00 are needed, several separated by commas")
    start, end = _minutes(match["from"], 23 * 60 + 59), _minutes(match["to"], 24 * 60)
    if start == end:
        raise ValueError("the hours begin and end at the same time; the whole day is 00:00-24:00")
    return Span(_days(match["first"], match["last"]), start, end)


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


# Digest times -------------------------------------------------------------------------------------

LATE = timedelta(hours=12)
"""A missed digest is sent up to this much later; after that only the next one is sent, about its own period."""
_DIGEST = re.compile(r"(?:(?P<day>[a-z]{3})\s+)?(?P<hours>\d{1,2}):(?P<minutes>\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Timing:
    """When a digest is due. ``day``: Monday is 0; ``None`` = every day."""

    day: int | None
    hour: int
    minute: int

    @property
    def length(self) -> timedelta:
        """The period of a digest."""
        return timedelta(days=1 if self.day is None else 7)


def parse_timing(text: str) -> Timing | None:
    """Parses ``08:00`` (every day) or ``mon 08:00`` (every week); ``None`` for an empty text: never.

    Raises:
        ValueError: the text has another form.
    """
    if not text.strip():
        return None
    match = _DIGEST.fullmatch(text.strip().lower())
    if match is None or int(match["hours"]) > 23 or int(match["minutes"]) > 59:
        raise ValueError("a time such as 08:00, or a day and a time such as mon 08:00, is needed")
    if match["day"] is not None and match["day"] not in DAYS:
        raise ValueError(f"{match['day']} is no day: {', '.join(DAYS)} are known")
    return Timing(
        None if match["day"] is None else DAYS.index(match["day"]), int(match["hours"]), int(match["minutes"])
    )


def last_due(timing: Timing, now: WallTime, zone: tzinfo | None) -> WallTime:
    """The last moment, not after ``now``, at which a digest is due."""
    today = local(now, zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    for back in range(9):
        day = today - timedelta(days=back)
        due = at(day.replace(hour=timing.hour, minute=timing.minute), zone)
        if due <= now and timing.day in (None, day.weekday()):
            return WallTime(due)
    raise AssertionError("every week has every day")


# Lengths ------------------------------------------------------------------------------------------

_PART = re.compile(r"(\d{1,6})\s*([smhdw]|мин|м|ч|д|с|н)", re.IGNORECASE)
_UNITS = {
    **dict.fromkeys(("s", "с"), "seconds"),
    **dict.fromkeys(("m", "м", "мин"), "minutes"),
    **dict.fromkeys(("h", "ч"), "hours"),
    **dict.fromkeys(("d", "д"), "days"),
    **dict.fromkeys(("w", "н"), "weeks"),
}
LONGEST = timedelta(days=3650)
MOST_PARTS = 10
"""The most parts of a duration, so that their sum cannot overflow."""


def parse_duration(text: str) -> timedelta | None:
    """The length of ``90s``, ``30m``, ``2h``, ``3d``, ``1w`` or ``1d12h``, in Latin or Russian letters.

    ``None``: the text is no length of time, or the length is zero or above ten years.
    """
    cleaned = text.strip()
    parts = _PART.findall(cleaned)
    if not 0 < len(parts) <= MOST_PARTS or _PART.sub("", cleaned).strip():
        return None
    total = sum((timedelta(**{_UNITS[unit.lower()]: int(number)}) for number, unit in parts), timedelta())
    return total if timedelta(0) < total <= LONGEST else None
