"""The VMs of lost nodes as items of a packing problem: VMs with an affinity rule are one item together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from balancer.model import VM, Node
from balancer.requests.move_group import MoveGroup, connected
from balancer.rules.node import not_called_suitable
from balancer.state import Candidate
from balancer.strategies.arrays import Bools, Ints
from balancer.survival.arrays import RoomArrays, runs


@dataclass(frozen=True)
class Items:
    """Row i of every array is one item, largest first; columns are nodes or resources."""

    groups: tuple[MoveGroup, ...]
    needs: Ints
    """Item x resource."""
    allowed: Bools
    """Item x node: whether the rules allow the item there, without regard to size and load."""
    apart: tuple[frozenset[int], ...]
    """Item -> the items that may not be on the same node."""
    unsized: tuple[VM, ...]
    """VMs of unknown size; they are in no item."""

    def __len__(self) -> int:
        return len(self.groups)

    @property
    def vms(self) -> int:
        """How many VMs run on the lost nodes."""
        return sum(len(group.vms) for group in self.groups) + len(self.unsized)


def items_of(lost: Sequence[Node], arrays: RoomArrays) -> Items:
    """The items of these lost nodes."""
    groups: list[MoveGroup] = []
    unsized: list[VM] = []
    sources: list[Node] = []
    for node in lost:
        sized = []
        for vm in filter(runs, arrays.state.vms_on[node.id]):
            if vm.vcpus and vm.memory_mib and vm.vcpus > 0 and vm.memory_mib > 0:
                sized.append(Candidate(vm, vm.vcpus, vm.memory_mib))
            else:
                unsized.append(vm)
        own = connected(sized, arrays.state)
        groups += own
        sources += [node] * len(own)
    needs = np.array([_needs(group, arrays) for group in groups], dtype=np.int64).reshape(-1, arrays.room.shape[1])
    order = _largest_first(needs, arrays)
    groups = [groups[i] for i in order]
    apart, never = _apart(groups, arrays)
    ids = [node.id for node in lost]
    reach = {node.id: arrays.reach(node, ids) for node in lost}
    allowed = np.zeros((len(groups), len(arrays.nodes)), dtype=np.bool_)
    for row, i in enumerate(order):
        if row not in never:
            allowed[row] = _allowed(groups[row], sources[i], reach[sources[i].id], arrays)
    return Items(tuple(groups), needs[order], allowed, apart, tuple(unsized))


def _needs(group: MoveGroup, arrays: RoomArrays) -> tuple[int, ...]:
    return tuple(sum(column) for column in zip(*(arrays.needs(vm) for vm in group.vms), strict=True))


def _largest_first(needs: Ints, arrays: RoomArrays) -> list[int]:
    """The items by size, largest first: the largest part that an item needs of an average node's room in a resource."""
    sizes = (needs / arrays.typical).max(axis=1, initial=0.0)
    order: list[int] = np.lexsort((np.arange(len(needs)), -needs[:, 1], -needs[:, 0], -sizes)).tolist()
    return order


def _allowed(group: MoveGroup, source: Node, reach: Bools, arrays: RoomArrays) -> Bools:
    groups = arrays.state.groups
    allowed = reach
    for vm in group.vms:
        vm_id = vm.vm.id
        if vm_id in groups.staying:
            return np.zeros_like(reach)
        if not groups.binds(vm_id):
            continue
        for pin in groups.pins.get(vm_id, ()):
            allowed = allowed & _rows(pin.nodes, arrays)
        for rule in groups.apart.get(vm_id, ()):
            places = {groups.place(mate) for mate in rule.members}
            allowed = allowed & ~_rows((place for place in places if place is not None), arrays)
        allowed = allowed & ~_rows(_unasked(vm, source, arrays), arrays)
    return allowed


def _unasked(vm: Candidate, source: Node, arrays: RoomArrays) -> set[int]:
    """The nodes that need a verdict of the panel, and have none for this VM."""
    opened, state = arrays.state.opened.get(source.id, frozenset()), arrays.state
    return {i for i in opened if i in arrays.row and not_called_suitable(vm, state.working[i], state) is not None}


def _rows(node_ids: Iterable[int], arrays: RoomArrays) -> Bools:
    rows: Bools = np.zeros(len(arrays.nodes), dtype=np.bool_)
    rows[[arrays.row[i] for i in node_ids if i in arrays.row]] = True
    return rows


def _apart(groups: Sequence[MoveGroup], arrays: RoomArrays) -> tuple[tuple[frozenset[int], ...], frozenset[int]]:
    """Item -> the items that may not share its node; and the items whose own VMs may not share a node."""
    rows: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        for vm in group.vms:
            for rule in arrays.state.groups.apart.get(vm.vm.id, ()):
                rows.setdefault(rule.index, []).append(row)
    apart: list[set[int]] = [set() for _ in groups]
    never = set()
    for members in rows.values():
        for row in members:
            apart[row].update(members)
            if members.count(row) > 1:
                never.add(row)
    return tuple(frozenset(others - {row}) for row, others in enumerate(apart)), frozenset(never)
