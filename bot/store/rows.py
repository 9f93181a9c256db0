"""Rows of the database to and from the program's values. Pure; only the store uses it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TypeVar

from balancer.model import Move, Plan, Reason
from bot.domain.exclusions import Exclusion, ExclusionRole, IgnoredVM, Snooze
from bot.domain.incidents import Incident, Looking, NodeFigure, PlanChange, Resource
from bot.domain.proposals import (
    Actor,
    ActorKind,
    FirstApproval,
    LastSeen,
    Migration,
    MigrationState,
    MoveState,
    Proposal,
    ProposedMove,
    Sighting,
)
from bot.domain.reservations import Reservation
from bot.store.rule_rows import verdict_of
from bot.store.values import MessageRow, Notice, NoticeKind, StoredSetting, Unanswered

T = TypeVar("T")
_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def to_text(moment: datetime) -> str:
    """The moment as text in UTC, which sorts by time. The moment must be aware."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(timezone.utc).strftime(_FORMAT)


def from_text(text: str) -> datetime:
    """
    Raises:
        ValueError: it is no moment; in a damaged row it may be bytes or a number.
    """
    if not isinstance(text, str):
        raise ValueError(f"{text!r} is no moment")
    return datetime.strptime(text, _FORMAT).replace(tzinfo=timezone.utc)


def from_text_or(text: str, default: T) -> datetime | T:
    """The moment of the text, or ``default`` if it is not readable: for times that protect something."""
    try:
        return from_text(text)
    except ValueError:
        return default


def reason_code(text: str | None) -> str | None:
    """The code of a stored reason; ``None`` if there is none or it is not readable."""
    try:
        reason = reason_from_text(text)
    except (ValueError, LookupError, TypeError):
        return None
    return None if reason is None else reason.code


def maybe_from_text(text: str | None) -> datetime | None:
    return None if text is None else from_text(text)


def maybe_to_text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)


def reason_to_text(reason: Reason | None) -> str | None:
    return None if reason is None else json.dumps({"code": reason.code, "params": reason.as_dict()}, ensure_ascii=False)


def reason_from_text(text: str | None) -> Reason | None:
    if text is None:
        return None
    raw = json.loads(text)
    return Reason.of(raw["code"], **raw["params"])


def actor_of(row: sqlite3.Row) -> Actor:
    return Actor(ActorKind(row["by_kind"]), row["by_name"], row["by_id"])


def planned_move(row: sqlite3.Row, plan: Plan) -> Move:
    """The move of a plan that a row of the table move stands for.

    Raises:
        ValueError, LookupError, TypeError: the plan has no such move, or the row names another VM or other nodes.
    """
    position = row["position"]
    if position < 0:  # Python would count from the end
        raise ValueError(f"position {position}")
    move: Move = plan.moves[position]
    if (move.vm_id, move.source_id, move.target_id) != (row["vm_id"], row["source_id"], row["target_id"]):
        raise ValueError(f"the move {position} of the plan is another one")
    return move


def migration_of(row: sqlite3.Row, plan: Plan) -> Migration | None:
    """The migration of a row of the view move_state, if the move has one."""
    if row["migration_id"] is None:
        return None
    return Migration(
        id=row["migration_id"],
        move_id=row["id"],
        proposal_id=row["proposal_id"],
        cluster_id=row["cluster_id"],
        move=planned_move(row, plan),
        state=MigrationState(row["migration_state"]),
        queued_at=from_text(row["queued_at"]),
        started_at=maybe_from_text(row["started_at"]),
        finished_at=maybe_from_text(row["finished_at"]),
        consul_id=row["consul_id"],
        task_id=row["task_id"],
        history_mark=row["history_mark"],
        reason=reason_from_text(row["reason"]),
        error=row["error"],
        purpose=plan.purpose,
        not_before=maybe_from_text(row["not_before"]),
        sighting=_sighting_from_text(row["sighting"]),
        last_seen=LastSeen(row["seen_node_id"], None if row["seen_running"] is None else bool(row["seen_running"])),
    )


def sighting_to_text(sighting: Sighting | None) -> str | None:
    """The sighting as stored JSON."""
    return None if sighting is None else json.dumps(asdict(sighting), ensure_ascii=False)


def _sighting_from_text(text: str | None) -> Sighting | None:
    if text is None:
        return None
    values = json.loads(text)
    return Sighting(**{**values, "task_words": tuple(values["task_words"])})


def move_of(row: sqlite3.Row, plan: Plan) -> ProposedMove:
    """A row of the view move_state as a proposed move."""
    return ProposedMove(
        id=row["id"],
        position=row["position"],
        move=planned_move(row, plan),
        state=MoveState(row["state"]),
        decided_by=None if row["by_kind"] is None else actor_of(row),
        decided_at=maybe_from_text(row["decided_at"]),
        migration=migration_of(row, plan),
        first=None if row["first_kind"] is None else first_of(row),
        purpose=plan.purpose,
        skip_until=maybe_from_text(row["rests_until"]),
        rules=verdict_of(row["rules"]),
    )


