"""The last step of a plan: the same VMs leave, but go to the nodes with the most room, without waiting.

The search packs tightly, so that large gaps stay for large VMs. When all VMs have targets, each VM may get a better
one: first nodes that no other VM must leave before, then nodes that stay below the target thresholds, and of these the
emptiest. If no node stays below them, the target of the search is kept: it leaves larger gaps for later VMs. This needs
no additional migration.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from balancer.policy import Policy
from balancer.scoring import DENSITY_CAP
from balancer.strategies.arrays import Bools, Floats
from balancer.strategies.optimal.packing import Room
from balancer.strategies.optimal.sequence import Pair


def retarget(room: Room, relocations: Sequence[Sequence[Pair]], policy: Policy) -> list[list[Pair]]:
    """The relocations with new targets. ``room`` is the room after all relocations, before and after this call.

    ``relocations`` are in their best order: a VM that goes to a node which a later relocation empties has to wait.
    """
    vms = room.vms
    moved = sorted(
        ((vm, target, i, k) for i, pairs in enumerate(relocations) for k, (vm, target) in enumerate(pairs)),
        key=lambda move: (-int(vms.mib[move[0]]), -int(vms.vcpus[move[0]]), move[0]),
    )
    last_left = np.full(len(room.count), -1)
    for i, pairs in enumerate(relocations):
        last_left[[vms.node[vm] for vm, _ in pairs]] = i
    settled = [list(pairs) for pairs in relocations]
    for vm, target, i, k in moved:
        room.place(vm, target, -1)
        best = _best(room, vm, target, last_left > i, policy)
        room.place(vm, best)
        settled[i][k] = (vm, best)
    return settled


def _best(room: Room, vm: int, target: int, waits: Bools, policy: Policy) -> int:
    fits = np.flatnonzero(room.targets(vm))
    if not len(fits):
        return target
    fullness, too_full = _fullness(room, vm, policy)
    fullness, too_full = fullness[fits], too_full[fits]
    penalty = 2 * waits[fits] + too_full
    best = penalty == penalty.min()
    if too_full[best].all() and target in fits[best]:
        return target
    return int(fits[best][np.argmin(fullness[best])])


def _fullness(room: Room, vm: int, policy: Policy) -> tuple[Floats, Bools]:
    """How full each node would be, as parts of its thresholds, and whether it is above the target thresholds.

    Measured nodes are compared by their load, which says more than the allocation. All nodes are computed: this is
    faster than selecting those on which the VM fits.
    """
    nodes, vms = room.nodes, room.vms
    ratio = (nodes.fill_vcpus - room.vcpus + vms.vcpus[vm]) / nodes.cpus
    percent = 100 * (nodes.fill_mib - room.mib + vms.mib[vm]) / nodes.memory_mib
    density = np.minimum((nodes.cap_count - room.count + 1) / nodes.cpus, DENSITY_CAP)
    score = ratio + density * policy.density_weight
    cpu = ratio / policy.cpu_overload_ratio
    if room.any_measured:
        load = room.load_parts(vm)
        score = np.where(
            nodes.measured, load * policy.cpu_overload_ratio + density * policy.measured_density_weight, score
        )
        cpu = np.where(nodes.measured, load, cpu)
    too_full = (score >= policy.cpu_target_score) | (percent >= policy.memory_target_percent)
    return np.maximum(cpu, percent / policy.memory_overload_percent), too_full
