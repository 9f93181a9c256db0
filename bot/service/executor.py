"""Carries out what was approved: one worker, one queue, every step written down before it is taken.

The one place that starts migrations. It looks again before each act, sends the start exactly once, and
after a crash asks the panel instead of repeating anything (task_tracker.py). It decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from balancer.model import Reason
from bot.domain import log_context
from bot.domain.proposals import IN_FLIGHT, Migration, MigrationState
from bot.errors import (
    OutcomeUnknown,
    PanelAuthError,
    PanelDataError,
    PanelError,
    PanelUnavailable,
    StoreError,
)
from bot.panel.client import VMManagerAPI
from bot.service.context import ServiceContext, UseCase
from bot.service.ledger import Ledger
from bot.service.migration_progress import MigrationProgress
from bot.service.observer import Observer
from bot.service.outcome_recorder import OutcomeRecorder
from bot.service.panel_verdicts import PanelVerdicts
from bot.service.plan_log import in_words
from bot.service.planning import Planning
from bot.service.precheck import Precheck, Ready
from bot.service.restarts import Restarts, RestartWatch
from bot.service.task_tracker import Outcome, TaskTracker

log = logging.getLogger(__name__)

RETRY_PAUSE_S = 15.0
"""Before something that did not work is tried again: the panel, the database, or a defect of ours."""
STOP_GRACE_S = 10.0
"""How long a stop waits for the answer to a start that is on its way."""
# The world cannot be seen now: an approved move waits, as a cycle would.
_CANNOT_SEE = (PanelUnavailable, PanelAuthError, PanelDataError)

PART = "Migrations"
"""How defects in single migrations are named in metrics and notices."""

Work = Callable[[Migration], Awaitable[None]]


class Executor(UseCase):
    """Run ``run()`` as a task; ``stop()`` leaves running migrations recorded."""

    def __init__(  # noqa: PLR0913 - each is one part of the service, by name
        self,
        panel: VMManagerAPI,
        context: ServiceContext,
        observer: Observer,
        planning: Planning,
        *,
        verdicts: PanelVerdicts,
        restarts: Restarts,
        ledger: Ledger,
        progress: MigrationProgress,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        super().__init__(context)
        self._panel = panel
        self._verdicts = verdicts
        self._sleep = sleep
        watch = RestartWatch()
        self._tracker = TaskTracker(panel, self._store, self._settings, watch, progress, clock=self._clock, sleep=sleep)
        self._precheck = Precheck(
            *(panel, context, observer, planning),
            restarts=restarts,
            ledger=ledger,
            history=self._tracker.history,
            watch=watch,
        )
        self._recorder = OutcomeRecorder(context, restarts, watch)
        self._progress = progress
        self._waiting_announced: set[int] = set()
        self._stopping = False
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._nodes: dict[int, frozenset[int]] = {}
        self._sending: set[asyncio.Future[bool]] = set()

    # The worker -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Takes up what is in flight, starts what is queued, until stopped."""
        while not self._stopping:
            self._work.clear()
            try:
                await self._take_up()
                await self._start_ready()
            except StoreError as error:
                log.error("Nothing can be started, next try in %.0f s: %s", RETRY_PAUSE_S, error)
                await self._sleep(RETRY_PAUSE_S)
            else:
                await self._work.wait()

    async def idle(self) -> bool:
        """Nothing running, and nothing queued whose time has come."""
        if self._tasks or await self._store.migrations.in_states(IN_FLIGHT):
            return False
        queued = await self._store.migrations.in_states((MigrationState.QUEUED,))
        return not any([await self._precheck.is_due(migration) for migration in queued])

    async def stop(self) -> None:
        """No new move. A running migration goes on in the panel and is taken up again at the next start."""
        self._stopping = True
        self._work.set()
        sending = list(self._sending)
        if sending:
            await asyncio.wait(sending, timeout=STOP_GRACE_S)
        tasks: list[asyncio.Future[Any]] = [*self._tasks.values(), *sending]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take_up(self) -> None:
        """Follows every migration in flight that nobody follows: after a restart, or after a defect."""
        for migration in await self._store.migrations.in_states(IN_FLIGHT):
            if migration.id not in self._tasks and not self._stopping:
                with log_context.migration(migration.id):
                    log.info("Resuming migration %d of VM '%s'", migration.id, migration.move.vm_name)
                self._spawn(migration, self._resume)

    async def _start_ready(self) -> None:
        if await self._runtime.paused_until() is not None:
            return
        most = (await self._runtime.current()).max_parallel_migrations
        queued = await self._store.migrations.in_states((MigrationState.QUEUED,))
        free = [migration for migration in queued if migration.id not in self._tasks]
        due = [migration for migration in free if await self._judged(self._precheck.is_due, migration)]
        later = await self._after_the_first(due)
        for migration in due:
            if self._stopping or len(self._tasks) >= most:
                return
            busy = frozenset[int]().union(*self._nodes.values())
            if migration.id not in later and busy.isdisjoint(_nodes_of(migration)):
                self._spawn(migration, self._carry_out)

    async def _judged(self, question: Callable[[Migration], Awaitable[bool]], migration: Migration) -> bool:
        """The answer to a question about one migration. A defect in it holds up this migration alone, as a no."""
        message = f"Migration {migration.id} of VM '{migration.move.vm_name}' cannot be judged and waits"
        async with self._defects.contained(PART, message):
            return await question(migration)
        return False

    async def _after_the_first(self, due: list[Migration]) -> set[int]:
        """Those that nobody approved, and that wait until the first one on this panel has arrived alive.

        What this panel does where a live migration is impossible is not known, so automatic mode begins with one
        migration alone, of the smallest VM.
        """
        if await self._runtime.mode() != "auto" or await self._store.migrations.arrived_alive():
            return set()
        asked = [migration for migration in due if await self._judged(self._is_asked, migration)]
        unasked = [migration for migration in due if migration not in asked]
        first = min(unasked, key=lambda m: (m.move.memory_mib, m.move.vcpus, m.id), default=None)
        return {migration.id for migration in unasked if self._tasks or migration is not first}

    async def _is_asked(self, migration: Migration) -> bool:
        return not await self._precheck.is_unasked(migration)

    def _spawn(self, migration: Migration, work: Work) -> None:
        def ended(_: asyncio.Task[None]) -> None:
            del self._tasks[migration.id], self._nodes[migration.id]
            self._work.set()

        with log_context.migration(migration.id):  # the task keeps it, whoever asked for this
            task = asyncio.create_task(self._bounded(migration, work), name=f"migration-{migration.id}")
        self._tasks[migration.id], self._nodes[migration.id] = task, _nodes_of(migration)
        task.add_done_callback(ended)

    async def _bounded(self, migration: Migration, work: Work) -> None:
        """One move's trouble must not stop the others, nor be tried again without a pause."""
        name = migration.move.vm_name
        try:
            await work(migration)
            return
        except StoreError as error:
            log.error("Migration %d of VM '%s' waits: %s", migration.id, name, error)
        except Exception as error:
            log.exception("Migration %d of VM '%s' met a defect", migration.id, name)
            await self._defects.note(PART)
            await self._give_up_safely(migration, error)
        await self._sleep(RETRY_PAUSE_S)

    async def _give_up_safely(self, migration: Migration, error: Exception) -> None:
        try:
            await self._give_up(migration, error)
        except StoreError as second:
            log.error("Migration %d of VM '%s' waits: %s", migration.id, migration.move.vm_name, second)
        except Exception:  # it is taken up again after the pause, as after a restart
            log.exception("The defect of migration %d cannot be recorded", migration.id)

    async def _give_up(self, migration: Migration, error: Exception) -> None:
        """After a defect: what was not sent is dropped; what may run is looked at again, while its time lasts."""
        row = await self._recorder.current(migration)
        words = f"{type(error).__name__}: {error}"
        if row.state is MigrationState.QUEUED:
            outcome = Outcome(MigrationState.STALE, Reason.of("cannot-check"), words)
            await self._recorder.record(row, outcome, only_from=MigrationState.QUEUED)
        elif row.state in IN_FLIGHT and self._tracker.overdue(row):
            await self._recorder.record(row, Outcome(MigrationState.UNKNOWN, Reason.of("no-answer"), words))

    # One move ---------------------------------------------------------------------------------

    async def _carry_out(self, migration: Migration) -> None:
        result: Outcome | Ready
        if await self._precheck.lacks_second_person(migration):
            await self._ask_for_second(migration)
            return
        try:
            if await self._waits_for_others(migration):
                await self._sleep(RETRY_PAUSE_S)
                return
            result = await self._precheck.check(migration)
        except _CANNOT_SEE as error:
            log.warning("VM '%s' waits: %s", migration.move.vm_name, error)
            await self._sleep(RETRY_PAUSE_S)
            return
        except PanelError as error:
            result = Outcome(MigrationState.STALE, Reason.of("cannot-check"), str(error))
        if isinstance(result, Outcome):
            await self._recorder.record(migration, result, only_from=MigrationState.QUEUED)
        elif await self._may_still_start(migration):
            await self._send(migration, result)

    async def _ask_for_second(self, migration: Migration) -> None:
        """The approval of one person becomes the first of two, and the move is proposed to another person."""
        now = self._clock()
        expires = now + timedelta(seconds=self._settings.proposal_ttl)
        asked = await self._store.decisions.ask_for_second(migration.proposal_id, now, expires)
        if asked is not None:
            log.warning("Proposal %d has one approval and TWO_PERSON_RULE is on: another person is asked", asked)
            self._notifier.proposals_changed(migration.proposal_id, asked)

    async def _may_still_start(self, migration: Migration) -> bool:
        if await self._runtime.paused_until() is not None or self._stopping:
            return False
        return await self._precheck.is_due(migration)

    async def _waits_for_others(self, migration: Migration) -> bool:
        """Whether somebody else moves VMs in this cluster now; told once for each migration that waits."""
        if await self._precheck.has_lapsed(migration):
            return False
        reason = (await self._verdicts.foreign_work([migration.cluster_id])).get(migration.cluster_id)
        if reason is None:
            self._waiting_announced.discard(migration.id)
            return False
        name = migration.move.vm_name
        log.warning("VM '%s' waits: %s", name, in_words(reason))
        if migration.id not in self._waiting_announced:
            self._waiting_announced.add(migration.id)
            notice = Reason.of("waits-for-others", vm=name, task=reason.as_dict()["task"])
            await self._store.notices.note_outage(f"waits-{migration.id}", None, notice, self._clock())
            self._notifier.notices_waiting()
        return True

    async def _send(self, migration: Migration, ready: Ready) -> None:
        """The one POST, and what follows from its answer."""
        # A stop waits for this: it must not tear the request from the records before and after it.
        starting = asyncio.ensure_future(self._start(migration, ready))
        self._sending.add(starting)
        starting.add_done_callback(self._sending.discard)
        try:
            if not await starting:
                return
        except OutcomeUnknown as error:
            log.warning("The answer to the start of VM '%s' never came: %s", migration.move.vm_name, error)
        except (PanelUnavailable, PanelAuthError) as error:
            await self._recorder.record(migration, Outcome.failed(Reason.of("not-sent"), str(error)))
            return
        except PanelError as error:
            await self._recorder.record(migration, Outcome.failed(Reason.of("refused"), str(error)))
            return
        await self._resume(migration)

    async def _start(self, migration: Migration, ready: Ready) -> bool:
        """Whether it was still queued at the moment of the start: else somebody called it back."""
        move, queued = migration.move, MigrationState.QUEUED
        if not await self._store.migrations.advance(
            *(migration.id, MigrationState.STARTING, self._clock()),
            history_mark=ready.mark,
            only_from=queued,
            promise=ready.promise,
        ):
            log.info("VM '%s' stays: somebody called it back", move.vm_name)
            return False
        self._recorder.changed(migration)
        log.info("Migrating VM '%s' from '%s' to '%s'", move.vm_name, move.source_name, move.target_name)
        started = await self._panel.start_migration(move.vm_id, move.target_id)
        await self._store.migrations.advance(
            migration.id, MigrationState.RUNNING, self._clock(), consul_id=started.consul_id
        )
        self._recorder.changed(migration)
        return True

    async def _resume(self, migration: Migration) -> None:
        """Takes up a migration whose start may or may not have reached the panel, or that is running."""
        row = await self._recorder.current(migration)
        if row.state not in IN_FLIGHT:
            return
        outcome = None
        if row.state is MigrationState.STARTING:
            outcome = await self._tracker.find(row)
            self._recorder.changed(row)
        if outcome is None:
            outcome = await self._tracker.follow(row)
        await self._recorder.record(row, outcome)
        self._progress.forget(row)

    async def settle_unknown(self) -> None:
        """Asks the panel about every migration of unknown outcome; call it once a cycle."""
        for migration in await self._store.migrations.in_states((MigrationState.UNKNOWN,)):
            with log_context.migration(migration.id):
                if not await self._settle(migration):
                    return

    async def _settle(self, migration: Migration) -> bool:
        """Settles it if that can be done now; whether asking for others makes sense."""
        try:
            outcome = await self._tracker.settle(migration)
            if outcome is not None:
                await self._recorder.record(migration, outcome)
        except StoreError:
            raise
        except PanelError as error:
            log.warning("The outcome for VM '%s' stays unknown: %s", migration.move.vm_name, error)
            return not isinstance(error, _CANNOT_SEE)
        except Exception:
            # One that cannot be settled must stop neither the others nor the cycle after them.
            log.exception("The outcome for VM '%s' stays unknown", migration.move.vm_name)
            await self._defects.note(PART)
        return True


def _nodes_of(migration: Migration) -> frozenset[int]:
    return frozenset({migration.move.source_id, migration.move.target_id})
