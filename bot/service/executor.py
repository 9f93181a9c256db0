"""Carries out what was approved: one worker, one queue, every step written down before it is taken.

The one place that starts migrations. It looks again before each act, sends the start exactly once, and
after a crash asks the panel instead of repeating anything (following.py). It decides nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from balancer.model import Move, Reason, Snapshot
from balancer.rules.constraints import check_planned
from bot.domain import log_context
from bot.domain.proposals import IN_FLIGHT, ActorKind, Migration, MigrationState
from bot.domain.times import WallTime
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
from bot.service.observer import Observer
from bot.service.panel_verdicts import PanelVerdicts
from bot.service.plan_log import in_words
from bot.service.planning import Planning, PlanningContext
from bot.service.restarts import RESTARTED, Restarts, RestartWatch
from bot.service.task_tracker import Outcome, TaskTracker, newest_id

log = logging.getLogger(__name__)

APPROVAL_VALID_FOR = timedelta(hours=12)
"""An approval that could not be carried out for so many open hours no longer speaks for the person who gave it."""
LONGEST_APPROVAL = timedelta(days=8)
"""Longer than a window of one day a week is closed."""
RETRY_PAUSE_S = 15.0
"""Before something that did not work is tried again: the panel, the database, or a defect of ours."""
STOP_GRACE_S = 10.0
"""How long a stop waits for the answer to a start that is on its way."""
GONE = frozenset({"vm-gone", "already-there", "vm-elsewhere"})
"""Reasons that make an approved move skipped rather than stale."""
# The world cannot be seen now: an approved move waits, as a cycle would.
_CANNOT_SEE = (PanelUnavailable, PanelAuthError, PanelDataError)

Work = Callable[[Migration], Awaitable[None]]


class Executor(UseCase):
    """Run ``run()`` as a task; ``stop()`` leaves running migrations recorded."""

    def __init__(
        self,
        panel: VMManagerAPI,
        context: ServiceContext,
        observer: Observer,
        planning: Planning,
        *,
        verdicts: PanelVerdicts,
        restarts: Restarts,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        super().__init__(context)
        self._panel = panel
        self._observer = observer
        self._planning = planning
        self._verdicts = verdicts
        self._restarts = restarts
        self._sleep = sleep
        self._watch = RestartWatch()
        self._tracker = TaskTracker(panel, self._store, self._settings, self._watch, clock=self._clock, sleep=sleep)
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
        return not any([await self._is_due(migration) for migration in queued])

    async def _is_due(self, migration: Migration) -> bool:
        """Whether its time has come: the one that a person gave it, and the hours in which its cluster may move."""
        now = self._wall()
        name = await self._cluster_name(migration)
        return migration.is_due(now) and self._planning.opens_at(migration.cluster_id, name, now) is None

    async def _cluster_name(self, migration: Migration) -> str:
        name = self._observer.cluster_name(migration.cluster_id)
        if not name:  # nobody has looked yet: as the plan called it
            proposal = await self._store.proposals.get(migration.proposal_id)
            name = proposal.plan.cluster_name if proposal is not None else ""
        return name

    async def _has_lapsed(self, migration: Migration) -> bool:
        """Whether the approval is too old. Closed hours do not age it, but it never outlives LONGEST_APPROVAL.

        Its age is taken by the clock that shows the later time: a machine that was suspended finds its wall clock set
        forward, seconds before the other clock follows.
        """
        since, now = migration.approval_counts_from, max(self._clock(), self._wall())
        name = await self._cluster_name(migration)
        open_for = self._planning.open_time(migration.cluster_id, name, WallTime(since), WallTime(now))
        return open_for > APPROVAL_VALID_FOR or now - since > LONGEST_APPROVAL

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
        later = await self._after_the_first(queued)
        for migration in queued:
            if self._stopping or len(self._tasks) >= most:
                return
            if migration.id in later:
                continue
            busy = frozenset[int]().union(*self._nodes.values())
            waits = migration.id in self._tasks or not await self._is_due(migration)
            if not waits and busy.isdisjoint(_nodes_of(migration)):
                self._spawn(migration, self._carry_out)

    async def _after_the_first(self, queued: list[Migration]) -> set[int]:
        """Queued migrations that nobody approved, and that wait until the first one on this panel has arrived alive.

        What this panel does where a live migration is impossible is not known, so automatic mode begins with one
        migration alone, of the smallest VM.
        """
        if await self._runtime.mode() != "auto" or await self._store.migrations.arrived_alive():
            return set()
        unasked = [migration for migration in queued if await self._is_unasked(migration)]
        if self._tasks:
            return {migration.id for migration in unasked}
        due = [migration for migration in unasked if await self._is_due(migration)]
        first = min(due, key=lambda m: (m.move.memory_mib, m.move.vcpus, m.id), default=None)
        return {migration.id for migration in unasked if first is None or migration.id != first.id}

    async def _is_unasked(self, migration: Migration) -> bool:
        """Whether automatic mode decided it, and no person."""
        stored = await self._store.proposals.move(migration.move_id)
        by = stored[1].decided_by if stored else None
        return by is not None and by.kind is ActorKind.POLICY

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
            try:
                await work(migration)
                return
            except StoreError:
                raise
            except Exception as error:
                log.exception("Migration %d of VM '%s' met a defect", migration.id, name)
                await self._give_up(migration, error)
        except StoreError as error:
            log.error("Migration %d of VM '%s' waits: %s", migration.id, name, error)
        await self._sleep(RETRY_PAUSE_S)

    async def _give_up(self, migration: Migration, error: Exception) -> None:
        """After a defect: what was not sent is dropped; what may run is looked at again, while its time lasts."""
        row = await self._fresh(migration)
        words = f"{type(error).__name__}: {error}"
        if row.state is MigrationState.QUEUED:
            outcome = Outcome(MigrationState.STALE, Reason.of("cannot-check"), words)
            await self._record(row, outcome, only_from=MigrationState.QUEUED)
        elif row.state in IN_FLIGHT and self._tracker.overdue(row):
            await self._record(row, Outcome(MigrationState.UNKNOWN, Reason.of("no-answer"), words))

    # One move ---------------------------------------------------------------------------------

    async def _carry_out(self, migration: Migration) -> None:
        mark = None
        try:
            if await self._waits_for_others(migration):
                await self._sleep(RETRY_PAUSE_S)
                return
            refusal, mark = await self._look_again(migration)
        except _CANNOT_SEE as error:
            log.warning("VM '%s' waits: %s", migration.move.vm_name, error)
            await self._sleep(RETRY_PAUSE_S)
            return
        except PanelError as error:
            refusal = Outcome(MigrationState.STALE, Reason.of("cannot-check"), str(error))
        if refusal is not None:
            await self._record(migration, refusal, only_from=MigrationState.QUEUED)
        elif await self._runtime.paused_until() is None and not self._stopping and await self._is_due(migration):
            await self._send(migration, mark)

    async def _waits_for_others(self, migration: Migration) -> bool:
        """Whether somebody else moves VMs in this cluster now; told once for each migration that waits."""
        if await self._has_lapsed(migration):
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

    async def _look_again(self, migration: Migration) -> tuple[Outcome | None, int | None]:
        """Every rule on a fresh reading. Returns why not, and the newest entry of the VM's history."""
        move = migration.move
        if await self._has_lapsed(migration):
            return _stale("approval-lapsed"), None
        snapshot = await self._observer.observe(measure=(move.source_id, move.target_id))
        verdicts = await self._panel.migration_targets(move.vm_id)
        suitable = frozenset(node_id for node_id, good in (verdicts or {}).items() if good)
        refusal = await self._refusal(migration, snapshot, suitable)
        if refusal is not None:
            return refusal, None
        history = await self._tracker.history(migration)
        running = await self._tracker.running(migration, history)
        if running is not None:
            return Outcome(MigrationState.STALE, Reason.of("vm-has-task", task=running.name or "?")), None
        if verdicts is not None and verdicts.get(move.target_id) is False:
            return Outcome(MigrationState.STALE, Reason.of("panel-says-unsuitable", node=move.target_name)), None
        self._watch.before(migration, next((vm for vm in snapshot.vms if vm.id == move.vm_id), None))
        # Asking took its time: somebody may have excluded a node or changed the mode meanwhile.
        mark = newest_id(history)
        return await self._refusal(migration, snapshot, suitable), mark

    async def _refusal(self, migration: Migration, snapshot: Snapshot, suitable: frozenset[int]) -> Outcome | None:
        """What people and rules have against this move now."""
        own = next((s for s in snapshot.split() if s.clusters[0].id == migration.cluster_id), None)
        if own is None:
            return _stale("cluster-gone")
        unasked = await self._is_unasked(migration)
        context = await self._planning.context(snapshot)
        against = await self._against_automatic(migration.cluster_id, context) if unasked else None
        if against is not None:
            return Outcome(MigrationState.STALE, against)
        proposal = await self._store.proposals.get(migration.proposal_id)
        if proposal is None:
            return _stale("cannot-check")
        policy = replace(context.policies[migration.cluster_id], automatic=unasked)
        recent = await self._store.recent_events.read(policy, self._clock(), besides=migration.id)
        recent = replace(recent, suitable={migration.move.vm_id: suitable} if suitable else {})
        reason = check_planned(own, policy, recent, migration.move, proposal.plan)
        reason = reason or changed_since(migration.move, own)
        if reason is None:
            return None
        return Outcome(MigrationState.SKIPPED if reason.code in GONE else MigrationState.STALE, reason)

    async def _against_automatic(self, cluster_id: int, context: PlanningContext) -> Reason | None:
        """Why what nobody approved does not start."""
        if await self._runtime.mode() != "auto":
            return Reason.of("mode-changed")
        if await self._restarts.stopped([cluster_id]):
            return Reason.of("auto-stopped")
        return context.lost.get(cluster_id)

    async def _send(self, migration: Migration, mark: int | None) -> None:
        """The one POST, and what follows from its answer."""
        # A stop waits for this: it must not tear the request from the records before and after it.
        starting = asyncio.ensure_future(self._start(migration, mark))
        self._sending.add(starting)
        starting.add_done_callback(self._sending.discard)
        try:
            if not await starting:
                return
        except OutcomeUnknown as error:
            log.warning("The answer to the start of VM '%s' never came: %s", migration.move.vm_name, error)
        except (PanelUnavailable, PanelAuthError) as error:
            await self._record(migration, Outcome.failed(Reason.of("not-sent"), str(error)))
            return
        except PanelError as error:
            await self._record(migration, Outcome.failed(Reason.of("refused"), str(error)))
            return
        await self._resume(migration)

    async def _start(self, migration: Migration, mark: int | None) -> bool:
        """Whether it was still queued at the moment of the start: else somebody called it back."""
        move, queued = migration.move, MigrationState.QUEUED
        if not await self._store.migrations.advance(
            migration.id, MigrationState.STARTING, self._clock(), history_mark=mark, only_from=queued
        ):
            log.info("VM '%s' stays: somebody called it back", move.vm_name)
            return False
        self._changed(migration)
        log.info("Migrating VM '%s' from '%s' to '%s'", move.vm_name, move.source_name, move.target_name)
        started = await self._panel.start_migration(move.vm_id, move.target_id)
        await self._store.migrations.advance(
            migration.id, MigrationState.RUNNING, self._clock(), consul_id=started.consul_id
        )
        self._changed(migration)
        return True

    async def _resume(self, migration: Migration) -> None:
        """Takes up a migration whose start may or may not have reached the panel, or that is running."""
        row = await self._fresh(migration)
        if row.state not in IN_FLIGHT:
            return
        outcome = None
        if row.state is MigrationState.STARTING:
            outcome = await self._tracker.find(row)
            self._changed(row)
        if outcome is None:
            outcome = await self._tracker.follow(row)
        await self._record(row, outcome)

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
                await self._record(migration, outcome)
        except StoreError:
            raise
        except PanelError as error:
            log.warning("The outcome for VM '%s' stays unknown: %s", migration.move.vm_name, error)
            return not isinstance(error, _CANNOT_SEE)
        except Exception:
            # One that cannot be settled must stop neither the others nor the cycle after them.
            log.exception("The outcome for VM '%s' stays unknown", migration.move.vm_name)
        return True

    # Writing down -----------------------------------------------------------------------------

    async def _record(self, migration: Migration, outcome: Outcome, *, only_from: MigrationState | None = None) -> None:
        now = self._clock()
        if outcome.reason is not None and outcome.reason.code == RESTARTED:
            await self._restarts.note(migration)  # first: once it is over, nobody would look at it again
        written = await self._store.migrations.advance(
            migration.id, outcome.state, now, reason=outcome.reason, error=outcome.error, only_from=only_from
        )
        if not written:
            return
        if outcome.state is not MigrationState.UNKNOWN:
            self._watch.forget(migration)
        self._changed(migration)
        self._notifier.notices_waiting()
        seconds = round((now - (migration.started_at or now)).total_seconds())
        name = migration.move.vm_name
        if outcome.state is MigrationState.SUCCEEDED:
            log.info("VM '%s' is on '%s'", name, migration.move.target_name)
            if outcome.reason is None:
                log.info("Migration completed successfully in %d seconds", seconds)
            else:
                log.error("Migration ended in %d seconds: %s", seconds, _why(outcome))
        elif outcome.state in (MigrationState.FAILED, MigrationState.UNKNOWN):
            log.error("Migration of VM '%s': %s: %s", name, outcome.state.value, _why(outcome))
        else:
            log.warning("VM '%s' was not moved: %s", name, _why(outcome))

    def _changed(self, migration: Migration) -> None:
        self._notifier.proposals_changed(migration.proposal_id)

    async def _fresh(self, migration: Migration) -> Migration:
        stored = await self._store.proposals.move(migration.move_id)
        if stored is None or stored[1].migration is None:
            raise LookupError(f"migration {migration.id} has no row")
        return stored[1].migration


def changed_since(move: Move, snapshot: Snapshot) -> Reason | None:
    """Why an approval does not hold for the VM of this id now: its name or size is not what was shown."""
    vm = next((vm for vm in snapshot.vms if vm.id == move.vm_id), None)
    if vm is None or (vm.name, vm.vcpus, vm.memory_mib) == (move.vm_name, move.vcpus, move.memory_mib):
        return None
    shown = f"{move.vm_name}, {move.vcpus} vCPU, {move.memory_mib} MiB"
    return Reason.of("vm-changed", shown=shown, now=f"{vm.name}, {vm.vcpus} vCPU, {vm.memory_mib} MiB")


def _why(outcome: Outcome) -> str:
    return in_words(outcome.reason) + (f" ({outcome.error})" if outcome.error else "")


def _stale(code: str) -> Outcome:
    return Outcome(MigrationState.STALE, Reason.of(code))


def _nodes_of(migration: Migration) -> frozenset[int]:
    return frozenset({migration.move.source_id, migration.move.target_id})
