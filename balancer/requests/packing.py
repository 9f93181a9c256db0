"""Finds a target for each item: a packing problem of numbers, without rules of the balancer.

First the largest items go to the targets with the most room (worst fit). If an item has no place, all items are packed
tightly (best fit), items are exchanged to make room, and small problems are searched completely. At the end the items
are spread over the targets again. Counts limit the work, so the same problem always has the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from balancer.strategies.arrays import Bools, Floats, Ints

NOWHERE = -1
NODE_LIMIT = 6_000
"""The most nodes of the search tree; fewer if a node is more work."""
WORK_LIMIT = 30_000_000
"""The limit for nodes of the search tree x items x targets."""
MAX_EXCHANGES = 24
"""The most exchanges that are tried for one item without a place."""
MAX_SEARCHED_ITEMS = 200
"""The most items of a complete search: with more items it would not finish."""


@dataclass(frozen=True)
class PackingProblem:
    """Items that need room and targets that have room: the rows of ``needs`` and of ``room``."""

    needs: Floats
    """Item x resource."""
    room: Floats
    """Target x resource: the free amount."""
    limits: Floats
    """``room`` of the targets without VMs, for the first resources, which define how full a target is."""
    allowed: Bools
    """Item x target."""
    conflicts: Bools
    """Item x item: whether they may not share a target."""
    weights: Ints
    """The number of VMs of each item."""


class Assignment(NamedTuple):
    """The target of one item."""

    item: int
    target: int
    choices: int
    """How many targets could take the item in its turn."""
    worst_fit: bool
    """Whether the target is the one with the most room."""


def pack(problem: PackingProblem) -> list[Assignment]:
    """Targets for as many items as the search can place, largest items first."""
    order = _largest_first(problem)
    packing = _Packing(problem)
    _greedy(packing, order, packing.worst_fit)
    if packing.unplaced():
        orders = (order, _most_constrained_first(problem), order[::-1])
        tight = min((_packed_tightly(problem, o) for o in orders), key=_Packing.unplaced)
        best = tight if tight.unplaced() < packing.unplaced() else packing
        if best.unplaced():
            best = _searched(best, order)
        packing = _spread(best, order)
    return _assignments(problem, packing, order)


class _Packing:
    """A placement of some of the items."""

    def __init__(self, problem: PackingProblem) -> None:
        self.problem = problem
        self.room = problem.room.copy()
        self.target_of = [NOWHERE] * len(problem.needs)
        self._conflicts = {i: np.flatnonzero(row).tolist() for i, row in enumerate(problem.conflicts) if row.any()}

    def unplaced(self) -> int:
        """The weight of the items without a target."""
        weights = zip(self.problem.weights, self.target_of, strict=True)
        return sum(int(weight) for weight, target in weights if target == NOWHERE)

    def place(self, item: int, target: int) -> None:
        self.target_of[item] = target
        self.room[target] -= self.problem.needs[item]

    def remove(self, item: int) -> int:
        """Removes the item from its target, and returns the target."""
        target, self.target_of[item] = self.target_of[item], NOWHERE
        self.room[target] += self.problem.needs[item]
        return target

    def fits(self, item: int) -> Bools:
        """Target -> whether it can take the item now."""
        fits: Bools = self.problem.allowed[item] & (self.room >= self.problem.needs[item]).all(axis=1)
        for other in self._conflicts.get(item, ()):
            if self.target_of[other] != NOWHERE:
                fits[self.target_of[other]] = False
        return fits

    def worst_fit(self, item: int) -> int:
        """The target that is least full with the item on it, by its fullest resource."""
        return self._first(item, lambda targets: self._fullness(item, targets))

    def best_fit(self, item: int) -> int:
        """The target that is fullest with the item on it, so that large gaps remain."""
        return self._first(item, lambda targets: -self._fullness(item, targets))

    def _first(self, item: int, key: Callable[[Ints], Floats]) -> int:
        targets = np.flatnonzero(self.fits(item))
        return int(targets[np.argmin(key(targets))]) if len(targets) else NOWHERE

    def _fullness(self, item: int, targets: Ints) -> Floats:
        limits = self.problem.limits[targets]
        resources = limits.shape[1]
        free = self.room[targets, :resources] - self.problem.needs[item, :resources]
        fullness: Floats = 1 - (free / limits).min(axis=1)
        return fullness


def _largest_first(problem: PackingProblem) -> list[int]:
    sizes = _sizes(problem).tolist()
    return sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))


def _sizes(problem: PackingProblem) -> Floats:
    """Item -> the largest part that it needs of the free room of all targets, over the resources."""
    resources = problem.limits.shape[1]
    total = np.maximum(problem.room[:, :resources].sum(axis=0), 1e-9)
    sizes: Floats = (problem.needs[:, :resources] / total).max(axis=1)
    return sizes


def _most_constrained_first(problem: PackingProblem) -> list[int]:
    """Items with the fewest targets first, then the largest."""
    empty, sizes = _Packing(problem), _sizes(problem)
    return sorted(range(len(sizes)), key=lambda i: (int(empty.fits(i).sum()), -sizes[i], i))


def _greedy(packing: _Packing, order: Iterable[int], choose: Callable[[int], int]) -> None:
    for item in order:
        if packing.target_of[item] == NOWHERE:
            target = choose(item)
            if target != NOWHERE:
                packing.place(item, target)


def _packed_tightly(problem: PackingProblem, order: Sequence[int]) -> _Packing:
    """A placement by best fit, with exchanges that make room for the remaining items."""
    packing = _Packing(problem)
    _greedy(packing, order, packing.best_fit)
    progress = True
    while progress and packing.unplaced():
        left = [item for item in order if packing.target_of[item] == NOWHERE]
        progress = sum(_make_room(packing, item) for item in left) > 0
    return packing


def _make_room(packing: _Packing, item: int) -> bool:
    """Places the item on a target from which another item can move to a third target. True if this was possible."""
    for other in _blockers(packing, item):
        target = packing.remove(other)
        if packing.fits(item)[target]:
            packing.place(item, target)
            elsewhere = packing.best_fit(other)
            if elsewhere != NOWHERE:
                packing.place(other, elsewhere)
                return True
            packing.remove(item)
        packing.place(other, target)
    return False


def _blockers(packing: _Packing, item: int) -> list[int]:
    """Placed items without which their target has room for this item, smallest first."""
    problem = packing.problem
    target_of = np.array(packing.target_of, dtype=np.int64)
    placed = np.flatnonzero(target_of != NOWHERE)
    targets = target_of[placed]
    enough = problem.allowed[item, targets]
    enough &= (packing.room[targets] + problem.needs[placed] >= problem.needs[item]).all(axis=1)
    blockers = placed[enough]
    smallest: list[int] = blockers[np.argsort(_sizes(problem)[blockers], kind="stable")].tolist()
    return smallest[:MAX_EXCHANGES]


def _searched(best: _Packing, order: Sequence[int]) -> _Packing:
    """A placement with less unplaced weight, if the search finds one within its limits; else ``best``."""
    problem = best.problem
    size = max(1, problem.allowed.size)
    if len(order) > MAX_SEARCHED_ITEMS:
        return best
    search = _Search(problem, best.unplaced(), min(NODE_LIMIT, WORK_LIMIT // size), order)
    search.go(0)
    if search.solution is None:
        return best
    packing = _Packing(problem)
    for item, target in enumerate(search.solution):
        if target != NOWHERE:
            packing.place(item, target)
    return packing


class _Search:
    """Depth-first over all placements, most constrained item first. Branches that cannot improve are pruned."""

    def __init__(self, problem: PackingProblem, unplaced: int, node_limit: int, order: Sequence[int]) -> None:
        self._problem = problem
        self._best = unplaced
        self._nodes_left = node_limit
        self._room = problem.room.copy()
        self._fits = problem.allowed & (problem.room[None] >= problem.needs[:, None]).all(axis=2)
        self._left = np.ones(len(order), dtype=np.bool_)
        self._target_of = [NOWHERE] * len(order)
        self._rank = np.empty(len(order), dtype=np.int64)
        self._rank[np.array(order, dtype=np.int64)] = np.arange(len(order))
        self.solution: list[int] | None = None

    def go(self, unplaced: int) -> None:
        self._nodes_left -= 1
        if not self._left.any():
            self._best, self.solution = unplaced, list(self._target_of)
            return
        choices = self._fits.sum(axis=1)
        unplaceable = self._left & (choices == 0)
        unplaced += int(self._problem.weights[unplaceable].sum())
        if self._prunes(unplaced):
            return
        self._left &= ~unplaceable
        self._branch(unplaced, choices)
        self._left |= unplaceable

    def _branch(self, unplaced: int, choices: Ints) -> None:
        if not self._left.any():
            self.go(unplaced)
            return
        items = np.flatnonzero(self._left)
        item = int(items[np.lexsort((self._rank[items], choices[items]))[0]])
        self._left[item] = False
        tried: set[tuple[bytes, bytes]] = set()
        for target in np.flatnonzero(self._fits[item]).tolist():
            alike = self._room[target].tobytes(), self._fits[:, target].tobytes()
            if alike not in tried and not self._prunes(unplaced):
                tried.add(alike)
                self._place_and_go(item, target, unplaced)
        if not self._prunes(unplaced + int(self._problem.weights[item])):
            self.go(unplaced + int(self._problem.weights[item]))
        self._left[item] = True

    def _place_and_go(self, item: int, target: int, unplaced: int) -> None:
        problem, fits, room = self._problem, self._fits[:, target].copy(), self._room[target].copy()
        self._room[target] -= problem.needs[item]
        self._fits[:, target] &= (self._room[target] >= problem.needs).all(axis=1) & ~problem.conflicts[item]
        self._target_of[item] = target
        self.go(unplaced)
        self._target_of[item] = NOWHERE
        self._room[target], self._fits[:, target] = room, fits

    def _prunes(self, unplaced: int) -> bool:
        complete = self.solution is not None and self._best == 0
        return unplaced >= self._best or self._nodes_left <= 0 or complete


def _spread(packing: _Packing, order: Iterable[int]) -> _Packing:
    """Moves each placed item to the target with the most room, then tries the items without a target again."""
    for item in order:
        if packing.target_of[item] != NOWHERE:
            packing.remove(item)
            packing.place(item, packing.worst_fit(item))
    _greedy(packing, order, packing.worst_fit)
    return packing


def _assignments(problem: PackingProblem, end: _Packing, order: Iterable[int]) -> list[Assignment]:
    packing = _Packing(problem)
    assignments = []
    for item in order:
        target = end.target_of[item]
        if target != NOWHERE:
            choices = int(packing.fits(item).sum())
            assignments.append(Assignment(item, target, choices, packing.worst_fit(item) == target))
            packing.place(item, target)
    return assignments
