"""Properties of the plans on random small clusters, judged by an oracle (core_worlds.py)."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from core_builders import NOW, after, cluster, node, snapshot, vm
from core_worlds import SecondOpinion, World, worlds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.planner import STRATEGY_FUNCTIONS, look, plan
from balancer.policy import STRATEGIES, Policy
from balancer.rules.constraints import check_move

thorough = settings(
    max_examples=examples(500), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@thorough
@given(worlds)
def test_every_move_is_legal_when_it_starts_and_overloads_nothing(world: World) -> None:
    """Moves are judged one by one, so every prefix of a plan is legal too."""
    opinion = SecondOpinion(*world)
    result = plan(*world)
    for move in result.moves:
        assert opinion.legal(move.vm_id, move.source_id, move.target_id)
        opinion.apply(move.vm_id, move.source_id, move.target_id)
        assert not opinion.above(move.target_id)
    assert list(result.overloaded_after) == sorted(i for i in opinion.sums if opinion.overloaded(i))
    assert len({m.vm_id for m in result.moves}) == len(result.moves)
    assert len(result.moves) <= (world[1].max_moves or 1000)


@thorough
@given(worlds)
def test_plan_equals_that_of_the_seed(world: World) -> None:
    """Worst source, smallest VM, least loaded target, until nothing can move."""
    expected = SecondOpinion(*world).smallest_first()
    assert [(m.vm_id, m.source_id, m.target_id) for m in plan(*world).moves] == expected


@thorough
@given(worlds)
def test_a_plan_without_limit_leaves_no_legal_move(world: World) -> None:
    seen, policy, recent = world
    policy = replace(policy, max_moves=0)
    opinion = SecondOpinion(seen, policy, recent)
    for move in plan(seen, policy, recent).moves:
        opinion.apply(move.vm_id, move.source_id, move.target_id)
    homes = {v.id: v.node_id for v in opinion.vms.values() if v.node_id in opinion.nodes}
    assert not [1 for v, home in homes.items() for t in opinion.nodes if opinion.legal(v, home, t)]


@thorough
@given(worlds)
def test_precheck_agrees_with_the_plan(world: World) -> None:
    """``check_move`` allows each move after the earlier ones, and never allows an illegal move."""
    seen, policy, recent = world
    for move in plan(*world).moves:
        assert check_move(seen, policy, recent, move.vm_id, move.target_id, source_id=move.source_id) is None
        seen = after(seen, move)
    opinion = SecondOpinion(seen, policy, recent)
    for v in seen.vms:
        for n in seen.nodes:
            allowed = check_move(seen, policy, recent, v.id, n.id) is None
            assert allowed == (v.node_id in opinion.nodes and opinion.legal(v.id, v.node_id, n.id))


@thorough
@given(worlds, st.randoms(use_true_random=False))
def test_plan_does_not_depend_on_the_order_of_rows(world: World, shuffler: random.Random) -> None:
    seen, policy, recent = world
    nodes, vms = list(seen.nodes), list(seen.vms)
    shuffler.shuffle(nodes)
    shuffler.shuffle(vms)
    assert plan(replace(seen, nodes=tuple(nodes), vms=tuple(vms)), policy, recent) == plan(*world)


@thorough
@given(worlds)
def test_plan_explains_every_node_and_refusal(world: World) -> None:
    opinion = SecondOpinion(*world)
    result = plan(*world)
    assert sorted(n.node_id for n in result.nodes) == sorted(opinion.nodes)
    for n in result.nodes:
        assert (n.load is None) == (n.node_id not in opinion.sums)
        assert n.overloaded == opinion.overloaded(n.node_id)
        assert n.reason is not None or not n.overloaded
    explained = {(r.subject, r.id) for r in result.rejections}
    assert len(explained) == len(result.rejections)
    if explained == {("cluster", 1)}:
        assert not result.moves
        return
    assert {i for kind, i in explained if kind == "source"} == set(result.overloaded_after)
    for r in result.rejections:
        if r.reason.code == "source-budget":
            assert world[1].max_moves == len(result.moves) > 0
        if r.reason.code == "vm-fits-nowhere":
            assert sum(count for _, count in r.per_target) == len(opinion.nodes) - 1


@thorough
@given(worlds)
def test_loads_after_a_move_are_those_before_the_next(world: World) -> None:
    opinion = SecondOpinion(*world)
    result = plan(*world)
    loads = {n.node_id: n.load for n in result.nodes}
    for m in result.moves:
        assert (m.source_before, m.target_before) == (loads[m.source_id], loads[m.target_id])
        opinion.apply(m.vm_id, m.source_id, m.target_id)
        for node_id, load in ((m.source_id, m.source_after), (m.target_id, m.target_after)):
            loads[node_id] = load
            assert (load.cpu_ratio, load.memory_percent) == (
                float(opinion.ratio(node_id)),
                float(opinion.percent(node_id)),
            )
            assert load.vm_count == opinion.sums[node_id].vms
            # A measured load is an estimate after a move, added up in another order here.
            assert load.score == pytest.approx(float(opinion.score(node_id)), rel=1e-12)


@thorough
@given(worlds)
def test_old_measurement_is_ignored(world: World) -> None:
    seen, policy, recent = world
    old = NOW - timedelta(seconds=301)
    stale = [replace(n, measured=n.measured and replace(n.measured, taken_at=old)) for n in seen.nodes]
    bare = [replace(n, measured=None) for n in seen.nodes]
    without = plan(replace(seen, nodes=tuple(bare)), policy, recent)
    assert plan(replace(seen, nodes=tuple(stale)), policy, recent) == without
    never = replace(policy, measurement_max_age=timedelta(0))
    aside = [replace(n, measured=n.measured and replace(n.measured, taken_at=NOW - timedelta(1))) for n in seen.nodes]
    assert plan(replace(seen, nodes=tuple(aside)), never, recent) == without


def test_every_strategy_of_the_policy_is_there() -> None:
    assert set(STRATEGY_FUNCTIONS) == set(STRATEGIES)


@pytest.mark.parametrize("clusters", [[], [1, 2]])
def test_a_plan_is_for_one_cluster(clusters: list[int]) -> None:
    with pytest.raises(ValueError, match=f"holds {len(clusters)} clusters"):
        plan(replace(snapshot([], []), clusters=tuple(cluster(i) for i in clusters)), Policy())


def test_a_cluster_without_nodes_has_an_empty_plan() -> None:
    result = plan(snapshot([], []), Policy())
    assert (result.nodes, result.moves, result.rejections, result.overloaded_after) == ((), (), (), ())


def test_most_overloaded_nodes_come_first_and_unknown_ones_last() -> None:
    nodes = [node(1, cpus=None), node(2), node(3, memory_allocated_mib=84_000), node(4, vcpus_allocated=75), node(5)]
    reports = plan(snapshot(nodes, []), Policy()).nodes
    assert [(n.node_id, n.reason.code if n.reason else None) for n in reports] == [
        (3, "overload-memory"),
        (4, "overload-cpu"),
        (2, None),
        (5, None),
        (1, "node-figure-unknown"),
    ]


def test_the_reason_of_a_move_says_why_this_vm_and_this_target() -> None:
    nodes = [node(1, vcpus_allocated=75), node(2), node(3), node(4, memory_allocated_mib=69_000)]
    vms = [vm(11, vcpus=1, memory_mib=7_000), vm(12, vcpus=10, memory_mib=2560)]
    machine = replace(nodes[1], memory_allocated_mib=65_000), replace(nodes[2], memory_allocated_mib=65_000)
    (move,) = plan(snapshot([nodes[0], *machine, nodes[3]], vms), Policy()).moves
    assert (move.reason.code, move.reason.as_dict()) == (
        "move-smallest",
        {
            "resource": "cpu",
            "value": 7.5,
            "limit": 7.0,
            "targets": 2,
            "score": 3.25,
            "tried": 1,
        },
    )
    assert (move.source_before.cpu_ratio, move.source_after.cpu_ratio) == (7.5, 6.5)


def test_twenty_thousand_vms_are_planned() -> None:
    """A cubic algorithm would exceed the suite's time limit; benchmarks measure the speed itself."""
    nodes = [node(i, vcpus_allocated=75 if i % 3 == 0 else 58, vm_count=10) for i in range(1, 401)]
    vms = [vm(i, node_id=i % 400 + 1, vcpus=1 + i % 3, memory_mib=1000) for i in range(20_000)]
    result = plan(snapshot(nodes, vms), Policy(max_moves=0))
    assert result.overloaded


@pytest.mark.parametrize("kind", ["kvm", "lxd", None])
@pytest.mark.parametrize("mode", ["on", "off"])
@pytest.mark.parametrize("vcpus", [10, 80])
def test_look_reports_nodes_and_cluster_like_a_plan(kind: str | None, mode: str, vcpus: int) -> None:
    seen = snapshot(
        [node(1, vcpus_allocated=vcpus), node(2)],
        [vm(11, vcpus=vcpus, balancer_mode=mode), vm(12, node_id=2, balancer_mode=mode)],
        [cluster(virtualization=kind)],
    )
    policy = Policy(max_moves=0)
    thought, looked = plan(seen, policy), look(seen, policy)
    assert looked.nodes == thought.nodes and looked.overloaded == thought.overloaded
    assert looked.moves == ()
    assert looked.overloaded_after == tuple(n.node_id for n in thought.overloaded)
    assert looked.rejections == tuple(r for r in thought.rejections if r.subject == "cluster")
    with pytest.raises(ValueError, match="look"):
        look(replace(seen, clusters=()), policy)
