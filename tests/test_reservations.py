"""Reserved room: no move takes it, people see it, and it ends by time, by a press or by the VM that takes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA
from chat_fixture import running
from core_builders import measured, node, snapshot, vm
from core_worlds import build_world
from test_charts import said
from test_room_requests import FULL, asked

from balancer.formats.codec import policy_from_dict, policy_to_dict
from balancer.model import Plan, Purpose, Recent, Rejection, Snapshot
from balancer.planner import plan
from balancer.policy import STRATEGIES, Policy, ReservedRoom
from balancer.requests.drain import drain
from balancer.requests.fill import fill
from balancer.requests.make_room import make_room
from balancer.requests.move import single_move
from balancer.requests.place import place
from balancer.rules.constraints import check_move
from balancer.scoring import most_mib, most_vcpus
from bot.domain.reservations import MOST_IN_CLUSTER

FREE: dict[str, Any] = {"nodes": FULL["nodes"], "vms": [v for v in FULL["vms"] if v["id"] % 10 < 2]}
"""Two nodes with 16 of 56 vCPUs taken."""


def taken(seen: Snapshot, new_plan: Plan) -> dict[int, list[int]]:
    """Node -> vCPUs, MiB and VMs after the plan, of the nodes that only take VMs."""
    figures = {n.id: [n.vcpus_allocated or 0, n.memory_allocated_mib or 0, n.vm_count or 0] for n in seen.nodes}
    for move in new_plan.moves:
        figures[move.target_id][0] += move.vcpus
        figures[move.target_id][1] += move.memory_mib
    sources = {move.source_id for move in new_plan.moves}
    return {m.target_id: figures[m.target_id] for m in new_plan.moves if m.target_id not in sources}


@pytest.mark.parametrize("seed", range(24))
def test_no_plan_takes_reserved_room(seed: int) -> None:
    seen, policy, recent = build_world(seed, nodes=6, vms=20, defects=0, over_ssh=seed % 3 == 0)
    held = {i: ReservedRoom(i, 1 + seed % 4, 50 * (1 + seed % 3)) for i in range(2, 7) if (seed + i) % 2}
    policy = replace(policy, strategy=STRATEGIES[seed % 4], max_moves=0, reservations=tuple(held.values()))
    plans = [
        plan(seen, policy, recent),
        *(make(seen, policy, recent, n.id) for n in seen.nodes for make in (drain, fill)),
    ]
    for new_plan in plans:
        for node_id, (vcpus, mib, _) in taken(seen, new_plan).items():
            if node_id in held:
                there, r = next(n for n in seen.nodes if n.id == node_id), held[node_id]
                assert vcpus + r.vcpus <= most_vcpus(there.cpus or 0, policy.cpu_overload_ratio)
                assert mib + r.memory_mib <= most_mib(there.memory_mib or 0, policy.memory_overload_percent)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_reservation_overloads_no_node_and_changes_no_figure(strategy: str) -> None:
    seen = snapshot([node(1), node(2, vcpus_allocated=69, measured=measured())], [vm(1)])
    plain = Policy(strategy=strategy)
    reserving = replace(plain, reservations=(ReservedRoom(1, 1000, 10**9), ReservedRoom(2, 8, 4096)))
    with_room, without = plan(seen, reserving), plan(seen, plain)
    assert with_room.nodes == without.nodes and not with_room.overloaded


def test_single_move_onto_reserved_room_is_refused_by_name() -> None:
    seen = snapshot([node(1), node(2, vcpus_allocated=60)], [vm(1)])
    policy = Policy(reservations=(ReservedRoom(2, 8, 1024),))
    refused = single_move(seen, policy, Recent(), vm_id=1, target_id=2, purpose=Purpose.TARGET)
    assert isinstance(refused, Rejection) and refused.reason.code == "target-reserved"
    again = check_move(seen, policy, Recent(), 1, 2, need_overload=False, purpose=Purpose.TARGET)
    assert again is not None and again.code == "target-reserved", "the check before a start says the same"
    small = single_move(
        seen, Policy(reservations=(ReservedRoom(2, 4, 1024),)), Recent(), vm_id=1, target_id=2, purpose=Purpose.TARGET
    )
    assert isinstance(small, Plan) and small.moves[0].target_before.cpu_ratio == 6.0, "figures are those of the panel"


def test_reserved_room_is_offered_to_no_other_new_vm() -> None:
    seen = snapshot([node(1, vcpus_allocated=50)], [vm(1)])
    assert place(seen, Policy(), 20, 1024).total == 1
    assert place(seen, Policy(reservations=(ReservedRoom(1, 20, 1024),)), 20, 1024).total == 0
    assert make_room(seen, Policy(reservations=(ReservedRoom(1, 20, 1024),)), Recent(), 20, 1024) is None


def test_reservations_are_part_of_a_stored_policy() -> None:
    policy = Policy(reservations=(ReservedRoom(2, 8, 1024),))
    assert policy_from_dict(policy_to_dict(policy)) == policy
    with pytest.raises(ValueError, match="above 0"):
        ReservedRoom(1, 0, 1)


async def test_reserved_room_is_shown_and_released_by_a_press(tmp_path: Path) -> None:
    async with running(tmp_path, FREE) as fixture:
        balancer = await fixture.start()
        answer = await asked(fixture, "/place 32 40 hold 2h", "birch: 32 vCPU", "reserved until", "by Anna")
        [known] = await balancer.service.reservations.active()
        assert (known.node_name, known.vcpus, known.memory_mib) == ("birch", 32, 40 * 1024)
        await asked(fixture, "/status", "reserved until")
        await asked(fixture, "/node birch", "reserved until")
        await asked(fixture, "/place 32 40", "room for one more VM")
        await fixture.pressed(answer, "Release")
        assert await balancer.service.reservations.active() == []
        await asked(fixture, "/place 32 40", "room for 2 more VMs")


async def test_reservation_ends_when_its_vm_appears_and_when_its_time_is_over(tmp_path: Path) -> None:
    async with running(tmp_path, FREE) as fixture:
        balancer = await fixture.start()
        await asked(fixture, "/place 32 40 hold 2h", "birch: 32 vCPU", "reserved")
        await asked(fixture, "/place 32 40 hold 1h", "oak: 32 vCPU", "reserved")
        await balancer.service.cycle.run()
        assert len(await balancer.service.reservations.active()) == 2
        fixture.panel.world.vms[99] = replace(
            fixture.panel.world.vms[10], id=99, name="big <b>", cpu_number=40, ram_mib=41000
        )
        await balancer.service.cycle.run()
        await fixture.message("big <b> is on birch", "no longer reserved")
        assert [r.node_name for r in await balancer.service.reservations.active()] == ["oak"]
        fixture.clock.now += timedelta(hours=1)
        assert await balancer.service.reservations.active() == []
        await balancer.service.cycle.run()
        await fixture.message("the time is over", "oak")


async def test_room_that_planned_moves_free_is_reserved_for_its_own_vm(tmp_path: Path) -> None:
    async with running(tmp_path, FULL) as fixture:
        balancer = await fixture.start()
        await asked(fixture, "/place 12 2 hold 2h", "birch: 12 vCPU", "reserved")
        answer = await asked(fixture, "/place 12 2", "web-0: birch → oak")
        await fixture.pressed(answer, "Propose these")
        [proposal] = await balancer.store.proposals.waiting()
        await fixture.pressed(await fixture.message("Room, requested by", buttons=True), "Approve")
        await fixture.until(lambda: fixture.panel.world.vms[10].node == 2, "the VM has moved")
        await balancer.service.cycle.run()
        assert "no room for a VM" in (await asked(fixture, "/place 12 2", "no room for a VM")).content.text.replace(
            "\xa0", " "
        )
        assert proposal.moves[0].move.source_name == "birch"


@pytest.mark.parametrize(
    ("text", "said_back"),
    [
        ("hold", "no such length"),
        ("hold soon", "soon"),
        ("hold 8d", "at most 7 days"),
        ("hold 0h", "no such length"),
        ("hold 10s", "1 minute to 7 days"),
        ("nowhere hold 2h", "nowhere"),
    ],
)
async def test_bad_reservation_gets_one_clear_error(tmp_path: Path, text: str, said_back: str) -> None:
    async with running(tmp_path, FREE) as fixture:
        balancer = await fixture.start()
        await asked(fixture, f"/place 8 16 {text}", said_back)
        assert await balancer.service.reservations.active() == []


async def test_dry_run_viewers_and_too_many_reserve_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, FREE) as fixture:
        balancer = await fixture.start(dry_run=True)
        said(fixture, "/place 8 16 hold 2h")
        await fixture.message("dry run")
        assert await balancer.service.reservations.active() == []
        await fixture.stop()
        balancer = await fixture.start()
        reserve = balancer.service.reservations.reserve
        made = [await reserve(1, 1, 128, timedelta(hours=1), ANNA) for _ in range(MOST_IN_CLUSTER + 1)]
        assert [m.reservation is not None for m in made] == [True] * MOST_IN_CLUSTER + [False]
        refusal = made[-1].refusal
        assert refusal is not None and refusal.code == "reservation-most"


async def test_two_wishes_at_once_get_different_room(tmp_path: Path) -> None:
    async with running(tmp_path, FREE) as fixture:
        balancer = await fixture.start()
        reserve = balancer.service.reservations.reserve
        made = await asyncio.gather(*(reserve(1, 32, 1024, timedelta(hours=1), ANNA) for _ in range(3)))
        assert sorted(m.reservation.node_name for m in made if m.reservation) == ["birch", "oak"]
