"""Daily maintenance of the database: back up, delete old rows, verify the audit trail."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.config.settings import Settings
from bot.store.backups import Backups
from bot.store.store import Store

log = logging.getLogger(__name__)

DAY = timedelta(days=1)
VM_SAMPLES_FOR = 7 * DAY
"""The loads of VMs are kept shorter than those of nodes: there are many more of them."""


class Maintenance:
    """Call ``due()`` after every cycle. ``backups`` is ``None`` for a database in memory."""

    def __init__(
        self, store: Store, backups: Backups | None, settings: Settings, clock: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._backups = backups
        self._settings = settings
        self._clock = clock
        self._done_at: datetime | None = None
        self._working = asyncio.Lock()

    async def due(self) -> None:
        """Does the maintenance of this day, if it was not done yet and is not under way: two checks may end together.

        The head of the audit trail is logged, so that the log shows it if somebody changes the trail later.

        Raises:
            StoreError: a part failed; it is tried again after the next cycle.
        """
        now = self._clock()
        if self._working.locked() or self._is_done(now):
            return
        async with self._working:
            await self._work(now)
            self._done_at = now

    def _is_done(self, now: datetime) -> bool:
        """``False`` also after the clock was set back: the time of the last maintenance is in the future then."""
        return self._done_at is not None and self._done_at <= now < self._done_at + DAY

    async def _work(self, now: datetime) -> None:
        if self._backups is not None:
            backup = await self._backups.make_due(now)
            if backup is not None:
                log.info("Database backed up to %s", backup)
        while await self._store.retention.forget_before(now - self._kept_for(), now):
            pass
        while await self._store.samples.thin(now, DAY * self._settings.samples_keep_days):
            pass
        while await self._store.capacity.thin(now, DAY * self._settings.samples_keep_days):
            pass
        while await self._store.vm_samples.thin(now, VM_SAMPLES_FOR):
            pass
        while await self._store.check_record.thin(now - DAY * self._settings.history_snapshots_days):
            pass
        audit = await self._store.audit.verify()
        log.info("Audit trail: %d entries, head %s", audit.entries, audit.head)
        for problem in audit.problems:
            log.error("Audit trail: %s", problem)

    def _kept_for(self) -> timedelta:
        """How long history is kept: never shorter than a cool-down, because the rules need it that long."""
        settings = self._settings
        longest = max(settings.migration_cooldown, settings.failure_cooldown, settings.skip_cooldown)
        return max(DAY * settings.history_keep_days, timedelta(seconds=longest))
