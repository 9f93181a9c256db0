"""Deletes rows that are older than the history. Open, running and unknown moves stay, at any age."""

from __future__ import annotations

from datetime import datetime

from bot.domain.proposals import PROGRAM, UNSETTLED
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Part, all_rows, json_list, scalar
from bot.store.triggers import lifted

AT_ONCE = 1000
"""The most proposals of one transaction: other work must not wait long for it."""

_OLD_PROPOSALS = """
    SELECT p.id FROM proposal p WHERE p.created_at < ?1 AND NOT EXISTS (
        SELECT 1 FROM move m LEFT JOIN migration g ON g.move_id = m.id LEFT JOIN decision d ON d.move_id = m.id
         WHERE m.proposal_id = p.id AND (m.state = 'pending' OR d.at >= ?1 OR d.rests_until >= ?1 OR g.finished_at >= ?1
               OR g.state IN (SELECT value FROM json_each(?2))))
       AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.proposal_id = p.id AND n.sent_at IS NULL)
       -- the message of an open incident is filed under its first proposal
       AND NOT EXISTS (SELECT 1 FROM incident i WHERE i.id = p.incident_id AND (i.ended_at IS NULL OR i.ended_at >= ?1)
           AND p.id = (SELECT min(f.id) FROM proposal f WHERE f.incident_id = i.id))
     ORDER BY p.id LIMIT ?3
"""
_OLD_CAMPAIGNS = (
    "SELECT c.id FROM campaign c WHERE c.ended_at < ? "
    "AND NOT EXISTS (SELECT 1 FROM proposal p WHERE p.campaign_id = c.id) "
    "AND NOT EXISTS (SELECT 1 FROM exclusion e WHERE e.campaign_id = c.id)"
)
_OF_MOVES = "WHERE move_id IN (SELECT id FROM move WHERE proposal_id IN (SELECT value FROM json_each(?)))"
_OF_PROPOSALS = "WHERE proposal_id IN (SELECT value FROM json_each(?))"


class Retention(Part):
    async def forget_before(self, moment: datetime, now: datetime) -> int:
        """Deletes what ended before ``moment``. Returns how many proposals: at most ``AT_ONCE`` per call."""
        limit = rows.to_text(moment)
        async with self._database.transaction() as db:
            states = json_list(s.value for s in UNSETTLED)
            proposal_ids = json_list(r["id"] for r in await all_rows(db, _OLD_PROPOSALS, (limit, states, AT_ONCE)))
            async with lifted(db, "audit_keeps", "decision_keeps"):
                deleted = await _forget(db, proposal_ids, limit)
            if deleted:
                detail = {"proposals": deleted, "before": moment.isoformat(timespec="seconds")}
                await write_audit(db, now, PROGRAM, "forgotten", detail)
        return deleted


async def _forget(db: Connection, proposal_ids: str, limit: str) -> int:
    """Deletes these proposals (a JSON list of ids) and what else ended before the limit; how many proposals."""
    await db.execute(f"DELETE FROM notice {_OF_PROPOSALS}", (proposal_ids,))  # noqa: S608 - fixed words
    await db.execute(f"DELETE FROM message {_OF_PROPOSALS}", (proposal_ids,))  # noqa: S608
    of_migrations = f"WHERE migration_id IN (SELECT id FROM migration {_OF_MOVES})"  # noqa: S608
    await db.execute(f"DELETE FROM outcome {of_migrations}", (proposal_ids,))  # noqa: S608
    await db.execute(f"DELETE FROM promise {of_migrations}", (proposal_ids,))  # noqa: S608
    await db.execute(f"DELETE FROM abort {of_migrations}", (proposal_ids,))  # noqa: S608
    await db.execute(f"DELETE FROM migration {_OF_MOVES}", (proposal_ids,))  # noqa: S608
    await db.execute(f"DELETE FROM first_approval {_OF_MOVES}", (proposal_ids,))  # noqa: S608
    await db.execute(f"DELETE FROM decision {_OF_MOVES}", (proposal_ids,))  # noqa: S608
    await db.execute(f"DELETE FROM move {_OF_PROPOSALS}", (proposal_ids,))  # noqa: S608
    cursor = await db.execute("DELETE FROM proposal WHERE id IN (SELECT value FROM json_each(?))", (proposal_ids,))
    deleted = cursor.rowcount
    await db.execute(
        "DELETE FROM incident WHERE ended_at < ? AND NOT EXISTS (SELECT 1 FROM proposal p "
        "WHERE p.incident_id = incident.id)",
        (limit,),
    )
    await db.execute("DELETE FROM cycle WHERE finished_at < ?", (limit,))
    await db.execute("DELETE FROM notice WHERE proposal_id IS NULL AND sent_at < ?", (limit,))
    await db.execute(
        "DELETE FROM exclusion WHERE ended_at < ?1 OR until < ?1 "
        "OR campaign_id IN (SELECT id FROM campaign WHERE ended_at < ?1)",
        (limit,),
    )
    await db.execute("DELETE FROM reservation WHERE ended_at < ?1 OR until < ?1", (limit,))
    await db.execute(f"DELETE FROM campaign_node WHERE campaign_id IN ({_OLD_CAMPAIGNS})", (limit,))  # noqa: S608
    await db.execute(f"DELETE FROM campaign WHERE id IN ({_OLD_CAMPAIGNS})", (limit,))  # noqa: S608
    await db.execute("DELETE FROM ignored_vm WHERE ended_at < ?", (limit,))
    await db.execute("DELETE FROM snooze WHERE until < ?", (limit,))
    await _shorten_audit(db, limit)
    return deleted


async def _shorten_audit(db: Connection, limit: str) -> None:
    """Deletes the oldest entries of the audit trail. The anchor keeps the last deleted seal, so the chain is valid."""
    last = await scalar(
        db, "SELECT coalesce((SELECT min(id) FROM audit WHERE at >= ?), (SELECT max(id) FROM audit)) - 1", (limit,)
    )
    cut = await all_rows(db, "SELECT id, seal FROM audit WHERE id <= ? ORDER BY id DESC LIMIT 1", (last,))
    if not cut:
        return
    await db.execute("DELETE FROM audit_anchor")
    await db.execute("INSERT INTO audit_anchor (id, seal) VALUES (?, ?)", (cut[0]["id"], cut[0]["seal"]))
    await db.execute("DELETE FROM audit WHERE id <= ?", (last,))
