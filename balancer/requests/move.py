"""Moves one VM to a node that a person chooses: the best choices, and the plan of the chosen move."""

from __future__ import annotations

from collections.abc import Iterable

from balancer.model import VM, Node, NodeLoad, Plan, Purpose, Reason, Recent, Rejection, Snapshot
from balancer.moves import cautions, make_move
from balancer.policy import Policy
from balancer.requests.plan_builder import PlanBuilder
from balancer.requests.results import TargetChoice
from balancer.rules.constraints import (
    candidate,
    cluster_refusal,
    fit_refusal,
    load_refusal,
    pair_refusal,
    source_refusal,
    static_target_refusal,
)
from balancer.scoring import ALLOCATED, above, figure, severity, worst_term
from balancer.state import Candidate, WorkingNode, WorkingState


def best_targets(
    snapshot: Snapshot, policy: Policy, recent: Recent, vm_id: int, count: int = 3
) -> tuple[TargetChoice, ...]:
    """The nodes that may take the VM now, those that are emptiest afterwards first; the same for every strategy.

    Empty if the VM may not leave, or no node may take it; ``why_vm`` says why.
    """
    vm = find_vm(snapshot, vm_id)
    state = PlanBuilder(Purpose.TARGET, snapshot, policy, recent, source_id=vm.node_id, vm_id=vm_id).state
    left = leaving(vm, state)
    if isinstance(left, Rejection):
        return ()
    able, source = left
    fitting = (target for target in state.nodes.values() if target_refusal(able, source, target, state) is None)
    return choices(able, source, (state.working[target.id] for target in fitting), state)[:count]


def single_move(
    snapshot: Snapshot,
    policy: Policy,
    recent: Recent,
    *,
    vm_id: int,
    target_id: int,
    purpose: Purpose,
    up_to: NodeLoad | None = None,
) -> Plan | Rejection:
    """The plan of this move, or a rejection: the cluster, the source, the VM or the target (``subject``) forbids it.

    Args:
        purpose: ``TARGET``: a person chose the node. ``UNDO``: the VM goes back to it; then the VM's rest after the
            undone migration does not count.
        up_to: for ``UNDO``: the load of the node before; ``None``: the thresholds apply.

    Raises:
        ValueError: another purpose, or the VM is on no node of the snapshot.
    """
    if purpose not in (Purpose.TARGET, Purpose.UNDO):
        raise ValueError(f"the purpose is {purpose.value!r}: one VM moves for 'target' or 'undo'")
    vm = find_vm(snapshot, vm_id)
    builder = PlanBuilder(purpose, snapshot, policy, recent, source_id=vm.node_id, vm_id=vm_id, up_to=up_to)
    state = builder.state
    target = state.nodes.get(target_id)
    if target is None:
        return Rejection("target", target_id, str(target_id), Reason.of("target-gone"))
    if vm.node_id == target_id:
        return Rejection("vm", vm.id, vm.name, Reason.of("already-there"))
    left = leaving(vm, state)
    if isinstance(left, Rejection):
        return left
    able, source = left
    refusal = target_refusal(able, source, target, state)
    if refusal is not None:
        return Rejection("target", target.id, target.name, refusal)
    here, there = state.working[source.id], state.working[target.id]
    new_plan = builder.build([make_move(state, able, here, there, _why(purpose, here, state))])
    lost = _lost_room(snapshot, policy, recent, new_plan)
    return new_plan if lost is None else Rejection("vm", vm.id, vm.name, lost)


def _lost_room(snapshot: Snapshot, policy: Policy, recent: Recent, new_plan: Plan) -> Reason | None:
    """Why KEEP_SURVIVABLE forbids the plan."""
    if not policy.keep_survivable:
        return None
    from balancer.survival.keep import refusal  # imports NumPy

    return refusal(snapshot, policy, recent, new_plan.moves)


def find_vm(snapshot: Snapshot, vm_id: int) -> VM:
    """The VM with this id.

    Raises:
        ValueError: the snapshot has no such VM.
    """
    match = next((vm for vm in snapshot.vms if vm.id == vm_id), None)
    if match is None:
        raise ValueError(f"no VM of the snapshot has the id {vm_id}")
    return match


def leaving(vm: VM, state: WorkingState) -> tuple[Candidate, Node] | Rejection:
    """The VM with its size and its node, or the first reason why it may not leave."""
    source = state.nodes.get(vm.node_id) if vm.node_id is not None else None
    if source is None:
        return Rejection("vm", vm.id, vm.name, Reason.of("vm-place-unknown"))
    cluster = state.clusters[source.cluster_id]
    refusal = cluster_refusal(cluster, state)
    if refusal is not None:
        return Rejection("cluster", cluster.id, cluster.name, refusal)
    refusal = source_refusal(source, state)
    if refusal is not None:
        return Rejection("source", source.id, source.name, refusal)
    able = candidate(vm, state)
    return Rejection("vm", vm.id, vm.name, able) if isinstance(able, Reason) else (able, source)


def target_refusal(vm: Candidate, source: Node, target: Node, state: WorkingState) -> Reason | None:
    """Why this node may not take the VM now; the rules are in the order of ``check_move``."""
    return (
        static_target_refusal(target, state)
        or load_refusal(state.working[target.id], state)
        or pair_refusal(source, target, state)
        or fit_refusal(vm, state.working[target.id], state)
    )


def choices(
    vm: Candidate, source: Node | None, targets: Iterable[WorkingNode], state: WorkingState
) -> tuple[TargetChoice, ...]:
    """These nodes with the VM, emptiest first: by the worst resource, then score, then id."""
    here = state.working[source.id] if source is not None else None
    ranked = [_choice(vm, here, target, state) for target in targets]
    return tuple(sorted(ranked, key=lambda c: (c.fullness, c.after.score, c.node_id)))


def _choice(vm: Candidate, source: WorkingNode | None, target: WorkingNode, state: WorkingState) -> TargetChoice:
    free = state.unreserved(target)
    after = state.load_with(free, vm)
    return TargetChoice(
        target.node.id,
        target.node.name,
        free.load,
        after,
        max(severity(after, state.policy), ALLOCATED.load(after) / ALLOCATED.limit(state.policy)),
        cautions(vm, source, target) if source is not None else (),
    )


def _why(purpose: Purpose, source: WorkingNode, state: WorkingState) -> Reason:
    if purpose is Purpose.UNDO:
        return Reason.of("move-back")
    if not above(source.load, state.policy):
        return Reason.of("move-chosen")
    name, value, limit = figure(worst_term(source.load, state.policy), source.load, state.policy)
    return Reason.of("move-chosen-relieve", resource=name, value=value, limit=limit)
