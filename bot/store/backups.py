"""Backups of the database: one per day in its folder; the newest few are kept. Only own backups are deleted."""

from __future__ import annotations

import asyncio
import re
from datetime import datetime
from pathlib import Path

from bot.store import files

FOLDER = "backups"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2}(-\d{6})?")
"""The date, followed by the time if the backup was made by hand on a day that already had one."""


class Backups:
    """The backups of one database.

    Args:
        keep: how many daily backups are kept; 0 = none are made.
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
        """The path for a backup by hand: the file of this day, or a name with the time if that exists."""
        daily = self.path_for(now)
        return daily if not daily.exists() else daily.with_name(f"{daily.stem}-{now:%H%M%S}.db")

    def newest(self) -> Path | None:
        """The newest backup, daily or by hand; ``None`` = there is none."""
        return max(self._stamped(_STAMP), key=lambda p: p.stem, default=None)

    async def make_due(self, now: datetime) -> Path | None:
        """Makes the backup of this day if it does not exist, and deletes the oldest. Returns the new file.

        Raises:
            StoreError: the backup failed. No older backup is deleted.
        """
        target = self.path_for(now)
        if not self._keep or target.exists():
            return None
        await asyncio.to_thread(files.copy, self._database, target)
        for old in sorted(self._stamped(_DAY))[: -self._keep]:
            old.unlink(missing_ok=True)
        return target

    async def before_update(self) -> Path | None:
        """Copies a database before an update changes its schema. Returns the copy.

        Raises:
            StoreError: the copy failed; the caller must not change the schema.
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
