"""Proposals: publishing a plan, deciding its moves, and the ways in which they end undecided."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from balancer.formats.codec import plan_to_dict
from balancer.model import Plan, Purpose, Reason
from bot.domain.proposals import (
    IN_FLIGHT,
    POLICY_ACTOR,
    PROGRAM,
    Actor,
    MigrationState,
    MoveState,
    Verdict,
)
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, all_rows, json_list, scalar
from bot.store.decisions import DecisionQueries, approve_or_skip
from bot.store.values import Asked, Mark, Published

_IN_MOTION = json_list(s.value for s in (MigrationState.QUEUED, *IN_FLIGHT))


class ProposalQueries(DecisionQueries):
    async def mark(self, now: datetime | None = None) -> Mark:
        """How far things are. Taken before the panel is read; ``publish`` sees by it what came in between.

        Args:
            now: what is approved for later than this is not in motion; ``None``: everything queued is.
        """
        async with self._reading() as db:
            moving = await all_rows(
                db,
                "SELECT DISTINCT m.cluster_id FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.state IN (SELECT value FROM json_each(?)) AND NOT coalesce(g.not_before > ?, 0)",
                (_IN_MOTION, rows.maybe_to_text(now)),
            )
            return Mark(
                decision_id=await scalar(db, "SELECT max(id) FROM decision"),
                exclusion_id=await scalar(db, "SELECT max(id) FROM exclusion"),
                moving=frozenset(r["cluster_id"] for r in moving),
            )

    async def publish(
        self, plan: Plan, *, automatic: bool, now: datetime, expires_at: datetime, since: Mark | None = None
    ) -> Published:
        """Stores a plan as the cluster's one open proposal of its own making; what people wished for stays as it is.

        The same moves as those that wait already: nothing changes. Other moves, or none: what waited is
        superseded in the same transaction. ``automatic``: the policy approves every move here and now.

        Args:
            since: taken before the snapshot of the plan. Where the cluster was moving then or is now, or
                people decided here or excluded a node of the plan since, the plan is out of date and nothing
                is done with it. ``None``: only what moves now is looked at.

        A cluster that somebody snoozed is left alone as well, until a node is overloaded that was not then.
        """
        async with self._transaction() as db:
            outdated = await _outdated(db, plan, since, now) or await _snoozed(db, plan, now)
            if outdated is not None:
                return Published(None, created=False, superseded=(), left_alone=outdated)
            waiting = await all_rows(
                db,
                "SELECT m.proposal_id, m.vm_id, m.source_id, m.target_id FROM move m "
                "JOIN proposal p ON p.id = m.proposal_id WHERE m.state = 'pending' AND m.cluster_id = ? "
                "AND p.purpose = ? ORDER BY m.proposal_id, m.position",
                (plan.cluster_id, Purpose.BALANCE.value),
            )
            same = [(r["vm_id"], r["source_id"], r["target_id"]) for r in waiting] == [m.key for m in plan.moves]
            if waiting and same and not automatic:
                return Published(waiting[0]["proposal_id"], created=False, superseded=())
            old = tuple(sorted({int(r["proposal_id"]) for r in waiting}))
            reason = Reason.of("newer-plan") if plan.moves else Reason.of("no-longer-needed")
            for proposal_id in old:
                await close(db, proposal_id, MoveState.SUPERSEDED, reason)
                await write_audit(db, now, PROGRAM, "superseded", {"proposal": proposal_id})
            if not plan.moves:
                return Published(None, created=False, superseded=old)
            proposal_id = await insert_proposal(db, plan, automatic, now, expires_at)
            return Published(proposal_id, created=True, superseded=old)

    async def expire_due(self, now: datetime) -> tuple[int, ...]:
        """Ends every proposal whose time is over; the ids of those that changed."""
        async with self._transaction() as db:
            found = await all_rows(
                db,
                "SELECT DISTINCT p.id FROM proposal p JOIN move m ON m.proposal_id = p.id "
                "WHERE m.state = 'pending' AND p.expires_at <= ? ORDER BY p.id",
                (rows.to_text(now),),
            )
            for row in found:
                await close(db, row["id"], MoveState.EXPIRED, None)
                await write_audit(db, now, PROGRAM, "expired", {"proposal": row["id"]})
        return tuple(r["id"] for r in found)

    async def withdraw(self, move_ids: Sequence[int], actor: Actor, now: datetime) -> tuple[int, ...]:
        """Takes pending moves back without a verdict; the ids of the proposals that changed."""
        async with self._transaction() as db:
            found = await all_rows(
                db,
                "SELECT id, proposal_id FROM move WHERE state = 'pending' AND id IN (SELECT value FROM json_each(?))",
                (json_list(move_ids),),
            )
            await db.executemany("UPDATE move SET state = 'withdrawn' WHERE id = ?", [(r["id"],) for r in found])
            await write_audit(db, now, actor, "withdraw", {"moves": [r["id"] for r in found]})
        return tuple(sorted({r["proposal_id"] for r in found}))

    async def void_what_waits(self, now: datetime, reason: Reason) -> tuple[int, int]:
        """Ends every pending move and every migration that is only queued: for a database put back from a
        backup, which knows nothing of what happened since. How many of both.

        What had been started is left: the panel is asked about it, and never started again.
        """
        async with self._transaction() as db:
            found = await all_rows(db, "SELECT DISTINCT proposal_id AS id FROM move WHERE state = 'pending' ORDER BY 1")
            pending = await scalar(db, "SELECT count(*) FROM move WHERE state = 'pending'")
            for row in found:
                await close(db, row["id"], MoveState.SUPERSEDED, reason)
            cursor = await db.execute(
                "UPDATE migration SET state = 'stale', finished_at = ?, reason = ? WHERE state = 'queued'",
                (rows.to_text(now), rows.reason_to_text(reason)),
            )
            queued = cursor.rowcount
            await write_audit(db, now, PROGRAM, "restored", {"pending": pending, "queued": queued})
        return pending, queued


async def _outdated(db: Connection, plan: Plan, since: Mark | None, now: datetime) -> Reason | None:
    """What came between the mark and now that the plan cannot know of."""
    moving = await scalar(
        db,
        "SELECT count(*) FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE g.state IN (SELECT value FROM json_each(?)) AND m.cluster_id = ? AND NOT coalesce(g.not_before > ?, 0)",
        (_IN_MOTION, plan.cluster_id, rows.to_text(now)),
    )
    if moving or (since is not None and plan.cluster_id in since.moving):
        return Reason.of("in-motion")
    if since is None:
        return None
    decided = await scalar(
        db,
        "SELECT count(*) FROM decision d JOIN move m ON m.id = d.move_id WHERE d.id > ? AND m.cluster_id = ?",
        (since.decision_id, plan.cluster_id),
    )
    nodes = json_list(n for move in plan.moves for n in (move.source_id, move.target_id))
    excluded = await scalar(
        db,
        "SELECT count(*) FROM exclusion WHERE id > ? AND node_id IN (SELECT value FROM json_each(?))",
        (since.exclusion_id, nodes),
    )
    return Reason.of("changed-meanwhile") if decided or excluded else None


async def _snoozed(db: Connection, plan: Plan, now: datetime) -> Reason | None:
    """Why nothing is proposed, where somebody snoozed the cluster; a node that was not overloaded then ends that."""
    if plan.purpose is not Purpose.BALANCE:
        return None
    found = await all_rows(
        db,
        "SELECT * FROM snooze WHERE cluster_id = ? AND ended_at IS NULL AND until > ? ORDER BY id DESC LIMIT 1",
        (plan.cluster_id, rows.to_text(now)),
    )
    if not found:
        return None
    snooze = rows.snooze_of(found[0])
    new = {n.node_id for n in plan.overloaded} - snooze.overloaded
    if not new:
        return Reason.of("snoozed", who=snooze.by.name)
    await db.execute(
        "UPDATE snooze SET ended_at = ? WHERE cluster_id = ? AND ended_at IS NULL", (rows.to_text(now), plan.cluster_id)
    )
    await write_audit(db, now, PROGRAM, "snooze-over", {"cluster": plan.cluster_id, "overloaded": sorted(new)})
    return None


async def insert_proposal(
    db: Connection, plan: Plan, automatic: bool, now: datetime, expires_at: datetime, asked: Asked | None = None
) -> int:
    """Stores a plan with its moves, all of them pending; in automatic mode the policy approves them at once."""
    text = json.dumps(plan_to_dict(plan), ensure_ascii=False)
    cursor = await db.execute(
        "INSERT INTO proposal (cluster_id, automatic, created_at, expires_at, plan, purpose, "
        "by_kind, by_name, by_id, node_id, undoes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(plan.cluster_id, int(automatic), rows.to_text(now), rows.to_text(expires_at), text, plan.purpose.value),
            *((asked.by.kind.value, asked.by.name, asked.by.user_id) if asked else (None, None, None)),
            *((asked.node_id, asked.undoes) if asked else (None, None)),
        ),
    )
    proposal_id = cursor.lastrowid or 0
    await db.executemany(
        "INSERT INTO move (proposal_id, position, cluster_id, vm_id, source_id, target_id, state) "
        "VALUES (?, ?, ?, ?, ?, ?, 'pending')",
        [(proposal_id, position, plan.cluster_id, *move.key) for position, move in enumerate(plan.moves)],
    )
    detail = {"proposal": proposal_id, "cluster": plan.cluster_id, "moves": [list(m.key) for m in plan.moves]}
    if asked is not None:
        about = {"node": asked.node_id, "undoes": asked.undoes, "instead_of": asked.instead_of}
        detail |= {"purpose": plan.purpose.value, **{k: v for k, v in about.items() if v is not None}}
    await write_audit(db, now, PROGRAM if asked is None else asked.by, "proposed", detail)
    if automatic:
        made = await all_rows(db, "SELECT id FROM move WHERE proposal_id = ?", (proposal_id,))
        await approve_or_skip(db, [r["id"] for r in made], Verdict.APPROVE, POLICY_ACTOR, now)
    return proposal_id


async def close(db: Connection, proposal_id: int, state: MoveState, reason: Reason | None) -> None:
    await db.execute(
        "UPDATE move SET state = ? WHERE proposal_id = ? AND state = 'pending'", (state.value, proposal_id)
    )
    if reason is not None:
        await db.execute(
            "UPDATE proposal SET closed_reason = ? WHERE id = ?", (rows.reason_to_text(reason), proposal_id)
        )
