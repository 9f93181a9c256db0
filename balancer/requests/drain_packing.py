"""Finds a target for each move group of a drain, as a packing problem over arrays. Imports NumPy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from balancer.requests.move_group import MoveGroup
from balancer.requests.packing import Assignment, PackingProblem, pack
from balancer.rules.constraints import group_refusal
from balancer.scoring import most_mib, most_vcpus
from balancer.state import WorkingNode, WorkingState
from balancer.strategies.arrays import Bools, Floats

_UNBOUNDED = 1e18
_ROUNDING = 1e-9
"""Measured loads are not whole numbers: this part of a target's limit stays free, so that the rules agree."""
_FULLNESS_RESOURCES = 3
"""How full a target is depends on the first resources (vCPUs, memory, load), not on VM count and available memory."""


def assign_groups(groups: Sequence[MoveGroup], targets: Sequence[WorkingNode], state: WorkingState) -> list[Assignment]:
    """A target for as many of the groups as the search can place. An assignment's item is an index of ``groups``."""
    return pack(_problem(groups, targets, state))


def _problem(groups: Sequence[MoveGroup], targets: Sequence[WorkingNode], state: WorkingState) -> PackingProblem:
    room, limits = _room(targets, state)
    conflicts = _conflicts(groups, state)
    allowed = np.array([_allowed(group, targets, state) for group in groups], dtype=np.bool_)
    never = np.diagonal(conflicts)  # two VMs of the group exclude each other, so no node can take the group
    return PackingProblem(
        needs=np.array([_needs(group, state) for group in groups], dtype=np.float64).reshape(-1, room.shape[1]),
        room=room,
        limits=limits,
        allowed=allowed.reshape(len(groups), len(targets)) & ~never[:, None],
        conflicts=conflicts,
        weights=np.array([len(group.vms) for group in groups], dtype=np.int64),
    )


def _needs(group: MoveGroup, state: WorkingState) -> tuple[float, ...]:
    """vCPUs, MiB, load, VMs, MiB of available memory."""
    vcpus, mib = sum(vm.vcpus for vm in group.vms), sum(vm.memory_mib for vm in group.vms)
    return vcpus, mib, sum(state.load_of(vm) for vm in group.vms), len(group.vms), mib


def _room(targets: Sequence[WorkingNode], state: WorkingState) -> tuple[Floats, Floats]:
    """The free room of each target, and its room without VMs."""
    policy = state.policy
    rows, limits = [], []
    for target in targets:
        vcpus = most_vcpus(target.cpus, policy.fill_limit(policy.cpu_overload_ratio))
        mib = most_mib(target.memory_mib, policy.fill_limit(policy.memory_overload_percent))
        most = (target.node.vm_limit, state.clusters[target.node.cluster_id].vm_limit_per_node)
        count = min((limit for limit in most if limit is not None), default=_UNBOUNDED)
        load, taken, available = _UNBOUNDED, 0.0, _UNBOUNDED
        if target.live is not None:
            load = policy.fill_limit(policy.ssh_load_overload) * target.live.cpus
            load -= _ROUNDING * max(1.0, load)
            taken, available = target.live.load, target.live.available_mib
        free = (vcpus - target.vcpus, mib - target.memory_allocated_mib, load - taken)
        rows.append((*free, count - target.vm_count, available))
        limits.append((max(vcpus, 1), max(mib, 1), load))
    resources = _FULLNESS_RESOURCES + 2
    room = np.array(rows, dtype=np.float64).reshape(-1, resources)
    return room, np.array(limits).reshape(-1, _FULLNESS_RESOURCES)


def _allowed(group: MoveGroup, targets: Sequence[WorkingNode], state: WorkingState) -> Bools:
    """Target -> whether the operator's rules allow all VMs of the group there."""
    bound = [vm for vm in group.vms if state.groups.binds(vm.vm.id)]
    if not bound:
        return np.ones(len(targets), dtype=np.bool_)
    return np.array([all(group_refusal(vm, t, state) is None for vm in bound) for t in targets], dtype=np.bool_)


def _conflicts(groups: Sequence[MoveGroup], state: WorkingState) -> Bools:
    """Which groups may not share a node; on the diagonal: groups whose own VMs may not share one."""
    conflicts = np.zeros((len(groups), len(groups)), dtype=np.bool_)
    members: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        for vm in group.vms:
            for rule in state.groups.apart.get(vm.vm.id, ()):
                members.setdefault(rule.index, []).append(row)
    for rows in members.values():
        for i, row in enumerate(rows):
            for other in rows[:i]:
                conflicts[row, other] = conflicts[other, row] = True
    return conflicts
