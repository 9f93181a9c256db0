"""The database is removed or replaced while the program runs, or is on a file system without shared memory."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bot_builders import ANNA, NOW, move_ids
from bot_fixture import HOT_WORLD, BotFixture, running_bot, running_panel, settings

from bot.app.program import VMBalancer
from bot.domain.proposals import MigrationState, Verdict
from bot.errors import InstanceRunning, StoreError
from bot.store.database import Access
from bot.store.files import faults
from bot.store.instance_lock import Instance
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


async def test_a_removed_database_is_written_again_before_anything_is_decided(bot: BotFixture) -> None:
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
async def test_a_database_that_is_written_again_is_readable_for_the_same_people(bot: BotFixture) -> None:
    bot.path.chmod(0o600)
    await bot.propose()
    remove(bot.path)
    await bot.decide()
    assert stat.S_IMODE(bot.path.stat().st_mode) == 0o600


async def test_only_the_owner_of_a_removed_database_writes_it_again(bot: BotFixture) -> None:
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


async def test_a_database_that_cannot_be_written_again_starts_no_migration(bot: BotFixture) -> None:
    await bot.propose()
    await bot.decide()
    aside = bot.path.parent.with_name("aside")
    bot.path.parent.rename(aside)
    try:
        with pytest.raises(StoreError, match="was removed while the program runs"):
            await bot.store.audit.record("x", ANNA, NOW)
        await _a_try_to_start(bot)
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
    await _a_try_to_start(bot)
    assert bot.posts() == [] and verdicts(bot.path) == []


@pytest.mark.parametrize("gone", [("-wal",), ("-shm",), ("-wal", "-shm")])
async def test_removed_files_beside_the_database_cost_no_decision(bot: BotFixture, gone: tuple[str, ...]) -> None:
    """SQLite would write to the removed log, and this data would be lost if the program was killed."""
    await bot.propose()
    for side in gone:
        bot.path.with_name(bot.path.name + side).unlink()
    await bot.decide()
    killed = bot.path.with_name("killed.db")  # what a program finds that starts after this one was killed
    for side in SIDES:
        shutil.copy(bot.path.with_name(bot.path.name + side), killed.with_name(killed.name + side))
    assert verdicts(killed) == [("approve",)] and faults(bot.path) == []
    await bot.carry_out()
    assert bot.posts() == [(11, 2)]


@pytest.mark.skipif(os.name == "nt", reason="Windows renames no folder with open files")
@pytest.mark.parametrize("damage", ["loop", "file"])
async def test_database_in_an_unreadable_folder_is_not_taken_for_removed(bot: BotFixture, damage: str) -> None:
    """Any error but 'no such file' refuses every write, and the program goes on once the file can be looked at."""
    await bot.propose()
    await bot.decide()
    folder, aside = bot.path.parent, bot.path.parent.with_name("aside")
    folder.rename(aside)
    if damage == "loop":
        folder.symlink_to(folder)
    else:
        folder.write_text("no folder")
    try:
        with pytest.raises(StoreError, match="cannot be looked at") as caught:
            await bot.store.audit.record("x", ANNA, NOW)
        assert str(bot.path) in str(caught.value)
        await _a_try_to_start(bot)
        assert bot.posts() == []
    finally:
        folder.unlink()
        aside.rename(folder)
    bot.service.work.set()
    await bot.reached(lambda: bot.in_state(S.SUCCEEDED))
    assert len(verdicts(bot.path)) == 1 and not bot.path.with_name("bot.db.rescued").exists()


async def test_a_removed_target_of_a_link_is_written_again_in_its_place(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (tmp_path / "bot.db").symlink_to(volume / "real.db")
    async with _opened(tmp_path / "bot.db") as store:
        remove(volume / "real.db")
        await move_ids(store, 11)
        assert (tmp_path / "bot.db").is_symlink() and (volume / "real.db").is_file()


async def test_empty_mount_point_gets_no_database(tmp_path: Path) -> None:
    """The volume was unmounted: data in its mount point would be hidden after the next mount."""
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("needs a second file system")
    with tempfile.TemporaryDirectory(dir=other) as mount:
        volume = tmp_path / "volume"
        volume.mkdir()
        async with _opened(volume / "bot.db") as store:
            volume.rename(tmp_path / "away")
            volume.symlink_to(mount)
            with pytest.raises(StoreError, match="another device"):
                await move_ids(store, 11)
            assert not (Path(mount) / "bot.db").exists()
            volume.unlink()
            (tmp_path / "away").rename(volume)
            await move_ids(store, 11)


async def test_a_write_ahead_log_is_used_where_the_file_system_allows_one(tmp_path: Path) -> None:
    """It lets others read while the program writes; and after a kill nobody has to write before they can read."""
    async with _opened(tmp_path / "bot.db") as store:
        await move_ids(store, 11)
        assert (tmp_path / "bot.db-wal").exists()
        with closing(sqlite3.connect(tmp_path / "bot.db")) as db:
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


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


@pytest.mark.skipif(sys.platform == "win32", reason="these layers of SQLite are for Unix")
@pytest.mark.parametrize("layer", ["unix-dotfile", "unix-none"])
async def test_sqlite_without_shared_memory_uses_a_rollback_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str
) -> None:
    """SQLite's own layers for file systems without shared memory, and without locks between processes."""
    connect = sqlite3.connect

    def connect_with_layer(path: Path, *args: Any, **options: Any) -> sqlite3.Connection:
        return connect(f"file:{path}?vfs={layer}", *args, **{**options, "uri": True})

    monkeypatch.setattr(sqlite3, "connect", connect_with_layer)
    path = tmp_path / "bot.db"
    async with _opened(path) as store:
        [move] = await move_ids(store, 11)
        await store.decisions.decide([move], Verdict.APPROVE, ANNA, NOW)
        assert not path.with_name("bot.db-wal").exists()
    async with _opened(path) as again:
        assert len(await again.decisions.history(9)) == 1
    monkeypatch.undo()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)


