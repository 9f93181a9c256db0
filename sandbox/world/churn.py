"""Changes by customers: VMs come, go, grow, shrink, start and stop.

With pressure on, one node of a cluster at a time keeps growing until it is overloaded, so that a balancer
always has something to do; the total of a cluster stays near its value at the start.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Protocol

from sandbox.world.model import VM, Cluster, Node, Task, Usage, WorldError

# The balancer's default thresholds, above which a node counts as overloaded.
OVERLOADED_CPU_RATIO = 7.0
OVERLOADED_MEMORY_PERCENT = 70.0
# Growth stops at these, so that a move can still relieve the node.
MOST_CPU_RATIO = 8.5
MOST_MEMORY_PERCENT = 82.0
ROLES = ("web", "db", "mail", "cache", "queue", "build", "shop", "proxy", "wiki", "crm", "backup", "test")


def cpu_ratio(node: Node, used: Usage) -> float:
    return used.cpu / node.cpu_number if node.cpu_number else 0.0


def memory_percent(node: Node, used: Usage) -> float:
    return 100.0 * used.ram_mib / node.ram_mib if node.ram_mib else 0.0


def is_overloaded(node: Node, used: Usage) -> bool:
    return cpu_ratio(node, used) > OVERLOADED_CPU_RATIO or memory_percent(node, used) > OVERLOADED_MEMORY_PERCENT


class World(Protocol):
    """The part of `sandbox.world.world.World` that the churn uses; that module imports this one."""

    rng: Random
    clusters: dict[int, Cluster]
    nodes: dict[int, Node]

    def nodes_of(self, cluster: Cluster) -> list[Node]: ...
    def vms_on(self, node: Node) -> Iterable[VM]: ...
    def usage(self, vms: Iterable[VM]) -> Usage: ...
    def unused_mib(self, node: Node) -> int: ...
    def add_vm(self, fields: dict[str, Any]) -> VM: ...
    def set_vm(self, vm: VM, **fields: Any) -> None: ...
    def delete_vm(self, vm: VM) -> None: ...
    def start_task(
        self,
        vm: VM,
        name: str,
        duration_s: float,
        done: Callable[[], None],
        *,
        params: dict[str, Any] | None = None,
    ) -> Task: ...


@dataclass
class Churn:
    """Settings (the first two) and state of the churn. `interval_s` is the mean per cluster."""

    interval_s: float = 15.0
    pressure: bool = True
    _hot: dict[int, int] = field(default_factory=dict, init=False, repr=False)
    _initial: dict[int, Usage] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def from_dict(cls, data: Any) -> Churn:
        if not isinstance(data, dict) or not set(data) <= {"interval_s", "pressure"}:
            raise WorldError('"churn" must be an object with keys among interval_s, pressure')
        interval = data.get("interval_s", 15.0)
        if isinstance(interval, bool) or not isinstance(interval, (int, float)) or interval < 0.1:
            raise WorldError(f"churn.interval_s must be a number from 0.1, got {interval!r}")
        return cls(float(interval), bool(data.get("pressure", True)))

    def to_dict(self) -> dict[str, Any]:
        return {"interval_s": self.interval_s, "pressure": self.pressure}

    def start(self, world: World) -> float:
        """Stores the normal totals; returns the seconds until the first event."""
        self._initial = {c.id: _cluster_usage(world, c) for c in world.clusters.values()}
        return self._pause(world)

    def event(self, world: World) -> float:
        """Makes one change; returns the seconds until the next one."""
        if world.clusters:
            cluster = world.rng.choice(list(world.clusters.values()))
            nodes = [n for n in world.nodes_of(cluster) if n.state == "active" and not n.maintenance_mode]
            if nodes:
                self._happen(world, cluster, nodes)
        return self._pause(world)

    def _pause(self, world: World) -> float:
        return world.rng.expovariate(1.0) * self.interval_s / max(1, len(world.clusters))

    def _happen(self, world: World, cluster: Cluster, nodes: list[Node]) -> None:
        usage = {node.id: world.usage(world.vms_on(node)) for node in nodes}
        overloaded = [node for node in nodes if is_overloaded(node, usage[node.id])]
        if self.pressure and cluster.virtualization_type == "kvm" and len(overloaded) <= len(nodes) // 12:
            _grow(world, self._hot_node(world, cluster, nodes, usage))
            return
        self._hot.pop(cluster.id, None)
        now, normal = _cluster_usage(world, cluster), self._initial.get(cluster.id, Usage())
        calm = [node for node in nodes if node not in overloaded]
        by_load = sorted(calm, key=lambda node: (cpu_ratio(node, usage[node.id]), node.id))
        if now.cpu > normal.cpu * 1.05 or now.ram_mib > normal.ram_mib * 1.05:
            _remove(world, by_load)
        elif by_load and (now.cpu < normal.cpu * 0.97 or world.rng.random() < 0.15):
            _create(world, by_load[0])
        else:
            _tinker(world, nodes)

    def _hot_node(self, world: World, cluster: Cluster, nodes: list[Node], usage: dict[int, Usage]) -> Node:
        """The node that grows now. When it is overloaded, another one is chosen, often among the fullest."""
        hot = world.nodes.get(self._hot.get(cluster.id, 0))
        if hot is None or hot not in nodes or is_overloaded(hot, usage[hot.id]):
            open_nodes = [n for n in nodes if not is_overloaded(n, usage[n.id]) and _accepts(world, n)] or nodes
            fullest = max(open_nodes, key=lambda node: (cpu_ratio(node, usage[node.id]), -node.id))
            hot = fullest if world.rng.random() < 0.5 else world.rng.choice(open_nodes)
            self._hot[cluster.id] = hot.id
        return hot


def _cluster_usage(world: World, cluster: Cluster) -> Usage:
    return world.usage(vm for node in world.nodes_of(cluster) for vm in world.vms_on(node))


def _accepts(world: World, node: Node) -> bool:
    limited = node.host_limit > 0 and world.usage(world.vms_on(node)).total >= node.host_limit
    return not node.host_creation_blocked and not limited


def _fits(world: World, node: Node, cpu: int, ram_mib: int) -> bool:
    used = world.usage(world.vms_on(node))
    after = Usage(cpu=used.cpu + cpu, ram_mib=used.ram_mib + ram_mib)
    if ram_mib > world.unused_mib(node):
        return False
    return cpu_ratio(node, after) <= MOST_CPU_RATIO and memory_percent(node, after) <= MOST_MEMORY_PERCENT


def _idle(world: World, nodes: list[Node], state: str | None = None) -> VM | None:
    """A VM without a running task, in that state if one is given."""
    vms = [vm for node in nodes for vm in world.vms_on(node) if not vm.task and state in (None, vm.state)]
    return world.rng.choice(vms) if vms else None


def _grow(world: World, node: Node) -> None:
    if world.rng.random() < 0.6 and _accepts(world, node):
        _create(world, node)
        return
    vm = _idle(world, [node], "active")
    if vm:
        _resize(world, vm, min(16, vm.cpu_number * 2), min(65_536, vm.ram_mib + 4096))


def _create(world: World, node: Node) -> None:
    cpu = world.rng.choice((2, 4, 4, 6, 8))
    ram_mib = 1024 * world.rng.choice((2, 4, 4, 8, 12))
    if not _accepts(world, node) or not _fits(world, node, cpu, ram_mib):
        return
    vm = world.add_vm({"node": node.id, "cpu_number": cpu, "ram_mib": ram_mib, "state": "creating"})
    world.set_vm(vm, name=f"{world.rng.choice(ROLES)}-{vm.id}")
    world.start_task(vm, "host_create", 6.0, lambda: world.set_vm(vm, state="active"))


def _remove(world: World, nodes: list[Node]) -> None:
    vm = _idle(world, nodes)
    if vm and not vm.is_protected:
        world.start_task(vm, "host_delete", 3.0, lambda: world.delete_vm(vm))


def _resize(world: World, vm: VM, cpu: int, ram_mib: int) -> None:
    node = world.nodes[vm.node]
    if (cpu, ram_mib) == (vm.cpu_number, vm.ram_mib):
        return
    if _fits(world, node, cpu - vm.cpu_number, ram_mib - vm.ram_mib):
        change = {"cpu_number": cpu, "ram_mib": ram_mib}
        world.start_task(vm, "host_change_params", 4.0, lambda: world.set_vm(vm, **change), params=change)


def _tinker(world: World, nodes: list[Node]) -> None:
    """The small changes that make a plan stale: power, size, an ISO, a snapshot."""
    vms = [vm for node in nodes for vm in world.vms_on(node) if not vm.task and vm.state != "creating"]
    if not vms:
        return
    what = world.rng.random()
    if what < 0.4:
        vm, stop = _flip(world, vms, [vm for vm in vms if vm.state != "active"])
        state, name = ("stopped", "host_stop") if stop else ("active", "host_start")
        world.start_task(vm, name, 3.0, lambda: world.set_vm(vm, state=state))
    elif what < 0.7:
        vm = world.rng.choice(vms)
        _resize(world, vm, max(1, vm.cpu_number // 2), max(1024, vm.ram_mib // 2))
    elif what < 0.85:
        vm, mount = _flip(world, vms, [vm for vm in vms if vm.iso_mounted])
        world.set_vm(vm, iso_mounted=mount)
    else:
        vm, take = _flip(world, vms, [vm for vm in vms if vm.snapshot_count])
        world.set_vm(vm, snapshot_count=int(take))


def _flip(world: World, vms: list[VM], marked: list[VM]) -> tuple[VM, bool]:
    """The VM to mark or to unmark next; about one in twelve is marked in the long run."""
    mark = not marked or len(marked) < len(vms) / 12
    if not mark:
        return world.rng.choice(marked), False
    return world.rng.choice([vm for vm in vms if vm not in marked]), True
