"""What no placement gets below: the fewest nodes left overloaded, then the least excess, then the least cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import inf

from balancer.strategies.exact.cover import INFEASIBLE, Covers
from balancer.strategies.exact.model import ExactModel
from balancer.strategies.exact.order import Pair
from balancer.strategies.exact.packing_bound import Goal, PackingSearch
from balancer.strategies.exact.search import Value

WORK = 20_000
"""States that the searches for one floor visit together; the search for the least cost visits as many."""
_STEP = 1e-9
"""The smallest difference between two excesses."""


@dataclass(frozen=True, slots=True)
class Floor:
    """What no placement gets below, without its cost."""

    left: int
    excess: float
    sets: tuple[frozenset[int], ...]
    """The sets of nodes that a placement with just so much excess can leave overloaded."""
    unclearable: frozenset[int]
    """The nodes that stay overloaded whatever leaves them."""


@dataclass(frozen=True, slots=True)
class Found:
    """The outcome of searches for the best placement."""

    goal: Goal
    """Of ``moves``, else the one that was known before."""
    moves: list[Pair] | None
    """The moves of the best placement that is better than the known one; ``None`` = none was found."""
    complete: bool
    """No placement that counts is better."""
    cheapest_refused: int = INFEASIBLE
    """A lower bound for the cost of placements without a legal order."""


def find_floor(model: ExactModel, unclearable: frozenset[int], known: Value) -> Floor | None:
    """The floor of a cluster for which a plan of value ``known`` exists; ``None`` = the work did not suffice."""
    work = WORK
    for number in range(len(unclearable), known.left + 1):
        least = known.excess + _STEP if number == known.left else inf
        excess: dict[frozenset[int], float] = {}
        for left in sets_of_nodes(model, unclearable, number):
            search = PackingSearch(model, left, Goal(least, 0), work=work)
            if not search.run_to_the_end():
                return None
            work = search.work
            if search.moves is not None:
                excess[left] = search.best.excess
                least = min(least, search.best.excess + _STEP)
        if excess:
            lowest = min(excess.values())
            return Floor(number, lowest, tuple(left for left in excess if excess[left] == lowest), unclearable)
    return None


def find_best(
    model: ExactModel, covers: Covers, sets: Sequence[frozenset[int]], known: Goal, *, floor: float, ordered: bool
) -> Found:
    """The best placement that leaves one of these sets of nodes overloaded.

    Args:
        model: the cluster.
        covers: its least costs of leaving.
        sets: nodes that may stay overloaded.
        known: only better placements count.
        floor: a lower bound of the excess.
        ordered: only placements count whose moves have a legal order.
    """
    best, complete, refused = Found(known, None, complete=True), True, INFEASIBLE
    for left in sets:
        for overloaded_first in (False, True):  # where one order of placing the VMs takes too long, another may not
            search = PackingSearch(
                model,
                left,
                best.goal,
                work=WORK // (2 * len(sets)),
                covers=covers,
                floor=floor,
                overloaded_first=overloaded_first,
                ordered=ordered,
            )
            ended = search.run_to_the_end()
            if search.moves is not None:
                best = replace(best, goal=search.best, moves=search.moves)
            refused = min(refused, search.cheapest_refused)
            if ended:
                break
        complete &= ended and not search.order_unknown
    return replace(best, complete=complete, cheapest_refused=refused)


def sets_of_nodes(model: ExactModel, unclearable: frozenset[int], number: int) -> Iterator[frozenset[int]]:
    """All sets of so many overloaded nodes, the unclearable ones among them."""
    clearable = [i for i, node in enumerate(model.nodes) if node.overloaded and i not in unclearable]
    return (unclearable | set(more) for more in combinations(clearable, number - len(unclearable)))
