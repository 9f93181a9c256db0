"""Reads the database from another process, also while the program writes. Changes nothing.

Creates neither the database nor log files, and works in a read-only folder. The program itself uses the store.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from bot.domain.heartbeat import Heartbeat, from_json
from bot.errors import StoreError

WAIT_S = 2.0


def heartbeat_of(path: Path) -> Heartbeat | None:
    """The program's heartbeat; ``None`` if there is no database or no heartbeat.

    Raises:
        StoreError: the database cannot be read.
    """
    beats = [beat for beat in (_of_database(path), _of_sidecar(path)) if beat is not None]
    return max(beats, key=lambda beat: beat.at, default=None)


def _of_database(path: Path) -> Heartbeat | None:
    if not path.is_file():
        return None
    with looking_at(path) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'heartbeat'").fetchone():
            return None  # a database of an older version
        row = db.execute("SELECT detail FROM heartbeat").fetchone()
        return None if row is None else from_json(row[0])


def _of_sidecar(path: Path) -> Heartbeat | None:
    """The heartbeat of a dry run, which works on a copy of the database."""
    sidecar = path.with_name(path.name + ".heartbeat.json")
    try:
        return from_json(sidecar.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{sidecar} cannot be read: {error}") from error


class Changed(NamedTuple):
    """A setting that a person changed at run time."""

    value: str
    who: str
    at: str


def settings_of(path: Path) -> dict[str, Changed]:
    """Key in the database -> setting that people changed; empty if there is no database. StoreError as above."""
    if not path.is_file():
        return {}
    with looking_at(path) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'setting'").fetchone():
            return {}
        return {key: Changed(*rest) for key, *rest in db.execute("SELECT key, value, by_name, at FROM setting")}


def schema_of(path: Path) -> int:
    """The version of its schema; 0 = it is empty. StoreError as above."""
    with looking_at(path) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def faults_of(path: Path) -> list[str]:
    """The faults of the database, in SQLite's words. StoreError as above."""
    with looking_at(path) as db:
        messages = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
    return [] if messages == ["ok"] else messages


@contextmanager
def looking_at(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for reading. StoreError as above."""
    try:
        # A database in WAL mode without a log file is not in use. SQLite would create a log even for a reader, except
        # with `immutable`, which says that no program writes.
        alone = "&immutable=1" if _uses_wal(path) and not path.with_name(path.name + "-wal").exists() else ""
        uri = f"{path.absolute().as_uri()}?mode=ro{alone}"
        with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_S)) as db:
            yield db
    except (OSError, sqlite3.Error, ValueError) as error:
        raise StoreError(f"the database {path} cannot be read: {error}") from error


def _uses_wal(path: Path) -> bool:
    """Whether the header of the file says WAL (https://sqlite.org/fileformat.html, offset 19: 2 = WAL)."""
    with path.open("rb") as file:
        return file.read(20)[19:] == b"\x02"
