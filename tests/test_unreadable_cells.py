"""One cell of a stored row has any value: every query works, and the row is set aside once or left out."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing, suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA, move, move_ids
from bot_fixture import bot_on, running_panel
from hypothesis_profile import THOROUGH

from balancer.policy import Policy
from bot.domain.counters import FigureCheckpoint
from bot.domain.proposals import MigrationState
from bot.errors import StoreError
from bot.service.replays import read_record, unreadable_checks, verify
from bot.store.store import Store

DAY = timedelta(days=1)
VALUES: tuple[object, ...] = (
    *("words", b"\xff", -1, 2**62, 1e308, None, "", "Infinity", "[]", "{}", "null", "[1,2]", '{"a":[]}'),
    *('{"code":5,"params":[]}', "9999-99-99", "2026-12-01T00:00:00"),
)
FEW = (None, "words", b"\xff", 2**62, 1e308, "Infinity", "2026-12-01T00:00:00")
CELLS = (
    *("promise.figures", "outcome.after_s", "outcome.promised", "outcome.relieved", "capacity_sample.at"),
    *("size_sample.at", "vm_sample.at", "vm_sample.cpu_ms", "vm_name.internal_name", "check_frame.data"),
    *("check_frame.taken_at", "migration.finished_at", "decision.at", "move.position", "proposal.plan"),
    *("proposal.created_at", "audit.at", "sample.cpu_sum", "cycle.started_at", "cycle.finished_at"),
    *("migration.sighting", "migration.reason", "move.rules", "migration.seen_node_id", "reservation.until"),
    *("reservation.known_vms", "campaign.created_at", "campaign.approved", "campaign_node.since"),
)
SKIPPED = ("sqlite_", "unreadable")
ROWS = """
INSERT INTO exclusion (node_id, node_name, role, until, by_kind, by_name, by_id, created_at)
    VALUES (3, 'mild', 'target', :later, 'telegram', 'Anna', 1, :now);
INSERT INTO ignored_vm (vm_id, vm_name, cluster_id, by_kind, by_name, by_id, at)
    VALUES (40, 'resident', 1, 'telegram', 'Anna', 1, :now);
INSERT INTO snooze (cluster_id, cluster_name, until, overloaded, by_kind, by_name, by_id, at)
    VALUES (3, 'c3', :later, '[1]', 'telegram', 'Anna', 1, :now);
INSERT INTO message VALUES (1, -100, 5, 0, 'x', 0);
INSERT INTO protection VALUES ('node', 'x', 1, 1, :now);
INSERT INTO vm_sample VALUES (11, :unix, 300, 1000, 300000, 2048);
INSERT INTO vm_name VALUES (11, '11_small', :now);
INSERT INTO notice_message VALUES ('s', -100, 5);
INSERT INTO notice (kind, body, created_at) VALUES ('outage', '{"code": "outage", "params": {"problem": "x"}}', :now);
INSERT INTO first_approval (move_id, by_kind, by_name, by_id, at)
    SELECT id, 'telegram', 'Anna', 1, :now FROM move WHERE state = 'pending' LIMIT 1;
INSERT INTO reservation (cluster_id, cluster_name, node_id, node_name, vcpus, memory_mib, known_vms, until, by_kind,
    by_name, by_id, created_at) VALUES (1, 'c1', 2, 'cool', 4, 8192, '[11]', :later, 'telegram', 'Anna', 1, :now);
INSERT INTO campaign (id, cluster_id, cluster_name, state, by_kind, by_name, by_id, created_at)
    VALUES (1, 1, 'c1', 'running', 'telegram', 'Anna', 1, :now);
INSERT INTO campaign_node (campaign_id, position, node_id, name, state, since)
    VALUES (1, 0, 3, 'mild', 'waiting', :now);
INSERT INTO heartbeat VALUES (1, '{}');
"""


async def _history(path: Path) -> datetime:
    """A program's database after two days: moves that were made, compared, stopped, waiting; a row in every table."""
    async with (
        running_panel() as panel,
        bot_on(panel, path, balance_interval=300, allow_abort=True, samples_keep_days=30) as bot,
    ):
        await bot.moved()
        for seconds in (900, 3600, 90000):
            bot.pass_time(seconds)
            await bot.service.cycle.run()
        migration = (await bot.migrations())[0]
        now = bot.clock()
        await move_ids(bot.store, move(11), move(12), cluster=2)
        await bot.store.settings.set("mode", "auto", ANNA, now)
    text = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    later = (now + 20 * DAY).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with closing(sqlite3.connect(path)) as db:
        for statement in ROWS.split(";\n"):
            values = {"now": text, "later": later, "unix": int(now.timestamp()) - 300}
            db.execute(statement, {name: value for name, value in values.items() if f":{name}" in statement})
        db.execute("INSERT INTO abort VALUES (?, 'accepted', ?, 'telegram', 'Anna', 1, NULL)", (migration.id, text))
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.commit()
    return now


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, datetime]:
    path = tmp_path_factory.mktemp("history") / "bot.db"
    return path, asyncio.run(_history(path))


