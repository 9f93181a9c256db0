"""The first message in a new chat: once, after the first check, and only where nothing else was shown."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_fixture import HOT_WORLD
from chat_fixture import ANNA, GROUP, ChatFixture, running
from test_chats import NORTH, SOUTH, TWO, opened, written
from test_incident_messages import checked, quiet

LARGE = (20, 21)
CALM: dict[str, Any] = {**HOT_WORLD, "vms": [vm for vm in HOT_WORLD["vms"] if vm["id"] not in LARGE]}


async def greeted(fixture: ChatFixture, chat_id: int = GROUP) -> str:
    await fixture.until(lambda: fixture.hello(chat_id), "the first message")
    return fixture.hello(chat_id)[0].content.text


async def test_new_chat_gets_one_message_without_a_sound_also_across_restarts(tmp_path: Path) -> None:
    async with running(tmp_path, CALM) as fixture:
        await fixture.start()
        text = await greeted(fixture)
        assert "1 cluster, 3 nodes" in text and "No node is overloaded" in text and "Approve mode" in text
        await checked(fixture)
        await fixture.stop()
        await fixture.start()
        await checked(fixture)
        [hello] = fixture.hello()
        assert hello.silent and fixture.messages() == []


async def test_chat_whose_first_message_is_an_incident_gets_no_other_one(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start()
        await fixture.message("1. small-a", buttons=True)
        await quiet(fixture)
        for vm_id in LARGE:
            fixture.panel.world.delete_vm(fixture.panel.world.vms[vm_id])
        await checked(fixture)
        await fixture.stop()
        await fixture.start()
        await checked(fixture)
        assert fixture.hello() == []


async def test_each_new_chat_is_greeted_with_its_own_clusters(tmp_path: Path) -> None:
    world = {**TWO, "vms": [vm for vm in TWO["vms"] if vm["id"] not in (16, 17)]}  # only South is overloaded
    async with running(tmp_path, world) as fixture:
        opened(fixture)
        await fixture.start(chats_file=written(tmp_path), telegram_admin_ids=(ANNA,))
        north = await greeted(fixture, NORTH)
        assert "Кластеров: 1, узлов: 2" in north and fixture.hello(NORTH)[0].thread_id is None
        await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
        await quiet(fixture)
        assert fixture.hello(SOUTH) == [] and fixture.hello(GROUP) == []


async def test_group_that_became_a_supergroup_is_not_greeted_again(tmp_path: Path) -> None:
    async with running(tmp_path, CALM) as fixture:
        await fixture.start()
        await greeted(fixture)
        new_id = fixture.chat.state.migrate(GROUP).id
        assert fixture.balancer is not None and fixture.balancer.telegram is not None
        await fixture.until(lambda: fixture.balancer.telegram.chat_id == new_id, "the new id")  # type: ignore[union-attr]
        await fixture.stop()
        await fixture.start()
        await checked(fixture)
        await fixture.stop()
        await fixture.start(telegram_chat_id=new_id)
        await checked(fixture)
        assert fixture.hello(new_id) == []


async def test_first_message_waits_for_telegram(tmp_path: Path) -> None:
    async with running(tmp_path, CALM) as fixture:
        fixture.cut()
        await fixture.start()
        await fixture.until(lambda: fixture.calls("sendMessage"), "an attempt")
        await fixture.stop()
        fixture.mend()
        await fixture.start()
        await greeted(fixture)
        await checked(fixture)
        assert len(fixture.hello()) == 1


@pytest.mark.parametrize("mode", ["auto", "dry-run"])
async def test_first_message_says_who_decides(tmp_path: Path, mode: str) -> None:
    given = {"dry_run": True} if mode == "dry-run" else {"balance_mode": mode, "migration_cooldown": 0}
    async with running(tmp_path, CALM, **given) as fixture:
        await fixture.start()
        assert ("Dry run" if mode == "dry-run" else "Automatic mode") in await greeted(fixture)


async def test_failed_first_check_delays_the_first_message(tmp_path: Path) -> None:
    async with running(tmp_path, CALM, outage_after=5) as fixture:
        fixture.panel.faults.add("half_list", path="/vm/v3/host")
        balancer = await fixture.start()
        await balancer.check_now()
        await quiet(fixture)
        assert fixture.hello() == []
        fixture.panel.faults.clear()
        fixture.clock.now += timedelta(minutes=10)
        await balancer.check_now()
        await greeted(fixture)
