"""The operator's rules about single VMs and groups of them, as constraints. Source: CLUSTERS_FILE and ProxLB's tags.

Who is meant, and where they are now, Groups knows. A rule that is broken already forbids nothing that does not
break it further, so a VM may always go where the rule is kept.
"""

from __future__ import annotations

from balancer.groups import Group
from balancer.model import VM, Reason
from balancer.state import Candidate, WorkingNode, WorkingState


def ignored(vm: VM, state: WorkingState) -> Reason | None:
    """Never moved, and counted in every figure."""
    rule = state.groups.ignored.get(vm.id)
    return None if rule is None else Reason.of("vm-ignored", rule=rule)


def stays(vm: VM, state: WorkingState) -> Reason | None:
    """Pinned to the node it is on."""
    rule = state.groups.staying.get(vm.id)
    return None if rule is None else Reason.of("vm-stays", rule=rule)


def pinned_elsewhere(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """Every pin of the VM must name the target."""
    for pin in state.groups.pins.get(vm.vm.id, ()):
        if target.node.id not in pin.nodes:
            return Reason.of("fit-pin", rule=pin.name)
    return None


def just_left(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """What the balancer moved away goes back by itself only after a day: no VM goes to and fro."""
    return Reason.of("fit-just-left") if target.node.id in state.groups.left.get(vm.vm.id, ()) else None


def kept_apart(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """No two members on one node."""
    for group in state.groups.apart.get(vm.vm.id, ()):
        there = state.groups.mates_on(group, vm.vm.id, target.node.id)
        if there:
            return Reason.of("fit-apart", rule=group.name, vms=there)
    return None


def kept_together(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """A VM leaves mates behind only for a node with more of them. One that has no mate beside it may go anywhere.

    Mates that are about to follow it are not left behind.
    """
    for group in state.groups.together.get(vm.vm.id, ()):
        here = _left_behind(group, vm.vm.id, state)
        there = state.groups.mates_on(group, vm.vm.id, target.node.id)
        if here and there <= here:
            return Reason.of("fit-together", rule=group.name, vms=here)
    return None


def _left_behind(group: Group, vm_id: int, state: WorkingState) -> int:
    place = state.groups.place(vm_id)
    here = state.groups.mates_on(group, vm_id, place)
    if not here or not state.following:
        return here
    following = group.members & state.following - {vm_id}
    return here - sum(1 for mate in following if state.groups.place(mate) == place)
