"""Nobody answers: told once more in the chat, then once in another one; also across a restart, and never too late."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from chat_fixture import ANNA, GROUP, ChatFixture, running

from sandbox.chat.model import Chat

OTHER = -1001000000077
MINUTE = timedelta(minutes=1)
GIVEN = {"remind_after": 30, "escalation_chat_id": OTHER, "escalate_after": 45, "timezone": "UTC"}


def another_chat(rig: ChatFixture) -> None:
    people = {ANNA: "member", rig.chat.state.bot.id: "member"}
    rig.chat.state.add_chat(Chat(OTHER, "supergroup", "Night shift", members=people))


async def test_told_again_once_and_then_another_chat(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        another_chat(rig)
        await rig.start(**GIVEN)
        report = await rig.message("small-a", buttons=True)
        rig.clock.now += 31 * MINUTE
        reminder = await rig.message("⏰", "1 move has waited for 31 min")
        assert reminder.reply_to is report and rig.messages(OTHER) == []
        await rig.stop()
        rig.clock.now += 20 * MINUTE
        await rig.start(**GIVEN)
        said = await rig.message("nobody has answered for 51 min", "Overloaded nodes: 1", chat_id=OTHER)
        assert not said.content.keyboard, "it is decided in the first chat"
        await asyncio.sleep(5)  # some more looks, which tell nothing new
        assert len(rig.texts("⏰")) == 1 and len(rig.messages(OTHER)) == 1


async def test_what_is_decided_is_told_of_no_more_and_quiet_hours_are_kept(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        another_chat(rig)
        now = rig.clock.now
        quiet = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=3):%H:%M}"
        await rig.start(**GIVEN, quiet_hours=quiet)
        report = await rig.message("small-a", buttons=True)
        rig.clock.now += 31 * MINUTE
        await asyncio.sleep(5)
        assert rig.texts("⏰") == [], "people sleep"
        assert "Skipped" in await rig.pressed(report, "Skip 1")
        rig.clock.now += 20 * MINUTE
        await asyncio.sleep(5)
        assert rig.messages(OTHER) == [] and len(rig.messages(GROUP)) == 1


async def test_a_chat_that_takes_no_messages_keeps_nothing_from_the_first(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.start(**{**GIVEN, "escalate_after": 10})
        report = await rig.message("small-a", buttons=True)
        rig.clock.now += 11 * MINUTE
        await rig.until(lambda: bool(rig.calls("sendMessage", 400)), "a refusal")
        await rig.pressed(report, "Approve 1")
        await rig.message("small-a", "done in")
