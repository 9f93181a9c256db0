"""Small healthy worlds for the tests of the core: a test states only the values that matter to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

from balancer.model import VM, Cluster, Measurement, Move, Node, Snapshot

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)


def cluster(id: int = 1, **over: Any) -> Cluster:
    return Cluster(**{"id": id, "name": f"c{id}", "virtualization": "kvm", **over})


def node(id: int, **over: Any) -> Node:
    """A healthy node: 10 CPUs with 30 vCPUs and 5 VMs, 100,000 MiB with 40,000 allocated."""
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


def measured(**over: Any) -> Measurement:
    """A measurement of now: 10 CPUs with a load of 3 and enough memory."""
    calm: dict[str, Any] = {
        "taken_at": NOW,
        "load1": 3.0,
        "load5": 3.0,
        "load15": 3.0,
        "cpus": 10,
        "memory_available_mib": 60_000,
        "memory_total_mib": 100_000,
    }
    return Measurement(**{**calm, **over})


def vm(id: int, **over: Any) -> VM:
    """A VM that may move: 6 vCPUs and 4,000 MiB, on node 1."""
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
    """The snapshot that the panel would report after the move, with estimated loads."""
    source = next(n for n in seen.nodes if n.id == move.source_id)
    brings = float(move.vcpus)
    if source.measured and move.source_before.cpu_load is not None and source.vcpus_allocated:
        brings = source.measured.load1 * move.vcpus / source.vcpus_allocated

    def moved(n: Node) -> Node:
        sign = {move.source_id: -1, move.target_id: 1}.get(n.id, 0)
        live = n.measured
        if live is not None and sign:
            taken = move.memory_mib if sign > 0 else 0
            load = max(0.0, live.load1 - brings) if sign < 0 else live.load1 + brings
            live = replace(live, load1=load, memory_available_mib=live.memory_available_mib - taken)
        return replace(
            n,
            measured=live,
            vcpus_allocated=None if n.vcpus_allocated is None else n.vcpus_allocated + sign * move.vcpus,
            memory_allocated_mib=(
                None if n.memory_allocated_mib is None else n.memory_allocated_mib + sign * move.memory_mib
            ),
            vm_count=None if n.vm_count is None else n.vm_count + sign,
        )

    vms = tuple(replace(v, node_id=move.target_id) if v.id == move.vm_id else v for v in seen.vms)
    return replace(seen, nodes=tuple(moved(n) for n in seen.nodes), vms=vms)
