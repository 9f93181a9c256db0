"""Follows a migration in the panel to its end. Reads, and stores task ids; starts nothing.

The VM's node decides the outcome. The task only says whether the migration is over and why it failed. If a panel has
no history or no row for the task, the tracker works without it. An outage of the panel proves nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from balancer.model import VM, Reason
from bot.config.settings import Settings
from bot.domain.proposals import Migration, MigrationState
from bot.errors import PanelError
from bot.panel.answers import TaskInfo
from bot.panel.client import VMManagerAPI
from bot.service.migration_progress import MigrationProgress
from bot.service.restarts import RestartWatch
from bot.service.vm_history import VMHistory, if_answered, is_running, later_migrations, own_start
from bot.store.store import Store

log = logging.getLogger(__name__)

APPEARANCE_GRACE = timedelta(seconds=60)
"""How long a started migration may stay invisible in the panel's lists."""
CLOSE_POLL_S = 2.0
"""The pause between two reads for the first migration on a panel."""
ARRIVAL_GRACE = timedelta(seconds=60)
"""How long the panel may still show a VM on its old node after the task is complete."""


@dataclass(frozen=True, slots=True)
class MigrationEnd:
    """How a migration ended."""

    state: MigrationState
    reason: Reason | None = None
    error: str | None = None

    @staticmethod
    def failed(reason: Reason, error: str | None = None) -> MigrationEnd:
        return MigrationEnd(MigrationState.FAILED, reason, error)


SUCCESS = MigrationEnd(MigrationState.SUCCEEDED)
STILL_WATCHED = MigrationEnd(MigrationState.RUNNING)
"""The task is over, but the result for the VM is not certain yet."""


@dataclass(frozen=True, slots=True)
class Search:
    """The result of one search for a lost start.

    ``found``: the start reached the panel; ``outcome`` ``None`` = it runs. ``absent``: the outcome if nothing is found
    for a while; ``None`` = something runs that may be this start, or the panel does not answer.
    """

    found: bool = False
    outcome: MigrationEnd | None = None
    absent: MigrationEnd | None = None


