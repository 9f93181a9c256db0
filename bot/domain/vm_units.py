"""Finds the unit of the panel's CPU metric of a VM. Pure.

The vendor does not document the unit. Each possible unit is tried on all VMs of nodes with a measured load. The unit
that fits the nodes is used; if no unit or more than one fits, none is used.
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
"""Unit -> function from a value and the vCPUs of its VM to CPUs."""
_MOST = 1.1
"""How many times its vCPUs a VM may use: QEMU itself needs a little."""
_SAME = 0.01


@dataclass(frozen=True, slots=True)
class MeteredVM:
    """``value``: the panel's metric, as a mean over some minutes."""

    vm_id: int
    vcpus: int
    value: float


@dataclass(frozen=True, slots=True)
class MeteredNode:
    """A node with the metrics of its running VMs. ``busy_cpus``: by the node's own measurement."""

    busy_cpus: float
    vms: Sequence[MeteredVM]


def unit_of(nodes: Sequence[MeteredNode]) -> str | None:
    """The unit that fits all nodes; ``None`` = no unit fits, or several with different results fit."""
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
