"""The steps of storing a plan as a proposal, in the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from balancer.formats.codec import plan_from_dict, plan_to_dict
from balancer.harmless import RulesVerdict, is_harmless
from balancer.model import Move, Plan, Purpose, Reason
from bot.domain.incidents import Incident
from bot.domain.proposals import (
    ASSIST_ACTOR,
    IN_FLIGHT,
    POLICY_ACTOR,
    PROGRAM,
    MigrationState,
    MoveState,
    Verdict,
)
from bot.errors import UnstorableError
from bot.store import rows
from bot.store.audit import write_audit
from bot.store.database import Connection, all_rows, json_list, scalar
from bot.store.incidents import end_if_over, note_proposal, note_question
from bot.store.notices import add_notice
from bot.store.reading import UNDECODABLE
from bot.store.rule_rows import rule_to_dict, verdict_to_text
from bot.store.values import NoticeKind, PublishCheckpoint, Published, RequestOrigin
from bot.store.verdicts import approve_or_skip

IN_MOTION = json_list(s.value for s in (MigrationState.QUEUED, *IN_FLIGHT))


class WaitingProposals(NamedTuple):
    """The waiting proposals of the program's own plans, and their pending moves; no moves if they are not readable."""

    proposal_ids: tuple[int, ...]
    moves: tuple[Move, ...]
    move_ids: tuple[int, ...] = ()


async def reason_outdated(db: Connection, plan: Plan, since: PublishCheckpoint | None, now: datetime) -> Reason | None:
    """Why a plan is outdated: what has changed since the checkpoint ``since``; ``None`` = it is not outdated."""
    moving = await scalar(
        db,
        "SELECT count(*) FROM migration g JOIN move m ON m.id = g.move_id "
        "WHERE g.state IN (SELECT value FROM json_each(?)) AND m.cluster_id = ? AND NOT coalesce(g.not_before > ?, 0)",
        (IN_MOTION, plan.cluster_id, rows.to_text(now)),
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


async def reason_snoozed(db: Connection, plan: Plan, now: datetime) -> Reason | None:
    """The snooze because of which nothing is proposed. Another overloaded node than at the snooze ends the snooze."""
    if plan.purpose is not Purpose.BALANCE:
        return None
    records = await all_rows(
        db,
        "SELECT * FROM snooze WHERE cluster_id = ? AND ended_at IS NULL AND until > ? ORDER BY id DESC LIMIT 1",
        (plan.cluster_id, rows.to_text(now)),
    )
    if not records:
        return None
    try:
        snooze = rows.snooze_of(records[0])
    except UNDECODABLE:
        return Reason.of("unreadable")
    new = {n.node_id for n in plan.overloaded} - snooze.overloaded
    if not new:
        return Reason.of("snoozed", who=snooze.by.name)
    await db.execute(
        "UPDATE snooze SET ended_at = ? WHERE cluster_id = ? AND ended_at IS NULL", (rows.to_text(now), plan.cluster_id)
    )
    await write_audit(db, now, PROGRAM, "snooze-over", {"cluster": plan.cluster_id, "overloaded": sorted(new)})
    return None


async def insert_proposal(
    db: Connection,
    plan: Plan,
    automatic: bool,
    *,
    now: datetime,
    expires_at: datetime,
    origin: RequestOrigin | None = None,
    rules: Sequence[RulesVerdict] = (),
) -> int:
    """Stores a plan with its pending moves; in automatic mode the policy approves them at once.

    Args:
        rules: what the rules of assist mode say of each move: it approves the harmless ones at once. Empty: not asked.
    """
    text = _readable_text(plan)
    cursor = await db.execute(
        "INSERT INTO proposal (cluster_id, automatic, created_at, expires_at, plan, purpose, "
        "by_kind, by_name, by_id, node_id, undoes, campaign_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(plan.cluster_id, int(automatic), rows.to_text(now), rows.to_text(expires_at), text, plan.purpose.value),
            *((origin.by.kind.value, origin.by.name, origin.by.user_id) if origin else (None, None, None)),
            *((origin.node_id, origin.undoes, origin.campaign_id) if origin else (None, None, None)),
        ),
    )
    proposal_id = cursor.lastrowid or 0
    await db.executemany(
        "INSERT INTO move (proposal_id, position, cluster_id, vm_id, source_id, target_id, state) "
        "VALUES (?, ?, ?, ?, ?, ?, 'pending')",
        [(proposal_id, position, plan.cluster_id, *move.key) for position, move in enumerate(plan.moves)],
    )
    detail = {"proposal": proposal_id, "cluster": plan.cluster_id, "moves": [list(m.key) for m in plan.moves]}
    if origin is not None:
        about = {"node": origin.node_id, "undoes": origin.undoes, "instead_of": origin.instead_of}
        about |= {"campaign": origin.campaign_id}
        detail |= {"purpose": plan.purpose.value, **{k: v for k, v in about.items() if v is not None}}
    await write_audit(db, now, PROGRAM if origin is None else origin.by, "proposed", detail)
    moves = await all_rows(db, "SELECT id FROM move WHERE proposal_id = ? ORDER BY position", (proposal_id,))
    if rules:
        await _assist(db, dict(zip((r["id"] for r in moves), rules, strict=True)), now)
    elif automatic:
        await approve_or_skip(db, [r["id"] for r in moves], Verdict.APPROVE, POLICY_ACTOR, now=now)
    return proposal_id


