"""The optimal plan of a small cluster, or the best that a limited amount of work finds."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from balancer.state import WorkingState
from balancer.strategies.exact.cover import INFEASIBLE, Covers
from balancer.strategies.exact.model import ExactModel
from balancer.strategies.exact.order import Pair
from balancer.strategies.exact.search import Best, PlacementSearch, Value, WorkLimitReached

MAX_NODES = 16
MAX_VMS = 90
"""Larger clusters are left to the heuristics."""
WORK = 40_000
"""Placements and parts of placements that one search visits."""
FIRST_WORK = 4_000
"""Of a first search that knows no plan yet: enough for most clusters of a few nodes."""


@dataclass(frozen=True, slots=True)
class ExactResult:
    """The outcome of one search."""

    moves: list[Pair] | None
    """A plan that is better than the known one, in a legal order; ``None`` = none was found."""
    value: Value
    """Of ``moves``, else of the known plan."""
    proven: bool
    """No plan has a lower value, not even one that moves a VM twice."""
    order_matters: bool
    """A placement of lower value exists that no legal order reaches with one move for each VM."""


def is_small(state: WorkingState) -> bool:
    """Whether the exact search takes this cluster. It does not take measured loads, which moves change by estimates."""
    nodes = state.working.values()
    return len(nodes) <= MAX_NODES and all(node.live is None for node in nodes)


def improve(model: ExactModel, known: Value, work: int = WORK) -> ExactResult:
    """Looks for a plan that is better than one of value ``known``, over all plans that move each VM at most once."""
    covers = Covers(model)
    overloaded = [i for i, node in enumerate(model.nodes) if node.overloaded]
    unclearable = frozenset(i for i in overloaded if _unclearable(model, covers, i))
    others = [i for i in overloaded if i not in unclearable]
    best = Best(known, work)
    complete = True
    for number in range(len(others) + 1):
        if len(unclearable) + number > best.value.left:
            break
        share = best.work if len(unclearable) + number >= known.left else best.work // 2
        complete &= _search_level(
            model, covers, [unclearable | set(c) for c in combinations(others, number)], best, share
        )
        if best.value.left == len(unclearable) + number:
            break
    cheapest = min((vm.cost for vm in model.vms), default=0)
    lower = best.without_order
    order_matters = lower is not None and Value(lower.left, lower.excess, lower.cost + cheapest) < best.value
    proven = complete and not best.order_unknown and not order_matters and model.transitive
    return ExactResult(best.moves, best.value, proven, order_matters)


def _search_level(model: ExactModel, covers: Covers, choices: list[frozenset[int]], best: Best, share: int) -> bool:
    """All sets of nodes that may stay overloaded, of one size; whether they were searched completely."""
    reserve, best.work = best.work - share, share
    complete = True
    for i, left in enumerate(choices):
        rest = best.work
        best.work = rest // (len(choices) - i)
        rest -= best.work
        try:
            PlacementSearch(model, covers, left, best).run()
        except WorkLimitReached:
            complete, best.work = False, 0
        best.work += rest
    best.work += reserve
    return complete


def _unclearable(model: ExactModel, covers: Covers, i: int) -> bool:
    """Whether the node stays overloaded even when all VMs that may leave have left it."""
    node, rows = model.nodes[i], model.at_home()[i]
    mask = (1 << len(rows)) - 1
    return covers.least(i, mask, node.vcpus - node.cap_vcpus, node.mib - node.cap_mib, 0) >= INFEASIBLE
