"""Where a new VM fits best, and for how many of its size a cluster has room. Exact arithmetic; nothing is placed."""

from __future__ import annotations

from collections.abc import Callable

from balancer.model import VM, Node, Purpose, Reason, Recent, Rejection, Snapshot
from balancer.policy import Policy
from balancer.requests.move import choices
from balancer.requests.plan_builder import PlanBuilder
from balancer.requests.results import NodeRoom, Placement
from balancer.rules.constraints import fit_refusal, load_refusal, placement_refusal
from balancer.state import Candidate, WorkingNode, WorkingState

_NEW = -1
"""The id of a VM that does not exist yet: no rule of the operator matches it."""
SHOWN = 3


def place(snapshot: Snapshot, policy: Policy, vcpus: int, memory_mib: int) -> Placement:
    """The best nodes for a new VM of this size, and for how many of them the cluster has room below its thresholds.

    The headroom of targets stays free. On a measured node every vCPU of a new VM counts as busy, the most that it can
    run at the same time. A node with its own placement filter counts as without room, because it is unknown whether it
    takes the VM. The VM does not migrate, so every virtualization is possible.

    Raises:
        ValueError: a size is not above 0, or the snapshot does not hold exactly one cluster.
    """
    for name, value in (("vcpus", vcpus), ("memory_mib", memory_mib)):
        if value <= 0:
            raise ValueError(f"{name} is {value}: it must be above 0")
    builder = PlanBuilder(Purpose.TARGET, snapshot, policy, Recent())
    state, cluster = builder.state, builder.cluster
    vm = Candidate(VM(_NEW, "", cluster.id, None, vcpus, memory_mib), vcpus, memory_mib)
    refused: list[Rejection] = []
    rooms: list[NodeRoom] = []
    for node in state.nodes.values():
        refusal = placement_refusal(node, state) or load_refusal(state.working[node.id], state)
        if refusal is None:
            rooms.append(NodeRoom(node.id, node.name, _room(vm, state.working[node.id], state)))
            refusal = fit_refusal(vm, state.working[node.id], state)
        if refusal is not None:
            refused.append(_rejection(node, refusal))
    able = [state.working[room.node_id] for room in rooms if room.vms]
    return Placement(
        cluster_id=cluster.id,
        cluster_name=cluster.name,
        vcpus=vcpus,
        memory_mib=memory_mib,
        best=choices(vm, None, able, state)[:SHOWN],
        rooms=tuple(sorted(rooms, key=lambda room: (-room.vms, room.node_id))),
        rejections=tuple(refused),
    )


def _rejection(node: Node, reason: Reason) -> Rejection:
    return Rejection("target", node.id, node.name, reason)


def _room(vm: Candidate, node: WorkingNode, state: WorkingState) -> int:
    """How many of these VMs the node takes, one after another."""
    policy = state.policy
    cluster = state.clusters[node.node.cluster_id]
    limits = [limit for limit in (node.node.vm_limit, cluster.vm_limit_per_node) if limit is not None]
    cpu, memory = policy.fill_limit(policy.cpu_overload_ratio), policy.fill_limit(policy.memory_overload_percent)
    most = [
        _most(lambda n: (node.vcpus + n * vm.vcpus) / node.cpus <= cpu),
        _most(lambda n: 100 * (node.memory_allocated_mib + n * vm.memory_mib) / node.memory_mib <= memory),
        *(max(0, limit - node.vm_count) for limit in limits),
    ]
    live = node.live
    if live is not None:
        load, brings = policy.fill_limit(policy.ssh_load_overload), state.load_of(vm)
        most.append(_most(lambda n: (live.load + n * brings) / live.cpus <= load))
        most.append(max(0, live.available_mib // vm.memory_mib))
    return min(most)


def _most(holds: Callable[[int], bool]) -> int:
    """The largest number for which ``holds`` is true; it must be true for all smaller numbers too.

    It calls the rules themselves, so that the result agrees with them exactly.
    """
    if not holds(1):
        return 0
    low, high = 1, 2
    while holds(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
