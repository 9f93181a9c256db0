"""Rules about nodes: whether VMs may leave a node, whether it may take VMs, whether source and target are compatible.

One small function per rule: it returns a ``Reason`` if it forbids, else ``None``. constraints.py orders them. Static
rules read what a plan cannot change; load rules read the present sums.
"""

from __future__ import annotations

from balancer.model import Node, Reason
from balancer.policy import OFF, PANEL, SERIES, STRICT
from balancer.reasons import with_role
from balancer.scoring import ALLOCATED, above, figure, worst_term
from balancer.state import Candidate, Reserved, WorkingNode, WorkingState
from balancer.versions import compare, parse_kernel, parse_qemu, series

# --- either role: partial(rule, "source") and partial(rule, "target") ---------------------------------


def figures_unknown(role: str, node: Node, state: WorkingState) -> Reason | None:
    """A figure of the node that the plan needs is unknown."""
    figure = state.unknown.get(node.id)
    return Reason.of("node-figure-unknown", role=role, figure=figure) if figure else None


def not_active(role: str, node: Node, state: WorkingState) -> Reason | None:
    """The node's state is unknown, or it is not `active`."""
    if node.state is None:
        return Reason.of("node-state-unknown", role=role)
    return None if node.state == "active" else Reason.of("node-state", role=role, state=node.state)


def held(role: str, node: Node, state: WorkingState) -> Reason | None:
    """The panel's answers about this node contradict each other."""
    return None if node.held is None else with_role(node.held, role)


def in_maintenance(role: str, node: Node, state: WorkingState) -> Reason | None:
    """The node is in maintenance. Unknown (``None``) counts as no, as the API sheet says: old panels lack the field."""
    return Reason.of("node-maintenance", role=role) if node.maintenance else None


def excluded(role: str, node: Node, state: WorkingState) -> Reason | None:
    """The operator has excluded the node from this role."""
    policy = state.policy
    ids = policy.exclude_sources if role == "source" else policy.exclude_targets
    return Reason.of("node-excluded", role=role) if node.id in ids else None


def live_migration_off(role: str, node: Node, state: WorkingState) -> Reason | None:
    """The panel forbids live migration for this node."""
    off = node.live_migration_allowed is False
    return Reason.of("node-live-migration-off", role=role) if off else None


def node_busy(role: str, node: Node, state: WorkingState) -> Reason | None:
    """A migration from or to the node is running."""
    return Reason.of("node-busy", role=role) if node.id in state.recent.busy_nodes else None


def overload_too_new(node: Node, state: WorkingState) -> Reason | None:
    """The overload has not lasted for as many checks as the operator requires."""
    checks = state.recent.held.get(node.id, 0)
    return Reason.of("source-hold", checks=checks) if checks > 0 else None


# --- target, static -------------------------------------------------------------------------------------


def creation_blocked(node: Node, state: WorkingState) -> Reason | None:
    """The panel creates no new VM on the node, or does not say whether it does."""
    if node.creation_allowed is None:
        return Reason.of("target-creation-unknown")
    return None if node.creation_allowed else Reason.of("target-creation-blocked")


def own_placement_filter(node: Node, state: WorkingState) -> Reason | None:
    """With the rule `strict`, a node with a placement filter takes no VM.

    The vendor does not document whether migrations obey placement filters. With other values of the setting,
    ``filters_differ`` compares source and target.
    """
    strict = state.policy.placement_filters == STRICT
    return Reason.of("target-filter") if node.placement_filter and strict else None


# --- target, by its load --------------------------------------------------------------------------------


def vm_limit_reached(target: WorkingNode, state: WorkingState) -> Reason | None:
    """The node has as many VMs as its own limit allows."""
    limit = target.node.vm_limit
    if limit is None or target.vm_count < limit:
        return None
    return Reason.of("target-vm-limit", count=target.vm_count, limit=limit)


def cluster_vm_limit_reached(target: WorkingNode, state: WorkingState) -> Reason | None:
    """The node has as many VMs as its cluster allows on each node."""
    cluster = state.clusters.get(target.node.cluster_id)
    limit = cluster.vm_limit_per_node if cluster else None
    if limit is None or target.vm_count < limit:
        return None
    return Reason.of("target-cluster-vm-limit", count=target.vm_count, limit=limit)


def target_overloaded(target: WorkingNode, state: WorkingState) -> Reason | None:
    """The target is overloaded. A measured node must not be over-allocated either: idle VMs may become busy."""
    if above(target.load, state.policy):
        term = worst_term(target.load, state.policy)
    elif ALLOCATED.load(target.load) > ALLOCATED.limit(state.policy):
        term = ALLOCATED
    else:
        return None
    name, value, limit = figure(term, target.load, state.policy)
    return Reason.of("target-overloaded", resource=name, value=value, limit=limit)


def score_too_high(target: WorkingNode, state: WorkingState) -> Reason | None:
    """The score is at or above the target threshold.

    A measured node needs both scores below the threshold: by its load and by its allocation. This rule is used only if
    the target threshold is hard (``Policy.hard_cpu_target``).
    """
    if not state.policy.hard_cpu_target:
        return None
    score, limit = target.load.score, state.policy.cpu_target_score
    if target.live is not None:
        score = max(score, state.allocation_score(target))
    return None if score < limit else Reason.of("target-score", value=score, limit=limit)


