"""A simulated cluster: the recorded one, with some VMs on other nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from balancer.model import VM, Node, Recent, Snapshot
from balancer.policy import Policy
from balancer.scoring import severity
from balancer.state import Candidate, WorkingState


class OwnMove(NamedTuple):
    """A migration of the record from the program's own plans: a replay leaves it out."""

    vm_id: int
    target_id: int
    started_at: datetime
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """VM -> its node, for VMs on another node than in the record. Follows customers' orders and people's moves."""

    nodes: Mapping[int, int]

    def follow(self, before: Snapshot, now: Snapshot, own: Iterable[OwnMove]) -> Elsewhere:
        """The state at the next check of the record.

        A VM that the program moved in the record stays on its node. A VM that other people moved goes to the same node
        as in the record. A VM is dropped if it or its node was deleted.
        """
        node_ids = {node.id for node in now.nodes}
        by_move = {(move.vm_id, move.target_id) for move in own}
        was = {vm.id: vm.node_id for vm in before.vms}
        nodes: dict[int, int] = {}
        for vm in now.vms:
            node_id = self.nodes.get(vm.id)
            recorded = was.get(vm.id, vm.node_id)
            if recorded != vm.node_id and vm.node_id is not None:
                moved_by_us = (vm.id, vm.node_id) in by_move
                node_id = (node_id if node_id is not None else recorded) if moved_by_us else None
            if node_id is not None and node_id != vm.node_id and node_id in node_ids:
                nodes[vm.id] = node_id
        return Elsewhere(nodes)

    def moved(self, vm_id: int, target_id: int) -> Elsewhere:
        """The state after one more move."""
        return Elsewhere({**self.nodes, vm_id: target_id})

    def apply_to(self, recorded: Snapshot, policy: Policy) -> Snapshot:
        """The simulated cluster: its VMs, and the sums and loads of its nodes."""
        moved = [vm for vm in recorded.vms if vm.id in self.nodes and vm.node_id != self.nodes[vm.id]]
        if not moved:
            return recorded
        changes: dict[int, _Change] = {node.id: _Change() for node in recorded.nodes}
        measured = any(node.measured is not None for node in recorded.nodes)
        state = WorkingState(recorded, policy, Recent()) if measured else None
        for vm in moved:
            load = 0.0 if state is None else state.load_of(Candidate(vm, vm.vcpus or 0, vm.memory_mib or 0))
            for node_id, sign in ((vm.node_id, -1), (self.nodes[vm.id], 1)):
                if node_id in changes:
                    changes[node_id].add(vm, sign, load)
        return replace(
            recorded,
            nodes=tuple(changes[node.id].apply_to(node) for node in recorded.nodes),
            vms=tuple(replace(vm, node_id=self.nodes[vm.id]) if vm.id in self.nodes else vm for vm in recorded.vms),
        )


def placed(before: Snapshot, world: Snapshot, now: Snapshot, policy: Policy) -> dict[int, int]:
    """New VM -> its node, if it differs from the record.

    It is not known how the panel chooses a node. The assumption: by how full the nodes are. So a new VM goes to the
    node with the same rank as the node in the record, counted from the fullest.

    Args:
        before: the check before, as recorded.
        world: the check before, as simulated.
        now: this check, as recorded.
    """
    known = {vm.id for vm in before.vms}
    new = [vm for vm in now.vms if vm.id not in known and vm.node_id is not None]
    if not new:
        return {}
    recorded, replayed = _fullest_first(before, policy), _fullest_first(world, policy)
    there = {node.id for node in now.nodes}
    result = {}
    for vm in new:
        if vm.node_id in recorded:
            node_id = replayed[recorded.index(vm.node_id)]
            if node_id != vm.node_id and node_id in there:
                result[vm.id] = node_id
    return result


def _fullest_first(snapshot: Snapshot, policy: Policy) -> list[int]:
    """The nodes that take new VMs."""
    state = WorkingState(snapshot, policy, Recent())
    nodes = [n for n in state.working.values() if not n.node.maintenance and n.node.creation_allowed is not False]
    return [n.node.id for n in sorted(nodes, key=lambda n: (-severity(n.load, policy), n.node.id))]


@dataclass(slots=True)
class _Change:
    """The change of a node's sums by VMs that are on other nodes than in the record."""

    vcpus: int = 0
    memory_mib: int = 0
    vms: int = 0
    load: float = 0.0

    def add(self, vm: VM, sign: int, load: float) -> None:
        self.vcpus += sign * (vm.vcpus or 0)
        self.memory_mib += sign * (vm.memory_mib or 0)
        self.vms += sign
        self.load += sign * load

    def apply_to(self, node: Node) -> Node:
        if not self.vms and not self.vcpus and not self.memory_mib:
            return node
        measured = node.measured
        if measured is not None:
            measured = replace(
                measured,
                load1=max(0.0, measured.load1 + self.load),
                memory_available_mib=max(0, measured.memory_available_mib - self.memory_mib),
            )
        return replace(
            node,
            vcpus_allocated=_plus(node.vcpus_allocated, self.vcpus),
            memory_allocated_mib=_plus(node.memory_allocated_mib, self.memory_mib),
            vm_count=_plus(node.vm_count, self.vms),
            measured=measured,
        )


def _plus(figure: int | None, change: int) -> int | None:
    return None if figure is None else max(0, figure + change)
