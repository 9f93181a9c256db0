"""Stopping a running migration: the one place that asks the panel to abort a task. It starts nothing.

It is not known what a real panel does with the request. So it is off unless ALLOW_ABORT is on, a person confirms it
twice, it is sent once, and the first one on a panel is followed alone until it is over. The VM's node decides how the
migration ended (``TaskTracker``), never the answer to this request.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import Enum

from bot.domain.aborts import QUESTIONS, Abort, AbortState, AbortStep
from bot.domain.proposals import Actor, Migration, MigrationState
from bot.domain.sanitize import shorten
from bot.errors import DryRunError, OutcomeUnknown, PanelError
from bot.panel.answers import TaskInfo
from bot.panel.client import VMManagerAPI
from bot.service.context import ServiceContext, UseCase
from bot.service.vm_history import if_answered

log = logging.getLogger(__name__)

LONGEST_ANSWER = 300


class AbortKind(str, Enum):
    """The result of a request to stop a migration."""

    OFF = "off"
    """ALLOW_ABORT is false."""
    QUESTION = "question"
    """The person has to confirm; ``number`` says which question it is."""
    NOTED = "noted"
    SAME_PERSON = "same-person"
    ALREADY = "already"
    OVER = "over"
    FIRST_RUNS = "first-runs"
    NO_TASK = "no-task"
    """The panel does not name the task of this migration (yet)."""
    UNSEEN = "unseen"
    """The panel does not answer now; nothing was sent."""
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class AbortResult:
    """``number``: of a question, from 1. ``problem``: the panel's words. ``earlier``: the request before this one."""

    kind: AbortKind
    migration: Migration
    number: int = 0
    problem: str = ""
    earlier: Abort | None = None


_STEPS = {
    AbortStep.NOTED: AbortKind.NOTED,
    AbortStep.SAME_PERSON: AbortKind.SAME_PERSON,
    AbortStep.ALREADY: AbortKind.ALREADY,
    AbortStep.OVER: AbortKind.OVER,
    AbortStep.FIRST_RUNS: AbortKind.FIRST_RUNS,
}


class Aborts(UseCase):
    def __init__(self, context: ServiceContext, panel: VMManagerAPI) -> None:
        super().__init__(context)
        self._panel = panel

    @property
    def allowed(self) -> bool:
        return self._settings.allow_abort and not self._settings.dry_run

    async def abort(self, migration: Migration, actor: Actor, *, confirmed: int = 0) -> AbortResult:
        """Asks the panel to stop a migration.

        Args:
            confirmed: how many of the ``QUESTIONS`` the person has answered with yes.
        Raises:
            DryRunError: this is a dry run.
        """
        if self._settings.dry_run:
            raise DryRunError
        row = await self._store.migrations.get(migration.id) or migration
        refusal = await self._refusal(row)
        if refusal is not None:
            return refusal
        if confirmed < QUESTIONS:
            return AbortResult(AbortKind.QUESTION, row, number=confirmed + 1)
        task = await self._task_to_stop(row)
        return task if isinstance(task, AbortResult) else await self._begin(row, task.id, actor)

    async def _refusal(self, row: Migration) -> AbortResult | None:
        if not self._settings.allow_abort:
            return AbortResult(AbortKind.OFF, row)
        if row.state is not MigrationState.RUNNING:
            return AbortResult(AbortKind.OVER, row)
        earlier = (await self._store.aborts.of([row.id])).get(row.id)
        if earlier is not None and earlier.may_have_reached_the_panel:
            return AbortResult(AbortKind.ALREADY, row, earlier=earlier)
        return None

    async def _task_to_stop(self, row: Migration) -> TaskInfo | AbortResult:
        """The task in the panel now, or the reason why there is nothing to stop."""
        try:
            task = await self._task(row)
            arrived = await self._has_arrived(row)
        except PanelError as error:
            return AbortResult(AbortKind.UNSEEN, row, problem=shorten(str(error), LONGEST_ANSWER))
        if task is None:
            return AbortResult(AbortKind.NO_TASK, row)
        return AbortResult(AbortKind.OVER, row) if arrived or task.status != "pending" else task

    async def _begin(self, row: Migration, task_id: int, actor: Actor) -> AbortResult:
        two_persons = self._settings.two_person_rule
        step = await self._store.aborts.begin(row.id, actor, self._clock(), two_persons=two_persons)
        self._notifier.proposals_changed(row.proposal_id)
        return await self._send(row, task_id, actor) if step is AbortStep.SEND else AbortResult(_STEPS[step], row)

    async def _task(self, row: Migration) -> TaskInfo | None:
        """The task of the migration by its own id: the panel needs this id to abort it."""
        if row.task_id is not None:
            return await if_answered(self._panel.task(row.task_id))
        return None if row.consul_id is None else await if_answered(self._panel.find_task(row.consul_id))

    async def _has_arrived(self, row: Migration) -> bool:
        vm = await self._panel.vm(row.move.vm_id)
        return vm is None or vm.node_id == row.move.target_id

    async def _send(self, row: Migration, task_id: int, actor: Actor) -> AbortResult:
        """Sends the one POST. Its answer decides only whether a person may ask again."""
        name = row.move.vm_name
        log.warning("%s asks the panel to stop the migration of VM '%s' (task %d)", actor.name, name, task_id)
        kind, state, problem = AbortKind.ACCEPTED, AbortState.ACCEPTED, ""
        try:
            await self._panel.abort_task(task_id)
        except OutcomeUnknown as error:
            kind, state, problem = AbortKind.UNCLEAR, AbortState.UNCLEAR, str(error)
        except PanelError as error:
            kind, state, problem = AbortKind.REFUSED, AbortState.REFUSED, str(error)
        problem = shorten(problem, LONGEST_ANSWER)
        if problem:
            log.error("The request to stop the migration of VM '%s': %s: %s", name, state.value, problem)
        await self._store.aborts.answered(row.id, state, problem or None, self._clock())
        self._notifier.proposals_changed(row.proposal_id)
        return AbortResult(kind, row, problem=problem)
