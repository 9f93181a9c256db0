"""Proposals: publishing a plan, deciding its moves, and the ways in which they end undecided."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from balancer.codec import plan_to_dict
from balancer.model import Plan, Reason
from bot.proposals import (
    IN_FLIGHT,
    POLICY_ACTOR,
    PROGRAM,
    Actor,
    DecisionResult,
    MigrationState,
    MoveState,
    Verdict,
    same_person,
)
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, all_rows, json_list, scalar
from bot.store.reading import ReadQueries
from bot.store.values import Mark, Published

_IN_MOTION = json_list(s.value for s in (MigrationState.QUEUED, *IN_FLIGHT))


class ProposalQueries(ReadQueries):
    async def mark(self) -> Mark:
        """How far things are. Taken before the panel is read; ``publish`` sees by it what came in between."""
        async with self._reading() as db:
            moving = await all_rows(
                db,
                "SELECT DISTINCT m.cluster_id FROM migration g JOIN move m ON m.id = g.move_id "
                "WHERE g.state IN (SELECT value FROM json_each(?))",
                (_IN_MOTION,),
            )
            return Mark(
                decision_id=await scalar(db, "SELECT max(id) FROM decision"),
                exclusion_id=await scalar(db, "SELECT max(id) FROM exclusion"),
                moving=frozenset(r["cluster_id"] for r in moving),
            )

    async def publish(
        self, plan: Plan, *, automatic: bool, now: datetime, expires_at: datetime, since: Mark | None = None
    ) -> Published:
        """Stores a plan as the cluster's one open proposal.

        The same moves as those that wait already: nothing changes. Other moves, or none: what waited is
        superseded in the same transaction. ``automatic``: the policy approves every move here and now.

        Args:
            since: taken before the snapshot of the plan. Where the cluster was moving then or is now, or
                people decided here or excluded a node of the plan since, the plan is out of date and nothing
                is done with it. ``None``: only what moves now is looked at.
        """
        async with self._transaction() as db:
            outdated = await _outdated(db, plan, since)
            if outdated is not None:
                return Published(None, created=False, superseded=(), left_alone=outdated)
            waiting = await all_rows(
                db,
                "SELECT proposal_id, vm_id, source_id, target_id FROM move "
                "WHERE state = 'pending' AND cluster_id = ? ORDER BY proposal_id, position",
                (plan.cluster_id,),
            )
            same = [(r["vm_id"], r["source_id"], r["target_id"]) for r in waiting] == [m.key for m in plan.moves]
            if waiting and same and not automatic:
                return Published(waiting[0]["proposal_id"], created=False, superseded=())
            old = tuple(sorted({int(r["proposal_id"]) for r in waiting}))
            reason = Reason.of("newer-plan") if plan.moves else Reason.of("no-longer-needed")
            for proposal_id in old:
                await _close(db, proposal_id, MoveState.SUPERSEDED, reason)
                await write_audit(db, now, PROGRAM, "superseded", {"proposal": proposal_id})
            if not plan.moves:
                return Published(None, created=False, superseded=old)
            proposal_id = await _insert_proposal(db, plan, automatic, now, expires_at)
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
                await _close(db, row["id"], MoveState.EXPIRED, None)
                await write_audit(db, now, PROGRAM, "expired", {"proposal": row["id"]})
        return tuple(r["id"] for r in found)

    async def decide(
        self,
        move_ids: Sequence[int],
        verdict: Verdict,
        actor: Actor,
        now: datetime,
        *,
        counts: Callable[[Actor], bool] | None = None,
    ) -> tuple[DecisionResult, ...]:
        """One person's verdict on some moves: each is decided at most once, whoever comes first.

        An approved move has its migration queued in the same transaction.

        Args:
            counts: an approval needs two persons, and this says of the first whether their word still counts
                (they may have lost their role since). ``None``: one person is enough.
        """
        async with self._transaction() as db:
            if verdict is Verdict.APPROVE and counts is not None:
                split = await _first_or_second(db, move_ids, actor, now, counts)
            else:
                split = _Split(second=list(move_ids))
            if split.firsts:
                detail = {"moves": split.second, "after": split.firsts}
                await write_audit(db, now, actor, "seconded", detail)
            done = await _decide(db, split.second, verdict, actor, now)
            moves = await self._moves(db, move_ids)
        return tuple(
            DecisionResult(moves[i], i in done, noted=i in split.noted, again=i in split.again)
            for i in dict.fromkeys(move_ids)
            if i in moves
        )

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
                await _close(db, row["id"], MoveState.SUPERSEDED, reason)
            cursor = await db.execute(
                "UPDATE migration SET state = 'stale', finished_at = ?, reason = ? WHERE state = 'queued'",
                (rows.to_text(now), rows.reason_to_text(reason)),
            )
            queued = cursor.rowcount
            await write_audit(db, now, PROGRAM, "restored", {"pending": pending, "queued": queued})
        return pending, queued


async def _outdated(db: Connection, plan: Plan, since: Mark | None) -> Reason | None:
    """What came between the mark and now that the plan cannot know of."""
    moving = await scalar(
        db,
        "SELECT count(*) FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE g.state IN (SELECT value FROM json_each(?)) AND m.cluster_id = ?",
        (_IN_MOTION, plan.cluster_id),
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


async def _insert_proposal(db: Connection, plan: Plan, automatic: bool, now: datetime, expires_at: datetime) -> int:
    text = json.dumps(plan_to_dict(plan), ensure_ascii=False)
    cursor = await db.execute(
        "INSERT INTO proposal (cluster_id, automatic, created_at, expires_at, plan) VALUES (?, ?, ?, ?, ?)",
        (plan.cluster_id, int(automatic), rows.to_text(now), rows.to_text(expires_at), text),
    )
    proposal_id = cursor.lastrowid or 0
    await db.executemany(
        "INSERT INTO move (proposal_id, position, cluster_id, vm_id, source_id, target_id, state) "
        "VALUES (?, ?, ?, ?, ?, ?, 'pending')",
        [(proposal_id, position, plan.cluster_id, *move.key) for position, move in enumerate(plan.moves)],
    )
    detail = {"proposal": proposal_id, "cluster": plan.cluster_id, "moves": [list(m.key) for m in plan.moves]}
    await write_audit(db, now, PROGRAM, "proposed", detail)
    if automatic:
        made = await all_rows(db, "SELECT id FROM move WHERE proposal_id = ?", (proposal_id,))
        await _decide(db, [r["id"] for r in made], Verdict.APPROVE, POLICY_ACTOR, now)
    return proposal_id


async def _close(db: Connection, proposal_id: int, state: MoveState, reason: Reason | None) -> None:
    await db.execute(
        "UPDATE move SET state = ? WHERE proposal_id = ? AND state = 'pending'", (state.value, proposal_id)
    )
    if reason is not None:
        await db.execute(
            "UPDATE proposal SET closed_reason = ? WHERE id = ?", (rows.reason_to_text(reason), proposal_id)
        )


@dataclass
class _Split:
    """Moves that a second person approves now, that this person is the first for, and that they were before."""

    second: list[int] = field(default_factory=list)
    noted: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    firsts: list[str] = field(default_factory=list)
    """The names of those who had approved first."""


async def _first_or_second(
    db: Connection, move_ids: Sequence[int], actor: Actor, now: datetime, counts: Callable[[Actor], bool]
) -> _Split:
    """Writes down the first approvals of this person. Other moves than pending ones are left to ``_decide``."""
    found = await all_rows(
        db,
        "SELECT s.* FROM move_state s JOIN proposal p ON p.id = s.proposal_id "
        "WHERE s.id IN (SELECT value FROM json_each(?)) AND s.state = 'pending' AND p.expires_at > ? ORDER BY s.id",
        (json_list(move_ids), rows.to_text(now)),
    )
    split = _Split()
    for row in found:
        first = None if row["first_kind"] is None else rows.first_of(row)
        if first is None or not counts(first.by):
            split.noted.append(row["id"])
        elif same_person(first.by, actor):
            split.again.append(row["id"])
        else:
            split.second.append(row["id"])
            split.firsts.append(first.by.name)
    await db.executemany(
        "INSERT OR REPLACE INTO first_approval (move_id, by_kind, by_name, by_id, at) VALUES (?, ?, ?, ?, ?)",
        [(i, actor.kind.value, actor.name, actor.user_id, rows.to_text(now)) for i in split.noted],
    )
    if split.noted:
        await write_audit(db, now, actor, "first-approval", {"moves": split.noted})
    return split


async def _decide(
    db: Connection, move_ids: Sequence[int], verdict: Verdict, actor: Actor, now: datetime
) -> frozenset[int]:
    """Which of the moves this verdict decided. The write lock is held: nobody comes between look and write."""
    moment = rows.to_text(now)
    found = await all_rows(
        db,
        "SELECT m.id FROM move m JOIN proposal p ON p.id = m.proposal_id "
        "WHERE m.id IN (SELECT value FROM json_each(?)) AND m.state = 'pending' AND p.expires_at > ? ORDER BY m.id",
        (json_list(move_ids), moment),
    )
    ids = [int(r["id"]) for r in found]
    await db.executemany(
        "UPDATE move SET state = ? WHERE id = ? AND state = 'pending'", [(verdict.state.value, i) for i in ids]
    )
    await db.executemany(
        "INSERT INTO decision (move_id, verdict, by_kind, by_name, by_id, at) VALUES (?, ?, ?, ?, ?, ?)",
        [(i, verdict.value, actor.kind.value, actor.name, actor.user_id, moment) for i in ids],
    )
    if ids:
        await write_audit(db, now, actor, verdict.state.value, {"moves": ids})
    if verdict is Verdict.APPROVE:
        await db.executemany(
            "INSERT INTO migration (move_id, state, queued_at) VALUES (?, 'queued', ?)", [(i, moment) for i in ids]
        )
    return frozenset(ids)
