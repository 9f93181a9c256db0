"""The problem that ``optimal`` solves: nodes, VMs, costs, and the needs of each overloaded node.

This module does not search. A node is in ``unclearable`` only with a proof: it stays overloaded even if all VMs leave
it that another node could ever take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from balancer.state import Candidate, WorkingState
from balancer.strategies.arrays import Bools, Ints, NodeArrays, VMArrays
from balancer.strategies.optimal.costs import costs, durations
from balancer.strategies.optimal.covering import Case
from balancer.strategies.optimal.packing import Room
from balancer.strategies.optimal.patterns import Relief, find_best
from balancer.strategies.optimal.retarget import retarget
from balancer.strategies.optimal.sequence import Pair

FINE = 1000
"""Loads of VMs are in this part of a CPU (thousandths)."""
_ROUNDING = 1e-9
"""Part of a vCPU: measured loads are no whole numbers. A plan needs this much more, a proof this much less."""


@dataclass(frozen=True)
class Problem:
    """One cluster to relieve. ``room`` is the room before any move: copy it before changing it."""

    state: WorkingState
    nodes: NodeArrays
    vms: VMArrays
    costs: Ints
    durations: Ints
    """VM -> the estimated time of its migration, in microseconds."""
    room: Room
    overloaded: list[int]
    """Rows of the overloaded nodes that VMs may leave."""
    reliefs: list[Relief]
    """One for each overloaded node that can be relieved."""
    unclearable: list[int]
    everywhere: bool
    """Whether ``vms`` has the VMs of all nodes, or only those of the overloaded ones."""
    relief: Ints
    """VM -> how much it reduces the need of its node, in the unit of the need: vCPUs, or thousandths of a CPU if the
    node's VMs have measured loads."""
    proven: list[Case]
    """As the cases of ``reliefs``, for proofs: the needs are only what certainly must leave."""

    @staticmethod
    def of(state: WorkingState, *, everywhere: bool) -> Problem:
        """The problem of a state. ``everywhere``: with the VMs of all nodes, not only of overloaded ones."""
        nodes = NodeArrays.of(state)
        overloaded = np.flatnonzero(nodes.overloaded & nodes.source).tolist()
        vms = VMArrays.of(state, nodes, None if everywhere else overloaded)
        times = durations(vms, state.policy)
        room = Room(state, nodes, vms)
        prices = costs(vms, times, state.policy.goal)
        able = _takeable(state, nodes, vms, room, everywhere)
        relief, most_relief = _reliefs(state, nodes, vms, able)
        every = []
        for node in overloaded:
            rows = np.arange(vms.start[node], vms.start[node + 1])
            rows = rows[able[rows]]
            every.append(
                Relief(node, rows, Case(relief[rows], vms.mib[rows], prices[rows], *_needs(state, nodes, node)))
            )
        find_best(every)
        reliefs = [r for r in every if r.best is not None]
        proven = [
            r.case._replace(vcpus=most_relief[r.rows], need_vcpus=_needs(state, nodes, r.node, -_ROUNDING)[0])
            for r in reliefs
        ]
        unclearable = [r.node for r in every if r.best is None]
        return Problem(
            *(state, nodes, vms, prices, times, room, overloaded, reliefs, unclearable, everywhere, relief, proven)
        )

    @property
    def by_own_loads(self) -> bool:
        """Whether an overloaded node is relieved by measured loads of its VMs."""
        return any(by_own_loads(self.state, self.nodes, row) for row in self.overloaded)

    def node_id(self, row: int) -> int:
        """The id of the node in this row."""
        return int(self.nodes.ids[row])

    def candidate(self, vm: int) -> Candidate:
        """The VM in this row."""
        return self.vms.candidates[vm]

    def home(self, vm: int) -> int:
        """The row of the node where the VM is before any move."""
        return int(self.vms.node[vm])

    def duration_us(self, vm: int) -> int:
        """The estimated time of its migration, in microseconds."""
        return int(self.durations[vm])

    def places(self) -> Room:
        """A new copy of the room before any move."""
        return self.room.copy()

    def retargeted(self, relocations: Sequence[Sequence[Pair]]) -> list[list[Pair]]:
        """The relocations with new targets: the nodes with the most room."""
        room = self.places()
        for steps in relocations:
            for vm, target in steps:
                room.place(vm, target)
        return retarget(room, relocations, self.state.policy)

    def needs(self, row: int) -> tuple[int, int]:
        """How many vCPUs and MiB must leave this node."""
        return _needs(self.state, self.nodes, row)


