"""What became of a migration that the panel has, or may have. Asks and notes task ids; starts nothing.

The VM's node is believed, not the task's word; the task only says whether it is over and why it failed.
What a panel does not offer (history, a task's row) is done without; an outage proves nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from balancer.model import VM, Reason
from bot.config.settings import Settings
from bot.domain.proposals import Migration, MigrationState
from bot.errors import PanelDataError, PanelError, PanelForbidden, PanelRefused
from bot.panel.client import VMManagerAPI
from bot.panel.responses import HistoryRow, TaskInfo
from bot.panel.vocabulary import MIGRATE_TASK, TASK_BUSY, moves_vms, plain
from bot.service.restarts import RestartWatch
from bot.store.store import Store

log = logging.getLogger(__name__)

T = TypeVar("T")

APPEARANCE_GRACE = timedelta(seconds=60)
"""How long a started migration may stay invisible in the panel's lists."""
STUCK_AFTER = 3
"""Times MIGRATION_TIMEOUT: a history row that says running for longer no longer counts."""
LARGEST_ZONE = timedelta(hours=14)
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


@dataclass(frozen=True, slots=True)
class Search:
    """What one look for a lost start saw.

    ``found``: the start reached the panel, or it is over; ``outcome`` ``None`` = it runs. ``absent``: the outcome if
    nothing more shows itself for a while; ``None`` = something runs that may be the start, or the panel does not tell.
    """

    found: bool = False
    outcome: Outcome | None = None
    absent: Outcome | None = None


