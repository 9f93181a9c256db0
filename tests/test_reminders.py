"""Undecided proposals: one reminder in the chat, then one escalation to another chat, also across a restart."""

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


def another_chat(fixture: ChatFixture) -> None:
    people = {ANNA: "member", fixture.chat.state.bot.id: "member"}
    fixture.chat.state.add_chat(Chat(OTHER, "supergroup", "Night shift", members=people))


async def test_undecided_proposal_is_reminded_once_then_escalated(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        another_chat(fixture)
        await fixture.start(**GIVEN)
        report = await fixture.message("small-a", buttons=True)
        await fixture.pass_time(31 * MINUTE)
        reminder = await fixture.message("⏰", "1 move has waited for 31 min")
        assert reminder.reply_to is report and fixture.messages(OTHER) == []
        await fixture.stop()
        fixture.clock.now += 20 * MINUTE
        await fixture.start(**GIVEN)
        words = await fixture.message("nobody has answered for 51 min", "Overloaded nodes: 1", chat_id=OTHER)
        assert not words.content.keyboard, "it is decided in the first chat"
        await fixture.tick()
        await fixture.all_sent()
        assert len(fixture.texts("⏰")) == 1 and len(fixture.messages(OTHER)) == 1


async def test_decided_proposal_is_not_reminded_and_quiet_hours_hold(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        another_chat(fixture)
        now = fixture.clock.now
        quiet = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=3):%H:%M}"
        await fixture.start(**GIVEN, quiet_hours=quiet)
        report = await fixture.message("small-a", buttons=True)
        await fixture.pass_time(31 * MINUTE)
        await fixture.all_sent()
        assert fixture.texts("⏰") == [], "people sleep"
        assert "Skipped" in await fixture.pressed(report, "Skip 1")
        await fixture.pass_time(20 * MINUTE)
        await fixture.all_sent()
        assert fixture.messages(OTHER) == [] and len(fixture.messages(GROUP)) == 1


async def test_failing_escalation_chat_does_not_affect_the_first(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start(**{**GIVEN, "escalate_after": 10})
        report = await fixture.message("small-a", buttons=True)
        await fixture.pass_time(11 * MINUTE)
        await fixture.until(lambda: bool(fixture.calls("sendMessage", 400)), "a refusal")
        await fixture.pressed(report, "Approve 1")
        await fixture.message("small-a", "done in")


ESCALATED = "nobody has answered for"


async def test_an_escalation_follows_its_group_to_a_new_id(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        another_chat(fixture)
        await fixture.start(**{**GIVEN, "escalate_after": 10})
        await fixture.message("small-a", buttons=True)
        moved = fixture.chat.state.migrate(OTHER)
        await fixture.pass_time(11 * MINUTE)
        await fixture.message(ESCALATED, chat_id=moved.id)
        await fixture.stop()
        await fixture.start(**{**GIVEN, "escalate_after": 10})
        await fixture.until(lambda: fixture.calls("getMe"), "a restart")
        assert len(fixture.messages(moved.id)) == 1


async def test_an_escalation_waits_until_its_chat_takes_messages(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        another_chat(fixture)
        fixture.fault("403", chat_id=OTHER, count=1_000_000)
        balancer = await fixture.start(**{**GIVEN, "escalate_after": 10})
        await fixture.message("small-a", buttons=True)
        await fixture.pass_time(11 * MINUTE)
        await fixture.until(lambda: f"ESCALATION_CHAT_ID={OTHER}" in (balancer.telegram.health.problem or ""))  # type: ignore[union-attr]
        assert await fixture.store.notices.unsent(), "it is not given up"
        fixture.mend()
        await fixture.message(ESCALATED, chat_id=OTHER)
        assert balancer.telegram is not None
        await fixture.until(lambda: balancer.telegram.health.problem is None)  # type: ignore[union-attr]


async def test_an_escalation_whose_answer_is_lost_is_not_sent_a_third_time(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        another_chat(fixture)
        fixture.fault("sent_then_timeout", "sendMessage", chat_id=OTHER, seconds=0.1, count=1)
        await fixture.start(**{**GIVEN, "escalate_after": 10})
        await fixture.message("small-a", buttons=True)
        await fixture.pass_time(11 * MINUTE)
        await fixture.message(ESCALATED, chat_id=OTHER)

        async def escalated() -> bool:
            return not await fixture.store.notices.unsent()

        await until(escalated, "the escalation is done with")
        assert len(fixture.messages(OTHER)) <= 2


async def test_flood_wait_of_a_chat_delays_no_other(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        another_chat(fixture)
        fixture.fault("429", chat_id=OTHER, retry_after=60)
        await fixture.start(**{**GIVEN, "escalate_after": 10})
        report = await fixture.message("small-a", buttons=True)
        await fixture.pass_time(11 * MINUTE)
        await fixture.until(lambda: fixture.calls("sendMessage", 429), "the escalation has to wait")
        begun = asyncio.get_running_loop().time()
        await fixture.pressed(report, "Approve 1")
        await fixture.message("small-a", "approved by")
        assert asyncio.get_running_loop().time() - begun < 10


async def test_main_chat_can_be_the_escalation_chat(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start(**{**GIVEN, "escalation_chat_id": GROUP, "escalate_after": 10})
        await fixture.message("small-a", buttons=True)
        await fixture.pass_time(11 * MINUTE)
        await fixture.message(ESCALATED)
        assert len(fixture.texts(ESCALATED)) == 1


async def test_notice_with_long_text_or_unknown_reason_stops_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        now = fixture.clock()
        await fixture.store.notices.note_outage("one", "here", Reason.of("outage", problem="x" * 30_000), now)
        await fixture.store.notices.note_outage("two", "here", Reason.of("made-up-later", node="<b>", count=None), now)
        assert fixture.balancer is not None and fixture.balancer.telegram is not None
        fixture.balancer.telegram.notices_waiting()
        assert len((await fixture.message("xxxx")).content.text) < 600
        await fixture.message("reason-made-up-later")
        await fixture.pressed(report, "Approve 1")
        await fixture.message("small-a", "done in")
