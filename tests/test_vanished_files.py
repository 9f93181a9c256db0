"""The database vanishes or is replaced under the running program, or lies on a file system without shared memory."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from bot_builders import ANNA, NOW, move_ids
from bot_fixture import BotFixture, running_bot

from bot.domain.proposals import MigrationState, Verdict
from bot.errors import StoreError
from bot.store.database import Access
from bot.store.files import faults
from bot.store.store import Store

S = MigrationState
SIDES = ("", "-wal", "-shm")


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotFixture]:
    async with running_bot(tmp_path) as running:
        yield running


def remove(path: Path) -> None:
    for side in SIDES:
        path.with_name(path.name + side).unlink(missing_ok=True)


def verdicts(path: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT verdict FROM decision").fetchall()


async def test_a_removed_database_is_written_anew_before_anything_is_decided(bot: BotFixture) -> None:
    await bot.propose()
    remove(bot.path)
    await bot.decide()
    assert verdicts(bot.path) == [("approve",)] and faults(bot.path) == []
    remove(bot.path)
    await bot.carry_out()
    assert bot.posts() == [(11, 2)]
    async with _opened(bot.path) as again:
        [migration] = await again.migrations.in_states((S.SUCCEEDED,))
        assert migration.move.vm_id == 11 and (await again.audit.verify()).problems == ()


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no such rights")
async def test_a_database_that_is_written_anew_is_readable_for_the_same_people(bot: BotFixture) -> None:
    bot.path.chmod(0o600)
    await bot.propose()
    remove(bot.path)
    await bot.decide()
    assert stat.S_IMODE(bot.path.stat().st_mode) == 0o600


async def test_only_the_owner_of_a_removed_database_writes_it_anew(bot: BotFixture) -> None:
    await bot.propose()
    console = Store(bot.path, access=Access.GUEST)
    await console.open()
    try:
        remove(bot.path)
        with pytest.raises(StoreError, match="was removed"):
            await console.audit.record("x", ANNA, NOW)
        assert not bot.path.exists()
        await bot.decide()
        assert verdicts(bot.path) == [("approve",)]
    finally:
        await console.close()


async def test_a_database_that_cannot_be_written_anew_starts_nothing(bot: BotFixture) -> None:
    await bot.propose()
    await bot.decide()
    aside = bot.path.parent.with_name("aside")
    bot.path.parent.rename(aside)
    try:
        with pytest.raises(StoreError, match="was removed while the program runs"):
            await bot.store.audit.record("x", ANNA, NOW)
        bot.start()
        assert bot.posts() == []
    finally:
        aside.rename(bot.path.parent)


async def test_a_replaced_database_refuses_every_write_and_starts_nothing(bot: BotFixture, tmp_path: Path) -> None:
    await bot.propose()
    await bot.decide()
    other = tmp_path / "other.db"
    async with _opened(other):
        pass
    remove(bot.path)
    shutil.copy(other, bot.path)
    with pytest.raises(StoreError, match="replaced by another file"):
        await bot.store.decisions.decide([1], Verdict.SKIP, ANNA, NOW)
    bot.start()
    await bot.reached(lambda: _true())
    assert bot.posts() == [] and verdicts(bot.path) == []


async def test_without_shared_memory_a_rollback_journal_is_used(tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    path.with_name("bot.db-shm").mkdir()  # SQLite cannot make its shared memory here
    async with _opened(path) as store:
        [move] = await move_ids(store, 11)
        await store.decisions.decide([move], Verdict.APPROVE, ANNA, NOW)
    async with _opened(path) as again:
        assert len(await again.decisions.history(9)) == 1
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
            assert db.execute("SELECT count(*) FROM decision").fetchone() == (1,), "others may look at it"


async def test_a_database_with_a_write_ahead_log_moves_to_a_place_without_shared_memory(tmp_path: Path) -> None:
    async with _opened(tmp_path / "bot.db") as store:
        await move_ids(store, 11)
    moved = tmp_path / "share" / "bot.db"
    moved.parent.mkdir()
    shutil.copy(tmp_path / "bot.db", moved)
    moved.with_name("bot.db-shm").mkdir()
    async with _opened(moved) as store:
        assert len(await store.proposals.waiting()) == 1


async def _true() -> bool:
    return True


class _opened:  # noqa: N801 - used like a function
    def __init__(self, path: Path) -> None:
        self._store = Store(path)

    async def __aenter__(self) -> Store:
        await self._store.open()
        return self._store

    async def __aexit__(self, *_: object) -> None:
        await self._store.close()
