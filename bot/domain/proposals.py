"""Proposals, decisions and migrations: values, states, and legal changes of state. Pure.

    move        pending ──▶ approved ──▶ (a migration)
                   ├──▶ skipped      a person said no
                   ├──▶ expired      nobody decided in time
                   ├──▶ superseded   a newer plan, or none, replaced it
                   └──▶ withdrawn    an exclusion forbids it now, or its request was stopped

    migration   queued ──▶ starting ──▶ running ──▶ succeeded | failed | unknown
                   ├──▶ skipped      the VM is gone or already elsewhere, or a person withdrew it
                   └──▶ stale        no longer allowed, or no longer needed
                unknown ──▶ succeeded | failed      once the panel reports it

The rows of the store are the truth; a message only shows them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from balancer.harmless import RulesVerdict
from balancer.model import Move, Plan, Purpose, Reason


class MoveState(str, Enum):
    """The decision about a proposed move."""

    PENDING = "pending"
    APPROVED = "approved"
    SKIPPED = "skipped"
    EXPIRED = "expired"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class MigrationState(str, Enum):
    """The progress of an approved move."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    STALE = "stale"
    SKIPPED = "skipped"


MOVE_TRANSITIONS: dict[MoveState, frozenset[MoveState]] = {
    MoveState.PENDING: frozenset(MoveState) - {MoveState.PENDING},
    **{s: frozenset() for s in MoveState if s is not MoveState.PENDING},
}

_OVER = frozenset({MigrationState.SUCCEEDED, MigrationState.FAILED})
MIGRATION_TRANSITIONS: dict[MigrationState, frozenset[MigrationState]] = {
    MigrationState.QUEUED: frozenset({MigrationState.STARTING, MigrationState.STALE, MigrationState.SKIPPED}),
    MigrationState.STARTING: _OVER | {MigrationState.RUNNING, MigrationState.UNKNOWN},
    MigrationState.RUNNING: _OVER | {MigrationState.UNKNOWN},
    MigrationState.UNKNOWN: _OVER,
    MigrationState.SUCCEEDED: frozenset(),
    MigrationState.FAILED: frozenset(),
    MigrationState.STALE: frozenset(),
    MigrationState.SKIPPED: frozenset(),
}

IN_FLIGHT = (MigrationState.STARTING, MigrationState.RUNNING)
"""The panel has, or may have, a task for these."""
UNSETTLED = (MigrationState.QUEUED, *IN_FLIGHT, MigrationState.UNKNOWN)
"""Their VM and both nodes are left alone."""


class Verdict(str, Enum):
    """What a person or the policy decides about a move."""

    APPROVE = "approve"
    SKIP = "skip"

    @property
    def state(self) -> MoveState:
        """The state of a move after this verdict."""
        return MoveState.APPROVED if self is Verdict.APPROVE else MoveState.SKIPPED


class ActorKind(str, Enum):
    """Who or what acts."""

    TELEGRAM = "telegram"
    TERMINAL = "terminal"
    CODE = "code"
    """A program that uses this one as a library."""
    POLICY = "policy"
    """Automatic mode decided."""
    PROGRAM = "program"
    """Automatic steps: a plan, an expiry, the steps of a migration. It never decides."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did something. ``user_id`` is the numeric Telegram id, if there is one."""

    kind: ActorKind
    name: str
    user_id: int | None = None


def same_person(one: Actor, other: Actor) -> bool:
    """Whether two approvals come from one person, for TWO_PERSON_RULE.

    In Telegram the id identifies a person, elsewhere only the name. A person in Telegram and the same person at the
    terminal count as two, because nothing connects them.
    """
    if one.user_id is not None or other.user_id is not None:
        return one.user_id == other.user_id
    return one.name.strip().casefold() == other.name.strip().casefold()


POLICY_ACTOR = Actor(ActorKind.POLICY, "auto")
ASSIST_ACTOR = Actor(ActorKind.POLICY, "assist")
"""Assist mode decided about a harmless move."""
PROGRAM = Actor(ActorKind.PROGRAM, "vm-balancer")