def first_of(row: sqlite3.Row) -> FirstApproval:
    """The first approval of a row of the view move_state that has one."""
    by = Actor(ActorKind(row["first_kind"]), row["first_name"], row["first_id"])
    return FirstApproval(by, from_text(row["first_at"]), maybe_from_text(row["first_not_before"]))


def exclusion_of(row: sqlite3.Row) -> Exclusion:
    return Exclusion(
        node_id=row["node_id"],
        node_name=row["node_name"],
        role=ExclusionRole(row["role"]),
        until=maybe_from_text(row["until"]),
        by=actor_of(row),
        created_at=from_text(row["created_at"]),
        drain_id=row["proposal_id"],
        campaign_id=row["campaign_id"],
    )


def reservation_of(row: sqlite3.Row) -> Reservation:
    known = json.loads(row["known_vms"])
    return Reservation(
        *(row["id"], row["cluster_id"], row["cluster_name"], row["node_id"], row["node_name"]),
        *(row["vcpus"], row["memory_mib"], from_text(row["until"]), actor_of(row), from_text(row["created_at"])),
        known_vms=frozenset(int(i) for i in known),
    )


def ignored_of(row: sqlite3.Row) -> IgnoredVM:
    return IgnoredVM(row["vm_id"], row["vm_name"], row["cluster_id"], actor_of(row), from_text(row["at"]))


def setting_of(row: sqlite3.Row) -> StoredSetting:
    return StoredSetting(row["value"], actor_of(row), from_text(row["at"]))


def first_approval_of(row: sqlite3.Row) -> FirstApproval:
    """The value of a row of the table first_approval; see ``first_of`` for rows of the view move_state."""
    return FirstApproval(actor_of(row), from_text(row["at"]), maybe_from_text(row["not_before"]))


def snooze_of(row: sqlite3.Row) -> Snooze:
    overloaded = frozenset(json.loads(row["overloaded"]))
    until, at = from_text(row["until"]), from_text(row["at"])
    return Snooze(row["cluster_id"], row["cluster_name"], until, overloaded, actor_of(row), at)


def proposal_of(row: sqlite3.Row, moves: Sequence[sqlite3.Row], plan: Plan) -> Proposal:
    """A row of proposal with its rows of the view move_state."""
    return Proposal(
        id=row["id"],
        cluster_id=row["cluster_id"],
        automatic=bool(row["automatic"]),
        created_at=from_text(row["created_at"]),
        expires_at=from_text(row["expires_at"]),
        plan=plan,
        moves=tuple(move_of(m, plan) for m in moves),
        closed_reason=reason_from_text(row["closed_reason"]),
        asked_by=None if row["by_kind"] is None else actor_of(row),
        node_id=row["node_id"],
        undoes=row["undoes"],
        campaign_id=row["campaign_id"],
    )


def message_of(row: sqlite3.Row) -> MessageRow:
    return MessageRow(
        row["proposal_id"], row["chat_id"], row["message_id"], row["page"], row["shown"], bool(row["final"])
    )


def notice_of(row: sqlite3.Row) -> Notice:
    return Notice(
        id=row["id"],
        kind=NoticeKind(row["kind"]),
        proposal_id=row["proposal_id"],
        migration_id=row["migration_id"],
        body=reason_from_text(row["body"]),
        created_at=from_text(row["created_at"]),
        subject=row["subject"],
        ends=bool(row["ends"]),
    )


def incident_of(row: sqlite3.Row) -> Incident:
    change, changed_at = reason_from_text(row["change"]), maybe_from_text(row["changed_at"])
    until = maybe_from_text(row["looking_until"])
    return Incident(
        id=row["id"],
        cluster_id=row["cluster_id"],
        cluster_name=row["cluster_name"],
        opened_at=from_text(row["opened_at"]),
        ended_at=maybe_from_text(row["ended_at"]),
        nodes=figures_from_text(row["figures"]),
        waits_since=from_text(row["waits_since"]),
        reminded=int(row["reminded"]),
        escalated=bool(row["escalated"]),
        change=None if change is None or changed_at is None else PlanChange(changed_at, change),
        looking=None if until is None else Looking(actor_of(row), until),
        end_reason=reason_from_text(row["end_reason"]),
    )


def unanswered_of(row: sqlite3.Row) -> Unanswered:
    """A proposal with its incident, if it has one."""
    return Unanswered(
        proposal_id=row["id"],
        since=from_text(row["created_at"] if row["incident_id"] is None else row["waits_since"]),
        reminded=int(row["reminded"]),
        escalated=bool(row["escalated"]),
        incident_id=row["incident_id"],
    )


def figures_to_text(nodes: Sequence[NodeFigure]) -> str:
    return json.dumps([{**asdict(node), "resource": node.resource.value} for node in nodes], ensure_ascii=False)


def figures_from_text(text: str) -> tuple[NodeFigure, ...]:
    return tuple(
        NodeFigure(
            node_id=int(raw["node_id"]),
            node_name=str(raw["node_name"]),
            resource=Resource(raw["resource"]),
            limit=float(raw["limit"]),
            before=float(raw["before"]),
            after=None if raw["after"] is None else float(raw["after"]),
            overloaded=bool(raw["overloaded"]),
            asked=bool(raw["asked"]),
        )
        for raw in json.loads(text)
    )
