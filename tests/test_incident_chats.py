"""An incident in several chats, in topics and in a group that gets a new id; its failures, and its picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bot_builders import until
from chat_fixture import ANNA, GROUP, ChatFixture, running
from test_chats import DMITRI, NORTH, SOUTH, TWO, opened, written
from test_delivery import form
from test_incident_messages import BOTH_FORMS, checked, delete, due, labels, loud, pin, quiet

from sandbox.chat.model import Message

SOUTH_ONLY = {**TWO, "vms": [vm for vm in TWO["vms"] if vm["id"] not in (16, 17)]}
"""Only the South is overloaded."""


# Several chats ------------------------------------------------------------------------------------


async def both(fixture: ChatFixture) -> tuple[Message, Message]:
    """The incident's message in the group of all clusters and in that of the South."""
    opened(fixture)
    await fixture.start(chats_file=written(fixture.path.parent), telegram_admin_ids=(ANNA,))
    south = await fixture.message("s-hot", chat_id=SOUTH, buttons=True)
    return await fixture.message("s-hot", buttons=True), south


@BOTH_FORMS
async def test_incident_has_one_message_in_each_chat_that_shows_its_cluster(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, SOUTH_ONLY, rich_buttons=rich, remind_after=0) as fixture:
        main, south = await both(fixture)
        assert "You look into it" in await fixture.pressed(south, "I’ll look", DMITRI)
        await fixture.until(lambda: "👀 Dmitri" in main.content.text and "👀 Dmitri" in south.content.text)
        await fixture.pressed(main, "Approve")
        await fixture.until(lambda: "done in" in main.content.text and "done in" in south.content.text)
        delete(fixture, *range(31, 38))
        await checked(fixture)
        for message in (main, south):
            assert "relieved" in message.content.text and "Anna Admin" in message.content.text
        assert fixture.messages() == [main] and fixture.messages(SOUTH) == [south] and fixture.messages(NORTH) == []
        assert not main.silent and not south.silent


@BOTH_FORMS
async def test_chat_that_refuses_edits_gets_the_message_again_and_delays_no_other(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, SOUTH_ONLY, rich_buttons=rich, remind_after=0) as fixture:
        main, south = await both(fixture)
        south.deleted = True
        await fixture.pressed(main, "Approve")
        await fixture.until(lambda: "done in" in main.content.text)
        await fixture.message("s-hot", "done in", chat_id=SOUTH)
        await quiet(fixture)
        [again] = fixture.messages(SOUTH)
        assert again.silent and again.message_id != south.message_id


@BOTH_FORMS
async def test_incident_stays_in_its_topic_and_goes_to_the_group_when_the_topic_is_deleted(
    tmp_path: Path, rich: bool
) -> None:
    world = {**TWO, "vms": [vm for vm in TWO["vms"] if vm["id"] not in (36, 37)]}  # only the North is overloaded
    async with running(tmp_path, world, rich_buttons=rich, remind_after="30, 60") as fixture:
        opened(fixture)
        await fixture.start(chats_file=written(tmp_path), telegram_admin_ids=(ANNA,))
        report = await fixture.message("n-hot", chat_id=NORTH, buttons=True)
        await due(fixture, 31)
        reminder = fixture.messages(NORTH)[-1]
        assert report.thread_id == reminder.thread_id == 7 and reminder.reply_to is report
        del fixture.chat.state.chats[NORTH].topics[7]
        await due(fixture, 30)
        last = fixture.messages(NORTH)[-1]
        assert last is not reminder and last.thread_id is None and len(fixture.messages(NORTH)) == 3


@BOTH_FORMS
async def test_incident_moves_to_the_new_id_of_its_group_without_a_sound(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich, remind_after=0) as fixture:
        await fixture.start()
        old = await fixture.message("1. small-a", buttons=True)
        new_id = fixture.chat.state.migrate(GROUP).id
        report = await fixture.message("1. small-a", chat_id=new_id, buttons=True)
        assert report.silent and not old.silent
        pin(fixture, 11)
        await checked(fixture)
        assert "1. small-b" in report.content.text
        await fixture.pressed(report, "Approve")
        await fixture.until(lambda: "done in" in report.content.text)
        await fixture.stop()
        await fixture.start()
        delete(fixture, 20, 21)
        await checked(fixture)
        assert "relieved" in report.content.text and fixture.messages(new_id) == [report]


# What goes wrong ----------------------------------------------------------------------------------


