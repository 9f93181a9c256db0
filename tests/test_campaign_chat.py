"""A rolling campaign in the chat: planned, started, pressed and followed in one message, by those who may."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from chat_fixture import ANNA, BORIS, GROUP, ChatFixture, running
from test_campaigns import WORLD
from test_charts import picture, said

from bot.app.program import VMBalancer
from bot.cli import roll
from bot.domain.campaigns import CampaignState, Press
from bot.domain.proposals import MigrationState
from bot.errors import ConfigError
from sandbox.chat.model import Message

TITLE = "nodes are emptied one after another"
NODES = {1: "oak", 2: "elm", 3: "ash"}


async def shown(chat: ChatFixture, *parts: str) -> Message:
    """The message of the campaign, once it has these parts."""
    return await chat.message("Campaign ", ", started by", *parts)


async def look(chat: ChatFixture) -> None:
    """The next look at the panel: time passes for it."""
    await chat.pass_time(timedelta(seconds=20))


async def reboot(chat: ChatFixture, node: int) -> None:
    world = chat.panel.world
    world.set_node(world.nodes[node], maintenance_mode=True)
    await look(chat)
    await shown(chat, f"{NODES[node]}: is away")
    await chat.pass_time(timedelta(minutes=1))
    world.set_node(world.nodes[node], maintenance_mode=False)
    await look(chat)


async def test_three_nodes_are_emptied_rebooted_and_done_in_one_message(tmp_path: Path) -> None:
    async with running(tmp_path, WORLD) as chat:
        await chat.start()
        said(chat, "/roll oak,elm,ash")
        plan = await chat.message("the plan for emptying node after node", "Nothing moves until somebody starts it")
        await chat.pressed(plan, "ask at each node")
        for _ in NODES:
            message = await shown(chat, ": waits for approval")
            node = next(n for n in NODES if f"{NODES[n]}: waits for approval" in message.content.text)
            await chat.pressed(message, f"Empty {NODES[node]}")
            await shown(chat, f"{NODES[node]}: is empty")
            assert not any(vm.node == node for vm in chat.panel.world.vms.values())
            await reboot(chat, node)
        message = await shown(chat, ": is back")
        await chat.pressed(message, "Finish without filling")
        message = await shown(chat, "Finished: 3 of 3 done")
        assert not message.content.button_rows()
        assert len(chat.texts(TITLE)) == 1, "one message"
        assert await chat.store.exclusions.active(chat.clock()) == []
        started = await chat.store.migrations.in_states(tuple(MigrationState))
        assert len(chat.panel.requests.since(0, "/vm/v3/host", "POST")) == len(started)


async def test_all_nodes_are_approved_by_two_presses_and_stopped_by_two(tmp_path: Path) -> None:
    async with running(tmp_path, WORLD) as chat:
        await chat.start()
        said(chat, "/roll")
        plan = await chat.message("the plan for emptying node after node")
        assert "Press again" in await chat.pressed(plan, "Approve all nodes")
        chat.clock.now += timedelta(seconds=2)
        await chat.pressed(plan, "Approve all nodes")
        message = await shown(chat, ": is empty")
        assert "Press again" in await chat.pressed(message, "Stop", BORIS)
        chat.clock.now += timedelta(seconds=2)
        await chat.pressed(message, "Stop", BORIS)
        message = await shown(chat, "Stopped, 0 of 3 done", "Boris Backup stopped it", "oak: skipped")
        assert not message.content.button_rows()
        assert await chat.store.exclusions.active(chat.clock()) == []


async def test_two_people_approve_each_node_where_the_rule_is_on(tmp_path: Path) -> None:
    async with running(tmp_path, WORLD, two_person_rule=True) as chat:
        await chat.start()
        said(chat, "/roll oak")
        await chat.pressed(await chat.message("the plan for emptying"), "ask at each node")
        message = await shown(chat, "oak: waits for approval")
        await chat.pressed(message, "Empty oak")
        assert "approved already" in await chat.pressed(message, "Empty oak")
        assert chat.panel.requests.since(0, "/vm/v3/host", "POST") == []
        await chat.pressed(message, "Empty oak", BORIS)
        await shown(chat, "oak: is empty")


async def test_viewers_and_strangers_start_and_press_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, WORLD, telegram_admin_ids=(ANNA,), telegram_viewer_ids=(BORIS,)) as chat:
        await chat.start()
        chat.chat.state.write(GROUP, BORIS, "/roll oak")
        plan = await chat.message("the plan for emptying")
        assert not [b for row in plan.content.button_rows() for b in row if "roll" in b.get("callback_data", "")]
        said(chat, "/roll oak")
        await chat.until(lambda: len(chat.texts("the plan for emptying")) == 2)
        mine = chat.messages()[-1]
        assert "not decide" in await chat.pressed(mine, "ask at each node", BORIS)
        await chat.pressed(mine, "ask at each node")
        message = await shown(chat, "oak: waits for approval")
        for label in ("Empty oak", "Skip oak", "Pause", "Stop", "Approve all"):
            assert "not decide" in await chat.pressed(message, label, BORIS), label
        [campaign] = await chat.store.campaigns.open()
        assert (campaign.state, campaign.version) == (CampaignState.RUNNING, 1)


async def test_dry_run_shows_the_plan_without_a_button_to_start(tmp_path: Path) -> None:
    async with running(tmp_path, WORLD, dry_run=True) as chat:
        await chat.start()
        said(chat, "/roll oak")
        plan = await chat.message("the plan for emptying")
        assert "Approve all" not in str(plan.content.button_rows())


@pytest.mark.parametrize("words", ["/roll oak 2020-01-01 02:00", "/drain oak 25:00", "/roll oak 31.02 02:00"])
async def test_date_that_cannot_be_meant_is_refused_with_an_example(tmp_path: Path, words: str) -> None:
    async with running(tmp_path, WORLD) as chat:
        await chat.start()
        said(chat, words)
        await chat.message("sat 02:00", "2026-12-05 02:00-06:00")


async def test_dated_drain_waits_for_its_hour_and_is_one_message(tmp_path: Path) -> None:
    async with running(tmp_path, WORLD, timezone="Europe/Berlin") as chat:
        chat.clock.now = datetime(2026, 12, 4, 12, 0, tzinfo=timezone.utc)
        await chat.start()
        said(chat, "/drain oak sat 02:00-06:00")
        plan = await chat.message("the plan for its maintenance", "Beginning: tomorrow 02:00", "End: tomorrow 06:00")
        await chat.pressed(plan, "Empty it")
        chat.clock.now += timedelta(seconds=2)
        await chat.pressed(plan, "Empty it")
        await shown(chat, "Beginning: tomorrow 02:00", "oak: waits")
        chat.clock.now = datetime(2026, 12, 5, 1, 0, 1, tzinfo=timezone.utc)
        await shown(chat, "oak: is empty")
        chat.clock.now = datetime(2026, 12, 5, 5, 0, 1, tzinfo=timezone.utc)
        await shown(chat, "Finished: 1 of 1 done")


async def test_message_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, WORLD) as chat:
        await chat.start()
        said(chat, "/roll oak")
        await chat.pressed(await chat.message("the plan for emptying"), "ask at each node")
        await chat.pressed(await shown(chat, "oak: waits for approval"), "Empty oak")
        await shown(chat, "oak: is empty")
        await chat.stop()
        await chat.start()
        await chat.pressed(await shown(chat, "oak: is empty"), "Ready: oak")
        await shown(chat, "oak: is back")
        assert len(chat.texts(TITLE)) == 1


async def test_terminal_starts_shows_pauses_and_stops_what_the_program_carries_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def yes(_: str) -> str:
        return "yes"

    async def no(_: str) -> str:
        return "no"

    async with running(tmp_path, WORLD) as chat:
        await chat.start()
        await shown_after_check(chat)
        given = chat.settings(telegram_notifications=False)
        async with VMBalancer(settings=given, exclusive=False, clock=chat.clock) as terminal:
            assert await roll.start(terminal, "oak", "", no, each=False) == 0
            assert await chat.store.campaigns.newest(1) == []
            with pytest.raises(ConfigError, match="is over"):
                await roll.start(terminal, "oak", "2020-01-01 02:00", yes, each=False)
            with pytest.raises(ConfigError, match="nothing is called 'oka'"):
                await roll.start(terminal, "oka", "", yes, each=False)
            assert await roll.start(terminal, "oak", "", yes, each=True) == 0
            await shown(chat, "oak: waits for approval")
            assert await roll.start(terminal, "elm", "", yes, each=True) == 1
            assert await roll.pressed(terminal, Press.PAUSE, "") == 0
            await shown(chat, "Paused")
            assert await roll.pressed(terminal, Press.RESUME, "production") == 0
            assert await roll.pressed(terminal, Press.APPROVE_ALL, "") == 0
            await shown(chat, "oak: is empty")
            assert await roll.pressed(terminal, Press.STOP, "elsewhere") == 1
            assert await roll.pressed(terminal, Press.STOP, "") == 0
            await shown(chat, "Stopped, 0 of 1 done")
            capsys.readouterr()
            assert await roll.show(terminal) == 0
            assert "1. oak: skipped" in capsys.readouterr().out


async def shown_after_check(chat: ChatFixture) -> None:
    """The program has looked at the panel."""
    await chat.until(lambda: chat.balancer is not None and chat.balancer.service.observer.last is not None)


async def test_message_has_a_picture_of_all_nodes_that_follows_their_states(tmp_path: Path) -> None:
    async with running(tmp_path, WORLD, pictures=True) as chat:
        await chat.start()
        said(chat, "/roll")
        await chat.pressed(await chat.message("the plan for emptying"), "ask at each node")
        message = await shown(chat, ": waits for approval")
        before = picture(message)
        name = next(n for n in NODES.values() if f"{n}: waits for approval" in message.content.text)
        await chat.pressed(message, f"Empty {name}")
        message = await shown(chat, f"{name}: is empty")
        assert picture(message) != before
        await chat.pressed(message, f"Ready: {name}")
        await shown(chat, f"{name}: done")
