"""Tests of the benchmark itself: the referee, the generator, the peers, the simulated days."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from balancer.formats import neutral
from balancer.model import Recent
from balancer.policy import STRATEGIES
from balancer.state import WorkingState
from balancer.strategies.exact.model import build_model
from benchmarks import (
    campaign,
    churn,
    closed_loop,
    default_rule,
    demands,
    full_clusters,
    generate,
    hbal,
    hbal_rule,
    load_loop,
    load_traces,
    load_world,
    peers,
    referee,
    room,
    seed_greedy,
    startup,
    tables,
)
from benchmarks.instance import Instance, State
from benchmarks.process import measured

needs_hbal = pytest.mark.skipif(not hbal.available(), reason="hbal (Debian: ganeti-htools) is not installed")


def small(**changes: Any) -> dict[str, Any]:
    """Three nodes: the first overloaded in CPU (8.0 of 7.0), two of its VMs may leave."""
    nodes = [{"id": f"n{i}", "name": f"n{i}", "cpus": 10, "ram_mib": 1000, "qemu": "8.2"} for i in range(3)]
    vms = [{"id": i, "name": f"v{i}", "node": "n0", "vcpus": 40, "ram_mib": 100} for i in range(2)]
    return {"format": "vmbal-1", "name": "small", "nodes": nodes, "vms": vms, **changes}


def move(vm: Any, source: str, target: str) -> dict[str, Any]:
    return {"vm": vm, "from": source, "to": target}


# --- the referee


def test_the_referee_replays_and_measures() -> None:
    verdict = referee.judge(Instance.of(small()), [move(0, "n0", "n1")])
    assert (verdict.overloaded_before, verdict.overloaded_after) == (1, 0)
    assert (verdict.accepted, verdict.rejected, verdict.cleared_after) == (1, 0, 1)
    assert verdict.gib == 100 / 1024
    # CPU ratios 4, 4, 0 and memory 10, 10, 0 % after it.
    assert math.isclose(verdict.spread_after, math.sqrt(32 / 9) + math.sqrt(0.02 / 9))
    assert verdict.curve[1] == verdict.spread_after


def changed(kind: str, number: int, **fields: Any) -> dict[str, Any]:
    document = small()
    document[kind][number] |= fields
    return document


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (small(thresholds={"cpu_ratio": 3.9, "mem_pct": 70}), "target's CPU over the threshold"),
        (small(thresholds={"cpu_ratio": 7, "mem_pct": 9.9}), "target's memory over the threshold"),
        (changed("nodes", 1, maintenance=True), "target in maintenance or excluded"),
        (changed("nodes", 1, excluded=True), "target in maintenance or excluded"),
        (changed("nodes", 1, creation_allowed=False), "target takes no VMs"),
        (changed("nodes", 1, qemu="8.1.9"), "older QEMU"),
        (changed("nodes", 0, maintenance=True), "VM may not move"),
        (changed("vms", 0, state="stopped"), "VM may not move"),
        (changed("vms", 0, has_iso=True), "VM may not move"),
        (changed("vms", 0, has_snapshot=True), "VM may not move"),
        (changed("vms", 0, balancer_enabled=False), "VM may not move"),
        (changed("vms", 0, last_migrated_s=3599), "VM may not move"),
        (changed("vms", 0, node="n1"), "VM is elsewhere"),
    ],
)
def test_referee_rejects_an_illegal_move_and_continues(document: dict[str, Any], why: str) -> None:
    verdict = referee.judge(Instance.of(document), [move(0, "n0", "n1"), move(99, "n0", "n1")])
    assert verdict.accepted == 0 and verdict.curve == {}
    assert verdict.reasons == {why: 1, "no such VM or node": 1}


def test_a_threshold_may_be_reached_but_not_passed() -> None:
    exact = small(thresholds={"cpu_ratio": 4.0, "mem_pct": 10.0})
    assert referee.judge(Instance.of(exact), [move(0, "n0", "n1")]).accepted == 1


def test_vm_limit_counts_vms_that_arrived_during_the_plan() -> None:
    full = changed("nodes", 1, vm_limit=1)
    verdict = referee.judge(Instance.of(full), [move(0, "n0", "n1"), move(1, "n0", "n1")])
    assert verdict.accepted == 1 and verdict.reasons == {"target's VM limit": 1}


# --- instances and planners


def test_the_generator_makes_the_same_instance_for_the_same_name() -> None:
    name = "gen-32x600-tight"
    assert generate.named(name) == generate.named(name)
    assert generate.named(name)["vms"] != generate.named(f"{name}-2")["vms"]
    instance = Instance.of(generate.named(name))
    state = State(instance)
    # The figures that all published results of these instances begin with.
    assert sum(map(state.overloaded, instance.active)) == 11
    assert round(referee.spread(state), 3) == 0.965


def test_every_strategy_is_accepted_by_the_referee(tmp_path: Path) -> None:
    name = "gen-8x100-tight"
    record = peers.compare(name, tmp_path, lambda _text: None, rounds=1, with_bounds=False)
    rows = [row for row in record["rows"] if row["planner"].startswith(peers.OUR)]
    assert {row["planner"].removeprefix(peers.OUR).split(",")[0] for row in rows} == set(STRATEGIES)
    for row in record["rows"]:
        assert "problem" not in row and row["rejected"] == 0 and row["accepted"] > 0, row
        assert row["rss_mib"] > 5 and 0 <= row["plan_s"] <= row["wall_s"]
    for lines in (tables.clearing_table([record]), tables.spread_table([record])):
        assert any(name in line for line in lines)
    # Without the peer there is nothing to stand beside.
    assert any(name in line for line in tables.ratio_table([record])) is hbal.available()


def test_greedy_of_the_specification_leaves_the_known_overload() -> None:
    instance = Instance.of(generate.named("gen-32x600-tight"))
    plan = seed_greedy.named(instance, seed_greedy.SeedGreedy(instance).plan())
    verdict = referee.judge(instance, plan)
    assert (verdict.overloaded_after, verdict.accepted, verdict.rejected, round(verdict.gib)) == (10, 16, 0, 56)


def test_failing_or_hanging_planner_is_reported_as_a_result(tmp_path: Path) -> None:
    assert "such file" in str(measured(("benchmarks.seed_greedy", str(tmp_path / "none.json")), 60).problem)
    late = measured(("http.server", "0", "--bind", "127.0.0.1"), 0.5)
    assert late.document is None and "not finished" in str(late.problem)


def test_results_stay_within_the_bounds() -> None:
    bounds = pytest.importorskip("benchmarks.bounds", reason="the packages of requirements/bench.txt are missing")
    instance = Instance.of(generate.named("gen-8x100-tight"))
    least = bounds.clearing_bound(instance)
    assert (least.overloaded, least.unclearable, least.moves, least.gib) == (2, 0, 2, 28.0)
    plan = seed_greedy.named(instance, seed_greedy.SeedGreedy(instance).plan())
    verdict = referee.judge(instance, plan, milestones=(1, 2, 3))
    below = bounds.spread_bounds(instance, (1, 2, 3))
    assert all(0 < below[k] <= verdict.curve[k] for k in (1, 2, 3))
    state = State(instance)
    singles = [
        {"vm": instance.vm_ids[vm], "from": instance.node_ids[home], "to": node_id}
        for vm, home in enumerate(instance.home)
        for node, node_id in enumerate(instance.node_ids)
        if state.refusal(vm, node) is None
    ]
    ends = [referee.judge(instance, [move], milestones=(1,)).curve[1] for move in singles]
    assert below[1] == pytest.approx(min(ends), abs=1e-12)


@needs_hbal
def test_hbals_rule_makes_the_moves_that_hbal_makes(tmp_path: Path) -> None:
    path, instance = peers.load("gen-8x100-tight", tmp_path)
    run = measured(("benchmarks.hbal", str(path)), 120)
    assert run.problem is None
    assert not any(instance.frozen) and run.document["moves"]
    moves = hbal_rule.best_moves(cluster_of(instance), 0, defaults=False)
    assert seed_greedy.named(instance, moves) == run.document["moves"]


def cluster_of(instance: Instance) -> hbal_rule.Cluster:
    state, order = State(instance), sorted(set(instance.qemu))
    memory, count = np.array(instance.memory_mib, float), np.array(state.count)
    reserved = np.array([hbal.reserve_mib(instance, n) for n in range(len(memory))])
    return hbal_rule.Cluster(
        cpus=np.array(instance.cpus, float),
        memory=memory,
        memory_cap=memory - reserved + np.array(instance.base_mib),
        cpu_limit=instance.cpu_limit,
        takes=np.array(instance.open),
        qemu=np.array([order.index(q) for q in instance.qemu]),
        vcpus=np.array(state.vcpus, float),
        used=np.array(state.used_mib, float),
        count=count,
        vm_room=np.array([limit or 10**9 for limit in instance.vm_limit]) - count,
        home=np.array(instance.home),
        vm_vcpus=np.array(instance.vcpus),
        vm_mib=np.array(instance.vm_mib),
        movable=np.array(instance.movable),
    )


# --- what was asked for


def recorded(**changes: Any) -> dict[str, Any]:
    """One run on one instance, in which all is as it was asked for."""
    row = {"tasks": ["clear"], "rejected": 0, "overloaded_after": 0, "plan_s": 0.4, "rss_mib": 140.0, "bound": None}
    row |= {"accepted": 171, "gib": 4948.4, "curve": {}} | changes
    rows = [{**row, "planner": f"{peers.OUR}optimal, {goal}"} for goal in ("moves", "memory", "time")]
    rows.append({**row, "planner": f"{peers.OUR}balance", "tasks": ["even"], "curve": {"1": 0.5, "20": 0.46}})
    rows.append({**row, "planner": "hbal", "tasks": ["even"], "curve": {"1": 0.5, "20": 0.47, "50": 0.1}})
    bounds = {"clear": {"unclearable": 0, "moves": 171, "gib": 4900.0}, "spread": {"1": 0.3, "20": 0.4}}
    return {"peers": [{"name": "gen-512x12000-tight", "nodes": 1000, "rows": rows, "bounds": bounds}]}


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, set()),
        ({"rejected": 1}, {"no rejected move, in any plan"}),
        ({"overloaded_after": 1}, {"optimal: nothing left overloaded that can be cleared"}),
        ({"accepted": 172}, {"optimal, moves: at most 171 on gen-512x12000-tight"}),
        ({"gib": 4950.0}, {"optimal, moves: no more GiB than an exact solver"}),
        ({"plan_s": 0.51}, {"optimal at 1,000 nodes: at most 0.5 s and 150 MiB"}),
        ({"rss_mib": 151.0}, {"optimal at 1,000 nodes: at most 0.5 s and 150 MiB"}),
    ],
)
def test_goals_are_compared_with_results(changes: dict[str, Any], missed: set[str]) -> None:
    items = list(demands.demands(recorded(**changes)))
    below = "balance: J below hbal's at every k"
    assert {d.what for d in items if not d.met} == missed | {below}
    assert next(d.reached for d in items if d.what == below) == "1 of 2; not gen-512x12000-tight at 1 (equal)"
    assert sum("**no**" in line for line in demands.demands_table(items)) == len(missed) + 1


def test_unreachable_goal_is_distinguished_from_a_missed_one() -> None:
    own = {"moves": 170, "fewest_moves_mib": 1024 * 5000}
    recording = recorded(accepted=170, gib=5001.0, bound=own)
    recording["peers"][0]["bounds"]["spread"]["1"] = 0.5
    result = {d.what: d for d in demands.demands(recording)}
    for what in ("optimal, moves: no more GiB than an exact solver", "balance: J below hbal's at every k"):
        assert (result[what].met, result[what].possible) == (False, False), result[what]
    assert any("nobody can" in line for line in demands.demands_table(demands.demands(recording)))
    recording = recorded(accepted=170, gib=5001.0, bound={**own, "moves": 169})
    assert all(d.possible for d in demands.demands(recording))


def test_day_or_cycle_below_its_goal_is_marked() -> None:
    day = {"instance": "gen-32x600-tight", "budget": 1, "strategy": "optimal, moves", "floor_percent": 0.1}
    days = [{**day, "overloaded_percent": 0.15, "returned": 1, "moves": 9}]
    cycle = {"longest_stall_ms": 51.0, "longest_own_stall_ms": 9.0, "reads_a_cycle": 3.0, "rss_mib": 249.0}
    met = {d.what: d.met for d in demands.demands({"peers": [], "closed_loop": days, "cycle": cycle})}
    assert list(met.values()) == [False, False, False, True, True]


# --- days


HALF_A_DAY = closed_loop.Scene("gen-8x100-tight", 0.5)


@pytest.mark.parametrize("strategy", [closed_loop.NOTHING, *closed_loop.strategies(), closed_loop.HBAL])
@pytest.mark.slow
def test_same_seed_gives_the_same_days(strategy: str) -> None:
    scene = HALF_A_DAY if strategy != closed_loop.BALANCE else closed_loop.Scene("gen-8x100-tight", 0.02)
    one, other = (closed_loop.simulate(scene, strategy, 1) for _ in range(2))
    figures = [{**vars_of(o), "slowest_plan_s": None} for o in (one, other)]
    assert figures[0] == figures[1]
    assert (one.moves > 0) is (strategy != closed_loop.NOTHING)
    assert one.floor_percent < one.overloaded_percent < 100 and one.stale == 0
    assert any(strategy in line for line in tables.closed_loop_table([vars_of(one)]))


def test_lower_bound_of_a_closed_loop() -> None:
    """Two of these nodes begin overloaded: one of them stays so for a cycle when one VM may move in each."""
    habits = churn.Habits(replaced=0.0, resized=0.0)
    scene = closed_loop.Scene("gen-8x100-tight", 0.5, habits=habits)
    nodes, cycles = 8, 72
    assert [closed_loop.floor(scene, budget) for budget in (0, 1, 2)] == [
        pytest.approx(100 * 2 / nodes),
        pytest.approx(100 / nodes / cycles),
        0,
    ]
    assert closed_loop.simulate(scene, f"{closed_loop.OPTIMAL}, moves", 1).overloaded_percent > 100 / nodes / cycles


def vars_of(outcome: closed_loop.Outcome) -> dict[str, Any]:
    return {name: getattr(outcome, name) for name in outcome.__slots__}


def test_customers_act_independently_of_the_balancer() -> None:
    sizes = []
    for moved in (False, True):
        world = churn.World.of(generate.named("gen-8x100-tight"), churn.Habits(replaced=0.5), seed=1)
        if moved:
            world._place(world.vms[0], (world.vms[0].node_id or 0) ^ 1)
        for event in churn.events(world.habits, 100, churn.DAY_S, seed=1):
            world.advance(event.at_s)
            world.happen(event)
        sizes.append([(vm.id, vm.vcpus, vm.memory_mib) for vm in sorted(world.vms.values(), key=lambda v: v.id)])
    assert sizes[0] == sizes[1]


def test_summary_of_a_world() -> None:
    """One VM goes there and back within a day: two moves, one return; the time between is counted to the second."""
    document = json.loads(json.dumps(small()))
    world = churn.World.of(document, churn.Habits(failing=0.0), seed=1)
    assert world.overloaded == {0}
    for target in (1, 0):
        ends = world.start_migration(0, target)
        assert ends == world.now_s + 20 + 100 * churn.BITS_PER_MIB / 1e9
        world.advance(ends)
        world.end_migration(0)
        world.advance(world.now_s + 100)
    account = world.account
    assert (account.moves, account.returned, account.mib) == (2, 1, 200)
    one = 20 + 100 * churn.BITS_PER_MIB / 1e9
    assert math.isclose(account.overloaded_seconds, one + 100)
    assert math.isclose(account.node_seconds, 3 * (2 * one + 200))
    assert account.clear_at_s is not None and math.isclose(account.clear_at_s, one)


def days_of(world: str, **left_and_moves: tuple[float, int]) -> list[dict[str, Any]]:
    """A record for each strategy in two draws of this world: percent overloaded, and moves."""
    named = {"nothing": (20.0, 0), "smallest-first": (9.0, 40), "optimal, moves": (0.10, 20), **left_and_moves}
    return [
        {"world": world, "seed": seed, "days": 14.0, "strategy": strategy, "slowest_plan_s": 0.5}
        | {"overloaded_percent": left, "moves": moves + (seed - 1) * 2}
        for strategy, (left, moves) in named.items()
        for seed in (1, 2)
    ]


@pytest.mark.parametrize(
    ("adaptive", "met"), [((0.11, 25), True), ((0.121, 20), False), ((0.10, 26), False), ((0.05, 12), True)]
)
def test_what_runs_by_default_is_judged_in_every_world(adaptive: tuple[float, int], met: bool) -> None:
    records = [*days_of("8 nodes, tight", adaptive=(0.1, 20)), *days_of("32 nodes, easy", adaptive=adaptive)]
    judged = default_rule.demand(records)
    assert (judged.met, "32 nodes, easy" in judged.reached) == (met, not met)
    first, second = default_rule.rows(records)
    assert (first[0], first[1:5]) == (
        "8 nodes, tight, 14 days (2)",
        ("20.000 %", "9.000 % / 41", "0.100 % / 21", "0.100 % / 21"),
    )
    assert second[5] == f"{adaptive[0] / 0.1:.2f} / {(adaptive[1] + 1) / 21:.2f}"


def test_a_slow_start_exceeds_the_limit_and_a_quick_one_does_not() -> None:
    taken = {startup.BARE: 0.02, startup.VERSION: 0.05, startup.PLAN: 0.17}
    assert [d.met for d in startup.demands(taken)] == [True, False]


def tiny_cluster(seed: int) -> dict[str, Any]:
    rng = random.Random(seed)
    nodes = [
        {"id": i, "cpus": rng.choice([4, 8, 12]), "ram_mib": 1024 * rng.choice([32, 48, 64]), "ram_base_mib": 512}
        | {
            "qemu": rng.choice(["7.2.0", "8.2.0"]),
            "creation_allowed": rng.random() > 0.1,
            "vm_limit": rng.choice([0, 3]),
        }
        for i in range(rng.randint(2, 4))
    ]
    vms = []
    for i in range(rng.randint(3, 6)):
        vcpus = rng.choice([1, 2, 4, 8, 16])
        home = rng.randrange(len(nodes)) if rng.random() < 0.5 else 0
        vms.append({"id": i, "node": home, "vcpus": vcpus, "ram_mib": 1024 * min(24, vcpus * rng.choice([1, 2, 4]))})
    return {"name": "tiny", "nodes": nodes, "vms": vms}


def least_spread(state: State, moves: int) -> float:
    """J of the best plan with at most this many moves, by trying all."""
    best = referee.spread(state)
    for vm, source in enumerate(state.place) if moves else ():
        for target in range(len(state.instance.cpus)):
            if state.refusal(vm, target) is None:
                state.apply(vm, target)
                best = min(best, least_spread(state, moves - 1))
                state.apply(vm, source)
    return best


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_no_plan_gets_below_the_bounds_on_j(seed: int) -> None:
    whole_vms = pytest.importorskip("benchmarks.whole_vms", reason="the packages of requirements/bench.txt are missing")
    instance, moves = Instance.of(tiny_cluster(seed)), 1 + seed % 3
    cluster, start = whole_vms.Cluster(instance), referee.spread(State(instance))
    least = least_spread(State(instance), moves)
    relaxed, whole = cluster.relaxation.bound(moves), whole_vms.spread_bound(cluster, moves, start)
    assert relaxed <= whole <= least + 1e-9


def test_an_empty_plan_is_computed_again_only_when_something_has_changed() -> None:
    case = neutral.read(generate.named("gen-8x100-tight"), max_moves=1)
    overloaded = replace(case.policy, cpu_overload_ratio=0.5, memory_overload_percent=5.0)
    planner = closed_loop._planner("smallest-first", overloaded)
    assert planner is not None
    assert planner(case.snapshot, case.recent, 1) == planner(case.snapshot, case.recent, 1) == []
    roomy = replace(
        case.snapshot, nodes=tuple(replace(n, cpus=1000, memory_mib=10**8) for n in case.snapshot.nodes[:-1])
    )
    assert planner(replace(roomy, nodes=(*roomy.nodes, case.snapshot.nodes[-1])), case.recent, 1) != []


# --- VMs with loads of their own


def test_missing_samples_of_a_trace_repeat_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "loads.csv"
    path.write_text("vm,vcpus,percent\n1,4,,10,,250\n2,1,,,,\n", "utf-8")
    [trace] = load_traces.read(path)
    assert trace.tolist() == [0.1, 0.1, 0.1, 1.0]


def test_a_file_without_a_trace_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "loads.csv"
    path.write_text("vm,vcpus,percent\n", "utf-8")
    with pytest.raises(ValueError, match="no trace"):
        load_traces.read(path)


def _loads() -> load_world.LoadWorld:
    return load_world.build(load_traces.drawn(0.1), nodes=4, vms=60, days=0.1, seed=1)


def test_vms_want_no_more_than_their_vcpus_and_the_mean_load_is_as_described() -> None:
    world = _loads()
    vcpus = np.array([vm.vcpus for vm in world.vms], dtype=float)
    assert (world.demand <= vcpus[:, None] + 1e-9).all()
    cpus = sum(node.cpus or 0 for node in world.nodes)
    assert world.demand.sum(axis=0).mean() / cpus == pytest.approx(load_world.MEAN_LOAD, rel=0.01)


def test_a_planner_sees_the_loads_of_the_steps_before_and_nothing_of_the_next() -> None:
    world, other = _loads(), _loads()
    other.demand[:, other.step :] = 0.0
    for source in load_loop.SOURCES:
        assert world.snapshot(source) == other.snapshot(source)
    hour = world.snapshot(load_world.HOUR).vms[0].load
    now = world.snapshot(load_world.NOW).vms[0].load
    assert hour is not None and now is not None and hour.latest_cpus == pytest.approx(now.cpus)
    assert world.snapshot(load_world.SHARES).vms[0].load is None


def test_vms_of_an_overloaded_node_get_all_its_cpus_and_no_more() -> None:
    world = _loads()
    loads = world.node_loads(world.step)
    world.pass_step()
    got = np.bincount(world.home, world.used[-1], len(world.nodes))
    cpus = np.array([node.cpus for node in world.nodes], dtype=float)
    assert got == pytest.approx(np.minimum(loads, cpus))


def test_own_loads_leave_less_overloaded_than_nothing_and_few_moves_are_hollow() -> None:
    scene = load_loop.LoadScene(8, 250, 0.25, seed=3)
    nothing = load_loop.simulate(scene, load_loop.NOTHING, load_loop.SHARES)
    own = load_loop.simulate(scene, "adaptive", load_loop.HOUR)
    assert own == replace(
        load_loop.simulate(scene, "adaptive", load_loop.HOUR), plan_s=own.plan_s, slowest_s=own.slowest_s
    )
    assert own.overloaded_percent < nothing.overloaded_percent
    assert 0 < own.relieving <= own.moves and own.hollow < own.relieving / 2


def test_exact_model_of_full_clusters_clears_as_much_as_the_planner_and_proves_it_the_most() -> None:
    pytest.importorskip("ortools", reason="the packages of requirements/bench.txt are missing")
    cleared, beyond = full_clusters.draw(23), full_clusters.draw(21)
    answer = full_clusters.ask(*cleared)
    assert (answer.overloaded, answer.left, answer.moves, answer.proven) == (3, 0, 3, True)
    model = build_model(WorkingState(*cleared, Recent()))
    assert full_clusters.Placements(model, 0).best(30.0) == ("better", 3)
    model = build_model(WorkingState(*beyond, Recent()))
    assert full_clusters.Placements(model, 0).best(30.0) == ("impossible", 0)


def test_room_agrees_with_the_exact_model() -> None:
    pytest.importorskip("ortools", reason="the packages of requirements/bench.txt are missing")
    for name in ("gen-8x100-easy", "gen-8x100-tight"):
        lost = room.lost_nodes(campaign.in_service(generate.named(name)))
        assert (lost["wrong"], lost["no"] + lost["undecided"]) == (0, lost["exact"])
    made = room.new_vm(campaign.in_service(generate.named("gen-8x100-tight")))
    assert made is not None and (made["moves"], made["illegal"]) == (made["bound"], 0)
