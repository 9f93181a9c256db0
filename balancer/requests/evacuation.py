"""Which of the things that leave a node goes where, as a puzzle of numbers; it knows no rule, only who may go where.

First the largest to where there is most room. If that leaves anything without a place, everything is packed tightly
instead, things change places to make room, and small puzzles are searched through: what can be done is then found.
At last all spread out again as far as they can. The work is bounded by counts, so the same puzzle has the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from balancer.strategies.arrays import Bools, Floats, Ints

NOWHERE = -1
LOOKS = 6_000
"""At most so many positions of the search; fewer where each is more work."""
WORK = 30_000_000
"""Positions x things x targets."""
EXCHANGES = 24
"""Tried for one thing that found no place."""
MOST_SEARCHED = 200
"""Things; with more of them no search comes to an end."""


@dataclass(frozen=True)
class Puzzle:
    """Things that need room, and targets that have some: the rows of ``needs`` and of ``room``."""

    needs: Floats
    """Of each resource."""
    room: Floats
    limits: Floats
    """What ``room`` would be on an empty target, for the resources that tell how full it is (the first columns)."""
    allowed: Bools
    """Thing x target."""
    apart: Bools
    """Thing x thing: not on one target."""
    weights: Ints
    """How much it matters that a thing finds its place: its VMs."""


class Turn(NamedTuple):
    """One thing in its turn: where it goes, to how many targets it could, and whether it took the emptiest."""

    thing: int
    target: int
    choices: int
    emptiest: bool


def solve(puzzle: Puzzle) -> list[Turn]:
    """Where things go, largest first. As many find a place as were found to; all, if that was found to be possible."""
    order = _largest_first(puzzle)
    spread = _Position(puzzle)
    _greedy(spread, order, spread.emptiest)
    if spread.lost():
        packed = min((_packed(puzzle, o) for o in (order, _choosiest_first(puzzle), order[::-1])), key=_Position.lost)
        best = packed if packed.lost() < spread.lost() else spread
        if best.lost():
            best = _searched(best, order)
        spread = _spread_out(best, order)
    return _turns(puzzle, spread, order)


class _Position:
    """Some things placed, the others not yet."""

    def __init__(self, puzzle: Puzzle) -> None:
        self.puzzle = puzzle
        self.room = puzzle.room.copy()
        self.at = [NOWHERE] * len(puzzle.needs)
        self._quarrels = {i: np.flatnonzero(row).tolist() for i, row in enumerate(puzzle.apart) if row.any()}

    def lost(self) -> int:
        return sum(int(w) for w, target in zip(self.puzzle.weights, self.at, strict=True) if target == NOWHERE)

    def put(self, thing: int, target: int) -> None:
        self.at[thing] = target
        self.room[target] -= self.puzzle.needs[thing]

    def take(self, thing: int) -> int:
        """Takes it back; returns where it was."""
        target, self.at[thing] = self.at[thing], NOWHERE
        self.room[target] += self.puzzle.needs[thing]
        return target

    def fits(self, thing: int) -> Bools:
        """By target."""
        fits: Bools = self.puzzle.allowed[thing] & (self.room >= self.puzzle.needs[thing]).all(axis=1)
        for other in self._quarrels.get(thing, ()):
            if self.at[other] != NOWHERE:
                fits[self.at[other]] = False
        return fits

    def emptiest(self, thing: int) -> int:
        """Where it leaves the target least full, by its worst resource."""
        return self._best(thing, lambda fits: self._fullness(thing, fits))

    def snuggest(self, thing: int) -> int:
        """Where it leaves the target fullest, so that large gaps stay."""
        return self._best(thing, lambda fits: -self._fullness(thing, fits))

    def _best(self, thing: int, key: Callable[[Ints], Floats]) -> int:
        fits = np.flatnonzero(self.fits(thing))
        return int(fits[np.argmin(key(fits))]) if len(fits) else NOWHERE

    def _fullness(self, thing: int, targets: Ints) -> Floats:
        limits = self.puzzle.limits[targets]
        told = limits.shape[1]
        left = self.room[targets, :told] - self.puzzle.needs[thing, :told]
        full: Floats = 1 - (left / limits).min(axis=1)
        return full


def _largest_first(puzzle: Puzzle) -> list[int]:
    """By the part of all the room that each takes, of the resource that it takes most of."""
    sizes = _sizes(puzzle).tolist()
    return sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))


def _sizes(puzzle: Puzzle) -> Floats:
    told = puzzle.limits.shape[1]
    total = np.maximum(puzzle.room[:, :told].sum(axis=0), 1e-9)
    sizes: Floats = (puzzle.needs[:, :told] / total).max(axis=1)
    return sizes


def _choosiest_first(puzzle: Puzzle) -> list[int]:
    """The fewest targets first, then the largest."""
    start, sizes = _Position(puzzle), _sizes(puzzle)
    return sorted(range(len(sizes)), key=lambda i: (int(start.fits(i).sum()), -sizes[i], i))


def _greedy(position: _Position, order: Iterable[int], choose: Callable[[int], int]) -> None:
    for thing in order:
        if position.at[thing] == NOWHERE:
            target = choose(thing)
            if target != NOWHERE:
                position.put(thing, target)


def _packed(puzzle: Puzzle, order: Sequence[int]) -> _Position:
    """Tightly, and with things that change places to make room for what is left."""
    position = _Position(puzzle)
    _greedy(position, order, position.snuggest)
    progress = True
    while progress and position.lost():
        left = [thing for thing in order if position.at[thing] == NOWHERE]
        progress = sum(_make_room(position, thing) for thing in left) > 0
    return position


def _make_room(position: _Position, thing: int) -> bool:
    """Places it after another thing has left its target for a third, if any such exchange is found."""
    for other in _in_the_way(position, thing):
        target = position.take(other)
        if position.fits(thing)[target]:
            position.put(thing, target)
            elsewhere = position.snuggest(other)
            if elsewhere != NOWHERE:
                position.put(other, elsewhere)
                return True
            position.take(thing)
        position.put(other, target)
    return False


def _in_the_way(position: _Position, thing: int) -> list[int]:
    """Things whose leaving would make room enough for this one where they are, the smallest first."""
    puzzle = position.puzzle
    at = np.array(position.at, dtype=np.int64)
    placed = np.flatnonzero(at != NOWHERE)
    there = at[placed]
    enough = puzzle.allowed[thing, there]
    enough &= (position.room[there] + puzzle.needs[placed] >= puzzle.needs[thing]).all(axis=1)
    found = placed[enough]
    smallest: list[int] = found[np.argsort(_sizes(puzzle)[found], kind="stable")].tolist()
    return smallest[:EXCHANGES]


def _searched(best: _Position, order: Sequence[int]) -> _Position:
    """A position that loses less, if the search finds one within its bounds."""
    puzzle = best.puzzle
    size = max(1, puzzle.allowed.size)
    if len(order) > MOST_SEARCHED:
        return best
    search = _Search(puzzle, best.lost(), min(LOOKS, WORK // size), order)
    search.go(0)
    if search.found is None:
        return best
    position = _Position(puzzle)
    for thing, target in enumerate(search.found):
        if target != NOWHERE:
            position.put(thing, target)
    return position


class _Search:
    """Every placement in turn, what has the fewest targets first; branches that cannot lose less are left out."""

    def __init__(self, puzzle: Puzzle, lost: int, looks: int, order: Sequence[int]) -> None:
        self._puzzle = puzzle
        self._best = lost
        self._looks = looks
        self._room = puzzle.room.copy()
        self._fits = puzzle.allowed & (puzzle.room[None] >= puzzle.needs[:, None]).all(axis=2)
        self._left = np.ones(len(order), dtype=np.bool_)
        self._at = [NOWHERE] * len(order)
        self._rank = np.empty(len(order), dtype=np.int64)
        self._rank[np.array(order, dtype=np.int64)] = np.arange(len(order))
        self.found: list[int] | None = None

    def go(self, lost: int) -> None:
        self._looks -= 1
        if not self._left.any():
            self._best, self.found = lost, list(self._at)
            return
        choices = self._fits.sum(axis=1)
        hopeless = self._left & (choices == 0)
        lost += int(self._puzzle.weights[hopeless].sum())
        if self._stops(lost):
            return
        self._left &= ~hopeless
        self._branch(lost, choices)
        self._left |= hopeless

    def _branch(self, lost: int, choices: Ints) -> None:
        if not self._left.any():
            self.go(lost)
            return
        things = np.flatnonzero(self._left)
        thing = int(things[np.lexsort((self._rank[things], choices[things]))[0]])
        self._left[thing] = False
        tried: set[tuple[bytes, bytes]] = set()
        for target in np.flatnonzero(self._fits[thing]).tolist():
            alike = self._room[target].tobytes(), self._fits[:, target].tobytes()
            if alike not in tried and not self._stops(lost):
                tried.add(alike)
                self._put_and_go(thing, target, lost)
        if not self._stops(lost + int(self._puzzle.weights[thing])):
            self.go(lost + int(self._puzzle.weights[thing]))
        self._left[thing] = True

    def _put_and_go(self, thing: int, target: int, lost: int) -> None:
        puzzle, fitted, room = self._puzzle, self._fits[:, target].copy(), self._room[target].copy()
        self._room[target] -= puzzle.needs[thing]
        self._fits[:, target] &= (self._room[target] >= puzzle.needs).all(axis=1) & ~puzzle.apart[thing]
        self._at[thing] = target
        self.go(lost)
        self._at[thing] = NOWHERE
        self._room[target], self._fits[:, target] = room, fitted

    def _stops(self, lost: int) -> bool:
        return lost >= self._best or self._looks <= 0 or (self.found is not None and self._best == 0)


def _spread_out(position: _Position, order: Iterable[int]) -> _Position:
    """The same things, each offered the target that it leaves emptiest; and what found no place, once more."""
    for thing in order:
        if position.at[thing] != NOWHERE:
            position.take(thing)
            position.put(thing, position.emptiest(thing))
    _greedy(position, order, position.emptiest)
    return position


def _turns(puzzle: Puzzle, end: _Position, order: Iterable[int]) -> list[Turn]:
    position = _Position(puzzle)
    turns = []
    for thing in order:
        target = end.at[thing]
        if target != NOWHERE:
            turns.append(Turn(thing, target, int(position.fits(thing).sum()), position.emptiest(thing) == target))
            position.put(thing, target)
    return turns
