"""What the service hands out, and the words that it stores. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from balancer.model import Cluster, Plan, Reason
from bot.domain.exclusions import Exclusion, Snooze
from bot.domain.outcomes import BrokenPromises
from bot.domain.proposals import Migration, Proposal
from bot.domain.survival_summary import SurvivalSummary
from bot.store.values import Published

MODES = ("approve", "auto")
MODE_KEY, PAUSE_KEY, STRATEGY_KEY, OUTAGE_KEY = "mode", "paused", "strategy", "outage"
REFUSED_KEY = "token-refused"
FOREVER = "forever"


class Risk(str, Enum):
    """What a person has to confirm before a move that they asked for is approved."""

    LARGE = "large"
    """The VM is large (CONFIRM_LARGE_MOVES)."""
    OVERLOAD = "overload"
    """The target node is overloaded afterwards."""


@dataclass(frozen=True, slots=True)
class ClusterResult:
    """What one cycle did for one cluster: a plan that was published, or why there is none."""

    cluster: Cluster
    plan: Plan | None = None
    published: Published | None = None
    left_alone: Reason | None = None


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What a cycle did. ``outcome``: done, paused, busy (another one runs), failed."""

    outcome: str
    started_at: datetime
    results: tuple[ClusterResult, ...] = ()
    problem: str | None = None

    @property
    def proposed(self) -> tuple[int, ...]:
        """Ids of the proposals that this cycle made."""
        published = (r.published for r in self.results if r.published is not None and r.published.created)
        return tuple(p.proposal_id for p in published if p.proposal_id is not None)


@dataclass(frozen=True, slots=True)
class Status:
    """What `/status` shows. ``plans`` are made from the last snapshot; ``problem`` says why it is not newer."""

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
    """Whether there is room for a lost node, by the last check, of these clusters."""
    broken: tuple[BrokenPromises, ...] = ()
    """Clusters whose moves bring less than they promise."""
