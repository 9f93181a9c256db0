"""`vm-balancer first-move`: the least VM, after a question, watched to its end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_fixture import HOT_WORLD, settings

from bot.app import VMBalancer
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
