"""The plan that empties a node: which VMs leave, which of them leave together, and why the others stay.

All VMs leave the same node, and no VM leaves a target. So a set of moves that fits as a whole is legal in any order.
The rules check each move again when the plan applies it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from balancer.migration_time import migration_s
from balancer.model import Node, Plan, Purpose, Reason, Recent, Rejection, Snapshot
from balancer.policy import Policy
from balancer.requests.move_group import MoveGroup, move_groups
from balancer.requests.plan_builder import PlanBuilder, check_node
from balancer.rules.constraints import candidate, cluster_refusal, source_refusal, static_target_refusal
from balancer.rules.rejections import fits_nowhere
from balancer.state import WorkingNode, WorkingState
from balancer.strategies.outcome import Step, carry_out
from balancer.strategies.targets import Targets

if TYPE_CHECKING:
    from balancer.requests.packing import Assignment


def drain(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> Plan:
    """Plans to move every VM that may leave, largest first, to the targets with the most room.

    Rejections: one for each VM that stays, or one for the node or the cluster if no VM may leave. If not all VMs have a
    target, as many as possible leave. VMs of one affinity rule go to the same node or stay together.
    ``max_moves`` does not limit the plan.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster, or the node is not in it.
    """
    if not policy.keep_survivable:
        return _drain(snapshot, policy, recent, node_id)
    from balancer.survival.keep import keeping  # imports NumPy

    return keeping(lambda held: _drain(held, policy, recent, node_id), snapshot, policy, recent, closing=(node_id,))


def _drain(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> Plan:
    from balancer.requests.drain_packing import assign_groups  # imports NumPy; other requests do not need it

    builder = PlanBuilder(Purpose.DRAIN, snapshot, policy, recent, source_id=node_id)
    state, cluster = builder.state, builder.cluster
    check_node(state, node_id)
    node = state.nodes[node_id]
    refusal = cluster_refusal(cluster, state)
    if refusal is not None:
        return builder.build((), [Rejection("cluster", cluster.id, cluster.name, refusal)])
    refusal = source_refusal(node, state)
    if refusal is not None:
        return builder.build((), [Rejection("source", node.id, node.name, refusal)])
    cautions = _cautions(node, policy, state)
    groups = move_groups(node, state)
    targets = Targets(state).open_to(node)
    assignments = assign_groups(groups, targets, state)
    steps = [step for assignment in assignments for step in _steps(assignment, node, groups, targets, state)]
    moves = [move for _, move in carry_out(state, steps)]
    rejections = _rejections(node, groups, {move.vm_id for move in moves}, state)
    return builder.build(moves, rejections, cautions)


def _cautions(node: Node, policy: Policy, state: WorkingState) -> list[Reason]:
    cautions = []
    if node.id in policy.exclude_sources:
        cautions.append(Reason.of("caution-drain-excluded", node=node.name))
    if static_target_refusal(node, state) is None:
        cautions.append(Reason.of("caution-drain-open", node=node.name))
    return cautions


def _steps(
    assignment: Assignment,
    node: Node,
    groups: Sequence[MoveGroup],
    targets: Sequence[WorkingNode],
    state: WorkingState,
) -> Iterable[Step]:
    group, target = groups[assignment.item], targets[assignment.target]
    for vm in group.vms:
        seconds = migration_s(vm.vm, state.clusters[vm.vm.cluster_id], state.policy)
        yield Step(vm, node.id, target.node.id, _why(assignment, group, seconds))


def _why(assignment: Assignment, group: MoveGroup, seconds: float) -> Callable[[WorkingState], Reason]:
    if group.rule:
        reason = Reason.of("move-drain-together", rule=group.rule, vms=len(group.vms), seconds=seconds)
    elif assignment.worst_fit:
        reason = Reason.of("move-drain", targets=assignment.choices, seconds=seconds)
    else:
        reason = Reason.of("move-drain-packed", targets=assignment.choices, seconds=seconds)
    return lambda _: reason


def _rejections(node: Node, groups: Sequence[MoveGroup], moved: set[int], state: WorkingState) -> list[Rejection]:
    """One rejection for each VM that stays, ordered by id."""
    rejections: dict[int, Rejection] = {}
    for vm in state.vms_on[node.id]:
        verdict = candidate(vm, state)
        if isinstance(verdict, Reason):
            rejections[vm.id] = Rejection("vm", vm.id, vm.name, verdict)
    left = [group for group in groups if any(vm.vm.id not in moved for vm in group.vms)]
    single = [group.vms[0] for group in left if not group.rule]
    rejections.update({rejection.id: rejection for rejection in fits_nowhere(state, node, single)})
    for group in left:
        for movable in group.vms:
            vm = movable.vm
            if vm.id not in rejections and vm.id not in moved:
                rejections[vm.id] = Rejection("vm", vm.id, vm.name, _no_room(group))
    return [rejections[vm_id] for vm_id in sorted(rejections)]


def _no_room(group: MoveGroup) -> Reason:
    if group.rule:
        return Reason.of("drain-together", rule=group.rule, vms=len(group.vms))
    return Reason.of("drain-no-room")