@dataclass(frozen=True, slots=True)
class Sighting:
    """The record of the first migration on a panel: the VM before it and at its end, and the words of its task.

    The unit of an uptime is the panel's. ``None`` = the panel does not give it, or the program was restarted meanwhile.
    """

    state_before: str | None = None
    uptime_before: int | None = None
    state_after: str | None = None
    uptime_after: int | None = None
    task_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LastSeen:
    """A VM as the panel showed it last before its migration failed; ``None`` = the panel did not tell, or no such VM.

    ``node_id``: the node it was on. ``running``: whether it ran.
    """

    node_id: int | None = None
    running: bool | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """The migration of an approved move. ``error`` is the panel's own text."""

    id: int
    move_id: int
    proposal_id: int
    cluster_id: int
    move: Move
    state: MigrationState
    queued_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    consul_id: int | None = None
    task_id: int | None = None
    history_mark: int | None = None
    """The newest entry of the VM's history in the panel just before the start; 0 = the history was empty; ``None`` =
    the panel did not report it: then it is not certain of any entry that it is ours."""
    reason: Reason | None = None
    error: str | None = None
    purpose: Purpose = Purpose.BALANCE
    not_before: datetime | None = None
    """Approved for later: it does not start before this time."""
    sighting: Sighting | None = None
    """Only for migrations that ended before any migration had arrived alive on this panel."""
    last_seen: LastSeen = LastSeen()
    """Only for failed migrations."""

    @property
    def stays(self) -> bool:
        """Whether it failed while the VM was still on its old node."""
        return self.state is MigrationState.FAILED and self.last_seen.node_id == self.move.source_id

    @property
    def approval_counts_from(self) -> datetime:
        """The time from which the age of the approval counts."""
        return self.queued_at if self.not_before is None else max(self.queued_at, self.not_before)

    @property
    def called_back_by(self) -> str | None:
        """Who withdrew the approval before the migration started; ``None``: nobody."""
        if self.reason is None or self.reason.code != "called-back":
            return None
        return str(dict(self.reason.params).get("who", ""))

    def is_due(self, now: datetime) -> bool:
        """Whether the migration may start now."""
        return self.not_before is None or self.not_before <= now

    @property
    def duration(self) -> timedelta | None:
        """How long it ran, after it has ended."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


@dataclass(frozen=True, slots=True)
class FirstApproval:
    """The first of the two approvals that TWO_PERSON_RULE needs."""

    by: Actor
    at: datetime
    not_before: datetime | None = None
    """The earliest start that this person chose."""


@dataclass(frozen=True, slots=True)
class ProposedMove:
    """A move of a proposal with its decisions and its migration."""

    id: int
    position: int
    move: Move
    state: MoveState
    decided_by: Actor | None = None
    decided_at: datetime | None = None
    migration: Migration | None = None
    first: FirstApproval | None = None
    purpose: Purpose = Purpose.BALANCE
    skip_until: datetime | None = None
    """The end of a skip with its own length; ``None`` = by SKIP_COOLDOWN, or permanent."""
    rules: RulesVerdict = ()
    """What the rules of assist mode said of the move when it was proposed; empty: they were not asked."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A stored plan that waits for people, or that the policy approved at once (``automatic``)."""

    id: int
    cluster_id: int
    automatic: bool
    created_at: datetime
    expires_at: datetime
    plan: Plan
    moves: tuple[ProposedMove, ...]
    closed_reason: Reason | None = None
    """Why its remaining moves can no longer be decided, if a newer plan, an exclusion or a person ended it."""
    asked_by: Actor | None = None
    """Who requested it; ``None`` = a check made it."""
    node_id: int | None = None
    """The node that is drained or filled."""
    undoes: int | None = None
    """The migration that it undoes."""
    campaign_id: int | None = None
    """The campaign that empties or fills the node. Its message shows the moves."""

    @property
    def purpose(self) -> Purpose:
        """The purpose of its plan."""
        return self.plan.purpose

    @property
    def pending(self) -> tuple[ProposedMove, ...]:
        """The moves that wait for a decision."""
        return tuple(m for m in self.moves if m.state is MoveState.PENDING)

    @property
    def settled(self) -> bool:
        """Whether nothing is left to decide or to carry out."""
        return all(
            m.state is not MoveState.PENDING and (m.migration is None or m.migration.state not in UNSETTLED)
            for m in self.moves
        )


class ChangingTimes(NamedTuple):
    """Times at which buttons of moves change by themselves.

    ``undo_until``: migration -> until when it can be moved back. ``starts``: the moments at which moves that were
    approved for later begin.
    """

    undo_until: dict[int, datetime]
    starts: tuple[datetime, ...]


def changing_times(moves: Iterable[ProposedMove], now: datetime, undo_window: timedelta) -> ChangingTimes:
    """The future times of these moves. An undo cannot be undone."""
    undo, starts = {}, []
    for migration in (m.migration for m in moves if m.migration is not None):
        ended, later = migration.finished_at, migration.not_before
        if migration.state is MigrationState.SUCCEEDED and ended and migration.purpose is not Purpose.UNDO:
            if ended + undo_window > now:
                undo[migration.id] = ended + undo_window
        elif migration.state is MigrationState.QUEUED and later and later > now:
            starts.append(later)
    return ChangingTimes(undo, tuple(starts))


def waiting_for_hours(moves: Iterable[ProposedMove]) -> bool:
    """Whether an approved move has not started, so that the migration window must be shown."""
    return any(m.migration is not None and m.migration.state is MigrationState.QUEUED for m in moves)


@dataclass(frozen=True, slots=True)
class DecisionResult:
    """The result of a verdict for one move.

    ``done``: this verdict decided the move; else ``move`` shows the earlier decision, if there is one. ``noted``: this
    was the first approval of two. ``again``: the first approval came from the same person. ``needs_confirmation``: the
    move is large (CONFIRM_LARGE_MOVES), so the verdict decided nothing until the person confirms it.
    """

    move: ProposedMove
    done: bool
    noted: bool = False
    again: bool = False
    needs_confirmation: bool = False


def check_transition(old: MigrationState, new: MigrationState) -> None:
    """Raises for an illegal step, which is a defect of the program and never of its input."""
    if new not in MIGRATION_TRANSITIONS[old]:
        raise ValueError(f"a migration cannot go from {old.value} to {new.value}")
