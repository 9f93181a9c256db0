"""The placement during a search: the room left on every node, and where a VM fits.

A mutable value of a search, without costs and order. Measured nodes also have room for load and really available
memory. An overloaded node has room as soon as enough VMs have left it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import NamedTuple

import numpy as np

from balancer.rules.constraints import fixed_group_refusal
from balancer.state import WorkingState
from balancer.strategies.arrays import Bools, Floats, Ints, NodeArrays, VMArrays

_UNBOUNDED = np.inf
_ROUNDING = 1e-9
"""Loads are no whole numbers: this part of a target's limit stays free, so that the rules never disagree."""


class Room:
    """The room left on every node up to the thresholds; negative if the node is overloaded."""

    def __init__(self, state: WorkingState, nodes: NodeArrays, vms: VMArrays) -> None:
        self.nodes, self.vms = nodes, vms
        self.vcpus: Ints = nodes.fill_vcpus - nodes.vcpus
        self.mib: Ints = nodes.fill_mib - nodes.mib
        self.count: Ints = nodes.cap_count - nodes.count
        self.load_limit, self.load, self.available = _measured(state, nodes)
        self.any_measured = bool(nodes.measured.any())
        self._brings = _brings(state, vms) if self.any_measured else np.zeros(len(vms))
        """VM -> its load."""
        overloaded_by_load = nodes.measured & nodes.overloaded
        self.open: Bools = nodes.open & ~overloaded_by_load
        """Nodes that may take VMs. A node with too high measured load may not: its later load is unknown."""
        self.reach: dict[int, Bools] = {
            k: self.open & nodes.compatible[k, nodes.kind] for k in set(nodes.kind.tolist())
        }
        self._bound = _bound(state, nodes, vms)
        self._mates = _mates(state, nodes, vms)
        """Group -> node -> how many of its VMs are there now."""
        self._scale_c = 1.0 / max(1.0, float(np.median(vms.vcpus)) if len(vms) else 1.0)
        self._scale_m = 1.0 / max(1.0, float(np.median(vms.mib)) if len(vms) else 1.0)

    def copy(self) -> Room:
        """An independent copy."""
        twin = copy(self)
        twin.vcpus, twin.mib, twin.count = self.vcpus.copy(), self.mib.copy(), self.count.copy()
        twin.load, twin.available, twin._mates = (
            self.load.copy(),
            self.available.copy(),
            {g: n.copy() for g, n in self._mates.items()},
        )
        return twin

    def targets(self, vm: int) -> Bools:
        """The nodes on which the VM fits now."""
        vms = self.vms
        source = int(vms.node[vm])
        fits: Bools = self.reach[int(self.nodes.kind[source])] & (self.vcpus >= vms.vcpus[vm])
        fits &= self.mib >= vms.mib[vm]
        fits &= self.count > 0
        if self.any_measured:
            fits &= self.load >= self._brings[vm]
            fits &= self.available >= vms.mib[vm]
        fits[source] = False
        if vm in self._bound:
            fits &= self._kept(vm)
        return fits

    def is_bound(self, vm: int) -> bool:
        """Whether a rule of the operator limits its targets."""
        return vm in self._bound

    def is_grouped(self, vm: int) -> bool:
        """Whether the allowed targets of the VM depend on other VMs."""
        return vm in self._bound and bool(self._bound[vm].apart or self._bound[vm].together)

    def _kept(self, vm: int) -> Bools:
        """Node -> whether the rules of the operator allow the VM there now."""
        bound, home = self._bound[vm], int(self.vms.node[vm])
        kept: Bools = bound.nodes.copy()
        for group in bound.apart:
            kept &= self._mates[group] == 0
        for group in bound.together:
            here = int(self._mates[group][home]) - 1
            if here > 0:
                kept &= self._mates[group] > here
        return kept

    def fits(self, vm: int, target: int) -> bool:
        """Whether the VM fits on this target now."""
        vms, source = self.vms, int(self.vms.node[vm])
        if source == target or not self.reach[int(self.nodes.kind[source])][target] or self.count[target] <= 0:
            return False
        if self.vcpus[target] < vms.vcpus[vm] or self.mib[target] < vms.mib[vm]:
            return False
        if vm in self._bound and not self._kept(vm)[target]:
            return False
        if not self.any_measured:
            return True
        return bool(self.load[target] >= self._brings[vm] and self.available[target] >= vms.mib[vm])

    def load_parts(self, vm: int) -> Floats:
        """Node -> its measured load with this VM, as a part of its limit; without meaning if it is not measured."""
        after: Floats = self.load_limit - self.load + self._brings[vm]
        return after / self.load_limit

    def size(self, vm: int) -> float:
        """The size as one figure of vCPUs and memory: about 2 for a usual VM."""
        return float(self.vms.vcpus[vm] * self._scale_c + self.vms.mib[vm] * self._scale_m)

    def best_fit(self, vm: int) -> int:
        """The target with the least room left afterwards, so that large gaps stay; -1 = the VM fits on none."""
        fits = np.flatnonzero(self.targets(vm))
        if not len(fits):
            return -1
        left = self.vcpus[fits] * self._scale_c + self.mib[fits] * self._scale_m
        return int(fits[np.argmin(left)])

    def place(self, vm: int, target: int, sign: int = 1) -> None:
        """Moves the VM from its node to the target; ``sign=-1`` undoes this."""
        vms, source = self.vms, self.vms.node[vm]
        c, m = sign * vms.vcpus[vm], sign * vms.mib[vm]
        self.vcpus[target] -= c
        self.mib[target] -= m
        self.count[target] -= sign
        self.vcpus[source] += c
        self.mib[source] += m
        self.count[source] += sign
        if vm in self._bound:
            for group in (*self._bound[vm].apart, *self._bound[vm].together):
                self._mates[group][target] += sign
                self._mates[group][source] -= sign
        if self.any_measured:
            self.load[target] -= sign * self._brings[vm]
            self.available[target] -= m

    def placeable(self, vms: Sequence[int]) -> list[bool]:
        """For each of these VMs of one node, whether it fits on any node now."""
        own = self.vms
        index = np.asarray(vms, dtype=np.int64)
        source = int(own.node[index[0]])
        fits = self.reach[int(self.nodes.kind[source])] & (self.count > 0)
        fits = fits & (self.vcpus >= own.vcpus[index, None]) & (self.mib >= own.mib[index, None])
        if self.any_measured:
            fits &= self.load >= self._brings[index, None]
            fits &= self.available >= own.mib[index, None]
        fits[:, source] = False
        if self._bound:
            for i, vm in enumerate(vms):
                if vm in self._bound:
                    fits[i] &= self._kept(vm)
        anywhere: list[bool] = np.logical_or.reduce(fits, axis=1).tolist()
        return anywhere


