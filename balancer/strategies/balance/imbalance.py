"""The imbalance of a cluster: J = std(vCPUs per CPU) + std(memory fraction), and how moves change it.

Population standard deviations over the nodes that count (neither in maintenance nor excluded). VMs of the same node and
size are a group, because they have the same effect. J uses allocations only: measurements decide what is legal
(``room_for``), not what is even. This module chooses no move.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balancer.state import WorkingState
from balancer.strategies.arrays import Bools, Floats, Ints, NodeArrays, VMArrays

Step = tuple[int, int]
"""The group of the VM that moves, and the row of its target."""

MOST_SIZES = 32
"""The most sizes for which targets are ranked. If there are more, similar sizes share a rank."""

ABOVE_AT_ALL = 0.05
"""Added for each overloaded node, so that the last step below a threshold counts most, and nodes are relieved one by
one."""

TINY = 1e-12
"""Replaces a variance of 0 in divisions."""


@dataclass(frozen=True)
class Field:
    """The values that no move changes: nodes, groups of VMs, sizes, and which node may send to which."""

    nodes: NodeArrays
    counted: int
    per_vcpu: Floats
    """How much one vCPU adds to a node's ratio; 0 if the node does not count. ``per_mib``: the same."""
    per_mib: Floats
    first: Ints
    """Row of the VMArrays at which each group's VMs begin in ``members``."""
    members: Ints
    start: Ints
    """The groups of node row i are ``start[i]`` to ``start[i + 1]``."""
    node: Ints
    vcpus: Ints
    mib: Ints
    load: Floats
    """The expected load of a VM of the group."""
    size: Ints
    """The index of the ranked size that the group has, or of the nearest one."""
    sizes_vcpus: Ints
    sizes_mib: Ints
    reach: Ints
    """Node -> the row of ``reaches`` for VMs that leave it."""
    reaches: Bools
    """``reaches[reach[s], t]``: t is open, and the pair rules allow moves from s to t (except s itself)."""
    by_size: Ints
    """The groups ordered by size and kind of node; ``by_size_start``, ``by_size_key``: where each run begins."""
    by_size_start: Ints
    by_size_key: Ints
    load_limit: Floats
    """The most load on a measured node; infinite on others."""

    @staticmethod
    def of(state: WorkingState, nodes: NodeArrays, vms: VMArrays, free: Bools | None = None) -> Field:
        """``free``: row -> whether the VM may be used; ``None`` = all may."""
        order = np.lexsort((np.arange(len(vms)), vms.mib, vms.vcpus, vms.node))
        if free is not None:
            order = order[free[order]]
        node, vcpus, mib = vms.node[order], vms.vcpus[order], vms.mib[order]
        fresh = np.ones(len(order), dtype=np.bool_)
        if len(order):
            fresh[1:] = (np.diff(node) != 0) | (np.diff(vcpus) != 0) | (np.diff(mib) != 0)
        first = np.flatnonzero(fresh)
        node, vcpus, mib = node[first], vcpus[first], mib[first]
        size, sizes_vcpus, sizes_mib = _sizes(vcpus, mib)
        reaches, reach_of_kind = np.unique(nodes.compatible, axis=0, return_inverse=True)
        reaches = reaches[:, nodes.kind] & nodes.open
        kinds = len(nodes.compatible)
        key = size * kinds + nodes.kind[node]
        by_size = np.lexsort((np.arange(len(key)), key))
        run = np.flatnonzero(np.diff(key[by_size], prepend=-1))
        return Field(
            nodes=nodes,
            counted=max(1, int(nodes.counted.sum())),
            per_vcpu=np.where(nodes.counted, 1.0 / nodes.cpus, 0.0),
            per_mib=np.where(nodes.counted, 1.0 / nodes.memory_mib, 0.0),
            first=np.append(first, len(order)),
            members=order,
            start=np.searchsorted(node, np.arange(len(nodes) + 1)),
            node=node,
            vcpus=vcpus,
            mib=mib,
            load=_most_loads(state, vms, nodes, order, first),
            size=size,
            sizes_vcpus=sizes_vcpus,
            sizes_mib=sizes_mib,
            reach=reach_of_kind.reshape(-1)[nodes.kind],
            reaches=reaches,
            by_size=by_size,
            by_size_start=run,
            by_size_key=key[by_size][run],
            load_limit=_load_limits(state, nodes),
        )


