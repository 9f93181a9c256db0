"""The audit trail: every change is in it, in the same transaction, and edits are detected."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_builders import ANNA, BORIS, LATER, NOW, move, move_ids, published

from bot.domain.proposals import PROGRAM, MigrationState, Verdict
from bot.store.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "v.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = Store(path)
    await store.open()
    yield store
    await store.close()


def tamper(path: Path, *statements: str) -> None:
    """Rewrites the whole chain, as an attacker with access to the file could."""
    with sqlite3.connect(path) as db:
        for name in ("audit_stays", "audit_keeps", "decision_stays", "decision_keeps"):
            db.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert db.execute(statement).rowcount != 0, statement
    db.close()


async def a_history(store: Store) -> None:
    ids = await move_ids(store, 11, 12)
    await store.decisions.decide(ids[:1], Verdict.APPROVE, ANNA, NOW)
    await store.decisions.decide(ids[1:], Verdict.SKIP, BORIS, NOW)
    [migration] = await store.migrations.in_states((MigrationState.QUEUED,))
    await store.migrations.advance(migration.id, MigrationState.STARTING, NOW)
    await store.settings.set("mode", "auto", ANNA, LATER)


async def test_every_change_is_in_the_audit_trail_with_its_actor(store: Store) -> None:
    await a_history(store)
    entries = [(e.event, e.by.name) for e in reversed(await store.audit.entries())]
    assert entries == [
        ("incident", PROGRAM.name),
        ("proposed", PROGRAM.name),
        ("approved", "Anna"),
        ("skipped", "Boris"),
        ("migration", PROGRAM.name),
        ("setting", "Anna"),
    ]


async def test_untouched_trail_verifies(store: Store) -> None:
    await a_history(store)
    verdict = await store.audit.verify()
    assert verdict.problems == () and verdict.entries == 6 and verdict.unsealed == 0


async def test_the_head_changes_with_every_entry_and_survives_a_restart(store: Store, path: Path) -> None:
    heads = set()
    for number in range(4):
        await store.audit.record("popup-old", ANNA, NOW, data=str(number))
        heads.add((await store.audit.verify()).head)
    assert len(heads) == 4
    await store.close()
    again = Store(path)
    await again.open()
    assert (await again.audit.verify()).head in heads
    await again.audit.record("popup-old", ANNA, NOW)
    assert (await again.audit.verify()).problems == ()
    await again.close()


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        ("UPDATE audit SET by_name = 'Boris' WHERE id = 2", "entry 2"),
        ("UPDATE audit SET detail = '{}' WHERE id = 5", "entry 5"),
        ("UPDATE audit SET at = '2020-01-01T00:00:00.000000Z' WHERE id = 1", "entry 1"),
        ("UPDATE audit SET seal = NULL WHERE id = 3", "entry 3"),
        ("DELETE FROM audit WHERE id = 3", "between entry 2 and entry 4"),
        ("DELETE FROM audit WHERE id > 3", "3 entries are missing after entry 3"),
        ("DELETE FROM audit", "6 entries are missing after entry 0"),
    ],
)
async def test_edited_trail_fails_verification(store: Store, path: Path, deed: str, words: str) -> None:
    await a_history(store)
    await store.close()
    tamper(path, deed)
    again = Store(path)
    await again.open()
    verdict = await again.audit.verify()
    assert any(words in problem for problem in verdict.problems), verdict.problems
    await again.close()


async def test_rewritten_chain_has_another_head(store: Store, path: Path) -> None:
    """The chain alone does not show a complete rewrite; a head that was noted elsewhere does."""
    await a_history(store)
    noted = (await store.audit.verify()).head
    await store.close()
    tamper(path, "DELETE FROM audit WHERE id = 6", "UPDATE sqlite_sequence SET seq = 5 WHERE name = 'audit'")
    again = Store(path)
    await again.open()
    verdict = await again.audit.verify()
    assert verdict.problems == () and verdict.head != noted
    await again.close()


@pytest.mark.parametrize("table", ["audit", "decision"])
@pytest.mark.parametrize("deed", ["UPDATE {} SET by_name = 'x'", "DELETE FROM {}"])
async def test_database_refuses_to_change_audit_rows(store: Store, path: Path, table: str, deed: str) -> None:
    await a_history(store)
    db = sqlite3.connect(path)
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|final"):
        db.execute(deed.format(table))
    db.close()


async def test_failed_change_leaves_no_audit_entry(store: Store) -> None:
    await published(store, move(11, 1, 2))
    before = (await store.audit.verify()).head
    with pytest.raises(ValueError, match="no migration"):
        await store.migrations.advance(99, MigrationState.STARTING, NOW)
    assert (await store.audit.verify()).head == before


async def test_entries_older_than_the_chain_are_counted_as_unsealed(store: Store, path: Path) -> None:
    await store.audit.record("popup-old", ANNA, NOW)
    await store.close()
    tamper(path, "UPDATE audit SET seal = NULL")
    again = Store(path)
    await again.open()
    await again.audit.record("popup-old", ANNA, NOW)
    verdict = await again.audit.verify()
    assert (verdict.entries, verdict.unsealed, verdict.problems) == (2, 1, ())
    await again.close()
