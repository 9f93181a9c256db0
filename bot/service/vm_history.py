"""The history of a VM in the panel: what runs on it now, and which entries follow a start. It starts nothing.

A panel or an account may offer less: no history, no single task, no list of active tasks.
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
"""Times MIGRATION_TIMEOUT: a history row that says running for longer no longer counts."""
LARGEST_ZONE = timedelta(hours=14)


class VMHistory:
    """Reads the panel; keeps nothing."""

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
        """What happened to the VM, newest first; ``None`` where this panel does not tell."""
        return await if_answered(self._panel.history(vm_id))

    async def running(self, history: Sequence[HistoryRow] | None) -> HistoryRow | None:
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
        task = None if row.task_id is None else await if_answered(self._panel.task(row.task_id))
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
        return row.task_id is None or await if_answered(self._panel.task(row.task_id)) is None


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


async def if_answered(answer: Awaitable[T]) -> T | None:
    """``None`` for what this panel or account does not offer, or no longer has. An outage is raised."""
    try:
        return await answer
    except (PanelRefused, PanelForbidden, PanelDataError) as error:
        log.debug("Not told: %s", error)
        return None


def own_start(migration: Migration, history: Sequence[HistoryRow] | None) -> HistoryRow | None:
    """The row of our start: the first migration to our target after the mark. A row with another target, or without
    one, may be ours too, but proves nothing."""
    ours = (
        row
        for row in later_migrations(migration, history)
        if row.name == MIGRATE_TASK and row.task_id is not None and row.target_node_id == migration.move.target_id
    )
    return min(ours, key=lambda row: row.id or 0, default=None)


def later_migrations(migration: Migration, history: Sequence[HistoryRow] | None) -> list[HistoryRow]:
    """Migrations of the VM that began after the mark, whoever started them."""
    mark = migration.history_mark
    if history is None or mark is None:
        return []
    later = [row for row in history if row.id is None or row.id > mark]
    return [row for row in later if row.name is None or moves_vms(row.name)]
