"""Allows one program per database: a lock on a file beside it, and a note about the process that holds the lock.

The operating system releases the lock of a killed program. The note is only for error messages.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from bot.errors import InstanceRunning, StoreError

PATIENCE_S = 0.3
"""How long to wait for the lock: a process that only checks it holds it for a moment."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that holds a database. ``pid`` is ``None`` if its note is not readable."""

    pid: int | None = None
    host: str = ""
    since: str = ""

    def __str__(self) -> str:
        return (
            "another process" if self.pid is None else f"process {self.pid} on {self.host}, running since {self.since}"
        )


class Instance:
    """Holds the database of ``path`` for this process, from ``acquire`` to ``release``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path = path.resolve()  # the same lock for every path to this database
        self._file = path.with_name(path.name + ".lock")
        self._lock = FileLock(self._file)
        self._locked: tuple[int, int] | None = None
        """Device and inode of the file that this process has locked."""
        self._note = path.with_name(path.name + ".lock.json")

    def acquire(self, now: datetime) -> None:
        """Takes the lock.

        Raises:
            InstanceRunning: another process holds the lock; the text names it.
            StoreError: the folder cannot be written.
        """
        note = {"pid": os.getpid(), "host": socket.gethostname(), "since": now.isoformat(timespec="seconds")}
        try:
            self._lock.acquire(timeout=PATIENCE_S, poll_interval=0.05)
            self._locked = self._identity()
            self._note.write_text(json.dumps(note), encoding="utf-8")
        except Timeout:
            raise InstanceRunning(
                f"the database {self._path} is in use by {self._holder()}: stop that one, or set another DATABASE_PATH"
            ) from None
        except OSError as error:
            self.release()
            raise StoreError(
                f"DATABASE_PATH is {str(self._path)!r}: its folder cannot be written ({error.strerror}); name another"
            ) from error

    def keep(self, now: datetime) -> None:
        """Takes the lock again if its file was removed or replaced: another process could lock a new file.

        Raises:
            InstanceRunning: another process has locked the new file.
            StoreError: as ``acquire``.
        """
        try:
            if self._identity() == self._locked:
                return
        except FileNotFoundError:
            pass
        except OSError:
            return  # the file cannot be checked; that does not mean that the lock is lost
        self._locked = None
        self._lock.release(force=True)
        self.acquire(now)

    def _identity(self) -> tuple[int, int]:
        info = self._file.stat()
        return info.st_dev, info.st_ino

    def holder(self) -> Holder | None:
        """The process that holds the database; ``None`` = none. Changes nothing."""
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            return self._holder()
        except OSError:
            return None  # there is no such folder, so no program works in it
        self._lock.release()
        return None

    def _holder(self) -> Holder:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return Holder(int(note["pid"]), str(note["host"]), str(note["since"]))
        except (OSError, ValueError, KeyError, TypeError):
            return Holder()

    def release(self) -> None:
        if self._lock.is_locked:
            with suppress(OSError):
                self._note.unlink(missing_ok=True)
            self._lock.release()
