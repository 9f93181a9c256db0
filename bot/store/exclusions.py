"""Excluded nodes, and the pending moves that an exclusion withdraws."""

from __future__ import annotations

from datetime import datetime

from balancer.model import Reason
from bot.domain.exclusions import Exclusion
from bot.domain.proposals import Actor
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows
from bot.store.reading import Reader


class Exclusions(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def add(self, exclusion: Exclusion) -> tuple[int, ...]:
        """Stores an exclusion instead of an older one for the same node and role, and withdraws the pending moves that
        it forbids. Returns the ids of the changed proposals."""
        role, by = exclusion.role.value, exclusion.by
        now = rows.to_text(exclusion.created_at)
        until = None if exclusion.until is None else rows.to_text(exclusion.until)
        async with self._database.transaction() as db:
            await db.execute(
                "UPDATE exclusion SET ended_at = ?, ended_by = ? WHERE node_id = ? AND role = ? AND ended_at IS NULL",
                (now, by.name, exclusion.node_id, role),
            )
            await db.execute(
                "INSERT INTO exclusion (node_id, node_name, role, until, by_kind, by_name, by_id, created_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (exclusion.node_id, exclusion.node_name, role, until, by.kind.value, by.name, by.user_id, now),
            )
            detail = {"node": exclusion.node_id, "role": role, "until": exclusion.until}
            await write_audit(db, exclusion.created_at, by, "exclude", detail)
            return await _withdraw(db, exclusion)

    async def end(self, node_id: int, actor: Actor, now: datetime) -> int:
        """Ends every exclusion of a node, and returns how many there were."""
        async with self._database.transaction() as db:
            cursor = await db.execute(
                "UPDATE exclusion SET ended_at = ?, ended_by = ? WHERE node_id = ? AND ended_at IS NULL "
                "AND (until IS NULL OR until > ?)",
                (rows.to_text(now), actor.name, node_id, rows.to_text(now)),
            )
            await write_audit(db, now, actor, "include", {"node": node_id})
        return cursor.rowcount

    async def active(self, now: datetime) -> list[Exclusion]:
        """The exclusions in force, by node.

        Raises:
            StoreError: an exclusion is not readable; a protection is never left out.
        """
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM exclusion WHERE ended_at IS NULL AND (until IS NULL OR until > ?) "
                "AND (campaign_id IS NULL OR campaign_id IN (SELECT id FROM campaign WHERE ended_at IS NULL)) "
                "ORDER BY node_id, id",
                (rows.to_text(now),),
            )
        return [self._reader.decode(r, rows.exclusion_of) for r in records]


async def _withdraw(db: Connection, exclusion: Exclusion) -> tuple[int, ...]:
    role, node = exclusion.role, exclusion.node_id
    records = await all_rows(
        db,
        "SELECT id, proposal_id FROM move "
        "WHERE state = 'pending' AND ((? AND source_id = ?) OR (? AND target_id = ?)) ORDER BY id",
        (role.forbids_source(), node, role.forbids_target(), node),
    )
    await db.executemany("UPDATE move SET state = 'withdrawn' WHERE id = ?", [(r["id"],) for r in records])
    reason = Reason.of("excluded-by", node=exclusion.node_name, who=exclusion.by.name)
    proposals = tuple(sorted({int(r["proposal_id"]) for r in records}))
    await db.executemany(
        "UPDATE proposal SET closed_reason = ? WHERE id = ?", [(rows.reason_to_text(reason), i) for i in proposals]
    )
    return proposals
