"""Planners over days: a cycle every ten minutes on a changing cluster (churn.py), beside no planner and hbal.

Ours is the real core: `planner.plan` with cool-downs, quarantine and busy nodes, and `check_move` before each
migration. Nothing is planned while a migration is queued or running, and one runs at a time, as in the program.

`python -m benchmarks.closed_loop [--quick] [--seed N]` prints the table. The same seed gives the same figures.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from balancer.formats import neutral
from balancer.model import Recent, Snapshot
from balancer.moves import relieves_its_source
from balancer.planner import plan
from balancer.policy import ADAPTIVE, OPTIMAL, STRATEGIES, Policy
from balancer.rules.constraints import check_move
from benchmarks import churn, generate, orders

CYCLE_S = 600.0
BUDGETS = (1, 3, 10)
NOTHING, HBAL, BALANCE = "nothing", "hbal's rule", "balance"
GOALS = ("moves", "memory", "time")
COOLDOWN = timedelta(hours=1)


class Wish(NamedTuple):
    """A move that is planned, by ids."""

    vm_id: int
    source_id: int
    target_id: int
    relieves: bool
    """Whether the move is pointless if its source is not overloaded: it neither makes room elsewhere nor evens out."""


Planner = Callable[[Snapshot, Recent, int], list[Wish]]


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster for some days. ``seed`` draws the events; the instance has its own seed in its name."""

    instance: str
    days: float
    seed: int = 1
    habits: churn.Habits = field(default_factory=churn.Habits)
    orders: Path | None = None
    """The file of real orders for the cluster; ``instance`` is then ``orders-<nodes>-<fullness>``."""


SCENES = (Scene("gen-32x600-tight", 14.0), Scene("gen-128x3000-tight-4", 3.0))
ORDERS = ("orders-64-0.92", "orders-32-0.84")
QUICK_SCENES = (Scene("gen-32x600-tight", 2.0),)


@dataclass(frozen=True, slots=True)
class LoopResult:
    """One row: the results of a strategy with a budget in a scene."""

    instance: str
    days: float
    strategy: str
    budget: int
    overloaded_percent: float
    moves: int
    gib: float
    failed: int
    stale: int
    returned: int
    clear_after_h: float | None
    slowest_plan_s: float
    floor_percent: float
    """No planner with this budget gets below this: see :func:`floor`."""


def live(scene: Scene) -> tuple[dict[str, Any], churn.World, list[churn.Event]]:
    """The instance at the start, the world, and the customers' future actions."""
    if scene.orders is not None:
        _, count, fullness = scene.instance.split("-")
        nodes, part = int(count), float(fullness)
        return orders.live(scene.orders, nodes, part, habits=scene.habits, days=scene.days, seed=scene.seed)
    document = generate.named(scene.instance)
    world = churn.World.of(document, scene.habits, scene.seed)
    return document, world, churn.events(scene.habits, len(world.vms), scene.days * churn.DAY_S, scene.seed)


def simulate(
    scene: Scene, strategy: str, budget: int, *, watch: Callable[[Snapshot, Recent], None] | None = None
) -> LoopResult:
    """Simulates a scene under a strategy. ``watch`` gets the snapshot of each check."""
    document, world, happens = live(scene)
    case = neutral.read(document, max_moves=budget)
    policy = case.policy
    planner = _planner(strategy, policy)
    # The checks right before each migration: the hard rules, which are the same for all.
    checked = _hard_rules(policy) if strategy in (NOTHING, HBAL) else _ours(strategy, policy)
    loop = Loop(world, case.snapshot, checked)
    ahead = deque(happens)
    slowest = 0.0
    for number in range(round(scene.days * churn.DAY_S / CYCLE_S)):
        loop.run_until(number * CYCLE_S, ahead)
        if watch is not None:
            watch(world.snapshot(case.snapshot), world.recent())
        if planner is None or loop.busy:
            continue
        started = time.perf_counter()
        loop.queue.extend(planner(world.snapshot(case.snapshot), world.recent(), budget))
        slowest = max(slowest, time.perf_counter() - started)
    loop.run_until(scene.days * churn.DAY_S, ahead)
    account = world.account
    return LoopResult(
        instance=scene.instance,
        days=scene.days,
        strategy=strategy,
        budget=budget,
        overloaded_percent=100 * account.overloaded_seconds / account.node_seconds,
        moves=account.moves,
        gib=account.mib / 1024,
        failed=account.failed,
        stale=account.stale,
        returned=account.returned,
        clear_after_h=None if account.clear_at_s is None else account.clear_at_s / 3600,
        slowest_plan_s=slowest,
        floor_percent=floor(scene, budget),
    )


