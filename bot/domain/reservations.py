"""Reservations: room on a node that people keep free for a new VM. Pure values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from balancer.model import VM
from balancer.policy import ReservedRoom
from bot.domain.proposals import Actor

LONGEST = timedelta(days=7)
SHORTEST = timedelta(minutes=1)
MOST_IN_CLUSTER = 10


@dataclass(frozen=True, slots=True)
class Reservation:
    """Room for one VM of this size on a node, until a time. ``id``: 0 before it is stored."""

    id: int
    cluster_id: int
    cluster_name: str
    node_id: int
    node_name: str
    vcpus: int
    memory_mib: int
    until: datetime
    by: Actor
    created_at: datetime
    known_vms: frozenset[int]
    """The VMs of that size or larger that were on the node when the room was reserved."""

    @property
    def room(self) -> ReservedRoom:
        """The reservation in the planner's form."""
        return ReservedRoom(self.node_id, self.vcpus, self.memory_mib)

    def filled_by(self, vms: Iterable[VM]) -> VM | None:
        """The VM that has taken the room: of this size or larger, new on the node; the first by id."""
        return min((vm for vm in vms if self._is_filled(vm)), key=lambda vm: vm.id, default=None)

    def _is_filled(self, vm: VM) -> bool:
        if vm.node_id != self.node_id or vm.id in self.known_vms:
            return False
        return _at_least(vm, self.vcpus, self.memory_mib)


def vms_of_size(vms: Iterable[VM], node_id: int, vcpus: int, memory_mib: int) -> frozenset[int]:
    """The ids of the VMs on the node that are of this size or larger."""
    return frozenset(vm.id for vm in vms if vm.node_id == node_id and _at_least(vm, vcpus, memory_mib))


def _at_least(vm: VM, vcpus: int, memory_mib: int) -> bool:
    return (vm.vcpus or 0) >= vcpus and (vm.memory_mib or 0) >= memory_mib
