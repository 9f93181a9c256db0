"""Backups of the database: one a day beside it, the newest few kept. What may be deleted is only our own."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from pathlib import Path

from bot.store import files

FOLDER = "backups"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}(-\d{6})?")
"""The day, and for a backup by hand on a day that has one already, the time."""


class Backups:
    """The backups of one database.

    Args:
        keep: how many daily ones stay; 0 = none are made.
    """

    def __init__(self, database: Path, keep: int) -> None:
        self._database = database
        self._keep = keep

    @property
    def folder(self) -> Path:
        return self._database.parent / FOLDER

    def path_for(self, now: datetime) -> Path:
        return self.folder / f"{self._database.stem}-{now:%Y-%m-%d}.db"

    def path_for_another(self, now: datetime) -> Path:
        """Where a backup by hand goes: the day's own file, or beside it where that exists. Never an existing file."""
        daily = self.path_for(now)
        return daily if not daily.exists() else daily.with_name(f"{daily.stem}-{now:%H%M%S}.db")

    def newest(self) -> Path | None:
        """The last backup, daily or by hand, if there is one."""
        return max(self._stamped(_STAMP), key=lambda p: p.stem, default=None)

    async def make_due(self, now: datetime) -> Path | None:
        """Makes the day's backup unless it is there, and lets the oldest go; the file that was made.

        Raises:
            StoreError: it could not be made. The older ones stay then.
        """
        target = self.path_for(now)
        if not self._keep or target.exists():
            return None
        await asyncio.to_thread(files.copy, self._database, target)
        for old in sorted(self._stamped(_DAY))[: -self._keep]:
            old.unlink(missing_ok=True)
        return target

    async def before_update(self) -> Path | None:
        """Keeps a copy of a database whose schema an update is about to change; its name.

        Raises:
            StoreError: it could not be made; then nothing should be changed either.
        """
        if not self._database.exists() or self._database.stat().st_size == 0:
            return None
        version = await asyncio.to_thread(files.schema_in_use, self._database)
        if version == 0 or version >= files.SCHEMA_VERSION:
            return None
        target = self.folder / f"{self._database.stem}-schema-{version}.db"
        await asyncio.to_thread(files.copy, self._database, target)
        return target

    def _stamped(self, stamp: re.Pattern[str]) -> list[Path]:
        if not self.folder.is_dir():
            return []
        head = f"{self._database.stem}-"
        return [p for p in self.folder.glob(f"{head}*.db") if stamp.fullmatch(p.stem.removeprefix(head))]
