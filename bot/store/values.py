"""Values of the store that are not in bot.domain.proposals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from balancer.model import Purpose, Reason
from bot.domain.load_history import BusyNode
from bot.domain.promise_verdicts import BrokenPromises
from bot.domain.proposals import Actor, DecisionResult, ProposedMove


@dataclass(frozen=True, slots=True)
class PublishCheckpoint:
    """The newest decision and exclusion, and the moving clusters, before the panel was read."""

    decision_id: int
    exclusion_id: int
    moving: frozenset[int]
    """Clusters with a migration queued or in flight."""


@dataclass(frozen=True, slots=True)
class DecisionOptions:
    """The options of a verdict: the earliest start of an approved move, or the length of a skip."""

    not_before: datetime | None = None
    skip_until: datetime | None = None
    for_good: bool = False

    def detail(self) -> dict[str, object]:
        """The options that the person gave, for the audit trail."""
        detail = {"not_before": self.not_before, "rests_until": self.skip_until, "for_good": self.for_good or None}
        return {word: value for word, value in detail.items() if value is not None}


NO_OPTIONS = DecisionOptions()


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """Who requested a plan, and its subject."""

    by: Actor
    node_id: int | None = None
    """The node of a drain or a fill."""
    undoes: int | None = None
    """The migration that is undone."""
    instead_of: int | None = None
    """The pending move that is replaced."""
    campaign_id: int | None = None
    """The campaign that empties or fills the node."""


@dataclass(frozen=True, slots=True)
class StoredRequest:
    """The result of a request: its proposal, or why there is none. ``created`` is false if there was one already.

    ``results``: of the person's approval, if the request is also one. ``changed``: proposals to show again.
    """

    proposal_id: int | None = None
    created: bool = False
    refused: Reason | None = None
    results: tuple[DecisionResult, ...] = ()
    changed: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionGroup:
    """The decisions about one incident, one campaign or one request.

    ``name``: of the cluster; for a drain or fill of the node. ``at``: the newest decision. ``moves``: the decided ones.
    ``campaign``: whether it is a campaign.
    """

    purpose: Purpose
    name: str
    at: datetime
    asked_by: Actor | None
    moves: tuple[ProposedMove, ...]
    campaign: bool = False


@dataclass(frozen=True, slots=True)
class Stopped:
    """The moves that a stop withdrew or cancelled, and those that go on, by id."""

    withdrawn: tuple[int, ...]
    called_back: tuple[int, ...]
    running: tuple[int, ...]

    @property
    def any(self) -> bool:
        """Whether anything was taken back."""
        return bool(self.withdrawn or self.called_back)


@dataclass(frozen=True, slots=True)
class Claims:
    """VMs and nodes that people's requests reserve; the program's own plans leave them alone."""

    vms: frozenset[int]
    """VMs with a requested move that waits for its approval."""
    draining: frozenset[int]
    """Nodes whose drain waits or runs."""


@dataclass(frozen=True, slots=True)
class Published:
    """The result of publishing a plan: its proposal (``None`` for an empty plan), whether the proposal is new, and
    the proposals whose pending moves it ended. ``left_alone``: why nothing was done with the plan.
    ``shows_incident``: the newest proposal of the cluster's incident, whose message may have to be shown again."""

    proposal_id: int | None
    created: bool
    superseded: tuple[int, ...]
    left_alone: Reason | None = None
    shows_incident: int | None = None

    @property
    def changed(self) -> tuple[int, ...]:
        """The proposals whose messages may have to be shown again."""
        own = (self.proposal_id if self.created else None, self.shows_incident)
        return (*self.superseded, *dict.fromkeys(i for i in own if i is not None))


@dataclass(frozen=True, slots=True)
class SoundMade:
    """A question or a reminder that made a sound in a chat. ``message``: its kind and the number of its row."""

    message: tuple[str, int]
    cluster_id: int
    at: datetime


@dataclass(frozen=True, slots=True)
class MessageRow:
    """The message that shows a proposal. ``shown`` is a digest of the content that was sent last."""

    proposal_id: int
    chat_id: int
    message_id: int
    page: int
    shown: str
    final: bool


class NoticeKind(str, Enum):
    FAILED = "failed"
    """A migration failed, or its outcome is unknown."""
    SETTLED = "settled"
    """A migration whose outcome was unknown has succeeded."""
    FINISHED = "finished"
    """An automatic proposal is carried out. Only of versions before schema 10; now the incident's message says it."""
    OUTAGE = "outage"
    """The panel is out of reach, or back."""
    REMINDER = "reminder"
    """A proposal is not answered."""
    WORSE = "worse"
    """A new proposal of an incident is also about a node that people were not asked about before."""
    ESCALATION = "escalation"
    """A proposal is still not answered: for the escalation chat."""
    DIGEST = "digest"
    """The summary of a day or a week."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A short message about an event, to be sent once. Its text is made when it is sent.

    ``subject``: the event whose beginning or end (``ends``) it reports. The end edits the message of the beginning.
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
    """A question to people: the newest proposal of an incident, or a request, with pending moves.

    ``since``: the begin of the wait for reminders; in the future while a person looks into the incident. ``reminded``:
    how many reminders were due when the last one was sent. ``incident_id``: ``None`` for a request.
    """

    proposal_id: int
    since: datetime
    reminded: int
    escalated: bool
    incident_id: int | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a period. ``unanswered``: expired proposals; ``waiting``: moves that wait now."""

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
    """Successful migrations that restarted their VM."""
    compared: int = 0
    """Migrations that were compared with their promise in this period; ``kept``: the median part that was kept."""
    kept: float | None = None
    broken: tuple[BrokenPromises, ...] = ()
    """Clusters whose moves bring less than promised."""
    shadow: tuple[int, int, int] | None = None
    """Days, and how many of how many moves assist mode would have started by itself; ``None``: not counted."""

    @property
    def quiet(self) -> bool:
        """True if there is nothing that people have to know."""
        return not (self.overloaded_nodes or self.succeeded or self.failed or self.unanswered or self.waiting)


@dataclass(frozen=True, slots=True)
class StoredSetting:
    """A setting that a person changed at run time."""

    value: str
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class LastCycle:
    """The last check. ``outcome`` as in the cycle's report."""

    started_at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry of the audit trail. ``detail``: the data of the event."""

    id: int
    at: datetime
    by: Actor
    event: str
    detail: dict[str, object]
