"""A complete search for a placement of all items, for the few cases that simple rules do not decide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from balancer.strategies.arrays import Ints
from balancer.survival.items import Items


class SearchLimitReached(Exception):
    """The search has reached its limit of work."""


_Kind: TypeAlias = tuple[int, tuple[int, ...], tuple[int, ...]]
"""Nodes of the same kind are exchangeable: the allowed items, the free room, and the items of groups on the node."""


@dataclass
class _Step:
    """One item on the path of the search, and the nodes that are not tried yet."""

    state: tuple[object, ...]
    item: int
    choices: Iterator[int]
    target: int | None = None
    closed: list[int] = field(default_factory=list)
    """The items that can no longer go to ``target`` since this item is on it."""


class ItemSearch:
    """A depth-first search; the item with the fewest possible nodes comes next. Dead ends are remembered."""

    def __init__(self, items: Items, room: Ints, work: int) -> None:
        """``work``: how many times a node may be tried for an item, in total."""
        columns = [j for j in range(len(room)) if items.allowed[:, j].any()]
        self._columns = columns
        self._room: list[list[int]] = room[columns].tolist()
        self._needs: list[list[int]] = items.needs.tolist()
        self._sums = [sum(column) for column in zip(*self._needs, strict=True)]
        self._apart = items.apart
        allowed = items.allowed[:, columns]
        self._alike = _alike(allowed.T.tolist())
        self._fits = [
            sum(1 << j for j, able in enumerate(row) if able and self._holds(j, item))
            for item, row in enumerate(allowed.tolist())
        ]
        self._left = set(range(len(items)))
        self._same = _alike([(need, self._fits[i], i if items.apart[i] else -1) for i, need in enumerate(self._needs)])
        self._grouped = [i for i, others in enumerate(items.apart) if others]
        self._place = [-1] * len(items)
        self._first = [self._kind(j) for j in range(len(columns))]
        """The kind of each node before the search."""
        self._dead: set[tuple[object, ...]] = set()
        self.work = work

    def run(self) -> list[int] | None:
        """Item -> its node (a column of ``allowed``); ``None`` = there is no placement of all items.

        Raises:
            SearchLimitReached: the allowed work was not enough.
        """
        path: list[_Step] = []
        going_on = True
        while self._left:
            step = self._next_step() if going_on else path.pop()
            if step is None:
                going_on = False
            else:
                self._undo(step)
                going_on = self._advance(step)
                if going_on:
                    path.append(step)
                else:
                    self._dead.add(step.state)
            if not going_on and not path:
                return None
        return [self._columns[j] for j in self._place]

    def _next_step(self) -> _Step | None:
        """The choices for one more item; ``None`` = this state is a dead end."""
        self.work -= len(self._columns)
        if self.work < 0:
            raise SearchLimitReached
        state = self._state()
        if state in self._dead or not self._has_room():
            return None
        item = min(self._left, key=lambda i: (self._fits[i].bit_count(), i))
        return _Step(state, item, self._choices(item))

    def _advance(self, step: _Step) -> bool:
        """Puts the item on the next node after which every other item still has a node."""
        for j in step.choices:
            step.target, step.closed = j, self._put(step.item, j)
            if all(self._fits[i] for i in step.closed):
                return True
            self._undo(step)
        return False

    def _undo(self, step: _Step) -> None:
        if step.target is None:
            return
        for i in step.closed:
            self._fits[i] |= 1 << step.target
        self._place[step.item] = -1
        self._left.add(step.item)
        self._add(step.target, step.item, 1)
        step.target = None

    def _put(self, item: int, j: int) -> list[int]:
        """Puts the item on the node, and returns the items that can no longer go there."""
        self._place[item] = j
        self._left.discard(item)
        self._add(j, item, -1)
        bit = 1 << j
        changed = [i for i in self._left if self._fits[i] & bit and (i in self._apart[item] or not self._holds(j, i))]
        for i in changed:
            self._fits[i] &= ~bit
        return changed

    def _add(self, j: int, item: int, sign: int) -> None:
        for resource, need in enumerate(self._needs[item]):
            self._room[j][resource] += sign * need
            self._sums[resource] += sign * need

    def _holds(self, j: int, item: int) -> bool:
        return all(have >= need for have, need in zip(self._room[j], self._needs[item], strict=True))

    def _has_room(self) -> bool:
        """Whether the nodes that can take an item have enough room for all items together."""
        usable = 0
        for item in self._left:
            usable |= self._fits[item]
        rooms = [room for j, room in enumerate(self._room) if usable >> j & 1]
        return all(sum(column) >= need for column, need in zip(zip(*rooms, strict=True), self._sums, strict=True))

    def _choices(self, item: int) -> Iterator[int]:
        """The nodes that can take the item, fullest first; only one of equal nodes."""
        able = [j for j in range(len(self._room)) if self._fits[item] >> j & 1]
        kinds = {self._kind(j): j for j in reversed(able)}
        return iter(sorted(kinds.values(), key=lambda j: (self._room[j], j)))

    def _kind(self, j: int) -> _Kind:
        here = tuple(i for i in self._grouped if self._place[i] == j)
        return (self._alike[j], tuple(self._room[j]), here)

    def _state(self) -> tuple[object, ...]:
        """A key for the state as far as it matters for other items. Equal nodes and items are exchangeable."""
        left = tuple(sorted(self._same[i] for i in self._left))
        touched = sorted({j for j in self._place if j >= 0})
        return left, tuple(sorted(map(self._kind, touched))), tuple(sorted(self._first[j] for j in touched))


def _alike(things: Sequence[object]) -> list[int]:
    """Numbers for the things; equal things have the same number."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(repr(thing), len(numbers)) for thing in things]
