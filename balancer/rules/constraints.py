"""The rules in order: whether a VM may leave, and whether a node may take it. The first refusal is the explanation.

Planner and executor use only these tuples, so they cannot disagree. A new rule needs one function in vm.py or node.py,
one line here, a line in reasons.py and in the catalogues, and one scenario file.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from balancer.model import VM, Cluster, Move, Node, NodeLoad, Plan, Purpose, Reason, Recent, Snapshot
from balancer.moves import relieves_its_source
from balancer.policy import BALANCE, SMALLEST_FIRST, Policy
from balancer.rules import group as groups
from balancer.rules import node as nodes
from balancer.rules import vm as vms
from balancer.rules.purposes import judged_by
from balancer.scoring import above
from balancer.state import Candidate, WorkingNode, WorkingState


def not_live_migratable(cluster: Cluster, state: WorkingState) -> Reason | None:
    """LXD containers cannot migrate live, and other virtualizations are unknown."""
    kind = cluster.virtualization
    if not kind:
        return Reason.of("cluster-virtualization-unknown")
    return None if kind.lower() == "kvm" else Reason.of("cluster-virtualization", virtualization=kind)


def held(cluster: Cluster, state: WorkingState) -> Reason | None:
    """The cluster is held: too much about it is uncertain, or other people work on it."""
    return cluster.held


CLUSTER_RULES = (not_live_migratable, held)

COUNTING_RULES = (
    partial(nodes.figures_unknown, "source"),
    partial(nodes.in_maintenance, "source"),
    partial(nodes.excluded, "source"),
)
"""If one of these rules refuses a node, the node does not count as overloaded at any load."""

SOURCE_RULES = (
    *COUNTING_RULES,
    partial(nodes.not_active, "source"),
    partial(nodes.held, "source"),
    partial(nodes.live_migration_off, "source"),
    partial(nodes.node_busy, "source"),
    nodes.overload_too_new,
)

VM_RULES = (
    vms.vm_busy,
    vms.held,
    vms.vm_not_active,
    vms.iso_mounted,
    vms.has_snapshots,
    vms.disabled,
    vms.in_rescue,
    vms.change_pending,
    vms.restricted,
    vms.nested_virtualization,
    vms.live_migration_off,
    vms.opted_out,
    groups.ignored,
    groups.stays,
    vms.size_unknown,
    vms.in_quarantine,
    vms.cooling_down,
    vms.skipped,
    vms.skipped_for_good,
)

_LIVE_MIGRATION_TO = partial(nodes.live_migration_off, "target")

TARGET_STATIC_RULES = (
    partial(nodes.figures_unknown, "target"),
    partial(nodes.not_active, "target"),
    partial(nodes.held, "target"),
    partial(nodes.in_maintenance, "target"),
    partial(nodes.excluded, "target"),
    nodes.creation_blocked,
    _LIVE_MIGRATION_TO,
    partial(nodes.node_busy, "target"),
    nodes.own_placement_filter,
)

PLACEMENT_RULES = tuple(rule for rule in TARGET_STATIC_RULES if rule is not _LIVE_MIGRATION_TO)
"""Rules for a VM that does not exist yet: it will be created on the node, so it does not migrate."""

TARGET_LOAD_RULES = (
    nodes.vm_limit_reached,
    nodes.cluster_vm_limit_reached,
    nodes.target_overloaded,
    nodes.score_too_high,
    nodes.memory_too_high,
)

PAIR_RULES = (
    nodes.same_node,
    nodes.other_cluster,
    nodes.filters_differ,
    nodes.qemu_older,
    nodes.kernel_newer,
)


def pair_kind(node: Node, state: WorkingState) -> tuple[object, ...]:
    """Everything that PAIR_RULES read of a node, except its id: nodes of the same kind get the same verdicts.

    A node about which the panel was asked is a separate kind.
    """
    asked = node.id if any(node.id == source or node.id in open_to for source, open_to in state.opened.items()) else 0
    return (node.cluster_id, node.placement_filter, node.qemu_version, node.kernel_version, asked)


FIT_RULES = (nodes.cpu_does_not_fit, nodes.memory_does_not_fit)

LIVE_FIT_RULES = (nodes.load_does_not_fit, nodes.memory_not_available)
"""More rules for a measured target: they add to the rules about the allocation, and replace none."""

_FIT_RULES_OF_MEASURED = FIT_RULES + LIVE_FIT_RULES

GROUP_RULES = (
    nodes.not_called_suitable,
    groups.pinned_elsewhere,
    groups.just_left,
    groups.kept_apart,
    groups.kept_together,
)
"""Rules for a VM with a rule of the operator (``Groups.binds``). The nodes of its mates change with every move."""


def cluster_refusal(cluster: Cluster, state: WorkingState) -> Reason | None:
    """Why no VM of this cluster can move."""
    return next((reason for rule in CLUSTER_RULES if (reason := rule(cluster, state))), None)


def not_counted(node: Node, state: WorkingState) -> Reason | None:
    """Why this node does not count as overloaded, even above the thresholds."""
    return next((reason for rule in COUNTING_RULES if (reason := rule(node, state))), None)


def source_refusal(node: Node, state: WorkingState) -> Reason | None:
    """Why no VM may leave this node."""
    return next((reason for rule in SOURCE_RULES if (reason := rule(node, state))), None)


def vm_refusal(vm: VM, state: WorkingState) -> Reason | None:
    """Why this VM may not move to any node."""
    for rule in VM_RULES:  # no helper function here: this loop runs most often of all
        reason = rule(vm, state)
        if reason is not None:
            return reason
    return None


def static_target_refusal(node: Node, state: WorkingState) -> Reason | None:
    """Why this node takes no VM at any load."""
    return next((reason for rule in TARGET_STATIC_RULES if (reason := rule(node, state))), None)


def placement_refusal(node: Node, state: WorkingState) -> Reason | None:
    """Why this node takes no new VM at any load."""
    return next((reason for rule in PLACEMENT_RULES if (reason := rule(node, state))), None)


def load_refusal(target: WorkingNode, state: WorkingState) -> Reason | None:
    """Why this node takes no VM at its present load."""
    refusal = next((reason for rule in TARGET_LOAD_RULES if (reason := rule(target, state))), None)
    if refusal is None or target.reserved is None:
        return refusal
    return load_refusal(state.unreserved(target), state) or nodes.room_reserved(target.reserved)


def pair_refusal(source: Node, target: Node, state: WorkingState) -> Reason | None:
    """Why no VM may move from this source to this target."""
    return next((reason for rule in PAIR_RULES if (reason := rule(source, target, state))), None)


def fit_refusal(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """Why this target may not take this VM at its present load."""
    refusal = _size_refusal(vm, target, state) or group_refusal(vm, target, state)
    if refusal is None or target.reserved is None:
        return refusal
    return fit_refusal(vm, state.unreserved(target), state) or nodes.room_reserved(target.reserved)


def _size_refusal(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    for rule in FIT_RULES if target.live is None else _FIT_RULES_OF_MEASURED:
        reason = rule(vm, target, state)
        if reason is not None:
            return reason
    return None


def group_refusal(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """The operator's rule that now forbids this target to this VM."""
    if not state.groups.binds(vm.vm.id):
        return None
    return next((reason for rule in GROUP_RULES if (reason := rule(vm, target, state))), None)


