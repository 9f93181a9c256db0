"""Proven lower bounds that know nothing of any planner; they need the packages of `requirements/bench.txt`.

Clearing: a node is unclearable when even taking away every movable VM that fits some other node leaves it
overloaded. For each other overloaded node CP-SAT finds the least number of VMs (and separately the least memory) to
take away. A move takes one VM from one node, so the sums hold for every plan that clears all clearable nodes.

Evening out: J = std(CPU ratio) + std(memory fraction) is convex in the node loads, so the relaxation in which
fractions of VMs move, at most k in all, is a second-order cone programme. Its dual value, less the solver's
tolerance, holds for every plan of k moves. VM limits, whole VMs and the order of moves are ignored. For one move
all possibilities are tried.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import clarabel
import numpy as np
from ortools.sat.python import cp_model
from scipy import sparse

from benchmarks.instance import Instance, State

TOLERANCE = 1e-6
SECONDS_A_NODE = 10.0
"""The time for CP-SAT; if it is too short, CP-SAT's own proven bound is used instead of the optimum."""


@dataclass(frozen=True, slots=True)
class ClearingBound:
    overloaded: int
    unclearable: int
    moves: int
    gib: float
    seconds: float


def clearing_bound(instance: Instance) -> ClearingBound:
    started = time.perf_counter()
    state = State(instance)
    leaving = _could_leave(instance)
    over = [n for n in instance.active if state.overloaded(n)]
    moves = mib = unclearable = 0
    for node in over:
        vms = leaving.get(node, [])
        cpu_room = instance.cpu_limit * instance.cpus[node]
        memory_room = instance.memory_limit / 100 * instance.memory_mib[node]
        excess = (
            max(0, math.ceil(state.vcpus[node] - cpu_room - TOLERANCE)),
            max(0, math.ceil(state.used_mib[node] - memory_room - TOLERANCE)),
        )
        sizes = [(instance.vcpus[v], instance.vm_mib[v]) for v in vms]
        least = least_removal(sizes, excess, by_memory=False)
        if least is None:
            unclearable += 1
            continue
        moves += least
        mib += least_removal(sizes, excess, by_memory=True) or 0
    return ClearingBound(len(over), unclearable, moves, mib / 1024, time.perf_counter() - started)


def least_removal(sizes: Sequence[tuple[int, int]], excess: tuple[int, int], *, by_memory: bool) -> int | None:
    """Least number (or MiB) of VMs whose vCPUs and MiB cover the excess; ``None`` = all together do not."""
    if any(sum(size[i] for size in sizes) < excess[i] for i in (0, 1)):
        return None
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in sizes]
    for i in (0, 1):
        if excess[i] > 0:
            model.add(sum(x * size[i] for x, size in zip(chosen, sizes, strict=True)) >= excess[i])
    model.minimize(sum(x * (size[1] if by_memory else 1) for x, size in zip(chosen, sizes, strict=True)))
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = SECONDS_A_NODE
    solver.parameters.num_workers = 1
    if solver.solve(model) == cp_model.UNKNOWN:
        return 0
    return math.ceil(solver.best_objective_bound - TOLERANCE)


def _could_leave(instance: Instance) -> dict[int, list[int]]:
    """By node, the movable VMs that some other open node could hold if everything movable there were gone."""
    cpu_room = np.array([instance.cpu_limit * c for c in instance.cpus])
    memory_room = np.array([instance.memory_limit / 100 * m for m in instance.memory_mib])
    memory_room -= np.array(instance.base_mib)
    for vm, node in enumerate(instance.home):
        if not instance.movable[vm]:
            cpu_room[node] -= instance.vcpus[vm]
            memory_room[node] -= instance.vm_mib[vm]
    order = sorted(set(instance.qemu))
    rank = np.array([order.index(q) for q in instance.qemu])
    is_open = np.array(instance.open)
    leaving: dict[int, list[int]] = {}
    for vm, node in enumerate(instance.home):
        if not instance.movable[vm]:
            continue
        fits = is_open & (rank >= rank[node])
        fits &= (cpu_room >= instance.vcpus[vm] - TOLERANCE) & (memory_room >= instance.vm_mib[vm] - TOLERANCE)
        fits[node] = False
        if fits.any():
            leaving.setdefault(node, []).append(vm)
    return leaving


def spread_bounds(instance: Instance, milestones: Sequence[int]) -> dict[int, float]:
    """Number of moves -> a J that no plan with that many moves gets below."""
    relaxation = Relaxation(instance)
    return {k: _after_the_best(instance) if k == 1 else relaxation.bound(k) for k in milestones}


