"""Approvals by one person from before TWO_PERSON_RULE was on: each becomes the first of two in a new proposal."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from balancer.model import Plan, Reason
from bot.domain.proposals import PROGRAM, ActorKind, same_person
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, all_rows, json_list
from bot.store.publishing import insert_proposal
from bot.store.values import RequestOrigin


async def lacking_second(db: Connection, proposal_id: int) -> list[sqlite3.Row]:
    """The queued moves of a proposal that only one person approved."""
    queued = await all_rows(
        db,
        "SELECT * FROM move_state WHERE proposal_id = ? AND migration_state = 'queued' AND by_kind NOT IN (?, ?) "
        "ORDER BY position",
        (proposal_id, ActorKind.POLICY.value, ActorKind.PROGRAM.value),
    )
    return [row for row in queued if not _has_two(row)]


def _has_two(row: sqlite3.Row) -> bool:
    return row["first_kind"] is not None and not same_person(rows.first_of(row).by, rows.actor_of(row))


async def propose_to_second(
    db: Connection, plan: Plan, lacking: Sequence[sqlite3.Row], *, now: datetime, expires_at: datetime
) -> int:
    """Ends the migrations of these moves, and proposes the moves again as approved by the first of two people.

    Args:
        plan: the plan of their proposal.
        lacking: as ``lacking_second`` returns them; at least one.
    Returns:
        The id of the new proposal.
    """
    await db.execute(
        "UPDATE migration SET state = 'skipped', finished_at = ?, reason = ? "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (
            rows.to_text(now),
            rows.reason_to_text(Reason.of("second-needed")),
            json_list(row["migration_id"] for row in lacking),
        ),
    )
    old_id = lacking[0]["proposal_id"]
    [old] = await all_rows(db, "SELECT * FROM proposal WHERE id = ?", (old_id,))
    again = replace(plan, moves=tuple(plan.moves[row["position"]] for row in lacking))
    proposal_id = await insert_proposal(db, again, False, now=now, expires_at=expires_at, origin=_origin(old))
    await db.execute("UPDATE proposal SET incident_id = ? WHERE id = ?", (old["incident_id"], proposal_id))
    await db.executemany(
        "INSERT INTO first_approval (move_id, by_kind, by_name, by_id, at, not_before) "
        "SELECT m.id, d.by_kind, d.by_name, d.by_id, d.at, g.not_before FROM move m, decision d "
        "JOIN migration g ON g.move_id = d.move_id WHERE m.proposal_id = ? AND m.position = ? AND d.move_id = ?",
        [(proposal_id, position, row["id"]) for position, row in enumerate(lacking)],
    )
    detail = {"proposal": proposal_id, "moves": [row["id"] for row in lacking]}
    await write_audit(db, now, PROGRAM, "second-needed", detail)
    return proposal_id


def _origin(proposal: sqlite3.Row) -> RequestOrigin | None:
    if proposal["by_kind"] is None:
        return None
    return RequestOrigin(rows.actor_of(proposal), node_id=proposal["node_id"], undoes=proposal["undoes"])
