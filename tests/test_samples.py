"""Samples of load: what a check stores, how samples are merged with age, and what charts and digests read."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from bot_builders import ANNA, NOW, Clock, move_ids
from bot_fixture import running_bot
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.model import NodeLoad, NodeReport, Plan
from bot.config.settings import Settings
from bot.domain.proposals import MigrationState, Verdict
from bot.service.maintenance import Maintenance
from bot.store.database import SCHEMA_VERSION
from bot.store.samples import FINEST_S, LEVELS
from bot.store.store import Store

TEN_MINUTES = timedelta(minutes=10)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 8, 1, tzinfo=timezone.utc)
ALWAYS = (START - 365 * DAY, START + 365 * DAY)
KEEP = 90 * DAY


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "v.db")
    await store.open()
    yield store
    await store.close()


def report(node: int, cpu: float, memory: float = 50.0, load: float | None = None, over: bool = False) -> NodeReport:
    return NodeReport(node, f"n{node}", NodeLoad(cpu, memory, 10, cpu, load), over)


async def check(store: Store, at: datetime, *reports: NodeReport, cluster: int = 1) -> None:
    """One check as the program makes it: the samples, then the check itself."""
    plan = Plan(cluster, f"c{cluster}", at, "smallest-first", reports, (), (), ())
    await store.samples.record([plan], at, TEN_MINUTES)
    await store.cycles.record(at, at, "done", {})


def count(store: Store) -> int:
    db = sqlite3.connect(store.path)
    try:
        return int(db.execute("SELECT count(*) FROM sample").fetchone()[0])
    finally:
        db.close()


async def thin(store: Store, now: datetime, keep: timedelta = KEEP) -> int:
    steps = 0
    while await store.samples.thin(now, keep):
        steps += 1
    return steps


async def test_samples_of_a_check_are_read_back(store: Store) -> None:
    await check(store, START, report(1, 7.25, 62.5, 1.125, over=True), report(2, 1.0))
    [sample] = await store.samples.of_node(1, *ALWAYS)
    assert (sample.at, sample.cpu_ratio, sample.memory_percent, sample.cpu_load) == (START, 7.25, 62.5, 1.125)
    assert sample.vm_count == 10 and sample.overloaded == TEN_MINUTES
    [other] = await store.samples.of_node(2, *ALWAYS)
    assert other.cpu_load is None and other.overloaded == timedelta(0)


async def test_unknown_value_is_a_gap_not_zero(store: Store) -> None:
    await check(store, START, NodeReport(1, "n1", None, False))
    assert await store.samples.of_node(1, *ALWAYS) == []


async def test_sample_covers_the_time_since_the_previous_check_up_to_the_interval(store: Store) -> None:
    over = report(1, 8.0, over=True)
    for minutes in (0, 10, 14, 500):  # on time, early by hand, after a long stop
        await check(store, START + timedelta(minutes=minutes), over)
    assert await store.samples.overload_hours(*ALWAYS) == {1: pytest.approx((10 + 10 + 4 + 10) / 60)}


async def test_the_size_does_not_grow_with_a_short_interval(store: Store) -> None:
    for n in range(60):
        await check(store, START + timedelta(seconds=10 * n), report(1, float(n % 5)))
    assert count(store) == 600 // FINEST_S
    assert max(s.cpu_ratio_max for s in await store.samples.of_node(1, *ALWAYS)) == 4.0


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 120 * 24 * 60), st.integers(1, 3), st.floats(0, 20), st.booleans()),
        min_size=1,
        max_size=60,
    ),
    st.integers(0, 30 * 24),
)
async def test_thinning_keeps_sums_and_maxima_and_age_bounds_the_rest(
    checks: list[tuple[int, int, float, bool]], later_h: int
) -> None:
    store = Store(":memory:")
    await store.open()
    try:
        for minute, node, cpu, over in sorted(checks):
            await check(store, START + timedelta(minutes=minute), report(node, cpu, over=over))
        now = START + timedelta(days=120, hours=later_h)
        keep = timedelta(days=1000)
        before = await store.samples.busiest(*ALWAYS, limit=10)
        for step in (30, 90):  # also what was thinned once already
            await thin(store, START + step * DAY, keep)
        await thin(store, now, keep)
        after = await store.samples.busiest(*ALWAYS, limit=10)
        assert after == before
        for node in (1, 2, 3):
            samples = await store.samples.of_node(node, *ALWAYS)
            for sample in samples:
                due = max((w for age, w in LEVELS if sample.at + timedelta(seconds=w) <= now - age), default=FINEST_S)
                assert sample.span.total_seconds() >= due
            ends = [s.at + s.span for s in samples]
            assert all(end <= later.at for end, later in zip(ends, samples[1:], strict=False))
        assert await thin(store, now, keep) == 0
    finally:
        await store.close()


async def test_old_samples_and_names_of_removed_nodes_are_deleted(store: Store) -> None:
    await check(store, START, report(1, 1.0))
    await check(store, START + 80 * DAY, report(2, 1.0))
    await thin(store, START + 91 * DAY)
    assert await store.samples.of_node(1, *ALWAYS) == [] and len(await store.samples.of_node(2, *ALWAYS)) == 1
    db = sqlite3.connect(store.path)
    assert db.execute("SELECT name FROM sampled_node").fetchall() == [("n2",)]
    db.close()


async def test_daily_maintenance_thins_samples(store: Store) -> None:
    for n in range(12):
        await check(store, START + n * TEN_MINUTES, report(1, float(n)))
    clock = Clock(START + 3 * DAY)
    await Maintenance(store, None, Settings(samples_keep_days=4), clock).due()
    assert count(store) == 2
    clock.advance(2 * DAY.total_seconds())
    await Maintenance(store, None, Settings(samples_keep_days=4), clock).due()
    assert count(store) == 0


async def test_busiest_nodes_come_first(store: Store) -> None:
    for n in range(6):
        reports = (report(1, 6.0), report(2, 9.0, over=n < 3), report(3, 8.0, over=True), report(4, 2.0))
        await check(store, START + n * TEN_MINUTES, *reports)
    await check(store, START + 6 * TEN_MINUTES, report(9, 20.0, over=True), cluster=2)
    busiest = await store.samples.busiest(*ALWAYS, clusters=[1], limit=3)
    assert [(b.node_id, b.name, b.overload_hours) for b in busiest] == [(3, "n3", 1.0), (2, "n2", 0.5), (1, "n1", 0.0)]
    assert busiest[0].watched == HOUR
    assert list(await store.samples.overload_hours(*ALWAYS)) == [3, 2, 9]


async def test_a_cluster_is_the_mean_of_its_nodes(store: Store) -> None:
    await check(store, START, report(1, 6.0, 40.0, 2.0), report(2, 2.0, 60.0))
    await check(store, START + TEN_MINUTES, report(1, 4.0))
    first, second = await store.samples.of_cluster(1, *ALWAYS)
    assert (first.cpu_ratio, first.cpu_ratio_max, first.memory_percent, first.cpu_load) == (4.0, 6.0, 50.0, 2.0)
    assert second.cpu_ratio == 4.0
    assert await store.samples.of_cluster(2, *ALWAYS) == []


async def test_days_follow_the_time_zone(store: Store) -> None:
    for hour in (20, 22):  # 23:00 and 01:00 of the next day in Moscow
        await check(store, START + timedelta(hours=hour), report(1, 9.0, over=True))
    days = await store.samples.overload_by_day(START, START + 2 * DAY, ZoneInfo("Europe/Moscow"))
    assert [(d.day, round(h * 60)) for d, h in days] == [(1, 10), (2, 10), (3, 0)]


async def test_migrations_of_a_period_are_read(store: Store) -> None:
    ids = await move_ids(store, 11, 12)
    for n, result in enumerate(await store.decisions.decide(ids, Verdict.APPROVE, ANNA, NOW)):
        assert result.move.migration is not None
        end = MigrationState.SUCCEEDED if n == 0 else MigrationState.FAILED
        for state in (MigrationState.STARTING, MigrationState.RUNNING, end):
            await store.migrations.advance(result.move.migration.id, state, NOW + HOUR)
    [past] = await store.migrations.past(NOW, NOW + DAY)
    assert (past.at, past.vm_id, past.source_id, past.target_id) == (NOW + HOUR, 11, 1, 2)
    assert await store.migrations.past(NOW, NOW + DAY, node_id=2) == [past]
    assert await store.migrations.past(NOW, NOW + DAY, node_id=3) == []
    assert await store.migrations.past(NOW, NOW + HOUR) == []


async def test_database_of_schema_4_is_upgraded(tmp_path: Path) -> None:
    path = tmp_path / "v.db"
    with sqlite3.connect(path) as db:
        for number in range(1, 5):
            db.executescript((resources.files("bot.store") / "schema" / f"{number:04}.sql").read_text("utf-8"))
        at = "2026-08-01T00:00:00.000000Z"
        db.execute("INSERT INTO cycle (started_at, finished_at, outcome, detail) VALUES (?, ?, 'done', '{}')", (at, at))
        db.execute("PRAGMA user_version = 4")
    db.close()
    store = Store(path)
    await store.open()
    await check(store, START + TEN_MINUTES, report(1, 8.0, over=True))
    assert await store.samples.overload_hours(*ALWAYS) == {1: pytest.approx(1 / 6)}
    await store.close()
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    db.close()


async def test_every_check_stores_samples_or_logs_the_failure(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running_bot(tmp_path) as fixture:
        await fixture.propose()
        now = fixture.clock.now
        nodes = await fixture.service.queries.plans(max_age=HOUR)
        known = {r.node_id for plan in nodes for r in plan.nodes if r.load is not None}
        assert (
            known and {b.node_id for b in await fixture.store.samples.busiest(now - DAY, now + DAY, limit=99)} == known
        )
        with sqlite3.connect(fixture.store.path) as db:
            db.execute("ALTER TABLE sample RENAME TO lost")
        db.close()
        assert (await fixture.service.cycle.run()).outcome == "done"
        assert "are missing in charts and summaries" in caplog.text
