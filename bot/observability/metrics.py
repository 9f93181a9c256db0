"""Gathers what /metrics shows. A scrape reads the database once, asks nobody else, and never the panel.

What has happened is counted from the store's own rows, from where the last count ended: after every check, so that
there is never much of it, and for every scrape. It changes nothing and decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime
from importlib import metadata
from typing import Protocol

from bot.domain.clock import Clock
from bot.domain.counters import Counted, FigureMark, Waiting
from bot.errors import StoreError
from bot.observability.heartbeat_writer import ChatReach
from bot.observability.prometheus import Known, page
from bot.service.service import Service
from bot.store.store import Store

log = logging.getLogger(__name__)


class PanelTraffic(Protocol):
    """What the panel's client counts."""

    @property
    def requests(self) -> Mapping[str, int]: ...

    @property
    def errors(self) -> Mapping[str, int]: ...


class Metrics:
    """One program's. ``begin()`` once; ``chat`` is ``None`` where there is no Telegram."""

    def __init__(
        self, service: Service, store: Store, panel: PanelTraffic, chat: ChatReach | None, clock: Clock
    ) -> None:
        self._service = service
        self._store = store
        self._panel = panel
        self._chat = chat
        self._clock = clock
        self._started_at: datetime = clock()
        self._version = _version()
        self._counted = Counted()
        self._mark = FigureMark(0, 0)
        self._turn = asyncio.Lock()
        """One at a time: nothing is counted twice, and many who ask at once cost no more than one."""

    async def begin(self) -> None:
        """Counts from now on.

        Raises:
            StoreError: the database cannot be read.
        """
        self._mark = await self._store.figures.mark()
        tally = self._service.cycle.tally
        tally.succeeded_at = tally.succeeded_at or await self._store.cycles.last_success()

    async def catch_up(self) -> None:
        """Counts what has happened since the last time. A database that cannot be read is said elsewhere."""
        async with self._turn:
            await self._of_the_store()

    async def page(self) -> bytes:
        """The page as it is now; without the database's figures where it cannot be read."""
        async with self._turn:
            known = await self._known()
            return await asyncio.to_thread(page, known)

    async def _known(self) -> Known:
        service = self._service
        waiting, mode, paused = await self._of_the_store()
        seen = service.observer.problem is not None or service.cycle.tally.sight is not None
        return Known(
            version=self._version,
            now=self._clock(),
            started_at=self._started_at,
            interval_s=await self._interval_s(),
            dry_run=service.settings.dry_run,
            panel_up=service.observer.problem is None if seen else None,
            chat_up=None if self._chat is None else self._chat.since is None,
            cycles=service.cycle.tally.as_now(),
            counted=self._counted,
            waiting=waiting,
            mode=mode,
            paused=paused,
            panel_requests=dict(self._panel.requests),
            panel_errors=dict(self._panel.errors),
        )

    async def _of_the_store(self) -> tuple[Waiting | None, str | None, bool | None]:
        try:
            self._mark, waiting, happened = await self._store.figures.since(self._mark)
            self._counted.add(happened)
            return waiting, await self._service.runtime.mode(), await self._service.runtime.paused_until() is not None
        except StoreError as error:
            log.debug("no figures from the database: %s", error)  # the cycle says it aloud
            return None, None, None

    async def _interval_s(self) -> int:
        """As somebody may have changed it at run time; what the file says where nobody can tell."""
        try:
            return (await self._service.runtime.current()).balance_interval
        except StoreError:
            return self._service.settings.balance_interval


def _version() -> str:
    try:
        return metadata.version("vm-balancer")
    except metadata.PackageNotFoundError:
        return "unknown"
