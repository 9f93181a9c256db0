"""The files of emulated nodes: parts of `/proc` and `/sys/fs/cgroup` of a KVM node and its VMs.

Each node has a folder with only the files that the program reads: load, CPUs, memory, pressure, uptime, busy time, and
for each running VM a control group with its CPU time and memory. All times are of the emulated panel's world.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.world.world import MIGRATION_MIB_PER_S

OWN_LOAD = 0.2
"""The node's own load in CPUs."""
UP_AT_START_S = 86_400.0
MEMORY_IN_USE = 0.7
"""The part of a VM's memory that is in use on its node."""
_SLICE = "sys/fs/cgroup/machine.slice"
_TICKS_PER_S = 100
_VIRSH = """#!/bin/sh
# virsh -r domjobinfo --domain NAME
cat "$(dirname "$0")/../jobs/$4" 2>/dev/null || echo "Job type:         None"
"""


@dataclass
class _Scope:
    """The counters of a VM on a node; they begin at 0 when the VM is started or arrives there."""

    node_id: int
    name: str
    cpu_s: float = 0.0


class NodeFiles:
    """Writes the files of the nodes of a world. ``folders``: node -> its folder for "/"; others have no files."""

    def __init__(self, folders: Mapping[int, Path]) -> None:
        self.folders = folders
        self._scopes: dict[int, _Scope] = {}
        self._busy_s: dict[int, float] = {}
        self._started = 0
        self._now: float | None = None

    def write(self, world: Mapping[str, Any]) -> None:
        """Updates the files from a dump of the world (``World.to_dict``)."""
        now = float(world["now"])
        passed_s = 0.0 if self._now is None else max(0.0, now - self._now)
        self._now = now
        running = {vm["id"]: vm for vm in world["vms"] if vm["state"] == "active" and vm["node"] in self.folders}
        self._follow(running, passed_s)
        self._write_jobs(world, running, now)
        for node in (node for node in world["nodes"] if node["id"] in self.folders):
            self._write_node(node, [vm for vm in running.values() if vm["node"] == node["id"]], passed_s)

    def _write_jobs(self, world: Mapping[str, Any], running: Mapping[int, Mapping[str, Any]], now: float) -> None:
        """Writes the output of `virsh domjobinfo` on the source node of each running migration."""
        for folder in self.folders.values():
            shutil.rmtree(folder / "jobs", ignore_errors=True)
        for task in world["tasks"]:
            vm = running.get(task["vm_id"])
            if task["name"] == "host_migrate" and task["finished_at"] is None and vm is not None:
                elapsed_s = max(0.0, now - task["created_at"])
                _put(self.folders[vm["node"]] / "jobs" / f"vm_{vm['id']}", job_info(vm, elapsed_s))

    def _follow(self, running: Mapping[int, Mapping[str, Any]], passed_s: float) -> None:
        for vm_id in [vm_id for vm_id, scope in self._scopes.items() if vm_id not in running]:
            self._forget(vm_id)
        for vm_id, vm in running.items():
            scope = self._scopes.get(vm_id)
            if scope is not None and scope.node_id != vm["node"]:
                self._forget(vm_id)
                scope = None
            if scope is None:
                self._started += 1
                self._scopes[vm_id] = _Scope(vm["node"], scope_name(self._started, f"vm_{vm_id}"))
            else:
                scope.cpu_s += passed_s * load_of(vm)

    def _forget(self, vm_id: int) -> None:
        scope = self._scopes.pop(vm_id)
        shutil.rmtree(self.folders[scope.node_id] / _SLICE / scope.name, ignore_errors=True)

    def _write_node(self, node: Mapping[str, Any], vms: list[Mapping[str, Any]], passed_s: float) -> None:
        root = self.folders[node["id"]]
        load = OWN_LOAD + sum(load_of(vm) for vm in vms)
        cpus = max(1, node["cpu_number"])
        self._busy_s[node["id"]] = self._busy_s.get(node["id"], 0.0) + passed_s * min(load, cpus)
        total_kib = node["ram_mib"] * 1024
        used_kib = sum(round(MEMORY_IN_USE * vm["ram_mib"]) for vm in vms) * 1024
        pressure = min(99.0, max(0.0, 40 * (load / cpus - 0.8)))
        up_s = UP_AT_START_S + (self._now or 0.0)
        _put(root / "proc/loadavg", f"{load:.2f} {load:.2f} {load:.2f} 2/900 4242\n")
        _put(root / "proc/uptime", f"{up_s:.2f} 1.00\n")
        _put(root / "proc/stat", f"cpu  {round(_TICKS_PER_S * self._busy_s[node['id']])} 0 0 5 0 0 0 0 0 0\n")
        _put(root / "proc/meminfo", f"MemTotal: {total_kib} kB\nMemAvailable: {max(0, total_kib - used_kib)} kB\n")
        _put(root / "proc/pressure/cpu", f"some avg10={pressure:.2f} avg60={pressure:.2f} avg300=0.00 total=1\n")
        _put(root / "proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
        _put(root / "sys/devices/system/cpu/online", f"0-{cpus - 1}\n" if cpus > 1 else "0\n")
        _put(root / "bin/virsh", _VIRSH)
        (root / "bin/virsh").chmod(0o755)
        for vm in vms:
            scope = self._scopes[vm["id"]]
            group = root / _SLICE / scope.name
            _put(group / "cpu.stat", f"usage_usec {round(1e6 * scope.cpu_s)}\nuser_usec 1\nsystem_usec 1\n")
            _put(group / "memory.current", f"{round(MEMORY_IN_USE * vm['ram_mib']) << 20}\n")


def load_of(vm: Mapping[str, Any]) -> float:
    """The busy CPUs of a VM."""
    return float(vm["cpu_number"] * vm["cpu_load"])


def job_info(vm: Mapping[str, Any], elapsed_s: float) -> str:
    """The migration job of a VM, in libvirt's format."""
    total, dirty = float(vm["ram_mib"]), float(vm["dirty_mib_s"])
    left = max(min(total, dirty), total - elapsed_s * max(0.0, MIGRATION_MIB_PER_S - dirty), 1.0)
    rounds = 1 + int(elapsed_s * MIGRATION_MIB_PER_S / max(total, 1.0))
    return (
        f"Job type:         Unbounded\nOperation:        Outgoing migration\nTime elapsed:     {elapsed_s:.0f} ms\n"
        f"Memory remaining: {left:.3f} MiB\nMemory total:     {total:.3f} MiB\n"
        f"Memory bandwidth: {MIGRATION_MIB_PER_S:.3f} MiB/s\nDirty rate:       {round(dirty * 256)} pages/s\n"
        f"Page size:        4096 bytes\nIteration:        {rounds}\n"
    )


def scope_name(number: int, name: str) -> str:
    """libvirt's scope for a domain: letters, digits, dots and dashes stay; systemd escapes the dashes."""
    plain = re.sub("[^A-Za-z0-9.-]", "", name).replace("-", "\\x2d")
    return f"machine-qemu\\x2d{number}\\x2d{plain}.scope"


def _put(file: Path, text: str) -> None:
    """Replaces the file in one step, so that a reader never sees a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}")
    draft.write_text(text, "ascii")
    draft.replace(file)
