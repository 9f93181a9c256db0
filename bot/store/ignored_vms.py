"""VMs that a person skipped permanently."""

from __future__ import annotations

from datetime import datetime

from bot.domain.exclusions import IgnoredVM
from bot.domain.proposals import Actor
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Database, Part, all_rows
from bot.store.reading import Reader


class IgnoredVMs(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def active(self) -> list[IgnoredVM]:
        """The VMs that are skipped permanently, by name."""
        async with self._database.reading() as db:
            records = await all_rows(db, "SELECT * FROM ignored_vm WHERE ended_at IS NULL ORDER BY vm_name, vm_id")
        return self._reader.decode_all(records, rows.ignored_of)

    async def end(self, vm_id: int, actor: Actor, now: datetime) -> bool:
        """Ends the permanent skip of a VM. True if there was one."""
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "UPDATE ignored_vm SET ended_at = ?, ended_by = ? WHERE vm_id = ? AND ended_at IS NULL",
                (rows.to_text(now), actor.name, vm_id),
            )
            if cursor.rowcount:
                await write_audit(db, now, actor, "heed", {"vm": vm_id})
        return cursor.rowcount > 0
