"""A tighter bound if there is too little room for large VMs, so that other VMs must move to make room.

Take the VMs of at least a certain size (and from certain kinds of nodes). Let each of their departures cost one more
move, and each of their arrivals one less. The sum of every plan stays the same, because each departure is an arrival on
another node. Now the least part of each node can be computed alone: nodes to relieve prefer smaller VMs, and a node
gains only by taking as many large VMs as it has room for, for which others may have to leave. The sum of the parts is a
bound (Lagrangian relaxation with prices 0 and 1). Several sizes are tried; the best bound is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balancer.strategies.arrays import Bools, Ints
from balancer.strategies.optimal.costs import ONE_MOVE
from balancer.strategies.optimal.covering import Case, Cover, cheapest_of_each
from balancer.strategies.optimal.problem import Problem

TRIED = 6
"""The most sizes that are tried, starting with those with the least room."""
EXACT = 400
"""The most nodes and numbers of large VMs that are computed exactly for one size; beyond that, no bound is given."""


@dataclass(frozen=True)
class _Large:
    """VMs of at least this size from nodes of these kinds."""

    kinds: tuple[int, ...]
    vcpus: int
    mib: int

    def slots(self, vcpus: Ints, mib: Ints) -> Ints:
        """How many of them have room at most."""
        counts: Ints = np.maximum(np.minimum(vcpus // self.vcpus, mib // self.mib), 0)
        return counts


def least_cost(problem: Problem, covers: Sequence[Cover], prices: Ints) -> int:
    """The best lower bound for the cost of all moves together.

    Args:
        problem: with the VMs of all nodes.
        covers: the cheapest set of each of its nodes.
        prices: cost of each VM's move: the number of moves first, then the memory.
    """
    least = sum(cover[0] for cover in covers)
    chosen = np.array([r.rows[k] for r, c in zip(problem.reliefs, covers, strict=True) for k in c[1]], dtype=np.int64)
    for large in _scarce(problem, chosen):
        least = max(least, _bound(problem, covers, prices, large))
    return least


def _scarce(problem: Problem, chosen: Ints) -> list[_Large]:
    """Sizes of which more VMs would leave than have room, the largest lack first."""
    nodes, vms, room = problem.nodes, problem.vms, problem.room
    not_overloaded = np.ones(len(nodes), dtype=np.bool_)
    not_overloaded[problem.overloaded] = False
    groups = []
    for kinds in _families(nodes.compatible):
        takes = _takers(problem, kinds) & not_overloaded
        of_kinds = chosen[np.isin(nodes.kind[vms.node[chosen]], kinds)]
        sizes = {(int(vms.vcpus[v]), int(vms.mib[v])) for v in of_kinds.tolist()}
        for vcpus, mib in sorted(sizes):
            large = _Large(kinds, vcpus, mib)
            leave = int(((vms.vcpus[of_kinds] >= vcpus) & (vms.mib[of_kinds] >= mib)).sum())
            there = int(large.slots(room.vcpus[takes], room.mib[takes]).sum())
            if leave > there:
                groups.append((there - leave, -vcpus, -mib, large))
    groups.sort(key=lambda entry: (*entry[:3], entry[3].kinds))
    return [entry[3] for entry in groups[:TRIED]]


def _families(compatible: Bools) -> list[tuple[int, ...]]:
    """For each kind of node, the kinds with the same or fewer open targets: their VMs compete for the same room."""
    families = {
        tuple(j for j in range(len(compatible)) if not (compatible[j] & ~compatible[k]).any())
        for k in range(len(compatible))
    }
    return sorted(families)


def _takers(problem: Problem, kinds: tuple[int, ...]) -> Bools:
    taken_in = np.asarray(problem.nodes.compatible[list(kinds)].any(axis=0), dtype=np.bool_)
    takes: Bools = problem.nodes.open & taken_in[problem.nodes.kind]
    return takes


def _bound(problem: Problem, covers: Sequence[Cover], prices: Ints, large: _Large) -> int:
    nodes, vms, room = problem.nodes, problem.vms, problem.room
    is_large = (vms.vcpus >= large.vcpus) & (vms.mib >= large.mib) & np.isin(nodes.kind[vms.node], large.kinds)
    prices = prices + ONE_MOVE * is_large
    takes = _takers(problem, large.kinds)
    least = np.zeros(len(nodes), dtype=np.int64)
    need_c, need_m = np.zeros(len(nodes), dtype=np.int64), np.zeros(len(nodes), dtype=np.int64)
    dearer = []
    ends_well = np.ones(len(nodes), dtype=np.bool_)
    ends_well[problem.unclearable] = False
    for i, (relief, cover) in enumerate(zip(problem.reliefs, covers, strict=True)):
        least[relief.node] = cover[0]
        need_c[relief.node], need_m[relief.node] = problem.proven[i].need_vcpus, problem.proven[i].need_mib
        if is_large[relief.rows[cover[1]]].any():
            dearer.append(i)
    again = [problem.proven[i]._replace(costs=prices[problem.reliefs[i].rows]) for i in dearer]
    for i, relaxed_cover in zip(dearer, cheapest_of_each(again, relaxed=True), strict=True):
        least[problem.reliefs[i].node] = 0 if relaxed_cover is None else relaxed_cover[0]
    not_overloaded = np.ones(len(nodes), dtype=np.bool_)
    not_overloaded[problem.overloaded] = False
    slots = large.slots(room.vcpus, room.mib)
    least[not_overloaded & takes] = -ONE_MOVE * slots[not_overloaded & takes]
    hosts = _winners(
        problem, large, takes & ends_well, least=least, moves=1 + is_large.astype(np.int64), needs=(need_c, need_m)
    )
    if len(hosts) > EXACT:
        return 0
    cases = [
        Case(vms.vcpus[rows], vms.mib[rows], prices[rows], *need)
        for node, _, need in hosts
        for rows in [np.arange(vms.start[node], vms.start[node + 1])]
    ]
    for (node, number, _), relaxed_cover in zip(hosts, cheapest_of_each(cases, relaxed=True), strict=True):
        if relaxed_cover is not None:
            least[node] = min(least[node], relaxed_cover[0] - ONE_MOVE * number)
    return int(least.sum())


def _winners(
    problem: Problem, large: _Large, able: Bools, *, least: Ints, moves: Ints, needs: tuple[Ints, Ints]
) -> list[tuple[int, int, tuple[int, int]]]:
    """Nodes that might gain by taking this many large VMs while others leave, and what must leave then.

    No leaving VM frees more per cost (``moves``, by VM) than the best VM of the node. If the number does not gain even
    at this rate, it is left out. With an equal number of moves it gains only if some VMs must leave anyway: other nodes
    copy nothing.
    """
    vms, room, size = problem.vms, problem.room, len(problem.nodes)
    best_c, best_m = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
    np.maximum.at(best_c, vms.node, 2 * vms.vcpus // moves)
    np.maximum.at(best_m, vms.node, 2 * vms.mib // moves)
    all_c = room.vcpus + np.bincount(vms.node, vms.vcpus, size).astype(np.int64)
    all_m = room.mib + np.bincount(vms.node, vms.mib, size).astype(np.int64)
    most, first = large.slots(all_c, all_m), large.slots(room.vcpus, room.mib) + 1
    fewest, must = least // ONE_MOVE, (needs[0] > 0) | (needs[1] > 0)
    winners: list[tuple[int, int, tuple[int, int]]] = []
    for number in range(1, int(most[able].max(initial=0)) + 1):
        lack_c = np.maximum(needs[0], number * large.vcpus - room.vcpus)
        lack_m = np.maximum(needs[1], number * large.mib - room.mib)
        price = np.maximum(-(-2 * lack_c // np.maximum(best_c, 1)), -(-2 * lack_m // np.maximum(best_m, 1)))
        pays = able & (number >= first) & (number <= most) & (price - number < fewest + must)
        winners += [(i, number, (int(lack_c[i]), int(lack_m[i]))) for i in np.flatnonzero(pays).tolist()]
    return winners
