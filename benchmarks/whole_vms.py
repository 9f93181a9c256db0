"""A lower bound on J after k moves that knows that VMs are whole: sharper than the relaxation of bounds.py.

J = std(CPU ratio) + std(memory fraction). A weighted sum of both variances is a sum over the nodes: the squared
distances from any point, less the square of the distance of the means from it. The relaxation gives a box for the
means of every plan that is as good as a known one; that box is cut into cells. Each node chooses a pattern of whole VMs
(node_patterns.py). Two conditions have prices: VMs that leave also arrive, and at most k VMs leave. All prices give a
valid bound (Lagrange); column generation finds good prices from those of the relaxation. Each weighting cuts off a part
of the plane of the two deviations, the relaxation cuts off other parts, and the rest of the plane bounds J.
The order of the moves is left out.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from benchmarks.bounds import Relaxation, Relaxed
from benchmarks.instance import Instance, State
from benchmarks.node_patterns import Node, Patterns, cheapest

RELAXED = (0.1, 0.25, 0.4, 0.6, 0.8, 1.0, 1.25, 1.6, 2.5, 4.0, 10.0)
"""The weights of memory relative to CPU for the cuts of the relaxation."""
WHOLE = (0.6, 1.0, 1.6)
"""The weights for the cuts with whole VMs."""
ROUNDS = 20
PULL, LEAST_PULL = 0.5, 0.03
"""How far prices go towards those of the last linear programme; less after each round without a gain."""
PATIENCE, GAIN = 5, 0.003
"""After so many rounds without a gain of at least this part, prices are good enough."""
REACH = 0.5
"""How far a price may go in a round, as a part of the dearest one."""
LOSS = 0.008
"""How much a cell of means may weaken the bound, along each axis."""
MOST_CELLS = 5
"""The most cells along each axis; wider cells weaken the bound more."""
FINE = 20_000
SAFETY = 1e-6


@dataclass(frozen=True)
class Prices:
    """The price of a move; and by size and QEMU rank, the price of a VM that leaves a node and has to arrive."""

    move: float
    vm: Any


Columns = dict[tuple[int, bytes, bytes], tuple[Any, dict[int, int], int]]
"""By node, pattern and ranks."""


@dataclass(frozen=True)
class Cut:
    """For all plans: ``weights`` @ variances >= ``least``."""

    weights: Any
    least: float


class Cluster:
    """The instance as patterns of nodes see it. Sizes are (vCPUs, MiB)."""

    def __init__(self, instance: Instance) -> None:
        self.relaxation = Relaxation(instance)
        self._of, state, active = instance, State(instance), instance.active
        order = sorted(set(instance.qemu))
        self.rank = [order.index(instance.qemu[n]) for n in active]
        self.ranks = len(order)
        known = sorted({(c, m) for _, c, m in self.relaxation.groups})
        self.index = {size: i for i, size in enumerate(known)}
        self.sizes = np.array(known, float)
        self.leaving: list[dict[int, int]] = [{} for _ in active]
        for (node, c, m), count in self.relaxation.leaving.items():
            self.leaving[node][self.index[c, m]] = count
        self.exists = np.zeros((len(known), self.ranks), dtype=np.bool_)
        for node, c, m in self.relaxation.leaving:
            self.exists[self.index[c, m], self.rank[node]] = True
        self.op_sizes: list[Any] = []
        self.nodes = [self._node(state, i, node) for i, node in enumerate(active)]
        self.loads = np.array([node.start for node in self.nodes])
        self.capacity = np.array([(instance.cpus[n], instance.memory_mib[n]) for n in active], float)

    def _node(self, state: State, i: int, node: int) -> Node:
        of = self._of
        capacity = np.array([of.cpus[node], of.memory_mib[node]], float)
        start = np.array([state.vcpus[node], state.used_mib[node]], float)
        cap = np.floor(np.array([of.cpu_limit, of.memory_limit / 100]) * capacity + SAFETY)
        leaving = sorted(self.leaving[i])
        lowest = start - sum((self.leaving[i][s] * self.sizes[s] for s in leaving), np.zeros(2))
        arriving = [s for s in range(len(self.sizes)) if of.open[node] and (lowest + self.sizes[s] <= cap).all()]
        room = [int(np.min((cap - lowest) // self.sizes[s])) for s in arriving]
        sign = np.array([-1] * len(leaving) + [1] * len(arriving), dtype=np.int64)
        size = np.array([*leaving, *arriving], dtype=np.int64)
        self.op_sizes.append(size)
        return Node(
            start=start / capacity,
            lowest=lowest / capacity,
            cap=cap / capacity,
            change=sign[:, None] * self.sizes[size] / capacity,
            sign=sign,
            most=np.array([*(self.leaving[i][s] for s in leaving), *room], dtype=np.int64),
            places=(of.vm_limit[node] or 10**9) - state.count[node],
        )

    def op_prices(self, i: int, prices: Prices) -> tuple[Any, Any]:
        """By op of a node: its price, and the rank that the VM comes from (the cheapest possible)."""
        size, leaves = self.op_sizes[i], self.nodes[i].sign < 0
        ranks = np.where(leaves, self.rank[i], prices.vm[size, : self.rank[i] + 1].argmin(axis=1))
        of_vm = prices.vm[size, ranks]
        return np.where(leaves, prices.move - of_vm, of_vm), ranks


def spread_bound(cluster: Cluster, moves: int, reached: float, seconds: float = math.inf) -> float:
    """J after at most so many moves is at least this.

    Args:
        reached: a J that some plan reaches.
        seconds: of CPU time, after which the bound of the relaxation alone is returned.
    """
    deadline = time.process_time() + seconds
    relaxed = {ratio: cluster.relaxation.solve(moves, ratio) for ratio in RELAXED}
    box = cluster.relaxation.means(moves, reached)
    try:
        cuts = [_cut(cluster, moves, (ratio, relaxed[ratio]), box, deadline) for ratio in WHOLE]
    except TimeoutError:
        cuts = []
    return _least_j({ratio: item.least for ratio, item in relaxed.items()}, cuts, reached)


def _least_j(relaxed: dict[float, float], cuts: Sequence[Cut], reached: float) -> float:
    """The least sum of two deviations that no cut forbids, in each of many slices of the CPU's; at most ``reached``."""
    edges = np.linspace(0, reached, FINE + 1)
    memory = np.zeros(FINE)
    for ratio, least in relaxed.items():
        memory = np.maximum(memory, (least - edges[1:]) / ratio)
    for cut in cuts:
        memory = np.maximum(
            memory, np.sqrt(np.maximum(0.0, (cut.least - cut.weights[0] * edges[1:] ** 2) / cut.weights[1]))
        )
    return max(0.0, relaxed[1.0], min(reached, float((edges[:-1] + memory).min())) - SAFETY)


