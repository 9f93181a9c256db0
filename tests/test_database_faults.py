"""A database that is full, locked, forbidden or damaged: one clear error, and never a migration without a record.

Starts are read from the panel's own log. Backups and `vm-balancer db` are tested in test_db_command.py.
"""

from __future__ import annotations

import asyncio
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from bot_builders import ANNA, NOW
from bot_fixture import BotFixture, bot_on, running_bot, running_panel
from test_db_command import damage
from test_executor import During

from bot.cli import BAD_SETTINGS, FAILED, main
from bot.config.settings import Settings, env_name
from bot.domain.proposals import MigrationState, Verdict
from bot.errors import StoreError
from bot.store import files
from bot.store.store import Store

S = MigrationState
MIB = 2**20


class Disk:
    """A folder on a disk that can be filled up and emptied."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self) -> None:
        with (self.folder / "filler").open("wb", buffering=0) as file:
            try:
                while file.write(b"\0" * 4096):
                    pass
            except OSError:
                return

    def empty(self) -> None:
        (self.folder / "filler").unlink(missing_ok=True)


class Limit(Disk):
    """Limits the size of files of this process, if the test may not mount a small disk."""

    def fill(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, hard))

    def empty(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@contextmanager
def limited(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    disk = Limit(folder)
    try:
        yield disk
    finally:
        disk.empty()


DISKS: dict[str, Callable[[Path], object]] = {"small disk": small_disk, "limit": limited}


@pytest.fixture(params=DISKS)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with DISKS[request.param](tmp_path / "disk") as result:  # type: ignore[attr-defined]
        yield result


# A full disk ---------------------------------------------------------------------------------------


async def test_press_on_a_full_disk_is_an_error_and_no_decision(disk: Disk) -> None:
    async with running_bot(disk.folder) as fixture:
        await fixture.propose()
        [proposal] = await fixture.store.proposals.waiting()
        disk.fill()
        with pytest.raises(StoreError, match="check the file, its folder and the disk"):
            await fixture.service.decisions.decide([m.id for m in proposal.moves], Verdict.APPROVE, ANNA)
        assert [p.id for p in await fixture.store.proposals.waiting()] == [proposal.id], "reading goes on"
        disk.empty()
        await fixture.decide()
        await fixture.carry_out()
        assert fixture.posts() == [(11, 2)] and (await fixture.migration()).state is S.SUCCEEDED


async def test_migration_that_cannot_be_recorded_is_not_started(disk: Disk) -> None:
    async with running_bot(disk.folder) as fixture:
        await fixture.propose()
        await fixture.decide()
        disk.fill()
        fixture.start()
        await fixture.reached(lambda: _after(fixture, 60))
        assert fixture.posts() == [] and await fixture.in_state(S.QUEUED)
        disk.empty()
        await fixture.carry_out()
        assert fixture.posts() == [(11, 2)] and (await fixture.migration()).state is S.SUCCEEDED


async def test_disk_that_fills_after_the_start_loses_no_migration(disk: Disk) -> None:
    async def fills(_: BotFixture) -> None:
        disk.fill()

    async with running_panel() as panel, bot_on(panel, disk.folder / "bot.db") as fixture:
        await fixture.propose()
        await fixture.decide()
        async with bot_on(panel, fixture.path, During(fixture, "start_migration", fills)) as full:
            full.start()
            await full.reached(lambda: _after(full, 60))
            assert full.posts() == [(11, 2)]
            assert (await fixture.migration()).state is S.STARTING, "the record was there before the start"
            disk.empty()
            await full.carry_out()
        assert (await fixture.migration()).state is S.SUCCEEDED
        assert fixture.posts() == [(11, 2)] and len(panel.world.tasks) == 1


async def _after(fixture: BotFixture, seconds: float) -> bool:
    return (fixture.clock.now - NOW).total_seconds() > seconds


async def test_check_on_a_full_disk_proposes_nothing_and_the_program_goes_on(disk: Disk) -> None:
    async with running_bot(disk.folder) as fixture:
        disk.fill()
        with pytest.raises(StoreError, match="check the file, its folder and the disk"):
            await fixture.service.cycle.run()
        disk.empty()
        await fixture.propose()
        assert len(await fixture.store.proposals.waiting()) == 1


# Locked --------------------------------------------------------------------------------------------


async def test_locked_database_delays_the_start(tmp_path: Path) -> None:
    async with running_bot(tmp_path, busy_timeout_s=0.02) as fixture:
        await fixture.propose()
        await fixture.decide()
        with closing(sqlite3.connect(fixture.path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            fixture.start()
            await fixture.reached(lambda: _after(fixture, 120))
            assert fixture.posts() == [] and await fixture.in_state(S.QUEUED)
            with pytest.raises(StoreError, match="locked"):
                await fixture.service.cycle.run()
        await fixture.carry_out()
        assert fixture.posts() == [(11, 2)] and (await fixture.migration()).state is S.SUCCEEDED


async def test_lock_after_the_start_loses_no_migration(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "bot.db", isolation_level=None)

    async def locks(_: BotFixture) -> None:
        holder.execute("BEGIN IMMEDIATE")

    async with running_panel() as panel, bot_on(panel, tmp_path / "bot.db") as fixture:
        await fixture.propose()
        await fixture.decide()
        hook = During(fixture, "start_migration", locks)
        async with bot_on(panel, fixture.path, hook, busy_timeout_s=0.02) as late:
            late.start()
            await late.reached(lambda: _after(late, 120))
            assert late.posts() == [(11, 2)] and await fixture.in_state(S.STARTING)
            holder.execute("ROLLBACK")
            await late.carry_out()
        assert fixture.posts() == [(11, 2)] and (await fixture.migration()).state is S.SUCCEEDED
    holder.close()


# Damaged -------------------------------------------------------------------------------------------


async def test_damaged_database_starts_nothing_and_names_the_remedy(tmp_path: Path) -> None:
    async with running_panel() as panel, bot_on(panel, tmp_path / "bot.db") as fixture:
        await fixture.propose()
        await fixture.decide()
        with closing(sqlite3.connect(fixture.path)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        damage(fixture.path)
        # A write of another program makes this one read the file again.
        with closing(sqlite3.connect(fixture.path)) as db:
            db.execute("PRAGMA user_version = 99")
        with pytest.raises(StoreError, match="vm-balancer db restore"):
            await fixture.store.proposals.waiting()
        fixture.start()
        await fixture.reached(lambda: _after(fixture, 60))
        assert fixture.posts() == []
        assert fixture.worker is not None and not fixture.worker.done(), "it waits for the file to be put right"


# At the start --------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VMMANAGER_USERNAME", "admin@example.com")
    monkeypatch.setenv("VMMANAGER_PASSWORD", "secret")
    monkeypatch.setenv("DATABASE_PATH", str(tmp_path / "bot.db"))
    monkeypatch.setenv("LOG_FILE", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("what", ["damaged", "no database", "a folder", "no such folder"])
def test_damaged_database_ends_the_program_with_one_error_and_stays_unchanged(
    folder: Path, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("VMMANAGER_HOST", "http://127.0.0.1:9")
    path = folder / "bot.db"
    if what == "a folder":
        path.mkdir()
    elif what == "no such folder":
        monkeypatch.setenv("DATABASE_PATH", str(folder / "nowhere" / "bot.db"))
    else:
        path.write_bytes(b"hello" if what == "no database" else whole(folder))
        if what == "damaged":
            damage(path)
    before = path.read_bytes() if path.is_file() else None
    assert main(["--once"]) == (BAD_SETTINGS if "folder" in what else FAILED)
    captured = capsys.readouterr()
    lines = [line for line in (captured.out + captured.err).splitlines() if "bot.db" in line]
    assert len(lines) == 1 and "Traceback" not in captured.err, captured.out + captured.err
    if what == "damaged":
        assert "vm-balancer db restore" in lines[0]
    if before is not None:
        assert path.read_bytes() == before


def whole(folder: Path) -> bytes:
    """A database of ours with every table in it."""

    async def made() -> None:
        store = Store(folder / "made.db")
        await store.open()
        await store.close()

    asyncio.run(made())
    return (folder / "made.db").read_bytes()


def test_journal_of_a_crash_is_rolled_back_at_the_start(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "live.db", isolation_level=None)) as live:
        live.executescript("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 1; CREATE TABLE proposal (text)")
        live.executescript("CREATE TABLE migration (id); PRAGMA user_version = 1; BEGIN")
        live.executemany("INSERT INTO proposal VALUES (?)", [("x" * 4000,)] * 50)
        for name in ("live.db", "live.db-journal"):  # as a killed program leaves them
            shutil.copy(tmp_path / name, tmp_path / name.replace("live", "bot"))
        live.execute("ROLLBACK")
    assert files.schema_in_use(tmp_path / "bot.db") == 1
