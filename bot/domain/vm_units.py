"""Which unit the panel's CPU metric of a VM has. Pure.

The vendor does not document it. Each unit that was thought of is tried on all VMs of nodes whose own load was measured;
the one that fits the nodes is taken, and none where no unit or more than one fits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.vm_load import differs

UNITS: Mapping[str, Callable[[float, int], float]] = {
    "percent of the VM": lambda value, vcpus: value / 100 * vcpus,
    "percent of a CPU": lambda value, vcpus: value / 100,
    "part of the VM": lambda value, vcpus: value * vcpus,
    "CPUs": lambda value, vcpus: value,
}
"""Unit -> CPUs, of a value and the vCPUs of its VM."""
_MOST = 1.1
"""So many times its vCPUs a VM may seem to use: QEMU itself needs a little."""
_SAME = 0.01


@dataclass(frozen=True, slots=True)
class MeteredVM:
    """``value``: what the panel says, as a mean over some minutes."""

    vm_id: int
    vcpus: int
    value: float


@dataclass(frozen=True, slots=True)
class MeteredNode:
    """A node with the metrics of its running VMs. ``busy_cpus``: CPUs that the node itself says are busy."""

    busy_cpus: float
    vms: Sequence[MeteredVM]


def unit_of(nodes: Sequence[MeteredNode]) -> str | None:
    """The unit that fits all nodes; ``None`` = no unit does, or several do that make a difference."""
    fitting = [unit for unit in UNITS if nodes and all(_fits(unit, node) for node in nodes)]
    if len(fitting) > 1 and any(_differ(unit, fitting[0], nodes) for unit in fitting[1:]):
        return None
    return fitting[0] if fitting else None


def _fits(unit: str, node: MeteredNode) -> bool:
    loads = [UNITS[unit](vm.value, vm.vcpus) for vm in node.vms]
    if any(load > _MOST * vm.vcpus for load, vm in zip(loads, node.vms, strict=True)):
        return False
    return bool(loads) and not differs(sum(loads), node.busy_cpus)


def _differ(one: str, other: str, nodes: Sequence[MeteredNode]) -> bool:
    return any(
        abs(UNITS[one](vm.value, vm.vcpus) - UNITS[other](vm.value, vm.vcpus)) > _SAME
        for node in nodes
        for vm in node.vms
    )
