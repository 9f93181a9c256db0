"""Finds the optimal plan of a small cluster, or the best plan within a limit of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import inf

from balancer.state import WorkingState
from balancer.strategies.exact.cover import INFEASIBLE, Covers
from balancer.strategies.exact.floor import (
    Floor,
    Work,
    find_any,
    find_best,
    find_fewer,
    find_floor,
    nodes_left,
    sets_of_nodes,
)
from balancer.strategies.exact.model import ExactModel
from balancer.strategies.exact.order import Pair, order_of
from balancer.strategies.exact.packing_bound import Goal
from balancer.strategies.exact.search import Best, PlacementSearch, Value, WorkLimitReached

MAX_NODES = 16
MAX_VMS = 90
"""The most VMs of a small cluster. Larger clusters are planned by the heuristics."""
WORK = 80_000
"""How many (partial) placements all searches of one cluster of ``NODES`` nodes visit together. Fewer in a larger
cluster, where each visit takes longer: a plan should take at most a second."""
NODES = 8
PART_FOR_FEWER = 2 / 3
"""The search for a plan that clears one node more gets at most this part of the work."""
FIRST_WORK = 4_000
"""The work of a first search without a known plan: enough for most clusters of a few nodes."""


@dataclass(frozen=True, slots=True)
class ExactResult:
    """The result of one search."""

    moves: list[Pair] | None
    """A plan that is better than the known one, in a legal order; ``None`` = none was found."""
    value: Value
    """The value of ``moves``, else of the known plan."""
    proven: bool
    """Proven: no plan that moves each VM at most once has a lower value."""
    proven_for_all: bool
    """Proven also for plans that move VMs several times."""


def is_small(state: WorkingState) -> bool:
    """Whether the exact search can plan this cluster. Not with measured loads: moves change them only by estimates."""
    nodes = state.working.values()
    return len(nodes) <= MAX_NODES and all(node.live is None for node in nodes)


def first_plan(model: ExactModel, known: Value) -> ExactResult:
    """A short search, which is enough for most clusters of a few nodes."""
    best, covers = Best(known, FIRST_WORK), Covers(model)
    return _result(model, best, _search_everything(model, covers, _find_unclearable(model, covers), best))


def improve(model: ExactModel, known: Value, moves: Sequence[Pair] = ()) -> ExactResult:
    """Searches for a plan with a better value than ``known``, among all plans that move each VM at most once.

    First it finds the floor. A plan that reaches the floor is optimal. If none is found, another search looks for a
    better plan.
    """
    covers = Covers(model)
    work = Work(WORK * NODES // max(NODES, len(model.nodes)))
    unclearable = _find_unclearable(model, covers)
    start = ExactResult(None, known, proven=False, proven_for_all=False)
    part = Work(int(work.left * PART_FOR_FEWER))
    work.left -= part.left
    fewer = find_fewer(model, covers, unclearable, nodes_left(model, moves), part)
    work.left += part.left
    if fewer is not None and fewer[0] < known:
        start = ExactResult(fewer[1], fewer[0], proven=False, proven_for_all=False)
    better = find_any(model, covers, unclearable, start.value, work)
    if better is not None:
        start = ExactResult(better[1], better[0], proven=False, proven_for_all=False)
    floor = find_floor(model, unclearable, start.value, work)
    result = start
    if floor is not None:
        result = _from_floor(model, covers, floor, start.value, work)
        result = replace(result, moves=result.moves or start.moves)
    if result.proven:
        return result
    best = Best(result.value, max(FIRST_WORK, work.left), result.moves)
    return _result(model, best, _search_everything(model, covers, unclearable, best))


def _find_unclearable(model: ExactModel, covers: Covers) -> frozenset[int]:
    return frozenset(i for i, node in enumerate(model.nodes) if node.overloaded and _is_unclearable(model, covers, i))


def _from_floor(model: ExactModel, covers: Covers, floor: Floor, known: Value, work: Work) -> ExactResult:
    """The best plan at the floor; if no plan reaches it, the best plan above it."""
    start = Goal(floor.excess, known.cost if known[:2] == (floor.left, floor.excess) else INFEASIBLE)
    cheapest = find_best(model, covers, floor.sets, start, work, floor=floor.excess, ordered=False)
    order = None if cheapest.moves is None else order_of(model, cheapest.moves)
    if cheapest.complete and (cheapest.moves is None or order is not None):
        value = known if order is None else Value(floor.left, *cheapest.goal)
        return ExactResult(order, value, proven=True, proven_for_all=model.transitive)
    ordered = find_best(model, covers, floor.sets, start, work, floor=floor.excess, ordered=True)
    value = Value(floor.left, *ordered.goal)
    if ordered.moves is not None or start.cost < INFEASIBLE:
        lowest = cheapest.goal.cost if cheapest.complete else 0
        detour = max(lowest, ordered.cheapest_refused) + min((vm.cost for vm in model.vms), default=0)
        for_all = ordered.complete and value.cost <= detour and model.transitive
        return ExactResult(ordered.moves, value, ordered.complete, for_all)
    return _above_floor(model, covers, floor, known, work)


def _above_floor(model: ExactModel, covers: Covers, floor: Floor, known: Value, work: Work) -> ExactResult:
    """The best plan above the floor, if no plan that moves each VM at most once is known to reach the floor."""
    best, moves, complete = known, None, True
    for number in range(floor.left, known.left + 1):
        sets = list(sets_of_nodes(model, floor.unclearable, number))
        start = Goal(best.excess, best.cost) if number == best.left else Goal(inf, INFEASIBLE)
        lowest = floor.excess if number == floor.left else 0.0
        above = find_best(model, covers, sets, start, work, floor=lowest, ordered=True)
        complete &= above.complete
        if above.moves is not None:
            best, moves = Value(number, *above.goal), above.moves
            break
    return ExactResult(moves, best, proven=complete, proven_for_all=False)


def _search_everything(model: ExactModel, covers: Covers, unclearable: frozenset[int], best: Best) -> bool:
    others = [i for i, node in enumerate(model.nodes) if node.overloaded and i not in unclearable]
    complete, known = True, best.value
    for number in range(len(others) + 1):
        left = len(unclearable) + number
        if left > best.value.left:
            break
        reserve = 0 if left >= known.left else best.work - best.work // 2
        sets = [unclearable | set(more) for more in combinations(others, number)]
        best.work -= reserve
        complete &= _search_sets(model, covers, sets, best, Value(left, 0.0, 0))
        best.work += reserve
        if best.value.left == left:
            break
    return complete


def _result(model: ExactModel, best: Best, complete: bool) -> ExactResult:
    cheapest = min((vm.cost for vm in model.vms), default=0)
    lower = best.without_order
    order_matters = lower is not None and Value(lower.left, lower.excess, lower.cost + cheapest) < best.value
    proven = complete and not best.order_unknown
    return ExactResult(best.moves, best.value, proven, proven and not order_matters and model.transitive)


def _search_sets(model: ExactModel, covers: Covers, sets: Sequence[frozenset[int]], best: Best, floor: Value) -> bool:
    """Searches sets of nodes that may stay overloaded, all of one size. True if the search was complete."""
    complete = True
    for i, left in enumerate(sets):
        rest = best.work
        best.work = rest // (len(sets) - i)
        rest -= best.work
        try:
            PlacementSearch(model, covers, left, best, floor).run()
        except WorkLimitReached:
            complete, best.work = False, 0
        best.work += rest
    return complete


def _is_unclearable(model: ExactModel, covers: Covers, i: int) -> bool:
    """Whether the node stays overloaded even without all VMs that may leave it."""
    node, rows = model.nodes[i], model.at_home()[i]
    mask = (1 << len(rows)) - 1
    return covers.least(i, mask, node.vcpus - node.cap_vcpus, node.mib - node.cap_mib, 0) >= INFEASIBLE