def memory_too_high(target: WorkingNode, state: WorkingState) -> Reason | None:
    """The allocated memory is at or above the target threshold, if that threshold is hard."""
    if not state.policy.hard_memory_target:
        return None
    percent, limit = target.load.memory_percent, state.policy.memory_target_percent
    return None if percent < limit else Reason.of("target-memory", value=percent, limit=limit)


# --- source and target together -------------------------------------------------------------------------


def same_node(source: Node, target: Node, state: WorkingState) -> Reason | None:
    """Source and target are the same node."""
    return Reason.of("pair-same-node") if source.id == target.id else None


def other_cluster(source: Node, target: Node, state: WorkingState) -> Reason | None:
    """Source and target are in different clusters."""
    return Reason.of("pair-other-cluster") if source.cluster_id != target.cluster_id else None


def filters_differ(source: Node, target: Node, state: WorkingState) -> Reason | None:
    """The target has a placement filter that the source does not have.

    The filter of a node overrides that of its cluster. With the rule `panel`, a target that the panel itself calls
    suitable is allowed.
    """
    there = _effective_filter(target, state)
    if not there or there == _effective_filter(source, state):
        return None
    if state.policy.placement_filters == PANEL and _opened(source, target, state):
        return None
    return Reason.of("pair-filter")


def qemu_older(source: Node, target: Node, state: WorkingState) -> Reason | None:
    """The QEMU of the target is older than that of the source, so a live migration is not possible."""
    here, there = parse_qemu(source.qemu_version), parse_qemu(target.qemu_version)
    if here is None or there is None:
        return None if state.policy.allow_unknown_versions else Reason.of("pair-qemu-unknown")
    if compare(there, here) >= 0:
        return None
    return Reason.of("pair-qemu-older", source=source.qemu_version, target=target.qemu_version)


def kernel_newer(source: Node, target: Node, state: WorkingState) -> Reason | None:
    """The kernel of the target is newer than that of the source.

    Newer pages of the vendor forbid this always, older pages "in some cases". A target that the panel itself calls
    suitable is allowed.
    """
    if state.policy.kernel_rule == OFF or _opened(source, target, state):
        return None
    here, there = parse_kernel(source.kernel_version), parse_kernel(target.kernel_version)
    if here is None or there is None:
        return None if state.policy.allow_unknown_versions else Reason.of("pair-kernel-unknown")
    if state.policy.kernel_rule == SERIES:
        here, there = series(here), series(there)
    if compare(there, here) <= 0:
        return None
    return Reason.of("pair-kernel-newer", source=source.kernel_version, target=target.kernel_version)


def _opened(source: Node, target: Node, state: WorkingState) -> bool:
    """Whether the panel called the target suitable for a VM of the source."""
    return target.id in state.opened.get(source.id, ())


def not_called_suitable(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """Only the panel's verdict allows these two nodes, and it does not call the target suitable for this VM."""
    source = state.nodes.get(vm.vm.node_id or 0)
    if source is None or target.node.id not in state.opened.get(source.id, ()):
        return None
    return None if target.node.id in state.recent.suitable.get(vm.vm.id, ()) else Reason.of("fit-not-suitable")


# --- the VM on the target -------------------------------------------------------------------------------


def cpu_does_not_fit(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """With the VM, the target would exceed the limit of vCPUs per CPU."""
    after = (target.vcpus + vm.vcpus) / target.cpus
    limit = state.policy.fill_limit(state.policy.cpu_overload_ratio)
    return None if _within(after, limit, state) else Reason("fit-cpu", (("limit", limit), ("value", after)))


def memory_does_not_fit(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """With the VM, the target would exceed the limit of allocated memory."""
    after = 100 * (target.memory_allocated_mib + vm.memory_mib) / target.memory_mib
    limit = state.policy.fill_limit(state.policy.memory_overload_percent)
    return None if _within(after, limit, state) else Reason("fit-memory", (("limit", limit), ("value", after)))


def load_does_not_fit(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """With the expected load of the VM, a measured target would exceed its threshold."""
    if target.live is None:
        return None
    after = (target.live.load + state.load_of(vm)) / target.live.cpus
    limit = state.policy.fill_limit(state.policy.ssh_load_overload)
    return None if _within(after, limit, state) else Reason("fit-load", (("limit", limit), ("value", after)))


def memory_not_available(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """The really available memory of a measured target is smaller than the VM."""
    if target.live is None or vm.memory_mib <= target.live.available_mib:
        return None
    available, needed = max(0, target.live.available_mib) / 1024, vm.memory_mib / 1024
    return Reason("fit-memory-available", (("available_gib", available), ("needed_gib", needed)))


def room_reserved(reserved: Reserved) -> Reason:
    """The node has room, but it is reserved for a new VM."""
    vcpus, mib = reserved.asked
    return Reason.of("target-reserved", memory_gib=mib / 1024, vcpus=vcpus)


def _within(after: float, limit: float, state: WorkingState) -> bool:
    """Whether a target may have this load: some strategies fill it up to the limit, ``smallest-first`` stays below."""
    return after <= limit if state.policy.fills_targets else after < limit


def _effective_filter(node: Node, state: WorkingState) -> str | None:
    cluster = state.clusters.get(node.cluster_id)
    return node.placement_filter or (cluster.placement_filter if cluster else None) or None