class TaskTracker:
    """Shared by all migrations of one executor."""

    def __init__(
        self,
        panel: VMManagerAPI,
        store: Store,
        settings: Settings,
        watch: RestartWatch,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        appearance_grace: timedelta = APPEARANCE_GRACE,
    ) -> None:
        self._panel = panel
        self._store = store
        self._settings = settings
        self._watch = watch
        self._clock = clock
        self._sleep = sleep
        self._grace = appearance_grace
        self._complete_since: dict[int, datetime] = {}

    async def find(self, migration: Migration) -> Outcome | None:
        """Looks for a start that may never have reached the panel. ``None``: it did; the row is ``running`` now.

        A migration of the VM that began after the start may be ours, whatever its row says of the target: while it
        runs this waits, and once it is over the outcome is unknown unless the VM has moved.
        """
        since = self._clock()
        while True:
            late = self._timeout()
            try:
                seen = await self._search(migration)
            except PanelError as error:  # a panel that does not answer proves nothing
                log.warning("VM '%s' cannot be checked: %s", migration.move.vm_name, error)
                seen = Search()
                late = Outcome(MigrationState.UNKNOWN, Reason.of("no-answer"), str(error))
            if seen.found:
                return seen.outcome
            now = self._clock()
            if seen.absent is None:
                since = now
                if self.overdue(migration):
                    return late
            elif now - since > self._grace:
                return seen.absent
            await self._sleep(self._settings.task_poll_interval)

    async def _search(self, migration: Migration) -> Search:
        """One look for a start that may never have reached the panel.

        Raises:
            PanelError: the panel does not tell now.
        """
        vm = await self._panel.vm(migration.move.vm_id)
        if vm is None:
            return Search(found=True, outcome=Outcome.failed(Reason.of("vm-gone")))
        self._watch.on_the_way(migration, vm)
        if vm.node_id == migration.move.target_id:
            arrived = self._arrived(migration, vm)
            return Search(found=arrived is not None, outcome=arrived)
        history = await self.history(migration)
        ours = _ours(migration, history)
        if ours is not None:
            now = self._clock()
            await self._store.migrations.advance(migration.id, MigrationState.RUNNING, now, task_id=ours.task_id)
            return Search(found=True)
        later = _later_migrations(migration, history)
        if history is None or migration.history_mark is None or any(is_running(row) for row in later):
            return Search()
        return Search(absent=self._not_found(migration, vm, bool(later)))

    @staticmethod
    def _not_found(migration: Migration, vm: VM, others: bool) -> Outcome:
        """The VM is not on its target, and nothing runs that could be our start."""
        elsewhere = _elsewhere(migration, vm)
        if elsewhere is not None:
            return Outcome.failed(elsewhere)
        if others:
            return Outcome(MigrationState.UNKNOWN, Reason.of("start-unclear"))
        return Outcome.failed(Reason.of("never-started"))

    def _arrived(self, migration: Migration, vm: VM) -> Outcome | None:
        """The VM is on its target: alive, or after a restart. ``None`` = the panel does not tell its uptime yet."""
        since = self._complete_since.setdefault(migration.id, self._clock())
        if self._watch.is_unclear(migration, vm) and self._clock() - since <= ARRIVAL_GRACE:
            return None
        self._complete_since.pop(migration.id, None)
        if self._watch.restarted(migration, vm, self._clock()):
            return Outcome(MigrationState.SUCCEEDED, Reason.of("moved-restarted"))
        return SUCCESS

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
        history = await self.history(migration)
        if await self.running(migration, history) is not None:
            return None
        elsewhere = _elsewhere(migration, vm)
        answered = migration.consul_id is not None or migration.task_id is not None
        if elsewhere is None and not (answered and history is not None) and not self._long_ago(migration):
            return None  # nobody knows which task was ours, or whether one runs: its absence proves nothing yet
        return Outcome.failed(elsewhere or Reason.of("vanished"))

    def _long_ago(self, migration: Migration) -> bool:
        """Whether even a start that the panel delayed would have shown itself by now."""
        started = migration.started_at or migration.queued_at
        return self._clock() - started > timedelta(seconds=self._settings.failure_cooldown)

    def overdue(self, migration: Migration) -> bool:
        started = migration.started_at or migration.queued_at
        return self._clock() - started > timedelta(seconds=self._settings.migration_timeout)

    async def history(self, migration: Migration) -> list[HistoryRow] | None:
        """What happened to the VM, newest first; ``None`` where this panel does not tell."""
        return await _if_answered(self._panel.history(migration.move.vm_id))

    async def running(self, migration: Migration, history: Sequence[HistoryRow] | None) -> HistoryRow | None:
        """A row of the history that says that the panel is busy with the VM; ``None`` = it is not.

        A row that says running for longer than three times MIGRATION_TIMEOUT does not count, nor one whose task is over
        or gone.
        """
        for row in history or ():
            if is_running(row) and not await self._is_stuck(row):
                return row
        return None

    async def _is_stuck(self, row: HistoryRow) -> bool:
        """Whether the row only says that something runs. Its task tells best, then its date."""
        task = None if row.task_id is None else await _if_answered(self._panel.task(row.task_id))
        if task is not None and task.status != "pending":
            return True
        if task is not None and task.age_s is not None:
            return task.age_s > STUCK_AFTER * self._settings.migration_timeout
        return self._is_old(row) or (task is None and await self._is_forgotten(row))

    def _is_old(self, row: HistoryRow) -> bool:
        """A date without a zone: the row may be younger by the largest offset there is."""
        created = row.created_at
        if created is None:
            return False
        longest = timedelta(seconds=STUCK_AFTER * self._settings.migration_timeout)
        if created.tzinfo is None:
            created, longest = created.replace(tzinfo=timezone.utc), longest + LARGEST_ZONE
        return self._clock() - created > longest

    async def _is_forgotten(self, row: HistoryRow) -> bool:
        """Whether the panel neither has the row's task nor lists it as active, seen twice: a new one may come late.

        A row without a task is taken for every active task of its name.
        """
        for again in (False, True):
            if again:
                await self._sleep(self._settings.task_poll_interval)
            active = await self._panel.active_tasks()
            if active is None or any(_may_be_of(row, task) for task in active):
                return False
        return row.task_id is None or await _if_answered(self._panel.task(row.task_id)) is None

    async def _look(self, migration: Migration) -> tuple[TaskInfo | None, VM | None, Outcome | None]:
        """The task and the VM as they are now, and the outcome; ``None`` while it is not over."""
        task = await self._task(migration)
        vm = await self._panel.vm(migration.move.vm_id)
        self._watch.on_the_way(migration, vm)
        if task is not None and task.status == "pending" and not self.overdue(migration):
            return task, None, None
        outcome = self._judged(migration, task, vm)
        if outcome is not None:
            self._complete_since.pop(migration.id, None)
        return task, vm, outcome

    def _judged(self, migration: Migration, task: TaskInfo | None, vm: VM | None) -> Outcome | None:
        if vm is None:
            return Outcome.failed(Reason.of("vm-gone"))
        if vm.node_id == migration.move.target_id:
            return self._arrived(migration, vm)
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
        stored = await self._store.proposals.move(migration.move_id)
        row = stored[1].migration if stored else None
        if row is None:
            raise LookupError(f"migration {migration.id} has no row")
        task_id = row.task_id
        if task_id is None and row.consul_id is not None:
            listed = await _if_answered(self._panel.find_task(row.consul_id))
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
        return None if task_id is None else await _if_answered(self._panel.task(task_id))

    def _timeout(self) -> Outcome:
        minutes = max(1, self._settings.migration_timeout // 60)
        return Outcome(MigrationState.UNKNOWN, Reason.of("timeout", minutes=minutes))


def is_running(row: HistoryRow) -> bool:
    """Only the words that are known: an old entry with an odd state must not block its VM for ever."""
    return plain(row.raw_status) in TASK_BUSY


def _may_be_of(row: HistoryRow, task: TaskInfo) -> bool:
    """Whether this active task may be the one that the row of a history tells of."""
    if row.task_id is not None:
        return task.id == row.task_id
    return None in (row.name, task.name) or task.name == row.name


def newest_id(history: Sequence[HistoryRow] | None) -> int | None:
    """The mark before a start: later rows have larger ids. ``None`` where this panel tells no history or no ids."""
    if history is None:
        return None
    ids = [row.id for row in history]
    return None if None in ids else max((number or 0 for number in ids), default=0)


async def _if_answered(answer: Awaitable[T]) -> T | None:
    """``None`` for what this panel or account does not offer, or no longer has. An outage is raised."""
    try:
        return await answer
    except (PanelRefused, PanelForbidden, PanelDataError) as error:
        log.debug("Not told: %s", error)
        return None


def _ours(migration: Migration, history: Sequence[HistoryRow] | None) -> HistoryRow | None:
    """The row of our start: the first migration to our target after the mark. A row with another target, or without
    one, may be ours too, but proves nothing."""
    ours = (
        row
        for row in _later_migrations(migration, history)
        if row.name == MIGRATE_TASK and row.task_id is not None and row.target_node_id == migration.move.target_id
    )
    return min(ours, key=lambda row: row.id or 0, default=None)


def _later_migrations(migration: Migration, history: Sequence[HistoryRow] | None) -> list[HistoryRow]:
    """Migrations of the VM that began after the mark, whoever started them."""
    mark = migration.history_mark
    if history is None or mark is None:
        return []
    later = [row for row in history if row.id is None or row.id > mark]
    return [row for row in later if row.name is None or moves_vms(row.name)]


def _elsewhere(migration: Migration, vm: VM) -> Reason | None:
    """Where the VM is, when that is neither of the two nodes: somebody else has moved it."""
    if vm.node_id in (None, migration.move.source_id, migration.move.target_id):
        return None
    return Reason.of("vm-elsewhere", node=f"ID {vm.node_id}")