class _Bound(NamedTuple):
    """The limits of a VM by the operator's rules: allowed nodes, and its affinity and anti-affinity groups."""

    nodes: Bools
    apart: tuple[int, ...]
    together: tuple[int, ...]


def _bound(state: WorkingState, nodes: NodeArrays, vms: VMArrays) -> dict[int, _Bound]:
    """VM -> its limits. Pins and nodes just left are judged by the rules on the state before the plan."""
    bound: dict[int, _Bound] = {}
    if not state.groups.binds_any:
        return bound
    targets = [state.working[node_id] for node_id in nodes.ids.tolist()]
    for row, vm in enumerate(vms.candidates):
        if state.groups.binds(vm.vm.id):
            allowed = np.fromiter((fixed_group_refusal(vm, t, state) is None for t in targets), dtype=np.bool_)
            apart = tuple(g.index for g in state.groups.apart.get(vm.vm.id, ()))
            together = tuple(g.index for g in state.groups.together.get(vm.vm.id, ()))
            bound[row] = _Bound(allowed, apart, together)
    return bound


def _mates(state: WorkingState, nodes: NodeArrays, vms: VMArrays) -> dict[int, Ints]:
    """Group of these VMs -> node -> number of members, also those that may not move."""
    ids = [vm.vm.id for vm in vms.candidates] if state.groups.binds_any else []
    groups = {g for own in (state.groups.apart, state.groups.together) for vm_id in ids for g in own.get(vm_id, ())}
    mates: dict[int, Ints] = {}
    for group in groups:
        places = (state.groups.place(vm_id) for vm_id in group.members)
        rows = [nodes.row[place] for place in places if place is not None and place in nodes.row]
        mates[group.index] = np.bincount(np.array(rows, dtype=np.int64), minlength=len(nodes))
    return mates


def _brings(state: WorkingState, vms: VMArrays) -> Floats:
    return np.fromiter((state.load_of(candidate) for candidate in vms.candidates), dtype=np.float64)


def _measured(state: WorkingState, nodes: NodeArrays) -> tuple[Floats, Floats, Floats]:
    """The most load, the room for load, and the available memory. For nodes without measurement: 1 and infinite."""
    size = len(nodes)
    limits, load, available = np.ones(size), np.full(size, _UNBOUNDED), np.full(size, _UNBOUNDED)
    for i in np.flatnonzero(nodes.measured).tolist():
        working = state.working[int(nodes.ids[i])]
        live = working.live
        if live is not None:
            limit = limits[i] = state.policy.fill_limit(state.policy.ssh_load_overload) * live.cpus
            load[i] = limit - live.load - _ROUNDING * max(1.0, limit)
            available[i] = live.available_mib
    return limits, load, available