class TaskTracker:
    """Shared by all migrations of one executor."""

    def __init__(
        self,
        panel: VMManagerAPI,
        store: Store,
        settings: Settings,
        watch: RestartWatch,
        progress: MigrationProgress,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        appearance_grace: timedelta = APPEARANCE_GRACE,
    ) -> None:
        self._panel = panel
        self._store = store
        self._settings = settings
        self._watch = watch
        self._progress = progress
        self._clock = clock
        self._sleep = sleep
        self.history = VMHistory(panel, settings, clock=clock, sleep=sleep)
        self._grace = appearance_grace
        self._complete_since: dict[int, datetime] = {}

    async def find(self, migration: Migration) -> MigrationEnd | None:
        """Searches for a start that may not have reached the panel. ``None``: it did; the row is ``running`` now.

        Any migration of the VM that began after the start may be ours, also with another target in its row. While it
        runs, this method waits. When it is over, the outcome is unknown unless the VM has moved.
        """
        since = self._clock()
        while True:
            late = self._timeout()
            try:
                search = await self._search(migration)
            except PanelError as error:  # no answer proves nothing
                log.warning("VM '%s' cannot be checked: %s", migration.move.vm_name, error)
                search = Search()
                late = MigrationEnd(MigrationState.UNKNOWN, Reason.of("no-answer"), str(error))
            if search.found:
                return search.outcome
            now = self._clock()
            if search.absent is None:
                since = now
                if self.overdue(migration):
                    return late
            elif now - since > self._grace:
                return search.absent
            await self._sleep(self._settings.task_poll_interval)

    async def _search(self, migration: Migration) -> Search:
        """Searches once for a start that may not have reached the panel.

        Raises:
            PanelError: the panel does not answer now.
        """
        vm = await self._panel.vm(migration.move.vm_id)
        if vm is None:
            return Search(found=True, outcome=MigrationEnd.failed(Reason.of("vm-gone")))
        self._watch.on_the_way(migration, vm)
        if vm.node_id == migration.move.target_id:
            arrived = self._arrived(migration, vm)
            return Search(found=arrived is not None, outcome=arrived)
        history = await self.history.rows(migration.move.vm_id)
        ours = own_start(migration, history)
        if ours is not None:
            now = self._clock()
            await self._store.migrations.advance(migration.id, MigrationState.RUNNING, now, task_id=ours.task_id)
            return Search(found=True)
        later = later_migrations(migration, history)
        if None in (vm.node_id, history, migration.history_mark) or any(is_running(row) for row in later):
            return Search()
        return Search(absent=self._not_found(migration, vm, bool(later)))

    @staticmethod
    def _not_found(migration: Migration, vm: VM, others: bool) -> MigrationEnd:
        """The outcome if the VM is not on its target, and nothing runs that could be our start."""
        elsewhere = _elsewhere(migration, vm)
        if elsewhere is not None:
            return MigrationEnd.failed(elsewhere)
        if others:
            return MigrationEnd(MigrationState.UNKNOWN, Reason.of("start-unclear"))
        return MigrationEnd.failed(Reason.of("never-started"))

    def _arrived(self, migration: Migration, vm: VM) -> MigrationEnd | None:
        """The outcome if the VM is on its target: alive or restarted. ``None`` = its uptime is not known yet."""
        since = self._complete_since.setdefault(migration.id, self._clock())
        if self._watch.is_unclear(migration, vm) and self._clock() - since <= ARRIVAL_GRACE:
            return None
        self._complete_since.pop(migration.id, None)
        if self._watch.restarted(migration, vm, self._clock()):
            return MigrationEnd(MigrationState.SUCCEEDED, Reason.of("moved-restarted"))
        return SUCCESS

    async def follow(self, migration: Migration) -> MigrationEnd:
        """Polls until the migration is over or its timeout has passed. A missing answer does not end it.

        The first migration on a panel, and the first one that a person stops, is polled more often to record all of it.
        """
        arrived_alive = await self._store.migrations.arrived_alive()
        while True:
            problem = None
            try:
                _, _, outcome = await self._look(migration)
            except PanelError as error:
                log.warning("Migration of VM '%s' cannot be followed: %s", migration.move.vm_name, error)
                outcome, problem = None, str(error)
            if outcome is not None:
                return outcome
            if self.overdue(migration):
                no_answer = MigrationEnd(MigrationState.UNKNOWN, Reason.of("no-answer"), problem)
                return no_answer if problem else self._timeout()
            await self._progress.look(migration)
            await self._sleep(await self._pause_s(migration, arrived_alive))

    async def _pause_s(self, migration: Migration, arrived_alive: bool) -> float:
        """The pause until the next poll: shorter for the first migration, and the first stopped one, on a panel."""
        pause_s = self._settings.task_poll_interval
        if not arrived_alive or await self._is_first_abort(migration):
            return min(pause_s, CLOSE_POLL_S)
        return pause_s

    async def _is_first_abort(self, migration: Migration) -> bool:
        return migration.id in await self._store.aborts.of([migration.id]) and not await self._store.aborts.proven()

    async def settle(self, migration: Migration) -> MigrationEnd | None:
        """The outcome of a migration whose outcome was unknown; ``None`` = it is still unknown.

        Raises:
            PanelError: the panel does not answer now.
        """
        task, vm, outcome = await self._look(migration)
        if outcome is not None or task is not None or vm is None or vm.node_id is None:
            return outcome
        history = await self.history.rows(migration.move.vm_id)
        if await self.history.running(history) is not None:
            return None
        elsewhere = _elsewhere(migration, vm)
        answered = migration.consul_id is not None or migration.task_id is not None
        if elsewhere is None and not (answered and history is not None) and not self._long_ago(migration):
            return None  # our task is not known and may still run: that it is not listed proves nothing yet
        return MigrationEnd.failed(elsewhere or Reason.of("vanished"))

    def _long_ago(self, migration: Migration) -> bool:
        """Whether even a delayed start would be visible in the panel by now."""
        started = migration.started_at or migration.queued_at
        return self._clock() - started > timedelta(seconds=self._settings.failure_cooldown)

    def overdue(self, migration: Migration) -> bool:
        started = migration.started_at or migration.queued_at
        return self._clock() - started > timedelta(seconds=self._settings.migration_timeout)

    async def _look(self, migration: Migration) -> tuple[TaskInfo | None, VM | None, MigrationEnd | None]:
        """The task and the VM as they are now, and the outcome; ``None`` while it is not over."""
        task = await self._task(migration)
        vm = await self._panel.vm(migration.move.vm_id)
        self._watch.on_the_way(migration, vm, task)
        if task is not None and task.status == "pending" and not self.overdue(migration):
            return task, None, None
        outcome = await self._stopped(migration, task, vm) or self._judged(migration, task, vm)
        if outcome is STILL_WATCHED:
            return task, vm, None
        if outcome is not None:
            self._complete_since.pop(migration.id, None)
        return task, vm, outcome

    async def _stopped(self, migration: Migration, task: TaskInfo | None, vm: VM | None) -> MigrationEnd | None:
        """The outcome of a migration that a person asked the panel to stop; ``None``: as for any other migration.

        The VM may still arrive after its task is over, so its old node is read for a while.
        """
        if vm is None or task is None or task.status != "failed" or vm.node_id != migration.move.source_id:
            return None
        abort = (await self._store.aborts.of([migration.id])).get(migration.id)
        if abort is None or not abort.may_have_reached_the_panel:
            return None
        since = self._complete_since.setdefault(migration.id, self._clock())
        if self._clock() - since <= ARRIVAL_GRACE:
            return STILL_WATCHED
        words = task.output or task.raw_status
        if self._watch.restarted(migration, vm, self._clock()):
            return MigrationEnd.failed(Reason.of("aborted-restarted", who=abort.by.name), words)
        return MigrationEnd.failed(Reason.of("aborted", who=abort.by.name), words)

    def _judged(self, migration: Migration, task: TaskInfo | None, vm: VM | None) -> MigrationEnd | None:
        if vm is None:
            return MigrationEnd.failed(Reason.of("vm-gone"))
        if vm.node_id == migration.move.target_id:
            return self._arrived(migration, vm)
        if task is not None and task.status == "failed":
            return MigrationEnd.failed(Reason.of("task-failed"), task.output or task.raw_status)
        if task is None or task.status == "pending" or vm.node_id is None:
            return None
        elsewhere = _elsewhere(migration, vm)
        since = self._complete_since.setdefault(migration.id, self._clock())
        if elsewhere is None and self._clock() - since <= ARRIVAL_GRACE:
            return None
        return MigrationEnd.failed(elsewhere or Reason.of("not-arrived"))

    async def _task(self, migration: Migration) -> TaskInfo | None:
        """The panel's task: by its own id, else by consul id, else by the VM's history. ``None`` = no task is found."""
        stored = await self._store.proposals.move(migration.move_id)
        row = stored[1].migration if stored else None
        if row is None:
            raise LookupError(f"migration {migration.id} has no row")
        task_id = row.task_id
        if task_id is None and row.consul_id is not None:
            listed = await if_answered(self._panel.find_task(row.consul_id))
            if listed is not None:
                await self._store.migrations.set_task(row.id, listed.id)
                if listed.status == "pending":
                    return listed
                task_id = listed.id
        if task_id is None and self._clock() - (row.started_at or row.queued_at) > self._grace:
            ours = own_start(row, await self.history.rows(row.move.vm_id))
            if ours is not None and ours.task_id is not None:
                task_id = ours.task_id
                await self._store.migrations.set_task(row.id, task_id)
        # The panel may have deleted the row; then only the VM's node shows the outcome.
        return None if task_id is None else await if_answered(self._panel.task(task_id))

    def _timeout(self) -> MigrationEnd:
        minutes = max(1, self._settings.migration_timeout // 60)
        return MigrationEnd(MigrationState.UNKNOWN, Reason.of("timeout", minutes=minutes))


def _elsewhere(migration: Migration, vm: VM) -> Reason | None:
    """The reason if the VM is on neither of the two nodes: other people have moved it."""
    if vm.node_id in (None, migration.move.source_id, migration.move.target_id):
        return None
    return Reason.of("vm-elsewhere", node=f"ID {vm.node_id}")
