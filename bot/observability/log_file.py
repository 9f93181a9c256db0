"""The rotating log file, which also works while it cannot be renamed.

Windows does not rename a file that another program has open (a second vm-balancer, a viewer); on other systems the
folder may belong to somebody else. The standard handler then loses the line and prints a traceback for every further
line.
"""

from __future__ import annotations

from logging.handlers import RotatingFileHandler
from pathlib import Path

RETRY_GROWTH = 0.1
"""The part of its size by which the file grows before the next attempt to rename it."""


class LogFile(RotatingFileHandler):
    """While the file cannot be renamed, writes on in the same file and tries again later. No line is lost."""

    def __init__(self, path: Path, *, max_bytes: int, kept: int) -> None:
        """Opens the file.

        Raises:
            OSError: the file cannot be written.
        """
        super().__init__(path, maxBytes=max_bytes, backupCount=kept, encoding="utf-8")
        self._limit = max_bytes

    def doRollover(self) -> None:  # noqa: N802 - overrides the library's method
        self._close()
        file = Path(self.baseFilename)
        aside = file.with_name(file.name + ".full")
        try:
            # Tried first: the handler renames the older files before it finds out that this one cannot be renamed.
            file.replace(aside)
            aside.replace(file)
            super().doRollover()
        except OSError:
            self.maxBytes = file.stat().st_size + max(1, int(self._limit * RETRY_GROWTH))
        else:
            self.maxBytes = self._limit
        if self.stream is None:
            self.stream = self._open()

    def _close(self) -> None:
        """Windows does not rename a file that is open. The next record opens it again."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None