def floor(scene: Scene, budget: int) -> float:
    """Percent of node-time that stays overloaded under every planner: the overload at the start needs some cycles.

    A move relieves only the node that it leaves. So at most ``budget`` of the nodes that begin overloaded are relieved
    in a cycle, unless customers remove enough of their VMs. Later overload, the time of a migration, and VMs that
    customers add there are left out, so the true figure is above this one.
    """
    _, world, happens = live(scene)
    first = {n: [vm.id for vm in world.vms.values() if vm.node_id == n] for n in sorted(world.overloaded)}
    # The load besides VMs (the hypervisor's own memory), which stays.
    base = {n: world.used_mib[n] - sum(world.vms[i].memory_mib or 0 for i in ids) for n, ids in first.items()}
    ahead = deque(happens)
    seconds = 0.0
    for number in range(round(scene.days * churn.DAY_S / CYCLE_S)):
        while ahead and ahead[0].at_s <= (number + 1) * CYCLE_S:
            world.happen(ahead.popleft())
        for node, ids in list(first.items()):
            of = world.nodes[node]
            left = [world.vms[i] for i in ids if i in world.vms]
            vcpus, mib = sum(v.vcpus or 0 for v in left), base[node] + sum(v.memory_mib or 0 for v in left)
            cpu, memory = vcpus / (of.cpus or 1), 100 * mib / (of.memory_mib or 1)
            if cpu <= world.cpu_limit and memory <= world.memory_limit:
                del first[node]  # its customers relieved it without a move
        seconds += CYCLE_S * max(0, len(first) - budget * (number + 1))
    return 100 * seconds / (len(world.active) * scene.days * churn.DAY_S)


class Loop:
    """The clock between cycles: events of customers, ends of migrations, and the next migration of the queue."""

    def __init__(self, world: churn.World, of: Snapshot, policy: Policy) -> None:
        self.world = world
        self.queue: deque[Wish] = deque()
        self.seen_as, self._policy = of, policy
        self._ends: list[tuple[float, int]] = []

    @property
    def busy(self) -> bool:
        return bool(self.queue or self.world.running)

    def run_until(self, end_s: float, ahead: deque[churn.Event]) -> None:
        self._start_next()
        while True:
            next_end = self._ends[0][0] if self._ends else float("inf")
            next_event = ahead[0].at_s if ahead else float("inf")
            if min(next_end, next_event) > end_s:
                break
            if next_end <= next_event:
                at_s, vm_id = heapq.heappop(self._ends)
                self.world.advance(at_s)
                self.world.end_migration(vm_id)
                self._start_next()
            else:
                event = ahead.popleft()
                self.world.advance(event.at_s)
                self.world.happen(event)
        self.world.advance(end_s)

    def _start_next(self) -> None:
        world = self.world
        while self.queue and not world.running:
            wish = self.queue.popleft()
            why_not = check_move(
                *(world.snapshot(self.seen_as), self._policy, world.recent(), wish.vm_id, wish.target_id),
                source_id=wish.source_id,
                need_overload=wish.relieves,
            )
            if why_not is not None:
                world.account.stale += 1
            else:
                ends = world.start_migration(wish.vm_id, wish.target_id)
                heapq.heappush(self._ends, (ends, wish.vm_id))


def _hard_rules(policy: Policy) -> Policy:
    """For planners that are not ours: the thresholds alone decide whether a VM fits, up to and including them."""
    return replace(policy, strategy=OPTIMAL)


def _planner(strategy: str, policy: Policy) -> Planner | None:
    if strategy == NOTHING:
        return None
    if strategy == HBAL:
        return _hbal(policy)
    ours = _ours(strategy, policy)
    empty: tuple[object, ...] | None = None
    """The last state of the cluster for which the plan was empty."""

    def planned(snapshot: Snapshot, recent: Recent, budget: int) -> list[Wish]:
        nonlocal empty
        state = (snapshot.nodes, snapshot.vms, resting(snapshot, recent, ours))
        if state == empty and not strategy.startswith(BALANCE):
            return []  # nothing has changed since, so the plan would be the same
        moves = plan(snapshot, ours, recent).moves
        empty = None if moves else state
        return [Wish(m.vm_id, m.source_id, m.target_id, relieves_its_source(m)) for m in moves]

    return planned


def resting(snapshot: Snapshot, recent: Recent, policy: Policy) -> tuple[frozenset[int], frozenset[int]]:
    """The VMs that may not move yet because they have moved or failed to move."""
    now = snapshot.taken_at
    return (
        frozenset(vm for vm, at in recent.migrated.items() if now - at < policy.migration_cooldown),
        frozenset(vm for vm, at in recent.failed.items() if now - at < policy.failure_cooldown),
    )


def _ours(strategy: str, policy: Policy) -> Policy:
    """``optimal, moves``: the strategy, and the figure that it minimizes."""
    name, _, goal = strategy.partition(", ")
    return replace(policy, strategy=name, optimize_for=goal or policy.optimize_for)


