"""The history of a VM in the panel: which task runs now, and which entries follow a start. It starts nothing.

Some panels or accounts have no history, no request for a single task, or no list of active tasks.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TypeVar

from bot.config.settings import Settings
from bot.domain.proposals import Migration
from bot.errors import PanelDataError, PanelForbidden, PanelRefused
from bot.panel.answers import HistoryRow, TaskInfo
from bot.panel.client import VMManagerAPI
from bot.panel.vocabulary import MIGRATE_TASK, TASK_BUSY, moves_vms, plain

log = logging.getLogger(__name__)

T = TypeVar("T")

STUCK_AFTER = 3
"""In units of MIGRATION_TIMEOUT: a history row that shows "running" for longer is ignored."""
LARGEST_ZONE = timedelta(hours=14)


class VMHistory:
    """Reads the panel; has no state."""

    def __init__(
        self,
        panel: VMManagerAPI,
        settings: Settings,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[object]],
    ) -> None:
        self._panel = panel
        self._settings = settings
        self._clock = clock
        self._sleep = sleep

    async def rows(self, vm_id: int) -> list[HistoryRow] | None:
        """The history of the VM, newest first; ``None`` if this panel has none."""
        return await if_answered(self._panel.history(vm_id))

    async def running(self, history: Sequence[HistoryRow] | None) -> HistoryRow | None:
        """The row of the history that shows that the panel works on the VM; ``None`` = it does not.

        Ignored are rows that show "running" for longer than three times MIGRATION_TIMEOUT, and rows whose task is over
        or deleted.
        """
        for row in history or ():
            if is_running(row) and not await self._is_stuck(row):
                return row
        return None

    async def _is_stuck(self, row: HistoryRow) -> bool:
        """Whether the row shows "running" by mistake: by its task if it has one, else by its date."""
        task = None if row.task_id is None else await if_answered(self._panel.task(row.task_id))
        if task is not None and task.status != "pending":
            return True
        if task is not None and task.age_s is not None:
            return task.age_s > STUCK_AFTER * self._settings.migration_timeout
        return self._is_old(row) or (task is None and await self._is_forgotten(row))

    def _is_old(self, row: HistoryRow) -> bool:
        """Whether the row is older than the limit. Its date has no zone, so the largest UTC offset is subtracted."""
        created = row.created_at
        if created is None:
            return False
        longest = timedelta(seconds=STUCK_AFTER * self._settings.migration_timeout)
        if created.tzinfo is None:
            created, longest = created.replace(tzinfo=timezone.utc), longest + LARGEST_ZONE
        return self._clock() - created > longest

    async def _is_forgotten(self, row: HistoryRow) -> bool:
        """Whether the panel neither has the row's task nor lists it as active. Asked twice: a new task may appear late.

        A row without a task id may belong to every active task with its name.
        """
        for again in (False, True):
            if again:
                await self._sleep(self._settings.task_poll_interval)
            active = await self._panel.active_tasks()
            if active is None or any(_may_be_of(row, task) for task in active):
                return False
        return row.task_id is None or await if_answered(self._panel.task(row.task_id)) is None


def is_running(row: HistoryRow) -> bool:
    """Whether the state is a known word for "running": an old entry with an unknown word must not block its VM."""
    return plain(row.raw_status) in TASK_BUSY


def _may_be_of(row: HistoryRow, task: TaskInfo) -> bool:
    """Whether this active task may belong to the row."""
    if row.task_id is not None:
        return task.id == row.task_id
    return None in (row.name, task.name) or task.name == row.name


def newest_id(history: Sequence[HistoryRow] | None) -> int | None:
    """The mark before a start: later rows have larger ids. ``None`` if this panel has no history or no ids."""
    if history is None:
        return None
    ids = [row.id for row in history]
    return None if None in ids else max((number or 0 for number in ids), default=0)


async def if_answered(answer: Awaitable[T]) -> T | None:
    """The answer; ``None`` if this panel or account does not offer it, or it was deleted. An outage is raised."""
    try:
        return await answer
    except (PanelRefused, PanelForbidden, PanelDataError) as error:
        log.debug("Not told: %s", error)
        return None


def own_start(migration: Migration, history: Sequence[HistoryRow] | None) -> HistoryRow | None:
    """The row of our start: the first migration to our target after the mark. A row with another target or without
    a target may be ours too, but that is not certain."""
    ours = (
        row
        for row in later_migrations(migration, history)
        if row.name == MIGRATE_TASK and row.task_id is not None and row.target_node_id == migration.move.target_id
    )
    return min(ours, key=lambda row: row.id or 0, default=None)


def later_migrations(migration: Migration, history: Sequence[HistoryRow] | None) -> list[HistoryRow]:
    """Migrations of the VM that began after the mark, of this program or of other people."""
    mark = migration.history_mark
    if history is None or mark is None:
        return []
    later = [row for row in history if row.id is None or row.id > mark]
    return [row for row in later if row.name is None or moves_vms(row.name)]
