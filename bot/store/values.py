"""What the store hands out beside the nouns of bot.proposals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from balancer.model import Reason
from bot.proposals import Actor


@dataclass(frozen=True, slots=True)
class Mark:
    """How far people and migrations had come when a look at the panel began: see ``Store.mark``."""

    decision_id: int
    exclusion_id: int
    moving: frozenset[int]
    """Clusters with a migration queued or in flight."""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a plan: the proposal that shows it (``None`` for an empty plan), whether it is new,
    and the proposals whose pending moves it ended. ``left_alone``: why nothing at all was done with it."""

    proposal_id: int | None
    created: bool
    superseded: tuple[int, ...]
    left_alone: Reason | None = None


@dataclass(frozen=True, slots=True)
class MessageRow:
    """Where a proposal is shown. ``shown`` is a digest of what was sent last."""

    proposal_id: int
    chat_id: int
    message_id: int
    page: int
    shown: str
    final: bool


class NoticeKind(str, Enum):
    FAILED = "failed"
    """A migration failed, or nobody knows how it ended."""
    SETTLED = "settled"
    """The panel has told, after all, that a migration of unknown outcome went well."""
    FINISHED = "finished"
    """An automatic proposal is carried out."""
    OUTAGE = "outage"
    """The panel is out of reach, or back."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A short message about an event, to be sent once. What it says is read when it is sent."""

    id: int
    kind: NoticeKind
    proposal_id: int | None
    migration_id: int | None
    body: Reason | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredSetting:
    """A setting that somebody changed at run time."""

    value: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class LastCycle:
    """The check that was made last. ``outcome`` as the cycle's report says it."""

    started_at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the audit trail. ``detail`` is what the event brings along."""

    id: int
    at: datetime
    by: Actor
    event: str
    detail: dict[str, object]
