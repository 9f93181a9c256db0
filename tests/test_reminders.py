"""Nobody answers: told once more in the chat, then once in another one; also across a restart, and never too late."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from bot_builders import until
from chat_fixture import ANNA, GROUP, ChatFixture, running

from balancer.model import Reason
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


ESCALATED = "nobody has answered for"


async def test_an_escalation_follows_its_group_to_a_new_id(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        another_chat(rig)
        await rig.start(**{**GIVEN, "escalate_after": 10})
        await rig.message("small-a", buttons=True)
        moved = rig.chat.state.migrate(OTHER)
        rig.clock.now += 11 * MINUTE
        await rig.message(ESCALATED, chat_id=moved.id)
        await rig.stop()
        await rig.start(**{**GIVEN, "escalate_after": 10})
        await rig.until(lambda: rig.calls("getMe"), "a restart")
        assert len(rig.messages(moved.id)) == 1


async def test_an_escalation_waits_until_its_chat_takes_messages(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        another_chat(rig)
        rig.fault("403", chat_id=OTHER, count=1_000_000)
        balancer = await rig.start(**{**GIVEN, "escalate_after": 10})
        await rig.message("small-a", buttons=True)
        rig.clock.now += 11 * MINUTE
        await rig.until(lambda: f"ESCALATION_CHAT_ID={OTHER}" in (balancer.telegram.reach.problem or ""))  # type: ignore[union-attr]
        assert await rig.store.notices.unsent(), "it is not given up"
        rig.mend()
        await rig.message(ESCALATED, chat_id=OTHER)
        assert balancer.telegram is not None
        await rig.until(lambda: balancer.telegram.reach.problem is None)  # type: ignore[union-attr]


async def test_an_escalation_whose_answer_is_lost_is_not_sent_a_third_time(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        another_chat(rig)
        rig.fault("sent_then_timeout", "sendMessage", chat_id=OTHER, seconds=0.1, count=1)
        await rig.start(**{**GIVEN, "escalate_after": 10})
        await rig.message("small-a", buttons=True)
        rig.clock.now += 11 * MINUTE
        await rig.message(ESCALATED, chat_id=OTHER)

        async def told() -> bool:
            return not await rig.store.notices.unsent()

        await until(told, "the escalation is done with")
        assert len(rig.messages(OTHER)) <= 2


async def test_a_chat_that_asks_to_wait_delays_no_other(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        another_chat(rig)
        rig.fault("429", chat_id=OTHER, retry_after=60)
        await rig.start(**{**GIVEN, "escalate_after": 10})
        report = await rig.message("small-a", buttons=True)
        rig.clock.now += 11 * MINUTE
        await rig.until(lambda: rig.calls("sendMessage", 429), "the escalation has to wait")
        begun = asyncio.get_running_loop().time()
        await rig.pressed(report, "Approve 1")
        await rig.message("small-a", "approved by")
        assert asyncio.get_running_loop().time() - begun < 10


async def test_the_first_chat_can_be_the_one_for_escalations(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.start(**{**GIVEN, "escalation_chat_id": GROUP, "escalate_after": 10})
        await rig.message("small-a", buttons=True)
        rig.clock.now += 11 * MINUTE
        await rig.message(ESCALATED)
        assert len(rig.texts(ESCALATED)) == 1


async def test_a_notice_with_endless_words_or_an_unknown_reason_stops_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.start()
        report = await rig.message("small-a", buttons=True)
        now = rig.clock()
        await rig.store.notices.note_outage("one", "here", Reason.of("outage", problem="x" * 30_000), now)
        await rig.store.notices.note_outage("two", "here", Reason.of("made-up-later", node="<b>", count=None), now)
        assert rig.balancer is not None and rig.balancer.telegram is not None
        rig.balancer.telegram.notices_waiting()
        assert len((await rig.message("xxxx")).content.text) < 600
        await rig.message("reason-made-up-later")
        await rig.pressed(report, "Approve 1")
        await rig.message("small-a", "done in")
