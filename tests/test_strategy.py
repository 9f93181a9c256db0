"""Choosing a strategy: the alternative, the switch in the chat, overloads that must last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from bot_builders import ANNA, NOW
from bot_fixture import HOT_WORLD, BotFixture, bot_on, running_bot, running_panel
from core_builders import node, snapshot, vm
from core_worlds import World, worlds
from hypothesis import given, settings
from hypothesis_profile import examples
from stack import BORIS, MALLORY, VERA, buttons, plain, running_stack, world

from balancer.model import Bound, Effort, Evenness, Plan, Reason, Recent, Snapshot
from balancer.planner import plan
from balancer.policy import OPTIMAL, OPTIMIZE_FOR, SMALLEST_FIRST, STRATEGIES, TARGET_THRESHOLDS, Policy
from balancer.strategies.adaptive import clearly_better
from balancer.strategies.alternative import with_alternative
from bot.config.settings import Settings
from bot.domain.proposals import MigrationState
from bot.errors import NotFound
from bot.rendering.catalog import texts_for
from bot.rendering.plan_summary import outlook_lines, strategy_words
from bot.service.overload_counters import OverloadCounters
from bot.telegram.views.proposals import plan_view
from sandbox.chat.html import parse_html

EN, RU = texts_for("en"), texts_for("ru")
PLAIN = Policy(strategy=SMALLEST_FIRST, optimize_for="time")
SMALL_ONES_AND_A_LARGE_ONE = snapshot(
    [node(1, vcpus_allocated=78, vm_count=6), node(2), node(3)],
    [*(vm(10 + i, vcpus=2, memory_mib=2_000) for i in range(5)), vm(20, vcpus=8, memory_mib=9_000)],
)
"""8 vCPUs too many on node 1: four small VMs, or the large one."""


def whole(seen: Snapshot, strategy: str, policy: Policy | None = None, recent: Recent | None = None) -> Plan:
    return plan(seen, replace(policy or PLAIN, strategy=strategy, max_moves=0), recent)


def value(made: Plan) -> tuple[int, int]:
    return len(made.overloaded_after), len(made.moves)


# The alternative ------------------------------------------------------------------------------------


def test_plan_of_smallest_first_names_the_better_alternative() -> None:
    policy = replace(PLAIN, max_moves=1)
    new_plan = with_alternative(SMALL_ONES_AND_A_LARGE_ONE, policy, Recent(), plan(SMALL_ONES_AND_A_LARGE_ONE, policy))
    assert (len(new_plan.moves), new_plan.total_moves, new_plan.overloaded_after, new_plan.overloaded_after_all) == (
        1,
        4,
        (1,),
        (),
    )
    assert new_plan.effort is not None and new_plan.alternative is not None
    assert new_plan.effort == Effort(4, pytest.approx(4 * (20 + 2_000 * 8.388608 / 1000)), 8_000)
    assert (new_plan.alternative.strategy, new_plan.alternative.effort.moves) == (OPTIMAL, 1)
    assert outlook_lines(EN, new_plan) == [
        "1 of 4 moves now; the next checks continue.",
        "Rule: smaller VMs first (set by an administrator).",
        "💡 The strategy “optimal” would need 1 move instead of 4.",
    ]


def test_small_improvement_is_not_offered() -> None:
    few = snapshot([node(1, vcpus_allocated=74), node(2)], [vm(11, vcpus=2), vm(12, vcpus=2), vm(13, vcpus=4)])
    for seen in (few, snapshot([node(1), node(2)], [vm(11)])):
        new_plan = with_alternative(seen, PLAIN, Recent(), plan(seen, PLAIN))
        assert (len(new_plan.overloaded) > 0, new_plan.alternative) == (seen is few, None)
    optimal = Policy(strategy=OPTIMAL, optimize_for="time")
    best = plan(SMALL_ONES_AND_A_LARGE_ONE, optimal)
    assert with_alternative(SMALL_ONES_AND_A_LARGE_ONE, optimal, Recent(), best) == best


def test_node_that_only_optimal_clears_is_offered() -> None:
    """The only target is above the limit of smallest-first's score, and has room below the hard line."""
    seen = snapshot([node(1, vcpus_allocated=74), node(2, vcpus_allocated=61)], [vm(11, vcpus=4)])
    new_plan = with_alternative(seen, PLAIN, Recent(), plan(seen, PLAIN))
    assert new_plan.moves == () and new_plan.alternative is not None
    assert outlook_lines(EN, new_plan) == [
        "Rule: smaller VMs first (set by an administrator).",
        "💡 The strategy “optimal” would clear the node with 1 move; this plan leaves 1 overloaded.",
        "💡 The target thresholds keep 1 node overloaded. A plan that exceeds them would clear all nodes with 1 move.",
    ]


