"""Random small clusters, and a slow oracle for them that shares no code with balancer/.

It uses only whole numbers and fractions, and implements every rule again.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from core_builders import NOW, cluster, measured, node, vm
from hypothesis import strategies as st

from balancer.model import VM, Node, Recent, Snapshot
from balancer.policy import SMALLEST_FIRST, Policy

QEMU = [None, "?", "6.2.0", "7.2.0-1+deb", "7.2", "8.2.1"]
QEMU_AGE = {"6.2.0": 1, "7.2.0": 2, "7.2.0-1+deb": 2, "7.2": 2, "8.2.1": 3}
KERNELS = [None, "5.15.0-9-generic", "5.15.0-91-generic", "6.1.0-18-amd64"]
KERNEL_AGE = {"5.15.0-9-generic": 1, "5.15.0-91-generic": 2, "6.1.0-18-amd64": 3}


NODE_DEFECTS: dict[str, list[Any]] = {
    "cpus": [None, 0],
    "vcpus_allocated": [None],
    "memory_mib": [None, 0],
    "memory_allocated_mib": [None],
    "vm_count": [None],
    "vm_limit": [0, 3, 5],
    "state": ["error", None],
    "maintenance": [True, None],
    "creation_allowed": [False, None],
    "live_migration_allowed": [False, None],
    "qemu_version": QEMU,
    "kernel_version": KERNELS,
    "placement_filter": ["", "a", "b"],
}
VM_DEFECTS: dict[str, list[Any]] = {
    "node_id": [None, 99],
    "vcpus": [None, 0],
    "memory_mib": [None, 0],
    "state": ["stopped", None],
    "iso_mounted": [True, None],
    "snapshot_count": [1, None],
    "balancer_mode": ["off", None],
    "disabled": [True],
    "rescue": [True],
    "change_pending": [True],
    "nested_virtualization": [True],
    "restrictions": [("iso",)],
    "cpu_mode": ["host-passthrough"],
}

World = tuple[Snapshot, Policy, Recent]


def build_world(seed: int, nodes: int, vms: int, defects: int, over_ssh: bool = False) -> World:
    """A cluster of mostly healthy nodes: some are overloaded, and some have other faults."""
    r = random.Random(seed)
    all_vms = [
        vm(
            i,
            node_id=r.choice([1, 1, 1, 2, r.randint(1, nodes)]),
            vcpus=r.choice([1, 1, 2, 3]),
            memory_mib=r.choice([20, 50, 90]),
        )
        for i in range(1, vms + 1)
    ]
    all_nodes = []
    for i in range(1, nodes + 1):
        own = [v for v in all_vms if v.node_id == i]
        all_nodes.append(
            node(
                i,
                cpus=r.choice([4, 4, 8]),
                vcpus_allocated=r.randint(0, 2) + sum(v.vcpus for v in own),
                memory_mib=1000,
                memory_allocated_mib=r.choice([0, 100, 300]) + sum(v.memory_mib for v in own),
                vm_count=len(own) + r.randint(0, 1),
            )
        )
    for _ in range(defects):
        rows, table = r.choice(
            [(all_nodes, NODE_DEFECTS), (all_vms or all_nodes, VM_DEFECTS if all_vms else NODE_DEFECTS)]
        )
        at, name = r.randrange(len(rows)), r.choice(sorted(table))
        rows[at] = replace(rows[at], **{name: r.choice(table[name])})
    if over_ssh:
        all_nodes = [_measured(r, n) for n in all_nodes]
    the_cluster = cluster(
        virtualization=r.choice(["kvm"] * 30 + ["KVM", "lxd", None]),
        placement_filter=r.choice([None, None, None, "a", ""]),
        vm_limit_per_node=r.choice([None] * 6 + [5]),
    )
    return Snapshot(NOW, (the_cluster,), tuple(all_nodes), tuple(all_vms)), _policy(r), _recent(r, vms, defects)


def _measured(r: random.Random, n: Node) -> Node:
    """Two of three nodes are measured; a few measurements are too old or invalid."""
    if r.random() < 0.33:
        return n
    cpus = r.choice([4, 4, 8, 8, 8, 0])
    at = NOW - timedelta(seconds=r.choice([0, 0, 0, 60, 300, 301, -2]))
    load = r.choice([0.25, 1.0, 2.0, 3.9, 4.0, 5.5, 9.0])
    return replace(
        n, measured=measured(taken_at=at, cpus=cpus, load1=load, memory_available_mib=r.choice([0, 60, 300, 900]))
    )


def _policy(r: random.Random) -> Policy:
    return Policy(
        strategy=SMALLEST_FIRST,
        optimize_for="time",
        cpu_overload_ratio=r.choice([0.97, 1.5, 2.0, 2.25, 3.0]),
        memory_overload_percent=r.choice([40.0, 70.0]),
        cpu_target_score=r.choice([1.7, 2.5, 3.0, 6.0]),
        memory_target_percent=r.choice([60.0, 80.0]),
        max_moves=r.choice([0, 0, 1, 3]),
        density_weight=r.choice([0.0, 0.1, 0.5]),
        exclude_sources=r.choice([frozenset()] * 4 + [frozenset({1})]),
        exclude_targets=r.choice([frozenset()] * 4 + [frozenset({3})]),
        ssh_load_overload=r.choice([0.5, 1.0, 1.0, 1.5]),
        respect_balancer_mode=r.random() < 0.7,
        allow_unknown_versions=r.random() < 0.5,
    )


def _recent(r: random.Random, vms: int, defects: int) -> Recent:
    def events() -> dict[int, datetime]:
        ids = [r.randint(1, vms) for _ in range(defects // 4)] if vms else []
        return {i: NOW - timedelta(minutes=r.choice([0, 59, 60, 359, 360, 1439, 1440])) for i in ids}

    busy_vms = frozenset({1}) if r.random() < 0.2 else frozenset()
    busy_nodes = frozenset({2}) if r.random() < 0.1 else frozenset()
    left = {i: frozenset({r.randint(1, 4)}) for i in events()}
    return Recent(events(), events(), events(), busy_vms, busy_nodes, left=left)


worlds = st.builds(
    build_world, st.integers(0, 10**9), st.integers(3, 8), st.integers(0, 30), st.integers(0, 8), st.booleans()
)


@dataclass
class Sums:
    cpus: int
    total: int
    vcpus: int
    memory: int
    vms: int
    live: bool
    load: float
    online: int
    available: int


class SecondOpinion:
    """The rules and the documented choice of moves, implemented slowly and simply."""

    def __init__(self, snapshot: Snapshot, policy: Policy, recent: Recent) -> None:
        self.snapshot, self.policy, self.recent = snapshot, policy, recent
        self.cluster = snapshot.clusters[0]
        self.nodes = {n.id: n for n in snapshot.nodes}
        self.vms = {v.id: v for v in snapshot.vms}
        self.cpu_line, self.memory_line = (
            self.exact(policy.cpu_overload_ratio),
            self.exact(policy.memory_overload_percent),
        )
        self.sums = {}
        for n in snapshot.nodes:
            if n.cpus and n.memory_mib and n.vcpus_allocated is not None and n.memory_allocated_mib is not None:
                count = n.vm_count if n.vm_count is not None else sum(v.node_id == n.id for v in snapshot.vms)
                m = n.measured
                live = m is not None and m.cpus > 0 and abs((m.taken_at - NOW).total_seconds()) <= 300
                real = (m.load1, m.cpus, m.memory_available_mib) if m and live else (0.0, 1, 0)
                sums = (n.cpus, n.memory_mib, n.vcpus_allocated, n.memory_allocated_mib, count)
                self.sums[n.id] = Sums(*sums, live, *real)

    @staticmethod
    def exact(figure: float) -> Fraction:
        return Fraction(str(figure))

    def ratio(self, i: int, extra: int = 0) -> Fraction:
        return Fraction(self.sums[i].vcpus + extra, self.sums[i].cpus)

    def percent(self, i: int, extra: int = 0) -> Fraction:
        return Fraction(100 * (self.sums[i].memory + extra), self.sums[i].total)

    def allocation_score(self, i: int) -> Fraction:
        density = min(Fraction(self.sums[i].vms, self.sums[i].cpus), Fraction(2))
        return self.ratio(i) + density * self.exact(self.policy.density_weight)

    def score(self, i: int) -> float:
        if not self.sums[i].live:
            return float(self.allocation_score(i))
        p, density = self.policy, min(self.sums[i].vms / self.sums[i].cpus, 2)
        return self.load(i) * p.cpu_overload_ratio / p.ssh_load_overload + density * p.measured_density_weight

    def load(self, i: int, extra: float = 0) -> float:
        return (self.sums[i].load + extra) / self.sums[i].online

    def brings(self, v: VM, source: int) -> float:
        """The load of the VM."""
        assert v.vcpus
        s = self.sums[source]
        return s.load * v.vcpus / s.vcpus if s.live and s.vcpus else float(v.vcpus)

    def busy(self, i: int) -> bool:
        if self.sums[i].live:
            return self.load(i) > self.policy.ssh_load_overload
        return self.ratio(i) > self.cpu_line

    def above(self, i: int) -> bool:
        return self.busy(i) or self.percent(i) > self.memory_line

    def overloaded(self, i: int) -> bool:
        left_alone = self.nodes[i].maintenance or i in self.policy.exclude_sources
        return i in self.sums and self.above(i) and not left_alone

    def severity(self, i: int) -> Fraction | float:
        cpu = self.load(i) / self.policy.ssh_load_overload if self.sums[i].live else self.ratio(i) / self.cpu_line
        return max(cpu, self.percent(i) / self.memory_line)

    def healthy(self, n: Node) -> bool:
        fine = n.id in self.sums and n.state == "active" and not n.maintenance
        return fine and n.live_migration_allowed is not False and n.id not in self.recent.busy_nodes

    def waits(self, v: VM) -> bool:
        p, r = self.policy, self.recent
        periods = ((r.migrated, p.migration_cooldown), (r.failed, p.failure_cooldown), (r.skipped, p.skip_cooldown))
        return any(v.id in events and NOW - events[v.id] < period for events, period in periods)

    def movable(self, v: VM) -> bool:
        blocked = v.disabled or v.rescue or v.change_pending or v.nested_virtualization or v.restrictions
        off = self.policy.respect_balancer_mode and v.balancer_mode == "off"
        quiet = v.state == "active" and v.iso_mounted is False and v.snapshot_count == 0
        free = v.id not in self.recent.busy_vms and not self.waits(v)
        return bool(quiet and not blocked and not off and free and v.vcpus and v.memory_mib)

    def versions_fit(self, s: Node, t: Node) -> bool:
        for known, here, there, sign in (
            (QEMU_AGE, s.qemu_version, t.qemu_version, 1),
            (KERNEL_AGE, s.kernel_version, t.kernel_version, -1),
        ):
            if here not in known or there not in known:
                if not self.policy.allow_unknown_versions:
                    return False
            elif sign * (known[there] - known[here]) < 0:
                return False
        return True

    def open(self, t: Node) -> bool:
        if not self.healthy(t) or t.creation_allowed is not True or t.id in self.policy.exclude_targets:
            return False
        limits = [x for x in (t.vm_limit, self.cluster.vm_limit_per_node) if x is not None]
        room = all(self.sums[t.id].vms < limit for limit in limits)
        low = self.allocation_score(t.id) < self.exact(self.policy.cpu_target_score)
        low = low and self.score(t.id) < self.policy.cpu_target_score
        spare = self.percent(t.id) < self.exact(self.policy.memory_target_percent)
        return room and low and spare and not self.above(t.id) and not t.placement_filter

    def legal(self, vm_id: int, source: int, target: int) -> bool:
        v, s, t = self.vms[vm_id], self.nodes[source], self.nodes[target]
        if (self.cluster.virtualization or "").lower() != "kvm" or source == target or not self.healthy(s):
            return False
        if not self.overloaded(source) or not self.movable(v) or not self.open(t):
            return False
        if target in self.recent.left.get(vm_id, ()):
            return False
        rule_there = self.cluster.placement_filter or None
        if rule_there and (s.placement_filter or rule_there) != rule_there:
            return False
        assert v.vcpus and v.memory_mib
        fits = self.ratio(target, v.vcpus) < self.cpu_line and self.percent(target, v.memory_mib) < self.memory_line
        if self.sums[target].live:
            fits = fits and self.load(target, self.brings(v, source)) < self.policy.ssh_load_overload
            fits = fits and v.memory_mib <= self.sums[target].available
        return fits and self.versions_fit(s, t)

    def apply(self, vm_id: int, source: int, target: int) -> None:
        v = self.vms[vm_id]
        assert v.vcpus and v.memory_mib
        brings = self.brings(v, source)
        self.sums[source].load = max(0.0, self.sums[source].load - brings)
        self.sums[target].load += brings
        self.sums[target].available -= v.memory_mib
        for i, sign in ((source, -1), (target, 1)):
            self.sums[i].vcpus += sign * v.vcpus
            self.sums[i].memory += sign * v.memory_mib
            self.sums[i].vms += sign
        self.vms[vm_id] = replace(v, node_id=target)

    def smallest_first(self) -> list[tuple[int, int, int]]:
        """The documented strategy's plan, by trying everything at each step."""
        moves: list[tuple[int, int, int]] = []
        aside: set[int] = set()
        moved_since = False
        source: int | None = None
        while len(moves) < (self.policy.max_moves or math.inf):
            waiting = [i for i in self.sums if self.overloaded(i) and i not in aside]
            if not waiting:
                if not (aside and moved_since):
                    break
                aside, moved_since = set(), False
                continue
            if source not in waiting:
                source = min(waiting, key=lambda i: (-self.severity(i), i))
            options = [
                (v.vcpus * 1024 + v.memory_mib, v.id, self.score(t), self.percent(t), t)
                for v in self.vms.values()
                if v.node_id == source and v.vcpus and v.memory_mib
                for t in self.nodes
                if self.legal(v.id, source, t)
            ]
            if not options:
                aside.add(source)
                continue
            _, vm_id, _, _, target = min(options)
            self.apply(vm_id, source, target)
            moves.append((vm_id, source, target))
            moved_since = True
        return moves
