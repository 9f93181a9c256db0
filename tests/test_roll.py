"""The plan of a rolling campaign: order, moves compared with the bound, safety of each step, and its texts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from chat_fixture import running
from core_builders import NOW, cluster, node, vm
from test_charts import said

from balancer.formats import neutral
from balancer.formats.codec import snapshot_to_dict
from balancer.model import Recent, Snapshot
from balancer.policy import Policy
from balancer.requests.roll import after, roll
from balancer.requests.roll_plan import RollPlan
from balancer.scoring import cpu_ratio, memory_percent
from balancer.survival.values import SurvivalVerdict
from benchmarks import generate
from bot.cli.plan import run
from bot.rendering.catalog import LANGUAGES, texts_for
from bot.rendering.roll import roll_lines

POLICY = Policy()


def world(nodes: int, vms_each: int, **over: Any) -> Snapshot:
    """Equal nodes of 10 CPUs with VMs of 6 vCPUs and 4,000 MiB."""
    vms = [vm(100 * n + i, node_id=n) for n in range(1, nodes + 1) for i in range(vms_each)]
    built = [
        node(n, vcpus_allocated=6 * vms_each, memory_allocated_mib=4000 * vms_each, vm_count=vms_each, **over)
        for n in range(1, nodes + 1)
    ]
    return Snapshot(NOW, (cluster(),), tuple(built), tuple(vms))


def replayed(snapshot: Snapshot, plan: RollPlan, policy: Policy = POLICY) -> Snapshot:
    """Carries the plan out move by move; no move overloads its target, and no node of a step takes a VM in it."""
    now = snapshot
    done: set[int] = set()
    for step in plan.steps:
        for move in step.moves:
            assert next(v.node_id for v in now.vms if v.id == move.vm_id) == move.source_id
            assert move.source_id in step.node_ids
            assert move.target_id not in step.node_ids
            now = after(now, [move])
            target = next(n for n in now.nodes if n.id == move.target_id)
            assert target.cpus and target.memory_mib
            assert cpu_ratio(target.vcpus_allocated or 0, target.cpus) <= policy.cpu_overload_ratio
            assert memory_percent(target.memory_allocated_mib or 0, target.memory_mib) <= policy.memory_overload_percent
        stay = {rejection.id for rejection in step.stay if rejection.subject == "vm"}
        assert {v.id for v in now.vms if v.node_id in step.node_ids} <= stay
        assert not done & set(step.node_ids)
        done |= set(step.node_ids)
    return now


def test_each_node_is_emptied_once_and_only_the_first_nodes_vms_move_twice() -> None:
    seen = world(5, 5)
    plan = roll(seen, POLICY, Recent())
    replayed(seen, plan)
    assert sorted(i for step in plan.steps for i in step.node_ids) == [1, 2, 3, 4, 5]
    assert plan.bound == 25 + 5
    assert len(plan.moves) == plan.bound
    assert plan.steps[0].to_open == 5
    assert all(step.to_open == 0 for step in plan.steps[1:])


def test_nodes_outside_of_the_campaign_keep_the_vms_they_take() -> None:
    seen = world(4, 4)
    plan = roll(seen, POLICY, Recent(), [1, 2])
    replayed(seen, plan)
    assert (len(plan.moves), plan.bound) == (8, 8)
    assert {move.target_id for move in plan.moves} <= {1, 3, 4}


def test_one_node_is_a_drain() -> None:
    plan = roll(world(3, 4), POLICY, Recent(), [2])
    assert [step.node_ids for step in plan.steps] == [(2,)]
    assert len(plan.moves) == plan.bound == 4


def test_nodes_go_together_where_what_is_done_holds_them_all() -> None:
    seen = world(9, 3)
    plan = roll(seen, POLICY, Recent())
    replayed(seen, plan)
    assert max(len(step.node_ids) for step in plan.steps) > 1
    alone = roll(seen, POLICY, Recent(), together=1)
    assert all(len(step.node_ids) == 1 for step in alone.steps)
    assert len(alone.moves) == len(plan.moves)


def test_vms_that_may_not_leave_are_named_and_count_for_no_move() -> None:
    seen = world(3, 3)
    seen = replace(seen, vms=tuple(replace(v, iso_mounted=True) if v.id == 100 else v for v in seen.vms))
    plan = roll(seen, POLICY, Recent())
    replayed(seen, plan)
    [stays] = [rejection for step in plan.steps for rejection in step.stay]
    assert (stays.id, stays.reason.code) == (100, "vm-iso")
    assert plan.bound == 8 + 2


def test_nodes_in_maintenance_and_failed_ones_are_left_out() -> None:
    seen = world(5, 3)
    nodes = (*seen.nodes[:3], replace(seen.nodes[3], maintenance=True), replace(seen.nodes[4], state="failed"))
    plan = roll(replace(seen, nodes=nodes), POLICY, Recent())
    assert sorted(i for step in plan.steps for i in step.node_ids) == [1, 2, 3]
    assert {move.target_id for move in plan.moves} <= {1, 2, 3}


def test_newer_kernel_takes_no_vm_and_is_named() -> None:
    seen = world(3, 3)
    nodes = (*seen.nodes[:2], replace(seen.nodes[2], kernel_version="6.1.0-9-generic"))
    plan = roll(replace(seen, nodes=nodes), POLICY, Recent())
    assert not [move for move in plan.moves if move.target_id == 3 and move.source_id != 3]
    [differ] = [caution for caution in plan.cautions if caution.code == "roll-kernels-differ"]
    assert str(differ.as_dict()["versions"]).endswith("6.1.0-9-generic: n3")
    words = texts_for("en").reason(differ)
    assert "n1, n2" in words and "only where the kernel is not newer" in words


def test_full_cluster_says_what_has_no_room_and_overloads_nothing() -> None:
    seen = world(3, 11)
    plan = roll(seen, POLICY, Recent())
    now = seen
    for move in plan.moves:
        now = after(now, [move])
    assert all(cpu_ratio(n.vcpus_allocated or 0, n.cpus or 1) <= 7 for n in now.nodes)
    assert any(step.stay for step in plan.steps)


def test_step_says_whether_another_loss_is_survived_meanwhile() -> None:
    assert {step.survives for step in roll(world(6, 3), POLICY, Recent()).steps} == {SurvivalVerdict.YES}
    assert SurvivalVerdict.NO in {step.survives for step in roll(world(2, 5), POLICY, Recent()).steps}


def test_cluster_that_nothing_may_leave_has_no_moves() -> None:
    seen = replace(world(3, 3), clusters=(cluster(virtualization="lxd"),))
    plan = roll(seen, POLICY, Recent())
    assert (plan.moves, plan.bound) == ((), 0)
    assert all(step.stay for step in plan.steps)


@pytest.mark.parametrize(("ids", "together"), [([9], 1), ([1], 0)])
def test_nonsense_is_refused(ids: list[int], together: int) -> None:
    with pytest.raises(ValueError, match=r"9|0"):
        roll(world(2, 1), POLICY, Recent(), ids, together=together)


def movable(name: str) -> tuple[Snapshot, Policy]:
    """A generated instance in which every VM may move and every node is in service."""
    document = generate.named(name)
    for row in document["vms"]:
        row |= {"state": "running", "has_iso": False, "has_snapshot": False, "balancer_enabled": True}
        row["last_migrated_s"] = None
    for row in document["nodes"]:
        row |= {"maintenance": False, "excluded": False, "creation_allowed": True, "vm_limit": None, "qemu": "8.2.0"}
    case = neutral.read(document)
    return case.snapshot, case.policy


@pytest.mark.parametrize("name", ["gen-8x100-easy", pytest.param("gen-32x600-easy", marks=pytest.mark.slow)])
def test_campaign_is_near_the_bound(name: str) -> None:
    seen, policy = movable(name)
    plan = roll(seen, policy, Recent())
    replayed(seen, plan, policy)
    assert sum(len(step.node_ids) for step in plan.steps) == len(seen.nodes)
    assert not [rejection for step in plan.steps for rejection in step.stay]
    assert plan.bound <= len(plan.moves) <= 1.15 * plan.bound
    assert plan == roll(seen, policy, Recent()), "equal snapshots give equal plans"


# Texts --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_show_moves_bound_and_steps(language: str) -> None:
    lines = roll_lines(texts_for(language), roll(world(5, 5), POLICY, Recent()))
    assert "30" in lines[0]
    assert len(lines) >= 3 + 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_lines_give_in_words_the_reason_why_a_vm_stays(language: str) -> None:
    campaign = roll(world(3, 11), POLICY, Recent())
    assert {r.reason.code for step in campaign.steps for r in step.stay} == {"vm-fits-nowhere"}
    lines = "\n".join(roll_lines(texts_for(language), campaign))
    assert "reason-" not in lines and "vm-fits-nowhere" not in lines


def test_command_plans_a_saved_snapshot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.json"
    path.write_text(json.dumps(snapshot_to_dict(world(4, 4))), "utf-8")
    assert run([str(path), "--roll", "--json"]) == 0
    [campaign] = json.loads(capsys.readouterr().out)["campaigns"]
    assert campaign["bound"] == 20
    assert run([str(path), "--roll", "--nodes", "n1,n2"]) == 0
    assert "8 moves; no order takes fewer than 8" in capsys.readouterr().out


async def test_chat_shows_the_plan_and_moves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start()
        said(fixture, "/roll")
        message = await fixture.message(
            "Production: the plan for emptying node after node", "Nothing moves until", "1. "
        )
        assert "no order takes fewer than" in message.content.text
        said(fixture, "/roll mild,cool")
        await fixture.message("the plan for emptying", "mild")
        said(fixture, "/roll hott")
        await fixture.message("hott", "hot")
        assert await fixture.store.migrations.newest_succeeded() == {}
