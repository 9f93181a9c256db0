"""Moves the stored deadlines when the system's clock was set; docs/reliability.md has the rules."""

from __future__ import annotations

import logging
from datetime import timedelta

from bot.domain.clock import LEAP, MonotonicClock
from bot.service.context import ServiceContext, UseCase
from bot.service.values import PAUSE_KEY

log = logging.getLogger(__name__)

EARLY = timedelta(minutes=10)
"""A jump within this time after the start is the first correction of the clock: older rows have the right time."""
NO_LEAP = timedelta(0)


class ClockFollower(UseCase):
    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self._started_at = context.clock()

    async def follow(self, *, owner: bool) -> timedelta:
        """Adopts the time of the system's clock. Returns by how much that clock was set since the last call.

        Args:
            owner: this program owns the database, so it moves the stored deadlines.
        """
        clock = self._clock
        leap = clock.leap if isinstance(clock, MonotonicClock) else NO_LEAP
        if not leap or not isinstance(clock, MonotonicClock):
            return NO_LEAP
        if owner:
            early = clock() - self._started_at < EARLY
            since = self._started_at - LEAP if early else None
            moved = await self._store.deadlines.shift(leap, clock.wall(), since=since, settings=(PAUSE_KEY,))
            log.info("%d stored deadlines moved with the clock", moved)
        clock.settle()
        self._started_at += leap
        return leap
