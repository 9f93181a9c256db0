"""Opens connections to SQLite: read only, for writing, or a copy of the file. No query of the program stands here.

A write-ahead log is used where the file system allows it, and a rollback journal elsewhere.
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
"""Words of SQLite about a file that is damaged."""


async def connect(address: str, busy_timeout_s: float, *, read_only: bool = False) -> aiosqlite.Connection:
    """Opens a connection without a pragma. ``address``: a path, or a URI if ``read_only``."""
    db = await aiosqlite.connect(address, uri=read_only, isolation_level=None, timeout=busy_timeout_s)
    db.row_factory = sqlite3.Row
    db.text_factory = _decode_text
    return db


async def connect_for_writing(path: str, busy_timeout_s: float) -> aiosqlite.Connection:
    """Opens a connection with a write-ahead log, or with a rollback journal where the file system allows no log.

    A write-ahead log needs memory that processes share. Some network and shared folders (SMB, 9p, vboxsf) have none.
    There a program that reads waits while another one writes.

    Raises:
        sqlite3.Error: the file is damaged, locked for too long, or cannot be written. Nothing stays open.
    """
    db = await connect(path, busy_timeout_s)
    try:
        try:
            await _use_wal(db, busy_timeout_s)
            await _try_to_write(db)  # a read alone may do without the shared memory
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
    """SQLite itself does not wait here while another program makes the same file."""
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
    """Exclusive locking needs no shared memory, so the content of a write-ahead log is taken over."""
    await set_pragma(db, "locking_mode", "EXCLUSIVE")
    await set_pragma(db, "journal_mode", "DELETE")
    await set_pragma(db, "locking_mode", "NORMAL")
    await _try_to_write(db)


def _is_writable(path: Path) -> bool:
    """Whether the rights of file and folder allow writing: then it is the file system that lacks something."""
    as_this_user = os.access in os.supports_effective_ids
    return all(os.access(p, os.W_OK, effective_ids=as_this_user) for p in (path, path.resolve().parent))


async def set_pragma(db: aiosqlite.Connection, pragma: str, value: str) -> None:
    """Sets a pragma and reads its answer: until the answer is read, a later ROLLBACK takes the change back."""
    async with db.execute(f"PRAGMA {pragma} = {value}") as cursor:
        await cursor.fetchall()


async def _try_to_write(db: aiosqlite.Connection) -> None:
    await db.execute("BEGIN IMMEDIATE")
    await db.execute("ROLLBACK")


def _decode_text(data: bytes) -> str:
    """Bytes that are no UTF-8 must not end the query of all rows: the decoder of the row judges what remains."""
    return data.decode("utf-8", "replace")


def copy_of(path: Path, copy: Path) -> str:
    """Copies a database with SQLite and returns the path of the copy. No file at ``path``: no file at ``copy``."""
    if path.exists():
        source = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        with closing(source), closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    return str(copy)


async def replace_file(db: aiosqlite.Connection, path: Path, rights: int) -> None:
    """Writes the content of an open database to ``path``, as one step, and removes the files beside it.

    Raises:
        OSError, sqlite3.Error: the file cannot be written; ``path`` is as it was.
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
