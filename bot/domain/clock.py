"""A clock for deadlines: it goes by the time that really passed, whatever is done to the system's clock.

Set forward by an hour, the system's clock would expire every proposal and end every cool-down at once; set
back, it would revive them. This one takes no such leap: it follows slowly, by at most one part in twenty.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
"""Gives the present moment, aware UTC."""

LEAP = timedelta(seconds=30)
"""A difference that is said in the log; smaller ones are the daily work of time servers."""
FOLLOWS = 0.05


def utc_now() -> datetime:
    return datetime.now(timezone.utc)


def seconds_passed() -> float:
    """Seconds since some moment, also those in which the machine slept, where the system counts them."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boottime is None else time.clock_gettime(boottime)


class SteadyClock:
    """Call it for the time, aware UTC. Never goes back; right again some time after every leap."""

    def __init__(self, wall: Callable[[], datetime] = utc_now, passed: Callable[[], float] = seconds_passed) -> None:
        self._wall = wall
        self._passed = passed
        self._now = wall()
        self._at = passed()
        self._away = False

    def __call__(self) -> datetime:
        at = self._passed()
        step = timedelta(seconds=max(0.0, at - self._at))
        gap = self._wall() - (self._now + step)
        most = step * FOLLOWS
        self._now += step + max(-most, min(most, gap))
        self._at = at
        self._tell(gap)
        return self._now

    def _tell(self, gap: timedelta) -> None:
        away = abs(gap) > LEAP
        if away and not self._away:
            way = "forward" if gap > timedelta(0) else "back"
            log.warning(
                "The system's clock was set %s by %d s: deadlines take no notice", way, abs(gap.total_seconds())
            )
        self._away = away