def _after_the_best(instance: Instance) -> float:
    """J after the best single move, exactly: each VM that may move is tried on each node that may take it."""
    state, active = State(instance), instance.active
    place = {node: i for i, node in enumerate(active)}
    resources = [
        (np.array(used)[active] / np.array(capacity)[active], np.array(capacity)[active], sizes)
        for used, capacity, sizes in (
            (state.vcpus, instance.cpus, instance.vcpus),
            (state.used_mib, instance.memory_mib, instance.vm_mib),
        )
    ]
    least = sum(float(np.std(load)) for load, _, _ in resources)
    tried = set()
    for vm, home in enumerate(instance.home):
        alike = home, instance.vcpus[vm], instance.vm_mib[vm]
        if not instance.movable[vm] or alike in tried:
            continue
        tried.add(alike)
        targets = [place[node] for node in active if state.refusal(vm, node) is None]
        after = sum(
            _deviations(load, place[home], targets, sizes[vm] / capacity) for load, capacity, sizes in resources
        )
        least = min([least, *np.atleast_1d(after)[: len(targets)].tolist()])
    return least


def _deviations(load: Any, source: int, targets: Sequence[int], change: Any) -> Any:
    """The standard deviation of the loads after something went from the source to each target; changes by node."""
    ends = load[source] - change[source], load[targets] + change[targets]
    others = load - load.mean()
    total = ends[0] + ends[1] - load[source] - load[targets]
    squares = (others**2).sum() - others[source] ** 2 - others[targets] ** 2
    squares = squares + (ends[0] - load.mean()) ** 2 + (ends[1] - load.mean()) ** 2
    return np.sqrt(np.maximum(0.0, squares / len(load) - (total / len(load)) ** 2))


@dataclass(frozen=True, slots=True)
class Relaxed:
    """The optimum of the relaxation: a bound, where it is reached, and its prices."""

    least: float
    deviations: Any
    means: Any
    move_price: float
    vm_prices: dict[tuple[int, int, int], float]
    """By vCPUs, MiB and QEMU rank of a VM: its price at its target."""


