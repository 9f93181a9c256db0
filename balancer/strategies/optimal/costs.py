"""The cost of a migration: an estimate of its time, and the whole numbers that a strategy adds and compares.

Costs are whole (microseconds, MiB, moves), so that sums are exact and a bound on them is a proof.
"""

from __future__ import annotations

import numpy as np

from balancer.migration_time import migration_us
from balancer.policy import COST_MEMORY, COST_MOVES, Policy
from balancer.strategies.arrays import Ints, VMArrays

ONE_MOVE = 2**40
"""Larger than the memory of a cluster in MiB: 2**40 MiB are an exbibyte."""
_ONE_MIB = 2**20
"""Larger than a million moves."""


def durations(vms: VMArrays, policy: Policy) -> Ints:
    """The estimated time of each VM's migration in microseconds."""
    sizes, place = np.unique(vms.copied_mib, return_inverse=True)
    each = np.fromiter((migration_us(size, policy) for size in sizes.tolist()), dtype=np.int64, count=len(sizes))
    return each[place]


def costs(vms: VMArrays, times: Ints, optimize_for: str) -> Ints:
    """The cost of each VM's move: its time (``durations``), or moves before memory, or memory before moves."""
    if optimize_for == COST_MOVES:
        return moves_first(vms)
    if optimize_for == COST_MEMORY:
        return vms.mib * _ONE_MIB + 1
    return times


def moves_first(vms: VMArrays) -> Ints:
    """The cost of each move: one move, then its memory. Of plans with equally many moves, less memory is cheaper."""
    return ONE_MOVE + vms.mib


def tolerances(vms: VMArrays, costs: Ints, optimize_for: str) -> tuple[int, ...]:
    """How much more than the best plan an intermediate plan of the search may cost: half of the cheapest move.

    If moves come before memory, this does not distinguish plans with equally many moves: then a second value, by memory
    only.
    """
    half = int(costs.min()) // 2 if len(costs) else 0
    return (half, int(vms.mib.max(initial=0)) // 4) if optimize_for == COST_MOVES else (half,)
