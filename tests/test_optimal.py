"""The strategy `optimal` on random small clusters: legal move by move, no worse than the seed's, and its
certificate compared with all possible plans. An oracle judges every rule (core_worlds.py)."""

from __future__ import annotations

import heapq
import random
from dataclasses import replace
from fractions import Fraction

import pytest
from core_builders import after, cluster, node, snapshot, vm
from core_worlds import SecondOpinion, World, build_world, worlds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.formats import neutral
from balancer.formats.codec import plan_from_dict, plan_to_dict
from balancer.groups import APART, VMRule
from balancer.model import VM, Node, Plan, Recent
from balancer.moves import relieves_its_source
from balancer.planner import plan
from balancer.policy import OPTIMAL, OPTIMIZE_FOR, SMALLEST_FIRST, Policy
from balancer.rules.constraints import check_move
from benchmarks import generate

thorough = settings(
    max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
tiny = st.builds(build_world, st.integers(0, 10**9), st.integers(3, 4), st.integers(1, 6), st.integers(0, 3))
objectives = st.sampled_from(OPTIMIZE_FOR)


class Filling(SecondOpinion):
    """The rules for strategies that fill a target up to the overload thresholds and may make room."""

    def open(self, t: Node) -> bool:
        if not self.healthy(t) or t.creation_allowed is not True or t.id in self.policy.exclude_targets:
            return False
        limits = [x for x in (t.vm_limit, self.cluster.vm_limit_per_node) if x is not None]
        room = all(self.sums[t.id].vms < limit for limit in limits)
        return room and not self.above(t.id) and not t.placement_filter

    def legal(self, vm_id: int, source: int, target: int) -> bool:
        v, s, t = self.vms[vm_id], self.nodes[source], self.nodes[target]
        if (self.cluster.virtualization or "").lower() != "kvm" or source == target or not self.healthy(s):
            return False
        if source in self.policy.exclude_sources or not self.movable(v) or not self.open(t):
            return False
        rule_there = self.cluster.placement_filter or None
        if rule_there and (s.placement_filter or rule_there) != rule_there:
            return False
        assert v.vcpus and v.memory_mib
        fits = self.ratio(target, v.vcpus) <= self.cpu_line and self.percent(target, v.memory_mib) <= self.memory_line
        if self.sums[target].live:
            fits = fits and self.load(target, self.brings(v, source)) <= self.policy.ssh_load_overload
            fits = fits and v.memory_mib <= self.sums[target].available
        return fits and self.versions_fit(s, t)

    def left(self) -> set[int]:
        return {i for i in self.sums if self.overloaded(i)}

    def excess(self) -> Fraction | float:
        """How far the overloaded nodes are above their thresholds, in parts of them."""
        total: Fraction | float = Fraction(0)
        for i in self.left():
            cpu = self.ratio(i) / self.cpu_line
            if self.sums[i].live:
                cpu = Fraction(self.load(i) / self.policy.ssh_load_overload)
            memory = self.percent(i) / self.memory_line
            total += max(Fraction(0), cpu - 1) + max(Fraction(0), memory - 1)
        return total


def optimal(world: World, optimize_for: str = "time", max_moves: int = 0) -> World:
    seen, policy, recent = world
    return seen, replace(policy, strategy=OPTIMAL, optimize_for=optimize_for, max_moves=max_moves), recent


def carried_out(world: World, made: Plan) -> Filling:
    opinion = Filling(*world)
    for move in made.moves:
        assert opinion.legal(move.vm_id, move.source_id, move.target_id)
        opinion.apply(move.vm_id, move.source_id, move.target_id)
        assert not opinion.above(move.target_id)
    return opinion


@thorough
@given(worlds, objectives, st.sampled_from([0, 0, 1, 3]))
@pytest.mark.slow
def test_every_prefix_of_the_plan_is_legal(world: World, optimize_for: str, limit: int) -> None:
    """Each move is judged on the state after the earlier ones."""
    world = optimal(world, optimize_for, limit)
    new_plan = plan(*world)
    opinion = carried_out(world, new_plan)
    assert set(new_plan.overloaded_after) == opinion.left()
    assert len({m.vm_id for m in new_plan.moves}) == len(new_plan.moves) <= (limit or 1000)
    assert plan_from_dict(plan_to_dict(new_plan)) == new_plan


@thorough
@given(worlds, objectives)
@pytest.mark.slow
def test_optimal_leaves_no_more_nodes_overloaded_than_smallest_first(world: World, optimize_for: str) -> None:
    world = optimal(world, optimize_for)
    ours = carried_out(world, plan(*world))
    seen, policy, recent = world
    seeds = Filling(*world)
    for move in plan(seen, replace(policy, strategy=SMALLEST_FIRST), recent).moves:
        seeds.apply(move.vm_id, move.source_id, move.target_id)
    assert (len(ours.left()), round(float(ours.excess()), 9)) <= (len(seeds.left()), round(float(seeds.excess()), 9))


@thorough
@given(worlds, objectives, st.sampled_from([1, 2, 5]))
@pytest.mark.slow
def test_budget_cuts_the_plan_after_the_search(world: World, optimize_for: str, limit: int) -> None:
    whole = plan(*optimal(world, optimize_for))
    first = plan(*optimal(world, optimize_for, limit))
    assert first.moves == whole.moves[:limit]
    assert (first.effort, first.bound, first.overloaded_after_all) == (
        whole.effort,
        whole.bound,
        whole.overloaded_after_all,
    )
    assert first.total_moves == len(whole.moves)
    assert {r.id for r in first.rejections if r.reason.code == "source-budget"} == (
        set(first.overloaded_after) - set(whole.overloaded_after)
    )


@thorough
@given(worlds, objectives, st.randoms(use_true_random=False))
@pytest.mark.slow
def test_plan_does_not_depend_on_the_order_of_rows(world: World, optimize_for: str, shuffler: random.Random) -> None:
    seen, policy, recent = optimal(world, optimize_for)
    nodes, vms = list(seen.nodes), list(seen.vms)
    shuffler.shuffle(nodes)
    shuffler.shuffle(vms)
    assert plan(replace(seen, nodes=tuple(nodes), vms=tuple(vms)), policy, recent) == plan(seen, policy, recent)


@thorough
@given(worlds, objectives)
@pytest.mark.slow
def test_precheck_agrees_with_the_plan(world: World, optimize_for: str) -> None:
    """The executor's check before each move allows the planned move after the earlier ones."""
    seen, policy, recent = optimal(world, optimize_for)
    for move in plan(seen, policy, recent).moves:
        need = relieves_its_source(move)
        again = check_move(
            seen, policy, recent, move.vm_id, move.target_id, source_id=move.source_id, need_overload=need
        )
        assert again is None
        seen = after(seen, move)


@thorough
@given(worlds, objectives)
@pytest.mark.slow
def test_groups_share_no_node_and_keep_the_order(world: World, optimize_for: str) -> None:
    new_plan = plan(*optimal(world, optimize_for))
    assert len(new_plan.groups) == len(new_plan.moves)
    touched: dict[int, int] = {}
    for move, group in zip(new_plan.moves, new_plan.groups, strict=True):
        for node_id in (move.source_id, move.target_id):
            assert touched.get(node_id, -1) < group
            touched[node_id] = group


# --- compared with all plans ----------------------------------------------------------------------------


def every_end(world: World, cost_of: dict[int, int]) -> dict[tuple[int, ...], int]:
    """State that legal moves can reach (as the nodes of the VMs) -> the least cost to reach it."""
    start = Filling(*world)
    ids = sorted(v for v in start.vms if start.vms[v].node_id in start.sums and start.movable(start.vms[v]))
    first = tuple(start.vms[i].node_id or 0 for i in ids)
    best = {first: 0}
    queue = [(0, first)]
    while queue:
        cost, places = heapq.heappop(queue)
        if cost > best[places]:
            continue
        opinion = at(world, ids, places)
        for k, vm_id in enumerate(ids):
            for target in opinion.sums:
                if not opinion.legal(vm_id, places[k], target):
                    continue
                then = (*places[:k], target, *places[k + 1 :])
                dearer = cost + cost_of[vm_id]
                if dearer < best.get(then, 1 << 62):
                    best[then] = dearer
                    heapq.heappush(queue, (dearer, then))
    return best


def at(world: World, ids: list[int], places: tuple[int, ...]) -> Filling:
    opinion = Filling(*world)
    for vm_id, place in zip(ids, places, strict=True):
        home = opinion.vms[vm_id].node_id
        if home is not None and home != place:
            opinion.apply(vm_id, home, place)
    return opinion


MANY_MIB = 10**9
"""More than any plan here copies."""


def prices(vms: tuple[VM, ...], what: str) -> dict[int, int]:
    """In moves, MiB or microseconds, or in moves and then MiB."""
    each = {
        "moves": lambda m: 1,
        "memory": lambda m: m,
        "time": lambda m: round(20_000_000 + m * 8388.608),
        "moves, then memory": lambda m: MANY_MIB + m,
    }[what]
    return {v.id: each(v.memory_mib or 0) for v in vms}


@settings(thorough, max_examples=examples(60))
@given(tiny, objectives)
def test_no_plan_is_cheaper_than_the_certificate_says(world: World, optimize_for: str) -> None:
    judge_certificate(optimal(world, optimize_for))


def judge_certificate(world: World) -> None:
    """Compared with every plan that leaves at most as many nodes overloaded."""
    new_plan = plan(*world)
    left = len(carried_out(world, new_plan).left())
    if new_plan.bound is None:
        assert not new_plan.overloaded or {r.subject for r in new_plan.rejections} == {"cluster"}
        return
    start = Filling(*world)
    ids = sorted(v for v in start.vms if start.vms[v].node_id in start.sums and start.movable(start.vms[v]))
    assert (
        new_plan.bound.moves is not None
        and new_plan.bound.seconds is not None
        and new_plan.bound.memory_mib is not None
    )
    bounds = {
        "moves": new_plan.bound.moves,
        "memory": new_plan.bound.memory_mib,
        "time": round(new_plan.bound.seconds * 1_000_000),
    }
    assert new_plan.bound.fewest_moves_mib is not None
    bounds["moves, then memory"] = new_plan.bound.moves * MANY_MIB + new_plan.bound.fewest_moves_mib
    for what, bound in bounds.items():
        cost_of = prices(world[0].vms, what)
        ends = every_end(world, cost_of).items()
        assert bound <= min(cost for places, cost in ends if len(at(world, ids, places).left()) <= left)
        assert bound <= sum(cost_of[m.vm_id] for m in new_plan.moves)


def crowded(seed: int) -> World:
    """Little room and large VMs, so that some VMs must move to make room."""
    r = random.Random(seed)
    nodes, vms = [], []
    for i in range(1, r.choice([3, 3, 4]) + 1):
        own = [
            vm(10 * i + k, node_id=i, vcpus=r.choice([2, 3, 5, 9]), memory_mib=r.choice([100, 100, 300]))
            for k in range(r.choice([1, 2, 2]))
        ]
        taken = sum(v.vcpus or 0 for v in own)
        full = 20 + r.choice([-9, -6, -4, -3, -2, 1, 2, 4])
        nodes.append(
            node(i, vcpus_allocated=max(taken, full), vm_count=len(own), qemu_version=r.choice(["7.2", "8.2.1"]))
        )
        vms += own
    return snapshot(nodes, vms), Policy(cpu_overload_ratio=2.0, strategy=OPTIMAL, max_moves=0), Recent()


@settings(thorough, max_examples=examples(150))
@given(st.integers(0, 10**9).map(crowded), objectives)
@pytest.mark.slow
def test_certificate_holds_when_a_target_must_be_cleared_first(world: World, optimize_for: str) -> None:
    judge_certificate(optimal(world, optimize_for))


def test_certificate_proves_that_clearing_a_target_is_necessary() -> None:
    """The node itself must lose one VM only; that a second one has to move is proven too."""
    nodes = [node(1, vcpus_allocated=75), node(2, vcpus_allocated=55), node(3, vcpus_allocated=62)]
    vms = [vm(11, vcpus=20), vm(21, node_id=2, vcpus=6)]
    new_plan = plan(snapshot(nodes, vms), Policy(strategy=OPTIMAL, max_moves=0))
    assert [m.key for m in new_plan.moves] == [(21, 2, 3), (11, 1, 2)]
    assert [m.reason.code for m in new_plan.moves] == ["move-make-room", "move-relieve"]
    assert new_plan.bound is not None
    assert (new_plan.bound.moves, new_plan.groups) == (2, (0, 1))


def test_certificate_counts_free_capacity() -> None:
    """Two large VMs must leave, and one has room: a third VM has to move only for the other one."""
    nodes = [node(1, vcpus_allocated=75), node(2, vcpus_allocated=75), node(3, vcpus_allocated=50)]
    nodes += [node(4, vcpus_allocated=55), node(5, vcpus_allocated=64)]
    vms = [vm(11, vcpus=20), vm(21, node_id=2, vcpus=20), vm(41, node_id=4, vcpus=6)]
    new_plan = plan(snapshot(nodes, vms), Policy(strategy=OPTIMAL, max_moves=0))
    assert new_plan.bound is not None
    assert (len(new_plan.moves), new_plan.bound.moves, new_plan.overloaded_after) == (3, 3, ())


def test_relieved_node_can_free_capacity() -> None:
    """Node 2 must lose VM 21, and takes VM 11 only when VM 22 has left it besides."""
    nodes = [node(1, vcpus_allocated=75), node(2, vcpus_allocated=32, memory_allocated_mib=75_000)]
    nodes += [node(3, vcpus_allocated=64)]
    vms = [
        vm(11, vcpus=40),
        vm(21, node_id=2, vcpus=1, memory_mib=10_000),
        vm(22, node_id=2, vcpus=4, memory_mib=1_000),
    ]
    new_plan = plan(snapshot(nodes, vms), Policy(strategy=OPTIMAL, max_moves=0))
    assert {m.key: m.reason.code for m in new_plan.moves} == {
        (21, 2, 3): "move-relieve",
        (22, 2, 3): "move-make-room",
        (11, 1, 2): "move-relieve",
    }
    assert new_plan.overloaded_after == ()


def test_a_node_that_is_quickly_relieved_does_not_wait_for_another() -> None:
    """Node 2 will be the emptiest of all, but only once its large VM has gone: node 1 is relieved before, to node 4."""
    nodes = [node(1, vcpus_allocated=75), node(2, vcpus_allocated=71), node(3, vcpus_allocated=5)]
    nodes += [node(4, vcpus_allocated=45)]
    vms = [vm(11), vm(21, node_id=2, vcpus=60, memory_mib=20_000)]
    new_plan = plan(snapshot(nodes, vms), Policy(strategy=OPTIMAL, max_moves=1))
    assert ([m.key for m in new_plan.moves], new_plan.total_moves) == ([(11, 1, 4)], 2)


def test_large_gaps_stay_when_all_nodes_are_nearly_full() -> None:
    """Nodes 2 and 3 would both be above the target thresholds: the larger gap is left to larger VMs."""
    nodes = [node(1, vcpus_allocated=75), node(2, vcpus_allocated=40), node(3, vcpus_allocated=60)]
    new_plan = plan(snapshot(nodes, [vm(11)]), Policy(strategy=OPTIMAL, cpu_target_score=4.0))
    assert [m.key for m in new_plan.moves] == [(11, 1, 3)]
    nodes += [node(4, vcpus_allocated=20), node(5, vcpus_allocated=30)]
    new_plan = plan(snapshot(nodes, [vm(11)]), Policy(strategy=OPTIMAL, cpu_target_score=4.0))
    assert [m.key for m in new_plan.moves] == [(11, 1, 4)]


def test_cost_includes_local_disks() -> None:
    """The VM with less memory has the larger disk: where disks are copied, the other one is quicker to move."""
    nodes = [node(1, vcpus_allocated=75), node(2)]
    vms = [vm(11, memory_mib=4_000, disk_mib=80_000), vm(12, memory_mib=8_000, disk_mib=10_000)]
    policy = Policy(strategy=OPTIMAL, max_moves=0)
    shared = plan(snapshot(nodes, vms), policy)
    local = plan(snapshot(nodes, vms, [cluster(local_storage=True)]), policy)
    assert ([m.vm_id for m in shared.moves], [m.vm_id for m in local.moves]) == ([11], [12])
    assert local.effort is not None
    assert local.effort.seconds == 170.994944  # 20 s, and 18,000 MiB at 1000 Mbit/s


def test_objective_decides_between_moves_and_memory() -> None:
    """One large VM or two small ones that have less memory together."""
    nodes = [node(1, vcpus_allocated=80), node(2)]
    vms = [vm(11, vcpus=10, memory_mib=16_000), vm(12, vcpus=5, memory_mib=500), vm(13, vcpus=5, memory_mib=500)]
    chosen = {
        what: [m.vm_id for m in plan(snapshot(nodes, vms), Policy(strategy=OPTIMAL, optimize_for=what)).moves]
        for what in OPTIMIZE_FOR
    }
    everything = Policy(strategy=OPTIMAL, max_moves=0)
    assert chosen["moves"] == [11]
    for what in ("time", "memory"):
        whole = plan(snapshot(nodes, vms), replace(everything, optimize_for=what))
        assert sorted(m.vm_id for m in whole.moves) == [12, 13]
        assert whole.total_moves == 2
        assert chosen[what] == [whole.moves[0].vm_id]


def generated(name: str, optimize_for: str) -> Plan:
    case = neutral.read(generate.named(name))
    return plan(case.snapshot, replace(case.policy, strategy=OPTIMAL, optimize_for=optimize_for), case.recent)


@pytest.mark.parametrize("name", ["gen-32x600-tight-6", "gen-8x100-tight-9", "gen-8x100-tight-22"])
def test_small_full_clusters_are_cleared(name: str) -> None:
    """A short search left up to three nodes; the two of eight nodes must lose more VMs than are listed as sets."""
    assert generated(name, "moves").overloaded_after_all == ()


def test_of_plans_with_as_few_moves_one_that_copies_little_is_found() -> None:
    """The search for the fewest moves alone ended at 1,360 GiB."""
    result = generated("gen-128x3000-tight-4", "moves")
    assert result.effort is not None
    assert (result.effort.moves, result.effort.memory_mib <= 1300 * 1024) == (39, True)


def test_several_vms_of_one_group_leave_in_a_cluster_too_large_for_the_exact_search() -> None:
    """Both VMs of an anti-affinity rule must leave node 1; the first to leave does not hold the second."""
    nodes = [node(1, cpus=10, vcpus_allocated=36, vm_count=20)]
    nodes += [node(i, cpus=10, vcpus_allocated=0, vm_count=0) for i in range(2, 20)]
    sizes = {1: 9, 2: 9} | dict.fromkeys(range(3, 21), 1)
    vms = [vm(i, node_id=1, vcpus=vcpus, memory_mib=100) for i, vcpus in sizes.items()]
    rule = VMRule(APART, "apart", vm_ids=(1, 2))
    policy = Policy(cpu_overload_ratio=2.0, strategy=OPTIMAL, max_moves=0, optimize_for="moves", rules=(rule,))
    new_plan = plan(snapshot(nodes, vms), policy)
    assert not new_plan.overloaded_after
    assert {move.vm_id for move in new_plan.moves} == {1, 2}
    assert len({move.target_id for move in new_plan.moves}) == 2