async def test_a_database_with_a_write_ahead_log_moves_to_a_place_without_shared_memory(tmp_path: Path) -> None:
    async with _opened(tmp_path / "bot.db") as store:
        await move_ids(store, 11)
    moved = tmp_path / "share" / "bot.db"
    moved.parent.mkdir()
    shutil.copy(tmp_path / "bot.db", moved)
    moved.with_name("bot.db-shm").mkdir()
    async with _opened(moved) as store:
        assert len(await store.proposals.waiting()) == 1


async def test_a_removed_lock_is_taken_again(tmp_path: Path) -> None:
    async with running_panel(HOT_WORLD) as panel:
        given = settings(panel.url, database_path=tmp_path / "bot.db")
        async with VMBalancer(settings=given) as balancer:
            (tmp_path / "bot.db.lock").unlink()
            await balancer.until_idle()
            with pytest.raises(InstanceRunning):
                await VMBalancer(settings=given).open()
            assert not balancer.failed


async def test_a_program_whose_lock_another_one_took_ends(tmp_path: Path) -> None:
    async with running_panel(HOT_WORLD) as panel:
        given = settings(panel.url, database_path=tmp_path / "bot.db")
        async with VMBalancer(settings=given) as balancer:
            (tmp_path / "bot.db.lock").unlink()
            other = Instance(tmp_path / "bot.db")
            other.acquire(NOW)
            await balancer.until_idle()
            other.release()
            assert balancer.failed, "it ends, since two programs must not work on one database"


async def _a_try_to_start(bot: BotFixture) -> None:
    """Runs the executor until it pauses because something failed: a pause moves the clock."""
    began = bot.clock()

    async def paused() -> bool:
        return bot.clock() > began

    bot.start()
    await bot.reached(paused)


class _opened:  # noqa: N801 - used like a function
    def __init__(self, path: Path) -> None:
        self._store = Store(path)

    async def __aenter__(self) -> Store:
        await self._store.open()
        return self._store

    async def __aexit__(self, *_: object) -> None:
        await self._store.close()
