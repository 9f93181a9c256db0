"""Options of a proposal besides approve and skip: later, another target, length of a skip, undo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from stack import ANNA, BORIS, GROUP, VERA, Stack, buttons, running_stack, world

from bot.telegram.handlers.move_options import TIMES_OFFERED, offered


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1, task_row_delay_s=0.1) as running:
        yield running


async def card(stack: Stack, report: dict[str, Any], user_id: int = ANNA) -> dict[str, Any]:
    """The card that More opens."""
    before = max(m["message_id"] for m in await stack.messages(report["chat_id"]))
    await stack.press(report, buttons(report)["⋯ More"], user_id)

    async def look() -> dict[str, Any] | None:
        shown = [m for m in await stack.messages(report["chat_id"]) if m["message_id"] > before]
        return next((m for m in shown if "Skip leaves this VM alone" in m["text"]), None)

    opened: dict[str, Any] = await stack.eventually(look, "the card of More, not one from before")
    return opened


async def deleted(stack: Stack, message: dict[str, Any]) -> bool:
    return next(m["deleted"] for m in await stack.messages() if m["message_id"] == message["message_id"])


async def test_move_is_skipped_for_a_day_or_permanently(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", "≈ 37 s", buttons=True)
    assert await stack.tap(report, "More", VERA) == "You may look, but not decide."
    shown = await card(stack, report)
    assert "hot → cool" in shown["text"] and "/vm" not in shown["text"]
    assert await stack.tap(shown, "⏭ Skip 24 h") == "Skipped: small-a stays. It is not proposed again for 24 h."
    await stack.message("skipped by Anna Admin", "small-a", buttons=False)
    await stack.eventually(lambda: deleted(stack, shown), "the card closes")
    await stack.ask("/balance", "Checked: 1 new proposal")
    second = await stack.message("small-b", buttons=True)
    assert "never moved until" in await stack.tap(await card(stack, second), "Never move")
    await stack.ask("/balance", "Checked: 1 new proposal")
    assert await stack.starts() == []


async def test_choosing_another_target_approves_it(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("→ cool", buttons=True)
    places = await stack.opened(await card(stack, report), "Other node", "instead of cool", "mild: CPU 1.0 → 1.1")
    assert await stack.tap(places, "🎯 mild") == "Approved: small-a moves to mild."
    await stack.message("Other node", "chosen by Anna Admin", "done in")
    await stack.message("requested something else", "1. small-a", buttons=False)
    assert await stack.starts() == [(11, 3)]


async def test_approval_for_later_can_be_withdrawn(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("→ cool", buttons=True)
    times = await stack.opened(await card(stack, report), "Later", "when?")
    label = next(text for text in buttons(times) if text.startswith("🕑"))
    assert (await stack.tap(times, label)).startswith("Approved: it starts at")
    waiting = await stack.message("0 of 1 move done", "starts at", buttons=True)
    assert waiting["message_id"] == report["message_id"]
    assert await stack.tap(waiting, "Call back 1", BORIS) == "Called back: it does not start."
    await stack.message("✋ called back by Boris Backup", buttons=False)
    assert await stack.starts() == []


async def test_finished_migration_can_be_undone_once(stack: Stack) -> None:
    bot = stack.start_bot(UNDO_WINDOW="600")
    report = await stack.message("→ cool", buttons=True)
    await stack.tap(report, "Approve 1")
    done = await stack.message("done in", "hot → cool", buttons=True)
    assert list(buttons(done)) == ["↩️ Move back 1"]
    assert await stack.tap(done, "Move back", VERA) == "You may look, but not decide."
    bot.kill()
    await bot.ended()
    stack.start_program(UNDO_WINDOW="600")
    warning = await stack.tap(done, "Move back")
    assert "With small-a back, hot is overloaded: CPU 7.5, memory 51 %" in warning and "again within" in warning
    assert await stack.starts() == [(11, 2)], "one press only asks"
    stack.clock.advance(2)
    assert await stack.tap(done, "Move back") == "Approved: small-a moves to hot."
    await stack.message("Move back", "requested by Anna Admin", "done in", buttons=False)
    report = await stack.message("1. small-b", "small-a → cool · ✅ done in", buttons=True)
    assert not [words for words in buttons(report) if "Move back" in words]
    assert await stack.starts() == [(11, 2), (11, 1)] and await stack.where(11) == 1


async def test_undo_button_disappears_after_its_time(stack: Stack) -> None:
    stack.start_program(UNDO_WINDOW="600")
    report = await stack.message("→ cool", buttons=True)
    await stack.tap(report, "Approve 1")
    done = await stack.message("done in", "hot → cool", buttons=True)
    stack.clock.advance(601)
    await stack.message("done in", "hot → cool", buttons=False)
    assert "no longer works" in await stack.press(done, buttons(done)["↩️ Move back 1"], forge=True)


async def test_a_whole_proposal_can_wait_for_later_or_be_left_alone(stack: Stack) -> None:
    stack.start_program(MAX_MIGRATIONS_PER_CYCLE="3")
    report = await stack.message("3 moves", buttons=True)
    await stack.press(report, buttons(report)["⋯ More"])
    shown = await stack.message("which of the 3 moves", buttons=True)
    one = await stack.opened(shown, "2 · small-b", "small-b", "Skip leaves this VM alone")
    back = await stack.opened(one, "Back", "which of the 3 moves")
    assert (await stack.tap(back, "💤 Snooze 1 h")).startswith("Production is left alone until")
    await stack.message("Anna Admin snoozed", "1. small-a, 2. small-b, 3. small-c", buttons=False)
    assert "snoozed this cluster" in await stack.ask("/balance", "Checked")
    status = await stack.asked("/status", "💤 Production is snoozed until")
    assert await stack.tap(status, "Wake Production", VERA) == "You may look, but not decide."
    assert "from the next check on" in await stack.tap(status, "Wake Production")
    assert "snoozed" not in (await stack.asked("/status", "VM Balancer"))["text"]

    async def gone() -> bool:
        return any(m["deleted"] for m in await stack.messages(GROUP) if m["message_id"] == shown["message_id"])

    await stack.eventually(gone, "end of the card")
    assert await stack.starts() == []


def test_offered_times_are_ascending_and_of_today_or_tomorrow() -> None:
    start = datetime(2026, 3, 28, 0, 0, tzinfo=timezone.utc)
    for minutes in range(0, 3 * 24 * 60, 7):
        now = start + timedelta(minutes=minutes)
        times = offered(now, ZoneInfo("Europe/Berlin"))
        assert 4 <= len(times) <= TIMES_OFFERED and times == sorted(set(times))
        assert all(timedelta(minutes=30) < t - now < timedelta(days=2) for t in times)
