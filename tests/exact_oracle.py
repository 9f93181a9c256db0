"""Small random clusters with rules and limits, and every placement that legal moves can reach.

The oracle shares no code with balancer/: it uses whole numbers, and implements each rule again.
"""

from __future__ import annotations

import heapq
import random
from fractions import Fraction
from typing import NamedTuple

from core_builders import cluster, node, snapshot, vm

from balancer.groups import APART, IGNORE, PIN, STAY, TOGETHER, VMRule
from balancer.model import VM, Node, Snapshot
from balancer.policy import OPTIMAL, OPTIMIZE_FOR, Policy

Places = tuple[int, ...]


class Best(NamedTuple):
    """The best value of any plan, in the order of the objective."""

    left: int
    excess: Fraction
    cost: int


def draw_cluster(seed: int, nodes: int = 4, vms: int = 7) -> tuple[Snapshot, Policy]:
    """A cluster with at most these numbers of nodes and VMs; some nodes are overloaded, often with operator's rules."""
    rng = random.Random(seed)
    count = rng.randint(2, nodes)
    limit, percent = rng.choice([2.0, 5.5, 7.0]), rng.choice([50.0, 70.0, 85.0])
    shapes = [(rng.choice([4, 8, 16]), 1024 * rng.choice([8, 16, 32])) for _ in range(count)]
    drawn = []
    for i in range(1, rng.randint(2, vms) + 1):
        home = rng.choice([1, 1, 2, rng.randint(1, count)])
        cpus, memory = shapes[home - 1]
        vcpus = max(1, round(cpus * limit * rng.choice([0.1, 0.2, 0.3, 0.4, 0.6])))
        mib = 256 * max(1, round(memory * percent / 100 * rng.choice([0.05, 0.1, 0.2, 0.4]) / 256))
        iso = rng.random() < 0.08
        drawn.append(vm(i, node_id=home, vcpus=vcpus, memory_mib=mib, iso_mounted=iso))
    all_nodes = []
    for i, (cpus, memory) in enumerate(shapes, 1):
        own = [v for v in drawn if v.node_id == i]
        all_nodes.append(
            node(
                i,
                cpus=cpus,
                memory_mib=memory,
                vcpus_allocated=sum(v.vcpus or 0 for v in own) + rng.choice([0, 0, 2]),
                memory_allocated_mib=sum(v.memory_mib or 0 for v in own) + rng.choice([0, 0, 512]),
                vm_count=len(own),
                vm_limit=rng.choice([None, None, None, len(own) + 1, len(own)]),
                qemu_version=rng.choice(["6.2.0", "6.2.0", "7.2.0"]),
                creation_allowed=rng.random() > 0.04,
                maintenance=rng.random() < 0.04,
            )
        )
    ids = [v.id for v in drawn]
    rules = []
    for k in range(rng.choice([0, 0, 1, 2])):
        kind = rng.choice([APART, APART, APART, TOGETHER, TOGETHER, PIN, STAY, IGNORE])
        chosen = tuple(rng.sample(ids, min(len(ids), rng.choice([2, 2, 3]))))
        where = tuple(rng.sample(range(1, count + 1), min(count, 2))) if kind == PIN else ()
        rules.append(VMRule(kind, f"rule-{k}", vm_ids=chosen, node_ids=where))
    policy = Policy(
        cpu_overload_ratio=limit,
        memory_overload_percent=percent,
        max_moves=0,
        strategy=OPTIMAL,
        optimize_for=rng.choice(OPTIMIZE_FOR),
        target_headroom_percent=rng.choice([0.0, 0.0, 0.0, 10.0]),
        exclude_targets=rng.choice([frozenset()] * 6 + [frozenset({count})]),
        exclude_sources=rng.choice([frozenset()] * 12 + [frozenset({1})]),
        rules=tuple(rules),
    )
    return snapshot(all_nodes, drawn, [cluster()]), policy


