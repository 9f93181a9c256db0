"""Branch and bound over final placements, VM by VM: the least excess, and the least cost if cost is used.

Unless ``ordered`` is set, only the final places of the VMs count, without order of moves and affinity. Then the result
is a lower bound for every plan, also for a plan that moves a VM several times. The search places the largest VMs first,
because they decide whether the rest fits. If two placements of the first VMs fill all nodes equally, the rest of the
search is the same, so each such state is searched once.
"""

from __future__ import annotations

from math import inf
from typing import NamedTuple

from balancer.strategies.exact.cover import INFEASIBLE, Covers
from balancer.strategies.exact.excess import DIGITS, ROUNDING, least_above
from balancer.strategies.exact.model import ExactVM
from balancer.strategies.exact.order import OrderSearch, OrderUnknown, Pair
from balancer.strategies.exact.packing_case import PackingCase

HOME_AGAIN = -1
CHECKS_A_VISIT = 6
"""How many moves a search for an order checks in the time of one visit here."""


class Goal(NamedTuple):
    """The value of a placement; less is better."""

    excess: float
    cost: int


class PackingLimitReached(Exception):
    """The search has reached its limit of work."""


class PackingSearch:
    """Placements in which only the nodes of ``left`` may stay overloaded; each found one is better than the last."""

    def __init__(
        self,
        case: PackingCase,
        best: Goal,
        *,
        work: int,
        covers: Covers | None = None,
        floor: float = 0.0,
        ordered: bool = False,
        most_cost: int = INFEASIBLE,
    ) -> None:
        """A search that has visited nothing yet.

        Args:
            case: the cluster, and the nodes that may stay overloaded.
            best: only better placements count.
            work: how many states the search may visit.
            covers: given where cost counts; else every move is free.
            floor: a lower bound of the excess of these placements.
            ordered: only placements count whose moves have a legal order.
            most_cost: only placements that cost less count.
        """
        model = case.model
        self._case, self._model, self._left, self._others = case, model, case.left, case.others
        self._fill, self._stay, self._most, self._rows = case.fill, case.stay, case.most, case.rows
        self._most_cost, self._floor, self._ordered, self._covers = most_cost, floor, ordered, covers
        self.best, self.work = best, work
        self._refused = 0
        """How often a placement, or all placements that begin alike, had no legal order."""
        self.order_unknown = False
        """The search for an order was given up at least once."""
        self.cheapest_refused = INFEASIBLE
        """A lower bound for the cost of the placements without a legal order."""
        self.cut_by_cost = False
        """Some placements were left out because of ``most_cost``."""
        self.moves: list[Pair] | None = None
        """The best placement so far, as moves in no order."""
        self._vcpus, self._mib, self._count = list(case.vcpus), list(case.mib), list(case.count)
        self._arrivals = [0] * len(model.nodes)
        self._place = [HOME_AGAIN] * len(model.vms)
        self._decided = [False] * len(model.vms)
        self._seen: dict[tuple[int, ...], int] = {}
        """State -> the least cost at which the search has reached it."""
        self._mask = list(case.mask)
        self._home_vcpus = [n.vcpus for n in model.nodes]
        """By node: vCPUs of the VMs that are there now and of those that are not placed yet; likewise ``_home_mib``."""
        self._home_mib = [n.mib for n in model.nodes]
        self._cost = 0
        self._start_vcpus = list(case.vcpus)
        """By node: vCPUs before the first move, without VMs that are not placed yet; likewise ``_start_mib``."""
        self._start_mib = list(case.mib)

    def run_to_the_end(self) -> bool:
        """Finds the best placement; ``False`` = the work did not suffice to visit all placements."""
        try:
            self._run()
        except PackingLimitReached:
            return False
        return True

    def _run(self) -> None:
        start = zip(self._vcpus, self._mib, self._stay, strict=True)
        if all(c <= most[0] and m <= most[1] for i, (c, m, most) in enumerate(start) if i not in self._left):
            self._visit(0)

    def _visit(self, k: int) -> None:
        """The first ``k`` VMs are placed."""
        self.work -= 1
        if self.work < 0:
            raise PackingLimitReached
        least = Goal(max(self._floor, self._least_excess(k)), self.least_cost())
        if least >= self.best:
            return
        if least.cost >= self._most_cost:
            self.cut_by_cost = True
            return
        if k == len(self._rows):
            self._complete(least)
            return
        if self._ordered and self._is_deadlocked():
            self._refuse(least.cost)
            return
        state = self._state(k)
        if self._seen.get(state, INFEASIBLE) <= self._cost:
            return
        row, refused = self._rows[k], self._refused
        for target in self._choices(row):
            if self._may_take(row, target):
                self._put(row, target, 1)
                self._visit(k + 1)
                self._put(row, target, -1)
        if self._refused == refused:  # else another way to this state may have a placement that counts
            self._seen[state] = self._cost

    def _complete(self, value: Goal) -> None:
        moves: list[Pair] | None = [(row, at) for row, at in enumerate(self._place) if at != self._model.vms[row].home]
        if self._ordered and moves is not None:
            moves = self._in_order(moves)
        if moves is None:
            self._refuse(value.cost)
        else:
            self.best, self.moves = value, moves

    def _in_order(self, moves: list[Pair]) -> list[Pair] | None:
        search = OrderSearch(self._model, moves)
        try:
            return search.run()
        except OrderUnknown:
            self.order_unknown = True
            return None
        finally:
            self.work -= search.checks // CHECKS_A_VISIT

    def _refuse(self, cost: int) -> None:
        self._refused += 1
        self.cheapest_refused = min(self.cheapest_refused, cost)

    def _is_deadlocked(self) -> bool:
        """Whether moves that are decided wait for each other, even if every VM that is not placed yet left at once."""
        vms = self._model.vms
        pending = [row for row, at in enumerate(self._place) if self._decided[row] and at != vms[row].home]
        vcpus, mib = list(self._start_vcpus), list(self._start_mib)
        progress = True
        while progress and pending:
            progress, waiting = False, []
            for row in pending:
                target, vm = self._place[row], vms[row]
                most = self._model.nodes[target]
                if vcpus[target] + vm.vcpus <= most.fill_vcpus and mib[target] + vm.mib <= most.fill_mib:
                    vcpus[vm.home] -= vm.vcpus
                    mib[vm.home] -= vm.mib
                    progress = True
                else:
                    waiting.append(row)
            pending = waiting
        return bool(pending)

    def _state(self, k: int) -> tuple[int, ...]:
        """All that decides which placements of the other VMs are possible and what they are worth."""
        grouped = [self._place[row] for row in self._case.grouped if self._decided[row]]
        counts = [self._count[i] for i in self._case.counted]
        return (k, *self._vcpus, *self._mib, *map(bool, self._arrivals), *counts, *grouped)

    def _choices(self, row: int) -> list[int]:
        """Where the VM may be in the end: at home first, unless its node is one that should lose as much as it can."""
        vm = self._model.vms[row]
        targets = [target for target in self._case.domains[row] if target != vm.home]
        targets.sort(key=lambda i: (self._fill[i][1] - self._mib[i], i))
        return [*targets, vm.home] if vm.home in self._left and self._covers is None else [vm.home, *targets]

    def _may_take(self, row: int, target: int) -> bool:
        vm, home = self._model.vms[row], self._model.vms[row].home
        if target == home and target in self._left:
            return True
        arrives = target != home or self._arrivals[target] > 0
        vcpus, mib = self._fill[target] if arrives else self._stay[target]
        if self._vcpus[target] + vm.vcpus > vcpus or self._mib[target] + vm.mib > mib:
            return False
        if arrives and self._count[target] >= self._model.nodes[target].cap_count:
            return False
        return not vm.apart or self._keeps_apart(row, vm, target)

    def _keeps_apart(self, row: int, vm: ExactVM, target: int) -> bool:
        """Two VMs of an anti-affinity group may share a node only where both have been all the time."""
        arrives = target != vm.home
        if arrives and any(target in self._model.fixed[group] for group in vm.apart):
            return False
        return not any(
            self._decided[mate] and self._place[mate] == target and (arrives or self._model.vms[mate].home != target)
            for group in vm.apart
            for mate in self._model.members[group]
            if mate != row
        )

    def _put(self, row: int, target: int, sign: int) -> None:
        vm = self._model.vms[row]
        self._place[row], self._decided[row] = target, sign > 0
        self._vcpus[target] += sign * vm.vcpus
        self._mib[target] += sign * vm.mib
        self._count[target] += sign
        self._mask[vm.home] ^= self._case.bit[row]
        self._start_vcpus[vm.home] += sign * vm.vcpus
        self._start_mib[vm.home] += sign * vm.mib
        if target != vm.home:
            self._arrivals[target] += sign
            self._cost += sign * vm.cost * (self._covers is not None)
            self._home_vcpus[vm.home] -= sign * vm.vcpus
            self._home_mib[vm.home] -= sign * vm.mib
            self._home_vcpus[target] += sign * vm.vcpus
            self._home_mib[target] += sign * vm.mib

    def least_cost(self) -> int:
        """The least cost of a placement that begins like this one: what too full nodes must lose besides."""
        if self._covers is None:
            return 0
        cost = self._cost
        for i in self._others:
            if self._arrivals[i] or self._model.nodes[i].overloaded:
                most = self._fill[i] if self._arrivals[i] else self._stay[i]
                vcpus, mib = self._home_vcpus[i] - most[0], self._home_mib[i] - most[1]
                if vcpus > 0 or mib > 0:
                    cost += self._covers.least(i, self._mask[i], vcpus, mib, 0)
        return cost

    def _least_excess(self, k: int) -> float:
        """The least excess of a placement that begins like this one; infinite where the other VMs cannot fit."""
        regions, least_vcpus, least_mib = self._case.rest[k]
        used_vcpus, used_mib, arrivals = self._vcpus, self._mib, self._arrivals
        rooms_vcpus, rooms_mib = [0] * len(used_vcpus), [0] * len(used_mib)
        for i in self._others:
            most_vcpus, most_mib = self._fill[i] if arrivals[i] else self._most[i]
            vcpus, mib = most_vcpus - used_vcpus[i], most_mib - used_mib[i]
            if vcpus >= least_vcpus and mib >= least_mib:
                rooms_vcpus[i], rooms_mib[i] = vcpus, mib
        room_vcpus = room_mib = -1
        for of_region, need_vcpus, need_mib in regions:
            room_vcpus = sum(of_region(rooms_vcpus)) - need_vcpus
            room_mib = sum(of_region(rooms_mib)) - need_mib
            if room_vcpus < 0 or room_mib < 0:
                return inf
        if not self._left:
            return 0.0
        nodes, rest = self._model.nodes, self._case.rest_of_left[k].items()
        vcpus_above = [(nodes[i].vcpus_at_threshold, used_vcpus[i] + free, free) for i, (free, _) in rest]
        mib_above = [(nodes[i].mib_at_threshold, used_mib[i] + free, free) for i, (_, free) in rest]
        excess = least_above(vcpus_above, room_vcpus) + least_above(mib_above, room_mib)
        return round(max(0.0, excess - ROUNDING), DIGITS)
