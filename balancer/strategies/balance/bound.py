"""A proven lower bound of J for plans with at most a number of moves, computed from the snapshot.

J is a convex function of the nodes' loads, so it is above each of its tangents. The minimum of a tangent is reached by
the k moves that reduce it most; sorting finds them. The bound ignores that VMs are indivisible, the room during the
plan, and limits for the number of VMs. The limit that no node may end above its threshold (or above its start) is
replaced by prices. Every tangent with any prices gives a valid bound. The search for a good one (Frank-Wolfe, which
reuses earlier corners) is limited by counts. For a single move all moves are tried instead: that bound is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from balancer.strategies.arrays import Bools, Floats, Ints, NodeArrays, VMArrays
from balancer.strategies.balance.imbalance import TINY

ROUNDS = 200
MOST_WORK = 60_000_000
"""The limit for rounds x (sizes x nodes x reaches). If it allows too few rounds, no bound is computed."""
FEWEST_ROUNDS = 60
INNER = 6
CORNERS = 60
HALVINGS = 6
STIFFNESS = 100.0
PRICES_EVERY = 5
SHARP = 0.002
"""The search ends if the possible gain is below this part of the bound."""
SAFETY = 1e-9
"""Subtracted from the bound; far larger than rounding errors."""
MOST_SINGLES = 4_000_000
"""The most single moves that are tried; if there are more, tangents are used for one move too."""
SINGLES_AT_ONCE = 100_000


def lower_bound(nodes: NodeArrays, vms: VMArrays, moves: int) -> float | None:
    """A lower bound of J for legal plans with at most ``moves`` moves; ``None`` if only 0 is found.

    Args:
        vms: all VMs that may leave; the arrays are of the cluster before the plan.
    """
    if not nodes.counted.any() or not len(vms):
        return None
    if moves == 1 and (exact := _after_one(nodes, vms)) is not None:
        return exact
    tangents = _Tangents.of(nodes, vms, moves)
    rounds = min(ROUNDS, MOST_WORK // max(1, tangents.targets.size))
    bound = _search(tangents, rounds) if rounds >= FEWEST_ROUNDS else 0.0
    return bound if bound > 0 else None


def _after_one(nodes: NodeArrays, vms: VMArrays) -> float | None:
    """The least J after one move or none; ``None`` if there are too many moves to try."""
    groups = np.unique(np.stack([vms.node, vms.vcpus, vms.mib]), axis=1)
    if groups.shape[1] * len(nodes) > MOST_SINGLES:
        return None
    resources = [(nodes.vcpus, nodes.cpus), (nodes.mib, nodes.memory_mib)]
    least = sum(float((used / of)[nodes.counted].std()) for used, of in resources)
    for part in np.array_split(groups, max(1, groups.size * len(nodes) // SINGLES_AT_ONCE), axis=1):
        source, *sizes = part
        legal = nodes.open & nodes.compatible[nodes.kind[source]][:, nodes.kind]
        legal &= np.arange(len(nodes)) != source[:, None]
        legal &= (nodes.vcpus + sizes[0][:, None] <= nodes.fill_vcpus) & (
            nodes.mib + sizes[1][:, None] <= nodes.fill_mib
        )
        group, target = np.nonzero(legal)
        if len(group):
            parts = zip(resources, sizes, strict=True)
            after = sum(
                _deviation(nodes, used, of, size=size[group], source=source[group], target=target)
                for (used, of), size in parts
            )
            least = min(least, float(np.min(after)))
    return max(0.0, least - SAFETY * (1 + least))


def _deviation(nodes: NodeArrays, used: Ints, of: Ints, *, size: Ints, source: Ints, target: Ints) -> Floats:
    """The standard deviation of one resource after each of these moves, from sums of loads and squares."""
    weight = np.where(nodes.counted, 1.0 / of, 0.0)
    load, n = used * weight, int(nodes.counted.sum())
    less, more = size * weight[source], size * weight[target]
    total = load.sum() - less + more
    squares = load @ load - less * (2 * load[source] - less) + more * (2 * load[target] + more)
    deviation: Floats = np.sqrt(np.maximum(0.0, squares / n - (total / n) ** 2))
    return deviation


@dataclass(frozen=True)
class _Tangents:
    """The cluster for the proof. Loads are one vector: CPU ratios of all nodes, then memory fractions."""

    moves: int
    counted: Bools
    per_unit: Floats
    """The load of one vCPU or one MiB on each node."""
    loads: Floats
    caps: Floats
    node: Ints
    """For each group of equal VMs: its node. Then their number, size and reach."""
    many: Ints
    size: Ints
    reach: Ints
    sizes: Floats
    """vCPUs and MiB of each size, in two rows."""
    targets: Floats
    """Reach x size x node: 0 if allowed, else infinite."""

    @staticmethod
    def of(nodes: NodeArrays, vms: VMArrays, moves: int) -> _Tangents:
        closed = _closure(nodes.compatible)
        reaches, reach_of_kind = np.unique(closed, axis=0, return_inverse=True)
        reach = reach_of_kind.reshape(-1)[nodes.kind]
        keys, many = np.unique(np.stack([vms.node, vms.vcpus, vms.mib]), axis=1, return_counts=True)
        sizes, size = np.unique(keys[1:], axis=1, return_inverse=True)
        ever_c = nodes.fill_vcpus - nodes.vcpus + np.bincount(vms.node, vms.vcpus, len(nodes))
        ever_m = nodes.fill_mib - nodes.mib + np.bincount(vms.node, vms.mib, len(nodes))
        could = (sizes[0][:, None] <= ever_c) & (sizes[1][:, None] <= ever_m) & nodes.open
        allowed = reaches[:, nodes.kind][:, None, :] & could
        units = np.concatenate([1.0 / nodes.cpus, 1.0 / nodes.memory_mib])
        return _Tangents(
            moves=moves,
            counted=nodes.counted,
            per_unit=units,
            loads=np.concatenate([nodes.vcpus, nodes.mib]) * units,
            caps=np.concatenate([np.maximum(nodes.fill_vcpus, nodes.vcpus), np.maximum(nodes.fill_mib, nodes.mib)])
            * units,
            node=keys[0],
            many=many,
            size=size.reshape(-1),
            reach=reach[keys[0]],
            sizes=sizes.astype(np.float64),
            targets=np.where(allowed, 0.0, np.inf),
        )

    def slope(self, loads: Floats) -> Floats:
        """The gradient of J at these loads. It gives a bound at any point."""
        parts = []
        for half in np.split(loads, 2):
            away = np.where(self.counted, half - half[self.counted].mean(), 0.0)
            parts.append(away / max(float(np.sqrt(away @ away)), TINY) / float(np.sqrt(self.counted.sum())))
        return np.concatenate(parts)

    def lowest(self, slope: Floats, prices: Floats) -> tuple[float, Floats]:
        """The bound by this tangent and these prices (0 or more), and the loads after the best moves for them."""
        n = len(self.counted)
        vcpu, mib = np.split((slope + prices) * self.per_unit, 2)
        there = self.sizes[0][:, None] * vcpu + self.sizes[1][:, None] * mib
        offers = there + self.targets
        to = offers.argmin(axis=2)
        cost = np.take_along_axis(offers, to[:, :, None], axis=2)[:, :, 0]
        gain = there[self.size, self.node] - cost[self.reach, self.size]
        order = np.argsort(-gain, kind="stable")
        order = order[gain[order] > 0]
        before = np.cumsum(self.many[order]) - self.many[order]
        taken = np.clip(self.moves - before, 0, self.many[order])
        bound = slope @ self.loads + prices @ (self.loads - self.caps) - float(taken @ gain[order])
        group, source = order, self.node[order]
        target = to[self.reach[group], self.size[group]]
        change = [
            np.bincount(target, taken * amount[self.size[group]], n)
            - np.bincount(source, taken * amount[self.size[group]], n)
            for amount in self.sizes
        ]
        return float(bound), self.loads + np.concatenate(change) * self.per_unit


def _search(tangents: _Tangents, rounds: int) -> float:
    """The best bound of ``rounds`` tangents, each at the most even combination of the moves found so far."""
    stiff = _stiffness(tangents)
    paid = np.zeros_like(tangents.loads)
    at = tangents.loads
    corners, weights = at[None, :], np.ones(1)
    best = 0.0

    def prices(loads: Floats) -> Floats:
        return stiff * np.maximum(0.0, loads - tangents.caps + paid / stiff)

    for i in range(rounds):
        slope, price = tangents.slope(at), prices(at)
        bound, corner = tangents.lowest(slope, price)
        best = max(best, bound)
        if i >= FEWEST_ROUNDS and best <= 0:
            break
        if (slope + price) @ (at - corner) < SHARP * best and price @ (at - tangents.caps) < SHARP * best:
            break
        corners, weights = np.vstack([corners, corner]), np.append(weights, 0.0)
        at = _descend(lambda loads: tangents.slope(loads) + prices(loads), at, corners, weights)
        if len(weights) > CORNERS:
            corners, weights = corners[weights > 0], weights[weights > 0]
        if i % PRICES_EVERY == PRICES_EVERY - 1:
            paid = prices(at)
    return max(0.0, best - SAFETY * (1 + best))


def _descend(gradient: Callable[[Floats], Floats], at: Floats, corners: Floats, weights: Floats) -> Floats:
    """Shifts weight from the worst corner to the best one, step by step. Changes ``weights``, returns the new point."""
    for _ in range(INNER):
        slopes = corners @ gradient(at)
        to, away = int(slopes.argmin()), int(np.where(weights > 0, slopes, -np.inf).argmax())
        if slopes[away] - slopes[to] < SAFETY:
            break
        direction = corners[to] - corners[away]
        low, high = 0.0, float(weights[away])
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if gradient(at + middle * direction) @ direction > 0:
                high = middle
            else:
                low = middle
        weights[to] += high
        weights[away] -= high
        at = at + high * direction
    return at


def _stiffness(tangents: _Tangents) -> Floats:
    """How fast prices rise above a threshold, so that CPU ratios and memory fractions have similar weights."""
    n = len(tangents.counted)
    cpu, memory = (max(float(half[tangents.counted].std()), 1e-6) for half in np.split(tangents.loads, 2))
    return STIFFNESS / n * np.concatenate([np.full(n, 1 / cpu), np.full(n, 1 / memory)])


def _closure(compatible: Bools) -> Bools:
    """Which kind of node a VM may reach over any number of moves."""
    closed: Bools = compatible.copy()
    for k in range(len(closed)):
        closed |= closed[:, k : k + 1] & closed[k]
    return closed
