"""The program against panels that answer in other shapes: alone, and mixed at random.

No shape may cause hidden harm: no request against a rule, no false statement to people. If the true state allows a
move, the program makes it, or a reason names the difference.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, NOW, move
from bot_fixture import HOT_WORLD, BotFixture, running_bot
from core_builders import vm
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import THOROUGH

from bot.domain.held_clusters import RESTARTED_KEY
from bot.domain.proposals import Migration, MigrationState
from bot.errors import StoreError
from bot.service.restarts import RestartWatch

MOVES = ("filters_empty", "filters_equal", "maintenance_words", "maintenance_object", "cpu_unreported", "paged")
MOVES += ("roles_text", "vm_without_node", "node_without_cluster", "live_false_one", "vm_without_cluster", "fail_word")
MOVES += ("history_params", "stuck_history", "history_without_ids", "node_dead", "filters_text", "history_names")
MOVES += ("history_dates", "done_word", "vm_in_two_clusters", "uptime_late", "uptime_skew", "odd_task_rows")
MOVES += ("named_elsewhere", "filters_with_ids")


def codes(report: Any) -> set[str]:
    return {r.reason.code for result in report.results if result.plan for r in result.plan.rejections}


async def check_in_shape(folder: Path, shape: str, *, form: bool = True) -> tuple[Any, list[tuple[int, int]], Any]:
    """One check in automatic mode and its end: its report, the requests that it sent, the migrations."""
    async with running_bot(folder, panel={"form": form}, balance_mode="auto") as bot:
        bot.panel.shapes.switch_on(shape)
        report = await bot.service.cycle.run()
        await bot.carry_out()
        return report, bot.posts(), await bot.migrations()


@pytest.mark.parametrize("shape", MOVES)
async def test_move_works_in_this_shape(tmp_path: Path, shape: str) -> None:
    report, posts, migrations = await check_in_shape(tmp_path, shape)
    assert report.outcome == "done"
    assert len(posts) == 1
    assert [(m.state, m.reason) for m in migrations] == [(MigrationState.SUCCEEDED, None)]


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        ("foreign_task", "cluster-foreign-task"),
        ("kernel_behind", "pair-kernel-newer"),
        ("rows_2022", "vm-iso-unknown"),
        ("vm_twice", "node-vm-twice"),
    ],
)
async def test_shape_blocks_moves_with_a_named_reason(tmp_path: Path, shape: str, code: str) -> None:
    report, posts, _ = await check_in_shape(tmp_path, shape, form=shape != "kernel_behind")
    outcome = codes(report) | {
        reason.code.removeprefix("brief-")
        for result in report.results
        for rejection in result.plan.rejections
        for reason, _ in rejection.per_target
    }
    assert posts == []
    assert code in outcome


async def test_migration_form_of_the_panel_overrides_the_kernel_rule(tmp_path: Path) -> None:
    _, posts, _ = await check_in_shape(tmp_path, "kernel_behind")
    assert len(posts) == 1


async def test_waiting_start_names_the_foreign_task(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as bot:
        await bot.propose()
        await bot.decide()
        bot.panel.shapes.switch_on("foreign_task", task="node_evacuate")
        bot.start()
        await bot.reached(lambda: notice_codes(bot, "waits-for-others"))
        assert bot.posts() == []
        bot.panel.shapes.switch_off("foreign_task")
        await bot.carry_out()
        assert bot.node_of(11) == 2


async def notice_codes(bot: BotFixture, code: str) -> list[Any]:
    return [n.body for n in await bot.store.notices.unsent() if n.body is not None and n.body.code == code]


@pytest.mark.parametrize("stops", [False, True])
async def test_restarted_vm_stops_automatic_mode_until_an_admin_resumes(tmp_path: Path, stops: bool) -> None:
    async with running_bot(tmp_path, balance_mode="auto", migration_cooldown=0) as bot:
        bot.panel.shapes.switch_on("cold", stops=stops)
        await bot.service.cycle.run()
        await bot.carry_out()
        migration = await bot.migration()
        assert migration.state is MigrationState.SUCCEEDED
        assert migration.reason is not None and migration.reason.code == "moved-restarted"
        assert len(await notice_codes(bot, "cluster-restarted")) == 1
        bot.panel.shapes.switch_off()
        report = await bot.service.cycle.run()
        await bot.carry_out()
        assert len(bot.posts()) == 1
        assert "caution-restarted" in {c.code for c in report.results[0].plan.cautions}
        await bot.service.admin.set_mode("auto", ANNA)
        assert await bot.store.settings.with_prefix(RESTARTED_KEY) == []
        await bot.service.cycle.run()
        await bot.carry_out()
        assert len(bot.posts()) == 2


@pytest.mark.parametrize("table", ["notices.note_outage", "migrations.advance"])
@pytest.mark.parametrize("stops", [False, True])
async def test_a_restart_stops_automatic_mode_also_where_the_database_fails_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, stops: bool
) -> None:
    async with running_bot(tmp_path, balance_mode="auto", migration_cooldown=0) as bot:
        bot.panel.shapes.switch_on("cold", stops=stops)
        part, _, name = table.partition(".")
        write, failed = getattr(getattr(bot.store, part), name), []

        async def fails_once(*args: Any, **given: Any) -> object:
            about = repr((args, given))
            if not failed and ("restarted" in about or "SUCCEEDED" in about):
                failed.append(about)
                raise StoreError("the disk is full")
            return await write(*args, **given)

        monkeypatch.setattr(getattr(bot.store, part), name, fails_once)
        await bot.service.cycle.run()
        await bot.carry_out()
        migration = await bot.migration()
        assert failed and migration.reason is not None and migration.reason.code == "moved-restarted"
        assert await bot.service.restarts.stopped([migration.cluster_id])


async def test_automatic_mode_begins_with_the_smallest_vm_alone(tmp_path: Path) -> None:
    options = {"balance_mode": "auto", "max_migrations_per_cycle": 3, "max_parallel_migrations": 3}
    async with running_bot(tmp_path, **options) as bot:
        bot.panel.shapes.switch_on("cold")
        await bot.service.cycle.run()
        await bot.carry_out()
        assert [vm for vm, _ in bot.posts()] == [11]
        stale = [m.reason.code for m in await bot.migrations() if m.state is MigrationState.STALE and m.reason]
        assert stale == ["auto-stopped"] * (len(await bot.migrations()) - 1)


@pytest.mark.parametrize("of", ["source", "object", "none", "list"])
async def test_lost_answer_is_not_failed_while_the_migration_runs(tmp_path: Path, of: str) -> None:
    async with running_bot(tmp_path, panel={"migration_s": 90}) as bot:
        bot.panel.shapes.switch_on("history_params", of=of)
        bot.fault("drop_after", count=1)
        await bot.moved()
        assert len(bot.posts()) == 1
        assert (await bot.migration()).state is MigrationState.SUCCEEDED


@pytest.mark.parametrize("name", ["host_live_migration", "Migrate", "vm_move", "host_relocate"])
@pytest.mark.parametrize("fails", [False, True])
async def test_lost_answer_is_not_failed_if_the_task_has_another_name(tmp_path: Path, name: str, fails: bool) -> None:
    async with running_bot(tmp_path, panel={"migration_s": 90}) as bot:
        bot.panel.shapes.switch_on("history_names", task=name)
        bot.fault("drop_after", count=1)
        if fails:
            bot.fault("migrate_fails", count=1)
        await bot.moved()
        assert len(bot.posts()) == 1
        record = await bot.migration()
        assert record.state is (MigrationState.UNKNOWN if fails else MigrationState.SUCCEEDED)


@pytest.mark.parametrize("task", ["vm_move", "Host-Migrate", "ha_failover", "cluster_rebalance", "node_drain"])
async def test_foreign_moves_of_any_name_make_ours_wait(tmp_path: Path, task: str) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as bot:
        bot.panel.shapes.switch_on("foreign_task", task=task)
        report = await bot.service.cycle.run()
        assert codes_of(report) == {"cluster-foreign-task"}


@pytest.mark.parametrize("task", ["host_create", "disk_remove", "host_change_params", "removed"])
async def test_foreign_tasks_that_move_nothing_do_not_make_ours_wait(tmp_path: Path, task: str) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as bot:
        bot.panel.shapes.switch_on("foreign_task", task=task)
        await bot.service.cycle.run()
        await bot.carry_out()
        assert len(bot.posts()) == 1


async def test_a_restart_is_seen_where_the_uptime_comes_late(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as bot:
        bot.panel.shapes.switch_on("cold")
        bot.panel.shapes.switch_on("uptime_late", answers=4)
        await bot.service.cycle.run()
        await bot.carry_out()
        assert [m.reason and m.reason.code for m in await bot.migrations()] == ["moved-restarted"]


@pytest.mark.parametrize(
    ("before", "after", "passed_s", "restarted"),
    [
        (86_400, 86_430, 30, False),
        (86_400, 86_370, 30, False),  # the clock of the target is behind
        (86_400, 5, 30, True),
        (86_400, 80_000, 30, True),  # no clock is off by so much
        (50, 40, 45, True),  # 40 s ago, which is within the migration
        (70, 20, 45, True),
        (1440, 1440, 30, False),  # minutes
        (1440, 0, 600, True),
    ],
)
def test_an_uptime_that_began_again_differs_from_a_clock_that_is_behind(
    before: int, after: int, passed_s: int, restarted: bool
) -> None:
    watch, moving = RestartWatch(), Migration(1, 1, 1, 1, move(11), MigrationState.RUNNING, NOW, started_at=NOW)
    watch.before(moving, vm(11, uptime=before))
    assert watch.restarted(moving, vm(11, uptime=after), NOW + timedelta(seconds=passed_s)) is restarted


async def test_row_without_ids_that_runs_forever_blocks_no_vm(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as bot:
        bot.panel.shapes.switch_on("stuck_history")
        bot.panel.shapes.switch_on("history_without_ids")
        await bot.service.cycle.run()
        await bot.carry_out()
        assert [m.state for m in await bot.migrations()] == [MigrationState.SUCCEEDED]


async def test_an_unknown_outcome_is_settled_beside_a_row_that_runs_forever(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as bot:
        bot.panel.shapes.switch_on("stuck_history")
        bot.fault("lose_task_row", count=1)
        bot.fault("migrate_hangs", count=1)
        await bot.moved()
        assert (await bot.migration()).state is MigrationState.UNKNOWN
        [task] = bot.panel.world.tasks.values()
        bot.panel.world.finish(task, "failed", "aborted")
        del bot.panel.world.tasks[task.id]
        bot.panel.world.vms[task.vm_id].history.clear()
        await bot.executor.settle_unknown()
        assert (await bot.migration()).state is MigrationState.FAILED


async def test_a_row_without_ids_counts_while_a_task_of_its_name_is_active(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as bot:
        bot.panel.shapes.switch_on("stuck_history")
        bot.panel.shapes.switch_on("history_without_ids")
        bot.panel.shapes.switch_on("foreign_task", task="host_create")
        await bot.service.cycle.run()
        await bot.carry_out()
        assert bot.posts() == []
        assert {m.reason.code for m in await bot.migrations() if m.reason} == {"vm-has-task"}


@pytest.mark.parametrize("of", ["source", "none"])
async def test_a_lost_answer_and_a_failed_task_leave_the_outcome_unknown(tmp_path: Path, of: str) -> None:
    async with running_bot(tmp_path) as bot:
        bot.panel.shapes.switch_on("history_params", of=of)
        bot.fault("drop_after", count=1)
        bot.fault("migrate_fails", count=1)
        await bot.moved()
        record = await bot.migration()
        assert (record.state, record.reason and record.reason.code) == (MigrationState.UNKNOWN, "start-unclear")


async def test_shapes_can_be_switched_while_the_panel_runs(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as bot:
        bot.panel.shapes.switch_on("paged", rows=3)
        assert len((await bot.api.snapshot()).vms) == len(HOT_WORLD["vms"])
        asked = [e["query"] for e in bot.panel.requests.since(0, "/vm/v3/host")]
        assert asked == ["", "limit=3,3", "limit=6,3", "limit=9,3"]
        bot.panel.shapes.switch_off()
        await bot.api.snapshot()
        assert bot.panel.requests.since(0, "/vm/v3/host")[-1]["query"] == ""


# --- mixed -------------------------------------------------------------------------------------------------

CHOSEN = ("history_params", "paged", "vm_without_node", "history_names", "history_dates", "done_word")
DRAWN = {
    **{name: st.just({}) for name in MOVES if name not in (*CHOSEN, "maintenance_words")},
    "maintenance_words": st.fixed_dictionaries({"word": st.sampled_from(["disabled", "Not active", "OFF", "none"])}),
    "history_names": st.fixed_dictionaries({"task": st.sampled_from(["host_live_migration", "vm_move", "Migrate"])}),
    "history_dates": st.fixed_dictionaries({"form": st.sampled_from(["epoch", "iso", "german", "none"])}),
    "done_word": st.fixed_dictionaries({"word": st.sampled_from(["completed", "Done", "success"])}),
    "history_params": st.fixed_dictionaries({"of": st.sampled_from(["source", "object", "none", "list"])}),
    "paged": st.fixed_dictionaries({"rows": st.integers(1, 12)}),
    "vm_without_node": st.fixed_dictionaries({"count": st.integers(1, 4)}),
    "foreign_task": st.fixed_dictionaries(
        {"task": st.sampled_from(["host_migrate", "node_evacuate", "vm_move", "host_create"])}
    ),
    "kernel_behind": st.fixed_dictionaries({"node": st.integers(1, 3)}),
    "balancer_words": st.fixed_dictionaries(
        {
            "words": st.lists(
                st.sampled_from(["excluded", "manual", "enabled", "on", "sometimes"]), min_size=1, max_size=3
            )
        }
    ),
    "rows_2022": st.just({}),
    "vm_twice": st.just({}),
    "cold": st.fixed_dictionaries({"stops": st.booleans()}),
}
FAULTS = ("drop_after", "migrate_fails", "lose_task_row", "no_form", "migrate_refused")
"""``no_form``: this panel has no migration form at all."""
PANELS = st.tuples(
    st.lists(st.sampled_from(sorted(DRAWN)), unique=True, max_size=5).flatmap(
        lambda names: st.fixed_dictionaries({name: DRAWN[name] for name in names})
    ),
    st.lists(st.sampled_from(FAULTS), unique=True, max_size=2),
)


@settings(max_examples=2000 if THOROUGH else 12, deadline=None)
@given(PANELS)
def test_random_panel_causes_no_silent_harm(drawn: tuple[dict[str, dict[str, Any]], list[str]]) -> None:
    shapes, faults = drawn
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(check_panel(Path(folder), shapes, faults))


async def check_panel(folder: Path, shapes: dict[str, dict[str, Any]], faults: list[str]) -> None:
    panel = {"form": "no_form" not in faults}
    async with running_bot(folder, panel=panel, balance_mode="auto", failure_cooldown=0, migration_cooldown=0) as bot:
        for name, options in shapes.items():
            bot.panel.shapes.switch_on(name, **options)
        for fault in faults:
            if fault != "no_form":
                bot.fault(fault, count=1)
        report = await bot.service.cycle.run()
        await bot.carry_out()
        harmless(bot, shapes)
        truthful(bot, await bot.migrations(), shapes)
        await named_or_moved(bot, report, shapes, faults)


def harmless(bot: BotFixture, shapes: dict[str, dict[str, Any]]) -> None:
    """Nothing was sent against a rule, and nothing twice."""
    posts = bot.posts()
    assert len(posts) == len({vm for vm, _ in posts}) <= 1
    for vm_id, target in posts:
        words = shapes.get("balancer_words", {}).get("words", ["on"])
        assert words[vm_id % len(words)] in ("enabled", "on")
        assert not ("node_dead" in shapes and target == 2)
        assert not ("live_false_one" in shapes and vm_id == 11)
        assert "vm_twice" not in shapes
        assert shapes.get("foreign_task", {"task": "host_create"})["task"] == "host_create"


def truthful(bot: BotFixture, migrations: list[Any], shapes: dict[str, dict[str, Any]]) -> None:
    """Each message about a migration is true."""
    for m in migrations:
        here = bot.node_of(m.move.vm_id)
        if m.state is MigrationState.SUCCEEDED:
            assert here == m.move.target_id
            assert (m.reason is not None) == ("cold" in shapes)
        elif m.state is MigrationState.FAILED:
            assert here == m.move.source_id
            assert not [t for t in bot.panel.world.tasks.values() if t.active]


CLOSES = {
    "foreign_task": {"cluster-foreign-task", "vm-has-task"},
    "kernel_behind": {"pair-kernel-newer"},
    "rows_2022": {"vm-iso-unknown"},
    "vm_twice": {"node-vm-twice"},
    "balancer_words": {"vm-opted-out", "vm-mode-unknown"},
    "vm_without_node": {"cluster-odd-rows"},
    "vm_in_two_clusters": {"cluster-odd-rows"},
}
"""Shape -> the reasons of which one says what differs. A shape that is not listed closes no move."""


async def named_or_moved(bot: BotFixture, report: Any, shapes: dict[str, Any], faults: list[str]) -> None:
    """The true state always allows a move. It was sent, or a reason names an active shape."""
    assert report.outcome == "done", report.problem
    if bot.posts():
        return
    closing = dict(CLOSES)
    if "no_form" not in faults:
        del closing["kernel_behind"]  # the panel's own form allows the move
    differences = {name: closing[name] for name in shapes if name in closing}
    result = codes_of(report) | {m.reason.code for m in await bot.migrations() if m.reason is not None}
    assert any(result & named for named in differences.values()), (differences, result)


def codes_of(report: Any) -> set[str]:
    """Every reason that the report gives why something stays."""
    codes = set()
    for result in report.results:
        for rejection in result.plan.rejections:
            codes |= {reason.code.removeprefix("brief-") for reason, _ in rejection.per_target}
            codes.add(rejection.reason.code.removeprefix("brief-"))
        if result.left_alone is not None:
            codes.add(result.left_alone.code)
    return codes


async def test_a_restart_is_counted_and_an_unknown_word_is_shown_with_the_status(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_mode="auto") as bot:
        checkpoint = await bot.store.figures.checkpoint()
        bot.panel.shapes.switch_on("cold")
        bot.panel.shapes.switch_on("balancer_words", words=["sometimes", "on"])
        await bot.service.cycle.run()
        await bot.carry_out()
        _, _, happened = await bot.store.figures.since(checkpoint)
        assert (happened.results["succeeded"], happened.restarted) == (1, 1)
        [result] = (await bot.service.queries.status()).plans
        assert "remark-word" in {caution.code for caution in result.cautions}
