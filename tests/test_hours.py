"""Hours of the day in a time zone: parsing, migrations that wait for their window, silent messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bot_builders import ANNA
from bot_fixture import HOUR, running_bot
from hypothesis import given
from hypothesis import strategies as st
from stack import Stack, button, running_stack, world

from bot.config.loading import find_settings
from bot.domain.proposals import MigrationState, Verdict
from bot.domain.times import is_open, opens_at, parse_windows
from bot.rendering.catalog import texts_for
from bot.rendering.phrases import moment

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def test_windows_cross_midnight_and_name_days() -> None:
    night = parse_windows("22:00-06:00")
    assert [is_open(night, utc(f"2026-11-27T{t}"), timezone.utc) for t in ("21:59", "22:00", "05:59", "06:00")] == [
        *(False, True, True, False)
    ]
    assert opens_at(night, utc("2026-11-27T12:00"), timezone.utc) == utc("2026-11-27T22:00")
    assert opens_at(night, utc("2026-11-27T23:00"), timezone.utc) is None
    weekend = parse_windows("fri-sat 22:00-06:00, sun 10:00-24:00")
    assert is_open(weekend, utc("2026-11-29T05:00"), timezone.utc), "Saturday's span goes on until Sunday morning"
    assert not is_open(weekend, utc("2026-11-29T07:00"), timezone.utc)
    assert is_open(weekend, utc("2026-11-29T23:59"), timezone.utc)
    assert opens_at(weekend, utc("2026-11-30T00:00"), timezone.utc) == utc("2026-12-04T22:00")
    assert is_open((), utc("2026-11-30T00:00"), None), "none said: always"


def test_daylight_saving_keeps_the_hour_of_the_clock() -> None:
    night = parse_windows("02:30-04:00")
    assert opens_at(night, utc("2026-03-28T12:00"), BERLIN) == utc("2026-03-29T01:30"), "02:30 is never shown"
    assert opens_at(night, utc("2026-10-24T12:00"), BERLIN) == utc("2026-10-25T00:30"), "the first of two"
    assert is_open(night, utc("2026-10-25T02:59"), BERLIN), "04:00 is an hour later that night"
    assert opens_at(parse_windows("22:00-06:00"), utc("2026-07-01T12:00"), BERLIN) == utc("2026-07-01T20:00")


@given(
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(timezone.utc)),
)
def test_next_opening_is_open_and_the_minute_before_is_closed(start: int, length: int, now: datetime) -> None:
    end = (start + length) % 1440
    spans = parse_windows(f"{start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}")
    opens = opens_at(spans, now, BERLIN)
    assert (opens is None) == is_open(spans, now, BERLIN)
    if opens is not None:
        assert now < opens <= now + timedelta(hours=26) and is_open(spans, opens, BERLIN)
        assert not is_open(spans, opens - timedelta(seconds=1), BERLIN)


@pytest.mark.parametrize(
    "text", ["22-06", "25:00-26:00", "22:00-22:00", "mon 22:00", "abc 22:00-23:00", "22:00-06:00,", "10:60-11:00"]
)
def test_bad_window_names_setting_value_and_remedy(text: str) -> None:
    [problem] = [p for p in find_settings({"migration_window": text}).problems if "MIGRATION_WINDOW" in p]
    assert text.strip(",") in problem and ("22:00-06:00" in problem or "no " in problem or "00:00-24:00" in problem)


def test_unknown_time_zone_is_reported_with_the_nearest() -> None:
    [problem] = [p for p in find_settings({"timezone": "Europe/Moskow"}).problems if "TIMEZONE" in p]
    assert "Europe/Moscow is probably meant" in problem
    assert not [p for p in find_settings({"timezone": "Asia/Yekaterinburg"}).problems if "TIMEZONE" in p]


def test_times_are_shown_in_the_zone_of_the_reader() -> None:
    now = utc("2026-07-01T21:30")
    assert moment(texts_for("en", timezone.utc), now, now) == "21:30"
    assert moment(texts_for("en", BERLIN), now + timedelta(hours=1), now) == "tomorrow 00:30"
    assert moment(texts_for("ru", BERLIN), now + timedelta(hours=1), now) == "завтра 00:30"
    assert moment(texts_for("en", BERLIN), now - timedelta(days=3), now) == "2026-06-28 23:30"


async def test_approved_move_waits_for_its_window(tmp_path: Path) -> None:
    """The clock stands at noon. An approval for 22:00 is not too old at 05:00, when it is 17 hours old."""
    async with running_bot(tmp_path, migration_window="22:00-06:00", timezone="UTC") as fixture:
        await fixture.propose()
        [proposal] = await fixture.store.proposals.waiting()
        await fixture.service.decisions.decide([proposal.moves[0].id], Verdict.APPROVE, ANNA)
        await fixture.carry_out()
        assert fixture.posts() == [] and (await fixture.migration()).state is MigrationState.QUEUED
        fixture.clock.now += 17 * HOUR
        await fixture.carry_out()
        assert fixture.posts() == [(11, 2)] and (await fixture.migration()).state is MigrationState.SUCCEEDED


async def test_cluster_can_have_its_own_window(tmp_path: Path) -> None:
    path = tmp_path / "clusters.toml"
    path.write_text('[clusters.Production]\nmigration_window = "11:00-13:00"\n', "utf-8")
    given = {"migration_window": "22:00-06:00", "timezone": "UTC", "clusters_file": path}
    async with running_bot(tmp_path, **given) as fixture:
        await fixture.moved()
        assert fixture.posts() == [(11, 2)]


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1, task_row_delay_s=0.1) as running:
        yield running


async def test_waiting_for_the_window_is_shown_without_a_sound(stack: Stack) -> None:
    now = datetime.now(timezone.utc)
    hours = f"{now + timedelta(hours=2):%H:00}-{now + timedelta(hours=4):%H:00}"
    quiet = f"{now - timedelta(hours=2):%H:00}-{now + timedelta(hours=2):%H:00}"
    stack.start_program(MIGRATION_WINDOW=hours, QUIET_HOURS=quiet, TIMEZONE="UTC")
    report = await stack.message("small-a", buttons=True)
    assert report["silent"], "in quiet hours"
    await stack.press(report, button(report, "✅ Approve 1"))
    await stack.message("small-a", "waits for the migration window", f"{now + timedelta(hours=2):%H:00}")
    assert await stack.starts() == []
