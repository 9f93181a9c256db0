"""`vm-balancer first-move`: moves the smallest VM after a question and follows it to the end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_fixture import HOT_WORLD, running_bot, settings
from stack import VERA, Stack, buttons, running_stack, world

from bot.app.program import VMBalancer
from bot.cli.first_move import first_move
from bot.domain.proposals import Sighting
from bot.rendering.catalog import texts_for
from bot.rendering.phrases import sighting_words
from bot.telegram.views.moves import sighting_line
from sandbox.panel.server import RunningPanel, start_panel
from sandbox.world.world import World


@pytest.fixture
async def panel() -> AsyncIterator[RunningPanel]:
    running = await start_panel(World.from_dict(HOT_WORLD), speed=20, migration_s=1)
    yield running
    await running.close()


def balancer_on(panel: RunningPanel, folder: Path) -> VMBalancer:
    return VMBalancer(settings=settings(panel.url, task_poll_interval=0.1, database_path=folder / "x.db"))


async def yes(question: str) -> str:
    return "y"


async def no(question: str) -> str:
    return "n"


async def test_smallest_vm_is_moved_after_a_yes(
    panel: RunningPanel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with balancer_on(panel, tmp_path) as balancer:
        assert await first_move(balancer, yes) == 0
        assert await balancer.store.migrations.arrived_alive()
    assert panel.world.vms[11].node != 1
    shown = capsys.readouterr().out
    assert "small-a" in shown and "moved without a restart" in shown and "host_migrate" in shown


async def test_nothing_is_moved_after_a_no(panel: RunningPanel, tmp_path: Path) -> None:
    async with balancer_on(panel, tmp_path) as balancer:
        assert await first_move(balancer, no) == 0
    assert panel.requests.since(0, "/vm/v3/host", "POST") == []


async def test_restarted_vm_is_reported(
    panel: RunningPanel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    panel.shapes.switch_on("cold")
    async with balancer_on(panel, tmp_path) as balancer:
        assert await first_move(balancer, None) == 1
    assert "this was no live migration" in capsys.readouterr().out


async def test_panel_without_a_movable_vm_is_reported(
    panel: RunningPanel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for vm in list(panel.world.vms.values()):
        panel.world.set_vm(vm, iso_mounted=True)
    async with balancer_on(panel, tmp_path) as balancer:
        assert await first_move(balancer, None) == 1
    assert "No VM can be moved" in capsys.readouterr().out


@pytest.mark.parametrize(("shape", "verdict"), [(None, "was not restarted"), ("cold", "was restarted")])
async def test_what_was_seen_is_kept_of_the_first_migrations_until_one_arrives_alive(
    tmp_path: Path, shape: str | None, verdict: str
) -> None:
    async with running_bot(tmp_path) as fixture:
        if shape is not None:
            fixture.panel.shapes.switch_on(shape)
        await fixture.moved()
        first, *others = await fixture.migrations()
        sighting = first.sighting
        assert sighting is not None and (sighting.state_before, sighting.state_after) == ("active", "active")
        assert sighting.uptime_before and sighting.uptime_after is not None and sighting.task_words[-1] == "complete"
        assert (sighting.uptime_after < sighting.uptime_before) is (shape == "cold")
        assert verdict in sighting_line(texts_for("en"), first, sighting)
        assert [m.sighting is not None for m in others] == [shape == "cold"] * len(others)


def test_values_missing_in_the_panel_are_question_marks_and_names_are_escaped() -> None:
    words = sighting_words(Sighting(state_before="<b>", task_words=("<i>", "x" * 300)))
    assert (words["uptime_before"], words["state_after"]) == ("?", "?")
    for language in ("en", "ru"):
        assert "<b>" not in texts_for(language).html("sighting", verdict="alive", **words)


# --- in the chat


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1, task_row_delay_s=0.1) as running:
        yield running


async def test_mode_offers_the_first_migration_until_one_has_arrived(stack: Stack) -> None:
    stack.start_program()
    mode = await stack.asked("/mode", "has not watched a migration on this VMmanager yet")
    page = await stack.opened(mode, "First VM…", "small-a", "It leaves hot for", "If the VM restarts")
    assert await stack.tap(page, "🐣 Migrate to cool", VERA) == "You may look, but not decide."
    assert await stack.tap(page, "🐣 Migrate to cool") == "Approved: small-a moves to cool."
    text = (await stack.message("chosen by Anna Admin", "done in", "First migration on this VMmanager"))["text"]
    seen = re.search(r"Before: active, uptime (\d+). After: active, uptime (\d+). Task: (.+)\. The VM was not", text)
    assert seen is not None and int(seen[1]) <= int(seen[2]) and seen[3].endswith("complete"), text
    assert "The VM was not restarted." in (await stack.asked("/history", "small-a"))["text"]
    assert await stack.starts() == [(11, 2)]
    mode = await stack.asked("/mode", "Approve mode")
    assert "🐣 First VM…" not in buttons(mode)


async def test_the_first_migration_is_judged_again_at_the_second_press(stack: Stack) -> None:
    stack.start_program()
    page = await stack.opened(await stack.asked("/mode", "has not watched a migration"), "First VM…", "small-a")
    await stack.patch({"op": "set_vm", "id": 11, "fields": {"iso_mounted": True}})
    assert "ISO" in await stack.tap(page, "🐣 Migrate to cool")
    assert await stack.starts() == []


async def test_who_only_looks_and_a_dry_run_are_offered_no_first_migration(stack: Stack) -> None:
    stack.start_program(DRY_RUN="true")
    mode = await stack.asked("/mode", "Approve mode")
    assert "🐣 First VM…" not in buttons(mode)
