"""VMs that leave a node together: single VMs, and VMs that an affinity rule connects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from balancer.model import Node
from balancer.rules.constraints import candidate
from balancer.state import Candidate, WorkingState


class MoveGroup(NamedTuple):
    """VMs that go to one target together. Most groups have one VM."""

    vms: tuple[Candidate, ...]
    rule: str = ""
    """The name of the affinity rule; empty for a single VM."""


def move_groups(node: Node, state: WorkingState) -> list[MoveGroup]:
    """The VMs that may leave the node, ordered by id. VMs that affinity rules connect are one group."""
    movable = [c for vm in state.vms_on[node.id] if isinstance(c := candidate(vm, state), Candidate)]
    return connected(movable, state)


def connected(movable: Sequence[Candidate], state: WorkingState) -> list[MoveGroup]:
    """VMs of one node, ordered by id, as groups: VMs that affinity rules connect are one group."""
    parent = {vm.vm.id: vm.vm.id for vm in movable}

    def root(vm_id: int) -> int:
        while parent[vm_id] != vm_id:
            vm_id = parent[vm_id]
        return vm_id

    rules: dict[int, str] = {}
    for vm in movable:
        for group in state.groups.together.get(vm.vm.id, ()):
            first = min(group.members & parent.keys())
            low, high = sorted((root(first), root(vm.vm.id)))
            parent[high] = low
            rules[low] = min(rules.get(high, group.name), rules.get(low, group.name), group.name)
    members: dict[int, list[Candidate]] = {}
    for vm in movable:
        members.setdefault(root(vm.vm.id), []).append(vm)
    return [MoveGroup(tuple(vms), rules[i] if len(vms) > 1 else "") for i, vms in members.items()]
