"""Clusters, nodes and tasks in the panel's answers, and the columns that can be filtered.

List rows and by-ID answers differ on purpose: by ID the object is thinner and refers by number.
"""

from __future__ import annotations

from typing import Any

from sandbox.panel.vm_rows import cluster_ref
from sandbox.panel.where import Columns
from sandbox.world.model import VM, Cluster, Node, Task, Usage
from sandbox.world.rules import refusal
from sandbox.world.world import World

CLUSTER_COLUMNS: Columns = {
    "id": lambda c: c.id,
    "name": lambda c: c.name,
    "state": lambda c: c.state,
    "virtualization_type": lambda c: c.virtualization_type,
}
NODE_COLUMNS: Columns = {
    "id": lambda n: n.id,
    "name": lambda n: n.name,
    "state": lambda n: n.state,
    "ip": lambda n: n.ip,
    "comment": lambda n: n.comment,
}
# Without `cluster` and `node`: clients report HTTP 500 for filters on them.
VM_COLUMNS: Columns = {
    "id": lambda v: v.id,
    "name": lambda v: v.name,
    "state": lambda v: v.state,
    "domain": lambda v: v.domain,
    "comment": lambda v: v.comment,
    "cpu_number": lambda v: v.cpu_number,
    "ram_mib": lambda v: v.ram_mib,
    "email": lambda v: v.owner,
}
TASK_COLUMNS: Columns = {
    "id": lambda t: t.id,
    "consul_id": lambda t: t.consul_id,
    "name": lambda t: t.name,
    "status": lambda t: t.status,
}


def node_row(world: World, node: Node) -> dict[str, Any]:
    used = world.usage(world.vms_on(node))
    free_disk = max(0, node.storage_mib - used.disk_mib)
    counts = {"total": used.total, "active": used.active, "stopped": used.stopped, "crashed": 0}
    return {
        "id": node.id,
        "name": node.name,
        "comment": node.comment,
        "cluster": cluster_ref(world, node),
        "ip": node.ip,
        "port": node.port,
        "ssh_user": node.ssh_user,
        "state": node.state,
        "maintenance_mode": node.maintenance_mode,
        "host_creation_blocked": node.host_creation_blocked,
        "host_limit": node.host_limit,
        "host_filter": node.host_filter,
        "cpu": {"number": node.cpu_number, "used": used.cpu},
        "ram_mib": {"total": node.ram_mib, "allocated": used.ram_mib},
        "storage": {
            "size_mib": node.storage_mib,
            "used_mib": used.disk_mib * 6 // 10,
            "allocated_mib": used.disk_mib,
            "available_mib": free_disk,
        },
        "vm": {**counts, "estimated": max(0, (node.ram_mib - used.ram_mib) // 4096)},
        "qemu_version": node.qemu_version,
        "kernel_version": node.kernel_version,
        "os_version": node.os_version,
        "overselling": 1,
        "interfaces": [{"id": node.id, "node_interface": "eth0", "network_switch": 1}],
        "ipv6": None,
        "ha_state": "",
        "ha_error": "no_error",
        "bird_error": None,
        "frr_error": None,
        **node.extra,
    }


def node_by_id(node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "name": node.name,
        "cluster": node.cluster,
        "state": node.state,
        "ip_addr": node.ip,
        "qemu_version": node.qemu_version,
    }


def cluster_row(world: World, cluster: Cluster) -> dict[str, Any]:
    """The row of a cluster, without its nodes: clients get them from the node list."""
    nodes = world.nodes_of(cluster)
    used = world.usage(vm for node in nodes for vm in world.vms_on(node))
    storage = {**main_storage(cluster), "enabled": True, "is_main": True}
    return {
        "id": cluster.id,
        "name": cluster.name,
        "comment": cluster.comment,
        "state": cluster.state,
        "time_zone": "UTC",
        "virtualization_type": cluster.virtualization_type,
        "datacenter_type": cluster.datacenter_type,
        "host_count": used.total,
        "account_host_count": used.total,
        "node_count": len(nodes),
        "host_per_node_limit": cluster.host_per_node_limit,
        "cpu_number": {"total": sum(node.cpu_number for node in nodes), "used": used.cpu},
        "ram_mib": {"total": sum(node.ram_mib for node in nodes), "used": used.ram_mib},
        "storage_mib": {"total": sum(node.storage_mib for node in nodes), "used": used.disk_mib},
        "overselling": 1,
        "host_distribution_policy": "uniform",
        "host_filter": cluster.host_filter,
        "storages": [{**storage, "tags": []}],
        "storage": storage,
        "ippools": [],
        "dns_servers": ["192.0.2.53"],
        **cluster.extra,
    }


def main_storage(cluster: Cluster) -> dict[str, Any]:
    """The only storage of a cluster in this emulation."""
    return {"id": cluster.id, "name": f"{cluster.storage_type}-{cluster.id}", "type": cluster.storage_type}


def form_node(world: World, vm: VM, node: Node) -> dict[str, Any]:
    """One line of the migration form: `suitable` is the panel's own verdict."""
    used: Usage = world.usage(world.vms_on(node))
    available = max(0, node.storage_mib - used.disk_mib)
    storage = {**main_storage(world.clusters[node.cluster]), "available_mib": available}
    return {
        "id": node.id,
        "name": node.name,
        "ram_mib": {"unused": world.unused_mib(node)},
        "storage": storage,
        "storages": [storage],
        "priority": 0,
        "state": node.state,
        "suitable": refusal(world, vm, node) is None,
        "host_creation_blocked": node.host_creation_blocked,
        "host_count": used.total,
        "host_limit": node.host_limit,
    }


def task_row(world: World, task: Task) -> dict[str, Any]:
    started = task.started_at
    ended = world.now if task.finished_at is None else task.finished_at
    return {
        "id": task.id,
        "consul_id": task.consul_id,
        "name": task.name,
        "status": task.status,
        "defer_reason": None,
        "running_time": None if started is None else int(ended - started),
        "waiting_time": int((ended if started is None else started) - task.created_at),
    }


def history_row(world: World, task: Task) -> dict[str, Any]:
    return {
        "id": task.history_id,
        "name": task.name,
        "state": "running" if task.active else task.status,
        "task": task.id,
        "date_create": world.clock(task.created_at),
        "params": task.params,
        "user": task.user,
    }


def disk_rows(world: World, vm: VM) -> list[dict[str, Any]]:
    """The main disk as large as the VM row says; further ones of 10 GiB each."""
    node = world.nodes[vm.node]
    storage = main_storage(world.clusters[node.cluster])
    return [
        {
            "id": vm.id * 10 + number,
            "name": f"vm_{vm.id}_disk_{number}",
            "size_mib": vm.disk_mib if number == 0 else 10_240,
            "bus": "virtio",
            "storage": {"id": storage["id"], "name": storage["name"]},
            "host": {"id": vm.id, "name": vm.name, "boot_order": number + 1, "is_main": number == 0},
            "node": {"id": node.id, "name": node.name},
            "cluster": {"id": node.cluster, "name": world.clusters[node.cluster].name},
            "tags": [],
        }
        for number in range(vm.disk_count)
    ]
