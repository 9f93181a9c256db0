"""The next moves that make a cluster more even: single moves, and pairs that help only together.

A pair goes through one node: a VM leaves it, and then another VM takes its place (a swap, or a chain of three nodes). A
pair can relieve a node that is full of memory but not of vCPUs, or the other way round. Moves are ranked by a
first-order estimate; the best ones are computed exactly. Every returned move is legal in its turn.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from balancer.strategies.arrays import Floats, Ints
from balancer.strategies.balance.imbalance import Field, Loads, Moment, Step

GROUPS = 32
"""How many groups of VMs are computed exactly, each with ``TARGETS`` targets."""
TARGETS = 8
CENTRES = 16
"""How many nodes are tried as the middle of a pair: those whose load costs most."""
PAIRS = 12
"""How many pairs are computed exactly, each with ``ENDS`` sources and ``ENDS`` targets."""
ENDS = 3
NODES_A_CALL = 64
"""All targets are ranked again every n calls, with n = nodes / this number."""


class Option(NamedTuple):
    """One or two moves, and the objective after them: J plus the weighted overload."""

    j: float
    steps: tuple[Step, ...]


class Options:
    """The possible next moves at one moment. ``weight``: of the overload in addition to J, see ``Loads.excess``."""

    def __init__(self, loads: Loads, arrivals: Arrivals, weight: float = 0.0) -> None:
        self.loads = loads
        self.field = loads.field
        self.moment = Moment.of(loads)
        self._weight = weight
        rows = np.arange(len(self.field.nodes))
        self._excess = weight * loads.excess(rows, loads.vcpus, loads.mib) if weight else np.zeros(len(rows))
        self.j = self.moment.j + float(self._excess.sum())
        self._price_c, self._price_m = self.moment.prices()
        self._bend_c, self._bend_m = self.moment.curvature()
        self._leaving = self._leave()
        self._arriving = arrivals.at(self.moment)
        self._nearest = self._arriving.min(axis=2)

    # --- one move ------------------------------------------------------------------------------------

    def singles(self, most: int) -> list[Option]:
        """The best single moves, best first, also if they make the cluster less even."""
        field = self.field
        if not len(field.node):
            return []
        change = self._leaving + self._nearest[field.reach[field.node], field.size]
        groups = _smallest(change, GROUPS)
        groups = groups[np.isfinite(change[groups])]
        if not len(groups):
            return []
        columns = self._arriving[field.reach[field.node[groups]], field.size[groups]]
        targets = _smallest_in_rows(columns, TARGETS)
        group, target = np.repeat(groups, targets.shape[1]), targets.reshape(-1)
        group, target = self._legal(group, target)
        vcpus, mib = field.vcpus[group], field.mib[group]
        j = self.j - self.moment.j + self.moment.after((field.node[group], -vcpus, -mib), (target, vcpus, mib))
        j -= self._relief(field.node[group], -vcpus, -mib)
        return [Option(float(j[i]), ((int(group[i]), int(target[i])),)) for i in _best_first(j, group, target)[:most]]

    def _legal(self, group: Ints, target: Ints) -> tuple[Ints, Ints]:
        field = self.field
        source = field.node[group]
        ok = field.reaches[field.reach[source], target] & (source != target)
        ok &= self.loads.room_for(target, field.vcpus[group], field.mib[group], field.load[group])
        return group[ok], target[ok]

    # --- two moves through one node ------------------------------------------------------------------

    def pairs(self, most: int) -> list[Option]:
        """The best pairs of moves, best first."""
        field = self.field
        out, size = self._middles()
        if not len(out):
            return []
        entering = self._entering()
        centre = field.node[out]
        change = self._exchange(out, size) + self._nearest[field.reach[centre], field.size[out]]
        change += entering[field.nodes.kind[centre], size]
        best = _smallest(change, PAIRS)
        best = best[change[best] < 0]
        return self._through(out[best], size[best])[:most]

    def _middles(self) -> tuple[Ints, Ints]:
        """Each group that may leave a centre, with each size that may then take its place."""
        field, loads, nodes = self.field, self.loads, self.field.nodes
        dear = (self._price_c * nodes.cpus) ** 2 + (self._price_m * nodes.memory_mib) ** 2
        centres = _smallest(np.where(nodes.open & (np.diff(field.start) > 0), -dear, np.inf), CENTRES)
        out = np.flatnonzero(np.isin(field.node, centres) & (loads.left > 0))
        sizes = len(field.sizes_vcpus)
        size = np.tile(np.arange(sizes), len(out))
        out = np.repeat(out, sizes)
        centre = field.node[out]
        ok = loads.vcpus[centre] - field.vcpus[out] + field.sizes_vcpus[size] <= nodes.fill_vcpus[centre]
        ok &= loads.mib[centre] - field.mib[out] + field.sizes_mib[size] <= nodes.fill_mib[centre]
        return out[ok], size[ok]

    def _exchange(self, out: Ints, size: Ints) -> Floats:
        """The change of J by the exchange at the centre only."""
        field = self.field
        centre = field.node[out]
        vcpus, mib = field.sizes_vcpus[size] - field.vcpus[out], field.sizes_mib[size] - field.mib[out]
        change: Floats = vcpus * (self._price_c[centre] + vcpus * self._bend_c[centre])
        change += mib * (self._price_m[centre] + mib * self._bend_m[centre])
        return change - self._relief(centre, vcpus, mib)

    def _entering(self) -> Floats:
        """Kind of target x size -> the best group that may send there."""
        field = self.field
        kinds = len(field.nodes.compatible)
        best = np.full((len(field.sizes_vcpus), kinds), np.inf)
        if len(field.by_size_start):
            best.reshape(-1)[field.by_size_key] = np.minimum.reduceat(self._leaving[field.by_size], field.by_size_start)
        allowed = np.where(field.nodes.compatible, 0.0, np.inf)
        entering: Floats = (best[:, :, None] + allowed[None]).min(axis=1).T
        return entering

    def _through(self, out: Ints, size: Ints) -> list[Option]:
        """For each pair: the group leaves its node, and a VM of about this size comes. Computed exactly, best first."""
        which, into, target = self._ends(out, size)
        out = out[which]
        field, loads, nodes = self.field, self.loads, self.field.nodes
        centre, source = field.node[out], field.node[into]
        vcpus, mib = field.vcpus[into] - field.vcpus[out], field.mib[into] - field.mib[out]
        ok = (source != centre) & (target != centre) & (loads.left[into] > 0)
        ok &= field.reaches[field.reach[source], centre] & field.reaches[field.reach[centre], target]
        ok &= loads.room_for(target, field.vcpus[out], field.mib[out], field.load[out])
        ok &= (loads.vcpus[centre] + vcpus <= nodes.fill_vcpus[centre]) & (
            loads.count[centre] <= nodes.cap_count[centre]
        )
        ok &= (loads.mib[centre] + mib <= nodes.fill_mib[centre]) & (field.mib[into] <= loads.available[centre])
        ok &= loads.load[centre] - field.load[out] + field.load[into] <= field.load_limit[centre]
        out, into, target, centre, source = out[ok], into[ok], target[ok], centre[ok], source[ok]
        swap = source == target  # the same node, so it changes once
        back_c, back_m = np.where(swap, field.vcpus[out], 0), np.where(swap, field.mib[out], 0)
        lost_c, lost_m = back_c - field.vcpus[into], back_m - field.mib[into]
        j = self.moment.after(
            (source, lost_c, lost_m),
            (target, field.vcpus[out] - back_c, field.mib[out] - back_m),
            (centre, vcpus[ok], mib[ok]),
        )
        j += self.j - self.moment.j
        j -= self._relief(source, lost_c, lost_m) + self._relief(centre, vcpus[ok], mib[ok])
        return [
            Option(float(j[i]), ((int(out[i]), int(target[i])), (int(into[i]), int(centre[i]))))
            for i in _best_first(j, into, target, out)
        ]

    def _ends(self, out: Ints, size: Ints) -> tuple[Ints, Ints, Ints]:
        """For each pair a few sources and a few targets: (index of the pair, group that comes, target)."""
        field = self.field
        targets = _smallest_in_rows(self._arriving[field.reach[field.node[out]], field.size[out]], ENDS)
        kinds = field.nodes.kind[field.node[out]].tolist()
        known: dict[tuple[int, int], Ints] = {}
        which, into, target = [], [], []
        for i, key in enumerate(zip(size.tolist(), kinds, strict=True)):
            if key not in known:
                known[key] = self._best_of_size(*key)
            groups = known[key]
            which += [i] * (len(groups) * targets.shape[1])
            into.append(np.repeat(groups, targets.shape[1]))
            target.append(np.tile(targets[i], len(groups)))
        empty = np.zeros(0, dtype=np.int64)
        return np.array(which, dtype=np.int64), np.concatenate([empty, *into]), np.concatenate([empty, *target])

    def _best_of_size(self, size: int, kind: int) -> Ints:
        """The best groups of this size that may send to nodes of this kind."""
        field = self.field
        kinds = len(field.nodes.compatible)
        low, high = np.searchsorted(field.by_size_key, (size * kinds, (size + 1) * kinds))
        ends = np.append(field.by_size_start, len(field.by_size))
        groups = field.by_size[ends[low] : ends[high]]
        groups = groups[field.nodes.compatible[field.nodes.kind[field.node[groups]], kind]]
        best: Ints = groups[_smallest(self._leaving[groups], ENDS + 1)]
        return best

    def _relief(self, rows: Ints, vcpus: Ints, mib: Ints) -> Floats:
        """By how much the overload of these nodes falls after these changes."""
        if not self._weight:
            return np.zeros(len(rows))
        left = self.loads.excess(rows, self.loads.vcpus[rows] + vcpus, self.loads.mib[rows] + mib)
        relief: Floats = self._excess[rows] - self._weight * left
        return relief

    # --- to first order ------------------------------------------------------------------------------

    def _leave(self) -> Floats:
        """The change of J if a VM of each group leaves; infinite if none is left."""
        field = self.field
        vcpus, mib, node = field.vcpus, field.mib, field.node
        change = vcpus * (vcpus * self._bend_c[node] - self._price_c[node])
        change += mib * (mib * self._bend_m[node] - self._price_m[node])
        change -= self._relief(node, -vcpus, -mib)
        return np.where(self.loads.left > 0, change, np.inf)


class Arrivals:
    """The first-order change of J if a VM of each size arrives on each node: reach x size x node.

    The values are kept between calls. Only changed nodes are computed again, and from time to time all nodes, because
    mean and derivative of J change slowly. The values only rank moves; chosen moves are computed exactly.
    """

    def __init__(self, field: Field) -> None:
        self._field = field
        self._table: Floats = np.zeros((0, 0, 0))
        self._seen = np.zeros((0, 0), dtype=np.int64)
        self._calls = 0

    def at(self, moment: Moment) -> Floats:
        """The changes of J; infinite if the size is not allowed or does not fit."""
        loads, nodes = moment.loads, self._field.nodes
        now = np.stack([loads.vcpus, loads.mib, loads.count])
        if self._calls % max(1, len(nodes) // NODES_A_CALL) == 0:
            self._table = self._computed(moment, np.arange(len(nodes)))
        else:
            rows = np.flatnonzero((now != self._seen).any(axis=0))
            self._table[:, :, rows] = self._computed(moment, rows)
        self._calls += 1
        self._seen = now
        return self._table

    def _computed(self, moment: Moment, rows: Ints) -> Floats:
        field, nodes, loads = self._field, self._field.nodes, moment.loads
        price_c, price_m = moment.prices()
        bend_c, bend_m = moment.curvature()
        vcpus, mib = field.sizes_vcpus[:, None], field.sizes_mib[:, None]
        change = vcpus * (vcpus * bend_c[rows] + price_c[rows]) + mib * (mib * bend_m[rows] + price_m[rows])
        fits = (vcpus <= nodes.fill_vcpus[rows] - loads.vcpus[rows]) & (mib <= nodes.fill_mib[rows] - loads.mib[rows])
        fits &= (loads.count[rows] < nodes.cap_count[rows]) & (mib <= loads.available[rows])
        change = np.where(fits, change, np.inf)
        return np.where(field.reaches[:, None, rows], change, np.inf)


def _smallest(values: Floats, most: int) -> Ints:
    """The indexes of the smallest values, in any order."""
    if len(values) <= most:
        return np.arange(len(values))
    return np.argpartition(values, most - 1)[:most]


def _smallest_in_rows(values: Floats, most: int) -> Ints:
    if values.shape[1] <= most:
        return np.tile(np.arange(values.shape[1]), (len(values), 1))
    return np.argpartition(values, most - 1, axis=1)[:, :most]


def _best_first(j: Floats, *ties: Ints) -> list[int]:
    """The indexes by J, then by the ties. Differences of J below 1e-12 are ignored: they depend on the machine."""
    order: list[int] = np.lexsort((*reversed(ties), np.round(j, 12))).tolist()
    return order