def _needs(state: WorkingState, nodes: NodeArrays, row: int, rounding: float = _ROUNDING) -> tuple[int, int]:
    """How many vCPUs and MiB must leave this node so that it is no longer overloaded.

    Each VM has its share by vCPUs of a measured load, so a load is converted to vCPUs. If the VMs have measured loads:
    thousandths of a CPU instead of vCPUs.
    """
    mib = max(0, int(nodes.mib[row] - nodes.cap_mib[row]))
    if not nodes.measured[row]:
        return max(0, int(nodes.vcpus[row] - nodes.cap_vcpus[row])), mib
    working = state.working[int(nodes.ids[row])]
    live, limit = working.live, state.policy.ssh_load_overload
    if live is None or live.per_cpu <= limit:
        return 0, mib
    if by_own_loads(state, nodes, row):
        return max(0, ceil((live.load - limit * live.cpus + rounding) * FINE)), mib
    of_a_vcpu = live.load / working.vcpus if working.vcpus > 0 else 1.0
    return max(0, ceil((live.load - limit * live.cpus) / of_a_vcpu + rounding)), mib


def by_own_loads(state: WorkingState, nodes: NodeArrays, row: int) -> bool:
    """Whether a VM of this measured node has a measured load."""
    return bool(nodes.measured[row]) and any(vm.load is not None for vm in state.vms_on[int(nodes.ids[row])])


def _reliefs(state: WorkingState, nodes: NodeArrays, vms: VMArrays, able: Bools) -> tuple[Ints, Ints]:
    """VM -> how much it reduces the need of its node: at least (for plans), and at most (for proofs).

    Plans use the dependable load of a VM. If the dependable loads of all VMs that are ``able`` to leave are not enough
    for the node, plans use the expected load.
    """
    least, most = vms.vcpus.copy(), vms.vcpus.copy()
    fine = [row for row in np.flatnonzero(nodes.measured).tolist() if by_own_loads(state, nodes, row)]
    for row in fine:
        rows = np.arange(vms.start[row], vms.start[row + 1])
        own = [vms.candidates[i] for i in rows.tolist()]
        expected = FINE * np.array([state.load_of(vm) for vm in own])
        dependable = np.array([int(FINE * state.dependable_load_of(vm)) for vm in own], dtype=np.int64)
        enough = int(dependable[able[rows]].sum()) >= _needs(state, nodes, row)[0]
        least[rows] = dependable if enough else expected.astype(np.int64)
        most[rows] = np.ceil(expected).astype(np.int64)
    return least, most


def _takeable(state: WorkingState, nodes: NodeArrays, vms: VMArrays, room: Room, everywhere: bool) -> Bools:
    """VM -> whether another node could take it if all VMs that may leave that node were gone (if unknown: all VMs)."""
    if everywhere:
        leaving_c = np.bincount(vms.node, vms.vcpus, len(nodes)).astype(np.int64)
        leaving_m = np.bincount(vms.node, vms.mib, len(nodes)).astype(np.int64)
        most_c, most_m = room.vcpus + leaving_c, room.mib + leaving_m
    else:
        most_c, most_m = nodes.fill_vcpus, nodes.fill_mib
    able = np.zeros(len(vms), dtype=np.bool_)
    of_overloaded = np.flatnonzero(nodes.overloaded[vms.node])
    keys = np.stack([nodes.kind[vms.node[of_overloaded]], vms.vcpus[of_overloaded], vms.mib[of_overloaded]])
    alike, which = np.unique(keys, axis=1, return_inverse=True)
    for k, (kind, vcpus, mib) in enumerate(alike.T.tolist()):
        there = nodes.open & nodes.compatible[kind, nodes.kind] & (most_c >= vcpus) & (most_m >= mib)
        rows = of_overloaded[which.reshape(-1) == k]
        able[rows] = there.sum() - there[vms.node[rows]] > 0
        for row in rows.tolist() if state.groups.pins or state.groups.left else ():
            able[row] &= _left_over(state, nodes, vms, row, there)
    return able


def _left_over(state: WorkingState, nodes: NodeArrays, vms: VMArrays, row: int, there: Bools) -> bool:
    """Whether the VM's pins and the nodes that it just left allow any of these nodes."""
    vm_id = vms.candidates[row].vm.id
    pins, left = state.groups.pins.get(vm_id, ()), state.groups.left.get(vm_id, frozenset())
    others = (int(nodes.ids[t]) for t in np.flatnonzero(there).tolist() if t != vms.node[row])
    return any(node_id not in left and all(node_id in pin.nodes for pin in pins) for node_id in others)