class Relaxation:
    """Variables: VMs that leave by (node, size), arrivals by (size, QEMU class, target), loads, means, deviations.

    The source of an arrival does not change any load, so departures and arrivals are joined by size and QEMU only.
    No node may end above its threshold, or above its load at the start if that is more: this holds for every legal
    plan.
    """

    def __init__(self, instance: Instance) -> None:
        self.instance, self.state = instance, State(instance)
        self.active = instance.active
        self.nodes = len(self.active)
        self._index_variables()
        self.matrix, self.fixed = self._build()

    def _index_variables(self) -> None:
        of = self.instance
        position = {n: i for i, n in enumerate(self.active)}
        order = sorted(set(of.qemu))
        rank = [order.index(of.qemu[n]) for n in self.active]
        self.leaving = Counter(
            (position[home], of.vcpus[vm], of.vm_mib[vm]) for vm, home in enumerate(of.home) if of.movable[vm]
        )
        self.groups = list(self.leaving)
        flavours = sorted({(c, m, rank[s]) for s, c, m in self.groups})
        self.flavour = {f: i for i, f in enumerate(flavours)}
        self.group_flavour = [self.flavour[c, m, rank[s]] for s, c, m in self.groups]
        targets = [i for i, n in enumerate(self.active) if of.open[n]]
        self.arrivals = [(f, t) for f in flavours for t in targets if rank[t] >= f[2]]
        self.first_load = len(self.groups) + len(self.arrivals)
        self.size = self.first_load + 2 * self.nodes + 4

    def _build(self) -> tuple[Any, dict[str, Any]]:
        of, n = self.instance, self.nodes
        groups, arrivals = len(self.groups), len(self.arrivals)
        cpus = np.array([of.cpus[i] for i in self.active], float)
        memory = np.array([of.memory_mib[i] for i in self.active], float)
        ratio = np.array([self.state.vcpus[i] for i in self.active]) / cpus
        fraction = np.array([self.state.used_mib[i] for i in self.active]) / memory
        change_c = self._changes(cpus, 0)
        change_m = self._changes(memory, 1)
        rows = self.group_flavour + [self.flavour[f] for f, _ in self.arrivals]
        signs = [1.0] * groups + [-1.0] * arrivals
        balance = sparse.csc_matrix((signs, (rows, range(groups + arrivals))), (len(self.flavour), self.size))
        budget = sparse.csc_matrix(([1.0] * groups, ([0] * groups, range(groups))), (1, self.size))
        unit = sparse.identity(self.size, format="csc")
        loads_c, loads_m = self._pick(self.first_load), self._pick(self.first_load + n)
        matrix = sparse.vstack(
            [
                *(balance, loads_c - change_c, loads_m - change_m),
                *(budget, unit[:groups], -unit[: groups + arrivals], loads_c, loads_m),
                *(self._cone(loads_c, 0), self._cone(loads_m, 1)),
            ]
        ).tocsc()
        fixed = {
            "equal": [np.zeros(len(self.flavour)), ratio, fraction],
            "most": [
                np.array([self.leaving[g] for g in self.groups], float),
                np.zeros(groups + arrivals),
                np.maximum(of.cpu_limit, ratio),
                np.maximum(of.memory_limit / 100, fraction),
            ],
        }
        return matrix, fixed

    def _changes(self, capacity: Any, resource: int) -> Any:
        """The change of each node's load by leaving and arriving VMs."""
        places = [(s, -(c, m)[resource]) for s, c, m in self.groups]
        places += [(t, f[resource]) for f, t in self.arrivals]
        values = [amount / capacity[node] for node, amount in places]
        return sparse.csc_matrix((values, ([p for p, _ in places], range(len(places)))), (self.nodes, self.size))

    def _pick(self, first: int) -> Any:
        n = self.nodes
        return sparse.csc_matrix(([1.0] * n, (range(n), range(first, first + n))), (n, self.size))

    def _cone(self, loads: Any, which: int) -> Any:
        """|load - mean| <= deviation * sqrt(nodes); the free mean is the mean at the optimum."""
        n, mean, deviation = self.nodes, self.size - 4 + which, self.size - 2 + which
        top = sparse.csc_matrix(([-math.sqrt(n)], ([0], [deviation])), (1, self.size))
        means = sparse.csc_matrix(([1.0] * n, (range(n), [mean] * n)), (n, self.size))
        return sparse.vstack([top, means - loads])

    def bound(self, moves: int) -> float:
        return max(0.0, self.solve(moves).least)

    def solve(self, moves: int, ratio: float = 1.0) -> Relaxed:
        """The minimum of std(CPU ratio) + ``ratio`` x std(memory fraction), and the prices that prove it."""
        goal = np.zeros(self.size)
        goal[-2:] = 1.0, ratio
        solution = self._solution(moves, goal)
        duals = np.array(solution.z)
        return Relaxed(
            least=float(solution.obj_val_dual) - TOLERANCE,
            deviations=np.array(solution.x[-2:]),
            means=np.array(solution.x[-4:-2]),
            move_price=max(0.0, float(duals[sum(map(len, self.fixed["equal"])) + 1])),
            vm_prices={flavour: -float(duals[i]) for flavour, i in self.flavour.items()},
        )

    def means(self, moves: int, most: float) -> Any:
        """Lowest and highest mean of the CPU ratios and of the memory fractions, with a J of at most ``most``."""
        ends = []
        for first in (self.first_load, self.first_load + self.nodes):
            goal = np.zeros(self.size)
            goal[first : first + self.nodes] = 1 / self.nodes
            low, high = (float(self._solution(moves, sign * goal, most).obj_val_dual) for sign in (1.0, -1.0))
            ends.append((low - TOLERANCE, -high + TOLERANCE))
        return np.array(ends)

    def _solution(self, moves: int, goal: Any, most_j: float = 1e6) -> Any:
        equal, most = self.fixed["equal"], self.fixed["most"]
        right = np.concatenate([*equal, [most_j, float(moves)], *most, np.zeros(2 * self.nodes + 2)])
        first = sum(map(len, equal))
        deviations = sparse.csc_matrix(([1.0, 1.0], ([0, 0], [self.size - 2, self.size - 1])), (1, self.size))
        matrix = sparse.vstack([self.matrix[:first], deviations, self.matrix[first:]]).tocsc()
        cones = [
            clarabel.ZeroConeT(first),
            clarabel.NonnegativeConeT(2 + sum(map(len, most))),
            *[clarabel.SecondOrderConeT(self.nodes + 1)] * 2,
        ]
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads = False, 1
        nothing = sparse.csc_matrix((self.size, self.size))
        return clarabel.DefaultSolver(nothing, goal, matrix, right, cones, settings).solve()
