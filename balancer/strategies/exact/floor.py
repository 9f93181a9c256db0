"""Lower bounds for all placements: the fewest nodes left overloaded, then the least excess, then the least cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import inf
from typing import NamedTuple

from balancer.strategies.exact.cover import INFEASIBLE, Covers
from balancer.strategies.exact.excess import DIGITS, ROUNDING
from balancer.strategies.exact.model import ExactModel
from balancer.strategies.exact.order import Pair
from balancer.strategies.exact.packing_bound import Goal, PackingSearch
from balancer.strategies.exact.packing_case import packing_case
from balancer.strategies.exact.search import Value

RISES, RISES_TO_ANY = (1, 1, 1, 1, 2, 2, 4, 8), (2, 4, 8)
"""By how many of the cheapest moves the limit of the cost rises from search to search, before it is dropped."""
MAX_SUMS = 4000
"""The most sums of leaving VMs that are computed for a node; if there are more, no bound is given."""
_STEP = 1e-9
"""The smallest difference between two excesses."""


@dataclass(slots=True)
class Work:
    """The remaining work of several searches, in visited states."""

    left: int

    def part(self, parts: int) -> int:
        """An equal part of the remaining work."""
        return max(0, self.left) // max(1, parts)


@dataclass(frozen=True, slots=True)
class Floor:
    """The lower bound for all placements, without the cost."""

    left: int
    excess: float
    sets: tuple[frozenset[int], ...]
    """Sets of nodes, among them all sets that a placement with exactly this excess can leave overloaded."""
    unclearable: frozenset[int]
    """The nodes that stay overloaded with any departures."""


@dataclass(frozen=True, slots=True)
class FloorResult:
    """The result of searches for the best placement."""

    goal: Goal
    """The goal of ``moves``, else the one that was known before."""
    moves: list[Pair] | None
    """The moves of the best placement, if it is better than the known one; ``None`` = no better one was found."""
    complete: bool
    """No placement in the scope is better."""
    cheapest_refused: int = INFEASIBLE
    """A lower bound for the cost of placements without a legal order."""


def find_floor(model: ExactModel, unclearable: frozenset[int], known: Value, work: Work) -> Floor | None:
    """The floor of a cluster for which a plan of value ``known`` exists; ``None`` = the allowed work was not enough."""
    if known.left == len(unclearable) and known.excess <= 0.0:
        return Floor(known.left, known.excess, (unclearable,), unclearable)  # the known plan reaches it
    each = {i: _least_while_overloaded(model, i) for i, node in enumerate(model.nodes) if node.overloaded}
    for number in range(len(unclearable), known.left + 1):
        least = known.excess + _STEP if number == known.left else inf
        excess: dict[frozenset[int], float] = {}
        for left in sets_of_nodes(model, unclearable, number):
            lowest = round(max(0.0, sum(each[i] for i in sorted(left)) - ROUNDING), DIGITS)
            search = PackingSearch(packing_case(model, left), Goal(least, 0), work=work.left, floor=lowest)
            ended = search.run_to_the_end()
            work.left = search.work
            if not ended:
                return None
            if search.moves is not None:
                excess[left] = search.best.excess
                least = min(least, search.best.excess + _STEP)
        if excess:
            lowest = min(excess.values())
            return Floor(number, lowest, tuple(left for left in excess if excess[left] == lowest), unclearable)
    return None


def _least_while_overloaded(model: ExactModel, node: int) -> float:
    """The least excess with which this node is still overloaded, for any departures of its VMs.

    If no placement leaves fewer nodes overloaded, each overloaded node has at least this excess.
    """
    of = model.nodes[node]
    sums = {(of.vcpus, of.mib)}
    for vm in model.vms:
        if vm.home == node:
            sums |= {(vcpus - vm.vcpus, mib - vm.mib) for vcpus, mib in sums}
        if len(sums) > MAX_SUMS:
            return 0.0
    return min(of.excess(vcpus, mib) for vcpus, mib in sums if vcpus > of.cap_vcpus or mib > of.cap_mib)


def find_best(
    model: ExactModel,
    covers: Covers,
    sets: Sequence[frozenset[int]],
    known: Goal,
    work: Work,
    *,
    floor: float,
    ordered: bool,
) -> FloorResult:
    """The best placement that leaves one of these sets of nodes overloaded.

    Args:
        model: the cluster.
        covers: its least costs of leaving.
        sets: nodes that may stay overloaded.
        known: only better placements count.
        work: how many states the searches may visit together.
        floor: a lower bound of the excess.
        ordered: only placements count whose moves have a legal order.
    """
    best, complete = FloorResult(known, None, complete=True), True
    for i, left in enumerate(sets):
        for overloaded_first in (False, True):  # if one order of placing the VMs takes too long, try the other
            given = Work(work.part(2 * (len(sets) - i) - overloaded_first))
            work.left -= given.left
            best = _deepen(model, covers, best, given, _Scope(left, floor, overloaded_first, ordered))
            work.left += max(0, given.left)
            if best.complete:
                break
        complete &= best.complete
    return replace(best, complete=complete)


class _Scope(NamedTuple):
    """The placements to search, and options of the search. See ``PackingSearch``."""

    left: frozenset[int]
    floor: float
    overloaded_first: bool
    ordered: bool
    prove: bool = True
    """Whether to prove that no placement is better; else any placement is enough."""


def _deepen(model: ExactModel, covers: Covers, best: FloorResult, work: Work, scope: _Scope) -> FloorResult:
    """The best placement of the scope; ``complete`` is only for this scope.

    Placements of low cost are searched first, with a rising limit. Low limits cut nearly all branches, and the limit
    at which a placement is found is close to the best cost. This is used only if a higher cost cannot give a lower
    excess.
    """
    left, floor, overloaded_first, ordered, prove = scope

    case = packing_case(model, left, overloaded_first=overloaded_first)

    def search(most: int, given: int) -> PackingSearch:
        return PackingSearch(
            *(case, best.goal), work=given, most_cost=most, covers=covers, floor=floor, ordered=ordered
        )

    step = max(1, min((vm.cost for vm in model.vms), default=1))
    limit, rises = search(0, 0).least_cost(), list[int]()
    if best.goal.excess <= floor or not prove:
        rises = list(RISES if prove else RISES_TO_ANY)
    if best.goal.cost >= INFEASIBLE and ordered and prove:
        rises = rises[:3]  # there may be no placement in the scope: more limits would only delay this answer
    while True:
        limit = limit + rises.pop(0) * step if rises else INFEASIBLE
        given = work.left // 2 if rises and prove else work.left
        tried = search(limit, given)
        ended = tried.run_to_the_end()
        work.left -= given - max(0, tried.work)
        refused = min(best.cheapest_refused, tried.cheapest_refused)
        best = replace(best, complete=ended and not tried.order_unknown, cheapest_refused=refused)
        if tried.moves is not None:
            best = replace(best, goal=tried.best, moves=tried.moves)
        if tried.moves is not None or limit >= best.goal.cost or (ended and not tried.cut_by_cost):
            return best
        if not ended:
            rises = []  # again without a limit: a placement may be found, but without a proof


def find_fewer(
    model: ExactModel, covers: Covers, unclearable: frozenset[int], left: frozenset[int], work: Work
) -> tuple[Value, list[Pair]] | None:
    """Searches for a plan that clears one more node than a known plan, then one more, and so on; without a proof.

    ``left``: rows of the nodes that the known plan leaves overloaded.
    """
    best: tuple[Value, list[Pair]] | None = None
    while True:
        found = _find_plan(model, covers, [left - {node} for node in sorted(left - unclearable)], work)
        if found is None:
            return best
        best, left = found, nodes_left(model, found[1])


def nodes_left(model: ExactModel, moves: Sequence[Pair]) -> frozenset[int]:
    """Rows of the nodes that are overloaded before these moves and after them."""
    vcpus, mib = [node.vcpus for node in model.nodes], [node.mib for node in model.nodes]
    for row, target in moves:
        vm = model.vms[row]
        for node, by in ((vm.home, -1), (target, 1)):
            vcpus[node] += by * vm.vcpus
            mib[node] += by * vm.mib
    return frozenset(
        i
        for i, node in enumerate(model.nodes)
        if node.overloaded and (vcpus[i] > node.cap_vcpus or mib[i] > node.cap_mib)
    )


def _find_plan(
    model: ExactModel, covers: Covers, sets: Sequence[frozenset[int]], work: Work
) -> tuple[Value, list[Pair]] | None:
    """A plan that leaves at most the nodes of one of these sets overloaded; each set gets an equal part of the work."""
    for i, left in enumerate(sets):
        given = Work(work.part(len(sets) - i))
        work.left -= given.left
        nothing = FloorResult(Goal(inf, INFEASIBLE), None, complete=False)
        scope = _Scope(left, 0.0, overloaded_first=False, ordered=True, prove=False)
        any_plan = _deepen(model, covers, nothing, given, scope)
        work.left += given.left
        if any_plan.moves is not None:
            return Value(len(nodes_left(model, any_plan.moves)), *any_plan.goal), any_plan.moves
    return None


def find_any(
    model: ExactModel, covers: Covers, unclearable: frozenset[int], known: Value, work: Work
) -> tuple[Value, list[Pair]] | None:
    """Searches for a plan that leaves fewer nodes overloaded than the known one, with few moves; without a proof.

    It tries the fewest nodes first. Each number of nodes gets half of the remaining work, shared by its sets of nodes.
    """
    for number in range(len(unclearable), known.left):
        half = Work(work.left // 2)
        work.left -= half.left
        found = _find_plan(model, covers, list(sets_of_nodes(model, unclearable, number)), half)
        work.left += half.left
        if found is not None:
            return found
    return None


def sets_of_nodes(model: ExactModel, unclearable: frozenset[int], number: int) -> Iterator[frozenset[int]]:
    """All sets of ``number`` overloaded nodes that contain the unclearable ones."""
    clearable = [i for i, node in enumerate(model.nodes) if node.overloaded and i not in unclearable]
    return (unclearable | set(more) for more in combinations(clearable, number - len(unclearable)))
