"""The running program's sign of life: the newest replaces the one before."""

from __future__ import annotations

from bot.domain.heartbeat import Heartbeat, to_json
from bot.store.database import Part


class Heartbeats(Part):
    async def save(self, beat: Heartbeat) -> None:
        async with self._database.transaction() as db:
            await db.execute("INSERT OR REPLACE INTO heartbeat (id, detail) VALUES (1, ?)", (to_json(beat),))
