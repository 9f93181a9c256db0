"""The precheck: reads the panel and applies every rule right before a migration starts. It starts and stores nothing.

A plan describes a moment in the past: a change since then can forbid an approved move.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from balancer.model import Move, Purpose, Reason, Snapshot
from balancer.promises import Promise
from balancer.rules.constraints import check_planned
from balancer.survival.keep import refusal
from bot.domain.incidents import Resource
from bot.domain.modes import APPROVE, ASSIST
from bot.domain.proposals import ActorKind, Migration, MigrationState, same_person
from bot.domain.times import WallTime
from bot.panel.client import VMManagerAPI
from bot.service.autonomy import Autonomy
from bot.service.context import ServiceContext, UseCase
from bot.service.ledger import Ledger, StartContext
from bot.service.observer import Observer
from bot.service.planning import Planning
from bot.service.planning_context import PlanningContext
from bot.service.restarts import Restarts, RestartWatch
from bot.service.task_tracker import MigrationEnd
from bot.service.vm_history import VMHistory, newest_id

APPROVAL_VALID_FOR = timedelta(hours=12)
"""An approval lapses after this time, counted in the hours in which migrations may start."""
LONGEST_APPROVAL = timedelta(days=8)
"""An approval lapses after this time in any case; longer than the closed time of a window of one day a week."""
GONE = frozenset({"vm-gone", "already-there", "vm-elsewhere"})
"""Reasons that make an approved move skipped rather than stale."""


class Ready(NamedTuple):
    """The migration may start. ``mark``: the newest entry of the VM's history; ``promise``: of the move."""

    mark: int | None
    promise: tuple[Promise, Resource] | None


