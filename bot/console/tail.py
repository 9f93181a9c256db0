"""The log on the screen: of this program by a handler, of the bot it is attached to by following its file.

Bounded; a rotation of the file loses no line. The file is never held open: on Windows it could not be rotated.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from pathlib import Path

LINES_KEPT = 2000
FIRST_BYTES, MOST_BYTES = 64 * 1024, 1024 * 1024


class Lines(logging.Handler):
    """Keeps the last formatted lines; ``taken()`` hands over those that are new."""

    def __init__(self) -> None:
        super().__init__()
        self._new: deque[str] = deque(maxlen=LINES_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._new.extend(self.format(record).splitlines())
        except Exception:  # as every handler of logging does: a line that cannot be written stops nobody
            self.handleError(record)

    def taken(self) -> list[str]:
        taken = []
        while self._new:  # records may come from other threads meanwhile
            taken.append(self._new.popleft())
        return taken


class Tail:
    """Follows a file by its name. ``read()`` blocks: call it in a thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number: int | None = None
        self._at = 0
        self._rest = b""

    def read(self) -> list[str]:
        """The lines that were written since the last time; a file that is not there has none."""
        try:
            status = self._path.stat()
        except OSError:
            return []
        if self._number is None:
            self._number, self._at = status.st_ino, max(0, status.st_size - FIRST_BYTES)
            if self._at:
                self._more(self._path)
                self._rest = self._rest.partition(b"\n")[2]  # the first line is cut somewhere
        elif status.st_ino != self._number:
            self._finish_old()
            self._number, self._at = status.st_ino, 0
        elif status.st_size < self._at:
            self._at, self._rest = 0, b""
        self._more(self._path)
        *whole, self._rest = self._rest.split(b"\n")
        return [line.decode("utf-8", "replace").rstrip("\r") for line in whole][-LINES_KEPT:]

    def _finish_old(self) -> None:
        """What was written between the last look and the rotation."""
        old = self._path.with_name(self._path.name + ".1")
        try:
            if old.stat().st_ino == self._number:
                self._more(old)
        except OSError:
            return

    def _more(self, path: Path) -> None:
        try:
            with path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._at, size - MOST_BYTES))
                self._rest += file.read()
                self._at = file.tell()
        except OSError:
            return
