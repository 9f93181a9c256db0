"""The connection to SQLite: opening, schema, transactions. Has no queries of the program.

One connection, one transaction at a time. Errors are raised as StoreError. If a caller is cancelled, its transaction is
stored completely or not at all, and the connection stays usable.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from enum import Enum
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

import aiosqlite

from bot.errors import StoreError, UnstorableError
from bot.store.connection import DAMAGED, connect, connect_for_writing, copy_of, replace_file, set_pragma
from bot.store.file_guard import FileGuard

log = logging.getLogger(__name__)

MEMORY = ":memory:"
SCHEMA_VERSION = 20
BUSY_TIMEOUT_S = 10.0
"""How long a statement waits for another process that writes."""
READ = "BEGIN"
"""The statement that begins a transaction for reading."""

Connection: TypeAlias = aiosqlite.Connection


class Access(Enum):
    """What this program may do with the file."""

    OWN = "own"
    """Create the file and update its schema: for the program that owns the database."""
    GUEST = "guest"
    """Read and write at the same time as the owner, with the same schema. Creates no file and updates no schema."""
    READ = "read"
    """Read only, with the same schema."""
    COPY = "copy"
    """Work on a temporary copy of a database with any older schema. The file is not changed or created."""


class Database:
    """An SQLite file. ``path`` ``":memory:"``: a database in memory, for users of the library."""

    def __init__(
        self, path: Path | str, *, busy_timeout_s: float = BUSY_TIMEOUT_S, access: Access = Access.OWN
    ) -> None:
        self.path = path
        self.access = Access.OWN if str(path) == MEMORY else access
        self._looking = self.access is Access.READ
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._guard: FileGuard | None = None
        self._disconnected: FileGuard | None = None
        """The guard of a file that was written again but could not be opened again; else ``None``."""
        self._busy_timeout_s = busy_timeout_s
        self._db: Connection | None = None
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Opens or creates the database and brings its schema up to date.

        Raises:
            StoreError: not writable, damaged, or made by a newer version.
        """
        try:
            # The first try is without aiosqlite: after an error its thread would not end.
            address = await asyncio.to_thread(self._tried)
            if self._looking:
                self._db = await connect(address, self._busy_timeout_s, read_only=True)
                await self._check_schema()
                return
            if self.access is Access.GUEST:  # only the owner chooses the journal mode
                self._db = await connect(address, self._busy_timeout_s)
                await self._check_schema()
                await set_pragma(self._db, "synchronous", "FULL")
            else:
                self._db = await connect_for_writing(address, self._busy_timeout_s)
                await self._update_schema()
            if self.access is Access.COPY:
                await self._leave_chats_alone()
            await set_pragma(self._connection, "foreign_keys", "ON")
            if self.access is not Access.COPY and str(self.path) != MEMORY:
                guard = FileGuard(Path(self.path))
                await asyncio.to_thread(guard.remember)
                self._guard = guard
        except BaseException as error:
            # Also if cancelled: the thread of an open connection would keep the program from ending.
            await self.close()
            if isinstance(error, sqlite3.Error):
                raise self._translated(error) from error
            raise

    def _tried(self) -> str:
        """The path or URI for SQLite, after opening it once."""
        if self.access is Access.COPY:
            self._folder = tempfile.TemporaryDirectory(prefix="vm-balancer-")
            return copy_of(Path(self.path), Path(self._folder.name) / "copy.db")
        if self.access is not Access.OWN and not Path(self.path).exists():
            remedy = "name the program's settings file with --config, or its database with --database-path"
            raise StoreError(f"DATABASE_PATH is {str(Path(self.path).absolute())!r}: there is no such file; {remedy}")
        address = f"{Path(self.path).resolve().as_uri()}?mode=ro" if self._looking else str(self.path)
        sqlite3.connect(address, uri=self._looking).close()
        return address

    async def _leave_chats_alone(self) -> None:
        """Marks notices and messages as sent in the copy: only the program on the original database sends them."""
        async with self.transaction() as db:
            await db.execute("UPDATE notice SET sent_at = created_at WHERE sent_at IS NULL")
            await db.execute("UPDATE message SET final = 1")

    # The files under the program -----------------------------------------------------------------

    async def _check_files(self) -> None:
        """Checks before each write that the files were not removed or replaced; else the write would be lost.

        The owner writes a removed database again from the open connection, which still has its content.

        Raises:
            StoreError: a file was replaced, cannot be checked, or cannot be written again.
        """
        if self._guard is None or self._db is None:  # in memory, or a copy
            return
        if await asyncio.to_thread(self._guard.is_complete):
            return
        if self.access is Access.GUEST:  # if two programs write the file again, one loses the other's data
            raise StoreError(
                f"the database {self.path} was removed: the program that owns it writes it again; try later, or restart"
            )
        if not self._guard.is_same_device():
            raise StoreError(
                f"the database {self.path} was removed while the program runs and its folder is on another device: "
                "nothing is started or stored until its volume is mounted again"
            )
        if await _to_the_end(self._write_again(self._db, self._guard)):
            raise asyncio.CancelledError

    async def _write_again(self, db: Connection, guard: FileGuard) -> None:
        path = guard.real
        try:
            await replace_file(db, path, guard.rights)  # the connection is still open, so another try is possible
            guard.remember()
            self._db, self._disconnected = None, guard
            with suppress(sqlite3.Error):
                await db.close()
            await self._connect_again(guard)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                f"the database {self.path} was removed while the program runs and cannot be written again ({error}): "
                "nothing is started or stored; check its folder"
            ) from error
        log.error("The database %s was removed while the program runs; it is written again with all its content", path)

    async def _connect_again(self, guard: FileGuard) -> None:
        """Opens the file that was written again. If this fails, the next transaction tries again.

        Raises:
            StoreError: the file was removed or replaced again.
        """
        if not await asyncio.to_thread(guard.is_complete):
            raise StoreError(
                f"the database {self.path} was removed again: restart the program; backups have what it stored"
            )
        db = await connect_for_writing(str(guard.real), self._busy_timeout_s)
        await set_pragma(db, "foreign_keys", "ON")
        guard.remember()
        self._db, self._disconnected = db, None

    async def close(self) -> None:
        """Closes the database after the current transaction. Later calls raise StoreError."""
        async with self._lock:
            db, self._db, self._disconnected = self._db, None, None
            if db is not None:
                with suppress(sqlite3.Error):  # committed data is on the disk already
                    await db.close()
            folder, self._folder = self._folder, None
            if folder is not None:
                folder.cleanup()

    async def _check_schema(self) -> None:
        async with self.reading() as db:
            version = await scalar(db, "PRAGMA user_version")
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"the database {self.path} has schema {version}, this program has {SCHEMA_VERSION}: "
                "start this version of the program on it once, or use the version that made it"
            )

    async def _update_schema(self) -> None:
        # The version is read under the write lock: two programs may open a new file at the same time.
        async with self.transaction() as db:
            version = await scalar(db, "PRAGMA user_version")
            if version > SCHEMA_VERSION:
                raise StoreError(
                    f"the database {self.path} has schema {version}, this program knows {SCHEMA_VERSION}: "
                    "update the program, or name another DATABASE_PATH"
                )
            for number in range(version + 1, SCHEMA_VERSION + 1):
                script = (resources.files("bot.store") / "schema" / f"{number:04}.sql").read_text("utf-8")
                for statement in statements(script):
                    await db.execute(statement)
                await db.execute(f"PRAGMA user_version = {number}")

    def _translated(self, error: sqlite3.Error) -> StoreError:
        return unusable(self.path, error)

    @asynccontextmanager
    async def transaction(self, begin: str = "BEGIN IMMEDIATE") -> AsyncIterator[Connection]:
        """One transaction, all or nothing. Other transactions on this connection wait."""
        async with self._lock:
            if self._disconnected is not None:
                await self._try_to_connect_again(self._disconnected)
            if begin != READ and self._db is not None:
                await self._check_files()
            db = self._connection
            try:
                await db.execute(begin)
                yield db
                await db.execute("COMMIT")
            except BaseException as error:
                cancelled = await _to_the_end(_roll_back(db))
                if cancelled:
                    raise asyncio.CancelledError from error
                if isinstance(error, sqlite3.Error):
                    raise self._translated(error) from error
                if isinstance(error, (OverflowError, UnicodeEncodeError)):
                    raise UnstorableError(f"the database {self.path} cannot hold a value: {error}") from error
                raise

    async def _try_to_connect_again(self, guard: FileGuard) -> None:
        try:
            await self._connect_again(guard)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    @property
    def _connection(self) -> Connection:
        if self._db is None:
            raise StoreError(f"the database {self.path} is not open")
        return self._db

    def reading(self) -> AbstractAsyncContextManager[Connection]:
        """A transaction for reading: it sees one state, and does not stop other processes from writing."""
        return self.transaction(READ)


