"""Pauses a campaign with an unreadable row, so that a person decides how it goes on. Its closed nodes stay closed."""

from __future__ import annotations

import json
from datetime import datetime

from balancer.model import Reason
from bot.domain.proposals import PROGRAM
from bot.store import rows
from bot.store.database import Connection, all_rows
from bot.store.requests import called_off

_STAYS_OPEN = (
    "(state IN ('running', 'paused') OR ended_at IS NULL) AND NOT EXISTS (SELECT 1 FROM campaign o "
    "WHERE o.id <> campaign.id AND o.cluster_id = campaign.cluster_id AND o.state IN ('running', 'paused'))"
)
"""An unreadable campaign stays open unless another one is open in its cluster."""


async def set_campaign_aside(db: Connection, campaign_id: int, now: datetime) -> None:
    """Replaces what is unreadable. Nothing is approved any more, the hours are forgotten, and waiting moves are
    called off."""
    await _call_moves_off(db, campaign_id, now)
    await db.execute(
        f"UPDATE campaign SET state = CASE WHEN {_STAYS_OPEN} THEN 'paused' ELSE 'stopped' END, "  # noqa: S608
        f"ended_at = CASE WHEN {_STAYS_OPEN} THEN NULL ELSE :now END, "
        "by_kind = 'program', created_at = :now, starts_at = NULL, ends_at = NULL, approved = '[]', "
        "reason = :reason, version = version + 1 WHERE id = :id",
        {"now": rows.to_text(now), "reason": _reason(), "id": campaign_id},
    )


async def _call_moves_off(db: Connection, campaign_id: int, now: datetime) -> None:
    """As a pause does: each node is asked about again, or may be filled again."""
    with_moves = await all_rows(
        db,
        "SELECT id, proposal_id FROM campaign_node WHERE campaign_id = ? "
        "AND state IN ('asked', 'emptying', 'back', 'filling') AND typeof(proposal_id) = 'integer'",
        (campaign_id,),
    )
    for row in with_moves:
        await called_off(db, row["proposal_id"], PROGRAM, now)
        await db.execute(
            "UPDATE campaign_node SET proposal_id = NULL, since = ?, "
            "state = CASE WHEN state IN ('asked', 'emptying') THEN 'waiting' ELSE 'back' END WHERE id = ?",
            (rows.to_text(now), row["id"]),
        )


async def set_campaign_node_aside(db: Connection, row_id: int, now: datetime) -> None:
    """Marks the node as failed, calls its moves off, and pauses the campaign.

    A node on which the work may have begun stays closed. A command that may have run never runs again.
    """
    [row] = await all_rows(db, "SELECT * FROM campaign_node WHERE id = ?", (row_id,))
    over = await all_rows(
        db, "SELECT 1 FROM campaign WHERE id = ? AND state NOT IN ('running', 'paused')", (row["campaign_id"],)
    )
    ended = bool(over) or row["state"] in ("done", "skipped")
    moment = rows.to_text(now)
    begun = row["state"] not in ("waiting", "asked", "emptying")
    await db.execute(
        "UPDATE campaign_node SET state = ?, since = ?, proposal_id = NULL, emptied_at = ?, reason = ?, command = ? "
        "WHERE id = ?",
        (
            *("skipped" if ended else "failed", moment, moment if begun else None, _reason()),
            *(None if row["command"] is None else _unknown_run(moment), row_id),
        ),
    )
    if ended:
        return
    if isinstance(row["proposal_id"], int):
        await called_off(db, row["proposal_id"], PROGRAM, now)
    await db.execute(
        "UPDATE campaign SET state = 'paused', reason = ?, version = version + 1 WHERE id = ? AND state = 'running'",
        (_reason(), row["campaign_id"]),
    )


def _reason() -> str | None:
    return rows.reason_to_text(Reason.of("unreadable"))


def _unknown_run(moment: str) -> str:
    return json.dumps({"started_at": moment, "ended_at": moment, "code": None, "output": ""})
