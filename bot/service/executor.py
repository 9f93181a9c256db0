"""Carries out approved moves: one worker, one queue; every step is stored before it is done.

Migrations are started here only. The executor reads the panel again before each start, and sends the start exactly
once. After a crash it asks the panel and repeats nothing (task_tracker.py). It decides nothing.
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
from bot.service.autonomy import Autonomy
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
from bot.service.task_tracker import MigrationEnd, TaskTracker

log = logging.getLogger(__name__)

RETRY_PAUSE_S = 15.0
"""Pause before the next try after a failure of the panel or the database, or a defect of the program."""
STOP_GRACE_S = 10.0
"""How long a stop waits for the answer to a start request that was sent."""
# The panel or the database cannot be read now: an approved move waits.
_CANNOT_SEE = (PanelUnavailable, PanelAuthError, PanelDataError)

PART = "Migrations"
"""The name in metrics and notices for defects in single migrations."""

Work = Callable[[Migration], Awaitable[None]]


class Executor(UseCase):
    """Run ``run()`` as a task. ``stop()`` leaves running migrations in the database as they are."""

    def __init__(  # noqa: PLR0913 - each is one part of the service, by name
        self,
        panel: VMManagerAPI,
        context: ServiceContext,
        observer: Observer,
        planning: Planning,
        *,
        verdicts: PanelVerdicts,
        autonomy: Autonomy,
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
            autonomy=autonomy,
            ledger=ledger,
            history=self._tracker.history,
            watch=watch,
        )
        self._recorder = OutcomeRecorder(context, planning.modes, restarts, watch)
        self._progress = progress
        self._waiting_announced: set[int] = set()
        self._stopping = False
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._nodes: dict[int, frozenset[int]] = {}
        self._sending: set[asyncio.Future[bool]] = set()

    # The worker -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follows migrations in flight and starts queued ones, until ``stop`` is called."""
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
        """True if nothing runs and no queued migration is due."""
        if self._tasks or await self._store.migrations.in_states(IN_FLIGHT):
            return False
        queued = await self._store.migrations.in_states((MigrationState.QUEUED,))
        return not any([await self._precheck.is_due(migration) for migration in queued])

    async def stop(self) -> None:
        """Starts no new move. A running migration goes on in the panel; the next start of the program follows it."""
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
        """Follows each migration in flight that no task follows: after a restart, or after a defect."""
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
        """The answer to a question about one migration. A defect counts as no, for this migration only."""
        message = f"Migration {migration.id} of VM '{migration.move.vm_name}' cannot be judged and waits"
        async with self._defects.contained(PART, message):
            return await question(migration)
        return False

    async def _after_the_first(self, due: list[Migration]) -> set[int]:
        """Migrations of automatic mode that wait until the first migration on this panel has arrived alive.

        It is not known what this panel does if a live migration is impossible. So automatic mode begins with a single
        migration, of the smallest VM.
        """
        if not due or await self._store.migrations.arrived_alive():
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

        with log_context.migration(migration.id):  # the new task keeps this context
            task = asyncio.create_task(self._bounded(migration, work), name=f"migration-{migration.id}")
        self._tasks[migration.id], self._nodes[migration.id] = task, _nodes_of(migration)
        task.add_done_callback(ended)

    async def _bounded(self, migration: Migration, work: Work) -> None:
        """Runs the work of one migration. An error concerns this migration only; the next try comes after a pause."""
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
        except Exception:  # after the pause the migration is followed again, as after a restart
            log.exception("The defect of migration %d cannot be recorded", migration.id)

    async def _give_up(self, migration: Migration, error: Exception) -> None:
        """After a defect: drops a start that was not sent. A migration that may run is followed until its timeout."""
        row = await self._recorder.current(migration)
        words = f"{type(error).__name__}: {error}"
        if row.state is MigrationState.QUEUED:
            outcome = MigrationEnd(MigrationState.STALE, Reason.of("cannot-check"), words)
            await self._recorder.record(row, outcome, only_from=MigrationState.QUEUED)
        elif row.state in IN_FLIGHT and self._tracker.overdue(row):
            await self._recorder.record(row, MigrationEnd(MigrationState.UNKNOWN, Reason.of("no-answer"), words))

    # One move ---------------------------------------------------------------------------------

    async def _carry_out(self, migration: Migration) -> None:
        result: MigrationEnd | Ready
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
            result = MigrationEnd(MigrationState.STALE, Reason.of("cannot-check"), str(error))
        if isinstance(result, MigrationEnd):
            await self._recorder.record(migration, result, only_from=MigrationState.QUEUED)
        elif await self._may_still_start(migration):
            await self._send(migration, result)

    async def _ask_for_second(self, migration: Migration) -> None:
        """Turns the approval of one person into the first of two, and proposes the move to another person."""
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
        """Whether other people move VMs in this cluster now. Logged once for each migration that waits."""
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
        """Sends the one POST, and handles its answer."""
        # A stop of the program waits for this, so that request and records stay together.
        starting = asyncio.ensure_future(self._start(migration, ready))
        self._sending.add(starting)
        starting.add_done_callback(self._sending.discard)
        try:
            if not await starting:
                return
        except OutcomeUnknown as error:
            log.warning("The answer to the start of VM '%s' never came: %s", migration.move.vm_name, error)
        except (PanelUnavailable, PanelAuthError) as error:
            await self._recorder.record(migration, MigrationEnd.failed(Reason.of("not-sent"), str(error)))
            return
        except PanelError as error:
            await self._recorder.record(migration, MigrationEnd.failed(Reason.of("refused"), str(error)))
            return
        await self._resume(migration)

    async def _start(self, migration: Migration, ready: Ready) -> bool:
        """Starts the migration if it is still queued; else a person has cancelled it. True if it was started."""
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
        """Goes on with a migration that runs, or whose start may or may not have reached the panel."""
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
        """Asks the panel about every migration whose outcome is unknown. Call it once per cycle."""
        for migration in await self._store.migrations.in_states((MigrationState.UNKNOWN,)):
            with log_context.migration(migration.id):
                if not await self._settle(migration):
                    return

    async def _settle(self, migration: Migration) -> bool:
        """Asks for the outcome of one migration. False if the panel does not answer, so others need not be asked."""
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
            # A defect in one migration must not stop the others or the cycle.
            log.exception("The outcome for VM '%s' stays unknown", migration.move.vm_name)
            await self._defects.note(PART)
        return True


def _nodes_of(migration: Migration) -> frozenset[int]:
    return frozenset({migration.move.source_id, migration.move.target_id})