@BOTH_FORMS
async def test_incident_of_failed_migrations_that_ends_by_itself_says_so(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich, remind_after=0) as fixture:
        fixture.panel.faults.add("migrate_fails", count=1)
        balancer = await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        await fixture.pressed(report, "Approve")
        failure = await fixture.message("small-a", "failed", "stays on hot")
        await until(balancer.service.executor.idle)
        delete(fixture, 20, 21)
        await checked(fixture, 60)
        text = report.content.text.replace("\u00a0", " ")
        assert (
            text.startswith("❌ Production: 1 move failed; the overload was over by itself after 1 h")
            and "small-a → cool" in text
        )
        assert not failure.silent and not report.content.button_rows() and len(fixture.messages()) == 2


@BOTH_FORMS
async def test_restarted_vm_makes_a_sound_and_the_end_of_the_incident_names_it(tmp_path: Path, rich: bool) -> None:
    given: dict[str, Any] = {"balance_mode": "auto", "remind_after": 0}
    async with running(tmp_path, rich_buttons=rich, **given) as fixture:
        fixture.panel.shapes.switch_on("cold")
        balancer = await fixture.start()
        notice = await fixture.message("restarted", "Automatic mode is off")
        await until(balancer.service.executor.idle)
        await quiet(fixture)
        report = next(m for m in fixture.messages() if "but restarted" in m.content.text)
        assert not notice.silent and report.silent and loud(fixture) == [notice]
        delete(fixture, 20, 21)
        await checked(fixture)
        assert "⚠️ 1 restarted" in report.content.text and len(fixture.messages()) == 2


@BOTH_FORMS
async def test_unknown_outcome_makes_a_sound_and_is_reported_as_settled_without_one(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich, remind_after=0, migration_timeout=60) as fixture:
        fixture.panel.faults.add("migrate_hangs", count=1)
        balancer = await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        await fixture.pressed(report, "Approve")
        await fixture.until(lambda: "▶️ ▱" in report.content.text)
        fixture.clock.advance(3600)
        notice = await fixture.message("❓", "small-a", "Nothing else")
        await until(balancer.service.executor.idle)
        await quiet(fixture)
        assert not notice.silent and "outcome unknown" in report.content.text and len(fixture.messages()) == 2


# The picture --------------------------------------------------------------------------------------


@BOTH_FORMS
async def test_picture_is_replaced_when_the_plan_changes_and_stays_when_it_does_not(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich, pictures=True, remind_after=0) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        assert form(report) == ("rich" if rich else "photo")
        first = shown_file(report)
        await fixture.pressed(report, "I’ll look")
        await fixture.until(lambda: "👀" in report.content.text)
        assert shown_file(report) == first
        pin(fixture, 11)
        await checked(fixture)
        assert "1. small-b" in report.content.text and shown_file(report) != first
        assert fixture.messages() == [report]


def shown_file(message: Message) -> str:
    """A value that identifies the picture of a message."""
    photos = [block["photo"][-1]["file_unique_id"] for block in message.content.rich if block["type"] == "photo"]
    media = message.content.media
    return str(photos[0]) if photos else media.file.unique_id if media is not None else ""


@pytest.mark.parametrize("method", ["sendPhoto", "sendRichMessage"])
async def test_picture_that_telegram_refuses_costs_the_picture_alone(tmp_path: Path, method: str) -> None:
    rich = method == "sendRichMessage"
    async with running(tmp_path, rich_buttons=rich, pictures=True, remind_after=0) as fixture:
        fixture.fault("400", method, count=1, description="Bad Request: IMAGE_PROCESS_FAILED")
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        assert form(report) == ("rich" if rich else "text")
        await fixture.pressed(report, "Approve")
        await fixture.until(lambda: "done in" in report.content.text)
        assert fixture.messages() == [report] and any("Move back" in label for label in labels(report))


@pytest.mark.parametrize("method", ["editMessageMedia", "editMessageText"])
async def test_new_picture_that_telegram_refuses_loses_no_change_of_the_plan(tmp_path: Path, method: str) -> None:
    rich = method == "editMessageText"
    async with running(tmp_path, rich_buttons=rich, pictures=True, remind_after=0) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        fixture.fault("400", method, count=1, description="Bad Request: IMAGE_PROCESS_FAILED")
        pin(fixture, 11)
        await checked(fixture)
        assert "1. small-b" in report.content.text and fixture.messages() == [report]
        assert form(report) == ("rich" if rich else "photo")