def unusable(path: Path | str, error: sqlite3.Error) -> StoreError:
    """SQLite's error about the program's own database, with the remedy."""
    remedy = "check the file, its folder and the disk"
    if any(word in str(error) for word in DAMAGED):
        remedy = "it is damaged; `vm-balancer db restore` puts the newest backup back and keeps this file aside"
    return StoreError(f"the database {path} cannot be used ({error}): {remedy}")


async def _roll_back(db: Connection) -> None:
    """Ends an open transaction. A cancelled caller may have left a statement that still runs, even a COMMIT. An empty
    statement is sent first: statements keep their order, so the rollback comes after it."""
    with suppress(sqlite3.Error):
        await db.execute("SELECT 1")
        if db.in_transaction:
            await db.execute("ROLLBACK")


async def _to_the_end(work: Coroutine[Any, Any, None]) -> bool:
    """Waits until the work is done, also if this task is cancelled. True if it was cancelled. An interrupted rollback
    could end the next caller's transaction."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


class Part:
    """A part of the store: queries on one subject. Each method is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database


# Helpers of the queries ---------------------------------------------------------------------------


def statements(script: str) -> Iterator[str]:
    """The statements of a script. ``executescript`` is not used: it commits the open transaction first."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


async def scalar(db: Connection, sql: str, args: Iterable[object] = ()) -> int:
    """The number in the first row of a query; 0 if there is none."""
    records = await all_rows(db, sql, args)
    return int(records[0][0] or 0) if records else 0


async def all_rows(db: Connection, sql: str, args: Iterable[object] = ()) -> list[sqlite3.Row]:
    async with db.execute(sql, tuple(args)) as cursor:
        return list(await cursor.fetchall())


def json_list(values: Iterable[object]) -> str:
    """A list of any length as one argument, for ``IN (SELECT value FROM json_each(?))``."""
    return json.dumps(list(values))
