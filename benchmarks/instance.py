"""The neutral instance (FORMAT.md) and its working state: what may move where, and what a node carries.

It judges every planner, so it imports nothing from the program and shares no rule with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TOLERANCE = 1e-9
COOLDOWN_S = 3600
RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance by position: node and VM ``i`` of every list is the ``i``-th of the file."""

    name: str
    cpu_limit: float
    memory_limit: float
    node_ids: list[Any]
    vm_ids: list[Any]
    cpus: list[int]
    memory_mib: list[int]
    base_mib: list[int]
    frozen: list[bool]
    """In maintenance or excluded: nothing enters, nothing leaves, and no metric counts it."""
    open: list[bool]
    vm_limit: list[int]
    """0 = none."""
    qemu: list[tuple[int, ...]]
    home: list[int]
    vcpus: list[int]
    vm_mib: list[int]
    movable: list[bool]

    @classmethod
    def read(cls, path: str | Path) -> Instance:
        return cls.of(json.loads(Path(path).read_text("utf-8")))

    @classmethod
    def of(cls, document: dict[str, Any]) -> Instance:
        nodes, vms = document["nodes"], document["vms"]
        limits = document.get("thresholds", {})
        frozen = [bool(n.get("maintenance") or n.get("excluded")) for n in nodes]
        index = {n["id"]: i for i, n in enumerate(nodes)}
        home = [index[v["node"]] for v in vms]
        return cls(
            name=document["name"],
            cpu_limit=float(limits.get("cpu_ratio", 7.0)),
            memory_limit=float(limits.get("mem_pct", 70.0)),
            node_ids=[n["id"] for n in nodes],
            vm_ids=[v["id"] for v in vms],
            cpus=[n["cpus"] for n in nodes],
            memory_mib=[n["ram_mib"] for n in nodes],
            base_mib=[n.get("ram_base_mib", 0) for n in nodes],
            frozen=frozen,
            open=[not f and bool(n.get("creation_allowed", True)) for f, n in zip(frozen, nodes, strict=True)],
            vm_limit=[n.get("vm_limit") or 0 for n in nodes],
            qemu=[version(n.get("qemu", "0")) for n in nodes],
            home=home,
            vcpus=[v["vcpus"] for v in vms],
            vm_mib=[v["ram_mib"] for v in vms],
            movable=[_may_leave(v) and not frozen[n] for v, n in zip(vms, home, strict=True)],
        )

    @property
    def active(self) -> list[int]:
        return [n for n, frozen in enumerate(self.frozen) if not frozen]


def version(text: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in str(text).split("."))


def _may_leave(vm: dict[str, Any]) -> bool:
    ago = vm.get("last_migrated_s")
    return (
        vm.get("state", RUNNING) == RUNNING
        and not vm.get("has_iso")
        and not vm.get("has_snapshot")
        and vm.get("balancer_enabled", True)
        and (ago is None or ago >= COOLDOWN_S)
    )


class State:
    """A placement with its sums per node; every legal move changes it."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.place = list(instance.home)
        self.vcpus = [0] * len(instance.cpus)
        self.used_mib = list(instance.base_mib)
        self.count = [0] * len(instance.cpus)
        for vm, node in enumerate(self.place):
            self._add(vm, node, 1)

    def cpu_ratio(self, node: int) -> float:
        return self.vcpus[node] / self.instance.cpus[node]

    def memory_percent(self, node: int) -> float:
        return 100.0 * self.used_mib[node] / self.instance.memory_mib[node]

    def overloaded(self, node: int) -> bool:
        too_much = (
            self.cpu_ratio(node) > self.instance.cpu_limit + TOLERANCE
            or self.memory_percent(node) > self.instance.memory_limit + TOLERANCE
        )
        return too_much and not self.instance.frozen[node]

    def refusal(self, vm: int, target: int) -> str | None:
        """Why this move is not legal now; ``None`` = it is."""
        of, source = self.instance, self.place[vm]
        room_cpu = (self.vcpus[target] + of.vcpus[vm]) / of.cpus[target] <= of.cpu_limit + TOLERANCE
        percent = 100.0 * (self.used_mib[target] + of.vm_mib[vm]) / of.memory_mib[target]
        checks = (
            (source != target, "goes nowhere"),
            (of.movable[vm], "VM may not move"),
            (not of.frozen[target], "target in maintenance or excluded"),
            (of.open[target], "target takes no VMs"),
            (not of.vm_limit[target] or self.count[target] < of.vm_limit[target], "target's VM limit"),
            (of.qemu[target] >= of.qemu[source], "older QEMU"),
            (room_cpu, "target's CPU over the threshold"),
            (percent <= of.memory_limit + TOLERANCE, "target's memory over the threshold"),
        )
        return next((why for fine, why in checks if not fine), None)

    def apply(self, vm: int, target: int) -> None:
        self._add(vm, self.place[vm], -1)
        self._add(vm, target, 1)
        self.place[vm] = target

    def _add(self, vm: int, node: int, sign: int) -> None:
        self.vcpus[node] += sign * self.instance.vcpus[vm]
        self.used_mib[node] += sign * self.instance.vm_mib[vm]
        self.count[node] += sign
