"""Collects the values that /metrics shows. A scrape reads the database once and never asks the panel.

Events are counted from the rows of the store, from the point where the last count ended: after every check, so that a
count stays short, and at every scrape. It changes nothing and decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from balancer.requests.capacity import CapacityReport
from bot.domain.clock import Clock
from bot.domain.counters import Counted, FigureCheckpoint, Waiting
from bot.domain.held_clusters import PREFIXES, held_clusters
from bot.domain.version import VERSION
from bot.errors import StoreError
from bot.observability.heartbeat_writer import ChatHealth
from bot.observability.prometheus import MetricValues, render
from bot.service.service import Service
from bot.store.store import Store

log = logging.getLogger(__name__)


class PanelTraffic(Protocol):
    """The counters of the panel's client."""

    @property
    def requests(self) -> Mapping[str, int]: ...

    @property
    def errors(self) -> Mapping[str, int]: ...


class Metrics:
    """One for each program; call ``begin()`` once. ``chat`` is ``None`` without Telegram."""

    def __init__(
        self,
        service: Service,
        store: Store,
        panel: PanelTraffic,
        chat: ChatHealth | None,
        clock: Clock,
        *,
        loop_failures: Mapping[str, int],
    ) -> None:
        self._loop_failures = loop_failures
        self._service = service
        self._store = store
        self._panel = panel
        self._chat = chat
        self._clock = clock
        self._started_at: datetime = clock()
        self._version = VERSION
        self._counted = Counted()
        self._checkpoint = FigureCheckpoint(0, 0)
        self._turn = asyncio.Lock()
        """One count at a time, so that no event is counted twice."""

    async def begin(self) -> None:
        """Starts to count.

        Raises:
            StoreError: the database cannot be read.
        """
        self._checkpoint = await self._store.figures.checkpoint()
        tally = self._service.cycle.tally
        tally.succeeded_at = tally.succeeded_at or await self._store.cycles.last_success()

    async def catch_up(self) -> None:
        """Counts the events since the last count. The cycle reports a database that cannot be read."""
        async with self._turn:
            await self._count_events()

    async def page(self) -> bytes:
        """The current page; without the values from the database if it cannot be read."""
        async with self._turn:
            values = await self._values()
            return await asyncio.to_thread(render, values)

    async def _values(self) -> MetricValues:
        service = self._service
        waiting, mode, paused = await self._count_events()
        asked = service.observer.problem is not None or service.cycle.tally.sight is not None
        return MetricValues(
            version=self._version,
            now=self._clock(),
            started_at=self._started_at,
            interval_s=await self._interval_s(),
            dry_run=service.settings.dry_run,
            panel_up=service.observer.problem is None if asked else None,
            chat_up=None if self._chat is None else self._chat.since is None,
            cycles=service.cycle.tally.as_now(),
            counted=self._counted,
            waiting=waiting,
            mode=mode,
            paused=paused,
            held=await self._held(),
            survivals=tuple(survival for _, survival in sorted(service.survivals.known.items())),
            loop_failures=dict(self._loop_failures),
            panel_requests=dict(self._panel.requests),
            panel_errors=dict(self._panel.errors),
            capacity=await self._capacity(),
            rooms=tuple(table for _, table in sorted(service.room_tables.known.items())),
        )

    async def _count_events(self) -> tuple[Waiting | None, str | None, bool | None]:
        try:
            self._checkpoint, waiting, happened = await self._store.figures.since(self._checkpoint)
            self._counted.add(happened)
            return waiting, await self._service.runtime.mode(), await self._service.runtime.paused_until() is not None
        except StoreError as error:
            log.debug("no figures from the database: %s", error)  # the cycle warns
            return None, None, None

    async def _held(self) -> Mapping[str, int] | None:
        """Why clusters are held -> how many of them; ``None`` if the database cannot be read."""
        try:
            held = held_clusters(await self._store.settings.values_with_prefix(PREFIXES))
        except StoreError:
            return None
        return Counter(reason.code for reasons in held.values() for reason in reasons)

    async def _capacity(self) -> tuple[CapacityReport, ...]:
        """None if the database cannot be read."""
        try:
            return await self._service.capacity.known()
        except StoreError:
            return ()

    async def _interval_s(self) -> int:
        """The interval in force; the configured one if the database cannot be read."""
        try:
            return (await self._service.runtime.current()).balance_interval
        except StoreError:
            return self._service.settings.balance_interval
