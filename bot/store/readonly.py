"""A glance at the database from outside: read-only, also while the program writes, and without a trace.

Makes neither the database nor the files that SQLite puts beside it, and works where the folder is read-only. For
what the program itself reads and writes there is the store.
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
    """The program's sign of life; ``None`` where there is no database, or none was ever given.

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
            return None  # of an older version, or not written yet
        row = db.execute("SELECT detail FROM heartbeat").fetchone()
        return None if row is None else from_json(row[0])


def _of_sidecar(path: Path) -> Heartbeat | None:
    """Of a dry run, which works on a copy of the database."""
    sidecar = path.with_name(path.name + ".heartbeat.json")
    try:
        return from_json(sidecar.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{sidecar} cannot be read: {error}") from error


class Changed(NamedTuple):
    """A setting as somebody changed it while the program ran."""

    value: str
    who: str
    at: str


def settings_of(path: Path) -> dict[str, Changed]:
    """What people changed at run time, by its key in the database; empty where there is none. StoreError as above."""
    if not path.is_file():
        return {}
    with looking_at(path) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'setting'").fetchone():
            return {}
        return {key: Changed(*rest) for key, *rest in db.execute("SELECT key, value, by_name, at FROM setting")}


def schema_of(path: Path) -> int:
    """Which version of the schema it has; 0 = it is empty. StoreError as above."""
    with looking_at(path) as db:
        return int(db.execute("PRAGMA user_version").fetchone()[0])


def faults_of(path: Path) -> list[str]:
    """What is damaged in it. StoreError as above."""
    with looking_at(path) as db:
        messages = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
    return [] if messages == ["ok"] else messages


@contextmanager
def looking_at(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection for reading only. StoreError as above."""
    try:
        # A database in WAL mode without a log beside it is in nobody's use. SQLite would make a log even for a reader,
        # unless it is told that nobody writes.
        alone = "&immutable=1" if _uses_wal(path) and not path.with_name(path.name + "-wal").exists() else ""
        uri = f"{path.absolute().as_uri()}?mode=ro{alone}"
        with closing(sqlite3.connect(uri, uri=True, timeout=WAIT_S)) as db:
            yield db
    except (OSError, sqlite3.Error, ValueError) as error:
        raise StoreError(f"the database {path} cannot be read: {error}") from error


def _uses_wal(path: Path) -> bool:
    """By the header of the file (https://sqlite.org/fileformat.html, offset 19): 2 = WAL, 1 = rollback journal."""
    with path.open("rb") as file:
        return file.read(20)[19:] == b"\x02"
