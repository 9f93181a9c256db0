"""The digest of a day or week: when it is due, that it is sent once, and its content."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from chat_fixture import ANNA, GROUP, running
from stack import Stack, buttons, running_stack, world

from bot.config.loading import find_settings
from bot.domain.times import Timing, last_due, parse_timing

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE = timedelta(minutes=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def test_digest_is_due_at_its_times() -> None:
    daily, weekly = Timing(None, 8, 0), Timing(0, 8, 0)
    assert (parse_timing("8:00"), parse_timing(" Mon 08:00 "), parse_timing("")) == (daily, weekly, None)
    assert last_due(daily, utc("2026-11-27T07:00"), BERLIN) == utc("2026-11-27T07:00")
    assert last_due(daily, utc("2026-11-27T06:59"), BERLIN) == utc("2026-11-26T07:00")
    assert last_due(daily, utc("2026-07-01T06:00"), BERLIN) == utc("2026-07-01T06:00"), "summer"
    assert last_due(weekly, utc("2026-11-27T12:00"), BERLIN) == utc("2026-11-23T07:00")
    assert last_due(weekly, utc("2026-11-23T06:59"), BERLIN) == utc("2026-11-16T07:00")


@pytest.mark.parametrize("text", ["8", "24:00", "08:60", "moon 08:00", "xyz 08:00", "08:00, 20:00"])
def test_bad_digest_times_are_refused(text: str) -> None:
    assert any(p.startswith("DIGEST is") and text in p for p in find_settings({"digest": text}).problems)


async def test_digest_is_sent_once_with_what_happened(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        soon = fixture.clock.now + 10 * MINUTE
        given = {"digest": f"{soon:%H:%M}", "timezone": "UTC", "remind_after": 0}
        await fixture.start(**given)
        report = await fixture.message("small-a", buttons=True)
        await fixture.summaries_begun()
        await fixture.pressed(report, "Approve 1")
        await fixture.message("small-a", "done in")
        assert fixture.texts("The last day") == [], "nothing of the time before it was asked for"
        await fixture.pass_time(11 * MINUTE)
        digest = await fixture.message("The last day", "Migrations: 1, none failed", "1 node was overloaded", "hot")
        assert digest.content.keyboard and digest.silent, "a summary wakes nobody"
        await fixture.stop()
        fixture.clock.now += 60 * MINUTE
        await fixture.start(**given)
        await fixture.tick()
        await fixture.all_sent()
        assert len(fixture.texts("The last day")) == 1
        await fixture.stop()
        fixture.clock.now += timedelta(hours=24)  # it was not running at the time: late is better than never
        await fixture.start(**given)
        await fixture.until(lambda: len(fixture.texts("The last day")) == 2, "the missed one")


async def test_quiet_days_are_left_out_on_request(tmp_path: Path) -> None:
    calm = world()
    calm["vms"] = []
    async with running(tmp_path, calm) as fixture:
        soon = fixture.clock.now + 10 * MINUTE
        await fixture.start(digest=f"{soon:%H:%M}", digest_quiet_days=False, timezone="UTC")
        await fixture.until(lambda: bool(fixture.panel.requests.since(0, "/vm/v3/node", "GET")), "a check")
        await fixture.summaries_begun()
        await fixture.pass_time(11 * MINUTE)
        await fixture.all_sent()
        assert fixture.messages(GROUP) == []


async def test_digest_command_answers_at_once(tmp_path: Path) -> None:
    async with running_stack(tmp_path, world(), migration_s=1) as stack:
        await _asked(stack)


async def _asked(stack: Stack) -> None:
    stack.start_program(BOT_LANGUAGE="en")
    await stack.message("small-a", buttons=True)
    day = await stack.asked("/digest", "The last day", "1 node was overloaded", "1 move waits", user_id=ANNA)
    assert "• 1 day" in [label.replace("\u00a0", " ") for label in buttons(day)]
    await stack.opened(day, "7 days", "The last 7 days")
