"""One message per incident: posted once, edited while it lasts, two lines at its end. Reminders and sounds."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bot_builders import until
from bot_fixture import hot_clusters
from chat_fixture import ANNA, BORIS, GROUP, ChatFixture, running

from bot.domain.incidents import LOOK_FOR
from sandbox.chat.model import Message, User

MINUTE = timedelta(minutes=1)
VERA = 1003
BOTH_FORMS = pytest.mark.parametrize("rich", [False, True], ids=["plain", "rich"])
OVERLOADED, REMINDER = "is overloaded", "⏰"


async def quiet(fixture: ChatFixture) -> None:
    """Waits until everything stored is shown."""
    assert fixture.balancer is not None and fixture.balancer.telegram is not None
    await fixture.balancer.telegram.flush()


async def checked(fixture: ChatFixture, minutes: float = 10) -> None:
    """Lets time pass, then makes a check and shows it."""
    assert fixture.balancer is not None
    fixture.clock.now += minutes * MINUTE
    await fixture.balancer.service.deadlines.expire_due()
    outcomes: list[str] = []
    balancer = fixture.balancer

    async def over() -> bool:
        outcomes.append((await balancer.check_now()).outcome)
        return outcomes[-1] != "busy"  # the timer makes a check of its own when time passes

    await until(over)
    assert outcomes[-1] == "done", outcomes
    await quiet(fixture)


async def due(fixture: ChatFixture, minutes: float) -> None:
    """Lets time pass without a check."""
    assert fixture.balancer is not None
    fixture.clock.now += minutes * MINUTE
    await fixture.balancer.service.deadlines.remind_due()
    await quiet(fixture)


def pin(fixture: ChatFixture, vm_id: int, *, pinned: bool = True) -> None:
    """Keeps a VM on its node: it has an ISO image mounted."""
    world = fixture.panel.world
    world.set_vm(world.vms[vm_id], iso_mounted=pinned)


def delete(fixture: ChatFixture, *vm_ids: int) -> None:
    for vm_id in vm_ids:
        fixture.panel.world.delete_vm(fixture.panel.world.vms[vm_id])


def labels(message: Message) -> list[str]:
    return [b["text"] for row in message.content.button_rows() for b in row]


def loud(fixture: ChatFixture, chat_id: int = GROUP) -> list[Message]:
    return [m for m in fixture.messages(chat_id) if not m.silent]


@BOTH_FORMS
async def test_changed_plan_edits_the_message_and_says_what_changed(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich) as fixture:
        await fixture.start(timezone="UTC")
        report = await fixture.message("1. small-a", buttons=True)
        old = {b["text"]: b["callback_data"] for row in report.content.button_rows() for b in row}
        pin(fixture, 11)
        await checked(fixture)
        text = report.content.text
        assert "1. small-b" in text and "1. small-a" not in text and fixture.messages() == [report]
        assert f"plan changed {fixture.clock.now:%H:%M}: small-b instead of small-a" in text
        data = next(data for label, data in old.items() if "Approve" in label)
        press = fixture.chat.state.press(GROUP, report.message_id, ANNA, data, forge=True)
        await fixture.until(lambda: press.answer)
        assert press.answer is not None and "newer plan" in str(press.answer["text"])
        assert await fixture.store.migrations.in_states(()) == [] and fixture.panel.world.tasks == {}


@BOTH_FORMS
async def test_overload_that_ends_by_itself_becomes_two_lines(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich, remind_after=0) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        for _ in range(12):
            await checked(fixture)
        assert OVERLOADED in report.content.text, "the plan is still right: nothing is posted again"
        delete(fixture, 20, 21)
        await checked(fixture)
        first, second = report.content.text.replace("\u00a0", " ").split("\n")
        assert "✅" in first and "over by itself after 2 h 10 min" in first and "CPU 7.5 → " in first
        assert "small-a → cool" in second and "nobody decided" in second
        assert not report.content.button_rows() and fixture.messages() == [report]


@BOTH_FORMS
async def test_relieved_node_shows_its_figures_and_can_still_be_moved_back(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich, max_migrations_per_cycle=3) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", "3. small-c", buttons=True)
        await fixture.pressed(report, "Approve all")
        await fixture.until(lambda: report.content.text.count("done in") == 3)
        await checked(fixture, 1)
        text = report.content.text.replace("\u00a0", " ")
        assert len(text.split("\n")) == 2 and "hot relieved, CPU 7.5 → 7.0, 3 moves" in text and "Anna" in text
        assert any("Move back small-a" in label for label in labels(report))
        await checked(fixture, 11)
        assert not report.content.button_rows() and fixture.messages() == [report]


@BOTH_FORMS
async def test_next_step_of_an_incident_is_asked_in_the_same_message(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        await fixture.pressed(report, "Approve")
        await fixture.until(lambda: "done in" in report.content.text)
        await checked(fixture)
        text = report.content.text
        assert "1. small-b" in text and "small-a → cool · ✅ done in" in text and "plan changed" not in text
        assert any("Approve" in label for label in labels(report)) and fixture.messages() == [report]


async def test_reminders_grow_rarer_and_a_changing_plan_delays_none(tmp_path: Path) -> None:
    async with running(tmp_path, escalation_chat_id=BORIS, escalate_after=45) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        begun, told = fixture.clock.now, []
        for number in range(6 * 50):
            pin(fixture, 11, pinned=bool(number % 2))
            await checked(fixture)
            await due(fixture, 0)
            if len(fixture.texts(REMINDER)) > len(told):
                told.append(round((fixture.clock.now - begun) / MINUTE))
        assert told == [30, 120, 480, 1440, 2880]
        assert len(fixture.texts("nobody has answered for 50 min", chat_id=BORIS)) == 1
        assert [m for m in loud(fixture) if REMINDER not in m.content.text] == [report]
        assert all(m.reply_to is report for m in fixture.messages() if REMINDER in m.content.text)


@BOTH_FORMS
async def test_looking_stops_the_reminders_for_a_while_and_survives_a_restart(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich) as fixture:
        given: dict[str, Any] = {"timezone": "UTC", "proposal_ttl": 86_400}
        await fixture.start(**given)
        report = await fixture.message("1. small-a", buttons=True)
        assert "You look into it until" in await fixture.pressed(report, "I’ll look")
        end = f"{fixture.clock.now + LOOK_FOR:%H:%M}"
        await fixture.until(lambda: "👀 Anna Admin looks into it until" in report.content.text)
        assert f"{end}; no reminders until then" in report.content.text
        assert not any("I’ll look" in label for label in labels(report))
        await fixture.stop()
        await fixture.start(**given)
        await due(fixture, 119)
        assert not fixture.texts(REMINDER) and "👀" in report.content.text
        await due(fixture, 2)
        await fixture.until(lambda: "👀 Anna" not in report.content.text)
        assert any("I’ll look" in label for label in labels(report)), "it ended by itself"
        await due(fixture, 30)
        assert len(fixture.texts(REMINDER)) == 1


async def test_only_deciders_look_and_the_first_one_counts(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        fixture.chat.state.add_user(User(VERA, "Vera", started=True))
        fixture.chat.state.chats[GROUP].members[VERA] = "member"
        await fixture.start(telegram_viewer_ids=(VERA,))
        report = await fixture.message("1. small-a", buttons=True)
        data = next(b["callback_data"] for row in report.content.button_rows() for b in row if "look" in b["text"])
        assert "not decide" in await fixture.pressed(report, "I’ll look", VERA)
        presses = [fixture.press(report, data, user_id) for user_id in (BORIS, ANNA)]
        await fixture.until(lambda: all(p.answer for p in presses))
        texts = [str((p.answer or {})["text"]) for p in presses]
        assert (
            sum("You look" in text for text in texts) == 1 and sum("looks into it until" in text for text in texts) == 1
        )


@BOTH_FORMS
async def test_message_that_cannot_be_edited_is_replaced_without_a_sound(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich) as fixture:
        await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        report.deleted = True
        pin(fixture, 11)
        await checked(fixture)
        [another] = fixture.messages()
        assert "1. small-b" in another.content.text and another.silent
        await fixture.pressed(another, "Approve")
        await fixture.until(lambda: "done in" in another.content.text)
        assert len(fixture.messages()) == 1


async def test_clusters_have_messages_of_their_own(tmp_path: Path) -> None:
    async with running(tmp_path, hot_clusters(2)) as fixture:
        await fixture.start()
        first = await fixture.message("small-1", buttons=True)
        second = await fixture.message("small-2", buttons=True)
        await fixture.pressed(first, "Skip 1")
        await fixture.until(lambda: "skipped" in first.content.text)
        delete(fixture, 210)
        await checked(fixture)
        assert "over by itself" in second.content.text and "over by itself" not in first.content.text
        assert fixture.messages() == [first, second]


@BOTH_FORMS
async def test_automatic_mode_makes_one_message_without_a_sound(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, rich_buttons=rich, balance_mode="auto", migration_cooldown=0) as fixture:
        balancer = await fixture.start()
        for _ in range(4):
            await until(balancer.service.executor.idle)
            await checked(fixture)
        await until(balancer.service.executor.idle)
        [report] = fixture.messages()
        assert report.silent and "hot relieved, CPU 7.5 → 7.0, 3 moves" in report.content.text.replace("\u00a0", " ")


async def test_automatic_mode_makes_a_sound_for_a_failure_alone(tmp_path: Path) -> None:
    async with running(tmp_path, balance_mode="auto") as fixture:
        fixture.panel.faults.add("migrate_fails", count=1)
        balancer = await fixture.start()
        await fixture.message("❌", "small-a")
        await until(balancer.service.executor.idle)
        await quiet(fixture)
        assert [m.content.text.split()[0] for m in loud(fixture)] == ["❌"] and len(fixture.messages()) == 2


async def test_outage_is_posted_after_two_failed_checks_and_its_end_is_an_edit(tmp_path: Path) -> None:
    async with running(tmp_path, outage_after=2, remind_after=0) as fixture:
        balancer = await fixture.start()
        report = await fixture.message("1. small-a", buttons=True)
        fixture.panel.faults.add("half_list", path="/vm/v3/host")
        await balancer.check_now()
        fixture.panel.faults.clear()
        await checked(fixture)
        assert fixture.messages() == [report], "one failed check is no outage"
        fixture.panel.faults.add("half_list", path="/vm/v3/host")
        for _ in range(3):
            await balancer.check_now()
            fixture.clock.now += 10 * MINUTE
        await quiet(fixture)
        outage = fixture.messages()[-1]
        assert "does not answer" in outage.content.text and not outage.silent and len(fixture.messages()) == 2
        fixture.panel.faults.clear()
        await balancer.check_now()
        await quiet(fixture)
        assert "answers again, after 30 minutes" in outage.content.text and len(fixture.messages()) == 2
