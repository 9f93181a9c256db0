"""The last touch of a plan: the same VMs leave, but go where there is most room.

The search packs tightly, so that large gaps stay for large VMs. Once everything has found its place, each VM is
offered the emptiest node that can take it, those below the target thresholds first. It costs no migration.
"""

from __future__ import annotations

import numpy as np

from balancer.arrays import Floats, Ints
from balancer.clearing.packing import Room
from balancer.clearing.sequence import Pair
from balancer.policy import Policy

_PENALTY = 100.0
"""Worse than any load: a target at or above the target thresholds."""


def settle(room: Room, answers: list[list[Pair]], policy: Policy) -> list[list[Pair]]:
    """The same answers with new targets; ``room`` is the one after all of them and is kept so."""
    vms = room.vms
    moved = sorted(
        ((vm, target, i, k) for i, pairs in enumerate(answers) for k, (vm, target) in enumerate(pairs)),
        key=lambda move: (-int(vms.mib[move[0]]), -int(vms.vcpus[move[0]]), move[0]),
    )
    settled = [list(pairs) for pairs in answers]
    for vm, target, i, k in moved:
        room.place(vm, target, -1)
        fits = np.flatnonzero(room.targets(vm))
        best = int(fits[np.argmin(_burden(room, vm, fits, policy))]) if len(fits) else target
        room.place(vm, best)
        settled[i][k] = (vm, best)
    return settled


def _burden(room: Room, vm: int, fits: Ints, policy: Policy) -> Floats:
    """How full each of these nodes would be, in parts of its thresholds."""
    nodes, vms = room.nodes, room.vms
    vcpus = nodes.fill_vcpus[fits] - room.vcpus[fits] + vms.vcpus[vm]
    mib = nodes.fill_mib[fits] - room.mib[fits] + vms.mib[vm]
    count = nodes.cap_count[fits] - room.count[fits] + 1
    ratio, percent = vcpus / nodes.cpus[fits], 100 * mib / nodes.memory_mib[fits]
    score = ratio + np.minimum(count / nodes.cpus[fits], 2.0) * policy.density_weight
    spoilt = (score >= policy.cpu_target_score) | (percent >= policy.memory_target_percent)
    full = np.maximum(ratio / policy.cpu_overload_ratio, percent / policy.memory_overload_percent)
    return np.asarray(full + _PENALTY * spoilt, dtype=np.float64)
