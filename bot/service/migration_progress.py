"""Reads the progress of running migrations on their source nodes (MIGRATION_PROGRESS=ssh). Changes nothing there.

If the progress is not readable, the estimate is shown. A failure here never stops the following of a migration.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from balancer.model import Reason
from bot.domain.migration_progress import JobProgress, does_not_converge, with_sample
from bot.domain.proposals import Migration
from bot.errors import BalancerError
from bot.panel.client import VMManagerAPI
from bot.service.context import ServiceContext, UseCase

if TYPE_CHECKING:
    # asyncssh takes half a second to import: only a program that measures over SSH pays for it.
    from bot.ssh.loads import Loads

log = logging.getLogger(__name__)


class MigrationProgress(UseCase):
    """One for the program. ``loads`` is ``None`` where SSH is off."""

    def __init__(self, context: ServiceContext, panel: VMManagerAPI, loads: Loads | None) -> None:
        super().__init__(context)
        self._panel = panel
        self._loads = loads if context.settings.migration_progress == "ssh" else None
        self._samples: dict[int, tuple[JobProgress, ...]] = {}
        self._names: dict[int, str] = {}
        self._told: set[int] = set()

    def of(self, migration_id: int) -> JobProgress | None:
        """The newest progress that was read; ``None`` = only the estimate is known."""
        samples = self._samples.get(migration_id)
        return samples[-1] if samples else None

    def forget(self, migration: Migration) -> None:
        """Drops the progress of a migration that is over."""
        self._samples.pop(migration.id, None)
        self._told.discard(migration.id)

    async def look(self, migration: Migration) -> None:
        """Reads the migration job of the VM, and notifies once if the migration will not end by itself."""
        if self._loads is None:
            return
        message = "The progress of migrations on their nodes cannot be read"
        async with self._defects.contained("Migration progress", message):
            await self._look(migration, self._loads)

    async def _look(self, migration: Migration, loads: Loads) -> None:
        try:
            name = await self._libvirt_name(migration.move.vm_id)
            sample = await loads.job(migration.move.source_id, name) if name else None
            if sample is None:
                self._samples.pop(migration.id, None)
                return
            sample = replace(sample, at=self._clock())
            self._samples[migration.id] = with_sample(self._samples.get(migration.id, ()), sample)
            if migration.id not in self._told and does_not_converge(self._samples[migration.id]):
                await self._tell(migration, sample)
        except BalancerError as error:
            log.debug("The progress of VM '%s' cannot be read: %s", migration.move.vm_name, error)

    async def _libvirt_name(self, vm_id: int) -> str:
        """The VM's libvirt name on the node; empty if the panel does not give it."""
        if vm_id not in self._names:
            known = (await self._store.vm_samples.names()).get(vm_id)
            self._names[vm_id] = known or await self._panel.internal_name(vm_id) or ""
        return self._names[vm_id]

    async def _tell(self, migration: Migration, sample: JobProgress) -> None:
        self._told.add(migration.id)
        move = migration.move
        dirty, speed = _rate(sample.dirty_mib_s), _rate(sample.speed_mib_s)
        log.warning("The migration of VM '%s' does not get on: %s MiB/s written, %s copied", move.vm_name, dirty, speed)
        notice = Reason.of("does-not-converge", vm=move.vm_name, node=move.source_name, dirty=dirty, speed=speed)
        await self._store.notices.note_outage(f"converge-{migration.id}", None, notice, self._clock())
        self._notifier.notices_waiting()


def _rate(mib_s: float | None) -> str:
    """Whole MiB/s; a question mark if the figure is unknown."""
    return "?" if mib_s is None else str(round(mib_s))
