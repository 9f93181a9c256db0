"""The page of the console about room: for lost nodes and for new VMs, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from bot_fixture import running_bot
from test_console import HOSTILE, backend_of, showing, shows
from test_restore import SPLIT

from balancer.model import Purpose
from bot.rendering.catalog import LANGUAGES, texts_for


@pytest.mark.parametrize("language", LANGUAGES)
async def test_page_lists_room_and_proposes_the_moves_that_restore_it(tmp_path: Path, language: str) -> None:
    text = texts_for(language).text
    async with running_bot(tmp_path, SPLIT) as fixture:
        async with showing(backend_of(fixture), 120, 40, language) as pilot:
            await shows(pilot, "birch")
            await pilot.press("R")
            await shows(pilot, "large", "oak → elm", "📐", text("console-room-propose"))
            await pilot.press("escape")
            await shows(pilot, "birch")
            assert not await fixture.store.proposals.waiting(), "Escape proposes nothing"
            await pilot.press("R")
            await shows(pilot, "oak → elm")
            await pilot.press("enter")
            await shows(pilot, text("console-room-proposed", count=1)[:40])
            await pilot.press("R")
            await shows(pilot, text("console-room-propose"))
            await pilot.press("enter")
            await shows(pilot, text("console-room-waits"))
        [proposal] = await fixture.store.proposals.waiting()
        assert proposal.purpose is Purpose.ROOM and len(proposal.pending) == 1


async def test_dry_run_lists_the_moves_and_proposes_none(tmp_path: Path) -> None:
    async with running_bot(tmp_path, SPLIT, dry_run=True) as fixture:
        async with showing(backend_of(fixture), 120, 40) as pilot:
            await shows(pilot, "birch")
            await pilot.press("R")
            await shows(pilot, "oak → elm")
            await pilot.press("enter")
            await shows(pilot, "birch")
        assert not await fixture.store.proposals.waiting()


async def test_hostile_names_stay_on_one_line_of_the_page(tmp_path: Path) -> None:
    world = {**SPLIT, "vms": [{**vm, "name": f"{HOSTILE}{vm['id']}"} for vm in SPLIT["vms"]]}
    async with running_bot(tmp_path, world) as fixture, showing(backend_of(fixture), 140, 40) as pilot:
        await shows(pilot, "birch")
        await pilot.press("R")
        drawn = await shows(pilot, "1. [red]x[/red]gpj.exe [@click=app.quit]y", "oak → elm")
        assert "\x1b" not in drawn and "\u202e" not in drawn
