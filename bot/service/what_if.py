"""`/whatif`: the recorded checks replayed under other strategies, in processes of their own, one replay at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from balancer.policy import ADAPTIVE, OPTIMAL, SMALLEST_FIRST
from balancer.replay.simulation import ReplayResult, Variant
from bot.service.context import ServiceContext, UseCase
from bot.service.replays import read_record, run_replays

COMPARED = (ADAPTIVE, OPTIMAL, SMALLEST_FIRST)
"""The strategies that are compared by default. Without `balance`: its plans take far longer."""
PROCESSES = 1
"""Number of processes: the running program needs the other processors for its own work."""


@dataclass(frozen=True, slots=True)
class WhatHappened:
    """A replay of some days: what happened, and the result of each strategy instead."""

    checks: int
    happened: ReplayResult
    variants: tuple[tuple[str, ReplayResult], ...]


class WhatIf(UseCase):
    """One per program: a request waits while another replay runs."""

    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self._turn = asyncio.Lock()

    async def replay(
        self, days: int, strategies: Sequence[str] = COMPARED, *, processes: int = PROCESSES
    ) -> WhatHappened | None:
        """What these strategies would have done in the last days; ``None``: no check is recorded in that time.

        Args:
            processes: as ``run_replays``.
        Raises:
            StoreError: the database cannot be read.
        """
        async with self._turn:
            now = self._clock()
            record = await read_record(self._store, now - timedelta(days=days), now)
            if not record.frames:
                return None
            variants = [Variant((("strategy", name),)) for name in strategies]
            zone = self._settings.zone
            happened, *outcomes = await asyncio.to_thread(run_replays, record, variants, zone, processes=processes)
        if not happened.checks:
            return None
        return WhatHappened(happened.checks, happened, tuple(zip(strategies, outcomes, strict=True)))
