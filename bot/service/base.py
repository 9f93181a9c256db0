"""What every part of the service stands on: the parts it is made of, and in which state the program is."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from bot.config.clusters_file import ClustersFile
from bot.config.settings import Settings
from bot.domain.clock import utc_now
from bot.domain.counters import CycleTally
from bot.panel.client import VMManagerAPI
from bot.service import plan_log
from bot.service.foreign_moves import Rivals
from bot.service.notifier import Notifier
from bot.service.observer import Observer
from bot.service.planning import Planning
from bot.service.values import FOREVER, MODE_KEY, PAUSE_KEY, Clock, Worker
from bot.store import Store

if TYPE_CHECKING:
    # asyncssh takes half a second to import: only a program that measures over SSH pays for it.
    from bot.ssh.loads import Loads


class Base:
    def __init__(
        self,
        panel: VMManagerAPI,
        store: Store,
        settings: Settings,
        notifier: Notifier,
        *,
        loads: Loads | None = None,
        clusters: ClustersFile | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self._observer = Observer(panel, loads, settings.cluster_ids, clock)
        self._store = store
        self._notifier = notifier
        self._worker: Worker | None = None
        self._cycle = asyncio.Lock()
        self._plan_log = plan_log.PlanLog()
        self._rivals = Rivals(store, clock)
        self._planning = Planning(store, settings, clusters or ClustersFile(), clock)
        self.cycles = CycleTally()
        """What the checks came to, for those who watch from outside."""
        self.decided_here: set[int] = set()
        """Moves that somebody decided through this service, until the watch has seen that: not news to it."""

    def use_worker(self, worker: Worker) -> None:
        self._worker = worker

    def _kick(self) -> None:
        if self._worker is not None:
            self._worker.kick()

    async def current_settings(self) -> Settings:
        """The settings with what people changed at run time."""
        return await self._planning.runtime.current()

    def opens_at(self, cluster_id: int, cluster_name: str, now: datetime | None = None) -> datetime | None:
        """When a migration of this cluster may start by MIGRATION_WINDOW; ``None`` = now (or at ``now``)."""
        return self._planning.opens_at(cluster_id, cluster_name, self.clock() if now is None else now)

    async def mode(self) -> str:
        """``approve`` or ``auto``: what was set in the chat, else the settings. Where two must agree: ``approve``."""
        if self.settings.two_person_rule:
            return "approve"
        stored = await self._store.setting(MODE_KEY)
        return stored.value if stored is not None else self.settings.balance_mode

    async def paused_until(self) -> datetime | str | None:
        """When the pause ends, ``forever``, or ``None`` when there is none."""
        stored = await self._store.setting(PAUSE_KEY)
        if stored is None or stored.value == FOREVER:
            return None if stored is None else FOREVER
        until = datetime.fromisoformat(stored.value)
        return until if until > self.clock() else None