class Precheck(UseCase):
    """Answers whether an approved move may start now. Asks the panel, the store and the rules."""

    def __init__(  # noqa: PLR0913 - each is one part of the service, by name
        self,
        panel: VMManagerAPI,
        context: ServiceContext,
        observer: Observer,
        planning: Planning,
        *,
        restarts: Restarts,
        autonomy: Autonomy,
        ledger: Ledger,
        history: VMHistory,
        watch: RestartWatch,
    ) -> None:
        super().__init__(context)
        self._panel = panel
        self._observer = observer
        self._planning = planning
        self._restarts = restarts
        self._autonomy = autonomy
        self._ledger = ledger
        self._history = history
        self._watch = watch
        self._least_ahead_s: float | None = None
        """The smallest difference so far by which the panel's clock was ahead of this one."""

    async def is_due(self, migration: Migration) -> bool:
        """Whether the migration may start by its time (``not_before``) and by the window of its cluster."""
        now = self._wall()
        name = await self._cluster_name(migration)
        return migration.is_due(now) and self._planning.opens_at(migration.cluster_id, name, now) is None

    async def _cluster_name(self, migration: Migration) -> str:
        name = self._observer.cluster_name(migration.cluster_id)
        if not name:  # the panel was not read yet: the name in the plan
            proposal = await self._store.proposals.get(migration.proposal_id)
            name = proposal.plan.cluster_name if proposal is not None else ""
        return name

    async def has_lapsed(self, migration: Migration) -> bool:
        """Whether the approval is too old. Hours outside the window do not count, except for LONGEST_APPROVAL.

        The clock that shows the latest time is used. After a suspend of this machine its wall clock is set forward, and
        the other clock follows seconds later. After this machine is restored from a snapshot, its clocks go on with
        the time of the snapshot until they are set: only the panel's clock shows the time that has passed.
        """
        since, now = migration.approval_counts_from, max(self._clock(), self._wall()) + self._time_lost()
        name = await self._cluster_name(migration)
        open_for = self._planning.open_time(migration.cluster_id, name, WallTime(since), WallTime(now))
        return open_for > APPROVAL_VALID_FOR or now - since > LONGEST_APPROVAL

    def _time_lost(self) -> timedelta:
        """How far this machine's clock has fallen behind the panel's clock since the panel's first answers."""
        ahead_s = self._panel.clock_ahead_s
        if ahead_s is None:
            return timedelta(0)
        least_s = ahead_s if self._least_ahead_s is None else min(ahead_s, self._least_ahead_s)
        self._least_ahead_s = least_s
        return timedelta(seconds=ahead_s - least_s)

    async def lacks_second_person(self, migration: Migration) -> bool:
        """Whether only one person approved it, before TWO_PERSON_RULE was switched on."""
        if not self._settings.two_person_rule:
            return False
        stored = await self._store.proposals.move(migration.move_id)
        proposed = stored[1] if stored else None
        if proposed is None or proposed.decided_by is None or proposed.decided_by.kind is ActorKind.POLICY:
            return False
        return proposed.first is None or same_person(proposed.first.by, proposed.decided_by)

    async def is_unasked(self, migration: Migration) -> bool:
        """Whether automatic mode approved it, and no person."""
        stored = await self._store.proposals.move(migration.move_id)
        by = stored[1].decided_by if stored else None
        return by is not None and by.kind is ActorKind.POLICY

    async def check(self, migration: Migration) -> MigrationEnd | Ready:
        """Applies every rule to a fresh snapshot. An ``MigrationEnd`` says why the migration does not start."""
        move = migration.move
        if await self.has_lapsed(migration):
            return _stale("approval-lapsed")
        snapshot = await self._observer.observe(measure=(move.source_id, move.target_id))
        if await self.has_lapsed(migration):  # by the clock of the panel, which has answered now
            return _stale("approval-lapsed")
        verdicts = await self._panel.migration_targets(move.vm_id)
        suitable = frozenset(node_id for node_id, good in (verdicts or {}).items() if good)
        judged = await self._judged(migration, snapshot, suitable)
        if isinstance(judged, MigrationEnd):
            return judged
        history = await self._history.rows(move.vm_id)
        running = await self._history.running(history)
        if running is not None:
            return MigrationEnd(MigrationState.STALE, Reason.of("vm-has-task", task=running.name or "?"))
        if verdicts is not None and verdicts.get(move.target_id) is False:
            return MigrationEnd(MigrationState.STALE, Reason.of("panel-says-unsuitable", node=move.target_name))
        self._watch.before(migration, next((vm for vm in snapshot.vms if vm.id == move.vm_id), None))
        promise = await self._ledger.promise(migration, judged)
        # The questions took time: a person may have excluded a node or changed the mode meanwhile.
        judged = await self._judged(migration, snapshot, suitable)
        return judged if isinstance(judged, MigrationEnd) else Ready(newest_id(history), promise)

    async def _judged(
        self, migration: Migration, snapshot: Snapshot, suitable: frozenset[int]
    ) -> MigrationEnd | StartContext:
        """Why people or rules forbid this move now; else the values by which it was judged."""
        own = next((s for s in snapshot.split() if s.clusters[0].id == migration.cluster_id), None)
        if own is None:
            return _stale("cluster-gone")
        unasked = await self.is_unasked(migration)
        context = await self._planning.context(snapshot)
        against = await self._against_automatic(migration.cluster_id, context) if unasked else None
        if against is not None:
            return MigrationEnd(MigrationState.STALE, against)
        proposal = await self._store.proposals.get(migration.proposal_id)
        if proposal is None:
            return _stale("cannot-check")
        if proposal.purpose is Purpose.BALANCE:
            campaign = (await self._store.campaigns.holding(self._clock())).get(migration.cluster_id)
            if campaign is not None:
                return MigrationEnd(MigrationState.STALE, campaign)
        policy = replace(context.policies[migration.cluster_id], automatic=unasked)
        recent = await self._store.recent_events.read(policy, self._clock(), besides=migration.id)
        recent = replace(recent, suitable={migration.move.vm_id: suitable} if suitable else {})
        reason = check_planned(own, policy, recent, migration.move, proposal.plan)
        reason = reason or changed_since(migration.move, own)
        if reason is None and policy.keep_survivable:
            closing = {migration.move.source_id} if proposal.plan.purpose is Purpose.DRAIN else set()
            reason = await asyncio.to_thread(refusal, own, policy, recent, [migration.move], closing)
        if reason is None and unasked and context.modes[migration.cluster_id] == ASSIST:
            reason = await self._autonomy.refusal(
                *(proposal.plan, migration.move, own, policy, recent), migration_id=migration.id
            )
        if reason is None:
            return StartContext(own, policy, proposal.plan)
        return MigrationEnd(MigrationState.SKIPPED if reason.code in GONE else MigrationState.STALE, reason)

    async def _against_automatic(self, cluster_id: int, context: PlanningContext) -> Reason | None:
        """Why a move without a person's approval does not start; ``None`` = it may."""
        if context.modes.get(cluster_id, APPROVE) == APPROVE:
            return Reason.of("mode-changed")
        if await self._restarts.stopped([cluster_id]):
            return Reason.of("auto-stopped")
        return context.lost.get(cluster_id)


def changed_since(move: Move, snapshot: Snapshot) -> Reason | None:
    """Why an approval is no longer valid for the VM: its name or size differs from what people saw."""
    vm = next((vm for vm in snapshot.vms if vm.id == move.vm_id), None)
    if vm is None or (vm.name, vm.vcpus, vm.memory_mib) == (move.vm_name, move.vcpus, move.memory_mib):
        return None
    shown = f"{move.vm_name}, {move.vcpus} vCPU, {move.memory_mib} MiB"
    return Reason.of("vm-changed", shown=shown, now=f"{vm.name}, {vm.vcpus} vCPU, {vm.memory_mib} MiB")


def _stale(code: str) -> MigrationEnd:
    return MigrationEnd(MigrationState.STALE, Reason.of(code))
