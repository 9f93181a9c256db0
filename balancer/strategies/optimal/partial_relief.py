"""Makes nodes that stay overloaded less overloaded: each loses the VMs that relieve it most and fit on a target."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from balancer.strategies.arrays import Floats, Ints
from balancer.strategies.optimal.packing import Room
from balancer.strategies.optimal.problem import FINE, Problem, by_own_loads
from balancer.strategies.optimal.sequence import Pair


def relieve_partially(problem: Problem, room: Room, moved: Iterable[int], left: list[int]) -> dict[int, list[Pair]]:
    """For each of these nodes the VMs that leave it, and their targets; updates ``room``.

    ``moved``: rows of VMs that have moved already.
    """
    moved_rows = set(moved)
    relocations = {node: _some(problem, room, moved_rows, node) for node in left}
    return {node: pairs for node, pairs in relocations.items() if pairs}


def _some(problem: Problem, room: Room, moved_rows: set[int], node: int) -> list[Pair]:
    vms = problem.vms
    pairs: list[Pair] = []
    lack_c, lack_m = problem.needs(node)
    here = range(int(vms.start[node]), int(vms.start[node + 1]))
    rows = np.array([row for row in here if row not in moved_rows], dtype=np.int64)
    misfits: list[tuple[int, int]] = []
    while len(rows):
        relief = _relief(problem, node, rows, lack_c, lack_m)
        order = np.lexsort((rows, problem.costs[rows], -relief))
        order = order[relief[order] > 0]
        chosen, target = _first_that_fits(room, rows[order].tolist(), misfits)
        if target < 0:
            break
        row, rows = int(rows[order[chosen]]), np.delete(rows, order[: chosen + 1])
        room.place(row, target)
        pairs.append((row, target))
        lack_c, lack_m = lack_c - int(problem.relief[row]), lack_m - int(vms.mib[row])
    return pairs


def _first_that_fits(room: Room, rows: list[int], misfits: list[tuple[int, int]]) -> tuple[int, int]:
    """The first of these VMs of one node that fits anywhere, by its place in ``rows``, and its target (-1 = none fits).

    ``misfits``: sizes that fit nowhere, nor does any larger one; more are added here.
    """
    vms = room.vms
    for i, row in enumerate(rows):
        vcpus, mib = int(vms.vcpus[row]), int(vms.mib[row])
        if any(vcpus >= c and mib >= m for c, m in misfits):
            continue
        target = room.best_fit(row)
        if target >= 0:
            return i, target
        if not (room.any_measured or room.is_bound(row)):
            misfits.append((vcpus, mib))
    return -1, -1


def _relief(problem: Problem, node: int, rows: Ints, lack_c: int, lack_m: int) -> Floats:
    """How much of the excess each of these VMs removes, as parts of the thresholds."""
    nodes = problem.nodes
    most = FINE * int(nodes.cpus[node]) if by_own_loads(problem.state, nodes, node) else int(nodes.cap_vcpus[node])
    c = np.minimum(problem.relief[rows], max(0, lack_c)) / max(1, most)
    m = np.minimum(problem.vms.mib[rows], max(0, lack_m)) / max(1, int(nodes.cap_mib[node]))
    relief: Floats = c + m
    return relief
