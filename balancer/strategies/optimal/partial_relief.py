"""For nodes that stay overloaded: less overloaded at least. Each loses what relieves it most and fits somewhere."""

from __future__ import annotations

from collections.abc import Iterable

from balancer.strategies.optimal.packing import Room
from balancer.strategies.optimal.problem import FINE, Problem, by_own_loads
from balancer.strategies.optimal.sequence import Pair


def relieve_partially(problem: Problem, room: Room, moved: Iterable[int], left: list[int]) -> dict[int, list[Pair]]:
    """For each of these nodes the VMs that leave it and where they go; ``room`` is filled accordingly.

    ``moved``: rows of VMs that have gone already.
    """
    gone = set(moved)
    relocations = {node: _some(problem, room, gone, node) for node in left}
    return {node: pairs for node, pairs in relocations.items() if pairs}


def _some(problem: Problem, room: Room, gone: set[int], node: int) -> list[Pair]:
    vms = problem.vms
    pairs: list[Pair] = []
    lack_c, lack_m = problem.needs(node)
    rows = [row for row in range(int(vms.start[node]), int(vms.start[node + 1])) if row not in gone]
    while rows:
        row = min(rows, key=lambda r: (-_relief(problem, node, r, lack_c, lack_m), int(problem.costs[r]), r))
        if _relief(problem, node, row, lack_c, lack_m) <= 0:
            break
        rows.remove(row)
        target = room.best_fit(row)
        if target >= 0:
            room.place(row, target)
            pairs.append((row, target))
            lack_c, lack_m = lack_c - int(problem.relief[row]), lack_m - int(vms.mib[row])
    return pairs


def _relief(problem: Problem, node: int, row: int, lack_c: int, lack_m: int) -> float:
    """How much of the excess goes with this VM, in parts of the thresholds."""
    c, m = min(int(problem.relief[row]), max(0, lack_c)), min(int(problem.vms.mib[row]), max(0, lack_m))
    nodes = problem.nodes
    most = FINE * int(nodes.cpus[node]) if by_own_loads(problem.state, nodes, node) else int(nodes.cap_vcpus[node])
    return c / max(1, most) + m / max(1, int(nodes.cap_mib[node]))
