"""What the store hands out beside the nouns of bot.domain.proposals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from balancer.model import Purpose, Reason
from bot.domain.load_history import BusyNode
from bot.domain.outcomes import BrokenPromises
from bot.domain.proposals import Actor, DecisionResult, ProposedMove


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The newest decision and exclusion, and what was in motion, before the panel was read."""

    decision_id: int
    exclusion_id: int
    moving: frozenset[int]
    """Clusters with a migration queued or in flight."""


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """What a verdict says besides yes and no: of an approval when it may begin, of a skip for how long it holds."""

    not_before: datetime | None = None
    skip_until: datetime | None = None
    for_good: bool = False

    def detail(self) -> dict[str, object]:
        """For the audit trail: what was said, and nothing else."""
        detail = {"not_before": self.not_before, "rests_until": self.skip_until, "for_good": self.for_good or None}
        return {word: value for word, value in detail.items() if value is not None}


NO_OPTIONS = DecisionOptions()


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Who wished for a plan, and what it is about."""

    by: Actor
    node_id: int | None = None
    """Of a drain or a fill."""
    undoes: int | None = None
    """The migration that is taken back."""
    instead_of: int | None = None
    """The pending move whose place it takes."""


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """What became of a wish: its proposal, or why there is none. ``created`` is false where there was one already.

    ``results``: what the person's approval did, where the wish is one. ``changed``: proposals that look different now.
    """

    proposal_id: int | None = None
    created: bool = False
    refused: Reason | None = None
    results: tuple[DecisionResult, ...] = ()
    changed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionGroup:
    """What was decided about one incident or one request.

    ``name``: the cluster, of a drain or fill the node. ``at``: the newest decision. ``moves``: those that were decided.
    """

    purpose: Purpose
    name: str
    at: datetime
    asked_by: Actor | None
    moves: tuple[ProposedMove, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop took back of a wish, and what goes on: the moves by id."""

    withdrawn: tuple[int, ...]
    called_back: tuple[int, ...]
    running: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Claims:
    """What people's wishes lay claim to, for those who plan by themselves."""

    vms: frozenset[int]
    """VMs with a move of a wish that waits for its approval."""
    draining: frozenset[int]
    """Nodes whose drain waits or is under way."""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a plan: the proposal that shows it (``None`` for an empty plan), whether it is new,
    and the proposals whose pending moves it ended. ``left_alone``: why nothing at all was done with it.
    ``shows_incident``: the newest proposal of the cluster's incident, whose message may look different now."""

    proposal_id: int | None
    created: bool
    superseded: tuple[int, ...]
    left_alone: Reason | None = None
    shows_incident: int | None = None

    @property
    def changed(self) -> tuple[int, ...]:
        """The proposals whose messages may look different now."""
        own = (self.proposal_id if self.created else None, self.shows_incident)
        return (*self.superseded, *dict.fromkeys(i for i in own if i is not None))


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
    """An automatic proposal is carried out. Versions before schema 10 made it; the incident's message says it now."""
    OUTAGE = "outage"
    """The panel is out of reach, or back."""
    REMINDER = "reminder"
    """Nobody has answered a proposal."""
    WORSE = "worse"
    """A new proposal of an incident is also about a node that people were not asked about before."""
    ESCALATION = "escalation"
    """Still nobody has: for another chat."""
    DIGEST = "digest"
    """What the day or week before came to."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A short message about an event, to be sent once. What it says is read when it is sent.

    ``subject``: what it tells the beginning or the end (``ends``) of: the end edits the message of the beginning.
    """

    id: int
    kind: NoticeKind
    proposal_id: int | None
    migration_id: int | None
    body: Reason | None
    created_at: datetime
    subject: str | None = None
    ends: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question to people: the newest proposal of an incident, or a request, of which moves wait.

    ``since``: what reminders count from; in the future while somebody looks into it. ``reminded``: how many reminders
    were due when the last one was sent. ``incident_id``: ``None`` for a request.
    """

    proposal_id: int
    since: datetime
    reminded: int
    escalated: bool
    incident_id: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a stretch of time came to. ``unanswered``: proposals that expired; ``waiting``: moves that wait now."""

    since: datetime
    until: datetime
    overload_hours: float
    overloaded_nodes: int
    busiest: tuple[BusyNode, ...]
    succeeded: int
    failed: int
    unanswered: int
    waiting: int
    restarted: int = 0
    """Of those that succeeded: VMs that were restarted on their way."""
    compared: int = 0
    """Migrations that were compared with their promise in that time, and the median part of it that they kept."""
    kept: float | None = None
    broken: tuple[BrokenPromises, ...] = ()
    """Clusters whose moves bring less than they promise."""

    @property
    def quiet(self) -> bool:
        """Nothing that anybody has to know."""
        return not (self.overloaded_nodes or self.succeeded or self.failed or self.unanswered or self.waiting)


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
