"""The promise of a move: both nodes before and after it, and the load of the VM. Pure.

A promise is computed from the snapshot right before the start of a migration, in the same way as plans.
``bot.domain.outcomes`` compares it with the outcome.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from balancer.model import VM, NodeLoad, Recent, Snapshot
from balancer.policy import Policy
from balancer.state import Candidate, WorkingNode, WorkingState

SHARE = "share"
"""Source of a VM's load: its share by vCPUs of its node's load."""
EVERY_VCPU = "vcpus"
"""Source of a VM's load on a node without a measurement: all its vCPUs count as busy."""


@dataclass(frozen=True, slots=True)
class VMFigures:
    """One VM at one moment."""

    vm_id: int
    vcpus: int
    memory_mib: int
    cpus: float | None = None
    """Its busy CPUs; ``None`` = not measured."""


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One node at one moment, with the VMs on it."""

    node_id: int
    node_name: str
    cpus: int
    memory_mib: int
    load: NodeLoad
    vms: tuple[VMFigures, ...]
    measured_cpus: int | None = None
    """The number of CPUs by which its measured load is divided; ``None`` = not measured."""


@dataclass(frozen=True, slots=True)
class Promise:
    """The expected effect of a move. ``source`` and ``target``: both nodes before it.

    ``carries``: the load in CPUs that the VM is expected to take from one node to the other. ``carries_from``: the
    source of this figure: ``ssh`` or ``panel`` (the VM's own load), ``share`` or ``vcpus``.
    """

    vm: VMFigures
    vm_name: str
    carries: float
    carries_from: str
    source: NodeFigures
    target: NodeFigures
    source_after: NodeLoad
    target_after: NodeLoad


@dataclass(frozen=True, slots=True)
class Sight:
    """The figures of some nodes, and of every VM of their cluster, in one check."""

    taken_at: datetime
    nodes: dict[int, NodeFigures | None]
    """Node -> its figures; ``None`` = a figure is unknown. Without nodes that no longer exist."""
    vms: dict[int, VM]


def promise_of(snapshot: Snapshot, policy: Policy, vm_id: int, target_id: int) -> Promise | None:
    """The promise of a move that starts now; ``None`` = a figure of the VM or of a node is unknown.

    Args:
        snapshot: of one cluster.
    """
    state = WorkingState(snapshot, replace(policy, reservations=()), Recent())
    vm = next((vm for vm in snapshot.vms if vm.id == vm_id), None)
    if vm is None or vm.vcpus is None or vm.memory_mib is None:
        return None
    source, target = state.working.get(vm.node_id or 0), state.working.get(target_id)
    if source is None or target is None or source is target:
        return None
    candidate = Candidate(vm, vm.vcpus, vm.memory_mib)
    before = (_figures(source, state), _figures(target, state))
    carries, origin = state.load_of(candidate), _origin(vm, source)
    state.apply(candidate, source.node.id, target.node.id)
    return Promise(_vm(vm), vm.name, carries, origin, *before, source.load, target.load)


def sight(snapshot: Snapshot, policy: Policy, node_ids: Collection[int]) -> Sight:
    """The figures of these nodes in a check.

    Args:
        snapshot: of one cluster.
    """
    state = WorkingState(snapshot, replace(policy, reservations=()), Recent())
    nodes = {i: _figures(state.working[i], state) if i in state.working else None for i in node_ids if i in state.nodes}
    return Sight(snapshot.taken_at, nodes, {vm.id: vm for vm in snapshot.vms})


def _origin(vm: VM, source: WorkingNode) -> str:
    if source.live is None:
        return EVERY_VCPU
    return SHARE if vm.load is None else vm.load.source


def _figures(node: WorkingNode, state: WorkingState) -> NodeFigures:
    vms = tuple(_vm(vm) for vm in state.vms_on[node.node.id])
    measured = None if node.live is None else node.live.cpus
    return NodeFigures(node.node.id, node.node.name, node.cpus, node.memory_mib, node.load, vms, measured)


def _vm(vm: VM) -> VMFigures:
    return VMFigures(vm.id, vm.vcpus or 0, vm.memory_mib or 0, None if vm.load is None else vm.load.cpus)
