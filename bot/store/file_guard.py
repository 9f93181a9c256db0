"""Notices that the files of an open database were removed or replaced. Looks at files only; writes nothing.

SQLite keeps a removed file open and goes on writing to it, and nothing of that is on the disk after the program ends.
In WAL mode the same is true of the log (`-wal`) and of the shared memory (`-shm`) beside the database.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

from bot.errors import StoreError

SIDES = ("-wal", "-shm")


class _File(NamedTuple):
    device: int
    number: int
    mode: int

    def is_same(self, other: _File) -> bool:
        return (self.device, self.number) == (other.device, other.number)


class FileGuard:
    """Of one open database: call ``remember`` once it is open, and ``is_complete`` before each write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.real = path
        """What the path leads to: SQLite keeps its other files there."""
        self._known: dict[str, _File] = {}
        self._device: int | None = None
        """Of the folder: an empty mount point is no place to write the database again."""

    @property
    def rights(self) -> int:
        """The mode bits of the database as last seen."""
        return stat.S_IMODE(self._known[""].mode)

    def remember(self) -> None:
        """Takes the files as they are now for those that are open.

        Raises:
            StoreError: they cannot be looked at.
        """
        self.real = self._path.resolve()
        self._known = {side: found for side in ("", *SIDES) if (found := self._look(side)) is not None}
        self._device = self._folder_device()

    def is_complete(self) -> bool:
        """Whether every file is still there; ``False``: one was removed.

        Raises:
            StoreError: a file was replaced by another one, or cannot be looked at: then nothing is known of it, and it
                must not be taken for removed.
        """
        complete = True
        for side, known in self._known.items():
            found = self._look(side)
            if found is None:
                complete = False
            elif not found.is_same(known):
                raise StoreError(
                    f"the database file {self._path}{side} was replaced by another file while the program runs: "
                    "nothing is started or stored; restart the program to work on the new file"
                )
            else:
                self._known[side] = found
        return complete

    def is_same_device(self) -> bool:
        """Whether the folder is still on the device where the database was opened: a volume may have gone away."""
        return self._folder_device() == self._device

    def _folder_device(self) -> int | None:
        try:
            return self._path.resolve().parent.stat().st_dev
        except OSError:
            return None

    def _look(self, side: str) -> _File | None:
        path = self.real.with_name(self.real.name + side) if side else self._path
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, in older Pythons
            raise StoreError(
                f"the database file {path} cannot be looked at ({error}): nothing is started or stored until it can; "
                "check its folder, its disk and the rights"
            ) from error
        return _File(found.st_dev, found.st_ino, found.st_mode)
