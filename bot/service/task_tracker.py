"""What became of a migration that the panel has, or may have. Asks and notes task ids; starts nothing.

The VM's node is believed, not the task's word; the task only says whether it is over and why it failed.
What a panel does not offer (history, a task's row) is done without; an outage proves nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from balancer.model import VM, Reason
from bot.config.settings import Settings
from bot.domain.proposals import Migration, MigrationState
from bot.errors import PanelDataError, PanelError, PanelForbidden, PanelRefused
from bot.panel.client import VMManagerAPI
from bot.panel.responses import MIGRATE_TASK, HistoryRow, TaskInfo
from bot.store.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

APPEARANCE_GRACE = timedelta(seconds=60)
"""How long a started migration may stay invisible in the panel's lists."""
ARRIVAL_GRACE = timedelta(seconds=60)
"""How long a VM may still be seen on its old node after its task is complete."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a migration ended."""

    state: MigrationState
    reason: Reason | None = None
    error: str | None = None

    @staticmethod
    def failed(reason: Reason, error: str | None = None) -> Outcome:
        return Outcome(MigrationState.FAILED, reason, error)


SUCCESS = Outcome(MigrationState.SUCCEEDED)


class TaskTracker:
    """Shared by all migrations of one executor."""

    def __init__(
        self,
        panel: VMManagerAPI,
        store: Store,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        appearance_grace: timedelta = APPEARANCE_GRACE,
    ) -> None:
        self._panel = panel
        self._store = store
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._grace = appearance_grace
        self._complete_since: dict[int, datetime] = {}

    async def find(self, migration: Migration) -> Outcome | None:
        """Looks for a start that may never have reached the panel. ``None``: it did; the row is ``running`` now."""
        since = self._clock()
        while True:
            told = True
            try:
                vm = await self._panel.vm(migration.move.vm_id)
                if vm is None:
                    return Outcome.failed(Reason.of("vm-gone"))
                if vm.node_id == migration.move.target_id:
                    return SUCCESS
                history = await self.history(migration)
                ours = _ours(migration, history)
                if ours is not None:
                    now = self._clock()
                    await self._store.migrations.advance(
                        migration.id, MigrationState.RUNNING, now, task_id=ours.task_id
                    )
                    return None
                told = history is not None and migration.history_mark is not None
                if told and self._clock() - since > self._grace:
                    return Outcome.failed(_elsewhere(migration, vm) or Reason.of("never-started"))
            except PanelError as error:
                log.warning("VM '%s' cannot be checked: %s", migration.move.vm_name, error)
                since = self._clock()  # a panel that does not answer proves nothing
                if self.overdue(migration):
                    return Outcome(MigrationState.UNKNOWN, Reason.of("no-answer"), str(error))
            if not told and self.overdue(migration):
                return self._timeout()
            await self._sleep(self._settings.task_poll_interval)

    async def follow(self, migration: Migration) -> Outcome:
        """Polls until the migration is over or its time is. Nothing that the panel fails to say ends it."""
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
                no_answer = Outcome(MigrationState.UNKNOWN, Reason.of("no-answer"), problem)
                return no_answer if problem else self._timeout()
            await self._sleep(self._settings.task_poll_interval)

    async def settle(self, migration: Migration) -> Outcome | None:
        """How a migration of unknown outcome ended, once the panel tells; ``None`` = still not known.

        Raises:
            PanelError: the panel does not tell now.
        """
        task, vm, outcome = await self._look(migration)
        if outcome is not None or task is not None or vm is None:
            return outcome
        if any(is_running(row) for row in await self._panel.history(migration.move.vm_id)):
            return None
        return Outcome.failed(_elsewhere(migration, vm) or Reason.of("vanished"))

    def overdue(self, migration: Migration) -> bool:
        started = migration.started_at or migration.queued_at
        return self._clock() - started > timedelta(seconds=self._settings.migration_timeout)

    async def history(self, migration: Migration) -> list[HistoryRow] | None:
        """What happened to the VM, newest first; ``None`` where this panel does not tell."""
        return await _if_told(self._panel.history(migration.move.vm_id))

    async def _look(self, migration: Migration) -> tuple[TaskInfo | None, VM | None, Outcome | None]:
        """The task and the VM as they are now, and the outcome; ``None`` while it is not over."""
        task = await self._task(migration)
        if task is not None and task.status == "pending" and not self.overdue(migration):
            return task, None, None
        vm = await self._panel.vm(migration.move.vm_id)
        outcome = self._judged(migration, task, vm)
        if outcome is not None:
            self._complete_since.pop(migration.id, None)
        return task, vm, outcome

    def _judged(self, migration: Migration, task: TaskInfo | None, vm: VM | None) -> Outcome | None:
        if vm is None:
            return Outcome.failed(Reason.of("vm-gone"))
        if vm.node_id == migration.move.target_id:
            return SUCCESS
        if task is None or task.status == "pending":
            return None
        if task.status == "failed":
            return Outcome.failed(Reason.of("task-failed"), task.output or task.raw_status)
        elsewhere = _elsewhere(migration, vm)
        since = self._complete_since.setdefault(migration.id, self._clock())
        if elsewhere is None and self._clock() - since <= ARRIVAL_GRACE:
            return None
        return Outcome.failed(elsewhere or Reason.of("not-arrived"))

    async def _task(self, migration: Migration) -> TaskInfo | None:
        """The panel's task: by its own id, else by consul id, else by the VM's history. ``None`` = none to see."""
        found = await self._store.proposals.move(migration.move_id)
        row = found[1].migration if found else None
        if row is None:
            raise LookupError(f"migration {migration.id} has no row")
        task_id = row.task_id
        if task_id is None and row.consul_id is not None:
            listed = await _if_told(self._panel.find_task(row.consul_id))
            if listed is not None:
                await self._store.migrations.set_task(row.id, listed.id)
                if listed.status == "pending":
                    return listed
                task_id = listed.id
        if task_id is None and self._clock() - (row.started_at or row.queued_at) > self._grace:
            ours = _ours(row, await self.history(row))
            if ours is not None and ours.task_id is not None:
                task_id = ours.task_id
                await self._store.migrations.set_task(row.id, task_id)
        # A row that the panel has thrown away tells nothing; the VM's node still does.
        return None if task_id is None else await _if_told(self._panel.task(task_id))

    def _timeout(self) -> Outcome:
        minutes = max(1, self._settings.migration_timeout // 60)
        return Outcome(MigrationState.UNKNOWN, Reason.of("timeout", minutes=minutes))


def is_running(row: HistoryRow) -> bool:
    """Only the words that are known: an old entry with an odd state must not block its VM for ever."""
    return row.raw_status.lower() in ("running", "created")


def newest_id(history: Sequence[HistoryRow] | None) -> int | None:
    """The mark before a start: later rows have larger ids. ``None`` where this panel tells no history or no ids."""
    if history is None:
        return None
    ids = [row.id for row in history]
    return None if None in ids else max((number or 0 for number in ids), default=0)


async def _if_told(answer: Awaitable[T]) -> T | None:
    """``None`` for what this panel or account does not offer, or no longer has. An outage is raised."""
    try:
        return await answer
    except (PanelRefused, PanelForbidden, PanelDataError) as error:
        log.debug("Not told: %s", error)
        return None


def _ours(migration: Migration, history: Sequence[HistoryRow] | None) -> HistoryRow | None:
    """The entry of our start: the first migration after the mark, and not one that somebody else sent elsewhere."""
    if history is None or migration.history_mark is None:
        return None
    targets = (None, migration.move.target_id)
    ours = (
        row
        for row in history
        if row.name == MIGRATE_TASK
        and (row.id or 0) > migration.history_mark
        and row.task_id is not None
        and row.target_node_id in targets
    )
    return min(ours, key=lambda row: row.id or 0, default=None)


def _elsewhere(migration: Migration, vm: VM) -> Reason | None:
    """Where the VM is, when that is neither of the two nodes: somebody else has moved it."""
    if vm.node_id in (None, migration.move.source_id, migration.move.target_id):
        return None
    return Reason.of("vm-elsewhere", node=f"ID {vm.node_id}")
