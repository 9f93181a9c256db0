"""The results of the service, and the words that it stores. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from balancer.harmless import Limits
from balancer.model import Cluster, Plan, Reason
from bot.domain.exclusions import Exclusion, Snooze
from bot.domain.promise_verdicts import BrokenPromises
from bot.domain.proposals import Migration, Proposal
from bot.domain.reservations import Reservation
from bot.domain.survival_summary import SurvivalSummary
from bot.store.values import Published

MODE_KEY, PAUSE_KEY, STRATEGY_KEY, OUTAGE_KEY = "mode", "paused", "strategy", "outage"
REFUSED_KEY = "token-refused"
FOREVER = "forever"


class Risk(str, Enum):
    """A risk of a requested move; the person has to confirm it before the move is approved."""

    LARGE = "large"
    """The VM is large (CONFIRM_LARGE_MOVES)."""
    OVERLOAD = "overload"
    """The target node is overloaded afterwards."""
    ROOM = "room"
    """A node that could be lost before cannot be lost afterwards: the others have no room (without KEEP_SURVIVABLE)."""


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """The result of one cycle for one cluster: the published plan, or why there is none."""

    cluster: Cluster
    plan: Plan | None = None
    published: Published | None = None
    left_alone: Reason | None = None


@dataclass(frozen=True, slots=True)
class CycleReport:
    """The result of a cycle. ``outcome``: done, paused, busy (another cycle runs), failed."""

    outcome: str
    started_at: datetime
    results: tuple[ClusterResult, ...] = ()
    problem: str | None = None

    @property
    def proposed(self) -> tuple[int, ...]:
        """Ids of the proposals that this cycle created."""
        published = (r.published for r in self.results if r.published is not None and r.published.created)
        return tuple(p.proposal_id for p in published if p.proposal_id is not None)


@dataclass(frozen=True, slots=True)
class Status:
    """The content of `/status`. ``plans`` are of the last snapshot; ``problem`` says why there is no newer one."""

    taken_at: datetime | None
    plans: tuple[Plan, ...]
    mode: str
    paused_until: datetime | str | None
    waiting: tuple[Proposal, ...]
    running: tuple[Migration, ...]
    exclusions: tuple[Exclusion, ...]
    problem: str | None
    snoozes: tuple[Snooze, ...] = ()
    survivals: tuple[SurvivalSummary, ...] = ()
    """Whether these clusters have room for a lost node, by the last check."""
    broken: tuple[BrokenPromises, ...] = ()
    """Clusters whose moves bring less than promised."""
    reservations: tuple[Reservation, ...] = ()
    """Room that is kept for new VMs."""


@dataclass(frozen=True, slots=True)
class AutonomyStatus:
    """What the program may start without a person. Clusters are called by their names."""

    own_modes: Mapping[str, str]
    """Clusters whose mode differs from the general one."""
    held: Mapping[str, Reason]
    """Cluster -> why people are asked about every move there until an admin continues it."""
    limits: Limits
    """What is harmless in assist mode, for clusters without a value of their own in CLUSTERS_FILE."""
    hours: str
    """AUTO_HOURS, as written."""
    shadow: tuple[int, int, int] | None = None
    """Days, and how many of how many moves assist mode would have started by itself; ``None``: not counted yet."""
