"""Old settled rows are deleted; open, running and unknown ones never are."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA, LATER, NOW, move_ids, published

from balancer.policy import Policy
from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.domain.proposals import MigrationState, Verdict
from bot.domain.reservations import Reservation
from bot.store.store import Store
from bot.store.values import MessageRow

S = MigrationState
YEAR = timedelta(days=365)
AFTER = NOW + timedelta(days=1)
LONG_AFTER = NOW + YEAR
TABLES = ("proposal", "move", "decision", "migration", "message", "notice", "cycle", "exclusion", "reservation")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = Store(tmp_path / "v.db")
    await store.open()
    yield store
    await store.close()


def counts(store: Store) -> dict[str, int]:
    db = sqlite3.connect(store.path)
    try:
        return {t: db.execute("SELECT count(*) FROM " + t).fetchone()[0] for t in TABLES}  # noqa: S608
    finally:
        db.close()


async def done(store: Store, vm: int, *steps: MigrationState, cluster: int = 1) -> None:
    [move_id] = await move_ids(store, vm, cluster=cluster)
    [result] = await store.decisions.decide([move_id], Verdict.APPROVE, ANNA, NOW)
    assert result.move.migration is not None
    for step in steps:
        await store.migrations.advance(result.move.migration.id, step, NOW)
    await published(store, cluster=cluster)  # a check that finds nothing ends the incident


async def test_old_settled_rows_are_deleted(store: Store) -> None:
    await done(store, 11, S.STARTING, S.RUNNING, S.FAILED)
    for notice in await store.notices.unsent():
        await store.notices.mark_sent(notice.id, NOW)
    await store.messages.save(MessageRow(1, -100, 7, 0, "digest", True))
    await store.exclusions.add(Exclusion(9, "n9", ExclusionRole.BOTH, LATER, ANNA, NOW))
    await store.reservations.add(Reservation(0, 1, "c1", 9, "n9", 4, 4096, LATER, ANNA, NOW, frozenset({11})), 10)
    await store.cycles.record(NOW, NOW, "done", {})
    assert min(counts(store).values()) == 1
    assert await store.retention.forget_before(AFTER, LONG_AFTER) == 1
    assert counts(store) == dict.fromkeys(TABLES, 0)
    assert (await store.recent_events.read(Policy(), LONG_AFTER)).failed == {}


@pytest.mark.parametrize(
    "steps",
    [(), (S.STARTING,), (S.STARTING, S.RUNNING), (S.STARTING, S.UNKNOWN)],
    ids=["queued", "starting", "running", "unknown"],
)
async def test_unsettled_rows_stay_at_any_age(store: Store, steps: tuple[MigrationState, ...]) -> None:
    await done(store, 11, *steps)
    for notice in await store.notices.unsent():
        await store.notices.mark_sent(notice.id, NOW)
    assert await store.retention.forget_before(AFTER, LONG_AFTER) == 0
    assert counts(store)["migration"] == 1


async def test_waiting_proposals_and_unsent_notices_stay(store: Store) -> None:
    await published(store, 11)
    await done(store, 21, S.STARTING, S.RUNNING, S.FAILED, cluster=2)
    assert len(await store.notices.unsent()) == 1
    assert await store.retention.forget_before(AFTER, LONG_AFTER) == 0
    assert counts(store)["proposal"] == 2


async def test_recent_rows_stay(store: Store) -> None:
    await done(store, 11, S.STARTING, S.RUNNING, S.SUCCEEDED)
    await store.exclusions.add(Exclusion(9, "n9", ExclusionRole.BOTH, None, ANNA, NOW))
    assert await store.retention.forget_before(NOW, LONG_AFTER) == 0
    assert counts(store)["migration"] == counts(store)["exclusion"] == 1


async def test_shortened_audit_trail_still_verifies(store: Store) -> None:
    await done(store, 11, S.STARTING, S.RUNNING, S.SUCCEEDED)
    await store.audit.record("popup-old", ANNA, LONG_AFTER)
    before = await store.audit.verify()
    await store.retention.forget_before(AFTER, LONG_AFTER)
    after = await store.audit.verify()
    assert after.problems == () and after.entries == 2 < before.entries
    assert (await store.audit.verify(before.head)).holds_noted
    await store.audit.record("popup-old", ANNA, LONG_AFTER)
    await store.retention.forget_before(LONG_AFTER + YEAR, LONG_AFTER)
    assert (await store.audit.verify()).problems == ()


async def test_audit_rows_are_protected_again_after_retention(store: Store) -> None:
    await done(store, 11, S.STARTING, S.RUNNING, S.SUCCEEDED)
    await store.retention.forget_before(NOW, LONG_AFTER)
    db = sqlite3.connect(store.path)
    for table in ("audit", "decision"):
        with pytest.raises(sqlite3.IntegrityError):
            db.execute("DELETE FROM " + table)  # noqa: S608
    db.close()
