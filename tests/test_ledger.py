"""The ledger with a real panel and database: what a start stores, and what later checks compare."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_fixture import BotFixture, bot_on, running_bot, running_panel

from bot.domain.incidents import Resource
from bot.domain.outcomes import CHECKPOINTS, Cause, Missing, Outcome
from bot.domain.proposals import MigrationState
from bot.store.readonly_outcomes import broken_promises_of

TEN_MINUTES, HOUR, DAY = (c.total_seconds() for c in CHECKPOINTS)


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path, balance_interval=300) as fixture:
        yield fixture


async def outcomes(bot: BotFixture) -> list[Outcome]:
    return await bot.store.outcomes.of([m.id for m in await bot.migrations()])


async def checked_after(bot: BotFixture, seconds: float) -> list[Outcome]:
    """Makes a check after this time, and returns all comparisons so far."""
    bot.pass_time(seconds)
    await bot.propose()
    return await outcomes(bot)


def grow(bot: BotFixture, vm_id: int, vcpus: int) -> None:
    vm = bot.panel.world.vms[vm_id]
    bot.panel.world.set_vm(vm, cpu_number=vm.cpu_number + vcpus)


def stored(bot: BotFixture, query: str) -> list[Any]:
    with closing(sqlite3.connect(bot.path)) as db:
        return db.execute(query).fetchall()


async def test_finished_migration_is_compared_three_times(bot: BotFixture) -> None:
    await bot.moved()
    migration = await bot.migration()
    assert await checked_after(bot, TEN_MINUTES - 60) == []
    [after_ten] = await checked_after(bot, 60)
    assert (after_ten.after, after_ten.hit) == (CHECKPOINTS[0], pytest.approx(1.0))
    assert after_ten.resource is Resource.CPU and after_ten.promised == pytest.approx(migration.move.vcpus / 16)
    assert after_ten.source is not None and after_ten.source.cpu_ratio == pytest.approx(7.0, abs=0.5)
    assert len(await checked_after(bot, 300)) == 1, "once a checkpoint"
    assert [o.after for o in await checked_after(bot, HOUR)] == list(CHECKPOINTS[:2])
    assert [o.after for o in await checked_after(bot, DAY)] == list(CHECKPOINTS)
    assert all(o.hit == pytest.approx(1.0) for o in await outcomes(bot))
    assert await bot.store.outcomes.due(bot.clock()) == [], "nothing is left to compare"


async def test_promise_is_of_the_moment_of_the_start_and_not_of_the_plan(bot: BotFixture) -> None:
    await bot.propose()
    await bot.decide()
    grow(bot, 20, 4)  # somebody resized another VM between the plan and the start
    await bot.carry_out()
    [promise] = await bot.store.outcomes.of_clusters([1], bot.clock() - timedelta(days=1))
    plan_says = (await bot.migration()).move.source_before.cpu_ratio
    assert promise.promise.source.load.cpu_ratio == pytest.approx(plan_says + 4 / 16)


async def test_vm_that_grew_is_named_as_the_cause(bot: BotFixture) -> None:
    await bot.moved()
    grow(bot, 20, 8)
    [outcome] = await checked_after(bot, TEN_MINUTES)
    assert outcome.cause is Cause.VMS_GREW and outcome.hit is not None and outcome.hit < 0.75


async def test_deleted_vm_and_missed_checks_are_reported(bot: BotFixture) -> None:
    await bot.moved()
    vm_id = (await bot.migration()).move.vm_id
    [late] = await checked_after(bot, TEN_MINUTES + 1200)
    assert (late.missing, late.source) == (Missing.NOT_CHECKED, None)
    bot.panel.world.delete_vm(bot.panel.world.vms[vm_id])
    [_, gone] = await checked_after(bot, HOUR)
    assert (gone.missing, gone.hit) == (Missing.VM_GONE, None)


async def test_comparison_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with running_panel() as panel:
        async with bot_on(panel, tmp_path / "bot.db") as before:
            await before.moved()
            now = before.clock()
        async with bot_on(panel, tmp_path / "bot.db") as after:
            after.clock.now = now
            assert len(await checked_after(after, TEN_MINUTES)) == 1


async def test_clock_that_is_set_back_compares_later(bot: BotFixture) -> None:
    await bot.moved()
    bot.clock.advance(-3 * HOUR)
    assert await checked_after(bot, HOUR) == []
    assert len(await checked_after(bot, 2 * HOUR + TEN_MINUTES)) == 1


async def test_failed_migration_has_no_outcome(bot: BotFixture) -> None:
    bot.fault("migrate_fails")
    await bot.moved()
    assert (await bot.migration()).state is MigrationState.FAILED
    assert await checked_after(bot, TEN_MINUTES) == []


async def test_check_is_stored_although_nothing_can_be_compared(bot: BotFixture) -> None:
    await bot.moved()
    with closing(sqlite3.connect(bot.path)) as db:
        db.execute("DROP TABLE outcome")
        db.commit()
    bot.pass_time(TEN_MINUTES)
    assert (await bot.service.cycle.run()).outcome == "done"


@pytest.mark.parametrize("spoiled", ["figures = 'x'", "resource = 'colour'", "vms = '[[1'"])
async def test_unreadable_promise_stops_neither_checks_nor_other_comparisons(bot: BotFixture, spoiled: str) -> None:
    await bot.propose()
    await bot.decide()
    await bot.carry_out()
    with closing(sqlite3.connect(bot.path)) as db:
        db.execute(f"UPDATE promise SET {spoiled} WHERE migration_id = 1")  # noqa: S608 - words of this test
        db.commit()
    count = len(await bot.migrations())
    assert len(await checked_after(bot, TEN_MINUTES)) == count - 1
    set_aside = await bot.store.unreadable.set_aside(bot.clock())
    assert [(row.place, row.row_id) for row in set_aside] == [("promise", 1)]
    assert not bot.store.unreadable.noted
    await checked_after(bot, 300)
    assert not bot.store.unreadable.noted, "and it is not met again"


async def test_details_are_forgotten_when_nothing_needs_them(bot: BotFixture) -> None:
    await bot.moved()
    await checked_after(bot, TEN_MINUTES)
    assert stored(bot, "SELECT count(*) FROM promise WHERE vms IS NULL") == [(0,)]
    bot.pass_time(4 * DAY)
    await bot.store.outcomes.record([], bot.clock())
    assert stored(bot, "SELECT count(*) FROM promise WHERE vms IS NOT NULL") == [(0,)]
    assert len(await outcomes(bot)) == 1, "what was compared stays"


async def test_ledger_goes_with_the_history(bot: BotFixture) -> None:
    await bot.moved()
    bot.panel.world.delete_vm(bot.panel.world.vms[20])  # the incident is over
    assert len(await checked_after(bot, TEN_MINUTES)) == 1
    bot.pass_time(400 * DAY)
    assert await bot.store.retention.forget_before(bot.clock() - timedelta(days=30), bot.clock())
    assert stored(bot, "SELECT (SELECT count(*) FROM promise) + (SELECT count(*) FROM outcome)") == [(0,)]


async def test_cluster_that_breaks_its_promises_is_found(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_interval=300) as bot:
        for grown in range(5):
            await bot.moved()
            grow(bot, 20 + grown, 8)
            await checked_after(bot, TEN_MINUTES)
            for vm in bot.panel.world.vms.values():  # the next round begins as this one did
                bot.panel.world.set_vm(vm, node={40: 3}.get(vm.id, 1))
            grow(bot, 20 + grown, -8)
            bot.pass_time(DAY)
        [verdict] = await bot.store.outcomes.broken(bot.clock())
        assert (verdict.cluster_id, verdict.cluster_name, verdict.moves) == (1, "Production", 5)
        assert verdict.cause is Cause.VMS_GREW and verdict.kept < 0
        assert await bot.store.outcomes.broken(bot.clock(), [2]) == (), "of other clusters nothing is said"
        assert (await bot.service.queries.status()).broken == (verdict,)
        assert broken_promises_of(bot.path, bot.clock()) == (verdict,)
        summary = await bot.store.summaries.between(bot.clock() - timedelta(days=6), bot.clock())
        assert (summary.compared, summary.broken) == (5, (verdict,)) and summary.kept == pytest.approx(verdict.kept)
