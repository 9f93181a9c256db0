"""Snoozes: clusters that get no proposal for a while, because a person asked for that."""

from __future__ import annotations

import json
from datetime import datetime

from balancer.model import Purpose, Reason
from bot.domain.exclusions import Snooze
from bot.domain.proposals import Actor
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, Database, Part, all_rows
from bot.store.incidents import note_snooze
from bot.store.publishing import set_closed_reason
from bot.store.reading import Reader


class Snoozes(Part):
    def __init__(self, database: Database, reader: Reader) -> None:
        super().__init__(database)
        self._reader = reader

    async def add(self, proposal_id: int, until: datetime, actor: Actor, now: datetime) -> Snooze | None:
        """Withdraws the pending moves of a proposal and snoozes its cluster until then.

        ``None``: no move of the proposal is pending, or a person requested it.
        """
        async with self._database.transaction() as db:
            proposal = await self._reader.proposal(db, proposal_id)
            waits = proposal is not None and proposal.pending and proposal.expires_at > now
            if proposal is None or not waits or proposal.purpose is not Purpose.BALANCE:
                return None
            plan = proposal.plan
            await db.execute(
                "UPDATE move SET state = 'withdrawn' WHERE proposal_id = ? AND state = 'pending'", (proposal_id,)
            )
            reason = Reason.of("snoozed-until", until=f"{until:%Y-%m-%d %H:%M} UTC", who=actor.name)
            await set_closed_reason(db, [proposal_id], reason)
            await _end_snoozes(db, plan.cluster_id, now)
            overloaded = sorted(n.node_id for n in plan.overloaded)
            await db.execute(
                "INSERT INTO snooze (cluster_id, cluster_name, until, overloaded, by_kind, by_name, by_id, at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(plan.cluster_id, plan.cluster_name, rows.to_text(until), json.dumps(overloaded)),
                    *(actor.kind.value, actor.name, actor.user_id, rows.to_text(now)),
                ),
            )
            await note_snooze(db, plan.cluster_id, until)
            detail = {"proposal": proposal_id, "cluster": plan.cluster_id, "until": until}
            await write_audit(db, now, actor, "snooze", detail)
        return Snooze(plan.cluster_id, plan.cluster_name, until, frozenset(overloaded), actor, now)

    async def active(self, now: datetime) -> list[Snooze]:
        """The snoozes in force, by cluster."""
        async with self._database.reading() as db:
            records = await all_rows(
                db,
                "SELECT * FROM snooze WHERE ended_at IS NULL AND until > ? ORDER BY cluster_id, id",
                (rows.to_text(now),),
            )
        return self._reader.decode_all(records, rows.snooze_of)

    async def end(self, cluster_id: int, actor: Actor, now: datetime) -> bool:
        """Ends the snooze of a cluster. True if there was one."""
        async with self._database.transaction() as db:
            ended = await _end_snoozes(db, cluster_id, now)
            if ended:
                await note_snooze(db, cluster_id, now)
                await write_audit(db, now, actor, "wake", {"cluster": cluster_id})
        return ended


async def _end_snoozes(db: Connection, cluster_id: int, now: datetime) -> bool:
    moment = rows.to_text(now)
    cursor = await db.execute(
        "UPDATE snooze SET ended_at = ? WHERE cluster_id = ? AND ended_at IS NULL AND until > ?",
        (moment, cluster_id, moment),
    )
    return cursor.rowcount > 0
