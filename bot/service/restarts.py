"""Detects that a migration restarted its VM. Then automatic mode stops in the cluster.

It is not documented what the panel does if a live migration is impossible; its own evacuation stops such VMs. So the
VM's uptime and state before and after the migration are compared. The unit of the uptime is not documented either, so
two readings of the same VM are compared. After a restart of this program the first reading is missing; then the uptime
counts as seconds.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from balancer.model import VM, Reason
from bot.domain.clock import Clock
from bot.domain.held_clusters import ACCEPTED_KEY, FAILED_KEY, RESTARTED_KEY
from bot.domain.proposals import Actor, LastSeen, Migration, Sighting
from bot.domain.sanitize import shorten
from bot.panel.answers import TaskInfo
from bot.panel.vocabulary import ACTIVE, ENDED_STATES, plain
from bot.store.store import Store

log = logging.getLogger(__name__)

MOST_WORDS, LONGEST_WORD = 8, 40
"""How many words of a task are kept, and how much of each word."""
CLOCK_SKEW_S = 60
"""How far the clocks of two nodes may differ. If an uptime steps back by more, the VM was restarted."""
RESTARTED = "moved-restarted"
"""Code of the reason of a migration that succeeded, but not live."""
ABORTED = "aborted"
"""Code of the reason of a migration that a person stopped."""
ABORT_RESTARTED = "aborted-restarted"
"""Code of the reason of a migration that a person stopped, and that restarted its VM."""


class RestartWatch:
    """One per executor: remembers the VMs of the migrations that it follows."""

    def __init__(self) -> None:
        self._uptime: dict[int, int] = {}
        self._stopped: set[int] = set()
        self._sightings: dict[int, Sighting] = {}
        self._last_seen: dict[int, LastSeen] = {}

    def before(self, migration: Migration, vm: VM | None) -> None:
        """Records the VM right before the start."""
        if vm is None:
            return
        self._sightings[migration.id] = Sighting(vm.state, vm.uptime)
        self._last_seen[migration.id] = _seen(vm)
        if vm.uptime:
            self._uptime[migration.id] = vm.uptime

    def on_the_way(self, migration: Migration, vm: VM | None, task: TaskInfo | None = None) -> None:
        """Records the VM and its task during the migration."""
        self._last_seen[migration.id] = LastSeen() if vm is None else _seen(vm)
        if vm is not None and _has_ended(vm):
            self._stopped.add(migration.id)
        sighting = self._sightings.get(migration.id, Sighting())
        if vm is not None:
            sighting = replace(sighting, state_after=vm.state, uptime_after=vm.uptime)
        words = sighting.task_words
        if task is not None and task.raw_status and task.raw_status not in words[-1:] and len(words) < MOST_WORDS:
            sighting = replace(sighting, task_words=(*words, shorten(task.raw_status, LONGEST_WORD)))
        self._sightings[migration.id] = sighting

    def sighting(self, migration: Migration) -> Sighting | None:
        """What was recorded so far; ``None`` = nothing."""
        return self._sightings.get(migration.id)

    def last_seen(self, migration: Migration) -> LastSeen:
        """The VM as the panel showed it last."""
        return self._last_seen.get(migration.id, LastSeen())

    def is_unclear(self, migration: Migration, vm: VM) -> bool:
        """Whether the panel does not show the VM's uptime yet, although it did before the start."""
        return vm.uptime is None and migration.id in self._uptime and migration.id not in self._stopped

    def restarted(self, migration: Migration, vm: VM, now: datetime) -> bool:
        """Whether the VM, now on its target, was restarted."""
        before = self._uptime.get(migration.id)
        if migration.id in self._stopped or _has_ended(vm):
            return True
        if vm.uptime is None:
            return False
        running_s = (now - migration.started_at).total_seconds() if migration.started_at else 0.0
        if before is not None:
            # Each node uses its own clock, so the uptime of a live VM may step back a little.
            goes_on = vm.uptime >= before - CLOCK_SKEW_S and vm.uptime > running_s + CLOCK_SKEW_S
            return vm.uptime < before and not goes_on
        return 0 < vm.uptime < running_s

    def forget(self, migration: Migration) -> None:
        """Drops the records of a migration whose end is stored."""
        self._uptime.pop(migration.id, None)
        self._sightings.pop(migration.id, None)
        self._last_seen.pop(migration.id, None)
        self._stopped.discard(migration.id)


def _seen(vm: VM) -> LastSeen:
    running = None
    if vm.state == ACTIVE:
        running = True
    elif _has_ended(vm):
        running = False
    return LastSeen(vm.node_id, running)


def _has_ended(vm: VM) -> bool:
    return vm.state is not None and plain(vm.state) in ENDED_STATES


class Restarts:
    """The clusters in which nothing starts without a person until an admin continues it, in the database."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def stopped(self, cluster_ids: Collection[int]) -> dict[int, str]:
        """Cluster -> the VM that was restarted there."""
        keys = {f"{RESTARTED_KEY}{i}": i for i in cluster_ids}
        values = await self._store.settings.get_many(keys)
        return {keys[key]: stored.value for key, stored in values.items()}

    async def note(self, migration: Migration) -> None:
        """Stops automatic mode for the cluster, and notifies people at once."""
        move = migration.move
        log.error("VM '%s' was restarted by its migration: automatic mode stops in its cluster", move.vm_name)
        reason = Reason.of("cluster-restarted", vm=move.vm_name, source=move.source_name, target=move.target_name)
        await self._store.notices.note_outage(
            f"{RESTARTED_KEY}{migration.cluster_id}", move.vm_name, reason, self._clock()
        )

    async def held(self, cluster_ids: Collection[int]) -> dict[int, Reason]:
        """Cluster -> why assist mode asks there about every move."""
        restarted = await self.stopped(cluster_ids)
        failed = await self._store.settings.get_many([f"{FAILED_KEY}{i}" for i in cluster_ids])
        reasons = {int(k.removeprefix(FAILED_KEY)): Reason.of("assist-stopped", vm=v.value) for k, v in failed.items()}
        return reasons | {i: Reason.of("auto-stopped") for i in restarted}

    async def note_failure(self, migration: Migration) -> None:
        """Assist mode asks about every move in the cluster from now on, and tells it at once."""
        name = migration.move.vm_name
        log.error("The migration of VM '%s' failed or its outcome is unknown: assist mode asks in its cluster", name)
        reason = Reason.of("cluster-asks-again", vm=name)
        await self._store.notices.note_outage(f"{FAILED_KEY}{migration.cluster_id}", name, reason, self._clock())

    async def go_on(self, actor: Actor) -> list[str]:
        """Ends the stop in every cluster, for an admin; bad outcomes from before no longer count. Returns the keys that
        were removed."""
        keys = [key for prefix in (RESTARTED_KEY, FAILED_KEY) for key in await self._store.settings.with_prefix(prefix)]
        for key in keys:
            await self._store.settings.set(key, None, actor, self._clock())
        await self._store.settings.set(ACCEPTED_KEY, "all", actor, self._clock())
        return keys
