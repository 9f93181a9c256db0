"""A cluster over time: VMs come, go and change size; migrations take time and sometimes fail.

The actions of customers are drawn before anything runs, so they are the same for every strategy; only the places of
the VMs differ. It counts node-time overloaded, moves, GiB, VMs that came back, and the time until nothing was
overloaded.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from balancer.formats import neutral
from balancer.model import VM, Node, Recent, Snapshot
from benchmarks.generate import FLAVOUR_WEIGHTS, FLAVOURS, GIB_PER_VCPU, GIB_WEIGHTS

DAY_S = 86_400.0
BITS_PER_MIB = 8 * 2**20
DRAWS = 16
CREATE, REMOVE, RESIZE = "create", "remove", "resize"


@dataclass(frozen=True, slots=True)
class Habits:
    """The events of a day, and the speed and the reliability of migrations."""

    replaced: float = 0.015
    """VMs removed in a day, per existing VM; for each a VM of another size is created elsewhere."""
    gap_s: float = 7200.0
    """The mean time until that VM is created."""
    resized: float = 0.005
    """VMs that change their size in a day, per existing VM."""
    choices: int = 4
    """The panel puts a new VM on the emptiest of this number of random nodes that it fits on."""
    fills_to: float = 1.1
    """The panel ignores thresholds: a VM fits up to this multiple of one (7.7 vCPUs per CPU, 77 % of memory)."""
    overhead_s: float = 20.0
    bandwidth_mbit: float = 1000.0
    failing: float = 0.02
    """Share of the migrations that fail, at their end; the VM then stays where it is."""


class Event(NamedTuple):
    """``draws`` decide which VM, which size and which node; they do not depend on where VMs are."""

    at_s: float
    kind: str
    draws: tuple[float, ...]


def events(habits: Habits, vms: int, seconds: float, seed: int) -> list[Event]:
    """For each VM that goes another one comes some time later, so the cluster stays equally full."""
    rng = random.Random(f"events-{seed}")
    results: list[Event] = []
    at = 0.0
    while habits.replaced and (at := at + rng.expovariate(habits.replaced * vms / DAY_S)) < seconds:
        results.append(Event(at, REMOVE, _draw(rng)))
        results.append(Event(at + rng.expovariate(1 / habits.gap_s), CREATE, _draw(rng)))
    at = 0.0
    while habits.resized and (at := at + rng.expovariate(habits.resized * vms / DAY_S)) < seconds:
        results.append(Event(at, RESIZE, _draw(rng)))
    return sorted(event for event in results if event.at_s < seconds)


def _draw(rng: random.Random) -> tuple[float, ...]:
    return tuple(rng.random() for _ in range(DRAWS))


@dataclass(slots=True)
class Account:
    """The costs and the results of one run."""

    node_seconds: float = 0.0
    overloaded_seconds: float = 0.0
    moves: int = 0
    failed: int = 0
    stale: int = 0
    """Moves that were planned, but no longer allowed when their turn came."""
    mib: int = 0
    returned: int = 0
    """Moves that brought a VM back to a node that it had left less than a day before."""
    clear_at_s: float | None = None


@dataclass(slots=True)
class Migration:
    vm_id: int
    source: int
    target: int
    ends_at_s: float
    fails: bool


@dataclass(slots=True)
class World:
    """The cluster at ``now_s``. Ids of nodes are their positions."""

    habits: Habits
    start: datetime
    nodes: tuple[Node, ...]
    vms: dict[int, VM]
    excluded: frozenset[int]
    cpu_limit: float
    memory_limit: float
    rng: random.Random
    now_s: float = 0.0
    account: Account = field(default_factory=Account)
    running: dict[int, Migration] = field(default_factory=dict)
    migrated: dict[int, datetime] = field(default_factory=dict)
    failures: dict[int, datetime] = field(default_factory=dict)
    vcpus: list[int] = field(default_factory=list)
    used_mib: list[int] = field(default_factory=list)
    count: list[int] = field(default_factory=list)
    overloaded: set[int] = field(default_factory=set)
    left: dict[tuple[int, int], float] = field(default_factory=dict)
    """(VM, node) -> when it last left."""

    @classmethod
    def of(cls, document: Mapping[str, Any], habits: Habits, seed: int) -> World:
        case = neutral.read(dict(document))
        snapshot, policy = case.snapshot, case.policy
        world = cls(
            habits=habits,
            start=snapshot.taken_at,
            nodes=snapshot.nodes,
            vms={vm.id: vm for vm in snapshot.vms},
            excluded=policy.exclude_sources,
            cpu_limit=policy.cpu_overload_ratio,
            memory_limit=policy.memory_overload_percent,
            rng=random.Random(f"migrations-{seed}"),
            migrated=dict(case.recent.migrated),
        )
        world.vcpus = [node.vcpus_allocated or 0 for node in world.nodes]
        world.used_mib = [node.memory_allocated_mib or 0 for node in world.nodes]
        world.count = [node.vm_count or 0 for node in world.nodes]
        for node in world.active:
            world._look(node)
        world.account.clear_at_s = None if world.overloaded else 0.0
        return world

    @property
    def active(self) -> list[int]:
        return [n.id for n in self.nodes if not n.maintenance and n.id not in self.excluded]

    @property
    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.now_s)

    # --- what the balancer sees ------------------------------------------------------------------------

    def snapshot(self, of: Snapshot) -> Snapshot:
        """The world as the panel would show it now; ``of`` gives the cluster."""
        nodes = tuple(
            replace(
                node,
                vcpus_allocated=self.vcpus[node.id],
                memory_allocated_mib=self.used_mib[node.id],
                vm_count=self.count[node.id],
            )
            for node in self.nodes
        )
        return Snapshot(self.now, of.clusters, nodes, tuple(self.vms[i] for i in sorted(self.vms)))

    def recent(self) -> Recent:
        busy = frozenset(m.vm_id for m in self.running.values())
        nodes = frozenset(n for m in self.running.values() for n in (m.source, m.target))
        left: dict[int, frozenset[int]] = {}
        for (vm_id, node), at in self.left.items():
            if self.now_s - at < DAY_S:
                left[vm_id] = left.get(vm_id, frozenset()) | {node}
        return Recent(dict(self.migrated), dict(self.failures), busy_vms=busy, busy_nodes=nodes, left=left)

    # --- time --------------------------------------------------------------------------------------------

    def advance(self, to_s: float) -> None:
        passed = to_s - self.now_s
        self.account.node_seconds += passed * len(self.active)
        self.account.overloaded_seconds += passed * len(self.overloaded)
        self.now_s = to_s

    def start_migration(self, vm_id: int, target: int) -> float:
        """Begins a migration and returns the time of its end."""
        vm = self.vms[vm_id]
        assert vm.node_id is not None
        copying = (vm.memory_mib or 0) * BITS_PER_MIB / (self.habits.bandwidth_mbit * 1e6)
        ends = self.now_s + self.habits.overhead_s + copying
        self.running[vm_id] = Migration(vm_id, vm.node_id, target, ends, self.rng.random() < self.habits.failing)
        return ends

    def end_migration(self, vm_id: int) -> None:
        migration = self.running.pop(vm_id)
        vm = self.vms.get(vm_id)
        if vm is None:  # its customer removed it meanwhile
            return
        if migration.fails:
            self.account.failed += 1
            self.failures[vm_id] = self.now
            return
        self._place(vm, migration.target)
        self.account.moves += 1
        self.account.mib += vm.memory_mib or 0
        self.migrated[vm_id] = self.now
        since = self.left.get((vm_id, migration.target))
        self.account.returned += since is not None and self.now_s - since < DAY_S
        self.left[vm_id, migration.source] = self.now_s

    def happen(self, event: Event) -> None:
        if event.kind == CREATE:
            self._create(event.draws)
            return
        alive = sorted(self.vms)
        vm = self.vms[alive[int(event.draws[0] * len(alive))]]
        if event.kind == REMOVE:
            self._remove(vm)
        else:
            vcpus, mib = size_drawn(event.draws[1:])
            self._count(vm, -1)
            self.vms[vm.id] = replace(vm, vcpus=vcpus, memory_mib=mib)
            self._count(self.vms[vm.id], 1)

    def _create(self, draws: tuple[float, ...]) -> None:
        vcpus, mib = size_drawn(draws)
        number = max(self.vms) + 1
        vm = VM(
            id=number,
            name=f"v{number}",
            cluster_id=self.nodes[0].cluster_id,
            node_id=self._node_for(vcpus, mib, draws[8 : 8 + self.habits.choices]),
            vcpus=vcpus,
            memory_mib=mib,
            state="active" if draws[2] < 0.94 else "stopped",
            iso_mounted=draws[3] < 0.02,
            snapshot_count=int(draws[4] < 0.05),
            balancer_mode="on" if draws[5] >= 0.03 else "off",
        )
        self._add(vm)

    def _add(self, vm: VM) -> None:
        self.vms[vm.id] = vm
        self._count(vm, 1)

    def _remove(self, vm: VM) -> None:
        self._count(vm, -1)
        del self.vms[vm.id]
        self.migrated.pop(vm.id, None)
        self.failures.pop(vm.id, None)

    def _node_for(self, vcpus: int, mib: int, draws: tuple[float, ...]) -> int:
        """The emptiest of a few random nodes: of those that the VM fits on, else of all open nodes."""
        able = [n for n in self.active if self.nodes[n].creation_allowed and self._has_place(n)]
        fitting = [n for n in able if self._fullness(n, vcpus, mib) <= self.habits.fills_to]
        if not fitting:
            return min(able, key=lambda n: (self._fullness(n, vcpus, mib), n))
        drawn = [fitting[int(draw * len(fitting))] for draw in draws]
        return min(drawn, key=lambda n: (self._fullness(n, vcpus, mib), n))

    def _has_place(self, node: int) -> bool:
        limit = self.nodes[node].vm_limit
        return limit is None or self.count[node] < limit

    def _fullness(self, node: int, vcpus: int = 0, mib: int = 0) -> float:
        """Relative to the overload thresholds, the worse of CPU and memory; above 1 = overloaded."""
        of = self.nodes[node]
        cpu = (self.vcpus[node] + vcpus) / ((of.cpus or 1) * self.cpu_limit)
        return max(cpu, 100 * (self.used_mib[node] + mib) / ((of.memory_mib or 1) * self.memory_limit))

    def _place(self, vm: VM, node: int) -> None:
        self._count(vm, -1)
        self.vms[vm.id] = replace(vm, node_id=node)
        self._count(self.vms[vm.id], 1)

    def _count(self, vm: VM, sign: int) -> None:
        node = vm.node_id
        assert node is not None
        self.vcpus[node] += sign * (vm.vcpus or 0)
        self.used_mib[node] += sign * (vm.memory_mib or 0)
        self.count[node] += sign
        self._look(node)

    def _look(self, node: int) -> None:
        """Whether the node is overloaded now, in whole numbers as the planner judges it."""
        of = self.nodes[node]
        if of.maintenance or node in self.excluded:
            return
        too_much = self.vcpus[node] / (of.cpus or 1) > self.cpu_limit
        too_much = too_much or 100 * self.used_mib[node] / (of.memory_mib or 1) > self.memory_limit
        (self.overloaded.add if too_much else self.overloaded.discard)(node)
        if not self.overloaded and self.account.clear_at_s is None:
            self.account.clear_at_s = self.now_s


def size_drawn(draws: tuple[float, ...]) -> tuple[int, int]:
    """vCPUs and MiB of a VM, with the shares that the generator has."""
    vcpus = _weighted(FLAVOURS, FLAVOUR_WEIGHTS, draws[0])
    return vcpus, 1024 * min(128, max(1, vcpus * _weighted(GIB_PER_VCPU, GIB_WEIGHTS, draws[1])))


def _weighted(values: tuple[int, ...], weights: tuple[int, ...], draw: float) -> int:
    return next(value for value, upto in _running(values, weights) if draw * sum(weights) < upto)


def _running(values: tuple[int, ...], weights: tuple[int, ...]) -> Iterator[tuple[int, int]]:
    total = 0
    for value, weight in zip(values, weights, strict=True):
        total += weight
        yield value, total