def fixed_group_refusal(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """The rule that forbids this target to this VM on any nodes of other VMs: a pin, or a node that it just left."""
    return groups.pinned_elsewhere(vm, target, state) or groups.just_left(vm, target, state)


def candidate(vm: VM, state: WorkingState) -> Candidate | Reason:
    """The VM with its size if it may move, else why not. Moves of a plan do not change this, so it is cached."""
    known = state.verdicts.get(vm.id)
    if known is None:
        known = state.verdicts[vm.id] = _verdict(vm, state)
    return known


def _verdict(vm: VM, state: WorkingState) -> Candidate | Reason:
    reason = vm_refusal(vm, state)
    if reason is not None:
        return reason
    if vm.vcpus is None or vm.memory_mib is None:  # refused above already; only for the type checker
        return Reason.of("vm-size-unknown")
    return Candidate(vm, vm.vcpus, vm.memory_mib)


def is_overloaded(node: Node, state: WorkingState) -> bool:
    """Whether the node is above a threshold (equal is not above), and not in maintenance or excluded as a source."""
    working = state.working.get(node.id)
    return working is not None and bool(above(working.load, state.policy)) and not not_counted(node, state)


def overloaded_nodes(snapshot: Snapshot, policy: Policy, recent: Recent) -> frozenset[int]:
    """The ids of the nodes that count as overloaded now."""
    state = WorkingState(snapshot, policy, recent)
    return frozenset(node.id for node in state.nodes.values() if is_overloaded(node, state))


def state_for(
    purpose: Purpose,
    snapshot: Snapshot,
    policy: Policy,
    recent: Recent,
    *,
    source_id: int | None,
    vm_id: int | None = None,
    up_to: NodeLoad | None = None,
) -> WorkingState:
    """The state for judging moves of this purpose from this source."""
    state = WorkingState(snapshot, *judged_by(purpose, policy, recent, source_id=source_id, vm_id=vm_id, up_to=up_to))
    if purpose is Purpose.DRAIN and source_id is not None:
        leaving = (vm for vm in state.vms_on.get(source_id, ()) if isinstance(candidate(vm, state), Candidate))
        state.following = frozenset(vm.id for vm in leaving)
    return state


def check_move(  # noqa: PLR0913 - the inputs of the rules; all except the first five by name
    snapshot: Snapshot,
    policy: Policy,
    recent: Recent,
    vm_id: int,
    target_id: int,
    *,
    source_id: int | None = None,
    need_overload: bool = True,
    purpose: Purpose = Purpose.BALANCE,
    up_to: NodeLoad | None = None,
) -> Reason | None:
    """Applies every rule to one move on this snapshot; ``None`` = the move is allowed now.

    ``vm-gone`` and ``already-there`` mean that nothing is left to do. With ``source_id``, a VM on another node is
    ``vm-elsewhere``. ``need_overload=False``: the source need not be overloaded. ``purpose`` selects the rules
    (``purposes.judged_by``).
    """
    vm = next((v for v in snapshot.vms if v.id == vm_id), None)
    if vm is None:
        return Reason.of("vm-gone")
    if vm.node_id == target_id:
        return Reason.of("already-there")
    state = state_for(purpose, snapshot, policy, recent, source_id=vm.node_id, vm_id=vm_id, up_to=up_to)
    source = state.nodes.get(vm.node_id) if vm.node_id is not None else None
    if source is None:
        return Reason.of("vm-place-unknown")
    if source_id is not None and source.id != source_id:
        return Reason.of("vm-elsewhere", node=source.name)
    target = state.nodes.get(target_id)
    if target is None:
        return Reason.of("target-gone")
    return _check(vm, source, target, state, need_overload)


def check_planned(snapshot: Snapshot, policy: Policy, recent: Recent, move: Move, new_plan: Plan) -> Reason | None:
    """``check_move`` for a move of a stored plan, by the rules of the plan.

    ``policy`` may have any strategy: a changed strategy does not change an approved move.
    """
    if new_plan.purpose is Purpose.BALANCE:
        policy = policy.passing_targets() if new_plan.targets_passed else policy
        policy = replace(policy, strategy=judging_strategy(new_plan))
    return check_move(
        snapshot,
        policy,
        recent,
        move.vm_id,
        move.target_id,
        source_id=move.source_id,
        need_overload=relieves_its_source(move),
        purpose=new_plan.purpose,
        up_to=move.target_after,
    )


def judging_strategy(new_plan: Plan) -> str:
    """The strategy whose rules judge the moves; for ``adaptive`` the one that it chose."""
    documented = new_plan.choice is not None and new_plan.choice.strategy == SMALLEST_FIRST
    return SMALLEST_FIRST if documented else new_plan.strategy


def _check(vm: VM, source: Node, target: Node, state: WorkingState, need_overload: bool) -> Reason | None:
    cluster = state.clusters.get(source.cluster_id)
    refusal = cluster_refusal(cluster, state) if cluster else Reason.of("cluster-virtualization-unknown")
    refusal = refusal or source_refusal(source, state) or vm_refusal(vm, state)
    if refusal:
        return refusal
    load = state.working[source.id].load
    if need_overload and state.policy.strategy != BALANCE and not above(load, state.policy):
        if load.cpu_load is not None:
            return Reason.of("source-relieved-load", load=load.cpu_load, memory=load.memory_percent)
        return Reason.of("source-relieved", cpu=load.cpu_ratio, memory=load.memory_percent)
    refusal = static_target_refusal(target, state) or load_refusal(state.working[target.id], state)
    if refusal:
        return refusal
    able = candidate(vm, state)
    if isinstance(able, Reason):
        return able
    return pair_refusal(source, target, state) or fit_refusal(able, state.working[target.id], state)
