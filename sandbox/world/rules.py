"""Reasons for which the panel refuses a live migration: one small function for each rule, in the panel's order.

The rules are public, their numbers are not: the codes (41xx) are the sandbox's own, and a client must not
depend on them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.world.model import VM, Node, version_key
from sandbox.world.world import World


@dataclass(frozen=True)
class Refusal:
    code: int
    msg: str


def _busy(world: World, vm: VM, target: Node) -> Refusal | None:
    return Refusal(4101, f"Virtual machine is busy with the task {vm.task.name}") if vm.task else None


def _not_active(world: World, vm: VM, target: Node) -> Refusal | None:
    return Refusal(4102, "Virtual machine is not active") if vm.state != "active" else None


def _snapshots(world: World, vm: VM, target: Node) -> Refusal | None:
    return Refusal(4103, "Virtual machine has snapshots") if vm.snapshot_count else None


def _iso(world: World, vm: VM, target: Node) -> Refusal | None:
    return Refusal(4104, "Virtual machine has an ISO image mounted") if vm.iso_mounted else None


def _same_node(world: World, vm: VM, target: Node) -> Refusal | None:
    return Refusal(4105, "Virtual machine is already on this node") if vm.node == target.id else None


def _other_cluster(world: World, vm: VM, target: Node) -> Refusal | None:
    if world.nodes[vm.node].cluster == target.cluster:
        return None
    return Refusal(4106, "Node belongs to another cluster")


def _container(world: World, vm: VM, target: Node) -> Refusal | None:
    kind = world.clusters[target.cluster].virtualization_type
    return Refusal(4107, "Live migration is not supported for LXD") if kind == "lxd" else None


def _node_down(world: World, vm: VM, target: Node) -> Refusal | None:
    return Refusal(4108, "Node is not available") if target.state != "active" else None


def _maintenance(world: World, vm: VM, target: Node) -> Refusal | None:
    return Refusal(4109, "Node is in maintenance mode") if target.maintenance_mode else None


def _creation_blocked(world: World, vm: VM, target: Node) -> Refusal | None:
    return (
        Refusal(4110, "Creation of virtual machines is blocked on the node") if target.host_creation_blocked else None
    )


def _host_limit(world: World, vm: VM, target: Node) -> Refusal | None:
    limits = (target.host_limit, world.clusters[target.cluster].host_per_node_limit)
    count = world.usage(world.vms_on(target)).total
    full = any(0 < limit <= count for limit in limits)
    return Refusal(4111, "Limit of virtual machines on the node is reached") if full else None


def _no_ram(world: World, vm: VM, target: Node) -> Refusal | None:
    return Refusal(4112, "Not enough RAM on the node") if vm.ram_mib > world.unused_mib(target) else None


def _older_qemu(world: World, vm: VM, target: Node) -> Refusal | None:
    older = version_key(target.qemu_version) < version_key(world.nodes[vm.node].qemu_version)
    return Refusal(4113, "QEMU on the node is older than on the source node") if older else None


def _newer_kernel(world: World, vm: VM, target: Node) -> Refusal | None:
    newer = version_key(target.kernel_version) > version_key(world.nodes[vm.node].kernel_version)
    return Refusal(4114, "Kernel on the node is newer than on the source node") if newer else None


def _live_forbidden(world: World, vm: VM, target: Node) -> Refusal | None:
    allowed = target.live_migration_allowed and world.nodes[vm.node].live_migration_allowed
    return None if allowed else Refusal(4115, "Live migration is not allowed between these nodes")


RULES: tuple[Callable[[World, VM, Node], Refusal | None], ...] = (
    _busy,
    _not_active,
    _snapshots,
    _iso,
    _same_node,
    _other_cluster,
    _container,
    _node_down,
    _maintenance,
    _creation_blocked,
    _host_limit,
    _no_ram,
    _older_qemu,
    _newer_kernel,
    _live_forbidden,
)


def refusal(world: World, vm: VM, target: Node) -> Refusal | None:
    """The first reason against moving this VM to that node, or None."""
    for rule in RULES:
        result = rule(world, vm, target)
        if result:
            return result
    return None