def _hbal(policy: Policy) -> Planner:
    """hbal's rule, which may move the VMs that our rules allow and that are not cooling down."""
    import numpy as np

    from benchmarks import hbal_rule
    from benchmarks.instance import version

    def planned(snapshot: Snapshot, recent: Recent, budget: int) -> list[Wish]:
        excluded = policy.exclude_sources
        nodes = [n for n in snapshot.nodes if not n.maintenance and n.id not in excluded]
        position = {n.id: i for i, n in enumerate(nodes)}
        vms = [v for v in snapshot.vms if v.node_id in position]
        memory = np.array([n.memory_mib for n in nodes], float)
        order = sorted({version(n.qemu_version) for n in nodes})
        count = np.array([n.vm_count for n in nodes])
        cluster = hbal_rule.Cluster(
            cpus=np.array([n.cpus for n in nodes], float),
            memory=memory,
            memory_cap=np.floor(memory * policy.memory_overload_percent / 100 + 1e-6) + 1,
            cpu_limit=policy.cpu_overload_ratio,
            takes=np.array([bool(n.creation_allowed) for n in nodes]),
            qemu=np.array([order.index(version(n.qemu_version)) for n in nodes]),
            vcpus=np.array([n.vcpus_allocated for n in nodes], float),
            used=np.array([n.memory_allocated_mib for n in nodes], float),
            count=count,
            vm_room=np.array([n.vm_limit or 10**9 for n in nodes]) - count,
            home=np.array([position[v.node_id or 0] for v in vms]),
            vm_vcpus=np.array([v.vcpus for v in vms]),
            vm_mib=np.array([v.memory_mib for v in vms]),
            movable=np.array([_may_move(v, snapshot, recent, policy) for v in vms]),
        )
        moves = hbal_rule.best_moves(cluster, budget)
        return [Wish(vms[v].id, nodes[s].id, nodes[t].id, relieves=False) for v, s, t in moves]

    return planned


def _may_move(vm: Any, snapshot: Snapshot, recent: Recent, policy: Policy) -> bool:
    if vm.state != "active" or vm.iso_mounted or vm.snapshot_count or vm.balancer_mode == "off":
        return False
    moved, failed = recent.migrated.get(vm.id), recent.failed.get(vm.id)
    now = snapshot.taken_at
    rested = moved is None or now - moved >= policy.migration_cooldown
    return rested and (failed is None or now - failed >= policy.failure_cooldown)


def strategies() -> Iterator[str]:
    """Our strategies: ``optimal`` once for each figure it minimizes, ``balance`` also with the fewest moves."""
    for strategy in STRATEGIES:
        if strategy == OPTIMAL:
            yield from (f"{strategy}, {goal}" for goal in GOALS)
        elif strategy != ADAPTIVE:  # adaptive is measured in more worlds, see default_rule.py
            yield strategy
    yield f"{BALANCE}, moves"


def cases(scenes: Sequence[Scene], budgets: Sequence[int] = BUDGETS) -> Iterator[tuple[Scene, str, int]]:
    """Every strategy with every budget, in every scene. `balance` plans a thousand times as long on a cluster
    without overload, so it runs only in the first scene and with the first budget."""
    for scene in scenes:
        yield scene, NOTHING, 0
        for strategy in (*strategies(), HBAL):
            if not strategy.startswith(BALANCE):
                yield from ((scene, strategy, budget) for budget in budgets)
            elif scene is scenes[0]:
                yield scene, strategy, budgets[0]


def run(scenes: Sequence[Scene] = SCENES, budgets: Sequence[int] = BUDGETS) -> list[LoopResult]:
    """All cases, as many at once as there are processors; in the order of :func:`cases`."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_simulate, cases(scenes, budgets)))


def _simulate(case: tuple[Scene, str, int]) -> LoopResult:
    return simulate(*case)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.closed_loop", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seed", type=int, default=1, help="of what customers do, and of which migrations fail")
    parser.add_argument("--orders", type=Path, metavar="FILE", help="real orders instead (benchmarks/README.md)")
    parser.add_argument("--days", type=float, default=14.0, help="of the real orders")
    given = parser.parse_args()
    scenes: Sequence[Scene] = QUICK_SCENES if given.quick else SCENES
    if given.orders is not None:
        scenes = [Scene(name, given.days, orders=given.orders) for name in ORDERS]
    outcomes = run([replace(scene, seed=given.seed) for scene in scenes])
    if given.json:
        print(json.dumps([asdict(o) for o in outcomes], indent=1))
        return
    from benchmarks.tables import closed_loop_table

    print("\n".join(closed_loop_table([asdict(o) for o in outcomes])))


if __name__ == "__main__":
    main()
