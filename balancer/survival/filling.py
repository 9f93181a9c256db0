"""Places items on nodes by simple rules. In most cases with room for all items this is enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from balancer.strategies.arrays import Bools, Floats, Ints
from balancer.survival.items import Items

NOWHERE = -1
NARROW = 64
"""If there are more nodes, this many are tried first."""
MAX_EXCHANGES = 24
"""The most exchanges that are tried for one item without a node."""


class Filling:
    """A placement of some of the items. Column j is a node, as in ``items.allowed``."""

    def __init__(self, items: Items, room: Ints) -> None:
        """``room``: node x resource."""
        self.items = items
        self.target_of = [NOWHERE] * len(items)
        self._room: Ints = room.T.copy()
        needed = items.needs.sum(axis=0).tolist()
        short = [r for r, free in enumerate(self._room) if free.min(initial=needed[r]) < needed[r]]
        self._needs = [[(r, need[r]) for r in short] for need in items.needs.tolist()]
        """Item -> its needs of each resource that may be short."""
        self._scale = [1.0 / max(1, int(free.max(initial=1))) for free in self._room[:2]]

    def left(self) -> list[int]:
        """The items without a node."""
        return [item for item, target in enumerate(self.target_of) if target == NOWHERE]

    def vms_left(self) -> int:
        """How many VMs have no node."""
        return sum(len(self.items.groups[item].vms) for item in self.left())

    def put(self, item: int, target: int) -> None:
        """Places the item on the node."""
        self.target_of[item] = target
        self._room[:, target] -= self.items.needs[item]

    def take(self, item: int) -> int:
        """Removes the item from its node, and returns the node."""
        target, self.target_of[item] = self.target_of[item], NOWHERE
        self._room[:, target] += self.items.needs[item]
        return target

    def on_more_nodes(self, items: Items, room: Ints) -> Filling:
        """The same placement among more nodes; the present nodes are the first of them."""
        more = Filling(items, room)
        for item, target in enumerate(self.target_of):
            if target != NOWHERE:
                more.put(item, target)
        return more

    def fits(self, item: int) -> Bools:
        """Node -> whether it can take the item now."""
        fits: Bools = self.items.allowed[item].copy()
        for resource, need in self._needs[item]:
            fits &= self._room[resource] >= need
        for other in self.items.apart[item]:
            if self.target_of[other] != NOWHERE:
                fits[self.target_of[other]] = False
        return fits

    def holds_without(self, item: int, other: int) -> bool:
        """Whether the node of ``other`` has room for the item without ``other``."""
        room, needs = self._room[:, self.target_of[other]], self.items.needs
        return bool((room + needs[other] >= needs[item]).all())

    def best_fit(self, item: int) -> int:
        """The node with the least room left afterwards, so that large gaps stay."""
        return self._first(item, self._room[0] * self._scale[0] + self._room[1] * self._scale[1])

    def worst_fit(self, item: int) -> int:
        """The node with the most room left afterwards."""
        needs = self.items.needs[item]
        left = [(self._room[r] - needs[r]) * self._scale[r] for r in range(2)]
        return self._first(item, -np.minimum(*left))

    def _first(self, item: int, keys: Floats) -> int:
        fits = self.fits(item)
        if not fits.any():
            return NOWHERE
        return int(np.argmin(np.where(fits, keys, np.inf)))


def fill(items: Items, room: Ints) -> Iterator[Filling]:
    """Placements by several simple rules. The caller stops at a complete one.

    Args:
        items: the items to place.
        room: node x resource, with the nodes that have the most room first.
    """
    if len(room) > NARROW:
        few = _filled(
            replace(items, allowed=items.allowed[:, :NARROW]), room[:NARROW], range(len(items)), Filling.best_fit
        )
        yield few.on_more_nodes(items, room)
    yield _filled(items, room, range(len(items)), Filling.best_fit)
    yield _filled(items, room, range(len(items)), Filling.worst_fit)
    yield _filled(items, room, _most_constrained_first(items), Filling.best_fit)


def fill_with_exchanges(items: Items, room: Ints, most: int) -> Iterator[Filling]:
    """Placements in which items make room for others; ``most``: the most exchanges that are tried for each."""
    yield _exchanged(_filled(items, room, range(len(items)), Filling.best_fit), most)
    yield _exchanged(_filled(items, room, _most_constrained_first(items)[::-1], Filling.best_fit), most)


def _most_constrained_first(items: Items) -> list[int]:
    return sorted(range(len(items)), key=lambda item: (int(items.allowed[item].sum()), item))


def _filled(items: Items, room: Ints, order: Iterable[int], choose: Callable[[Filling, int], int]) -> Filling:
    filling = Filling(items, room)
    for item in order:
        target = choose(filling, item)
        if target != NOWHERE:
            filling.put(item, target)
    return filling


def _exchanged(filling: Filling, most: int) -> Filling:
    """The placement with more items: a placed item moves to another node if that makes room."""
    progress = True
    while progress and most > 0:
        progress = False
        for item in filling.left():
            tried, has_room = _make_room(filling, item, most)
            most -= tried
            progress |= has_room
    return filling


def _make_room(filling: Filling, item: int, most: int) -> tuple[int, bool]:
    """How many exchanges were tried, and whether the last of them gave the item a place."""
    blockers = _blockers(filling, item)[:most]
    for tried, other in enumerate(blockers, 1):
        target = filling.take(other)
        if filling.fits(item)[target]:
            filling.put(item, target)
            elsewhere = filling.best_fit(other)
            if elsewhere != NOWHERE:
                filling.put(other, elsewhere)
                return tried, True
            filling.take(item)
        filling.put(other, target)
    return len(blockers), False


def _blockers(filling: Filling, item: int) -> Sequence[int]:
    """Placed items without which their node could take the item, smallest first."""
    allowed = filling.items.allowed
    blockers = [
        other
        for other, target in enumerate(filling.target_of)
        if target != NOWHERE and allowed[item, target] and filling.holds_without(item, other)
    ]
    return blockers[::-1][:MAX_EXCHANGES]
