"""Hours of the day follow the system clock at once; durations do not change when it is set."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bot_builders import ANNA, NOW, move_ids, until
from bot_fixture import HOT_WORLD, bot_on, running_bot, running_panel, settings
from hypothesis import given
from hypothesis import strategies as st

from balancer.model import Reason
from bot.app.program import VMBalancer
from bot.domain.clock import MonotonicClock
from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.domain.proposals import MigrationState, Verdict
from bot.domain.times import WallTime, is_open, last_due, open_time, opens_at, parse_timing, parse_windows
from bot.observability import systemd
from bot.service.precheck import APPROVAL_VALID_FOR
from bot.service.values import FOREVER
from bot.store.readonly import heartbeat_of
from bot.store.store import Store

S = MigrationState
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ["Europe/Berlin", "America/New_York", "Asia/Tehran", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"]


class Hands:
    """A system clock that a test can set, and a counter of real seconds."""

    def __init__(self, wrong: timedelta = timedelta(0)) -> None:
        self.passed = 0.0
        self.wrong = wrong
        self.clock = MonotonicClock(self.wall, lambda: self.passed)

    def wall(self) -> WallTime:
        return WallTime(NOW + timedelta(seconds=self.passed) + self.wrong)


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    store = Store(folder / "bot.db")
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def utc(text: str) -> WallTime:
    return WallTime(datetime.fromisoformat(text).replace(tzinfo=timezone.utc))


# Hours of the day ---------------------------------------------------------------------------------


@pytest.mark.parametrize("leap", [3 * HOUR, -3 * HOUR, 12 * HOUR, -12 * HOUR])
async def test_window_follows_the_system_clock_at_once(tmp_path: Path, leap: timedelta) -> None:
    hands = Hands(wrong=-leap)
    shown = hands.wall()  # by the wrong clock the window is open, by the right one it is over or not yet begun
    window = f"{shown - timedelta(minutes=10):%H:%M}-{shown + timedelta(minutes=20):%H:%M}"
    async with running_panel(HOT_WORLD) as panel:
        given = settings(panel.url, migration_window=window, balance_mode="auto", timezone="UTC")
        given = given.model_copy(update={"database_path": tmp_path / "bot.db"})
        async with VMBalancer(settings=given, clock=hands.clock) as balancer:
            hands.wrong = timedelta(0)
            await balancer.service.cycle.run()
            running = asyncio.create_task(balancer.service.executor.run())
            assert await balancer.service.executor.idle(), "closed: nothing is due"
            await balancer.service.executor.stop()
            await running
        assert panel.requests.since(0, "/vm/v3/host", "POST") == []


@pytest.mark.parametrize("zone", ZONES)
@given(
    start=st.integers(0, 1439),
    length=st.integers(1, 1439),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(timezone.utc)),
)
def test_named_opening_is_the_next_open_minute(zone: str, start: int, length: int, now: datetime) -> None:
    end, here = (start + length) % 1440, ZoneInfo(zone)
    spans = parse_windows(f"{start // 60}:{start % 60:02}-{end // 60}:{end % 60:02}")
    opening = opens_at(spans, WallTime(now), here)
    assert (opening is None) == is_open(spans, WallTime(now), here)
    if opening is not None:
        assert now < opening <= now + timedelta(hours=50) and is_open(spans, opening, here)
        assert not is_open(spans, WallTime(opening - timedelta(seconds=1)), here)


NIGHTS = [
    # zone, window, now, opening
    ("Europe/Berlin", "02:00-03:00", "2026-03-28T12:00", "2026-03-30T00:00"),  # the night leaves 02:00-03:00 out
    ("Europe/Berlin", "02:15-02:45", "2026-03-28T12:00", "2026-03-30T00:15"),
    ("Europe/Berlin", "sun 02:00-03:00", "2026-03-28T12:00", "2026-04-05T00:00"),
    ("Europe/Berlin", "02:30-04:00", "2026-03-28T12:00", "2026-03-29T01:30"),
    ("Europe/Berlin", "02:30-04:00", "2026-10-24T12:00", "2026-10-25T00:30"),  # 02:30 is shown twice: the first
    ("America/New_York", "02:00-03:00", "2026-03-07T18:00", "2026-03-09T06:00"),
    ("Australia/Lord_Howe", "02:00-02:30", "2026-10-03T00:00", "2026-10-04T15:00"),  # half an hour is left out
]


@pytest.mark.parametrize(("zone", "window", "now", "opening"), NIGHTS)
def test_openings_in_nights_with_a_change_of_clocks(zone: str, window: str, now: str, opening: str) -> None:
    assert opens_at(parse_windows(window), utc(now), ZoneInfo(zone)) == utc(opening)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-29T06:00", "2026-03-29T06:00"),  # a day of 23 hours
        ("2026-03-29T05:59", "2026-03-28T07:00"),
        ("2026-10-25T07:00", "2026-10-25T07:00"),  # and of 25
        ("2026-10-25T06:59", "2026-10-24T06:00"),
    ],
)
def test_a_digest_is_due_once_on_days_of_23_and_25_hours(now: str, due: str) -> None:
    timing = parse_timing("08:00")
    assert timing is not None and last_due(timing, utc(now), ZoneInfo("Europe/Berlin")) == utc(due)


def test_open_time_counts_hours_within_the_window_alone() -> None:
    night = parse_windows("22:00-06:00")
    assert open_time(night, utc("2026-11-22T05:00"), utc("2026-11-22T22:30"), timezone.utc) == timedelta(hours=1.5)
    assert open_time((), utc("2026-11-22T05:00"), utc("2026-11-22T06:00"), None) == HOUR
    assert open_time(night, utc("2026-11-22T06:00"), utc("2026-11-22T05:00"), None) == timedelta(0)


async def test_approval_does_not_age_in_closed_hours(tmp_path: Path) -> None:
    """Approved at 05:00, closed from 06:00 to 22:00: the approval is valid at 22:01, as the message says."""
    async with running_bot(tmp_path, migration_window="22:00-06:00", timezone="UTC") as bot:
        bot.clock.now = utc("2026-11-22T05:00")
        await bot.propose()
        await bot.decide()
        bot.clock.now = utc("2026-11-22T06:00")
        await bot.carry_out()
        assert bot.posts() == []
        bot.clock.now = utc("2026-11-22T22:01")
        bot.service.work.set()
        await bot.reached(lambda: bot.in_state(S.SUCCEEDED))


async def test_approval_ages_in_open_hours(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as bot:
        await bot.propose()
        await bot.decide()
        bot.clock.advance(13 * 3600)
        await bot.carry_out()
        assert bot.posts() == [] and (await bot.migration()).state is S.STALE


# Lengths of time ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("leap", "proposal", "approval"),
    [
        # A backward leap moves everything; a forward one looks like a machine that was suspended.
        (-3 * HOUR, -3 * HOUR, -3 * HOUR),
        (-400 * DAY, -400 * DAY, -400 * DAY),
        (HOUR, HOUR, 0 * HOUR),
        (3 * HOUR, 3 * HOUR, 0 * HOUR),
        (13 * HOUR, 3 * HOUR, 0 * HOUR),
        (400 * DAY, 3 * HOUR, 0 * HOUR),
    ],
)
async def test_forward_leap_prolongs_proposals_by_at_most_three_hours_and_no_approval(
    tmp_path: Path, leap: timedelta, proposal: timedelta, approval: timedelta
) -> None:
    async with opened(tmp_path) as store:
        await move_ids(store, 11)
        [approved] = await move_ids(store, 21, cluster=2)
        await store.decisions.decide([approved], Verdict.APPROVE, ANNA, NOW)
        ends = (await store.proposals.waiting())[0].expires_at
        await store.deadlines.shift(leap, NOW + leap)
        assert (await store.proposals.waiting())[0].expires_at == ends + proposal
        [queued] = await store.migrations.in_states((S.QUEUED,))
        assert queued.queued_at == NOW + approval
        assert await store.proposals.expire_due(NOW + leap) == (() if leap <= proposal else (1,))
        assert [e.event for e in await store.audit.entries("clock-set")] == ["clock-set"]


@pytest.mark.parametrize("leap", [3 * HOUR, -3 * HOUR, 400 * DAY])
async def test_clock_leap_does_not_shorten_protections(tmp_path: Path, leap: timedelta) -> None:
    async with opened(tmp_path) as store:
        [waits] = await move_ids(store, 31, cluster=3)
        await store.exclusions.add(Exclusion(7, "n7", ExclusionRole.SOURCE, NOW + HOUR, ANNA, NOW))
        snoozed = await store.snoozes.add(1, NOW + HOUR, ANNA, NOW)
        assert waits and snoozed is not None
        [done, runs] = await move_ids(store, 21, 22, cluster=2)
        await store.decisions.decide([done, runs], Verdict.APPROVE, ANNA, NOW)
        for migration in await store.migrations.in_states((S.QUEUED,)):
            await store.migrations.advance(migration.id, S.STARTING, NOW)
            await store.migrations.advance(migration.id, S.RUNNING, NOW)
        await store.migrations.advance(1, S.SUCCEEDED, NOW)
        await store.deadlines.shift(leap, NOW + leap)
        now = NOW + leap
        [excluded] = await store.exclusions.active(now)
        assert excluded.until == now + HOUR
        assert [s.until for s in await store.snoozes.active(now)] == [now + HOUR]
        assert [m.started_at for m in await store.migrations.in_states((S.RUNNING,))] == [now], "its time limit goes on"
        assert [m.finished_at for m in await store.migrations.in_states((S.SUCCEEDED,))] == [now], "its VM rests"


async def test_resumed_machine_starts_no_old_approval(tmp_path: Path) -> None:
    """The monotonic clock stands still meanwhile, and the executor may be faster than the correction of the rows."""
    hands = Hands()
    async with running_panel(HOT_WORLD) as panel:
        given = settings(panel.url, database_path=tmp_path / "bot.db")
        async with VMBalancer(settings=given, clock=hands.clock) as balancer:
            await balancer.service.cycle.run()
            [move] = [m for p in await balancer.waiting() for m in p.pending]
            await balancer.service.decisions.decide([move.id], Verdict.APPROVE, ANNA)
            hands.wrong = 3 * DAY
            running = asyncio.create_task(balancer.service.executor.run())

            async def decided() -> bool:  # without the timer's step that moves the rows
                return not await balancer.store.migrations.in_states((S.QUEUED,))

            await until(decided)
            await balancer.service.executor.stop()
            await running
            [migration] = await balancer.store.migrations.in_states(tuple(S))
            assert migration.state is S.STALE and migration.reason == Reason.of("approval-lapsed")
        assert panel.requests.since(0, "/vm/v3/host", "POST") == []


async def test_only_the_owner_of_the_database_expires_proposals(tmp_path: Path) -> None:
    """After the clock was set the owner moves the rows; a program beside it must not come before that."""
    owner, beside = Hands(), Hands()
    async with running_panel(HOT_WORLD) as panel:
        given = settings(panel.url, database_path=tmp_path / "bot.db")
        async with VMBalancer(settings=given, clock=owner.clock) as balancer:
            await balancer.service.cycle.run()
            owner.wrong = beside.wrong = 2 * HOUR
            async with VMBalancer(settings=given, clock=beside.clock, exclusive=False) as console:
                await console.until_idle()
                await console.service.deadlines.expire_due()
            await balancer.until_idle()
            [proposal] = await balancer.waiting()
            assert proposal.pending
            owner.passed += given.proposal_ttl + 1
            await balancer.until_idle()
            assert await balancer.waiting() == []


@pytest.mark.parametrize("leap", [3 * HOUR, -3 * HOUR])
async def test_a_pause_lasts_as_long_as_it_was_asked_for_when_the_clock_is_set(tmp_path: Path, leap: timedelta) -> None:
    hands = Hands()
    async with running_panel(HOT_WORLD) as panel:
        given = settings(panel.url, database_path=tmp_path / "bot.db")
        async with VMBalancer(settings=given, clock=hands.clock) as balancer:
            await balancer.service.admin.pause(2 * HOUR, ANNA)
            hands.wrong = leap
            await balancer.until_idle()
            assert await balancer.service.runtime.paused_until() == NOW + leap + 2 * HOUR
            await balancer.service.admin.pause(None, ANNA)
            hands.wrong = timedelta(0)
            await balancer.until_idle()
            assert await balancer.service.runtime.paused_until() == FOREVER


async def test_a_row_without_readable_times_keeps_no_other_deadline_from_moving(tmp_path: Path) -> None:
    store = Store(tmp_path / "bot.db")
    await store.open()
    try:
        await move_ids(store, 11)
        await move_ids(store, 21, cluster=2)
        with closing(sqlite3.connect(tmp_path / "bot.db")) as db:
            db.execute("UPDATE proposal SET created_at = 'soon' WHERE cluster_id = 2")
            db.commit()
        assert await store.deadlines.shift(3 * HOUR, NOW + 3 * HOUR) == 1
    finally:
        await store.close()


async def test_the_first_correction_after_a_start_leaves_older_rows_alone(tmp_path: Path) -> None:
    store = Store(tmp_path / "bot.db")
    await store.open()
    try:
        await move_ids(store, 11)  # by a program whose clock was right, at NOW
        wrong = NOW - 12 * HOUR
        await move_ids(store, 21, cluster=2, now=wrong, expires_at=wrong + HOUR)
        assert await store.deadlines.shift(12 * HOUR, NOW, since=wrong - HOUR) == 1
        assert [p.expires_at - NOW for p in await store.proposals.waiting()] == [HOUR, HOUR]
    finally:
        await store.close()


@pytest.mark.parametrize("wrong", [-12 * HOUR, 3 * HOUR])
async def test_wrong_clock_at_the_start_is_corrected(tmp_path: Path, wrong: timedelta) -> None:
    hands = Hands(wrong)
    async with running_panel(HOT_WORLD) as panel:
        given = settings(panel.url, database_path=tmp_path / "bot.db")
        async with VMBalancer(settings=given, clock=hands.clock) as balancer:
            await balancer.service.cycle.run()
            hands.passed, hands.wrong = 3.0, timedelta(0)
            await balancer.until_idle()
            assert balancer.service.clock() == NOW + timedelta(seconds=3)
            [proposal] = await balancer.waiting()
            left = timedelta(seconds=given.proposal_ttl) - timedelta(seconds=3)
            assert abs(proposal.expires_at - NOW - left) < timedelta(seconds=10), "a console beside it can approve"
            beat = heartbeat_of(given.database_path)
            assert beat is not None and abs(beat.at - NOW) < timedelta(seconds=10), "health judges it by the right time"


async def test_cooldown_recorded_by_a_fast_clock_is_not_longer(tmp_path: Path) -> None:
    async with running_panel(HOT_WORLD) as panel:
        async with bot_on(panel, tmp_path / "bot.db") as bot:
            bot.clock.now = NOW + timedelta(days=190)
            await bot.moved()
        async with bot_on(panel, tmp_path / "bot.db") as again:
            policy = (await again.service.planning.policies(await again.service.observer.observe()))[1]
            recent = await again.store.recent_events.read(policy, NOW)
            assert recent.migrated == {11: NOW}


# systemd ------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="systemd is of Linux")
async def test_systemd_is_notified_of_ready_alive_and_stopping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        async with running_panel(HOT_WORLD) as panel:
            given = settings(panel.url, database_path=tmp_path / "bot.db")
            async with VMBalancer(settings=given) as balancer:
                running = asyncio.create_task(balancer.run())
                heard = [await asyncio.wait_for(asyncio.get_running_loop().sock_recv(ear, 100), 20) for _ in range(2)]
                balancer.stop()
                await running
                heard.append(ear.recv(100))
    assert [h.decode() for h in heard[:2]] == [systemd.READY, systemd.ALIVE]
    assert heard[-1].decode() in (systemd.STOPPING, systemd.ALIVE)


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not systemd.notify(systemd.READY)


def test_the_unit_waits_for_the_time_and_has_a_watchdog() -> None:
    unit = (Path(__file__).parent.parent / "deploy" / "vm-balancer.service").read_text("utf-8")
    for line in ("Type=notify", "WatchdogSec=120", "NotifyAccess=main"):
        assert line in unit.splitlines()
    assert "time-sync.target" in next(line for line in unit.splitlines() if line.startswith("After="))


async def test_approval_from_before_a_snapshot_lapses_though_the_clock_of_the_machine_is_behind(
    tmp_path: Path,
) -> None:
    """The program's machine is restored from a snapshot: its clocks and its database are of that time."""
    async with running_bot(tmp_path) as bot:
        await bot.propose()
        await bot.decide()
        assert not await bot.api.active_tasks(), "the panel has told its time"
        bot.fault("clock_ahead", ahead=(APPROVAL_VALID_FOR + HOUR).total_seconds())
        await bot.carry_out()
        migration = await bot.migration()
        assert migration.state is S.STALE and migration.reason == Reason.of("approval-lapsed")
        assert bot.posts() == []


async def test_approval_does_not_age_by_a_panel_whose_clock_is_always_ahead(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as bot:
        bot.fault("clock_ahead", ahead=(APPROVAL_VALID_FOR + HOUR).total_seconds())
        await bot.moved()
        assert (await bot.migration()).state is S.SUCCEEDED


@pytest.mark.parametrize(("minutes", "state"), [(-10, S.SUCCEEDED), (10, S.STALE)])
async def test_approval_lapses_after_eight_days_though_its_window_was_closed_for_most_of_them(
    tmp_path: Path, minutes: int, state: MigrationState
) -> None:
    async with running_bot(tmp_path, migration_window="11:30-12:30") as bot:
        await bot.propose()
        await bot.decide()
        await bot.service.admin.pause(None, ANNA)
        bot.pass_time(timedelta(days=8, minutes=minutes).total_seconds())
        await bot.service.admin.resume(ANNA)
        await bot.carry_out()
        assert (await bot.migration()).state is state