class Oracle:
    """All placements that legal moves can reach; ``hops``: whether a VM may move more than once."""

    def __init__(self, seen: Snapshot, policy: Policy, *, hops: bool) -> None:
        self.policy, self.hops = policy, hops
        self.nodes = {n.id: n for n in seen.nodes}
        self.vms = [v for v in seen.vms if v.node_id in self.nodes]
        kept = {vm_id for rule in policy.rules if rule.kind in (STAY, IGNORE) for vm_id in rule.vm_ids}
        self.frozen = {n.id for n in seen.nodes if n.maintenance} | set(policy.exclude_sources)
        self.closed = {n.id for n in seen.nodes if n.maintenance or not n.creation_allowed} | set(
            policy.exclude_targets
        )
        self.movable = [
            k for k, v in enumerate(self.vms) if not v.iso_mounted and v.id not in kept and v.node_id not in self.frozen
        ]
        self.cpu_line = Fraction(str(policy.cpu_overload_ratio))
        self.memory_line = Fraction(str(policy.memory_overload_percent)) / 100
        self.room = 1 - Fraction(str(policy.target_headroom_percent)) / 100
        self.home: Places = tuple(v.node_id or 0 for v in self.vms)

    def best(self) -> Best:
        """The best final placement, by Dijkstra's algorithm over placements."""
        costs = {self.home: 0}
        queue = [(0, self.home)]
        while queue:
            cost, places = heapq.heappop(queue)
            if cost > costs[places]:
                continue
            for k in self.movable:
                if places[k] != self.home[k] and not self.hops:
                    continue
                for target in self.nodes:
                    if self.legal(places, k, target):
                        then = (*places[:k], target, *places[k + 1 :])
                        if cost + self.cost(self.vms[k]) < costs.get(then, 1 << 62):
                            costs[then] = cost + self.cost(self.vms[k])
                            heapq.heappush(queue, (costs[then], then))
        return min(self.value(places, cost) for places, cost in costs.items())

    def value(self, places: Places, cost: int) -> Best:
        left = [i for i in self.nodes if self.above(places, i) and i not in self.frozen]
        return Best(len(left), sum((self.excess(places, i) for i in left), Fraction(0)), cost)

    def cost(self, v: VM) -> int:
        mib = v.memory_mib or 0
        whole = {"moves": 10**9 + mib, "memory": 10**6 * mib + 1, "time": round(20_000_000 + mib * 8388.608)}
        return whole[self.policy.goal]

    def sums(self, places: Places, i: int) -> tuple[int, int, int]:
        n = self.nodes[i]
        vcpus, mib, count = n.vcpus_allocated or 0, n.memory_allocated_mib or 0, n.vm_count or 0
        for k, v in enumerate(self.vms):
            by = (places[k] == i) - (self.home[k] == i)
            vcpus, mib, count = vcpus + by * (v.vcpus or 0), mib + by * (v.memory_mib or 0), count + by
        return vcpus, mib, count

    def parts(self, n: Node, vcpus: int, mib: int) -> tuple[Fraction, Fraction]:
        return Fraction(vcpus, n.cpus or 1) / self.cpu_line, Fraction(mib, n.memory_mib or 1) / self.memory_line

    def above(self, places: Places, i: int) -> bool:
        vcpus, mib, _ = self.sums(places, i)
        return max(self.parts(self.nodes[i], vcpus, mib)) > 1

    def excess(self, places: Places, i: int) -> Fraction:
        vcpus, mib, _ = self.sums(places, i)
        return sum((max(Fraction(0), part - 1) for part in self.parts(self.nodes[i], vcpus, mib)), Fraction(0))

    def legal(self, places: Places, k: int, target: int) -> bool:
        v, source, t = self.vms[k], places[k], self.nodes[target]
        if source == target or target in self.closed or self.above(places, target):
            return False
        vcpus, mib, count = self.sums(places, target)
        if t.vm_limit is not None and count >= t.vm_limit:
            return False
        if max(self.parts(t, vcpus + (v.vcpus or 0), mib + (v.memory_mib or 0))) > self.room:
            return False
        if (t.qemu_version or "") < (self.nodes[source].qemu_version or ""):
            return False
        return all(self.kept(rule, places, v.id, source, target) for rule in self.policy.rules if v.id in rule.vm_ids)

    def kept(self, rule: VMRule, places: Places, vm_id: int, source: int, target: int) -> bool:
        if rule.kind == PIN:
            return target in rule.node_ids
        if rule.kind in (STAY, IGNORE):
            return True
        mates = [places[k] for k, v in enumerate(self.vms) if v.id in rule.vm_ids and v.id != vm_id]
        if len(mates) == 0:
            return True
        here, there = mates.count(source), mates.count(target)
        return there == 0 if rule.kind == APART else not here or there > here