async def _assist(db: Connection, rules: Mapping[int, RulesVerdict], now: datetime) -> None:
    """Assist mode approves the harmless moves. ``rules``: move -> what the rules say of it."""
    await note_rules(db, rules)
    harmless = {move_id: verdict for move_id, verdict in rules.items() if is_harmless(verdict)}
    if harmless:
        detail = {str(i): [rule_to_dict(result) for result in verdict] for i, verdict in harmless.items()}
        await write_audit(db, now, ASSIST_ACTOR, "harmless", {"moves": detail})
        await approve_or_skip(db, list(harmless), Verdict.APPROVE, ASSIST_ACTOR, now=now)


async def note_rules(db: Connection, rules: Mapping[int, RulesVerdict]) -> None:
    """Keeps what assist mode's rules say of moves. ``rules``: by move."""
    await db.executemany(
        "UPDATE move SET rules = ? WHERE id = ?", [(verdict_to_text(verdict), i) for i, verdict in rules.items()]
    )


def _readable_text(plan: Plan) -> str:
    """The plan as stored text, after a test that the decoder returns the same plan.

    Raises:
        UnstorableError: the decoder returns another plan or fails: such a row would not be readable.
    """
    try:
        text = json.dumps(plan_to_dict(plan), ensure_ascii=False)
        text.encode("utf-8")
        stored = plan_from_dict(json.loads(text))
    except UNDECODABLE as error:
        raise UnstorableError(f"the plan of cluster {plan.cluster_id} cannot be stored: {error}") from error
    if stored != plan:
        raise UnstorableError(f"the plan of cluster {plan.cluster_id} cannot be stored: it reads back differently")
    return text


async def close(db: Connection, proposal_id: int, state: MoveState, reason: Reason | None) -> None:
    await db.execute(
        "UPDATE move SET state = ? WHERE proposal_id = ? AND state = 'pending'", (state.value, proposal_id)
    )
    if reason is not None:
        await db.execute(
            "UPDATE proposal SET closed_reason = ? WHERE id = ?", (rows.reason_to_text(reason), proposal_id)
        )


async def set_closed_reason(db: Connection, proposal_ids: Collection[int], reason: Reason) -> None:
    await db.executemany(
        "UPDATE proposal SET closed_reason = ? WHERE id = ?", [(rows.reason_to_text(reason), i) for i in proposal_ids]
    )


def look_alike(waiting: Sequence[Move], new: Sequence[Move]) -> bool:
    """Whether the new moves look the same to people as the pending ones, except for figures."""
    return [_shown(m) for m in waiting] == [_shown(m) for m in new]


def _shown(move: Move) -> tuple[object, ...]:
    names = (move.vm_name, move.source_name, move.target_name)
    return (move.key, names, move.vcpus, move.memory_mib, tuple(c.code for c in move.cautions))


async def extend(db: Connection, proposal_ids: Sequence[int], now: datetime, expires_at: datetime) -> None:
    """Extends proposals after half of their time, so that not every check edits the message."""
    half = rows.to_text(now + (expires_at - now) / 2)
    await db.executemany(
        "UPDATE proposal SET expires_at = ? WHERE id = ? AND expires_at < ?",
        [(rows.to_text(expires_at), i, half) for i in proposal_ids],
    )


async def supersede(db: Connection, proposal_ids: Sequence[int], plan: Plan, now: datetime) -> None:
    reason = Reason.of("newer-plan")
    if not plan.moves:
        reason = Reason.of("nothing-possible") if plan.overloaded else Reason.of("no-longer-needed")
    for proposal_id in proposal_ids:
        await close(db, proposal_id, MoveState.SUPERSEDED, reason)
        await write_audit(db, now, PROGRAM, "superseded", {"proposal": proposal_id})


async def note_in_incident(
    db: Connection,
    incident: Incident,
    proposal_id: int | None,
    waiting: WaitingProposals,
    plan: Plan,
    *,
    automatic: bool,
    now: datetime,
) -> None:
    """Updates the incident for a plan that differs from the waiting one: another question, or the end."""
    if proposal_id is None:
        if not plan.overloaded:
            await end_if_over(db, incident, now)
        return
    await note_proposal(db, incident, proposal_id, old=waiting.moves, new=plan.moves, now=now)
    new = await note_question(db, incident)
    if new and not automatic and not waiting.proposal_ids:
        body = Reason.of("node-joined", node=new[0])
        await add_notice(db, NoticeKind.WORSE, now, proposal_id=proposal_id, body=body)


async def published(
    db: Connection,
    incident: Incident | None,
    *,
    proposal_id: int | None = None,
    created: bool = False,
    superseded: tuple[int, ...] = (),
    left_alone: Reason | None = None,
) -> Published:
    shows = 0
    if incident is not None:
        shows = await scalar(db, "SELECT max(id) FROM proposal WHERE incident_id = ?", (incident.id,))
    return Published(proposal_id, created, superseded, left_alone, shows or None)
