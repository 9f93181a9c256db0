"""A small cluster in whole numbers for the exact search: limits, sizes, costs, allowed targets.

Rows are positions in ``nodes`` and ``vms``. Every limit and verdict comes from the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from balancer.capacity import fill_mib, fill_vcpus
from balancer.migration_time import copied_mib, migration_us
from balancer.policy import COST_MEMORY, COST_MOVES, Policy
from balancer.rules.constraints import (
    candidate,
    fixed_group_refusal,
    is_overloaded,
    pair_refusal,
    source_refusal,
    static_target_refusal,
)
from balancer.scoring import most_mib, most_vcpus
from balancer.state import Candidate, WorkingNode, WorkingState

NO_LIMIT = 2**40
ONE_MOVE = 2**40
"""Larger than the memory of a cluster in MiB."""
_ONE_MIB = 2**20
"""Larger than the number of moves of any plan."""


@dataclass(frozen=True, slots=True)
class ExactNode:
    """One node. ``cap``: the overload threshold. ``fill``: the limit after a move."""

    node_id: int
    cap_vcpus: int
    cap_mib: int
    fill_vcpus: int
    fill_mib: int
    cap_count: int
    vcpus: int
    """Allocated before the plan. ``mib`` and ``count``: the same."""
    mib: int
    count: int
    overloaded: bool
    """Whether it counts as overloaded before the plan."""
    vcpus_at_threshold: float
    """The threshold of ``cpu_ratio`` in vCPUs, as a fraction. ``mib_at_threshold``: that of memory in MiB."""
    mib_at_threshold: float

    def excess(self, vcpus: int, mib: int) -> float:
        """How far the node would be above its thresholds with these sums, as parts of the thresholds."""
        return max(0.0, vcpus / self.vcpus_at_threshold - 1) + max(0.0, mib / self.mib_at_threshold - 1)


@dataclass(frozen=True, slots=True)
class ExactVM:
    """One VM that may leave its node."""

    candidate: Candidate
    home: int
    vcpus: int
    mib: int
    cost: int
    targets: tuple[int, ...]
    """Rows of the nodes that may take it, without regard to their load."""
    apart: tuple[int, ...]
    """Indices of the anti-affinity groups of this VM. ``together``: of the affinity groups."""
    together: tuple[int, ...]
    alike: int
    """VMs with the same number are exchangeable: same home, size, cost and targets, and no group."""


@dataclass(frozen=True, slots=True)
class ExactModel:
    """A cluster. A group has the rows of its VMs that may move, and the rows of the nodes of its other VMs."""

    nodes: tuple[ExactNode, ...]
    vms: tuple[ExactVM, ...]
    members: dict[int, tuple[int, ...]]
    """Group -> its VMs (rows) that may move."""
    fixed: dict[int, tuple[int, ...]]
    """Group -> the node row of each member that may not move."""
    transitive: bool
    """Whether each node that a VM can reach over several moves can also be reached by a single one."""

    def at_home(self) -> list[list[int]]:
        """Node -> its VMs that may move, cheapest first."""
        home: list[list[int]] = [[] for _ in self.nodes]
        for row in sorted(range(len(self.vms)), key=lambda v: (self.vms[v].cost, v)):
            home[self.vms[row].home].append(row)
        return home


def build_model(state: WorkingState) -> ExactModel:
    """The model of a state before any move, without measured loads: see ``is_small``."""
    working = list(state.working.values())
    row_of = {node.node.id: row for row, node in enumerate(working)}
    closed = [static_target_refusal(node.node, state) is not None for node in working]
    reach = {
        source: [
            target
            for target, node in enumerate(working)
            if target != source and not closed[target] and pair_refusal(working[source].node, node.node, state) is None
        ]
        for source in range(len(working))
    }
    movable = [
        (row, verdict)
        for row, node in enumerate(working)
        if source_refusal(node.node, state) is None
        for vm in state.vms_on[node.node.id]
        if isinstance(verdict := candidate(vm, state), Candidate)
    ]
    held = _held(state, [vm for _, vm in movable])
    nodes = tuple(_node(node, state) for node in working)
    vms = _reachable(nodes, _vms([(row, vm) for row, vm in movable if vm.vm.id not in held], reach, working, state))
    moving = {vm.candidate.vm.id: row for row, vm in enumerate(vms)}
    members, fixed = _members(state, moving, row_of)
    return ExactModel(
        nodes=nodes,
        vms=vms,
        members=members,
        fixed=fixed,
        transitive=all(set(reach[via]) - {source} <= set(reach[source]) for source in reach for via in reach[source]),
    )


def _node(node: WorkingNode, state: WorkingState) -> ExactNode:
    policy, cluster = state.policy, state.clusters.get(node.node.cluster_id)
    limits = (node.node.vm_limit, cluster.vm_limit_per_node if cluster else None)
    return ExactNode(
        node_id=node.node.id,
        cap_vcpus=most_vcpus(node.cpus, policy.cpu_overload_ratio),
        cap_mib=most_mib(node.memory_mib, policy.memory_overload_percent),
        fill_vcpus=fill_vcpus(node, policy),
        fill_mib=fill_mib(node, policy),
        cap_count=min((limit for limit in limits if limit is not None), default=NO_LIMIT),
        vcpus=node.vcpus,
        mib=node.memory_allocated_mib,
        count=node.vm_count,
        overloaded=is_overloaded(node.node, state),
        vcpus_at_threshold=node.cpus * policy.cpu_overload_ratio,
        mib_at_threshold=node.memory_mib * policy.memory_overload_percent / 100,
    )


def _vms(
    movable: Iterable[tuple[int, Candidate]],
    reach: dict[int, list[int]],
    working: list[WorkingNode],
    state: WorkingState,
) -> tuple[ExactVM, ...]:
    alike: dict[object, int] = {}
    vms = []
    for home, vm in movable:
        targets = tuple(t for t in reach[home] if _may_ever_go(vm, working[t], state))
        if not targets:
            continue
        apart = tuple(g.index for g in state.groups.apart.get(vm.vm.id, ()))
        together = tuple(g.index for g in state.groups.together.get(vm.vm.id, ()))
        cost = _cost(vm, state)
        key = (home, vm.vcpus, vm.memory_mib, cost, targets, vm.vm.id if apart or together else None)
        number = alike.setdefault(key, len(alike))
        vms.append(ExactVM(vm, home, vm.vcpus, vm.memory_mib, cost, targets, apart, together, number))
    return tuple(vms)


def _reachable(nodes: Sequence[ExactNode], vms: Sequence[ExactVM]) -> tuple[ExactVM, ...]:
    """The VMs that can move in some order of moves, with the targets that may have room then.

    VMs that leave a target make room on it, and they need targets too. If the nodes are full, VMs may wait for each
    other in a circle: then none of them is returned, and their nodes cannot be cleared.
    """
    vcpus, mib = [node.vcpus for node in nodes], [node.mib for node in nodes]
    targets: dict[int, tuple[int, ...]] = {}
    progress = True
    while progress:
        progress = False
        for row, vm in enumerate(vms):
            able = tuple(
                t
                for t in vm.targets
                if vcpus[t] + vm.vcpus <= nodes[t].fill_vcpus and mib[t] + vm.mib <= nodes[t].fill_mib
            )
            if able and row not in targets:
                vcpus[vm.home] -= vm.vcpus
                mib[vm.home] -= vm.mib
                progress = True
            if able:
                targets[row] = able
    return tuple(replace(vm, targets=targets[row]) for row, vm in enumerate(vms) if row in targets)


def _cost(vm: Candidate, state: WorkingState) -> int:
    """As ``costs`` of ``optimal``, as a Python int."""
    policy: Policy = state.policy
    if policy.goal == COST_MOVES:
        return ONE_MOVE + vm.memory_mib
    if policy.goal == COST_MEMORY:
        return vm.memory_mib * _ONE_MIB + 1
    return migration_us(copied_mib(vm.vm, state.clusters.get(vm.vm.cluster_id)), policy)


def _may_ever_go(vm: Candidate, target: WorkingNode, state: WorkingState) -> bool:
    """Whether the fixed rules of the operator (pins, nodes just left) allow the VM on this node."""
    return not state.groups.binds(vm.vm.id) or fixed_group_refusal(vm, target, state) is None


def _held(state: WorkingState, movable: list[Candidate]) -> set[int]:
    """VMs that an affinity rule holds on their node, for any moves of other VMs.

    A VM leaves its mates only for a node with more of them. So the first VM of a group that leaves needs such a node
    before any move; others may follow it. VMs that can never leave are held.
    """
    groups = state.groups
    waiting = [vm for vm in movable if groups.together.get(vm.vm.id)]
    free: set[int] = set()
    progress = True
    while progress:
        progress = False
        for vm in waiting:
            if vm.vm.id not in free and _could_leave(vm.vm.id, free, state):
                free.add(vm.vm.id)
                progress = True
    return {vm.vm.id for vm in waiting} - free


def _could_leave(vm_id: int, free: set[int], state: WorkingState) -> bool:
    groups = state.groups
    for group in groups.together.get(vm_id, ()):
        home = groups.place(vm_id)
        roaming = len(group.members & free - {vm_id})
        here = sum(1 for mate in group.members - free - {vm_id} if groups.place(mate) == home)
        places = {groups.place(mate) for mate in group.members - free - {vm_id}} - {home, None}
        there = roaming + max((groups.mates_on(group, vm_id, place) for place in places), default=0)
        if here and there <= here:
            return False
    return True


def _members(
    state: WorkingState, moving: dict[int, int], row_of: dict[int, int]
) -> tuple[dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]]:
    members: dict[int, tuple[int, ...]] = {}
    fixed: dict[int, tuple[int, ...]] = {}
    every = {g.index: g for own in (state.groups.apart, state.groups.together) for gs in own.values() for g in gs}
    for index, group in every.items():
        members[index] = tuple(sorted(moving[vm_id] for vm_id in group.members if vm_id in moving))
        places = (state.groups.place(vm_id) for vm_id in sorted(group.members) if vm_id not in moving)
        fixed[index] = tuple(row_of[place] for place in places if place is not None and place in row_of)
    return members, fixed
