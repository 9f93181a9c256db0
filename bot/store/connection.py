"""Opens connections to SQLite: for reading, for writing, or to a copy of the file. Has no queries of the program.

A write-ahead log is used if the file system allows it, else a rollback journal.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import aiosqlite

from bot.store.file_guard import SIDES

log = logging.getLogger(__name__)

LOCK_PAUSE_S = 0.02
DAMAGED = ("malformed", "not a database")
"""Words in SQLite's errors about a damaged file."""


async def connect(address: str, busy_timeout_s: float, *, read_only: bool = False) -> aiosqlite.Connection:
    """Opens a connection without a pragma. ``address``: a path, or a URI if ``read_only``."""
    db = await aiosqlite.connect(address, uri=read_only, isolation_level=None, timeout=busy_timeout_s)
    db.row_factory = sqlite3.Row
    db.text_factory = _decode_text
    return db


async def connect_for_writing(path: str, busy_timeout_s: float) -> aiosqlite.Connection:
    """Opens a connection with a write-ahead log, or with a rollback journal if the file system allows no log.

    A write-ahead log needs shared memory. Some network and shared folders (SMB, 9p, vboxsf) have none. With a rollback
    journal a program that reads waits while another one writes.

    Raises:
        sqlite3.Error: the file is damaged, locked for too long, or not writable. No connection stays open.
    """
    db = await connect(path, busy_timeout_s)
    try:
        try:
            await _use_wal(db, busy_timeout_s)
            await _try_to_write(db)  # a read may succeed without shared memory
        except sqlite3.OperationalError as error:
            if any(word in str(error) for word in ("locked", *DAMAGED)) or not _is_writable(Path(path)):
                raise
            await db.close()
            db = await connect(path, busy_timeout_s)
            await _use_rollback_journal(db)
            log.warning("%s: a rollback journal is used, since its file system allows no write-ahead log", path)
        await set_pragma(db, "synchronous", "FULL")
    except BaseException:
        with suppress(sqlite3.Error):
            await db.close()
        raise
    return db


async def _use_wal(db: aiosqlite.Connection, busy_timeout_s: float) -> None:
    """Switches to the write-ahead log. Tries again while another program creates the same file: SQLite does not."""
    waited_s = 0.0
    while True:
        try:
            await set_pragma(db, "journal_mode", "WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or waited_s >= busy_timeout_s:
                raise
        await asyncio.sleep(LOCK_PAUSE_S)
        waited_s += LOCK_PAUSE_S


async def _use_rollback_journal(db: aiosqlite.Connection) -> None:
    """Switches to the rollback journal. Exclusive locking needs no shared memory, so an existing log is read."""
    await set_pragma(db, "locking_mode", "EXCLUSIVE")
    await set_pragma(db, "journal_mode", "DELETE")
    await set_pragma(db, "locking_mode", "NORMAL")
    await _try_to_write(db)


def _is_writable(path: Path) -> bool:
    """Whether the rights of file and folder allow writing: if so, the file system is the cause of the error."""
    as_this_user = os.access in os.supports_effective_ids
    return all(os.access(p, os.W_OK, effective_ids=as_this_user) for p in (path, path.resolve().parent))


async def set_pragma(db: aiosqlite.Connection, pragma: str, value: str) -> None:
    """Sets a pragma and reads its answer. If the answer is not read, a later ROLLBACK would undo the change."""
    async with db.execute(f"PRAGMA {pragma} = {value}") as cursor:
        await cursor.fetchall()


async def _try_to_write(db: aiosqlite.Connection) -> None:
    await db.execute("BEGIN IMMEDIATE")
    await db.execute("ROLLBACK")


def _decode_text(data: bytes) -> str:
    """Replaces bytes that are not UTF-8: an error here would fail the query of all rows, not only of this one."""
    return data.decode("utf-8", "replace")


def copy_of(path: Path, copy: Path) -> str:
    """Copies a database with SQLite, and returns the path of the copy. If ``path`` does not exist, copies nothing."""
    if path.exists():
        source = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    return str(copy)


async def replace_file(db: aiosqlite.Connection, path: Path, rights: int) -> None:
    """Replaces ``path`` by the content of an open database in one step, and removes its log files.

    Raises:
        OSError, sqlite3.Error: the file cannot be written; ``path`` is unchanged.
    """
    new = path.with_name(path.name + ".rescued")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    target = await aiosqlite.connect(str(new), isolation_level=None)
    try:
        await db.backup(target)
    finally:
        await target.close()
    new.chmod(rights)
    for side in SIDES:
        path.with_name(path.name + side).unlink(missing_ok=True)
    new.replace(path)
