"""Data of an emulated panel: clusters, nodes, VMs and tasks, as plain mutable records.

Fields that a world file or a patch may set are constructor arguments; fields that only the world keeps
(revisions, running tasks, history) are not. Nothing here renders JSON or advances time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


class WorldError(ValueError):
    """A bad world file, patch or option; the text can be shown as it is."""


@dataclass(eq=False)
class Cluster:
    id: int
    name: str
    virtualization_type: str = "kvm"
    comment: str = ""
    state: str = "active"
    datacenter_type: str = "switching"
    host_per_node_limit: int = 0
    host_filter: list[Any] = field(default_factory=list)
    # "dir": the disks lie on the nodes, and a migration copies them.
    storage_type: str = "nas"
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False)
class Node:
    id: int
    name: str
    cluster: int
    ip: str = ""
    port: int = 22
    ssh_user: str = "root"
    comment: str = ""
    state: str = "active"
    maintenance_mode: bool = False
    host_creation_blocked: bool = False
    host_limit: int = 0
    host_filter: list[Any] = field(default_factory=list)
    live_migration_allowed: bool = True
    cpu_number: int = 32
    ram_mib: int = 262_144
    storage_mib: int = 8_000_000
    qemu_version: str = "8.2.2"
    kernel_version: str = "5.14.0-427.13.1.el9_4.x86_64"
    os_version: str = "AlmaLinux 9.4"
    # Merged into the rendered row, so that a test can use a shape that this emulation does not have.
    extra: dict[str, Any] = field(default_factory=dict)
    rev: int = field(default=0, init=False)


@dataclass(eq=False)
class VM:
    id: int
    name: str
    node: int
    cpu_number: int = 2
    cpu_load: float = 0.15
    """The busy part of its vCPUs."""
    dirty_mib_s: float = 0.0
    """MiB per second that it writes to its memory: a migration copies them again. From MIGRATION_MIB_PER_S on, a
    migration never ends."""
    ram_mib: int = 4096
    disk_mib: int = 40_960
    disk_count: int = 1
    state: str = "active"
    iso_mounted: bool = False
    snapshot_count: int = 0
    balancer_mode: str = "on"
    disabled: bool = False
    rescue_mode: bool = False
    nesting: bool = False
    is_protected: bool = False
    has_vm5_restrictions: bool = False
    owner: str = "customer@example.com"
    domain: str = ""
    comment: str = ""
    os_name: str = "Debian 12"
    os_group: str = "linux"
    tags: list[Any] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    rev: int = field(default=0, init=False)
    started_at: float = field(default=0.0, init=False)
    created_at: float = field(default=0.0, init=False)
    task: Task | None = field(default=None, init=False)
    history: list[Task] = field(default_factory=list, init=False)


@dataclass(eq=False)
class Task:
    """One action of the panel. Its own id and its consul id differ: clients must map one to the other."""

    id: int
    consul_id: int
    history_id: int
    name: str
    vm_id: int
    params: dict[str, Any]
    user: str
    created_at: float
    visible_at: float
    status: str = "created"
    output: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    source: int | None = None
    target: int | None = None
    # How faults change this task:
    fail_output: str | None = None
    hangs: bool = False
    hidden: bool = False
    cold: bool = False
    """The migration restarts the VM."""

    @property
    def active(self) -> bool:
        return self.status in ("created", "running")


@dataclass(frozen=True)
class Usage:
    """What the VMs of a node or a cluster use, including stopped ones."""

    cpu: int = 0
    ram_mib: int = 0
    disk_mib: int = 0
    total: int = 0
    active: int = 0
    stopped: int = 0


def version_key(text: str) -> tuple[int, ...]:
    """`5.14.0-427.13.1.el9` -> (5, 14, 0, 427): enough to compare two versions."""
    return tuple(int(part) for part in re.findall(r"\d+", text)[:4])
