"""Moves that give a cluster room for a lost node again, beside a complete search over all short plans."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_fixture import running
from core_builders import after, node, snapshot, vm
from survival_oracle import draw
from test_make_room import neighbours
from test_room_requests import asked

from balancer.formats.codec import snapshot_to_dict
from balancer.groups import VMRule
from balancer.model import Plan, Purpose, Recent, Snapshot
from balancer.policy import Policy
from balancer.requests.move import single_move
from balancer.survival.restore import restore
from balancer.survival.survive import survive
from balancer.survival.values import SurvivalVerdict
from bot.cli import main

NO, YES = SurvivalVerdict.NO, SurvivalVerdict.YES


def world(seed: int) -> tuple[Snapshot, Policy]:
    """Every third world is drawn with all rules; in the others gaps are split between nodes."""
    if seed % 3 == 0:
        seen, policy = draw(seed, nodes=4, vms=12)
        nodes = tuple(replace(n, measured=None) for n in seen.nodes)
        policy = replace(policy, allow_unknown_versions=True, placement_filters="equal", keep_survivable=False)
        return replace(seen, nodes=nodes), policy
    rng = random.Random(seed)
    count, vms, nodes = rng.choice([4, 5, 5]), [], []
    for i in range(1, count + 1):
        taken, most = 0, rng.choice([35, 40, 45])
        while taken < most:
            size = rng.choice([6, 8, 12, 20, 38])
            vms.append(vm(10 * len(vms) + i, node_id=i, vcpus=size, memory_mib=rng.choice([1000, 4000])))
            taken += size
        own = [v for v in vms if v.node_id == i]
        memory = sum(v.memory_mib or 0 for v in own)
        nodes.append(node(i, vcpus_allocated=taken, memory_allocated_mib=memory, vm_count=len(own)))
    rules = (VMRule("anti-affinity", "r", vm_ids=(vms[0].id, vms[-1].id)),) if seed % 5 == 0 else ()
    return snapshot(nodes, vms), Policy(strategy="optimal", cpu_overload_ratio=7.0, rules=rules)


def verdicts(seen: Snapshot, policy: Policy) -> dict[int, SurvivalVerdict]:
    return {loss.node_ids[0]: loss.verdict for loss in survive(seen, policy).losses}


def shortest(seen: Snapshot, policy: Policy, goal: set[int], most: int) -> int | None:
    """By trying every legal single move that uses no room for another node, again and again."""
    states = [(seen, verdicts(seen, policy))]
    kept = {i for i, verdict in states[0][1].items() if verdict is YES}
    for number in range(1, most + 1):
        following = []
        for state, _ in states:
            for one in neighbours(state, policy):
                found = verdicts(one, policy)
                if any(found[i] is not YES for i in kept):
                    continue
                if all(found[i] is YES for i in goal):
                    return number
                following.append((one, found))
        states = following
    return None


@pytest.mark.parametrize("seed", range(60))
def test_restoring_moves_are_legal_and_as_few_as_a_complete_search_finds(seed: int) -> None:
    seen, policy = world(seed)
    answer = survive(seen, policy)
    found = restore(seen, policy, Recent(), answer.losses)
    broken = {loss.node_ids[0] for loss in answer.losses if loss.verdict is NO}
    if found is None:
        assert not broken
        return
    before, now = verdicts(seen, policy), seen
    for move in found.moves:
        plan = single_move(now, policy, Recent(), vm_id=move.vm_id, target_id=move.target_id, purpose=Purpose.TARGET)
        assert isinstance(plan, Plan), "each move is legal in its turn"
        now = after(now, move)
        later = verdicts(now, policy)
        assert all(later[i] is YES for i, verdict in before.items() if verdict is YES), "no room is used"
    if found.moves:
        assert all(verdicts(now, policy)[i] is YES for i in found.node_ids) and set(found.node_ids) <= broken
    if found.proven:
        most = min(len(found.moves) - 1, 1) if found.moves else 1
        assert shortest(seen, policy, set(found.node_ids), most) is None, "no plan does with fewer"


def test_one_move_joins_two_gaps_for_the_large_vm() -> None:
    """Nodes 2 and 3 have 10 vCPUs free each. The VM of node 1 needs 16: it fits once one VM has moved."""
    nodes = [
        node(1, vcpus_allocated=16, vm_count=1),
        node(2, vcpus_allocated=60, vm_count=1),
        node(3, vcpus_allocated=60, vm_count=0),
    ]
    seen = snapshot(nodes, [vm(11, vcpus=16), vm(12, node_id=2, vcpus=8)])
    policy = Policy(strategy="optimal")
    answer = survive(seen, policy, losses=[(1,)])
    found = restore(seen, policy, Recent(), answer.losses)
    assert found is not None and found.proven and found.node_names == ("n1",)
    assert [move.key for move in found.moves] == [(12, 2, 3)]
    assert found.moves[0].reason.code == "move-survive-room"


def test_moves_cannot_help_where_all_nodes_together_have_too_little() -> None:
    nodes = [node(1, vcpus_allocated=60, vm_count=1), node(2, vcpus_allocated=60, vm_count=0)]
    seen = snapshot(nodes, [vm(11, vcpus=30)])
    found = restore(seen, Policy(), Recent(), survive(seen, Policy(), losses=[(1,)]).losses)
    assert found is not None and found.moves == () and found.proven
    assert found.proof is not None and found.proof.code == "survive-sum"


def test_search_without_work_proves_nothing() -> None:
    seen, policy = next(w for w in map(world, range(60)) if any(x.verdict is NO for x in survive(*w).losses))
    found = restore(seen, policy, Recent(), survive(seen, policy).losses, work=0)
    assert found is not None and (found.proof is not None or not (found.moves or found.proven))


def test_terminal_lists_the_moves_that_restore_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = [
        node(1, vcpus_allocated=16, vm_count=1),
        node(2, vcpus_allocated=60, vm_count=1),
        node(3, vcpus_allocated=60, vm_count=0),
    ]
    path = tmp_path / "s.json"
    path.write_text(
        json.dumps(snapshot_to_dict(snapshot(nodes, [vm(11, vcpus=16), vm(12, node_id=2, vcpus=8)]))), "utf-8"
    )
    assert main(["plan", str(path), "--survive", "--nodes", "n1"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "🔁 One move restores the room for n1; no plan does with fewer:" in lines
    assert lines[-1].startswith("1. v12: n2 → n3")
    assert main(["plan", str(path), "--survive", "--nodes", "n1", "--json"]) == 0
    [answer] = json.loads(capsys.readouterr().out)["survivals"]
    assert [move["vm"] for move in answer["restoration"]["moves"]] == [12]


SPLIT: dict[str, Any] = {
    "nodes": [
        {"id": i, "name": name, "cpu_number": 8, "ram_mib": 65536}
        for i, name in enumerate(("birch <b>", "oak", "elm"), 1)
    ],
    "vms": [
        {"id": 10, "name": "large", "node": 1, "cpu_number": 16, "ram_mib": 1024},
        *({"id": 20 + i, "name": f"web-{i}", "node": 2, "cpu_number": 8, "ram_mib": 1024} for i in range(6)),
        *({"id": 30 + i, "name": f"db-{i}", "node": 3, "cpu_number": 8, "ram_mib": 1024} for i in range(6)),
    ],
}
"""The large VM of birch has room nowhere: oak and elm have 8 vCPUs free each."""


async def test_one_press_proposes_the_moves_that_restore_room(tmp_path: Path) -> None:
    async with running(tmp_path, SPLIT) as fixture:
        balancer = await fixture.start()
        answer = await asked(
            fixture, "/survive", "1 of 3 nodes cannot be lost", "One move restores the room for birch <b>"
        )
        assert "Proposed: 1 move" in await fixture.pressed(answer, "Propose these")
        assert "already" in await fixture.pressed(answer, "Propose these")
        [proposal] = await balancer.store.proposals.waiting()
        assert proposal.purpose is Purpose.ROOM
        await fixture.pressed(await fixture.message("Room, requested by", buttons=True), "Approve")
        await fixture.until(lambda: sum(v.node == 2 for v in fixture.panel.world.vms.values()) != 6, "a VM has moved")
        assert "there is room now" in await fixture.pressed(answer, "Propose these")
        await asked(fixture, "/survive", "whichever of 3 nodes is lost")


async def test_dry_run_shows_the_moves_that_restore_room_without_a_button(tmp_path: Path) -> None:
    async with running(tmp_path, SPLIT) as fixture:
        await fixture.start(dry_run=True)
        answer = await asked(fixture, "/survive oak,elm", "oak, elm")
        assert "Propose" not in str(answer.content.button_rows())
        answer = await asked(fixture, "/survive", "One move restores the room")
        assert "Propose" not in str(answer.content.button_rows())
