"""Stores one verdict of a person, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from balancer.model import Purpose
from bot.domain.proposals import Actor, ActorKind, DecisionResult, ProposedMove, Verdict, same_person
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, all_rows, json_list
from bot.store.incidents import note_answer
from bot.store.values import NO_OPTIONS, DecisionOptions

Counts = Callable[[Actor, int, str], bool]
"""Whether the first of two approvals is still valid: the person may have lost the role, or may not decide in this
cluster. Arguments: the person, the id of the move's cluster, and the cluster's name in the plan."""


@dataclass
class ApprovalSplit:
    """The moves of one approval: those it approves as the second one, those with a new first approval of this person,
    and those that had a first approval of this person before."""

    second: list[int] = field(default_factory=list)
    noted: list[int] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    firsts: list[str] = field(default_factory=list)
    """The names of the people who approved first."""
    waits: dict[int, datetime] = field(default_factory=dict)
    """Move -> the earliest start that the first person chose."""
    done: frozenset[int] = frozenset()
    """The moves that this verdict decided."""

    def results(self, moves: Mapping[int, ProposedMove], move_ids: Sequence[int]) -> tuple[DecisionResult, ...]:
        """The results for the person who pressed."""
        return tuple(
            DecisionResult(moves[i], i in self.done, noted=i in self.noted, again=i in self.again)
            for i in dict.fromkeys(move_ids)
            if i in moves
        )


async def decided(
    db: Connection,
    move_ids: Sequence[int],
    verdict: Verdict,
    actor: Actor,
    *,
    now: datetime,
    counts: Counts | None,
    terms: DecisionOptions = NO_OPTIONS,
) -> ApprovalSplit:
    """Stores a verdict as ``Decisions.decide``."""
    outcome = ApprovalSplit(second=list(move_ids))
    if verdict is Verdict.APPROVE and counts is not None:
        outcome = await _first_or_second(db, move_ids, actor, now=now, counts=counts, terms=terms)
    if outcome.firsts:
        await write_audit(db, now, actor, "seconded", {"moves": outcome.second, "after": outcome.firsts})
    outcome.done = await approve_or_skip(db, outcome.second, verdict, actor, now=now, terms=terms, waits=outcome.waits)
    return outcome


async def _first_or_second(
    db: Connection, move_ids: Sequence[int], actor: Actor, *, now: datetime, counts: Counts, terms: DecisionOptions
) -> ApprovalSplit:
    """Stores the first approvals of this person. Moves that are not pending are left to the verdict."""
    records = await all_rows(
        db,
        "SELECT s.*, p.cluster_id AS of_cluster, "
        "CASE WHEN json_valid(p.plan) THEN json_extract(p.plan, '$.cluster_name') END AS cluster_name "
        "FROM move_state s JOIN proposal p ON p.id = s.proposal_id "
        "WHERE s.id IN (SELECT value FROM json_each(?)) AND s.state = 'pending' AND p.expires_at > ? ORDER BY s.id",
        (json_list(move_ids), rows.to_text(now)),
    )
    split = ApprovalSplit()
    for row in records:
        first = None if row["first_kind"] is None else rows.first_of(row)
        if first is None or not counts(first.by, row["of_cluster"], str(row["cluster_name"] or "")):
            split.noted.append(row["id"])
        elif same_person(first.by, actor):
            split.again.append(row["id"])
        else:
            split.second.append(row["id"])
            split.firsts.append(first.by.name)
            if first.not_before is not None:
                split.waits[row["id"]] = first.not_before
    later = rows.maybe_to_text(terms.not_before)
    await db.executemany(
        "INSERT OR REPLACE INTO first_approval (move_id, by_kind, by_name, by_id, at, not_before) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [(i, actor.kind.value, actor.name, actor.user_id, rows.to_text(now), later) for i in split.noted],
    )
    if split.noted:
        await write_audit(db, now, actor, "first-approval", {"moves": split.noted, **terms.detail()})
    return split


async def approve_or_skip(
    db: Connection,
    move_ids: Sequence[int],
    verdict: Verdict,
    actor: Actor,
    *,
    now: datetime,
    terms: DecisionOptions = NO_OPTIONS,
    waits: dict[int, datetime] | None = None,
) -> frozenset[int]:
    """Decides moves, and returns those that this verdict decided. The write lock is held between reading and writing.

    Args:
        waits: move -> the earliest start that another person chose; the later time counts.
    """
    moment = rows.to_text(now)
    records = await all_rows(
        db,
        "SELECT m.id FROM move m JOIN proposal p ON p.id = m.proposal_id "
        "WHERE m.id IN (SELECT value FROM json_each(?)) AND m.state = 'pending' AND p.expires_at > ? ORDER BY m.id",
        (json_list(move_ids), moment),
    )
    ids = [int(r["id"]) for r in records]
    await db.executemany(
        "UPDATE move SET state = ? WHERE id = ? AND state = 'pending'", [(verdict.state.value, i) for i in ids]
    )
    skip_until = rows.maybe_to_text(terms.skip_until)
    await db.executemany(
        "INSERT INTO decision (move_id, verdict, by_kind, by_name, by_id, at, rests_until) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(i, verdict.value, actor.kind.value, actor.name, actor.user_id, moment, skip_until) for i in ids],
    )
    if ids and actor.kind is not ActorKind.POLICY:
        await note_answer(db, ids, now)
    if ids:
        await write_audit(db, now, actor, verdict.state.value, {"moves": ids, **terms.detail()})
    if verdict is Verdict.APPROVE:
        await _queue(db, ids, actor, now, terms=terms, waits=waits or {})
    elif terms.for_good:
        await _ignore(db, ids, actor, now)
    return frozenset(ids)


async def _queue(
    db: Connection,
    ids: Sequence[int],
    actor: Actor,
    now: datetime,
    *,
    terms: DecisionOptions,
    waits: dict[int, datetime],
) -> None:
    """Queues the migrations. With the first approval of a drain, its node is excluded as a target.

    A campaign excludes its nodes itself.
    """
    for move_id in ids:
        later = max((t for t in (terms.not_before, waits.get(move_id)) if t is not None), default=None)
        await db.execute(
            "INSERT INTO migration (move_id, state, queued_at, not_before) VALUES (?, 'queued', ?, ?)",
            (move_id, rows.to_text(now), rows.maybe_to_text(later)),
        )
    drains = await all_rows(
        db,
        "SELECT DISTINCT p.id, p.node_id FROM proposal p JOIN move m ON m.proposal_id = p.id "
        "WHERE p.purpose = ? AND p.node_id IS NOT NULL AND p.campaign_id IS NULL "
        "AND m.id IN (SELECT value FROM json_each(?)) "
        "AND NOT EXISTS (SELECT 1 FROM exclusion e WHERE e.proposal_id = p.id)",
        (Purpose.DRAIN.value, json_list(ids)),
    )
    for row in drains:
        await db.execute(
            "INSERT INTO exclusion (node_id, node_name, role, by_kind, by_name, by_id, created_at, proposal_id) "
            "SELECT ?, json_extract(plan, '$.moves[0].from_name'), 'target', ?, ?, ?, ?, id "
            "FROM proposal WHERE id = ?",
            (row["node_id"], actor.kind.value, actor.name, actor.user_id, rows.to_text(now), row["id"]),
        )
        detail = {"node": row["node_id"], "role": "target", "until": None, "drain": row["id"]}
        await write_audit(db, now, actor, "exclude", detail)


async def _ignore(db: Connection, move_ids: Sequence[int], actor: Actor, now: datetime) -> None:
    """Skips the VMs of these moves permanently, until a person ends this."""
    records = await all_rows(
        db,
        "SELECT m.vm_id, m.cluster_id, json_extract(p.plan, '$.moves[' || m.position || '].vm_name') AS name "
        "FROM move m JOIN proposal p ON p.id = m.proposal_id WHERE m.id IN (SELECT value FROM json_each(?))",
        (json_list(move_ids),),
    )
    for row in records:
        await db.execute(
            "INSERT OR IGNORE INTO ignored_vm (vm_id, vm_name, cluster_id, by_kind, by_name, by_id, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                row["vm_id"],
                row["name"],
                row["cluster_id"],
                actor.kind.value,
                actor.name,
                actor.user_id,
                rows.to_text(now),
            ),
        )