@settings(max_examples=examples(60), deadline=None)
@given(worlds)
def test_offered_alternative_equals_the_plan_of_that_strategy(world: World) -> None:
    seen, policy, recent = world
    new_plan = with_alternative(seen, policy, recent, plan(seen, policy, recent))
    assert new_plan.moves == plan(seen, policy, recent).moves
    mine, other = (whole(seen, s, policy, recent) for s in (SMALLEST_FIRST, OPTIMAL))
    assert (new_plan.alternative is not None) == (
        bool(new_plan.overloaded) and clearly_better(value(other), value(mine))
    )
    if new_plan.overloaded:
        assert (new_plan.total_moves, new_plan.overloaded_after_all) == (len(mine.moves), mine.overloaded_after)
    if new_plan.alternative is not None:
        assert new_plan.alternative.effort.moves == len(other.moves)
        assert new_plan.alternative.overloaded_left == len(other.overloaded_after)


# Texts ----------------------------------------------------------------------------------------------


def planned(effort: Effort | None, bound: Bound | None, **over: Any) -> Plan:
    return replace(plan(SMALL_ONES_AND_A_LARGE_ONE, PLAIN), effort=effort, bound=bound, **over)


@pytest.mark.parametrize(
    ("bound", "line"),
    [
        (Bound(4, 358.0, 12_288), "no plan does it with fewer than 4 moves or in less than 5 min 58 s."),
        (Bound(3, None, None), "no plan does it with fewer than 3 moves."),
        (Bound(None, None, 9_216), "no plan does it with less than 9 GiB."),
        (Bound(4, 370.0, 9_216), "no plan does it with fewer moves or in less time."),
        (
            Bound(4, 358.0, 9_216, 11_264),
            "no plan does it with fewer than 4 moves or in less than 5 min 58 s. "
            "With this number of moves, at least 11 GiB must be copied.",
        ),
        (Bound(3, 358.0, 9_216, 20_480), "no plan does it with fewer than 3 moves or in less than 5 min 58 s."),
    ],
)
def test_certificate_is_worded(bound: Bound, line: str) -> None:
    [texts] = [text for text in outlook_lines(EN, planned(Effort(4, 370.0, 12_288), bound)) if "no plan" in text]
    assert plain(texts) == f"4 moves, 12 GiB, about 6 min 10 s: {line}"


@pytest.mark.parametrize(
    ("bound", "after_all", "line"),
    [
        (Bound(4, 358.0, optimal=True), (), "no plan does it with fewer moves."),
        (Bound(3, 370.0, optimal=True), (), "no plan does it in less time."),
        (Bound(4, 370.0, optimal=True), (), "no plan does it with fewer moves or in less time."),
        (Bound(3, 358.0, 12_288, optimal=True), (), "no plan does it with less memory to copy."),
        (
            Bound(3, 358.0, 10_240, optimal=True),
            (),
            "no plan does it at a lower cost while it moves each VM at most once.",
        ),
        (
            Bound(3, 358.0, optimal=True),
            (1,),
            "no plan leaves fewer nodes overloaded, and none relieves these nodes further.",
        ),
    ],
)
def test_optimal_plan_is_called_proven(bound: Bound, after_all: tuple[int, ...], line: str) -> None:
    new_plan = planned(Effort(4, 370.0, 12_288), bound, overloaded_after_all=after_all)
    [texts] = [text for text in outlook_lines(EN, new_plan) if "no plan" in text]
    assert plain(texts) == f"4 moves, 12 GiB, about 6 min 10 s. Proven: {line}"
    assert any("Доказано" in text for text in outlook_lines(RU, new_plan))


