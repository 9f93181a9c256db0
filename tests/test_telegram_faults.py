"""Telegram's faults, each injected in the emulated chat: the messages afterwards, and the requests to Telegram."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import aiohttp
import pytest
from chat_fixture import ANNA, BORIS, GROUP, ChatFixture, running

from balancer.model import Reason
from bot.domain.health import State, judge
from bot.store.readonly import heartbeat_of

APPROVE = "Approve 1"


OUTAGE = Reason.of("outage", problem="it is out")


def health(fixture: ChatFixture) -> tuple[State, str]:
    """The state by `vm-balancer health`."""
    result = judge(heartbeat_of(fixture.path), fixture.clock())
    return result.state, result.problem or ""


async def test_when_telegram_asks_to_wait_only_the_latest_state_is_sent(tmp_path: Path) -> None:
    async with running(tmp_path, max_migrations_per_cycle=3) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", "small-b", "small-c", buttons=True)
        await fixture.until(lambda: not fixture.chat.state.faults.waiting)
        before = len(fixture.calls("editMessageText"))
        fixture.fault("429", "editMessageText", retry_after=3)
        for number in (1, 2, 3):
            assert "Skipped" in await fixture.pressed(report, f"Skip {number}", BORIS if number == 2 else ANNA)
        done = await fixture.message("skipped by Anna Admin", "skipped by Boris", buttons=False)
        assert done.message_id == report.message_id
        assert (
            "Anna Admin: 1. small-a, 3. small-c" in done.content.text
            and "Boris Backup: 2. small-b" in done.content.text
        )
        edits = fixture.calls("editMessageText")[before:]
        assert [e["status"] for e in edits].count(429) == 1
        assert len(edits) <= 3, "what came while Telegram asked to wait became one edit"


async def test_decisions_are_shown_before_new_messages(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        balancer = await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        fixture.fault("429", "editMessageText", retry_after=2)
        at = len(fixture.chat.state.requests)
        await fixture.pressed(report, "Skip 1")
        await fixture.until(lambda: any(e["status"] == 429 for e in fixture.calls("editMessageText")))
        await balancer.store.notices.note_outage("test", "x", OUTAGE, fixture.clock())
        balancer.notifier.notices_waiting()
        await fixture.message("does not answer")
        log = list(fixture.chat.state.requests)[at:]
        shown = [e["method"] for e in log if e["status"] == 200 and e["method"] in ("sendMessage", "editMessageText")]
        assert shown == ["editMessageText", "sendMessage"]


async def test_html_instead_of_an_answer_loses_no_message(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        fixture.fault("502", "sendMessage", count=2)
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        fixture.fault("502", "editMessageText", count=2)
        fixture.fault("502", "answerCallbackQuery", count=1)
        assert "Skipped" in await fixture.pressed(report, "Skip 1")
        await fixture.message("skipped by Anna Admin", buttons=False)
        assert len(fixture.texts("small-a")) == 1


async def test_a_message_whose_answer_was_lost_is_sent_again_once(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        fixture.fault("sent_then_timeout", "sendMessage", count=1, seconds=0)
        await fixture.start()
        await fixture.until(lambda: len(fixture.texts("small-a")) == 2)
        second = await fixture.message("small-a", buttons=True)
        assert "Skipped" in await fixture.pressed(second, "Skip 1")
        await fixture.message("skipped by Anna Admin", buttons=False)
        assert len(fixture.calls("sendMessage")) == 2


async def test_message_with_lost_answers_is_not_sent_a_third_time_and_its_buttons_work(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as fixture:
        fixture.fault("sent_then_timeout", "sendMessage", count=1000, seconds=0)
        balancer = await fixture.start()
        await fixture.until(lambda: len(fixture.texts("small-a")) == 2)
        await balancer.check_now()
        await fixture.until(lambda: fixture.calls("getMe"))
        [first, _] = fixture.messages()
        assert "Skipped" in await fixture.pressed(first, "Skip 1"), "Telegram itself says which message has the button"
        await fixture.until(lambda: "skipped by Anna Admin" in first.content.text)
        assert len(fixture.calls("sendMessage")) == 2


async def test_an_answer_to_a_command_is_repeated_once_at_most(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start()
        await fixture.message("small-a", buttons=True)
        fixture.fault("sent_then_timeout", "sendMessage", count=2, seconds=0)
        fixture.chat.state.write(ANNA, ANNA, "/exclusions")
        await fixture.until(lambda: len(fixture.texts("No node is excluded", chat_id=ANNA)) == 2)
        fixture.chat.state.write(ANNA, ANNA, "/help")
        await fixture.message("/status [CLUSTER]", chat_id=ANNA)
        assert len(fixture.texts("No node is excluded", chat_id=ANNA)) == 2


async def test_second_listener_and_its_end_are_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        polling = asyncio.create_task(_listens(fixture))
        try:
            await fixture.message("Two programs use", "@BotFather")
            await fixture.until(lambda: health(fixture)[0] is State.CHAT)
            assert "stop it" in health(fixture)[1] and fixture.chat.state.token not in health(fixture)[1]
            clashes = lambda: len([e for e in fixture.calls("getUpdates") if e["status"] == 409])  # noqa: E731
            await fixture.until(lambda: clashes() >= 4)
        finally:
            polling.cancel()
            await asyncio.gather(polling, return_exceptions=True)
        assert "Skipped" in await fixture.pressed(report, "Skip 1"), "it hears again"
        assert not fixture.texts("second program is gone"), "not before some time without a clash"
        fixture.clock.advance(120)
        for number in range(3):  # each ends one long poll
            fixture.chat.state.write(ANNA, ANNA, f"/exclusions {number}")
        await fixture.message("second program is gone, after 2 minutes")
        await fixture.until(lambda: health(fixture)[0] is State.HEALTHY)
        assert not fixture.texts("Two programs use"), "the end is written into the message of the beginning"
        texts = [r for r in caplog.records if "another program listens" in r.getMessage()]
        assert len(texts) == 1, "how often it is said is the subject here"


async def _listens(fixture: ChatFixture) -> None:
    """Another program with the same token."""
    url = f"{fixture.chat.url}/bot{fixture.chat.state.token}/getUpdates"
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.post(url, data={"timeout": "1", "offset": "0"}) as answer:
                await answer.read()


@pytest.mark.parametrize("status", ["kicked", "left"])
async def test_bot_removed_from_the_group_reports_it_and_waits(
    tmp_path: Path, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path) as fixture:
        state = fixture.chat.state
        group, admin = state.chats[GROUP], state.users[ANNA]
        before, group.bot_status = group.bot_status, status
        await fixture.start()
        await fixture.until(lambda: len(fixture.calls("sendMessage", 403)) >= 2)
        await fixture.until(lambda: health(fixture)[0] is State.CHAT)
        assert f"TELEGRAM_CHAT_ID={GROUP}" in health(fixture)[1]
        assert "let the bot write there again" in health(fixture)[1]
        assert len(fixture.calls("sendMessage")) <= 4, "no hot loop"
        state.set_bot_status(group, before, admin)
        await fixture.message("small-a", buttons=True)
        await fixture.until(lambda: health(fixture)[0] is State.HEALTHY)
        assert len([r for r in caplog.records if "let the bot write" in r.getMessage()]) == 1


async def test_bot_blocked_by_a_person_waits(tmp_path: Path) -> None:
    async with running(tmp_path, telegram_chat_id=ANNA) as fixture:
        state = fixture.chat.state
        state.users[ANNA].started = True
        state.set_bot_status(state.chats[ANNA], "kicked", state.users[ANNA])
        await fixture.start()
        await fixture.until(lambda: health(fixture)[0] is State.CHAT)
        assert "blocked" in health(fixture)[1]
        state.set_bot_status(state.chats[ANNA], "member", state.users[ANNA])
        await fixture.message("small-a", chat_id=ANNA, buttons=True)
        assert len(fixture.texts("small-a", chat_id=ANNA)) == 1


@pytest.mark.parametrize("how", ["service message", "error"])
async def test_a_group_that_becomes_a_supergroup_is_followed_also_after_a_restart(tmp_path: Path, how: str) -> None:
    async with running(tmp_path, max_migrations_per_cycle=2) as fixture:
        balancer = await fixture.start()
        state = fixture.chat.state
        await fixture.message("small-a", buttons=True)
        if how == "error":
            await fixture.stop()
        new = state.migrate(GROUP).id
        if how == "error":
            state.updates.clear()  # it was away for longer than Telegram keeps updates
            balancer = await fixture.start()
            await balancer.store.notices.note_outage("test", "x", OUTAGE, fixture.clock())
            balancer.notifier.notices_waiting()
            await fixture.message("The panel does not answer", chat_id=new)
        report = await fixture.message("small-a", chat_id=new, buttons=True)
        assert "Skipped" in await fixture.pressed(report, "Skip 1")
        await fixture.message("skipped by Anna Admin", chat_id=new)
        await fixture.stop()
        balancer = await fixture.start()
        assert balancer.telegram is not None and balancer.telegram.chat_id == new
        assert "Skipped" in await fixture.pressed(report, "Skip 2", BORIS)
        await fixture.message("skipped by Boris", chat_id=new, buttons=False)
        assert len(fixture.texts("1. small-a", chat_id=new)) == 1
        state.write(new, ANNA, "/exclusions")
        await fixture.message("No node is excluded", chat_id=new)
        assert not any(e["params"]["chat_id"] == str(GROUP) for e in fixture.calls("sendMessage", 200)[1:])


async def test_a_deleted_message_is_posted_again_once(tmp_path: Path) -> None:
    async with running(tmp_path, max_migrations_per_cycle=2) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        fixture.fault("slow", "editMessageText", seconds=0.5)
        await fixture.pressed(report, "Skip 1")
        fixture.chat.state.remove(GROUP, report.message_id, ANNA)
        anew = await fixture.message("skipped by Anna Admin", buttons=True)
        assert anew.message_id != report.message_id
        assert "Skipped" in await fixture.pressed(anew, "Skip 2")
        await fixture.message("skipped by Anna Admin", buttons=False)
        assert len(fixture.texts("1. small-a")) == 1


async def test_the_end_of_a_migration_is_shown_though_its_message_was_deleted(tmp_path: Path) -> None:
    async with running(tmp_path, panel={"speed": 20}) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        assert "Approved" in await fixture.pressed(report, APPROVE)
        await fixture.until(lambda: fixture.panel.world.tasks)
        fixture.chat.state.remove(GROUP, report.message_id, ANNA)
        await fixture.message("done in")
        assert len(fixture.texts("1. small-a")) == 1


@pytest.mark.parametrize(
    "words", ["message can't be edited", "MESSAGE_ID_INVALID", "message to edit not found"], ids=lambda w: w[:12]
)
async def test_a_message_that_cannot_be_edited_is_posted_again_once(tmp_path: Path, words: str) -> None:
    async with running(tmp_path, max_migrations_per_cycle=2) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        fixture.fault("400", "editMessageText", description=words)
        await fixture.pressed(report, "Skip 1")
        anew = await fixture.message("skipped by Anna Admin", buttons=True)
        assert anew.message_id != report.message_id
        assert len(fixture.texts("1. small-a")) == 2, "the old one stays as it was"


async def test_message_not_modified_is_no_error(tmp_path: Path) -> None:
    async with running(tmp_path, max_migrations_per_cycle=2) as fixture:
        await fixture.start()
        report = await fixture.message("small-a", buttons=True)
        fixture.fault("sent_then_timeout", "editMessageText", seconds=0)
        await fixture.pressed(report, "Skip 1")
        await fixture.until(lambda: len(fixture.calls("editMessageText")) == 2)
        assert fixture.calls("editMessageText")[-1]["status"] == 400, "it was edited already"
        await fixture.pressed(report, "Skip 2")
        await fixture.message("skipped by Anna Admin", buttons=False)
        assert len(fixture.calls("editMessageText")) == 3 and len(fixture.texts("1. small-a")) == 1


async def test_a_message_that_telegram_never_takes_does_not_stop_the_others(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        fixture.fault("400", "sendMessage", description="can't parse entities: unsupported start tag")
        balancer = await fixture.start()
        await fixture.until(lambda: fixture.calls("sendMessage", 400))
        await balancer.store.notices.note_outage("test", "x", OUTAGE, fixture.clock())
        balancer.notifier.notices_waiting()
        await fixture.message("The panel does not answer")
        await fixture.until(lambda: health(fixture)[0] is State.HEALTHY)


async def test_messages_of_a_deleted_topic_go_to_the_group(tmp_path: Path) -> None:
    async with running(tmp_path, telegram_thread_id=7) as fixture:
        fixture.chat.state.chats[GROUP].is_forum = True
        await fixture.start()
        assert (await fixture.message("small-a", buttons=True)).thread_id is None


async def test_bot_waits_for_an_unreachable_proxy(tmp_path: Path, unused_tcp_port: int) -> None:
    async with running(tmp_path, telegram_proxy=f"socks5://127.0.0.1:{unused_tcp_port}") as fixture:
        balancer = await fixture.start()
        await fixture.until(lambda: health(fixture)[0] is State.CHAT)
        assert not balancer.failed and fixture.messages() == []
        await fixture.stop()
        await fixture.start(telegram_proxy=None)
        await fixture.message("small-a", buttons=True)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
