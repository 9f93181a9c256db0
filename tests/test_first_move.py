"""`vm-balancer first-move`: moves the smallest VM after a question and follows it to the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_fixture import HOT_WORLD, settings
from stack import VERA, Stack, buttons, running_stack, world

from bot.app.program import VMBalancer
from bot.cli.first_move import first_move
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
    assert "small-a" in shown and "arrived alive" in shown and "host_migrate" in shown


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
    assert "did not arrive alive" in capsys.readouterr().out


async def test_panel_without_a_movable_vm_is_reported(
    panel: RunningPanel, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for vm in list(panel.world.vms.values()):
        panel.world.set_vm(vm, iso_mounted=True)
    async with balancer_on(panel, tmp_path) as balancer:
        assert await first_move(balancer, None) == 1
    assert "No VM can be moved" in capsys.readouterr().out


# --- in the chat


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1, task_row_delay_s=0.1) as running:
        yield running


async def test_mode_offers_the_first_migration_until_one_has_arrived(stack: Stack) -> None:
    stack.start_program()
    mode = await stack.asked("/mode", "No migration on this VMmanager has been watched yet")
    page = await stack.opened(mode, "First VM…", "small-a", "from hot to", "If the VM was restarted")
    assert await stack.tap(page, "🐣 Migrate to cool", VERA) == "You may look, but not decide."
    assert await stack.tap(page, "🐣 Migrate to cool") == "Approved: small-a moves to cool."
    await stack.message("chosen by Anna Admin", "done in")
    assert await stack.starts() == [(11, 2)]
    mode = await stack.asked("/mode", "Approve mode")
    assert "🐣 First VM…" not in buttons(mode)


async def test_the_first_migration_is_judged_again_at_the_second_press(stack: Stack) -> None:
    stack.start_program()
    page = await stack.opened(await stack.asked("/mode", "watched yet"), "First VM…", "small-a")
    await stack.patch({"op": "set_vm", "id": 11, "fields": {"iso_mounted": True}})
    assert "ISO" in await stack.tap(page, "🐣 Migrate to cool")
    assert await stack.starts() == []


async def test_who_only_looks_and_a_dry_run_are_offered_no_first_migration(stack: Stack) -> None:
    stack.start_program(DRY_RUN="true")
    mode = await stack.asked("/mode", "Approve mode")
    assert "🐣 First VM…" not in buttons(mode)
