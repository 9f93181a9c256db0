"""The last step of a plan: the same VMs leave, but go to the nodes with the most room, without waiting.

The search packs tightly, so that large gaps stay for large VMs. Once everything has found its place, each VM is
offered the other nodes that can take it: first those that no other VM must leave before, then those that stay below
the target thresholds, and of these the emptiest. Where no node stays below them the gap that the search chose is
as good, and leaves larger ones to VMs that are still to come. It costs no migration.
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
    """The same relocations with new targets; ``room`` is the one after all of them, and is so afterwards too.

    ``relocations`` are in the order in which they are best carried out: a VM that goes to a node which a later
    relocation empties would have to wait for it.
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
    """How full each node would be, in parts of its thresholds, and whether above the target thresholds.

    Measured nodes are compared by their load: where the VMs are busy, what is allocated says little. All nodes are
    computed: that is faster than to pick those that fit.
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
