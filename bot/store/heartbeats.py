"""The heartbeat of the running program: the newest replaces the one before.

A program that works on a copy of the database writes its heartbeat to a file beside the database, and leaves the
database unchanged.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bot.domain.heartbeat import Heartbeat, to_json
from bot.errors import StoreError
from bot.store.database import Access, Part


def sidecar_of(database: Path | str) -> Path:
    """The file for the heartbeat of a program that works on a copy of this database."""
    path = Path(database)
    return path.with_name(path.name + ".heartbeat.json")


class Heartbeats(Part):
    async def save(self, beat: Heartbeat) -> None:
        """
        Raises:
            StoreError: the heartbeat cannot be written.
        """
        if self._database.access is Access.COPY:
            await asyncio.to_thread(_write, sidecar_of(self._database.path), beat)
            return
        async with self._database.transaction() as db:
            await db.execute("INSERT OR REPLACE INTO heartbeat (id, detail) VALUES (1, ?)", (to_json(beat),))


def _write(path: Path, beat: Heartbeat) -> None:
    """Writes the file. The last heartbeat of a program that ends in good order removes it."""
    try:
        if beat.stopped_at is not None:
            path.unlink(missing_ok=True)
            return
        fresh = path.with_name(f"{path.name}.{os.getpid()}.part")  # several dry runs may look at one database
        fresh.write_text(to_json(beat), encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror}): check the rights of its folder") from error
