"""Two clocks: the wall clock for hours of the day and stored rows, a monotonic one for lengths of time.

A leap of the system's clock by an hour would expire every proposal and end every cool-down at once, or revive them.
The monotonic clock does not leap: it adopts the new time after the stored deadlines were moved by the same leap.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

from bot.domain.times import WallTime

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
"""Returns the current time, aware UTC. Hours of the day need a WallClock."""
WallClock = Callable[[], WallTime]

LEAP = timedelta(seconds=30)
"""A larger difference counts as a leap; smaller ones are normal corrections by time servers."""
FOLLOWS = 0.05


def utc_now() -> WallTime:
    """The system's clock, aware UTC."""
    return WallTime(datetime.now(timezone.utc))


def seconds_passed() -> float:
    """Seconds since a fixed moment, including the time in which the machine slept, if the system counts it."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class MonotonicClock:
    """Call it for the time, aware UTC. It goes back only in ``settle()``."""

    def __init__(self, wall: WallClock = utc_now, passed: Callable[[], float] = seconds_passed) -> None:
        self.wall = wall
        self._passed = passed
        self._now: datetime = wall()
        self._at = passed()
        self._away = False

    def __call__(self) -> datetime:
        at = self._passed()
        step = timedelta(seconds=max(0.0, at - self._at))
        gap = _difference(self.wall(), self._now + step)
        most = step * FOLLOWS
        self._now += step + max(-most, min(most, gap))
        self._at = at
        self._log_leap(gap)
        return self._now

    @property
    def leap(self) -> timedelta:
        """By how much the system's clock was set; zero if it was not."""
        gap = _difference(self.wall(), self())
        return gap if abs(gap) > LEAP else timedelta(0)

    def settle(self) -> None:
        """Adopts the time of the system's clock: the stored deadlines were moved by ``leap``."""
        self._now, self._at, self._away = self.wall(), self._passed(), False

    def _log_leap(self, gap: timedelta) -> None:
        away = abs(gap) > LEAP
        if away and not self._away:
            way = "forward" if gap > timedelta(0) else "back"
            log.warning("The system's clock was set %s by %d s: deadlines move with it", way, abs(gap.total_seconds()))
        self._away = away


def follow(clock: Clock) -> None:
    """Adopts a leap at once: for another process than the program, which moves the stored deadlines."""
    if isinstance(clock, MonotonicClock) and clock.leap:
        clock.settle()


def wall_clock_of(clock: Clock) -> WallClock:
    """The clock for hours of the day that belongs to a clock for lengths of time; most clocks serve both."""
    return clock.wall if isinstance(clock, MonotonicClock) else lambda: WallTime(clock())


def _difference(wall: datetime, monotonic: datetime) -> timedelta:
    """The difference of the two clocks. They are compared here only."""
    return wall - monotonic
