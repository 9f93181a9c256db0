"""The problem that ``optimal`` solves: nodes, VMs, costs, and what must leave each overloaded node.

Nothing here searches. A node is in ``unclearable`` only if that is proven: it stays overloaded even if all VMs leave
it that some other node could ever take.
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
"""Loads of VMs are counted in such parts of a CPU."""
_ROUNDING = 1e-9
"""Of a vCPU: measured loads are no whole numbers. A plan asks for this much more, a proof for this much less."""


@dataclass(frozen=True)
class Problem:
    """One cluster to relieve. The room is the one before any move: copy it."""

    state: WorkingState
    nodes: NodeArrays
    vms: VMArrays
    costs: Ints
    durations: Ints
    """Of each VM's migration, in microseconds."""
    room: Room
    overloaded: list[int]
    """Rows of the overloaded nodes that VMs may leave."""
    reliefs: list[Relief]
    """Of the overloaded nodes that can be relieved."""
    unclearable: list[int]
    everywhere: bool
    """Whether ``vms`` has the VMs of all nodes, or only those of the overloaded ones."""
    relief: Ints
    """By VM: what it takes off the need of its node, in the unit of that need: vCPUs, or thousandths of a CPU of load
    where the node's VMs have loads of their own."""
    proven: list[Case]
    """As the cases of ``reliefs``, for proofs: no more is asked for than certainly must leave."""

    @staticmethod
    def of(state: WorkingState, *, everywhere: bool) -> Problem:
        """``everywhere``: with the VMs of all nodes, not only of those that are overloaded."""
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
        """Whether an overloaded node is relieved by its VMs' own loads."""
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
        """The room before any move, to be filled."""
        return self.room.copy()

    def retargeted(self, relocations: Sequence[Sequence[Pair]]) -> list[list[Pair]]:
        """The same relocations, to the nodes with the most room."""
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

    Of a measured load each VM takes its part by vCPUs with it, so a load is vCPUs too. Where the VMs have loads of
    their own, thousandths of a CPU instead of vCPUs.
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
    """Whether a VM of this measured node has a load of its own."""
    return bool(nodes.measured[row]) and any(vm.load is not None for vm in state.vms_on[int(nodes.ids[row])])


def _reliefs(state: WorkingState, nodes: NodeArrays, vms: VMArrays, able: Bools) -> tuple[Ints, Ints]:
    """By VM what it takes off the need of its node: at least, for plans, and at most, for proofs.

    Plans count the load that a VM can be depended on to have. Where that of all VMs together (of those that are
    ``able`` to leave) is not enough for the node, they count the expected load.
    """
    least, most = vms.vcpus.copy(), vms.vcpus.copy()
    fine = [row for row in np.unique(vms.node).tolist() if by_own_loads(state, nodes, row)]
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
    """Whether some other node could take the VM if all that may leave it (or, not knowing, everything) were gone."""
    if everywhere:
        gone_c = np.bincount(vms.node, vms.vcpus, len(nodes)).astype(np.int64)
        gone_m = np.bincount(vms.node, vms.mib, len(nodes)).astype(np.int64)
        most_c, most_m = room.vcpus + gone_c, room.mib + gone_m
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
    """Whether the VM's pins, and where it comes from, leave it any of these nodes."""
    vm_id = vms.candidates[row].vm.id
    pins, left = state.groups.pins.get(vm_id, ()), state.groups.left.get(vm_id, frozenset())
    others = (int(nodes.ids[t]) for t in np.flatnonzero(there).tolist() if t != vms.node[row])
    return any(node_id not in left and all(node_id in pin.nodes for pin in pins) for node_id in others)