def _cut(cluster: Cluster, moves: int, direction: tuple[float, Relaxed], box: Any, deadline: float) -> Cut:
    """The bound on weighted variances: the least over cells of the means, each with prices of its own."""
    ratio, relaxed = direction
    weights = np.array([1.0, ratio]) / (2 * np.maximum(relaxed.deviations, 1e-3))
    start = Prices(relaxed.move_price, _vm_prices(cluster, relaxed))
    widest = 2 * np.sqrt(LOSS * float(weights @ relaxed.deviations**2) / weights)
    edges = [
        np.linspace(low, high, 1 + int(np.clip(np.ceil((high - low) / width), 1, MOST_CELLS)))
        for (low, high), width in zip(box, widest, strict=True)
    ]
    cells = [np.array([cpu, memory]) for cpu in pairwise(edges[0]) for memory in pairwise(edges[1])]
    cells.sort(key=lambda cell: float(weights @ (cell.mean(axis=1) - relaxed.means) ** 2))
    least, prices = np.inf, start
    columns: Columns = {}
    for cell in cells:
        loss = float(weights @ ((cell[:, 1] - cell[:, 0]) / 2) ** 2)
        search = _Search(cluster, moves, weights, cell.mean(axis=1), columns)
        value, prices = search.best(prices, least + loss, deadline)
        least = min(least, value - loss)
    return Cut(weights, least)