def test_empty_plan_that_is_optimal_is_called_proven() -> None:
    new_plan = planned(Effort(0, 0.0, 0), Bound(0, 0.0, 0, optimal=True))
    assert "Proven: no plan lowers the overload of these nodes." in outlook_lines(EN, new_plan)


@pytest.mark.parametrize(
    ("effort", "bound"),
    [(None, Bound(4)), (Effort(4, 1.0, 1), None), (Effort(4, 1.0, 1), Bound()), (Effort(4, 1.0, 1), Bound(1))],
)
def test_missing_certificate_claims_nothing(effort: Effort | None, bound: Bound | None) -> None:
    assert not [text for text in outlook_lines(EN, planned(effort, bound)) if "no plan" in text]


def test_balance_reports_evenness_instead_of_a_bound() -> None:
    new_plan = planned(Effort(6, 1.0, 1), Bound(1, 1.0, 1), evenness=Evenness(2.263, 1.518, 3, 1.506))
    assert outlook_lines(EN, new_plan)[2] == (
        "Imbalance 2.263 → 1.518 with 3 moves; the best possible with this number of moves is 1.506."
    )
    unproven = planned(None, None, evenness=Evenness(2.263, 1.518, 1))
    assert outlook_lines(EN, unproven)[1:] == ["Imbalance 2.263 → 1.518 with 1 move."]


def test_broken_rules_are_named_and_the_rest_counted() -> None:
    cautions = tuple(Reason.of("caution-off-pin", rule="ssd", vm=f"v{i}", node="n<1>") for i in range(5))
    lines = outlook_lines(EN, planned(None, None, cautions=cautions))
    assert lines[1] == "⚠️ the rule “ssd” is broken: v0 is on n<1>"
    assert (len(lines), lines[-1]) == (5, "⚠️ … and 2 more broken rules")


def test_comparison_has_a_line_for_each_strategy() -> None:
    new_plan = with_alternative(SMALL_ONES_AND_A_LARGE_ONE, PLAIN, Recent(), plan(SMALL_ONES_AND_A_LARGE_ONE, PLAIN))
    assert (
        plain(strategy_words(EN, new_plan))
        == "smallest-first: 4 moves, 7.8 GiB, about 2 min 27 s; no node stays overloaded"
    )
    best = plan(SMALL_ONES_AND_A_LARGE_ONE, Policy(strategy=OPTIMAL, optimize_for="time"))
    assert plain(strategy_words(EN, best)).startswith("optimal: 1 move, 8.8 GiB, about 1 min 35 s; no node")


def test_hostile_names_stay_text_in_the_chat() -> None:
    def shown(name: str) -> str:
        caution = Reason.of("caution-not-apart", rule=name, names=name, node=name, more=0)
        return str(plan_view(EN, planned(None, None, cautions=(caution,))).text)

    text = shown("<b>&\u202e\x1b[31m</b>")
    assert "“&lt;b&gt;&amp;" in text and "\u202e" not in text and "\x1b" not in text
    assert [e["type"] for e in parse_html(text)[1]] == [e["type"] for e in parse_html(shown("x"))[1]]


# Overloads that have to last ------------------------------------------------------------------------


def test_an_overload_counts_from_the_first_check_that_sees_it_without_a_gap() -> None:
    counters = OverloadCounters(3)
    assert counters.held_nodes({1}) == {1: 2}
    counters.count({1}, ())
    assert counters.held_nodes({1, 2}) == {1: 1, 2: 2}
    counters.count({1, 2}, ())
    assert counters.held_nodes({1, 2}) == {2: 1}
    counters.count({2}, ())
    assert counters.held_nodes({1, 2}) == {1: 2}


