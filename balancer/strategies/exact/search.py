"""Branch and bound over final placements: which VMs leave which node, and their targets.

The objective, in this order: nodes left overloaded, their excess, cost. A branch repairs one broken limit: a node that
is too full must lose one of its VMs, and a VM that comes to a node may force others to leave. Each placement is visited
at most once. ``order.py`` decides whether its moves have a legal order. The work is counted, not timed: the same
cluster gets the same plan on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from balancer.strategies.exact.cover import INFEASIBLE, Covers
from balancer.strategies.exact.excess import DIGITS, ROUNDING, least_above
from balancer.strategies.exact.model import ExactModel
from balancer.strategies.exact.order import OrderSearch, OrderUnknown, Pair

CHECKS_A_VISIT = 6
"""How many moves a search for an order checks in the time of one visit here."""
UNDECIDED, STAYS = -1, -2


class Value(NamedTuple):
    """The objective; less is better."""

    left: int
    """Nodes left overloaded."""
    excess: float
    """How far all of them together are above their thresholds, as parts of the thresholds, rounded to ``DIGITS``."""
    cost: int


class WorkLimitReached(Exception):
    """The search has reached its limit of work."""


@dataclass(slots=True)
class Best:
    """Shared by several searches of one cluster: the best plan so far, and the remaining work."""

    value: Value
    work: int
    moves: list[Pair] | None = None
    order_unknown: bool = False
    without_order: Value | None = None
    """The least value of a placement without a legal order: a plan that moves a VM twice might reach it."""

    def offer(self, model: ExactModel, value: Value, moves: list[Pair]) -> bool:
        """Records the placement if its moves have a legal order. Returns whether they have one."""
        search = OrderSearch(model, moves)
        try:
            order = search.run()
        except OrderUnknown:
            self.order_unknown = True
            order = None
        self.work -= search.checks // CHECKS_A_VISIT
        if order is not None:
            self.value, self.moves = value, order
        elif self.without_order is None or value < self.without_order:
            self.without_order = value
        return order is not None


class PlacementSearch:
    """All placements in which exactly the nodes of ``left`` stay overloaded."""

    def __init__(self, model: ExactModel, covers: Covers, left: frozenset[int], best: Best, floor: Value) -> None:
        """``floor``: a lower bound of the value of these placements."""
        self._floor = floor
        self._model, self._covers, self._left, self._best = model, covers, left, best
        self._vcpus = [node.vcpus for node in model.nodes]
        self._mib = [node.mib for node in model.nodes]
        self._count = [node.count for node in model.nodes]
        self._arrivals = [0] * len(model.nodes)
        self._home = model.at_home()
        self._bit = {row: 1 << i for rows in self._home for i, row in enumerate(rows)}
        self._mask = [(1 << len(rows)) - 1 for rows in self._home]
        self._free_vcpus = [sum(model.vms[row].vcpus for row in rows) for rows in self._home]
        """Node -> vCPUs of its undecided VMs. ``_free_mib``: the same."""
        self._free_mib = [sum(model.vms[row].mib for row in rows) for rows in self._home]
        self._target = [UNDECIDED] * len(model.vms)
        self._forced = [0] * len(model.vms)
        """VM -> how many VMs have come to its node that may not share it."""
        self._must_clear = [node.overloaded and i not in left for i, node in enumerate(model.nodes)]
        self._cost = 0
        self._twins = _twins(model)

    def run(self) -> None:
        """Improves ``best``.

        Raises:
            WorkLimitReached: the work ended before all placements were visited.
        """
        if self._room_suffices():
            self._visit()

    def _room_suffices(self) -> bool:
        """Whether the nodes to clear and the targets together have room for their VMs."""
        nodes = [(i, node) for i, node in enumerate(self._model.nodes) if i not in self._left]
        targets = {t for vm in self._model.vms for t in vm.targets}
        vcpus = mib = 0
        for i, node in nodes:
            most_vcpus, most_mib = node.cap_vcpus, node.cap_mib
            if not self._must_clear[i]:
                most_vcpus = max(node.vcpus, node.fill_vcpus) if i in targets else node.vcpus
                most_mib = max(node.mib, node.fill_mib) if i in targets else node.mib
            elif i not in targets:
                most_vcpus, most_mib = min(node.vcpus, most_vcpus), min(node.mib, most_mib)
            vcpus, mib = vcpus + most_vcpus - node.vcpus, mib + most_mib - node.mib
        return vcpus >= 0 and mib >= 0

    # --- one step of the search ----------------------------------------------------------------------------

    def _visit(self) -> None:
        self._best.work -= 1
        if self._best.work < 0:
            raise WorkLimitReached
        broken, least = self._broken()
        if least >= INFEASIBLE or self._least(least) >= self._best.value:
            return
        forced = next((row for row, by in enumerate(self._forced) if by and self._target[row] == UNDECIDED), None)
        if forced is not None:
            self._leave(forced)
        elif broken is not None:
            self._branch(self._undecided(broken))
        else:
            self._complete()

    def _least(self, cost: int) -> Value:
        """A lower bound for the placements of this branch, which cost at least ``cost``."""
        least = Value(len(self._left), max(self._floor.excess, self._least_excess()), cost)
        return max(least, self._floor)

    def _broken(self) -> tuple[int | None, int]:
        """The too full node with the fewest choices, and the least cost of a placement that repairs all nodes."""
        chosen, fewest, least = None, 0, self._cost
        for i in range(len(self._mask)):
            if not (self._arrivals[i] or self._must_clear[i]):
                continue
            vcpus, mib, count = self._surplus(i)
            if vcpus > 0 or mib > 0 or count > 0:
                cost = self._covers.least(i, self._mask[i], vcpus, mib, count)
                if cost >= INFEASIBLE:
                    return None, INFEASIBLE
                least += cost
                choices = self._mask[i].bit_count()
                if chosen is None or choices < fewest:
                    chosen, fewest = i, choices
        return chosen, least

    def _surplus(self, i: int) -> tuple[int, int, int]:
        node = self._model.nodes[i]
        if self._arrivals[i]:
            return (
                self._vcpus[i] - node.fill_vcpus,
                self._mib[i] - node.fill_mib,
                self._count[i] - node.cap_count,
            )
        return self._vcpus[i] - node.cap_vcpus, self._mib[i] - node.cap_mib, 0

    def _least_excess(self) -> float:
        """The least excess of the nodes of ``left``.

        At most the room of the other nodes can leave them, and at most their undecided VMs.
        """
        if not self._left:
            return 0.0
        nodes = self._model.nodes
        others = [(i, node) for i, node in enumerate(nodes) if i not in self._left]
        room_vcpus = sum(max(0, node.fill_vcpus - self._vcpus[i]) for i, node in others)
        room_mib = sum(max(0, node.fill_mib - self._mib[i]) for i, node in others)
        vcpus = [(nodes[i].vcpus_at_threshold, self._vcpus[i], self._free_vcpus[i]) for i in self._left]
        mib = [(nodes[i].mib_at_threshold, self._mib[i], self._free_mib[i]) for i in self._left]
        return round(max(0.0, least_above(vcpus, room_vcpus) + least_above(mib, room_mib) - ROUNDING), DIGITS)

    def _undecided(self, node: int) -> list[int]:
        return [row for row in self._home[node] if self._target[row] == UNDECIDED]

    def _complete(self) -> None:
        """Handles a placement: no limit is broken. If its moves have no legal order, more moves may give one."""
        value = Value(len(self._left), self._excess(), self._cost)
        if value < self._best.value:
            moves = [(row, target) for row, target in enumerate(self._target) if target >= 0]
            if not self._best.offer(self._model, value, moves):
                self._branch(self._unblockers(moves))
                return
        if self._left:
            self._branch([row for node in sorted(self._left) for row in self._undecided(node)])

    def _unblockers(self, moves: list[Pair]) -> list[int]:
        """VMs of which at least one must also move, so that moves without a legal order get one.

        If the moves of VMs in groups have no order even with unlimited room, only VMs in groups can help. Else also a
        VM that leaves a node to which others come: the departure of any other VM does not help.
        """
        vms = self._model.vms
        grouped = [pair for pair in moves if vms[pair[0]].apart or vms[pair[0]].together]
        blocked_by_groups = bool(grouped) and self._has_no_order(grouped)
        return [
            row
            for row, target in enumerate(self._target)
            if target == UNDECIDED
            and (vms[row].apart or vms[row].together or (self._arrivals[vms[row].home] and not blocked_by_groups))
        ]

    def _has_no_order(self, moves: list[Pair]) -> bool:
        try:
            return OrderSearch(self._model, moves, ignore_room=True).run() is None
        except OrderUnknown:
            return False

    def _excess(self) -> float:
        nodes = self._model.nodes
        return round(sum(nodes[i].excess(self._vcpus[i], self._mib[i]) for i in sorted(self._left)), DIGITS)

    # --- branching -----------------------------------------------------------------------------------------

    def _branch(self, rows: list[int]) -> None:
        """Branches: the first VM leaves; or the first stays and the second leaves; and so on."""
        stay: list[int] = []
        alike: set[int] = set()
        for row in rows:
            if self._model.vms[row].alike not in alike:
                self._leave(row)
                alike.add(self._model.vms[row].alike)
            if self._forced[row]:
                break
            self._decide(row, STAYS, 1)
            stay.append(row)
        for row in reversed(stay):
            self._decide(row, STAYS, -1)

    def _leave(self, row: int) -> None:
        """Tries each target of the VM; targets that need no further move come first."""
        for target in sorted(self._model.vms[row].targets, key=self._preference(row)):
            if self._may_take(row, target):
                mates = self._mates_at(row, target)
                self._decide(row, target, 1)
                for mate in mates:
                    self._forced[mate] += 1
                self._visit()
                for mate in mates:
                    self._forced[mate] -= 1
                self._decide(row, target, -1)

    def _preference(self, row: int) -> Callable[[int], tuple[bool, float, int]]:
        vm, nodes = self._model.vms[row], self._model.nodes

        def key(target: int) -> tuple[bool, float, int]:
            vcpus = nodes[target].fill_vcpus - self._vcpus[target] - vm.vcpus
            mib = nodes[target].fill_mib - self._mib[target] - vm.mib
            room = vcpus / nodes[target].vcpus_at_threshold + mib / nodes[target].mib_at_threshold
            return vcpus < 0 or mib < 0, room, target

        return key

    def _may_take(self, row: int, target: int) -> bool:
        """A quick check whether a placement with the VM on this target can exist."""
        vm, node = self._model.vms[row], self._model.nodes[target]
        if target in self._left or not self._is_first_twin(target):
            return False
        if self._vcpus[target] + vm.vcpus - self._free_vcpus[target] > node.fill_vcpus:
            return False
        if self._mib[target] + vm.mib - self._free_mib[target] > node.fill_mib:
            return False
        return not any(target in self._model.fixed[group] for group in vm.apart) and not any(
            self._target[mate] == target or (self._target[mate] == STAYS and self._model.vms[mate].home == target)
            for group in vm.apart
            for mate in self._model.members[group]
            if mate != row
        )

    def _is_first_twin(self, target: int) -> bool:
        """Whether this is the first of equal targets without arrivals: only the first one is tried."""
        return bool(self._arrivals[target]) or all(self._arrivals[twin] for twin in self._twins[target])

    def _mates_at(self, row: int, target: int) -> list[int]:
        """VMs on the target that may not share it with this VM, so that they must leave."""
        vms = self._model.vms
        return [
            mate
            for group in vms[row].apart
            for mate in self._model.members[group]
            if mate != row and vms[mate].home == target and self._target[mate] == UNDECIDED
        ]

    def _decide(self, row: int, target: int, sign: int) -> None:
        """Moves the VM to the target, or decides that it stays; ``sign=-1`` undoes the decision."""
        vm = self._model.vms[row]
        self._target[row] = target if sign > 0 else UNDECIDED
        self._mask[vm.home] ^= self._bit[row]
        self._free_vcpus[vm.home] -= sign * vm.vcpus
        self._free_mib[vm.home] -= sign * vm.mib
        if target == STAYS:
            return
        self._cost += sign * vm.cost
        self._arrivals[target] += sign
        for node, by in ((vm.home, -sign), (target, sign)):
            self._vcpus[node] += by * vm.vcpus
            self._mib[node] += by * vm.mib
            self._count[node] += by


def _twins(model: ExactModel) -> list[list[int]]:
    """Node -> earlier nodes that are equal targets until a VM comes to one of them."""
    takes: list[list[int]] = [[] for _ in model.nodes]
    for row, vm in enumerate(model.vms):
        for target in vm.targets:
            takes[target].append(row)
    with_vms = {vm.home for vm in model.vms} | {node for nodes in model.fixed.values() for node in nodes}
    first: dict[object, list[int]] = {}
    twins: list[list[int]] = []
    for i, node in enumerate(model.nodes):
        key = (
            *(node.cap_vcpus, node.cap_mib, node.fill_vcpus, node.fill_mib, node.cap_count),
            *(node.vcpus, node.mib, node.count, node.overloaded, tuple(takes[i])),
        )
        same = first.setdefault(key if i not in with_vms else i, [])
        twins.append(list(same))
        same.append(i)
    return twins
