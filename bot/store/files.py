"""The database as a file: check it, copy it while it is in use, put a backup back. Plain SQLite, no event loop.

A copy is made with SQLite's online backup under a temporary name, and renamed when it is complete.
"""

from __future__ import annotations

import glob
import os
import sqlite3
import stat
import tempfile
import time
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from bot.errors import StoreError
from bot.store.database import SCHEMA_VERSION, unusable

__all__ = ["SCHEMA_VERSION", "copy", "faults", "put_aside", "remove", "schema_in_use", "schema_of"]

LOOK_S = 10.0
"""How long reading the file waits for a program that writes."""
ABANDONED_S = 86_400.0
"""A copy that was not written to for this time was left by a killed program."""
_SIDES = ("-wal", "-shm")


def faults(path: Path) -> list[str]:
    """The faults of the file, in SQLite's words; empty if it has none.

    Raises:
        StoreError: the file does not exist, or this user may not read it.
    """
    try:
        with closing(_looking(path)) as db:
            messages = [str(r[0]) for r in db.execute("PRAGMA integrity_check(20)")]
            broken = [
                f"a row of {r[0]} points to a missing row of {r[2]}" for r in db.execute("PRAGMA foreign_key_check")
            ]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "unable to open" in str(error):
            raise StoreError(f"{path} cannot be read ({error})") from error
        return [str(error)]
    return [line for line in messages if line != "ok"] + broken[:20]


def schema_of(path: Path) -> int:
    """The number of the schema; 0 if the database is not of this program.

    Raises:
        StoreError: the file cannot be read.
    """
    try:
        return _schema(path)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read ({error})") from error


def schema_in_use(path: Path) -> int:
    """As ``schema_of``, for the program's own database.

    Raises:
        StoreError: the file cannot be read; the text has the remedy.
    """
    try:
        try:
            return _schema(path)
        except sqlite3.OperationalError:  # after a crash SQLite must roll back first, which needs write access
            return _schema(path, "rw")
    except sqlite3.Error as error:
        raise unusable(path, error) from error


def copy(path: Path, target: Path) -> None:
    """Copies the database, also while a program writes to it. An existing ``target`` is replaced at the end.

    Raises:
        StoreError: the database cannot be read, or the copy cannot be written (the disk may be full).
    """
    unfinished: Path | None = None
    try:
        unfinished = _unfinished(target)
        with closing(_looking(path)) as source, closing(sqlite3.connect(unfinished)) as duplicate:
            source.backup(duplicate)
            duplicate.execute("PRAGMA journal_mode = DELETE")  # a single file without log files
        unfinished.chmod(stat.S_IMODE(path.stat().st_mode))
        problems = faults(unfinished)
        if problems:
            raise StoreError(f"the copy of {path} is damaged ({problems[0]}): so is the database, probably")
        _to_disk(unfinished)
        unfinished.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path} cannot be copied to {target} ({error}): check the folder and the disk") from error
    finally:
        if unfinished is not None:
            remove(unfinished)


def _unfinished(target: Path) -> Path:
    """A new file beside the target, of this copy alone: another program may copy to the same target meanwhile.

    Removes what a program that was killed left there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    for left in target.parent.glob(f"{glob.escape(target.name)}.*.part*"):
        with suppress(OSError):  # another program removed it
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                left.unlink()
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.", suffix=".part")
    os.close(handle)
    return Path(name)


def put_aside(path: Path, now: datetime) -> Path | None:
    """Renames the database and its log files, so that nothing is lost. Returns the new name; ``None``: no database.

    Raises:
        StoreError: the folder cannot be written.
    """
    aside = path.with_name(f"{path.name}.aside-{now:%Y%m%d-%H%M%S}")
    try:
        for side in ("", *_SIDES):
            part = path.with_name(path.name + side)
            if part.exists():
                part.replace(aside.with_name(aside.name + side))
    except OSError as error:
        raise StoreError(f"{path} cannot be renamed ({error.strerror}): check the rights of its folder") from error
    return aside if aside.exists() else None


def remove(path: Path) -> None:
    """Deletes the database and its log files, if they exist."""
    for side in ("", *_SIDES):
        with suppress(OSError):
            path.with_name(path.name + side).unlink(missing_ok=True)


def _schema(path: Path, mode: str = "ro") -> int:
    with closing(_looking(path, mode)) as db:
        tables = db.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('proposal', 'migration')").fetchone()
        return int(db.execute("PRAGMA user_version").fetchone()[0]) if tables[0] == 2 else 0


def _looking(path: Path, mode: str = "ro") -> sqlite3.Connection:
    """A connection that never creates a file; with the mode ``ro`` it cannot change anything."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=LOOK_S)


def _to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
