"""The default strategy `adaptive`: which rule it chooses and why, and when moves may pass target thresholds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bot_builders import ANNA
from bot_fixture import HOT_WORLD, running_bot
from core_builders import NOW, node, snapshot, vm
from core_worlds import World, worlds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.formats.codec import plan_from_dict, plan_to_dict
from balancer.model import Plan, Recent
from balancer.planner import plan
from balancer.policy import ADAPTIVE, BALANCE, COST_MOVES, COST_TIME, OPTIMAL, SMALLEST_FIRST, Policy
from balancer.rules.constraints import check_move
from balancer.strategies.adaptive import clearly_better
from balancer.strategies.alternative import with_alternative
from bot.domain.proposals import MigrationState
from bot.errors import DryRunError
from bot.rendering.catalog import texts_for
from bot.rendering.plan_summary import outlook_lines
from bot.telegram.keyboards.proposals import Shown, proposal_keyboard

thorough = settings(max_examples=examples(200), deadline=None, suppress_health_check=list(HealthCheck))
targets = st.sampled_from(["auto", "hard", "preferred"])
FULL_TARGET = snapshot([node(1, vcpus_allocated=74), node(2, vcpus_allocated=61)], [vm(11, vcpus=4)])
"""The only target has a score of 6.35, above the target threshold 6.0, and room below the overload threshold."""


def adaptive(world: World, target_thresholds: str = "auto", max_moves: int = 0) -> World:
    seen, policy, recent = world
    chosen = replace(policy, strategy=ADAPTIVE, target_thresholds=target_thresholds, max_moves=max_moves)
    return seen, chosen, recent


def value(made: Plan) -> tuple[int, int]:
    return len(made.overloaded_after), len(made.moves)


# Which rule -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "better"),
    [
        ((0, 9), (1, 1), True),  # fewer nodes left, whatever it takes
        ((1, 1), (0, 9), False),
        ((0, 1), (0, 2), False),  # at least two moves fewer
        ((0, 1), (0, 3), True),
        ((0, 6), (0, 8), True),  # three quarters
        ((0, 7), (0, 9), False),
        ((2, 3), (2, 5), True),
    ],
)
def test_plan_with_fewer_overloaded_nodes_or_clearly_fewer_moves_is_better(
    one: tuple[int, int], other: tuple[int, int], better: bool
) -> None:
    assert clearly_better(one, other) is better


def test_plan_with_fewer_moves_is_better_when_each_move_needs_a_check() -> None:
    assert clearly_better((0, 1), (0, 2), budget=1)
    assert not clearly_better((0, 2), (0, 2), budget=1)
    assert not clearly_better((0, 1), (0, 2), budget=2)


@thorough
@given(worlds, targets)
def test_choice_compares_both_whole_plans(world: World, target_thresholds: str) -> None:
    seen, policy, recent = adaptive(world, target_thresholds)
    new_plan = plan(seen, policy, recent)
    documented = plan(seen, replace(policy, strategy=SMALLEST_FIRST), recent)
    assert value(new_plan)[0] <= value(documented)[0], "never more nodes left than smallest-first"
    if new_plan.choice is None:
        assert not new_plan.moves, "nothing is overloaded, or nothing in the cluster may move"
    elif new_plan.choice.strategy == SMALLEST_FIRST:
        assert [m.key for m in new_plan.moves] == [m.key for m in documented.moves]
    else:
        assert new_plan.choice.strategy == OPTIMAL and clearly_better(value(new_plan), value(documented))
    assert plan_from_dict(plan_to_dict(new_plan)) == new_plan


@thorough
@given(worlds, targets, st.sampled_from([2, 3]))
def test_the_budget_cuts_the_plan(world: World, target_thresholds: str, limit: int) -> None:
    whole, first = plan(*adaptive(world, target_thresholds)), plan(*adaptive(world, target_thresholds, limit))
    assert [m.key for m in first.moves] == [m.key for m in whole.moves[:limit]]
    assert (first.choice, first.total_moves) == (whole.choice, len(whole.moves))
    if first.overloaded_after_all is not None:
        assert set(first.overloaded_after_all) == set(whole.overloaded_after)


@thorough
@given(worlds, targets)
def test_every_move_passes_the_precheck(world: World, target_thresholds: str) -> None:
    seen, policy, recent = adaptive(world, target_thresholds)
    new_plan = plan(seen, policy, recent)
    for move in new_plan.moves[:1]:
        assert check_move(seen, policy, recent, move.vm_id, move.target_id, need_overload=False) is None


@thorough
@given(worlds, targets)
def test_hard_target_thresholds_are_kept_and_the_plan_reports_what_passing_them_would_bring(
    world: World, target_thresholds: str
) -> None:
    seen, policy, recent = adaptive(world, target_thresholds)
    new_plan = plan(seen, policy, recent)
    if new_plan.choice is None or new_plan.choice.strategy == SMALLEST_FIRST:
        return
    for move in new_plan.moves:
        passed = {c.code for c in move.cautions}
        above_cpu = move.target_after.score > policy.cpu_target_score
        above_memory = move.target_after.memory_percent > policy.memory_target_percent
        assert ("caution-above-cpu-target" in passed) == above_cpu
        assert ("caution-above-memory-target" in passed) == above_memory
        if policy.hard_cpu_target and move.target_after.cpu_load is None:
            assert not above_cpu
        if policy.hard_memory_target:
            assert not above_memory


def test_auto_prefers_few_moves_with_a_small_budget_and_short_time_with_a_large_one() -> None:
    goals = {limit: Policy(max_moves=limit).goal for limit in (0, 1, 5, 6, 100)}
    assert goals == {0: COST_TIME, 1: COST_MOVES, 5: COST_MOVES, 6: COST_TIME, 100: COST_TIME}
    assert Policy(max_moves=1, optimize_for="memory").goal == "memory"


def test_few_small_moves_skip_the_search() -> None:
    seen = snapshot([node(1, vcpus_allocated=72), node(2)], [vm(11, vcpus=2), vm(12, vcpus=8)])
    new_plan = plan(seen, Policy())
    assert [m.vm_id for m in new_plan.moves] == [11] and new_plan.bound is None


# What people read -----------------------------------------------------------------------------------


def test_proposal_names_the_rule_and_the_passed_threshold() -> None:
    new_plan = plan(FULL_TARGET, Policy())
    assert new_plan.choice is not None
    assert outlook_lines(texts_for("en"), new_plan)[0] == (
        "Rule: optimal (smaller VMs first would leave 1 node overloaded, this plan none)."
    )
    [caution] = new_plan.moves[0].cautions
    assert texts_for("en").reason(caution) == "n2 would reach CPU load score 6.8, above the target threshold 6"
    assert "выше порога приёма 6" in texts_for("ru").reason(caution)


def test_an_old_stored_plan_has_no_choice() -> None:
    document = plan_to_dict(plan(FULL_TARGET, Policy()))
    for key in ("choice", "beyond_targets", "targets_passed"):
        del document[key]
    old = plan_from_dict(document)
    assert (old.choice, old.beyond_targets, old.targets_passed) == (None, None, False)


@pytest.mark.parametrize(
    "policy",
    [
        Policy(cpu_target_score=5.9),
        *(Policy(target_thresholds="hard", strategy=name) for name in (ADAPTIVE, OPTIMAL, BALANCE)),
    ],
)
def test_hard_thresholds_that_keep_a_node_overloaded_are_reported(policy: Policy) -> None:
    new_plan = with_alternative(FULL_TARGET, policy, Recent(), plan(FULL_TARGET, policy))
    assert new_plan.moves == () and new_plan.beyond_targets is not None
    assert (new_plan.beyond_targets.effort.moves, new_plan.beyond_targets.overloaded_left) == (1, 0)
    assert outlook_lines(texts_for("en"), new_plan)[-1] == (
        "💡 The target thresholds keep 1 node overloaded. A plan that exceeds them would clear all nodes with 1 move."
    )


@pytest.mark.parametrize("strategy", [OPTIMAL, BALANCE])
def test_changed_thresholds_are_a_preference_outside_adaptive_unless_they_are_called_hard(strategy: str) -> None:
    changed = plan(FULL_TARGET, Policy(cpu_target_score=5.9, strategy=strategy))
    hard = plan(FULL_TARGET, Policy(target_thresholds="hard", strategy=strategy))
    assert (len(changed.moves), hard.moves, hard.bound) == (1, (), None)


# Once -----------------------------------------------------------------------------------------------

CROWDED = {
    **HOT_WORLD,
    "nodes": HOT_WORLD["nodes"][:2],
    "vms": [
        *(v for v in HOT_WORLD["vms"] if v["node"] != 3),
        *({"id": 60 + i, "name": f"f-{i}", "node": 2, "cpu_number": 16} for i in range(6)),
    ],
}
"""`cool`, the only target, has a score above 6.0 and room for the large VM."""


async def test_target_thresholds_are_passed_for_one_plan_only(tmp_path: Path) -> None:
    async with running_bot(tmp_path, CROWDED, balance_strategy=ADAPTIVE, target_thresholds="hard") as fixture:
        await fixture.service.cycle.run()
        assert await fixture.store.proposals.waiting() == []
        [plain] = await fixture.service.queries.plans(compare=True)
        assert plain.beyond_targets is not None
        published = await fixture.service.cycle.pass_targets(plain.cluster_id, ANNA)
        assert published is not None and published.created
        [entry] = await fixture.store.audit.entries("pass-targets")
        assert entry.by == ANNA
        await fixture.service.cycle.run()
        [proposal] = await fixture.store.proposals.waiting()
        assert proposal.id == published.proposal_id, "the next check leaves it alone"
        assert proposal.plan.targets_passed and not proposal.automatic
        await fixture.decide()
        await fixture.carry_out()
        assert (await fixture.migration()).state is MigrationState.SUCCEEDED
        [after] = await fixture.service.queries.plans()
        assert not after.targets_passed


async def test_held_cluster_keeps_its_proposal_when_thresholds_are_passed(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.propose()
        [before] = await fixture.store.proposals.waiting()
        fixture.panel.shapes.switch_on("foreign_task")
        published = await fixture.service.cycle.pass_targets(before.cluster_id, ANNA)
        assert published is not None and published.left_alone is not None
        assert published.left_alone.code == "cluster-foreign-task"
        assert [p.id for p in await fixture.store.proposals.waiting()] == [before.id]


async def test_automatic_mode_still_asks_people_before_it_passes_target_thresholds(tmp_path: Path) -> None:
    given = {"balance_strategy": ADAPTIVE, "target_thresholds": "hard", "balance_mode": "auto"}
    async with running_bot(tmp_path, CROWDED, **given) as fixture:
        [plain] = await fixture.service.queries.plans()
        await fixture.service.cycle.pass_targets(plain.cluster_id, ANNA)
        await fixture.service.cycle.run()
        [proposal] = await fixture.store.proposals.waiting()
        assert len(proposal.pending) == len(proposal.moves) == 1
        assert fixture.posts() == []


async def test_a_proposal_that_passes_thresholds_does_not_hold_automatic_mode(tmp_path: Path) -> None:
    """The proposal stays while no other move is possible; a move within the thresholds starts at once."""
    given = {"balance_strategy": ADAPTIVE, "target_thresholds": "hard", "balance_mode": "auto"}
    async with running_bot(tmp_path, CROWDED, **given) as fixture:
        [plain] = await fixture.service.queries.plans()
        published = await fixture.service.cycle.pass_targets(plain.cluster_id, ANNA)
        assert published is not None
        for vm_id in range(62, 66):
            fixture.panel.world.delete_vm(fixture.panel.world.vms[vm_id])
        report = await fixture.service.cycle.run()
        assert report.results[0].published is not None and report.results[0].published.created
        [old, new] = [await fixture.store.proposals.get(published.proposal_id + i) for i in (0, 1)]
        assert old is not None and not old.pending
        assert new is not None and new.automatic and not new.plan.targets_passed
        await fixture.carry_out()
        assert len(fixture.posts()) == 1


async def test_dry_run_passes_no_threshold(tmp_path: Path) -> None:
    async with running_bot(tmp_path, CROWDED, target_thresholds="hard", dry_run=True) as fixture:
        with pytest.raises(DryRunError):
            await fixture.service.cycle.pass_targets(1, ANNA)


async def test_a_proposal_offers_to_pass_the_thresholds_only_where_that_helps(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.propose()
        [proposal] = await fixture.store.proposals.waiting()
        beyond = with_alternative(
            FULL_TARGET, Policy(cpu_target_score=5.9), Recent(), plan(FULL_TARGET, Policy(cpu_target_score=5.9))
        )
        for plan_shown, offered in (
            (proposal.plan, False),
            (replace(proposal.plan, beyond_targets=beyond.beyond_targets), True),
        ):
            shown = Shown(proposal.moves, 0, 1, None, None)
            keyboard = proposal_keyboard(texts_for("en"), replace(proposal, plan=plan_shown), NOW, shown, ())
            assert keyboard is not None
            assert ("⤴️ Exceed once" in [b.text for row in keyboard.inline_keyboard for b in row]) is offered