def _most_loads(state: WorkingState, vms: VMArrays, nodes: NodeArrays, order: Ints, first: Ints) -> Floats:
    """Group -> the load of its busiest VM; only used if nodes are measured."""
    if not len(order):
        return np.zeros(0)
    if not nodes.measured.any():
        return np.array([state.load_of(vms.candidates[i]) for i in order[first].tolist()], dtype=np.float64)
    loads = np.array([state.load_of(vms.candidates[i]) for i in order.tolist()], dtype=np.float64)
    most: Floats = np.maximum.reduceat(loads, first)
    return most


class Loads:
    """The sums of every node after some moves, and J."""

    __slots__ = ("available", "count", "cpu", "field", "left", "load", "memory", "mib", "vcpus")

    field: Field
    vcpus: Ints
    mib: Ints
    count: Ints
    left: Ints
    """Group -> how many of its VMs have not moved."""
    cpu: Floats
    """vCPUs per CPU; 0 if the node does not count. ``memory``: as a fraction."""
    memory: Floats
    load: Floats
    available: Floats

    @staticmethod
    def of(state: WorkingState, field: Field) -> Loads:
        """The loads of a state."""
        self, nodes = Loads(), field.nodes
        self.field = field
        self.vcpus, self.mib, self.count = nodes.vcpus.copy(), nodes.mib.copy(), nodes.count.copy()
        self.left = np.diff(field.first)
        self.cpu, self.memory = self.vcpus * field.per_vcpu, self.mib * field.per_mib
        lives = [state.working[node_id].live for node_id in nodes.ids.tolist()]
        self.load = np.array([0.0 if live is None else live.load for live in lives], dtype=np.float64)
        self.available = np.array([np.inf if live is None else live.available_mib for live in lives], dtype=np.float64)
        return self

    def copy(self) -> Loads:
        """An independent copy."""
        other = Loads()
        other.field = self.field
        for name in ("vcpus", "mib", "count", "left", "cpu", "memory", "load", "available"):
            setattr(other, name, getattr(self, name).copy())
        return other

    def apply(self, step: Step) -> None:
        """Moves one VM of the group to the target."""
        group, target = step
        field = self.field
        vcpus, mib, load = int(field.vcpus[group]), int(field.mib[group]), float(field.load[group])
        source = int(field.node[group])
        self.left[group] -= 1
        self.available[target] -= mib
        for row, sign in ((source, -1), (target, 1)):
            self.vcpus[row] += sign * vcpus
            self.mib[row] += sign * mib
            self.count[row] += sign
            self.load[row] = max(0.0, self.load[row] + sign * load)
            self.cpu[row] = self.vcpus[row] * field.per_vcpu[row]
            self.memory[row] = self.mib[row] * field.per_mib[row]

    def excess(self, rows: Ints, vcpus: Ints, mib: Ints) -> Floats:
        """How far nodes with these sums are above the thresholds, as parts of them, plus ``ABOVE_AT_ALL`` if above."""
        nodes = self.field.nodes
        above_c = np.maximum(0.0, vcpus / nodes.cap_vcpus[rows] - 1)
        above_m = np.maximum(0.0, mib / nodes.cap_mib[rows] - 1)
        above = above_c + above_m
        return np.where(nodes.counted[rows] & (above > 0), above + ABOVE_AT_ALL, 0.0)

    def room_for(self, rows: Ints, vcpus: Ints, mib: Ints, load: Floats | float) -> Bools:
        """Whether VMs of these sizes fit on these nodes now, size by size, without the rules about pairs of nodes."""
        nodes = self.field.nodes
        fits: Bools = (
            (self.vcpus[rows] + vcpus <= nodes.fill_vcpus[rows])
            & (self.mib[rows] + mib <= nodes.fill_mib[rows])
            & (self.count[rows] < nodes.cap_count[rows])
            & (self.load[rows] + load <= self.field.load_limit[rows])
            & (mib <= self.available[rows])
        )
        return fits