@dataclass(frozen=True)
class _Search:
    """For good prices, with the squares taken around these means, by column generation."""

    cluster: Cluster
    moves: int
    weights: Any
    means: Any
    columns: Columns

    def best(self, prices: Prices, enough: float, deadline: float) -> tuple[float, Prices]:
        """The bound, and the prices that give it. The search ends at ``enough``, or when it gains nothing."""
        best, best_value, last_gain, pull = prices, -math.inf, 0, PULL
        for number in range(ROUNDS):
            if time.process_time() > deadline:
                raise TimeoutError
            value = self.value(prices)
            if value > best_value + GAIN * abs(best_value):
                last_gain = number
            pull = min(PULL, 1.5 * pull) if value > best_value else max(LEAST_PULL, 0.5 * pull)
            if value > best_value:
                best, best_value = prices, value
            if best_value >= enough or number - last_gain >= PATIENCE or number == ROUNDS - 1:
                break
            prices = self.towards(best, _linear_programme(self), pull)
        return best_value, best

    def value(self, prices: Prices) -> float:
        """The bound with these prices; the cheapest patterns become columns."""
        squares = self.weights / len(self.cluster.nodes)
        total = float(self.weights @ self.means**2) - prices.move * self.moves
        for i, node in enumerate(self.cluster.nodes):
            result = cheapest(node, self.cluster.op_prices(i, prices)[0], squares, -2 * squares * self.means)
            total += result.value
            _add_columns(self.cluster, i, result, prices, self.columns)
        return total

    def towards(self, best: Prices, target: Prices, pull: float) -> Prices:
        """Prices between the best ones and those of the linear programme, which vary much while it has few patterns."""
        exists = self.cluster.exists
        reach = REACH * float(np.abs(best.vm[exists]).max())
        move = best.move + pull * (min(target.move, best.move + reach) - best.move)
        vm = best.vm + pull * (np.clip(target.vm, best.vm - reach, best.vm + reach) - best.vm)
        return Prices(max(0.0, move), np.where(exists, vm, best.vm))


def _vm_prices(cluster: Cluster, relaxed: Relaxed) -> Any:
    """By size and rank. If no VM of a size leaves nodes of a rank, the price is too high to take one from there."""
    prices = np.full((len(cluster.sizes), cluster.ranks), float(max(relaxed.vm_prices.values())) * 2 + 1)
    for (vcpus, mib, rank), price in relaxed.vm_prices.items():
        prices[cluster.index[vcpus, mib], rank] = price
    return prices


def _add_columns(cluster: Cluster, i: int, patterns: Patterns, prices: Prices, columns: Columns) -> None:
    """Each pattern with the cost of its loads, the VMs that leave (below 0: arrive), and how many leave."""
    node, size = cluster.nodes[i], cluster.op_sizes[i]
    _, ranks = cluster.op_prices(i, prices)
    for counts in patterns.counts:
        key = (i, counts.tobytes(), ranks.tobytes())
        if key not in columns:
            flow: Counter[int] = Counter()
            for op in np.flatnonzero(counts).tolist():
                flow[int(size[op]) * cluster.ranks + int(ranks[op])] -= int(node.sign[op] * counts[op])
            columns[key] = (node.start + counts @ node.change, dict(flow), int(counts[node.sign < 0].sum()))


def _linear_programme(search: _Search) -> Prices:
    """The best mixture of the known patterns; its duals are the prices."""
    cluster, columns = search.cluster, search.columns
    n, flavours = len(cluster.nodes), len(cluster.sizes) * cluster.ranks
    rows, places, values = [], [], []
    for j, ((node, _, _), (_, flow, _)) in enumerate(columns.items()):
        rows += [node, *(n + flavour for flavour in flow)]
        places += [j] * (1 + len(flow))
        values += [1, *flow.values()]
    loads = np.array([after for after, _, _ in columns.values()])
    result = linprog(
        (loads - search.means) ** 2 @ search.weights / n,
        A_ub=sparse.csc_matrix([[leaves for _, _, leaves in columns.values()]]),
        b_ub=[search.moves],
        A_eq=sparse.csc_matrix((values, (rows, places)), (n + flavours, len(columns))),
        b_eq=np.concatenate([np.ones(n), np.zeros(flavours)]),
        method="highs",
    )
    vm = result.eqlin.marginals[n:].reshape(-1, cluster.ranks)
    return Prices(max(0.0, -float(result.ineqlin.marginals[0])), vm)
