"""Branch and bound over final placements, VM by VM: the least excess, and the least cost if cost is used.

Unless ``ordered`` is set, only the final places of the VMs count, without order of moves and affinity. Then the result
is a lower bound for every plan, also for a plan that moves a VM several times. The search places the largest VMs first,
because they decide whether the rest fits. If two placements of the first VMs fill all nodes equally, the rest of the
search is the same, so each such state is searched once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import gcd, inf
from operator import itemgetter
from typing import NamedTuple

from balancer.strategies.exact.cover import INFEASIBLE, Covers
from balancer.strategies.exact.excess import DIGITS, ROUNDING, largest_sum, least_above
from balancer.strategies.exact.model import NO_LIMIT, ExactModel, ExactVM
from balancer.strategies.exact.order import OrderSearch, OrderUnknown, Pair

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

    def __init__(  # noqa: PLR0913 - each says which placements count
        self,
        model: ExactModel,
        left: frozenset[int],
        best: Goal,
        *,
        work: int,
        covers: Covers | None = None,
        floor: float = 0.0,
        overloaded_first: bool = False,
        ordered: bool = False,
        most_cost: int = INFEASIBLE,
    ) -> None:
        """A search that has visited nothing yet.

        Args:
            model: the cluster.
            left: rows of the nodes that may stay overloaded.
            best: only better placements count.
            work: how many states the search may visit.
            covers: given where cost counts; else every move is free.
            floor: a lower bound of the excess of these placements.
            overloaded_first: places the VMs of overloaded nodes before all others.
            ordered: only placements count whose moves have a legal order.
            most_cost: only placements that cost less count.
        """
        self._most_cost = most_cost
        self._model, self._left = model, left
        self.best, self.work = best, work
        self._floor, self._overloaded_first = floor, overloaded_first
        self._ordered = ordered
        self._refused = 0
        """How often a placement, or all placements that begin alike, had no legal order."""
        self.order_unknown = False
        """The search for an order was given up at least once."""
        self.cheapest_refused = INFEASIBLE
        """A lower bound for the cost of the placements without a legal order."""
        self.cut_by_cost = False
        """Some placements were left out because of ``most_cost``."""
        self._covers = covers
        self.moves: list[Pair] | None = None
        """The best placement so far, as moves in no order."""
        homes = model.at_home()
        self._vcpus = [n.vcpus - sum(model.vms[row].vcpus for row in homes[i]) for i, n in enumerate(model.nodes)]
        self._mib = [n.mib - sum(model.vms[row].mib for row in homes[i]) for i, n in enumerate(model.nodes)]
        self._count = [n.count - len(homes[i]) for i, n in enumerate(model.nodes)]
        self._arrivals = [0] * len(model.nodes)
        self._others = [i for i in range(len(model.nodes)) if i not in left]
        self._counted = [i for i in self._others if model.nodes[i].cap_count < NO_LIMIT]
        self._find_limits()
        self._find_domains()
        self._rows = sorted(range(len(model.vms)), key=self._most_constrained_first())
        self._grouped = [row for row in self._rows if model.vms[row].apart]
        self._place = [HOME_AGAIN] * len(model.vms)
        self._decided = [False] * len(model.vms)
        self._sum_up_rest()
        self._seen: dict[tuple[int, ...], int] = {}
        """State -> the least cost at which the search has reached it."""
        self._bit = {row: 1 << i for rows in homes for i, row in enumerate(rows)}
        self._mask = [(1 << len(rows)) - 1 for rows in homes]
        self._home_vcpus = [n.vcpus for n in model.nodes]
        """By node: vCPUs of the VMs that are there now and of those that are not placed yet; likewise ``_home_mib``."""
        self._home_mib = [n.mib for n in model.nodes]
        self._cost = 0
        self._start_vcpus = list(self._vcpus)
        """By node: vCPUs before the first move, without VMs that are not placed yet; likewise ``_start_mib``."""
        self._start_mib = list(self._mib)

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

    def _find_limits(self) -> None:
        """What each node may hold without arrivals (``_stay``) and with them (``_fill``), as sums that VMs can make."""
        model, unit = self._model, 0
        for vm in model.vms:
            unit = gcd(unit, vm.mib)
        self._stay: list[tuple[int, int]] = []
        self._fill: list[tuple[int, int]] = []
        self._most: list[tuple[int, int]] = []
        for i, node in enumerate(model.nodes):
            vms = [vm for vm in model.vms if vm.home == i or i in vm.targets]
            vcpus, mib = [vm.vcpus for vm in vms], [vm.mib for vm in vms]
            fill = (
                largest_sum(self._vcpus[i], vcpus, node.fill_vcpus, 1),
                largest_sum(self._mib[i], mib, node.fill_mib, max(1, unit)),
            )
            stay = (node.vcpus, node.mib)
            if node.overloaded:
                stay = (
                    largest_sum(self._vcpus[i], vcpus, node.cap_vcpus, 1),
                    largest_sum(self._mib[i], mib, node.cap_mib, max(1, unit)),
                )
            self._fill.append(fill)
            self._stay.append(stay)
            takes = any(i in vm.targets for vm in model.vms)
            self._most.append((max(fill[0], stay[0]), max(fill[1], stay[1])) if takes else stay)

    def _find_domains(self) -> None:
        """Where each VM can be in the end, and the distinct sets of such nodes (``_regions``)."""
        nodes = self._model.nodes
        self._domains: list[frozenset[int]] = []
        for vm in self._model.vms:
            able = [
                t
                for t in vm.targets
                if t not in self._left
                and self._vcpus[t] + vm.vcpus <= nodes[t].fill_vcpus
                and self._mib[t] + vm.mib <= nodes[t].fill_mib
            ]
            self._domains.append(frozenset([*able, vm.home]))
        every = frozenset(self._others)
        self._regions = sorted({every, *(d for d in self._domains if d <= every)}, key=lambda d: (-len(d), sorted(d)))

    def _sum_up_rest(self) -> None:
        """By number of placed VMs: what the others need, by region, and the smallest need of each resource."""
        least_vcpus = least_mib = NO_LIMIT
        of_left = dict.fromkeys(sorted(self._left), (0, 0))
        needs = [(0, 0)] * len(self._regions)
        pickers = [_picker(region) for region in self._regions]
        self._rest = [(_needy(pickers, needs), 0, 0)]
        self._rest_of_left = [of_left]
        for row in reversed(self._rows):
            vm = self._model.vms[row]
            least_vcpus, least_mib = min(least_vcpus, vm.vcpus), min(least_mib, vm.mib)
            if vm.home in self._left:
                of_left = {**of_left, vm.home: (of_left[vm.home][0] + vm.vcpus, of_left[vm.home][1] + vm.mib)}
            else:
                needs = [
                    (c + vm.vcpus, m + vm.mib) if self._domains[row] <= region else (c, m)
                    for region, (c, m) in zip(self._regions, needs, strict=True)
                ]
            self._rest.append((_needy(pickers, needs), least_vcpus, least_mib))
            self._rest_of_left.append(of_left)
        self._rest.reverse()
        self._rest_of_left.reverse()

    def _most_constrained_first(self) -> Callable[[int], tuple[bool, int, float, int, int, int]]:
        """The order in which VMs are placed: those with the fewest nodes to choose from, then the largest."""
        vms, nodes = self._model.vms, self._model.nodes
        vcpus = max(1, sum(node.cap_vcpus for node in nodes))
        mib = max(1, sum(node.cap_mib for node in nodes))

        def key(row: int) -> tuple[bool, int, float, int, int, int]:
            size = max(vms[row].vcpus / vcpus, vms[row].mib / mib)
            last = self._overloaded_first and not nodes[vms[row].home].overloaded
            return last, len(self._domains[row]), -size, -vms[row].vcpus, -vms[row].mib, row

        return key

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
        grouped = [self._place[row] for row in self._grouped if self._decided[row]]
        counts = [self._count[i] for i in self._counted]
        return (k, *self._vcpus, *self._mib, *map(bool, self._arrivals), *counts, *grouped)

    def _choices(self, row: int) -> list[int]:
        """Where the VM may be in the end: at home first, unless its node is one that should lose as much as it can."""
        vm = self._model.vms[row]
        targets = [target for target in self._domains[row] if target != vm.home]
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
        self._mask[vm.home] ^= self._bit[row]
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
        regions, least_vcpus, least_mib = self._rest[k]
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
        nodes, rest = self._model.nodes, self._rest_of_left[k].items()
        vcpus_above = [(nodes[i].vcpus_at_threshold, used_vcpus[i] + free, free) for i, (free, _) in rest]
        mib_above = [(nodes[i].mib_at_threshold, used_mib[i] + free, free) for i, (_, free) in rest]
        excess = least_above(vcpus_above, room_vcpus) + least_above(mib_above, room_mib)
        return round(max(0.0, excess - ROUNDING), DIGITS)


class _Region(NamedTuple):
    """What the VMs that are not placed yet, and can only be on some nodes, need together."""

    pick: Callable[[list[int]], tuple[int, ...]]
    """The figures of these nodes, out of those of all nodes."""
    vcpus: int
    mib: int


def _needy(
    pickers: Sequence[Callable[[list[int]], tuple[int, ...]]], needs: Sequence[tuple[int, int]]
) -> list[_Region]:
    """The regions that something must go to, and the largest, of all nodes, as the last."""
    regions = [_Region(pick, *need) for pick, need in zip(pickers, needs, strict=True)]
    return [region for region in reversed(regions[1:]) if region.vcpus or region.mib] + regions[:1]


def _picker(nodes: Iterable[int]) -> Callable[[list[int]], tuple[int, ...]]:
    rows = sorted(nodes)
    if len(rows) > 1:
        return itemgetter(*rows)
    return lambda figures: tuple(figures[row] for row in rows)