@dataclass(frozen=True)
class Moment:
    """J of some loads, and the sums that give J after a change without adding all loads again."""

    loads: Loads
    j: float
    sum_cpu: float
    squares_cpu: float
    sum_memory: float
    squares_memory: float
    steep_cpu: float
    """The derivative of J by the sum of squares of the CPU ratios. ``steep_memory``: of the memory fractions."""
    steep_memory: float

    @staticmethod
    def of(loads: Loads) -> Moment:
        """The sums of these loads."""
        n, cpu, memory = loads.field.counted, loads.cpu, loads.memory
        sum_cpu, sum_memory = float(cpu.sum()), float(memory.sum())
        squares_cpu, squares_memory = float(cpu @ cpu), float(memory @ memory)
        var_cpu = max(0.0, squares_cpu / n - (sum_cpu / n) ** 2)
        var_memory = max(0.0, squares_memory / n - (sum_memory / n) ** 2)
        return Moment(
            loads,
            var_cpu**0.5 + var_memory**0.5,
            sum_cpu,
            squares_cpu,
            sum_memory,
            squares_memory,
            0.5 / n / max(var_cpu, TINY) ** 0.5,
            0.5 / n / max(var_memory, TINY) ** 0.5,
        )

    def prices(self) -> tuple[Floats, Floats]:
        """The first-order change of J by one more vCPU, and by one more MiB, on each node."""
        field, n = self.loads.field, self.loads.field.counted
        cpu = 2 * self.steep_cpu * (self.loads.cpu - self.sum_cpu / n) * field.per_vcpu
        memory = 2 * self.steep_memory * (self.loads.memory - self.sum_memory / n) * field.per_mib
        return cpu, memory

    def curvature(self) -> tuple[Floats, Floats]:
        """The second-order change of J by vCPUs squared, and by MiB squared, on each node."""
        field = self.loads.field
        return self.steep_cpu * field.per_vcpu**2, self.steep_memory * field.per_mib**2

    def after(self, *changes: tuple[Ints, Ints, Ints]) -> Floats:
        """The exact J after changes ``(rows, vCPUs, MiB)``; the rows of one outcome must all differ."""
        loads, field, n = self.loads, self.loads.field, self.loads.field.counted
        sum_cpu: Floats = np.asarray(self.sum_cpu)
        squares_cpu: Floats = np.asarray(self.squares_cpu)
        sum_memory: Floats = np.asarray(self.sum_memory)
        squares_memory: Floats = np.asarray(self.squares_memory)
        for rows, vcpus, mib in changes:
            more = vcpus * field.per_vcpu[rows]
            sum_cpu = sum_cpu + more
            squares_cpu = squares_cpu + more * (2 * loads.cpu[rows] + more)
            more = mib * field.per_mib[rows]
            sum_memory = sum_memory + more
            squares_memory = squares_memory + more * (2 * loads.memory[rows] + more)
        var_cpu = np.maximum(0.0, squares_cpu / n - (sum_cpu / n) ** 2)
        var_memory = np.maximum(0.0, squares_memory / n - (sum_memory / n) ** 2)
        return np.sqrt(var_cpu) + np.sqrt(var_memory)


def _sizes(vcpus: Ints, mib: Ints) -> tuple[Ints, Ints, Ints]:
    """The size of each group, and the sizes: all of them, or if there are many, powers of two or of a larger base."""
    exact = np.stack([vcpus, mib], axis=1)
    kinds, size = np.unique(exact, axis=0, return_inverse=True)
    step = 0.5
    while len(kinds) > MOST_SIZES:
        rough = np.round(np.log2(np.maximum(exact, 1)) / step)
        kinds, size = np.unique(rough, axis=0, return_inverse=True)
        kinds = np.round(2.0 ** (kinds * step)).astype(np.int64)
        step *= 1.5
    return size.reshape(-1).astype(np.int64), kinds[:, 0].astype(np.int64), kinds[:, 1].astype(np.int64)


def _load_limits(state: WorkingState, nodes: NodeArrays) -> npt.NDArray[np.float64]:
    lives = [state.working[node_id].live for node_id in nodes.ids.tolist()]
    limit = state.policy.fill_limit(state.policy.ssh_load_overload)
    return np.array([np.inf if live is None else limit * live.cpus for live in lives], dtype=np.float64)
