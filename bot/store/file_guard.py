"""Notices that the files of an open database were removed or replaced. Reads file information only; writes nothing.

SQLite keeps a removed file open and writes to it; this data is lost when the program ends. In WAL mode the same is true
for the log (`-wal`) and the shared memory (`-shm`) of the database.
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
    """The files of one open database. Call ``remember`` after opening, and ``is_complete`` before each write."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.real = path
        """The target of a symbolic link: SQLite keeps its other files beside it."""
        self._known: dict[str, _File] = {}
        self._device: int | None = None
        """The device of the folder: the database must not be written again into an empty mount point."""

    @property
    def rights(self) -> int:
        """The mode bits of the database file at the last check."""
        return stat.S_IMODE(self._known[""].mode)

    def remember(self) -> None:
        """Remembers the present files as the open ones.

        Raises:
            StoreError: a file cannot be checked.
        """
        self.real = self._path.resolve()
        self._known = {side: file for side in ("", *SIDES) if (file := self._look(side)) is not None}
        self._device = self._folder_device()

    def is_complete(self) -> bool:
        """Whether every file is still there; ``False``: one was removed.

        Raises:
            StoreError: a file was replaced, or cannot be checked; a file that cannot be checked does not count as
                removed.
        """
        complete = True
        for side, known in self._known.items():
            file = self._look(side)
            if file is None:
                complete = False
            elif not file.is_same(known):
                raise StoreError(
                    f"the database file {self._path}{side} was replaced by another file while the program runs: "
                    "nothing is started or stored; restart the program to work on the new file"
                )
            else:
                self._known[side] = file
        return complete

    def is_same_device(self) -> bool:
        """Whether the folder is still on the device where the database was opened: its volume may be unmounted."""
        return self._folder_device() == self._device

    def _folder_device(self) -> int | None:
        try:
            return self._path.resolve().parent.stat().st_dev
        except OSError:
            return None

    def _look(self, side: str) -> _File | None:
        path = self.real.with_name(self.real.name + side) if side else self._path
        try:
            info = path.stat()
        except FileNotFoundError:
            return None
        except (OSError, RuntimeError) as error:  # RuntimeError: a loop of symbolic links, in older Python versions
            raise StoreError(
                f"the database file {path} cannot be looked at ({error}): nothing is started or stored until it can; "
                "check its folder, its disk and the rights"
            ) from error
        return _File(info.st_dev, info.st_ino, info.st_mode)
