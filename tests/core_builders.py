"""Small healthy worlds for the tests of the core: a test writes down only what matters to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from balancer.model import VM, Cluster, Move, Node, Snapshot

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


def cluster(id: int = 1, **over: Any) -> Cluster:
    return Cluster(**{"id": id, "name": f"c{id}", "virtualization": "kvm", **over})


def node(id: int, **over: Any) -> Node:
    """Healthy, 10 CPUs with 30 vCPUs and 5 VMs, 100,000 MiB with 40,000 allocated."""
    healthy: dict[str, Any] = {
        "id": id,
        "name": f"n{id}",
        "cluster_id": 1,
        "cpus": 10,
        "vcpus_allocated": 30,
        "memory_mib": 100_000,
        "memory_allocated_mib": 40_000,
        "vm_count": 5,
        "state": "active",
        "maintenance": False,
        "creation_allowed": True,
        "live_migration_allowed": True,
        "qemu_version": "7.2.0",
        "kernel_version": "5.15.0-91-generic",
    }
    return Node(**{**healthy, **over})


def vm(id: int, **over: Any) -> VM:
    """Movable, 6 vCPUs and 4,000 MiB, on node 1."""
    healthy: dict[str, Any] = {
        "id": id,
        "name": f"v{id}",
        "cluster_id": 1,
        "node_id": 1,
        "vcpus": 6,
        "memory_mib": 4_000,
        "state": "active",
        "iso_mounted": False,
        "snapshot_count": 0,
        "balancer_mode": "on",
    }
    return VM(**{**healthy, **over})


def snapshot(nodes: Iterable[Node], vms: Iterable[VM], clusters: Iterable[Cluster] | None = None) -> Snapshot:
    return Snapshot(NOW, tuple(clusters or [cluster()]), tuple(nodes), tuple(vms))


def after(seen: Snapshot, move: Move) -> Snapshot:
    """The snapshot as the panel would report it when the move is done."""

    def moved(n: Node) -> Node:
        sign = {move.source_id: -1, move.target_id: 1}.get(n.id, 0)
        return replace(
            n,
            vcpus_allocated=None if n.vcpus_allocated is None else n.vcpus_allocated + sign * move.vcpus,
            memory_allocated_mib=(
                None if n.memory_allocated_mib is None else n.memory_allocated_mib + sign * move.memory_mib
            ),
            vm_count=None if n.vm_count is None else n.vm_count + sign,
        )

    vms = tuple(replace(v, node_id=move.target_id) if v.id == move.vm_id else v for v in seen.vms)
    return replace(seen, nodes=tuple(moved(n) for n in seen.nodes), vms=vms)
