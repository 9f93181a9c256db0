"""Random clusters with every rule drawn, and a complete search for room after a loss.

The oracle shares no code with balancer/: it uses fractions, and implements each rule again.
"""

from __future__ import annotations

import random
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import NamedTuple

from core_builders import NOW, cluster, measured, node, snapshot, vm

from balancer.groups import APART, IGNORE, PIN, STAY, TOGETHER, VMRule
from balancer.model import VM, Node, Snapshot, VMLoad
from balancer.policy import Policy

QEMU_AGE = {"6.2.0": 1, "7.2.0": 2, "8.2.1": 3}
KERNEL_AGE = {"5.15.0-9-generic": (1, 1), "5.15.0-91-generic": (1, 2), "6.1.0-18-amd64": (2, 1)}
Need = tuple[Fraction, ...]


class World(NamedTuple):
    """A random cluster and its policy."""

    snapshot: Snapshot
    policy: Policy


def draw(seed: int, nodes: int = 8, vms: int = 80) -> World:
    """A cluster with at most these numbers of nodes and VMs, often with too little room for the loss of a node."""
    rng = random.Random(seed)
    count = rng.randint(2, nodes)
    limit, percent = rng.choice([2.0, 5.5, 7.0]), rng.choice([50.0, 70.0, 85.0])
    sizes = rng.choice([(1, 2, 4, 8), (1, 1, 2, 3, 5), (2, 4), (3, 5, 7)])
    mibs = [1024 * size for size in rng.choice([(1, 2, 4, 8), (2, 4, 8, 16), (3, 5, 7)])]
    drawn = [
        vm(i, node_id=rng.randint(1, count), vcpus=rng.choice(sizes), memory_mib=rng.choice(mibs))
        for i in range(1, rng.randint(count, max(count, vms * count // nodes)) + 1)
    ]
    drawn = [_odd_vm(rng, v) for v in drawn]
    fullness, plain = rng.uniform(0.5, 0.9), rng.random() < 0.6
    measured_share = rng.choice([0.0, 0.0, 0.5, 1.0])
    shapes = [
        _node(rng, i, [v for v in drawn if v.node_id == i], limit, percent, fullness) for i in range(1, count + 1)
    ]
    shapes = [_plain(n) for n in shapes] if plain else shapes
    all_nodes = [_measured(rng, n) if rng.random() < measured_share else n for n in shapes]
    if measured_share and rng.random() < 0.5:
        drawn = [replace(v, load=VMLoad(rng.choice([0.0, 0.25, 0.5, 1.0, 2.0]), NOW, 600.0)) for v in drawn]
    ids = [v.id for v in drawn]
    rules = [_rule(rng, k, ids, count) for k in range(rng.choice([0, 0, 1, 3]))]
    policy = Policy(
        cpu_overload_ratio=limit,
        memory_overload_percent=percent,
        target_headroom_percent=rng.choice([0.0, 0.0, 0.0, 10.0]),
        exclude_targets=rng.choice([frozenset()] * 6 + [frozenset({count})]),
        kernel_rule=rng.choice(["strict", "series", "off"]),
        placement_filters=rng.choice(["strict", "equal"]),
        allow_unknown_versions=rng.random() < 0.3,
        survive_up_to=rng.choice(["overload", "overload", "physical"]),
        rules=tuple(rules),
    )
    the_cluster = cluster(
        vm_limit_per_node=rng.choice([None] * 5 + [vms // nodes + 1]), placement_filter=rng.choice([None, None, "a"])
    )
    return World(snapshot(all_nodes, drawn, [the_cluster]), policy)


def _odd_vm(rng: random.Random, v: VM) -> VM:
    return rng.choice([v] * 20 + [replace(v, state="stopped"), replace(v, iso_mounted=True), replace(v, state=None)])


def _node(rng: random.Random, i: int, own: list[VM], limit: float, percent: float, fullness: float) -> Node:
    vcpus = sum(v.vcpus or 0 for v in own) + rng.choice([0, 0, 2])
    mib = sum(v.memory_mib or 0 for v in own) + rng.choice([0, 0, 512])
    full = min(1.0, max(0.3, rng.gauss(fullness, 0.1)))
    return node(
        i,
        cpus=max(1, round(vcpus / limit / full)),
        memory_mib=max(1024, round(mib * 100 / percent / full)),
        vcpus_allocated=vcpus,
        memory_allocated_mib=mib,
        vm_count=len(own),
        vm_limit=rng.choice([None] * 6 + [len(own) + 1]),
        qemu_version=rng.choice(["6.2.0", "7.2.0", "7.2.0", "7.2.0", "8.2.1"] + [None] * (rng.random() < 0.1)),
        kernel_version=rng.choice([*KERNEL_AGE, *["5.15.0-91-generic"] * 5]),
        placement_filter=rng.choice([None] * 9 + ["a", "b"]),
        creation_allowed=rng.choice([True] * 20 + [False, None]),
        maintenance=rng.random() < 0.04,
        live_migration_allowed=rng.choice([True] * 20 + [False, None]),
        state=rng.choice(["active"] * 20 + ["error", None]),
    )


def _plain(n: Node) -> Node:
    """Nodes that differ only in size, so that only sizes decide."""
    return replace(
        n,
        qemu_version="7.2.0",
        kernel_version="5.15.0-91-generic",
        placement_filter=None,
        creation_allowed=True,
        maintenance=False,
        state="active",
    )


def _measured(rng: random.Random, n: Node) -> Node:
    cpus = n.cpus or 1
    return replace(
        n,
        measured=measured(
            taken_at=NOW - timedelta(seconds=rng.choice([0, 60, 301])),
            cpus=cpus,
            load1=cpus * rng.choice([0.1, 0.25, 0.5, 0.9, 1.1]),
            memory_available_mib=round((n.memory_mib or 0) * rng.choice([0.1, 0.3, 0.6])),
        ),
    )


def _rule(rng: random.Random, k: int, ids: list[int], count: int) -> VMRule:
    kind = rng.choice([APART, APART, APART, TOGETHER, TOGETHER, PIN, STAY, IGNORE])
    chosen = tuple(rng.sample(ids, min(len(ids), rng.choice([2, 3, 6]))))
    where = tuple(rng.sample(range(1, count + 1), min(count, 3))) if kind == PIN else ()
    return VMRule(kind, f"rule-{k}", vm_ids=chosen, node_ids=where)


# --- the oracle -----------------------------------------------------------------------------------------


def has_room(world: World, lost: Collection[int], only: Collection[int] | None = None) -> bool:
    """Whether all VMs that run on the lost nodes can be placed on the others, or those of ``only``."""
    items = [item for item in _items(world, lost) if only is None or item[0].id in only]
    targets = [n for n in world.snapshot.nodes if n.id not in lost and _takes(n, world.policy)]
    able = [
        [all(_may_go(v, t, world, lost) for v in item) and not _is_torn(item, world.policy) for t in targets]
        for item in items
    ]
    rooms = [_room(t, world) for t in targets]
    needs = [tuple(map(sum, zip(*(_need(v, world) for v in item), strict=True))) for item in items]
    apart = [
        {j for j, other in enumerate(items) if j != i and _conflict(item, other, world)} for i, item in enumerate(items)
    ]
    order = sorted(range(len(items)), key=lambda i: (sum(able[i]), [-n for n in needs[i]]))
    dead: set[object] = set()

    def place(k: int, rooms: list[Need], here: list[frozenset[int]]) -> bool:
        if k == len(order):
            return True
        i = order[k]
        state = (k, tuple(rooms), tuple(h & frozenset().union(*apart) for h in here))
        if state in dead:
            return False
        for t in range(len(targets)):
            if able[i][t] and not here[t] & apart[i] and all(n <= r for n, r in zip(needs[i], rooms[t], strict=True)):
                left = tuple(r - n for n, r in zip(needs[i], rooms[t], strict=True))
                if place(k + 1, [*rooms[:t], left, *rooms[t + 1 :]], [*here[:t], here[t] | {i}, *here[t + 1 :]]):
                    return True
        dead.add(state)
        return False

    return place(0, rooms, [frozenset()] * len(targets))


def _items(world: World, lost: Collection[int]) -> list[list[VM]]:
    """VMs of one lost node that affinity rules connect stay together."""
    items = [[v] for v in world.snapshot.vms if v.node_id in lost and v.state != "stopped"]
    merged = True
    while merged:
        merged = False
        for a in items:
            other = next((b for b in items if b is not a and _joined(a, b, world.policy)), None)
            if other is not None:
                a.extend(other)
                items.remove(other)
                merged = True
                break
    return items


def _joined(a: list[VM], b: list[VM], policy: Policy) -> bool:
    return any(
        v.node_id == w.node_id and r.kind == TOGETHER and {v.id, w.id} <= set(r.vm_ids)
        for v in a
        for w in b
        for r in policy.rules
    )


def _is_torn(item: list[VM], policy: Policy) -> bool:
    ids = [v.id for v in item]
    return any(r.kind == APART and len(set(ids) & set(r.vm_ids)) > 1 for r in policy.rules)


def _conflict(a: list[VM], b: list[VM], world: World) -> bool:
    rules = [set(r.vm_ids) for r in world.policy.rules if r.kind == APART]
    return any(v.id in rule and w.id in rule for v in a for w in b for rule in rules)


def _takes(n: Node, policy: Policy) -> bool:
    return (
        n.state == "active"
        and not n.maintenance
        and n.id not in policy.exclude_targets
        and n.creation_allowed is True
        and n.live_migration_allowed is not False
        and not (policy.placement_filters == "strict" and n.placement_filter)
    )


def _may_go(v: VM, t: Node, world: World, lost: Collection[int]) -> bool:
    source = next(n for n in world.snapshot.nodes if n.id == v.node_id)
    policy, own = world.policy, world.snapshot.clusters[0].placement_filter
    there = t.placement_filter or own
    if there and there != (source.placement_filter or own):
        return False
    if not _versions_fit(source, t, policy):
        return False
    for rule in policy.rules:
        if v.id not in rule.vm_ids:
            continue
        if rule.kind == STAY or (rule.kind == PIN and t.id not in rule.node_ids):
            return False
        if rule.kind == APART and any(
            w.node_id == t.id and w.id != v.id and w.id in rule.vm_ids
            for w in world.snapshot.vms
            if w.node_id not in lost
        ):
            return False
    return True


def _versions_fit(source: Node, t: Node, policy: Policy) -> bool:
    if source.qemu_version is None or t.qemu_version is None:
        if not policy.allow_unknown_versions:
            return False
    elif QEMU_AGE[t.qemu_version] < QEMU_AGE[source.qemu_version]:
        return False
    if policy.kernel_rule == "off":
        return True
    here, there = KERNEL_AGE[source.kernel_version or ""], KERNEL_AGE[t.kernel_version or ""]
    return there[:1] <= here[:1] if policy.kernel_rule == "series" else there <= here


def _fresh(n: Node) -> bool:
    return n.measured is not None and NOW - n.measured.taken_at <= timedelta(minutes=5) and n.measured.cpus > 0


def _room(t: Node, world: World) -> Need:
    policy, limits = world.policy, [t.vm_limit, world.snapshot.clusters[0].vm_limit_per_node]
    count = min((x for x in limits if x is not None), default=10**9) - (t.vm_count or 0)
    available = Fraction(t.measured.memory_available_mib) if t.measured and _fresh(t) else Fraction(10**9)
    if policy.survive_up_to == "physical":
        memory = Fraction((t.memory_mib or 0) - (t.memory_allocated_mib or 0))
        return Fraction(10**9), memory, Fraction(10**9), Fraction(count), available
    part = 1 - Fraction(policy.target_headroom_percent) / 100
    vcpus = Fraction(policy.cpu_overload_ratio) * part * (t.cpus or 0) - (t.vcpus_allocated or 0)
    memory = Fraction(policy.memory_overload_percent) * part * (t.memory_mib or 0) / 100 - (t.memory_allocated_mib or 0)
    load = Fraction(10**9)
    if t.measured and _fresh(t):
        load = Fraction(policy.ssh_load_overload) * part * t.measured.cpus - Fraction(str(t.measured.load1))
    return vcpus, memory, load, Fraction(count), available


def _need(v: VM, world: World) -> Need:
    load = _load(v, world) if any(_fresh(n) for n in world.snapshot.nodes) else Fraction(0)
    return Fraction(v.vcpus or 0), Fraction(v.memory_mib or 0), load, Fraction(1), Fraction(v.memory_mib or 0)


def _load(v: VM, world: World) -> Fraction:
    """The load by the documentation in docs/strategies.md."""
    home = next(n for n in world.snapshot.nodes if n.id == v.node_id)
    vcpus = Fraction(v.vcpus or 0)
    if not home.measured or not _fresh(home):
        return vcpus
    total = Fraction(str(home.measured.load1))
    mates = [w for w in world.snapshot.vms if w.node_id == home.id]
    if v.load is None:
        return total * vcpus / (home.vcpus_allocated or 1)
    running = [w for w in mates if w.state in (None, "active")]
    raised = Fraction(1)
    loads = sum(Fraction(w.load.cpus) for w in running if w.load is not None)
    if total > home.measured.cpus and all(w.load is not None for w in running) and loads:
        raised = max(Fraction(1), total / loads)
    return min(Fraction(v.load.cpus) * raised, vcpus)