def test_nodes_and_clusters_of_one_id_are_counted_apart() -> None:
    counters = OverloadCounters(2)
    counters.count({1}, {2})
    assert counters.held_nodes({1, 2}) == {2: 1}
    assert (counters.held_cluster(1), counters.held_cluster(2)) == (1, 0)


async def test_counters_of_an_older_version_are_read(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.store.cycles.record(NOW, NOW, "done", {"overloaded": {"3": 2, "-1": 1}})
        assert await fixture.store.cycles.overload_counts(NOW) == ({3: 2}, {1: 1})


async def left(fixture: BotFixture) -> list[str]:
    """The moves that wait, and why the hot node stays overloaded."""
    [result] = await fixture.service.queries.plans()
    return [r.reason.code for r in result.rejections if r.subject == "source"] if not result.moves else ["moves"]


async def test_overload_must_last_the_required_checks(tmp_path: Path) -> None:
    async with running_bot(tmp_path, overload_hold_cycles=3) as fixture:
        for _ in range(2):
            assert await left(fixture) == ["source-hold"]
            assert await left(fixture) == ["source-hold"], "looking does not count"
            await fixture.propose()
            assert await fixture.store.proposals.waiting() == []
        assert await left(fixture) == ["moves"], "what is shown is what the next check does"
        await fixture.propose()
        assert len(await fixture.store.proposals.waiting()) == 1
        await fixture.moved()
        assert len(fixture.posts()) == 1, "what was approved is not held up again"


async def test_imbalance_must_last_the_required_checks(tmp_path: Path) -> None:
    async with running_panel() as panel:
        panel.world.nodes[1].cpu_number = 64  # nothing is overloaded any more
        hold = {"overload_hold_cycles": 2, "balance_strategy": "balance", "balance_deadband": 0.0}
        for checks in range(2):
            async with bot_on(panel, tmp_path / "bot.db", **hold) as fixture:
                [result] = await fixture.service.queries.plans()
                assert result.overloaded == () and bool(result.moves) is (checks == 1), "the count outlives a restart"
                await fixture.propose()
                assert len(await fixture.store.proposals.waiting()) == checks


async def test_calm_check_resets_the_count(tmp_path: Path) -> None:
    async with running_bot(tmp_path, overload_hold_cycles=2) as fixture:
        await fixture.propose()
        fixture.panel.world.nodes[1].cpu_number = 64
        await fixture.propose()
        fixture.panel.world.nodes[1].cpu_number = 16
        await fixture.propose()
        assert await fixture.store.proposals.waiting() == []
        await fixture.propose()
        assert len(await fixture.store.proposals.waiting()) == 1


@pytest.mark.parametrize(("pause_s", "proposed"), [(600, 1), (1201, 0)])
async def test_short_restart_keeps_the_count(tmp_path: Path, pause_s: int, proposed: int) -> None:
    async with running_panel() as panel:
        async with bot_on(panel, tmp_path / "bot.db", overload_hold_cycles=2) as fixture:
            await fixture.propose()
        async with bot_on(panel, tmp_path / "bot.db", overload_hold_cycles=2) as fixture:
            fixture.pass_time(pause_s)
            await fixture.propose()
            assert len(await fixture.store.proposals.waiting()) == proposed


async def test_reader_sees_the_counts_of_the_program(tmp_path: Path) -> None:
    """A console shares the database with the program that makes the checks."""
    path, hold = tmp_path / "bot.db", {"overload_hold_cycles": 2}
    async with running_panel() as panel, bot_on(panel, path, **hold) as fixture, bot_on(panel, path, **hold) as looking:
        assert await left(looking) == ["source-hold"]
        await fixture.propose()
        assert await left(looking) == ["moves"] == await left(fixture)


async def test_running_dry_run_counts_too(tmp_path: Path) -> None:
    async with running_bot(tmp_path, overload_hold_cycles=2, dry_run=True) as fixture:
        for expected in (0, 1):
            [result] = (await fixture.service.cycle.dry_run()).results
            assert result.plan is not None and len(result.plan.moves) == expected


# Set by people --------------------------------------------------------------------------------------


async def test_chosen_strategy_is_stored_audited_and_shown(tmp_path: Path) -> None:
    async with running_panel() as panel:
        async with bot_on(panel, tmp_path / "bot.db") as fixture:
            assert await fixture.service.runtime.strategy() == SMALLEST_FIRST
            await fixture.service.admin.set_strategy(OPTIMAL, ANNA)
            with pytest.raises(NotFound):
                await fixture.service.admin.set_strategy("best", ANNA)
            [entry] = await fixture.store.audit.entries("setting")
            assert (entry.by, entry.detail) == (
                ANNA,
                {"key": "strategy", "value": OPTIMAL, "old": SMALLEST_FIRST},
            )
        async with bot_on(panel, tmp_path / "bot.db") as fixture:
            stored = (await fixture.service.admin.stored_settings())["BALANCE_STRATEGY"]
            assert (stored.value, stored.by) == (OPTIMAL, ANNA)
            await fixture.moved()
            [result] = fixture.posts()
            assert result[0] not in (11, 12, 13), "one large VM instead of three small ones"


async def test_unknown_stored_strategy_is_ignored(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.store.settings.set("strategy", "of-the-future", ANNA, fixture.clock())
        assert await fixture.service.runtime.strategy() == SMALLEST_FIRST
        await fixture.propose()


def test_the_settings_know_every_strategy() -> None:
    fields = {"balance_strategy": STRATEGIES, "optimize_for": OPTIMIZE_FOR, "target_thresholds": TARGET_THRESHOLDS}
    for field, known in fields.items():
        assert get_args(Settings.model_fields[field].annotation) == known


async def test_clusters_file_overrides_the_chat(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[clusters.Production]\nbalance_strategy = "smallest-first"\n', "utf-8")
    async with running_bot(tmp_path, clusters_file=path) as fixture:
        await fixture.service.admin.set_strategy(OPTIMAL, ANNA)
        assert fixture.service.planning.own_strategies() == {"Production": SMALLEST_FIRST}
        [result] = await fixture.service.queries.plans(compare=True)
        assert (result.strategy, result.alternative) == (SMALLEST_FIRST, None), "nothing to switch to is offered"


async def test_another_strategy_can_be_previewed(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as fixture:
        [mine] = await fixture.service.queries.plans(compare=True)
        [other] = await fixture.service.queries.plans(strategy=OPTIMAL)
        assert (mine.strategy, other.strategy, await fixture.service.runtime.strategy()) == (
            *(SMALLEST_FIRST, OPTIMAL),
            SMALLEST_FIRST,
        )
        assert mine.alternative is not None and mine.alternative.effort.moves == len(other.moves) == 1


async def test_an_approved_move_is_judged_by_the_strategy_that_planned_it(tmp_path: Path) -> None:
    """A changed strategy must not undo an approval: `cool` is too full for the other strategy's targets."""
    full = [*HOT_WORLD["vms"], *({"id": 60 + i, "name": f"f-{i}", "node": 2, "cpu_number": 16} for i in range(6))]
    world_of_two = {**HOT_WORLD, "nodes": HOT_WORLD["nodes"][:2], "vms": [v for v in full if v["node"] != 3]}
    async with running_bot(tmp_path, world_of_two, balance_strategy=OPTIMAL) as fixture:
        await fixture.propose()
        await fixture.decide()
        await fixture.service.admin.set_strategy(SMALLEST_FIRST, ANNA)
        assert [p.moves for p in await fixture.service.queries.plans()] == [()]
        await fixture.carry_out()
        assert (await fixture.migration()).state is MigrationState.SUCCEEDED


# In the chat ----------------------------------------------------------------------------------------


@pytest.mark.e2e
async def test_the_report_offers_the_switch_once_and_to_admins(tmp_path: Path) -> None:
    async with running_stack(tmp_path, world()) as stack:
        stack.start_program()
        report = await stack.message("💡 The strategy “optimal” would need 1 move instead of 3.", buttons=True)
        assert "1 of 3 moves now" in report["text"]
        await stack.press(report, buttons(report)["💡 Compare with optimal"], BORIS)
        compared = await stack.message("optimal: 1 move", "of all clusters", buttons=True)
        assert list(buttons(compared)) == ["💡 optimal this once", "💡 Use optimal", "✖ Close"]
        switch = "st:1:optimal"  # a button of older versions
        assert await stack.press(report, switch, MALLORY, forge=True) == "You may not use this button."
        assert await stack.press(report, switch, VERA, forge=True) == "You may look, but not decide."
        assert "From the next check on: optimal" in await stack.press(report, switch, BORIS, forge=True)
        assert "is in use already" in await stack.press(report, switch, forge=True)
        every = await stack.opened(
            await stack.asked("/settings", "can be changed"), "All", "BALANCE_STRATEGY = optimal"
        )
        assert "set in the chat by Boris" in every["text"]
        await stack.ask("/balance", "1 new proposal")
        new = await stack.message("1. big-", "no plan does it", buttons=True)
        assert "💡" not in new["text"] and "💡 Compare with optimal" not in buttons(new)
        assert "no longer works" in await stack.press(report, switch, forge=True)


@pytest.mark.e2e
async def test_another_strategy_proposes_once_and_the_next_check_plans_as_before(tmp_path: Path) -> None:
    async with running_stack(tmp_path, world()) as stack:
        stack.start_program()
        report = await stack.message("1. small-a", buttons=True)
        await stack.press(report, buttons(report)["💡 Compare with optimal"], BORIS)
        compared = await stack.message("optimal: 1 move", "of all clusters", buttons=True)
        assert "next check follows the settings" in await stack.tap(compared, "this once", BORIS)
        await stack.message("1. big-", buttons=True)
        await stack.ask("/strategy", "smallest-first")
        await stack.ask("/balance", "1 new proposal")
        await stack.message("1. small-a", buttons=True)


@pytest.mark.e2e
async def test_a_dry_run_ends_in_a_proposal(tmp_path: Path) -> None:
    async with running_stack(tmp_path, world()) as stack:
        stack.start_program()
        report = await stack.message("1. small-a", buttons=True)
        await stack.tap(report, "Skip 1")
        await stack.message("skipped by Anna Admin", buttons=False)
        dry = await stack.asked("/dryrun", "Dry run: nothing is stored", "small-b")
        assert await stack.tap(dry, "Propose these", VERA) == "You may look, but not decide."
        assert (await stack.tap(dry, "Propose these")).startswith("Proposed.")
        await stack.message("1. small-b", "valid until", buttons=True)


@pytest.mark.e2e
async def test_the_strategy_is_shown_set_and_compared(tmp_path: Path) -> None:
    async with running_stack(tmp_path, world()) as stack:
        stack.start_program()
        await stack.message("small-a", buttons=True)
        assert "smallest-first" in await stack.ask("/strategy", user_id=VERA, chat_id=VERA)
        assert "Only admins" in await stack.ask("/strategy optimal", user_id=VERA, chat_id=VERA)
        answer = await stack.ask("/strategy best")
        assert "Unknown strategy best. Choose: adaptive, smallest-first, optimal, balance" in answer
        compared = await stack.ask("/dryrun production OPTIMAL", "Dry run", "optimal: 1 move")
        assert "smallest-first: 3 moves, 9 GiB, about 2 min 17 s; no node stays overloaded" in compared
        assert "1. big-" in compared
        assert "Set in the chat by Anna Admin" in await stack.ask("/strategy Optimal", "Strategy optimal")
        shown = await stack.message("Strategy optimal", buttons=True)
        popup = await stack.press(shown, buttons(shown)["💡 Use smallest-first"])
        assert "From the next check on: smallest-first" in popup
        await stack.message("Strategy smallest-first", "Set in the chat by Anna Admin", buttons=True)


def test_hold_is_a_time_not_a_verdict() -> None:
    """A node that is held still counts as overloaded, and takes nothing."""
    seen = snapshot([node(1, vcpus_allocated=74), node(2)], [vm(11)])
    new_plan = plan(seen, PLAIN, Recent(held={1: 1}))
    assert [n.node_id for n in new_plan.overloaded] == [1] and new_plan.overloaded_after == (1,)
