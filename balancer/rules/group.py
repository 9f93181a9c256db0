"""The operator's rules about single VMs and groups of VMs, as constraints. Source: CLUSTERS_FILE and ProxLB's tags.

Groups has the VMs of each rule and their present nodes. If a rule is broken already, only moves that break it further
are forbidden: a VM may always move to a node where the rule is kept.
"""

from __future__ import annotations

from balancer.groups import Group
from balancer.model import VM, Reason
from balancer.state import Candidate, WorkingNode, WorkingState


def ignored(vm: VM, state: WorkingState) -> Reason | None:
    """A rule says that the VM never moves. It still counts in every figure."""
    rule = state.groups.ignored.get(vm.id)
    return None if rule is None else Reason.of("vm-ignored", rule=rule)


def stays(vm: VM, state: WorkingState) -> Reason | None:
    """The VM is pinned to its present node."""
    rule = state.groups.staying.get(vm.id)
    return None if rule is None else Reason.of("vm-stays", rule=rule)


def pinned_elsewhere(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """A pin of the VM does not name the target."""
    for pin in state.groups.pins.get(vm.vm.id, ()):
        if target.node.id not in pin.nodes:
            return Reason.of("fit-pin", rule=pin.name)
    return None


def just_left(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """This program moved the VM away from the target within the last day: VMs must not go back and forth."""
    return Reason.of("fit-just-left") if target.node.id in state.groups.left.get(vm.vm.id, ()) else None


def kept_apart(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """Another member of an anti-affinity group is on the target."""
    for group in state.groups.apart.get(vm.vm.id, ()):
        there = state.groups.mates_on(group, vm.vm.id, target.node.id)
        if there:
            return Reason.of("fit-apart", rule=group.name, vms=there)
    return None


def kept_together(vm: Candidate, target: WorkingNode, state: WorkingState) -> Reason | None:
    """The VM would leave mates of its affinity group for a node that does not have more of them.

    A VM without a mate on its node may go anywhere. Mates that will follow the VM do not count as left behind.
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
