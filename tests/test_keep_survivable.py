"""KEEP_SURVIVABLE: no plan uses the room for a node that could be lost, compared with a complete search."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
from bot_fixture import HOT_WORLD, running_bot
from core_builders import after, node, snapshot, vm
from hypothesis_profile import THOROUGH
from survival_oracle import World, has_room

from balancer.groups import APART, TOGETHER, VMRule
from balancer.model import Plan, Purpose, Reason, Recent, Rejection
from balancer.planner import plan
from balancer.policy import PHYSICAL, STRATEGIES, Policy
from balancer.requests.drain import drain
from balancer.requests.fill import fill
from balancer.requests.move import single_move
from balancer.survival.keep import with_warning
from balancer.survival.survive import survive
from balancer.survival.values import SurvivalVerdict
from bot.domain.proposals import MigrationState


def survivable(world: World) -> set[int]:
    return {n.id for n in world.snapshot.nodes if has_room(world, [n.id])}


def crowded(seed: int) -> World:
    """Some nodes have too many vCPUs, and memory is just enough, or nearly, for the loss of a node."""
    rng = random.Random(seed)
    count = rng.randint(3, 5)
    vms = [
        vm(i, node_id=rng.randint(1, count), vcpus=rng.choice([1, 2, 4]), memory_mib=1024 * rng.choice([1, 2, 4, 6]))
        for i in range(1, rng.randint(3, 5) * count)
    ]
    total = sum(v.memory_mib or 0 for v in vms)
    memory = round(total / (count - 1) * rng.choice([1.0, 1.1, 1.2, 1.4]) / 1024) * 1024
    nodes = []
    for i in range(1, count + 1):
        own = [v for v in vms if v.node_id == i]
        vcpus, mib = sum(v.vcpus or 0 for v in own), sum(v.memory_mib or 0 for v in own)
        nodes.append(
            node(
                i,
                cpus=4,
                memory_mib=max(memory, mib),
                vcpus_allocated=vcpus,
                memory_allocated_mib=mib,
                vm_count=len(own),
                vm_limit=rng.choice([None, None, None, len(own) + 2]),
                qemu_version=rng.choice(["7.2.0"] * 6 + ["8.2.1"]),
            )
        )
    loads = sorted((n.vcpus_allocated or 0) / 4 for n in nodes)
    ids = [v.id for v in vms]
    policy = Policy(
        strategy=STRATEGIES[seed % len(STRATEGIES)],
        cpu_overload_ratio=max(0.5, rng.uniform(loads[0], loads[-1])),
        cpu_target_score=100.0,
        memory_overload_percent=100.0,
        memory_target_percent=100.0,
        max_moves=0,
        balance_margin=0.0,
        balance_deadband=0.0,
        survive_up_to=PHYSICAL,
        keep_survivable=True,
        rules=tuple(
            VMRule(rng.choice([APART, TOGETHER]), f"r{k}", vm_ids=tuple(rng.sample(ids, 2)))
            for k in range(rng.choice([0, 0, 1]))
        ),
    )
    return World(snapshot(nodes, vms), policy)


def check_keeps(world: World, new_plan: Plan) -> int:
    """After each move every node that could be lost before can still be lost. Returns the number of moves."""
    policy = world.policy
    if new_plan.purpose is Purpose.DRAIN:
        policy = policy.with_exclusions(frozenset(), frozenset(m.source_id for m in new_plan.moves))
    world = World(world.snapshot, policy)
    before = survivable(world)
    for move in new_plan.moves:
        world = World(after(world.snapshot, move), policy)
        assert before <= survivable(world), move
    return len(new_plan.moves)


def plans_of(world: World, seed: int) -> list[Plan]:
    node_id = seed % len(world.snapshot.nodes) + 1
    return [plan(*world), drain(*world, Recent(), node_id), fill(*world, Recent(), node_id)]


def takes_away(world: World, new_plan: Plan) -> bool:
    try:
        check_keeps(world, new_plan)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("seed", range(40))
def test_no_plan_takes_room_away(seed: int) -> None:
    world = crowded(seed)
    for new_plan in plans_of(world, seed):
        check_keeps(world, new_plan)


def test_plans_without_the_setting_do_take_room_away() -> None:
    worlds = ((seed, crowded(seed)) for seed in range(40))
    free = ((seed, World(w.snapshot, replace(w.policy, keep_survivable=False))) for seed, w in worlds)
    assert sum(takes_away(world, new_plan) for seed, world in free for new_plan in plans_of(world, seed)) >= 10


@pytest.mark.slow
def test_none_of_ten_thousand_plans_takes_room_away() -> None:
    """Ten thousand with `make thorough`, five hundred without it."""
    worlds = 3334 if THOROUGH else 167
    plans = moves = 0
    for seed in range(1000, 1000 + worlds):
        world = crowded(seed)
        for new_plan in plans_of(world, seed):
            plans += 1
            moves += check_keeps(world, new_plan)
    assert plans >= 3 * worlds and moves > plans / 2


@pytest.fixture
def fragile() -> World:
    """Node 1 is overloaded. Its VM fits on node 2 only, and then node 3 can no longer be lost."""
    seen = snapshot(
        [
            node(1, vcpus_allocated=71, vm_count=1),
            node(2, vcpus_allocated=58, vm_count=0),
            node(3, vcpus_allocated=60, vm_count=1),
            node(4, vcpus_allocated=70, vm_count=0),
        ],
        [vm(11, vcpus=6), vm(13, node_id=3, vcpus=12, memory_mib=1_000)],
    )
    return World(seen, Policy())


def test_move_that_takes_room_away_is_not_planned_and_the_reason_is_named(fragile: World) -> None:
    seen, policy = fragile
    assert {loss.node_ids: loss.verdict for loss in survive(*fragile).losses}[3,] is SurvivalVerdict.YES
    assert [m.key for m in plan(seen, policy).moves] == [(11, 1, 2)]
    keeps = replace(policy, keep_survivable=True)
    kept = plan(seen, keeps)
    lost = Reason.of("vm-keeps-survivable", node="n3", vms=1)
    assert kept.moves == () and [r.reason for r in kept.rejections if r.id == 11] == [lost]
    drained = drain(seen, keeps, Recent(), 1)
    assert drained.moves == () and [r.reason for r in drained.rejections] == [lost]
    single = single_move(seen, keeps, Recent(), vm_id=11, target_id=2, purpose=Purpose.TARGET)
    assert single == Rejection("vm", 11, "v11", lost)


def test_plan_warns_where_the_setting_is_off(fragile: World) -> None:
    seen, policy = fragile
    warned = with_warning(seen, policy, Recent(), plan(seen, policy))
    assert warned.cautions == (Reason.of("caution-survive-lost", node="n3", vms=1),)
    roomy = replace(seen, nodes=tuple(replace(n, vcpus_allocated=30) if n.id == 4 else n for n in seen.nodes))
    harmless = plan(roomy, policy)
    assert harmless.moves and with_warning(roomy, policy, Recent(), harmless) is harmless


def test_running_migration_does_not_hide_that_room_is_taken_away(fragile: World) -> None:
    seen, policy = fragile
    busy = Recent(busy_nodes=frozenset({3, 4}))
    assert plan(seen, replace(policy, keep_survivable=True), busy).moves == ()


@pytest.mark.parametrize(("keeps", "state"), [(True, MigrationState.STALE), (False, MigrationState.SUCCEEDED)])
async def test_move_that_would_take_room_away_meanwhile_is_not_started(
    tmp_path: Path, keeps: bool, state: MigrationState
) -> None:
    """After the approval the target fills up: the move still fits there, but then `mild` can no longer be lost."""
    async with running_bot(tmp_path, HOT_WORLD, balance_strategy="optimal", keep_survivable=keeps) as fixture:
        await fixture.propose()
        await fixture.decide()
        [waiting] = await fixture.migrations()
        assert (waiting.move.source_name, waiting.move.vcpus) == ("hot", 16)
        others = [2, 3] if waiting.move.target_id == 2 else [3, 2]
        for i, vcpus in enumerate([16] * (5 if others[0] == 2 else 4) + [4]):
            fixture.panel.world.add_vm({"id": 200 + i, "name": f"new-{i}", "node": others[0], "cpu_number": vcpus})
        fixture.start()
        await fixture.reached(fixture.executor.idle)
        [ended] = await fixture.migrations()
        assert ended.state is state
        assert len(fixture.posts()) == (0 if keeps else 1)
        if keeps:
            assert ended.reason is not None and ended.reason.code == "vm-keeps-survivable"
