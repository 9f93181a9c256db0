"""What the console shows and does about migrations: stop one that runs, and what an ended one brought."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_fixture import BotFixture, running_bot
from test_aborts import ended, posts, under_way
from test_console import OLGA, backend_of, showing, shows
from textual.pilot import Pilot

from bot.domain.aborts import AbortState
from bot.domain.proposals import MigrationState


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path, allow_abort=True, panel={"migration_s": 300}, migration_timeout=900) as fixture:
        yield fixture


async def on_the_running_row(pilot: Pilot[int]) -> None:
    await shows(pilot, "hot")
    await pilot.press("3")
    await shows(pilot, "Being carried out", "running")
    await pilot.press("down", "down")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
async def test_console_asks_twice_and_then_sends_one_request(bot: BotFixture, width: int, height: int) -> None:
    migration = await under_way(bot)
    async with showing(backend_of(bot), width, height) as pilot:
        await on_the_running_row(pilot)
        await pilot.press("X")
        await shows(pilot, "Stop the migration of small-a? The VM should stay on hot.")
        await pilot.press("y")
        await shows(pilot, "Really stop the migration of small-a?")
        assert posts(bot) == [], "one answer is not enough"
        await pilot.press("y")
        await shows(pilot, "asked to stop")
    assert posts(bot) == [f"/vm/v3/task/{migration.task_id}/abort"]
    abort = (await bot.store.aborts.of([migration.id]))[migration.id]
    assert (abort.state, abort.by) == (AbortState.ACCEPTED, OLGA)
    row = await ended(bot, migration)
    assert row.state is MigrationState.FAILED and row.reason is not None and row.reason.code == "aborted"


@pytest.mark.parametrize("answers", [["escape"], ["y", "escape"]])
async def test_console_stops_nothing_without_both_answers(bot: BotFixture, answers: list[str]) -> None:
    await under_way(bot)
    async with showing(backend_of(bot)) as pilot:
        await on_the_running_row(pilot)
        await pilot.press("X")
        for answer in answers:
            await shows(pilot, "top the migration of small-a?")
            await pilot.press(answer)
        await pilot.pause()
    assert posts(bot) == []


async def test_console_says_that_stopping_is_switched_off(tmp_path: Path) -> None:
    async with running_bot(tmp_path, panel={"migration_s": 300}, migration_timeout=900) as bot:
        await under_way(bot)
        async with showing(backend_of(bot)) as pilot:
            await on_the_running_row(pilot)
            await pilot.press("X")
            await shows(pilot, "ALLOW_ABORT")
        assert posts(bot) == []


async def test_history_shows_what_a_migration_brought(tmp_path: Path) -> None:
    async with running_bot(tmp_path, balance_interval=300) as bot:
        await bot.moved()
        bot.pass_time(600)
        await bot.propose()
        async with showing(backend_of(bot), 120, 40) as pilot:
            await shows(pilot, "hot")
            await pilot.press("4")
            await shows(pilot, "after 10 min: relieved hot by")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40)])
async def test_titles_of_the_vms_of_a_node_are_whole_and_states_are_in_russian(
    tmp_path: Path, width: int, height: int
) -> None:
    async with running_bot(tmp_path) as bot, showing(backend_of(bot), width, height, "ru") as pilot:
        await shows(pilot, "hot")
        await pilot.press("enter")
        drawn = await shows(pilot, "big-0", "активна")
        titles = next(line for line in drawn.splitlines() if "vCPU" in line and "состояние" in line)
        assert all(f" {title} " in f"{titles} " for title in ("память ГиБ", "состояние", "почему остаётся")), titles
