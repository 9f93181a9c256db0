"""The running program's sign of life: the newest replaces the one before.

A program that works on a copy of the database leaves its sign in a file beside the database, so that the database
keeps every byte.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bot.domain.heartbeat import Heartbeat, to_json
from bot.errors import StoreError
from bot.store.database import Access, Part


def sidecar_of(database: Path | str) -> Path:
    """Where a program on a copy of this database leaves its sign of life."""
    path = Path(database)
    return path.with_name(path.name + ".heartbeat.json")


class Heartbeats(Part):
    async def save(self, beat: Heartbeat) -> None:
        """
        Raises:
            StoreError: it cannot be written.
        """
        if self._database.access is Access.COPY:
            await asyncio.to_thread(_write, sidecar_of(self._database.path), beat)
            return
        async with self._database.transaction() as db:
            await db.execute("INSERT OR REPLACE INTO heartbeat (id, detail) VALUES (1, ?)", (to_json(beat),))


def _write(path: Path, beat: Heartbeat) -> None:
    """The last sign of a program that ends in good order removes the file: it kept nothing."""
    try:
        if beat.stopped_at is not None:
            path.unlink(missing_ok=True)
            return
        fresh = path.with_name(f"{path.name}.{os.getpid()}.part")  # several dry runs may look at one database
        fresh.write_text(to_json(beat), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}): check the rights of its folder") from error
