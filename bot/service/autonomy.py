"""Assist mode: asks its rules about the moves of a plan, and again right before one starts. It starts nothing.

The rules are pure (balancer/harmless.py). What they need of the past and of the panel is gathered here.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from balancer.harmless import RulesVerdict, Situation, is_harmless, judge, refusals
from balancer.model import Cluster, Move, Plan, Purpose, Reason, Recent, Snapshot
from balancer.moves import make_move
from balancer.policy import Policy
from balancer.rules.constraints import candidate, overloaded_nodes
from balancer.scoring import above
from balancer.state import Candidate, WorkingState
from bot.domain.held_clusters import ACCEPTED_KEY
from bot.domain.modes import APPROVE, ASSIST
from bot.domain.times import WallTime
from bot.domain.track_record import track_record
from bot.service.context import ServiceContext, UseCase
from bot.service.foreign_moves import FOREIGN_KEY, REMIND_AFTER
from bot.service.planning import PlannedCheck, Planning
from bot.service.planning_context import PlanningContext
from bot.service.restarts import Restarts
from bot.service.values import AutonomyStatus

log = logging.getLogger(__name__)

DAY = timedelta(days=1)


class Autonomy(UseCase):
    def __init__(self, context: ServiceContext, planning: Planning, restarts: Restarts) -> None:
        super().__init__(context)
        self._planning = planning
        self._restarts = restarts

    async def rules(self, context: PlanningContext, planned: PlannedCheck) -> dict[int, tuple[RulesVerdict, ...]]:
        """Cluster in assist mode -> what the rules say of each move of its plan. Clusters without a move are left out.

        Raises:
            StoreError: the database cannot be read.
        """
        plans = {p.cluster_id: p for p in planned.plans if p.moves and p.purpose is Purpose.BALANCE}
        result = {}
        for own in planned.inputs.snapshot.split():
            cluster = own.clusters[0]
            if cluster.id not in plans or context.modes.get(cluster.id) != ASSIST:
                continue
            name = self._planning.modes.known_as(cluster)
            situation = await self._situation(cluster.id, name, context.lost.get(cluster.id))
            limits = await self._planning.modes.limits(cluster.id, name)
            policy = planned.inputs.policies[cluster.id]
            result[cluster.id] = judge(plans[cluster.id], own.vms, policy, limits, situation)
        return result

    async def status(self, clusters: Sequence[Cluster]) -> AutonomyStatus:
        """The limits for starts without a person in these clusters."""
        general, modes = await self._runtime.mode(), await self._planning.modes.of_all(clusters)
        held = await self._restarts.held([cluster.id for cluster in clusters])
        return AutonomyStatus(
            own_modes={c.name: modes[c.id] for c in clusters if modes[c.id] != general},
            held={c.name: held[c.id] for c in clusters if c.id in held and modes[c.id] != APPROVE},
            limits=await self._planning.modes.limits(0, ""),
            hours=await self._planning.modes.hours(0, ""),
        )

    async def refusal(
        self, plan: Plan, move: Move, seen: Snapshot, policy: Policy, recent: Recent, *, migration_id: int
    ) -> Reason | None:
        """Why a move that assist mode approved may not start now without a person; ``None``: it may.

        Args:
            plan: of its proposal.
            seen: its cluster as it is now.
        """
        fresh = _as_of_now(plan, move, seen, policy, recent)
        if fresh is None:
            return Reason.of("auto-vm-unseen")
        cluster = seen.clusters[0]
        name = self._planning.modes.known_as(cluster)
        situation = await self._situation(cluster.id, name, None, besides=[migration_id])
        limits = await self._planning.modes.limits(cluster.id, name)
        [verdict] = judge(fresh, seen.vms, policy, limits, situation)
        if is_harmless(verdict):
            return None
        log.info("VM '%s' is not started by itself any more: %s", move.vm_name, refusals(verdict)[0].code)
        return refusals(verdict)[0]

    async def _situation(
        self, cluster_id: int, name: str, lost: Reason | None, *, besides: Collection[int] = ()
    ) -> Situation:
        now, modes = self._clock(), self._planning.modes
        limits = await modes.limits(cluster_id, name)
        accepted = await self._store.settings.get(ACCEPTED_KEY)
        # Bad migrations that an admin accepted are left out, so more than the needed number are read.
        ended = await self._store.autonomy.ended(cluster_id, 2 * limits.outcomes)
        record = track_record(ended, None if accepted is None else accepted.at)
        wall = self._wall()
        starts_at = self._planning.opens_at(cluster_id, name, wall) or wall
        return Situation(
            started=await self._store.autonomy.own_starts(cluster_id, now - DAY, besides=besides),
            good=record.good,
            bad=record.bad,
            hours=await modes.hours(cluster_id, name),
            is_open=await modes.may_start_at(cluster_id, name, WallTime(starts_at)),
            odd=tuple([reason async for reason in self._odd(cluster_id, name, lost)]),
        )

    async def _odd(self, cluster_id: int, name: str, lost: Reason | None) -> AsyncIterator[Reason]:
        """Findings that a person should judge before anything starts in this cluster."""
        now = self._clock()
        if lost is not None:
            yield lost
        for reason in (await self._restarts.held([cluster_id])).values():
            yield reason
        foreign = await self._store.settings.get(f"{FOREIGN_KEY}{cluster_id}")
        if foreign is not None and now - foreign.at < REMIND_AFTER:
            yield Reason.of("auto-foreign-moves")
        for incident in await self._store.incidents.open_ones():
            looking = incident.looked_into(now)
            if incident.cluster_id == cluster_id and looking is not None:
                yield Reason.of("auto-looked-into", who=looking.by.name)


def _as_of_now(plan: Plan, move: Move, seen: Snapshot, policy: Policy, recent: Recent) -> Plan | None:
    """The plan with this move alone, as it would change both nodes now; ``None``: the VM may not move now."""
    state = WorkingState(seen, policy, recent)
    vm = next((vm for vm in seen.vms if vm.id == move.vm_id), None)
    able = None if vm is None else candidate(vm, state)
    source, target = state.working.get(move.source_id), state.working.get(move.target_id)
    if not isinstance(able, Candidate) or source is None or target is None:
        return None
    over = overloaded_nodes(seen, policy, recent)
    nodes = tuple(replace(node, overloaded=node.node_id in over) for node in plan.nodes)
    fresh = make_move(state, able, source, target, move.reason)
    left = plan.overloaded_after if plan.overloaded_after_all is None else plan.overloaded_after_all
    if above(fresh.source_after, policy) and not above(move.source_after, policy):
        left = (*left, move.source_id)
    cautions = (*(remark.reason for remark in seen.remarks), *state.contradictions)
    return replace(plan, moves=(fresh,), nodes=nodes, cautions=cautions, overloaded_after_all=left)
