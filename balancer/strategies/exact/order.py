"""Finds a legal order of moves, or proves that there is none. Each move must be legal in its turn."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.strategies.exact.model import ExactModel

Pair = tuple[int, int]
"""The row of a VM and the row of its target."""

MAX_CHECKS = 4000
"""The most moves that one search checks."""


class OrderUnknown(Exception):
    """The search for an order has reached ``MAX_CHECKS``."""


class OrderSearch:
    """A depth-first search over sets of finished moves. Only the set decides what is legal, so no set is visited twice.

    A move that cannot block another one is made at once, without alternatives: its VM is in no group, and its target
    has room for all later moves to it.
    """

    def __init__(self, model: ExactModel, moves: Sequence[Pair], *, ignore_room: bool = False) -> None:
        self._model, self._ignore_room = model, ignore_room
        self._left = list(moves)
        self._vcpus = [node.vcpus for node in model.nodes]
        self._mib = [node.mib for node in model.nodes]
        self._count = [node.count for node in model.nodes]
        self._at = [vm.home for vm in model.vms]
        self._failed: set[frozenset[Pair]] = set()
        self.checks = 0
        """The number of checked moves."""
        self.order: list[Pair] = []

    def run(self) -> list[Pair] | None:
        """The moves in a legal order; ``None`` = there is no such order.

        Raises:
            OrderUnknown: too many moves depend on each other.
        """
        return self.order if self._go() else None

    def _go(self) -> bool:
        if self.checks > MAX_CHECKS:
            raise OrderUnknown
        start = len(self.order)
        while (pair := next((p for p in self._left if self._legal(*p) and self._is_harmless(*p)), None)) is not None:
            self._apply(pair)
        if not self._left:
            return True
        key = frozenset(self._left)
        if key not in self._failed:
            for pair in [p for p in self._left if self._legal(*p)]:
                self._apply(pair)
                if self._go():
                    return True
                self._undo()
            self._failed.add(key)
        while len(self.order) > start:
            self._undo()
        return False

    def _legal(self, row: int, target: int) -> bool:
        self.checks += 1
        vm, node = self._model.vms[row], self._model.nodes[target]
        vcpus, mib = self._vcpus[target], self._mib[target]
        if not self._ignore_room:
            if vcpus > node.cap_vcpus or mib > node.cap_mib or self._count[target] >= node.cap_count:
                return False
            if vcpus + vm.vcpus > node.fill_vcpus or mib + vm.mib > node.fill_mib:
                return False
        if any(self._mates(group, row, target) for group in vm.apart):
            return False
        for group in vm.together:
            here = self._mates(group, row, vm.home)
            if here and self._mates(group, row, target) <= here:
                return False
        return True

    def _is_harmless(self, row: int, target: int) -> bool:
        vms, node = self._model.vms, self._model.nodes[target]
        if vms[row].apart or vms[row].together:
            return False
        if self._ignore_room:
            return True
        coming = [vms[other] for other, there in self._left if there == target]
        return (
            self._count[target] + len(coming) <= node.cap_count
            and self._vcpus[target] + sum(vm.vcpus for vm in coming) <= node.fill_vcpus
            and self._mib[target] + sum(vm.mib for vm in coming) <= node.fill_mib
        )

    def _mates(self, group: int, row: int, node: int) -> int:
        movable = sum(1 for mate in self._model.members[group] if mate != row and self._at[mate] == node)
        return movable + self._model.fixed[group].count(node)

    def _apply(self, pair: Pair) -> None:
        self._left.remove(pair)
        self.order.append(pair)
        self._carry(*pair, 1)

    def _undo(self) -> None:
        pair = self.order.pop()
        self._left.append(pair)
        self._left.sort()
        self._carry(*pair, -1)

    def _carry(self, row: int, target: int, sign: int) -> None:
        vm = self._model.vms[row]
        self._at[row] = target if sign > 0 else vm.home
        for node, by in ((vm.home, -sign), (target, sign)):
            self._vcpus[node] += by * vm.vcpus
            self._mib[node] += by * vm.mib
            self._count[node] += by


def order_of(model: ExactModel, moves: Sequence[Pair]) -> list[Pair] | None:
    """The moves in a legal order; ``None`` = there is none, or the search takes too long."""
    try:
        return OrderSearch(model, moves).run()
    except OrderUnknown:
        return None
