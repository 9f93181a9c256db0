"""Finds a way to relieve one node, given the decisions for other nodes: which VMs leave, their targets, making room.

The cheapest sets of its VMs are tried first: directly, or with one VM that has room only after others have left its
target. If none of them fits, VMs are tried one by one. The given decisions do not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balancer.strategies.arrays import Bools
from balancer.strategies.optimal.covering import Case, cheapest
from balancer.strategies.optimal.packing import Room
from balancer.strategies.optimal.patterns import Pattern, Relief
from balancer.strategies.optimal.problem import Problem
from balancer.strategies.optimal.sequence import Pair

SKIP_ONE_IN = 8
"""One in this many times the next best set is used, so that the search leaves local optima."""
TRIED = 12
"""The most sets of one node that are tried completely, per insertion."""
MAX_HOSTS = 6
"""The most targets from which several VMs are removed to make room."""
WORK = 1_000_000
"""The limit of work of one plan's search: about microseconds on a machine of 2025. Work is counted, not timed, so the
same snapshot gets the same plan on every machine."""
WORK_A_NODE, LEAST_WORK = 500, 400_000
"""The limit of work is reduced per node, down to the least: other parts of planning take longer on larger clusters, and
a whole plan should take at most a second up to 1,000 nodes."""
ONE_LOOK, NODES_A_UNIT, VMS_A_UNIT = 8, 100, 100
"""The work of one array expression, and how many nodes or VMs in it count as one more unit."""
ONE_COVER = 150
"""The work of one covering knapsack."""


@dataclass(frozen=True)
class Relocation:
    """A way to relieve one node: its VMs that leave, and VMs of other nodes that make room for them."""

    cost: int
    steps: tuple[Pair, ...]


class Rng:
    """A fixed sequence of numbers (Lehmer's generator), so that the same snapshot gets the same plan everywhere."""

    def __init__(self, seed: int = 20_261_122) -> None:
        self._state = seed

    def below(self, n: int) -> int:
        """A number from 0 to ``n`` - 1."""
        self._state = self._state * 48271 % 2147483647
        return self._state % n

    def shuffled(self, numbers: Sequence[int]) -> list[int]:
        """The numbers in another order."""
        result = list(numbers)
        for i in range(len(result) - 1, 0, -1):
            j = self.below(i + 1)
            result[i], result[j] = result[j], result[i]
        return result


class RelocationFinder:
    """Finds relocations in the remaining room. The caller decides which of them are carried out."""

    def __init__(self, problem: Problem, rng: Rng) -> None:
        self.room: Room = problem.room.copy()
        self._costs = problem.costs
        self.moved: set[int] = set()
        self._rng = rng
        self._not_overloaded: Bools = ~self.room.nodes.overloaded & self.room.nodes.source
        self._relieved: Bools = np.zeros_like(self._not_overloaded)
        self.work = max(LEAST_WORK, WORK - WORK_A_NODE * len(problem.nodes))
        """The remaining work; at 0 or below the search ends."""
        self._look = ONE_LOOK + len(problem.nodes) // NODES_A_UNIT
        self._scan = ONE_LOOK + len(problem.vms) // VMS_A_UNIT

    def carry_out(self, node: int, relocation: Relocation) -> None:
        """Records that the node is relieved in this way."""
        self._relieved[node] = True
        self._carry(relocation, 1)

    def take_back(self, node: int, relocation: Relocation) -> None:
        """Undoes ``carry_out``."""
        self._relieved[node] = False
        self._carry(relocation, -1)

    def _carry(self, relocation: Relocation, sign: int) -> None:
        for vm, target in relocation.steps:
            self.room.place(vm, target, sign)
        (self.moved.update if sign > 0 else self.moved.difference_update)(vm for vm, _ in relocation.steps)

    def work_one_by_one(self, reliefs: Sequence[Relief]) -> int:
        """An estimate of the work of relieving all these nodes VM by VM."""
        return sum(len(relief.rows) * 3 * (self._scan + self._look) for relief in reliefs)

    def cheapest(self, relief: Relief, tolerance: int, *, one_by_one: bool = True) -> Relocation | None:
        """The cheapest relocation of this node; sometimes, at random, one that costs up to ``tolerance`` more."""
        rows = [row for row in relief.rows.tolist() if row not in self.moved]
        if not rows:
            return None
        self.work -= len(rows) * self._look // 4 + ONE_COVER
        fits = dict(zip(rows, self.room.placeable(rows), strict=True))
        best = self._placed(relief, fits)
        otherwise = best is not None and self._rng.below(SKIP_ONE_IN) == 0
        roomy = self._after_making_room(relief, fits, None if best is None else best.cost + tolerance * otherwise)
        return roomy or best or (self._one_by_one(relief, rows) if one_by_one else None)

    def _placed(self, relief: Relief, fits: dict[int, bool]) -> Relocation | None:
        tried = 0
        for pattern in relief.pool:
            if self._rng.below(SKIP_ONE_IN) and all(fits.get(vm, False) for vm in pattern.vms):
                steps = self._try(pattern.vms)
                if steps is not None:
                    return Relocation(pattern.cost, steps)
                tried += 1
                if tried >= TRIED:
                    break
        allowed = np.flatnonzero([fits.get(row, False) for row in relief.rows.tolist()])
        last = relief.cheapest_of(allowed)
        if last is None:
            return None
        steps = self._try(last.vms)
        return None if steps is None else Relocation(last.cost, steps)

    def _try(self, vms: Sequence[int]) -> tuple[Pair, ...] | None:
        """The targets of these VMs, largest VM first; ``None`` = they do not fit. The room does not change."""
        own = self.room.vms
        steps: list[Pair] = []
        for vm in sorted(vms, key=lambda v: (-int(own.mib[v]), -int(own.vcpus[v]), v)):
            self.work -= self._look
            target = self.room.best_fit(vm)
            if target < 0:
                break
            self.room.place(vm, target)
            steps.append((vm, target))
        for vm, target in steps:
            self.room.place(vm, target, -1)
        return tuple(steps) if len(steps) == len(vms) else None

    # --- making room ---------------------------------------------------------------------------------------

    def _after_making_room(self, relief: Relief, fits: dict[int, bool], below: int | None) -> Relocation | None:
        """A relocation in which one VM has room only after another VM has left its target."""
        best: Relocation | None = None
        limit = below
        tried = 0
        cheapest_move = int(self._costs.min())
        for pattern in relief.pool:
            if limit is not None and pattern.cost + cheapest_move >= limit:
                break
            large = [vm for vm in pattern.vms if not fits.get(vm, False)]
            if len(large) != 1 or large[0] in self.moved or large[0] not in fits:
                continue
            relocation = self._make_room(pattern, large[0], limit)
            tried += 1
            if relocation is not None:
                best, limit = relocation, relocation.cost
            if tried >= TRIED:
                break
        return best

    def _make_room(self, pattern: Pattern, large: int, limit: int | None) -> Relocation | None:
        hosts = self._hosts(large)
        not_overloaded = hosts & self._not_overloaded
        return (
            self._one_makes_room(not_overloaded, pattern, large, limit)
            or self._several_make_room(not_overloaded, pattern, large, limit)
            or self._one_makes_room(hosts & self._relieved, pattern, large, limit)
        )

    def _hosts(self, large: int) -> Bools:
        """The nodes that could take this VM if other VMs left them."""
        room, source = self.room, int(self.room.vms.node[large])
        hosts: Bools = room.reach[int(room.nodes.kind[source])] & (room.count >= 0) & ~room.nodes.measured
        hosts[source] = False
        return hosts

    def _one_makes_room(self, hosts: Bools, pattern: Pattern, large: int, limit: int | None) -> Relocation | None:
        """The relocation with the cheapest VM of these nodes whose departure makes enough room."""
        room, vms = self.room, self.room.vms
        self.work -= self._scan
        at = vms.node
        lack_c, lack_m = vms.vcpus[large] - room.vcpus, vms.mib[large] - room.mib
        able = np.flatnonzero(hosts[at] & (vms.vcpus >= lack_c[at]) & (vms.mib >= lack_m[at]))
        tried = 0
        for mover in able[np.argsort(self._costs[able], kind="stable")].tolist():
            cost = pattern.cost + int(self._costs[mover])
            if (limit is not None and cost >= limit) or tried >= TRIED:
                break
            if mover in self.moved or mover in pattern.vms:
                continue
            tried += 1
            steps = self._try_after([mover], int(at[mover]), large, pattern)
            if steps is not None:
                return Relocation(cost, steps)
        return None

    def _several_make_room(self, hosts: Bools, pattern: Pattern, large: int, limit: int | None) -> Relocation | None:
        """The relocation with the cheapest set of VMs of one node; nodes that lack the least are tried."""
        room, vms = self.room, self.room.vms
        lack_c = np.maximum(0, vms.vcpus[large] - room.vcpus)
        lack_m = np.maximum(0, vms.mib[large] - room.mib)
        lack = lack_c / float(vms.vcpus[large]) + lack_m / float(vms.mib[large])
        rows_of = np.flatnonzero(hosts)
        best: Relocation | None = None
        for host in rows_of[np.argsort(lack[rows_of], kind="stable")][:MAX_HOSTS].tolist():
            rows = np.arange(vms.start[host], vms.start[host + 1])
            rows = rows[[row not in self.moved for row in rows.tolist()]] if len(rows) else rows
            if not len(rows):
                continue
            self.work -= ONE_COVER
            rows = rows[room.placeable(rows.tolist())]
            lack_here = int(lack_c[host]), int(lack_m[host])
            cover = cheapest(Case(vms.vcpus[rows], vms.mib[rows], self._costs[rows], *lack_here))
            if cover is None or (limit is not None and pattern.cost + cover[0] >= limit):
                continue
            steps = self._try_after(rows[cover[1]].tolist(), host, large, pattern)
            if steps is not None:
                best = Relocation(pattern.cost + cover[0], steps)
                limit = best.cost
        return best

    def _try_after(self, movers: Sequence[int], host: int, large: int, pattern: Pattern) -> tuple[Pair, ...] | None:
        """The moves: ``movers`` leave the host, the large VM goes there, then the other VMs of the pattern."""
        room = self.room
        away = self._try(movers)
        if away is None:
            return None
        for vm, target in away:
            room.place(vm, target)
        steps: tuple[Pair, ...] | None = None
        if room.fits(large, host):
            room.place(large, host)
            rest = self._try([vm for vm in pattern.vms if vm != large])
            room.place(large, host, -1)
            if rest is not None:
                steps = (*away, (large, host), *rest)
        for vm, target in away:
            room.place(vm, target, -1)
        return steps

    # --- VM by VM --------------------------------------------------------------------------------------

    def _one_by_one(self, relief: Relief, rows: Sequence[int]) -> Relocation | None:
        """Moves VM by VM, each to a target with room or where one VM makes room, until enough VMs have left."""
        vms = self.room.vms
        weights = dict(zip(relief.rows.tolist(), relief.case.vcpus.tolist(), strict=True))
        lack = [relief.case.need_vcpus, relief.case.need_mib]
        parts: dict[int, Relocation] = {}
        for vm in self._rng.shuffled(rows):
            if max(lack) <= 0 or self.work <= 0:
                break
            part = self._alone(vm)
            if part is not None:
                self._carry(part, 1)
                parts[vm] = part
                lack = [lack[0] - weights[vm], lack[1] - int(vms.mib[vm])]
        for part in parts.values():
            self._carry(part, -1)
        if max(lack) > 0:
            return None
        for vm in sorted(parts, key=lambda v: (-parts[v].cost, v)):  # remove VMs that need not leave
            without = [lack[0] + weights[vm], lack[1] + int(vms.mib[vm])]
            if max(without) <= 0 and len(parts[vm].steps) == 1:
                lack = without
                del parts[vm]
        return Relocation(sum(p.cost for p in parts.values()), tuple(step for p in parts.values() for step in p.steps))

    def _alone(self, vm: int) -> Relocation | None:
        only = Pattern(int(self._costs[vm]), (vm,))
        target = self.room.best_fit(vm)
        if target >= 0:
            return Relocation(only.cost, ((vm, target),))
        hosts = self._hosts(vm)
        return self._one_makes_room(hosts & self._not_overloaded, only, vm, None) or self._one_makes_room(
            hosts & self._relieved, only, vm, None
        )
