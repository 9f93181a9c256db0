"""Plans by measured loads of VMs: the effect of a move, and which VM leaves an overloaded node."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core_builders import NOW, measured, node, snapshot, vm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.model import Plan, Reason, Recent, Snapshot, VMLoad
from balancer.planner import plan
from balancer.policy import STRATEGIES, Policy
from balancer.requests.why import why_node
from balancer.rules.constraints import load_refusal
from balancer.state import Candidate, WorkingState
from bot.rendering.catalog import texts_for
from bot.rendering.plan_summary import outlook_lines

CPUS = 10


def load(cpus: float) -> VMLoad:
    return VMLoad(cpus, NOW, 3600.0)


def world(loads: list[float | None], load1: float, targets: int = 2, calm: float = 3.0) -> Snapshot:
    """Node 1 has these VMs of 4 vCPUs and so high a load; the others are calm."""
    vms = [vm(i, vcpus=4, load=None if cpus is None else load(cpus)) for i, cpus in enumerate(loads, start=1)]
    hot = node(1, vcpus_allocated=4 * len(vms), vm_count=len(vms), measured=measured(load1=load1))
    others = [
        node(n, vcpus_allocated=0, vm_count=0, memory_allocated_mib=0, measured=measured(load1=calm))
        for n in range(2, 2 + targets)
    ]
    return snapshot([hot, *others], vms)


def policy(strategy: str, moves: int = 20) -> Policy:
    return Policy(strategy=strategy, max_moves=moves)


def gives(seen: Snapshot, vm_id: int) -> float:
    state = WorkingState(seen, Policy(), Recent())
    result = next(v for v in seen.vms if v.id == vm_id)
    return state.load_of(Candidate(result, result.vcpus or 0, result.memory_mib or 0))


@pytest.mark.parametrize(
    ("loads", "load1", "first"),
    [
        ([3.0, 0.5, 0.5], 8.0, 3.0),  # its own load
        ([3.0, 1.0, 1.0], 12.5, 4.0),  # slowed down: 3 * 12.5 / 5, but not above its vCPUs
        ([1.0, 4.0, 5.0], 12.0, 1.2),  # slowed down: 1 * 12 / 10
        ([None, 3.0, 3.0], 9.0, 3.0),  # its share by vCPUs: a third
        ([3.0, None, 3.0], 12.0, 3.0),  # one VM without a load: nobody's is raised
        ([0.0, 3.0, 3.0], 6.0, 0.0),
    ],
)
def test_what_a_vm_takes_along(loads: list[float | None], load1: float, first: float) -> None:
    assert gives(world(loads, load1), 1) == pytest.approx(first)


def test_a_stopped_vm_without_a_load_does_not_keep_the_others_from_being_raised() -> None:
    seen = world([1.0, 4.0, 5.0, None], 12.0)
    stopped = replace(seen, vms=tuple(replace(v, state="stopped") if v.id == 4 else v for v in seen.vms))
    assert gives(stopped, 1) == pytest.approx(1.2)
    assert gives(seen, 1) == 1.0


def test_a_vm_of_a_node_that_was_not_measured_counts_with_all_its_vcpus() -> None:
    seen = world([1.0, 1.0], 8.0)
    dark = replace(seen, nodes=tuple(replace(n, measured=None) if n.id == 1 else n for n in seen.nodes))
    assert gives(dark, 1) == 4.0


@pytest.mark.parametrize("strategy", ["optimal", "balance", "adaptive"])
def test_the_hot_vm_leaves_instead_of_several_calm_ones(strategy: str) -> None:
    seen = world([0.4, 0.4, 3.9, 0.4, 0.4, 3.0, 3.0], 11.5)
    new_plan = plan(seen, policy(strategy))
    assert new_plan.moves[0].vm_id in (3, 6, 7)
    assert strategy == "balance" or len(new_plan.moves) == 1  # balance goes on and evens out the rest
    assert new_plan.overloaded_after == ()
    by_shares = plan(replace(seen, vms=tuple(replace(v, load=None) for v in seen.vms)), policy(strategy))
    assert by_shares.moves[0].vm_id == 1, "by shares all are alike, so the first one, which is idle, would go"


def pressed(cpu_pressure: float | None, load1: float = 8.0) -> Snapshot:
    """The load of node 1 is below its limit, and something waits for a CPU there."""
    seen = world([0.5, 2.0, 2.0, 3.0], load1)
    hot = replace(seen.nodes[0], measured=measured(load1=load1, cpu_pressure=cpu_pressure))
    return replace(seen, nodes=(hot, *seen.nodes[1:]))


@pytest.mark.parametrize(
    ("pressure", "limit", "load1", "overloaded"),
    [
        (25.0, 20.0, 8.0, True),
        (20.0, 20.0, 8.0, False),
        (25.0, 0.0, 8.0, False),
        (None, 20.0, 8.0, False),
        (25.0, 20.0, 0.0, False),
        (99.0, 100.0, 8.0, False),
    ],
)
def test_pressure_overloads_a_node_only_above_its_limit(
    pressure: float | None, limit: float, load1: float, overloaded: bool
) -> None:
    new_plan = plan(pressed(pressure, load1), replace(policy("optimal"), pressure_overload=limit))
    assert [r.node_id for r in new_plan.overloaded] == ([1] if overloaded else [])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_pressed_node_is_relieved_as_by_load_and_the_words_name_the_pressure(strategy: str) -> None:
    rules = replace(policy(strategy), pressure_overload=20.0)
    new_plan = plan(pressed(25.0), rules)
    assert new_plan.moves and new_plan.overloaded_after == ()
    move, report = new_plan.moves[0], new_plan.overloaded[0]
    assert report.reason == Reason.of("overload-pressure", value=25.0, limit=20.0)
    assert report.load is not None and report.load.cpu_load == 0.8, "the load that people read is the measured one"
    moved = sum(gives(pressed(25.0), m.vm_id) for m in new_plan.moves if m.source_id == 1)
    assert moved >= 8.0 * (1 - 20 / 25) - 1e-9
    if strategy != "balance":
        assert move.reason.as_dict()["resource"] == "pressure"
    why = why_node(pressed(25.0), rules, Recent(), 1)
    level = why.levels[0]
    assert (level.resource, level.value, level.limit) == ("pressure", 25.0, 20.0)
    for language in ("en", "ru"):
        words = texts_for(language).reason(report.reason)
        assert "25" in words and "20" in words


def test_pressure_moves_at_most_a_quarter_of_the_load_and_a_pressed_node_takes_no_vm() -> None:
    state = WorkingState(pressed(90.0), replace(Policy(), pressure_overload=10.0), Recent())
    live = state.working[1].live
    assert live is not None and live.load == pytest.approx(CPUS + 2.0) and live.measured == pytest.approx(8.0)
    assert gives(pressed(90.0), 2) == 2.0, "VMs are not slowed down: the node has CPUs left"
    refused = load_refusal(state.working[1], state)
    assert refused == Reason.of("target-overloaded", resource="pressure", value=90.0, limit=10.0)


def test_load_above_its_own_limit_is_named_before_pressure() -> None:
    new_plan = plan(pressed(90.0, 12.0), replace(policy("optimal"), pressure_overload=10.0))
    assert new_plan.overloaded[0].reason == Reason.of("overload-load", value=1.2, limit=1.0)


@pytest.mark.parametrize(
    ("loads", "by"), [([3.0, 3.0, 3.0], "own"), ([None, None, None], "shares"), ([3.0, None, 3.0], "mixed")]
)
def test_a_plan_says_what_the_vms_count_with(loads: list[float | None], by: str) -> None:
    seen = world(loads, 11.0)
    new_plan = plan(seen, policy("optimal"))
    assert new_plan.loads_by == by
    words = outlook_lines(texts_for("en"), new_plan)
    assert [line for line in words if "measured" in line] == [texts_for("en").text("outlook-loads", by=by)]
    dark = replace(seen, nodes=tuple(replace(n, measured=None) for n in seen.nodes))
    assert plan(dark, policy("optimal")).loads_by is None


def test_what_a_move_promises_is_the_load_of_the_vm() -> None:
    seen = world([0.4, 0.4, 3.9, 0.4, 0.4, 3.0, 2.9], 11.4)
    [move] = plan(seen, policy("optimal")).moves
    gone = (move.source_before.cpu_load or 0.0) - (move.source_after.cpu_load or 0.0)
    assert gone * CPUS == pytest.approx(gives(seen, move.vm_id))
    come = (move.target_after.cpu_load or 0.0) - (move.target_before.cpu_load or 0.0)
    assert come == pytest.approx(gone)


def test_a_target_takes_no_vm_that_is_too_busy_for_it() -> None:
    seen = world([4.0, 4.0, 4.0], 12.0, targets=1, calm=8.0)
    new_plan = plan(seen, policy("optimal"))
    assert new_plan.moves == () and [n.node_id for n in new_plan.overloaded] == [1]


def varying(mean: float, latest: float, deviation: float | None) -> VMLoad:
    return VMLoad(mean, NOW, 3600.0, latest_cpus=latest, deviation_cpus=deviation)


@pytest.mark.parametrize(
    ("own", "expected", "dependable"),
    [
        (VMLoad(2.0, NOW, 3600.0), 2.0, 2.0),  # nothing is known but the mean
        (varying(2.0, 2.5, 0.0), 2.5, 2.0),
        (varying(2.0, 1.5, 0.1), 1.5, 1.5),
        (varying(2.0, 3.0, 0.5), 3.0, 1.0),
        (varying(1.0, 4.0, 2.0), 4.0, 0.0),  # a burst
        (varying(2.0, 2.0, None), 2.0, 2.0),
    ],
)
def test_expected_and_dependable_load(own: VMLoad, expected: float, dependable: float) -> None:
    assert (own.expected_cpus, own.dependable_cpus) == (expected, dependable)


def with_loads(seen: Snapshot, loads: dict[int, VMLoad]) -> Snapshot:
    return replace(seen, vms=tuple(replace(v, load=loads.get(v.id, v.load)) for v in seen.vms))


@pytest.mark.parametrize("strategy", ["optimal", "adaptive"])
def test_a_steady_vm_leaves_rather_than_one_that_has_a_burst(strategy: str) -> None:
    bursting, steady = varying(1.0, 3.0, 1.2), varying(3.0, 3.0, 0.1)
    seen = with_loads(world([3.0, 3.0, 2.9, 2.5], 11.4), {1: bursting, 2: steady})
    assert [m.vm_id for m in plan(seen, policy(strategy)).moves] == [2]


def test_adaptive_says_that_the_documented_rule_would_move_a_vm_that_has_a_burst() -> None:
    seen = with_loads(world([3.0, 3.0, 2.9, 2.5], 11.4), {1: varying(1.0, 3.0, 1.2), 2: varying(3.0, 3.0, 0.1)})
    choice = plan(seen, policy("adaptive")).choice
    assert choice is not None and (choice.strategy, choice.reason) == ("optimal", Reason.of("choice-steadier", nodes=1))


def test_the_latest_loads_count_where_steady_ones_cannot_relieve_the_node() -> None:
    seen = world([3.0, 3.0, 3.0, 2.5], 11.5)
    seen = with_loads(seen, {v.id: varying(1.0, 3.0, 2.0) for v in seen.vms})
    new_plan = plan(seen, policy("optimal"))
    assert len(new_plan.moves) == 1 and new_plan.overloaded_after == ()


def test_a_vm_goes_to_the_node_with_the_lowest_load_and_not_to_the_one_with_the_least_allocated() -> None:
    seen = world([3.0, 3.0, 2.9, 2.5], 11.4)
    calm = {2: (20, 2.0), 3: (0, 6.0)}  # node: vCPUs allocated, load
    nodes = tuple(
        replace(n, vcpus_allocated=calm[n.id][0], measured=measured(load1=calm[n.id][1])) if n.id in calm else n
        for n in seen.nodes
    )
    assert [m.target_id for m in plan(replace(seen, nodes=nodes), policy("optimal")).moves] == [2]


WORLDS = st.builds(
    world,
    st.lists(st.one_of(st.none(), st.floats(0.0, 4.0)), min_size=1, max_size=12),
    st.floats(0.0, 40.0),
    st.integers(1, 3),
    st.floats(0.0, 9.9),
)


@settings(max_examples=examples(600), deadline=None)
@given(WORLDS, st.sampled_from(STRATEGIES), st.integers(1, 20))
def test_no_plan_overloads_a_target_or_moves_without_need(seen: Snapshot, strategy: str, most: int) -> None:
    new_plan: Plan = plan(seen, policy(strategy, most))
    assert len(new_plan.moves) <= most
    assert len({m.vm_id for m in new_plan.moves}) == len(new_plan.moves)
    state = WorkingState(seen, Policy(), Recent())
    loads = {n.id: n.measured.load1 for n in seen.nodes if n.measured is not None}
    vms = {v.id: v for v in seen.vms}
    for move in new_plan.moves:
        result = vms[move.vm_id]
        brings = state.load_of(Candidate(result, result.vcpus or 0, result.memory_mib or 0))
        loads[move.source_id], loads[move.target_id] = loads[move.source_id] - brings, loads[move.target_id] + brings
        assert loads[move.target_id] <= CPUS + 1e-6
        assert (move.target_after.cpu_load or 0.0) * CPUS == pytest.approx(loads[move.target_id], abs=1e-6)
    if new_plan.bound is not None and new_plan.effort is not None and not new_plan.overloaded_after_all:
        assert new_plan.bound.moves is None or new_plan.bound.moves <= new_plan.effort.moves


@settings(max_examples=examples(200), deadline=None)
@given(WORLDS, st.sampled_from(STRATEGIES))
def test_a_plan_by_own_loads_is_the_same_every_time(seen: Snapshot, strategy: str) -> None:
    assert plan(seen, policy(strategy)) == plan(seen, policy(strategy))
