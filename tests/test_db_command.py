"""`vm-balancer db`, `history` and `audit` on real files, and the daily backups."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA, BORIS, NOW, Clock, move, move_ids
from test_audit import tamper

from bot.cli import BAD_SETTINGS, FAILED, OK, main
from bot.config.settings import Settings, env_name
from bot.domain.proposals import MigrationState, MoveState, Verdict
from bot.errors import StoreError
from bot.rendering.export import as_csv
from bot.service.maintenance import Maintenance
from bot.store import files
from bot.store.backups import Backups
from bot.store.database import SCHEMA_VERSION
from bot.store.instance_lock import Instance
from bot.store.store import Store

DAY = timedelta(days=1)
S = MigrationState


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
async def path(folder: Path) -> Path:
    """A database with a history: one move approved and finished, one skipped, one approved and queued, one pending."""
    store = Store(folder / "vm_balancer.db")
    await store.open()
    first, second = await move_ids(store, move(11, 1, 2), move(12, 1, 3))
    await store.decisions.decide([first], Verdict.APPROVE, ANNA, NOW)
    await store.decisions.decide([second], Verdict.SKIP, BORIS, NOW)
    [migration] = await store.migrations.in_states((S.QUEUED,))
    await store.migrations.advance(migration.id, S.STARTING, NOW)
    await store.migrations.advance(migration.id, S.RUNNING, NOW, consul_id=7)
    await store.migrations.advance(migration.id, S.SUCCEEDED, NOW + timedelta(seconds=43))
    [third] = await move_ids(store, move(21, 4, 5), cluster=2)
    await store.decisions.decide([third], Verdict.APPROVE, ANNA, NOW)
    await move_ids(store, move(31, 6, 7), cluster=3)
    await store.close()
    return folder / "vm_balancer.db"


def damage(path: Path) -> None:
    """Overwrites the middle of the file, as a broken disk does."""
    size = path.stat().st_size
    with path.open("rb+") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


# Check ----------------------------------------------------------------------------------------------


def test_sound_database_passes_the_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["db", "check"]) == OK
    assert f"undamaged; schema {SCHEMA_VERSION}" in said(capsys)[0]


def test_damaged_database_fails_the_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damage(path)
    assert main(["db", "check"]) == FAILED
    out, err = said(capsys)
    assert out == "" and "vm_balancer.db:" in err and "Traceback" not in err


def test_edited_audit_trail_fails_the_check(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tamper(path, "UPDATE audit SET by_name = 'Boris' WHERE event = 'approved'")
    assert main(["db", "check"]) == FAILED
    assert "audit trail: entry" in said(capsys)[1]


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_foreign_database_is_refused(folder: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "vm_balancer.db").write_bytes(content)
    assert main(["db", "check"]) == FAILED
    assert len(said(capsys)[1].splitlines()) == 1


@pytest.mark.parametrize("command", [["db", "check"], ["db", "backup"], ["history"], ["audit"], ["audit", "verify"]])
def test_reading_command_creates_no_database(
    folder: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command) == FAILED
    assert "vm_balancer.db" in said(capsys)[1]
    assert [p.name for p in folder.rglob("*") if p.is_file()] == []


# Backup and restore ---------------------------------------------------------------------------------


def test_backup_during_writes_is_complete(path: Path, folder: Path) -> None:
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    assert main(["db", "backup", "copy.db"]) == OK
    writer.execute("ROLLBACK")
    writer.close()
    assert files.faults(folder / "copy.db") == []
    with sqlite3.connect(folder / "copy.db") as db:
        assert db.execute("SELECT count(*) FROM decision").fetchone() == (3,)
    db.close()
    assert sorted(p.name for p in folder.glob("copy*")) == ["copy.db"]


def test_the_database_is_never_copied_onto_itself(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = path.read_bytes()
    assert main(["db", "backup", "./vm_balancer.db"]) == BAD_SETTINGS
    assert main(["db", "restore", "./vm_balancer.db"]) == FAILED
    assert path.read_bytes() == before and "itself" in said(capsys)[1]


async def test_a_restored_database_carries_nothing_out_a_second_time(path: Path, folder: Path) -> None:
    store = Store(path)
    await store.open()
    await store.audit.record("popup-old", ANNA, NOW)
    await store.close()
    files.copy(path, folder / "old.db")
    damage(path)
    damaged = path.read_bytes()
    assert await asyncio.to_thread(main, ["db", "restore", "old.db"]) == OK
    [aside] = (p for p in folder.glob("vm_balancer.db.aside-*") if not p.name.endswith(("-wal", "-shm")))
    assert aside.read_bytes() == damaged
    store = Store(path)
    await store.open()
    assert await store.proposals.waiting() == [] and await store.migrations.in_states((S.QUEUED,)) == []
    [stale] = await store.migrations.in_states((S.STALE,))
    assert stale.move.vm_id == 21 and stale.reason is not None and stale.reason.code == "restored"
    assert [m.state for m in await store.decisions.history(9)] == [
        MoveState.APPROVED,
        MoveState.SKIPPED,
        MoveState.APPROVED,
    ]
    assert (await store.audit.verify()).problems == ()
    assert (await store.audit.entries(limit=1))[0].event == "restored"
    await store.close()


async def test_started_migration_of_a_restored_database_is_settled_by_the_panel(path: Path, folder: Path) -> None:
    store = Store(path)
    await store.open()
    [queued] = await store.migrations.in_states((S.QUEUED,))
    await store.migrations.advance(queued.id, S.STARTING, NOW)
    await store.close()
    assert await asyncio.to_thread(main, ["db", "backup", "started.db"]) == OK
    assert await asyncio.to_thread(main, ["db", "restore", "started.db"]) == OK
    store = Store(path)
    await store.open()
    assert [m.id for m in await store.migrations.in_states((S.STARTING,))] == [queued.id]
    await store.close()


def test_backup_replaces_no_file_without_force(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = folder / "copy.db"
    copy.write_text("precious", "utf-8")
    assert main(["db", "backup", "copy.db"]) == BAD_SETTINGS
    assert said(capsys)[1] == "copy.db exists: name another file, or add --force to replace it\n"
    assert copy.read_text("utf-8") == "precious"
    assert main(["db", "backup", "copy.db", "--force"]) == OK
    assert files.faults(copy) == []


def test_a_second_backup_of_a_day_is_a_file_of_its_own(path: Path, folder: Path) -> None:
    assert main(["db", "backup"]) == OK
    [daily] = (folder / "backups").iterdir()
    daily.write_text("precious", "utf-8")
    assert main(["db", "backup"]) == OK
    assert daily.read_text("utf-8") == "precious"
    [another] = [p for p in (folder / "backups").iterdir() if p != daily]
    assert Backups(path, keep=1).newest() == another


def test_restore_takes_the_newest_daily_backup(path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for day in ("2026-11-20", "2026-11-21"):
        files.copy(path, folder / "backups" / f"vm_balancer-{day}.db")
    path.unlink()
    assert main(["db", "restore"]) == OK
    assert "vm_balancer-2026-11-21.db" in said(capsys)[0]
    assert files.faults(path) == []


@pytest.mark.parametrize("what", ["damaged", "foreign", "newer", "missing"])
def test_damaged_backup_is_not_restored(
    path: Path, folder: Path, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    source = folder / "source.db"
    files.copy(path, source)
    if what == "damaged":
        damage(source)
    elif what == "missing":
        source.unlink()
    else:
        with sqlite3.connect(source) as db:
            db.execute("DROP TABLE migration" if what == "foreign" else f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
        db.close()
    before = path.read_bytes()
    assert main(["db", "restore", "source.db"]) == (BAD_SETTINGS if what == "missing" else FAILED)
    assert path.read_bytes() == before and list(folder.glob("*.aside-*")) == list(folder.glob("*.restored*")) == []
    assert len(said(capsys)[1].splitlines()) == 1


def test_nothing_is_restored_under_a_running_program(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files.copy(path, path.with_name("old.db"))
    running = Instance(path)
    running.acquire(NOW)
    assert main(["db", "restore", "old.db"]) == FAILED
    assert "in use by process" in said(capsys)[1]
    running.release()


# Daily backups --------------------------------------------------------------------------------------


async def test_daily_backup_is_written_once_and_old_ones_are_removed(path: Path, folder: Path) -> None:
    backups = Backups(path, keep=2)
    mine = folder / "backups" / "vm_balancer-before-the-upgrade.db"
    mine.parent.mkdir()
    mine.write_bytes(b"somebody's own")
    for day in range(4):
        assert await backups.make_due(NOW + day * DAY) == backups.path_for(NOW + day * DAY)
        assert await backups.make_due(NOW + day * DAY) is None
    assert sorted(p.name for p in mine.parent.iterdir()) == [
        "vm_balancer-2026-11-24.db",
        "vm_balancer-2026-11-25.db",
        mine.name,
    ]
    assert backups.newest() == backups.path_for(NOW + 3 * DAY)
    assert await Backups(path, keep=0).make_due(NOW + 9 * DAY) is None


async def test_copies_to_the_same_file_at_the_same_time_do_not_disturb_each_other(path: Path, folder: Path) -> None:
    target = folder / "backups" / "copy.db"
    await asyncio.gather(*(asyncio.to_thread(files.copy, path, target) for _ in range(4)))
    assert files.faults(target) == [] and list(target.parent.iterdir()) == [target]


def test_unfinished_copy_of_a_killed_program_is_removed_later(path: Path, folder: Path) -> None:
    old, fresh = folder / "copy.db.a1.part", folder / "copy.db.b2.part"
    for left in (old, fresh):
        left.write_bytes(b"half")
    os.utime(old, (0.0, 0.0))
    files.copy(path, folder / "copy.db")
    assert not old.exists() and fresh.exists()


async def test_checks_that_end_together_maintain_the_database_once(path: Path, folder: Path) -> None:
    store = Store(path)
    await store.open()
    clock = Clock()
    maintenance = Maintenance(store, Backups(path, 2), Settings(), clock)
    await asyncio.gather(*(maintenance.due() for _ in range(8)))
    [backup] = (folder / "backups").iterdir()
    backup.unlink()
    await maintenance.due()
    assert not backup.exists(), "the work of the day is done"
    clock.advance(-30 * DAY.total_seconds())
    await maintenance.due()
    assert len(list((folder / "backups").iterdir())) == 1, "a clock that was set back does not put the work off"
    await store.close()


async def test_a_backup_that_cannot_be_written_leaves_the_older_ones(path: Path) -> None:
    backups = Backups(path, keep=1)
    result = await backups.make_due(NOW)
    assert result is not None
    damage(path)
    with pytest.raises(StoreError):
        await backups.make_due(NOW + DAY)
    assert [p.name for p in backups.folder.iterdir()] == [result.name]


async def test_an_update_of_the_schema_keeps_the_database_as_it_was(folder: Path) -> None:
    path = folder / "vm_balancer.db"
    script = (Path(files.__file__).parent / "schema" / "0001.sql").read_text("utf-8")
    with sqlite3.connect(path) as db:
        db.executescript(script + "PRAGMA user_version = 1;")
    db.close()
    kept = await Backups(path, keep=7).before_update()
    assert kept is not None and files.schema_of(kept) == 1
    store = Store(path)
    await store.open()
    await store.close()
    assert files.schema_of(path) == SCHEMA_VERSION
    assert await Backups(path, keep=7).before_update() is None


async def test_damaged_database_is_refused_with_the_remedy(path: Path) -> None:
    damage(path)
    store = Store(path)
    with pytest.raises(StoreError, match="vm-balancer db restore"):
        await store.open()
        await store.proposals.waiting()
    await store.close()


# History and audit ----------------------------------------------------------------------------------


def test_history_shows_deciders_and_outcomes(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--json"]) == OK
    newest, skipped, done = json.loads(said(capsys)[0])
    assert (done["vm_id"], done["by"], done["state"], done["seconds"]) == (11, "Anna", "succeeded", 43)
    assert (skipped["vm_id"], skipped["verdict"], skipped["by"], skipped["state"]) == (12, "skipped", "Boris", None)
    assert newest["state"] == "queued" and newest["decided_at"] == "2026-11-22T12:00:00Z"
    assert main(["history", "--limit", "1"]) == OK
    [line] = said(capsys)[0].splitlines()
    assert "Anna" in line and "vm-21: n4 → n5: approved, not started" in line


def test_the_history_as_csv_is_read_back_by_a_spreadsheet(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", "--csv"]) == OK
    rows = list(csv.DictReader(io.StringIO(said(capsys)[0])))
    assert [r["vm_id"] for r in rows] == ["21", "12", "11"] and rows[2]["seconds"] == "43"


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1+2", "@SUM(A1)", "\t=1+1", "\r=1", "\x1b[31m=1"])
def test_name_in_csv_is_no_formula(name: str) -> None:
    [_, row] = csv.reader(io.StringIO(as_csv([{"vm": name, "n": -3}], ("vm", "n"))))
    assert row[0].startswith("'") and row[1] == "-3"


@pytest.mark.parametrize("separator", [",", ";", "|", "\t"])
@pytest.mark.parametrize(
    "name", ["a;=1", "a; =1", ";;=1", 'a;"=1', 'a";"=1', "a|@1", "a,+1", "a\t-1", ";\uff1d1", "a;\t=1", "';=1", "=1;=2"]
)
def test_part_of_a_name_in_csv_is_no_formula_with_any_separator(name: str, separator: str) -> None:
    table = as_csv([{"a": "x", "vm": name, "n": 3}], ("a", "vm", "n"))
    for row in csv.reader(io.StringIO(table), delimiter=separator):
        assert [cell for cell in row if cell.lstrip("\"' ").startswith(tuple("=+-@\uff1d")) and "'" not in cell] == []
    for part in table.replace('"', "").split(separator):
        assert not part.strip().startswith(tuple("=+-@\uff1d"))


def test_audit_command_shows_and_verifies_the_trail(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--limit", "2"]) == OK
    assert "proposed" in said(capsys)[0].splitlines()[0]
    assert main(["audit", "verify"]) == OK
    head = said(capsys)[0].split()[-1]
    assert main(["audit", "verify", "--head", head]) == OK
    said(capsys)
    assert main(["audit", "verify", "--head", "0" * 64]) == FAILED
    assert "--head is not in the audit trail" in said(capsys)[1]
    assert main(["audit", "verify", "--head", "abc"]) == BAD_SETTINGS
    tamper(path, "DELETE FROM audit WHERE event = 'skipped'")
    assert main(["audit", "verify"]) == FAILED
    assert "something is missing" in said(capsys)[1]


def test_old_seal_is_found_in_the_trail(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify"]) == OK
    head = said(capsys)[0].split()[-1]
    with sqlite3.connect(path) as db:
        [(previous,)] = db.execute("SELECT seal FROM audit ORDER BY id LIMIT 1").fetchall()
    db.close()
    assert previous != head and main(["audit", "verify", "--head", previous]) == OK
