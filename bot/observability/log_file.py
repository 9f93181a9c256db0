"""The rotating log file, also where nobody may rename it just now.

Windows renames no file that another program has open (a second vm-balancer, a viewer), and elsewhere the folder may not
be ours. The standard handler then loses the line, prints a traceback, and does so again with every line that follows.
"""

from __future__ import annotations

from logging.handlers import RotatingFileHandler
from pathlib import Path

PATIENCE = 0.1
"""By which part of its size the file grows further before the next try."""


class LogFile(RotatingFileHandler):
    """Writes on in the same file while it cannot be renamed, and tries again later. No line is lost."""

    def __init__(self, path: Path, *, max_bytes: int, kept: int) -> None:
        """
        Raises:
            OSError: it cannot be written.
        """
        super().__init__(path, maxBytes=max_bytes, backupCount=kept, encoding="utf-8")
        self._limit = max_bytes

    def doRollover(self) -> None:  # noqa: N802 - overrides the library's method
        self._close()
        file = Path(self.baseFilename)
        aside = file.with_name(file.name + ".full")
        try:
            # Asked first: the handler moves the older files up before it finds out that this one stays.
            file.replace(aside)
            aside.replace(file)
            super().doRollover()
        except OSError:
            self.maxBytes = file.stat().st_size + max(1, int(self._limit * PATIENCE))
        else:
            self.maxBytes = self._limit
        if self.stream is None:
            self.stream = self._open()

    def _close(self) -> None:
        """Windows renames nothing that we have open ourselves. The next record opens it again."""
        if self.stream is not None:
            self.stream.close()
            self.stream = None
