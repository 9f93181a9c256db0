"""VMs in the panel's answers: the detailed list row and the short object by ID.

Rows are kept as JSON text until something in them changes, so that a list of 15,000 VMs stays fast.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from sandbox.world.model import VM, Node
from sandbox.world.world import World


class VMRows:
    """Renders one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._kept: WeakKeyDictionary[VM, tuple[int, int, str]] = WeakKeyDictionary()

    def texts(self, vms: Iterable[VM]) -> list[str]:
        return [self._text(vm) for vm in vms]

    def _text(self, vm: VM) -> str:
        node = self.world.nodes[vm.node]
        kept = self._kept.get(vm)
        if kept is None or kept[:2] != (vm.rev, node.rev):
            # Everything except the closing brace: the uptime differs in every answer.
            kept = (vm.rev, node.rev, json.dumps(vm_row(self.world, vm))[:-1])
            self._kept[vm] = kept
        if "uptime" in vm.extra:
            return kept[2] + "}"
        uptime = int(self.world.now - vm.started_at) if vm.state == "active" else 0
        return f'{kept[2]}, "uptime": {uptime}}}'


def vm_row(world: World, vm: VM) -> dict[str, Any]:
    """The list row of a VM, without its uptime."""
    node = world.nodes[vm.node]
    return {
        "id": vm.id,
        "name": vm.name,
        "internal_name": f"vm_{vm.id}",
        "domain": vm.domain,
        "comment": vm.comment,
        "create_date": world.clock(vm.created_at),
        "state": vm.state,
        "node": {
            "id": node.id,
            "name": node.name,
            "ip_addr": node.ip,
            "live_migration_allowed": node.live_migration_allowed,
            "maintenance_mode": node.maintenance_mode,
            "hot_plug_memory": True,
        },
        "cluster": cluster_ref(world, node),
        "account": {"id": sum(vm.owner.encode()), "email": vm.owner},
        "disk": {"id": vm.id * 10, "disk_mib": vm.disk_mib, "disk_mib_new": None},
        "disk_count": vm.disk_count,
        **_vm_resources(vm),
        **_vm_obstacles(vm),
        **_vm_network(vm),
        "os_name": vm.os_name,
        "os_group": vm.os_group,
        "tags": vm.tags,
        **vm.extra,
    }


def _vm_resources(vm: VM) -> dict[str, Any]:
    return {
        "cpu_number": vm.cpu_number,
        "cpu_number_new": None,
        "ram_mib": vm.ram_mib,
        "ram_mib_new": None,
        "cpu_mode": "host_model",
        "cpu_custom_model": None,
        "cpu_weight": 1024,
        "io_weight": 500,
        "io_read_mbitps": None,
        "io_write_mbitps": None,
        "io_read_iops": None,
        "io_write_iops": None,
        "hot_plug": True,
        "live_resize": True,
        "efi_boot": False,
        "process_number": None,
    }


def _vm_obstacles(vm: VM) -> dict[str, Any]:
    flags = ("net_iface_count", "nat_or_extra", "ipv6", "unsupported_storage", "iso", "snapshot")
    return {
        "iso_mounted": vm.iso_mounted,
        "iso_status": "mounted" if vm.iso_mounted else "none",
        "iso_reboot": False,
        "snapshot_count": vm.snapshot_count,
        "snapshot_curr": vm.snapshot_count,
        "snapshot_limit": 10,
        "snapshot_ram": False,
        "snapshots_allowed": True,
        "balancer_mode": vm.balancer_mode,
        "disabled": vm.disabled,
        "rescue_mode": vm.rescue_mode,
        "nesting": vm.nesting,
        "is_protected": vm.is_protected,
        "extended_protection": False,
        "spice_enabled": False,
        "vm5_restrictions": {flag: vm.has_vm5_restrictions and flag == "ipv6" for flag in flags},
        "linked_clone_image": None,
    }


def _vm_network(vm: VM) -> dict[str, Any]:
    return {
        "ip4": [{"ip": f"198.18.{vm.id // 250 % 256}.{vm.id % 250 + 1}", "interface": vm.id}],
        "ip6": [],
        "interfaces": [{"id": vm.id, "bridge_name": "vmbr0"}],
        "vxlan": [],
        "firewall_rules": [],
        "net_bandwidth_mbitps": 1000,
        "net_in_mbitps": None,
        "net_out_mbitps": None,
        "net_is_synced": True,
        "has_noname_iface": False,
        "anti_spoofing": True,
        "ip_automation": None,
    }


def vm_by_id(vm: VM) -> dict[str, Any]:
    return {
        "id": vm.id,
        "internal_name": f"vm_{vm.id}",
        "node": vm.node,
        "name": vm.name,
        "state": vm.state,
        "cpu_number": vm.cpu_number,
        "ram_mib": vm.ram_mib,
        "expand_part": "vda1",
        "net_is_synced": True,
        "ip_automation": None,
    }


def metadata_of(world: World, vm: VM) -> dict[str, Any]:
    """The metadata with the VM's name on its node."""
    node = world.nodes[vm.node]
    return {
        "id": vm.id,
        "name": vm.name,
        "internal_name": f"vm_{vm.id}",
        "domain": vm.domain,
        "state": {"disabled": vm.disabled},
        "node": {"id": node.id, "ip_addr": node.ip},
        "cluster": {"id": node.cluster},
        "base_resources": {"cpu_number": vm.cpu_number, "ram_mib": vm.ram_mib},
        "disks": [{"name": f"vm_{vm.id}_disk_0", "size_mib": vm.disk_mib, "boot_order": 1}],
    }


def cluster_ref(world: World, node: Node) -> dict[str, Any]:
    cluster = world.clusters[node.cluster]
    return {
        "id": cluster.id,
        "name": cluster.name,
        "virtualization_type": cluster.virtualization_type,
        "datacenter_type": cluster.datacenter_type,
    }