def spoilt(path: Path, copy: Path, cell: str, value: object) -> bool:
    """Copies the database with this value in one cell of a table. True if the table accepts it."""
    shutil.copy(path, copy)
    table, column = cell.split(".")
    with closing(sqlite3.connect(copy)) as db, suppress(sqlite3.Error):
        db.execute(f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {_last(db, table)}", (value,))  # noqa: S608
        db.commit()
        return True
    return False


def _last(db: sqlite3.Connection, table: str) -> str:
    [(sql,)] = db.execute("SELECT sql FROM sqlite_master WHERE name = ?", (table,)).fetchall()
    return "1" if "WITHOUT ROWID" in sql else f"rowid = (SELECT max(rowid) FROM {table})"  # noqa: S608


def queries(store: Store, now: datetime) -> Mapping[str, Callable[[], Awaitable[object]]]:
    """Every query of the program, and its daily maintenance."""
    s, old = store, now - 60 * DAY

    async def replay() -> None:
        record = await read_record(s, old, now)
        unreadable_checks(record)
        verify(record)

    async def notices() -> None:
        for notice in await s.notices.unsent():
            await s.notices.is_outdated(notice)
            await s.notices.together(notice)

    return {
        "aborts": lambda: s.aborts.of([1, 2]),
        "aborts.proven": s.aborts.proven,
        "audit.entries": s.audit.entries,
        "audit.verify": s.audit.verify,
        "autonomy.own_starts": lambda: s.autonomy.own_starts(1, old),
        "autonomy.ended": lambda: s.autonomy.ended(1, 9),
        "autonomy.proposed": lambda: s.autonomy.proposed(old, now),
        "campaigns.open": s.campaigns.open,
        "campaigns.newest": lambda: s.campaigns.newest(9),
        "campaigns.holding": lambda: s.campaigns.holding(now),
        "capacity.clusters": s.capacity.clusters,
        "capacity.samples": lambda: s.capacity.samples(1),
        "capacity.sizes": lambda: s.capacity.sizes(1),
        "capacity.needs": lambda: s.capacity.needs([1, 2], now),
        "changes": s.changes.version,
        "check_record": replay,
        "check_record.size": s.check_record.size,
        "cycles.overload_counts": lambda: s.cycles.overload_counts(old),
        "cycles.failed_in_a_row": s.cycles.failed_in_a_row,
        "cycles.last": s.cycles.last,
        "cycles.last_success": s.cycles.last_success,
        "decisions.history": lambda: s.decisions.history(20),
        "decisions.by_request": lambda: s.decisions.by_request(20),
        "decisions.of_vm": lambda: s.decisions.of_vm(11, 9),
        "decisions.last_answer": s.decisions.last_answer,
        "decisions.since": lambda: s.decisions.since(0),
        "decisions.first_approvals": s.decisions.first_approvals,
        "exclusions": lambda: s.exclusions.active(now),
        "figures": lambda: s.figures.since(FigureCheckpoint(0, 0, 0)),
        "ignored_vms": s.ignored_vms.active,
        "incidents.open_ones": s.incidents.open_ones,
        "incidents.get": lambda: s.incidents.get(1),
        "incidents.of_proposal": lambda: s.incidents.of_proposal(1),
        "incidents.newest": lambda: s.incidents.newest(1),
        "messages.get": lambda: s.messages.get(1, -100),
        "messages.unfinished": lambda: s.messages.unfinished(-100),
        "migrations.get": lambda: s.migrations.get(1),
        "migrations.in_states": lambda: s.migrations.in_states(tuple(MigrationState)),
        "migrations.vms_since": lambda: s.migrations.vms_since(old),
        "migrations.ended_since": lambda: s.migrations.ended_since(old),
        "migrations.newest_succeeded": s.migrations.newest_succeeded,
        "migrations.durations": lambda: s.migrations.durations(1),
        "migrations.undone": lambda: s.migrations.undone([1]),
        "migrations.past": lambda: s.migrations.past(old, now),
        "notices": notices,
        "notices.unanswered": s.notices.unanswered,
        "notices.message_of": lambda: s.notices.message_of("s", -100),
        "outcomes.due": lambda: s.outcomes.due(now + DAY),
        "outcomes.of_clusters": lambda: s.outcomes.of_clusters([1], old),
        "outcomes.of": lambda: s.outcomes.of([1]),
        "outcomes.entries": lambda: s.outcomes.entries(10),
        "outcomes.broken": lambda: s.outcomes.broken(now),
        "outcomes.kept": lambda: s.outcomes.kept(old, now),
        "proposals.waiting": s.proposals.waiting,
        "proposals.pending_moves": s.proposals.pending_moves,
        "proposals.checkpoint": lambda: s.proposals.checkpoint(now),
        "proposals.get": lambda: s.proposals.get(1),
        "proposals.moves": lambda: s.proposals.moves([1, 2, 3, 4]),
        "protections": s.protections.all,
        "recent_events": lambda: s.recent_events.read(Policy(), now),
        "requests.claims": s.requests.claims,
        "reservations.active": lambda: s.reservations.active(now),
        "reservations.over": lambda: s.reservations.over(now),
        "settings.get": lambda: s.settings.get("mode"),
        "settings.values_with_prefix": lambda: s.settings.values_with_prefix(["mode"]),
        "samples.of_node": lambda: s.samples.of_node(1, old, now),
        "samples.of_cluster": lambda: s.samples.of_cluster(1, old, now),
        "samples.busiest": lambda: s.samples.busiest(old, now),
        "samples.overload_by_day": lambda: s.samples.overload_by_day(old, now, None),
        "snoozes": lambda: s.snoozes.active(now),
        "summaries": lambda: s.summaries.between(old, now),
        "vm_samples.since": lambda: s.vm_samples.since(old),
        "vm_samples.of_vm": lambda: s.vm_samples.of_vm(11, old, now),
        "vm_samples.names": s.vm_samples.names,
        "deadlines.shift": lambda: s.deadlines.shift(timedelta(minutes=2), now),
        "proposals.expire_due": lambda: s.proposals.expire_due(now),
        "samples.thin": lambda: s.samples.thin(now, 9 * DAY),
        "capacity.thin": lambda: s.capacity.thin(now, 900 * DAY),
        "vm_samples.thin": lambda: s.vm_samples.thin(now, 9 * DAY),
        "check_record.thin": lambda: s.check_record.thin(old),
        "retention": lambda: s.retention.forget_before(old, now),
    }


ONE_ROW = (
    "exclusions",
    "reservations",
    "campaigns",
    "settings.get",
    "incidents.",
    "proposals.get",
    "migrations.get",
    "outcomes.entries",
)
"""Queries of one row, or of a protection: they say that it cannot be read, until it is set aside."""


async def ask_everything(store: Store, now: datetime, *, may_refuse: tuple[str, ...] = ()) -> None:
    for name, query in queries(store, now).items():
        try:
            await query()
        except StoreError:
            if not name.startswith(may_refuse):
                raise


async def check_cell(history: tuple[Path, datetime], folder: Path, cell: str, value: object) -> None:
    (path, now), copy = history, folder / "copy.db"
    if not spoilt(path, copy, cell, value):
        return
    store = Store(copy)
    await store.open()
    try:
        await ask_everything(store, now, may_refuse=ONE_ROW)
        await store.unreadable.set_aside(now, everything=True)
        await ask_everything(store, now)
        assert not store.unreadable.noted, "the row is met again and again"
    finally:
        await store.close()


@pytest.mark.parametrize("value", FEW, ids=repr)
@pytest.mark.parametrize("cell", CELLS)
async def test_any_value_in_a_cell_stops_no_query(
    history: tuple[Path, datetime], tmp_path: Path, cell: str, value: object
) -> None:
    await check_cell(history, tmp_path, cell, value)


@pytest.mark.slow
@pytest.mark.timeout(3600)
async def test_any_value_in_any_cell_stops_no_query(history: tuple[Path, datetime], tmp_path: Path) -> None:
    with closing(sqlite3.connect(history[0])) as db:
        tables = [t for (t,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        cells = [
            f"{table}.{column[1]}"
            for table in tables
            if not table.startswith(SKIPPED)
            for column in db.execute(f"PRAGMA table_info({table})")
        ]
    assert len(cells) > 150
    wrong = []
    for number, cell in enumerate(cells):
        values = VALUES if THOROUGH else (VALUES[number % len(VALUES)],)
        for value in values:
            try:
                await check_cell(history, tmp_path, cell, value)
            except Exception as error:
                wrong.append(f"{cell} = {value!r}: {error!r}")
    assert wrong == []
