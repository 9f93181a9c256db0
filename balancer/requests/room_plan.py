"""Builds the plan of given moves, so that it can be proposed like any other plan."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import Move, Plan, Purpose, Recent, Snapshot
from balancer.policy import Policy
from balancer.requests.plan_builder import PlanBuilder
from balancer.state import Candidate


def room_plan(snapshot: Snapshot, policy: Policy, recent: Recent, moves: Sequence[Move]) -> Plan:
    """The plan of these moves, in their order.

    Args:
        snapshot: of one cluster: the snapshot for which the moves were found.
        policy, recent: as for the moves.
        moves: as ``make_room`` returns them.
    """
    builder = PlanBuilder(Purpose.ROOM, snapshot, policy, recent)
    vms = {vm.id: vm for vm in snapshot.vms}
    for move in moves:
        vm = Candidate(vms[move.vm_id], move.vcpus, move.memory_mib)
        builder.state.apply(vm, move.source_id, move.target_id)
    return builder.build(moves)
