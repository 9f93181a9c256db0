"""What a plan is made with: the snapshot, the policies and the recent events, all of one moment. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from balancer.model import Reason, Recent, Snapshot
from balancer.policy import Policy
from bot.store.values import Claims


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """What one check, or the look before one start, plans with: read once, of one moment."""

    snapshot: Snapshot
    general: Policy
    """What holds where CLUSTERS_FILE says nothing else."""
    policies: Mapping[int, Policy]
    """Of each cluster, with every exclusion in force."""
    recent: Recent
    claims: Claims
    """What the program's own plans leave alone, since people want something with it."""
    lost: Mapping[int, Reason]
    """Cluster -> why automatic mode waits there: a name that protected something matches nothing any more."""


class ClusterContext(NamedTuple):
    """One cluster with all that its rules look at."""

    snapshot: Snapshot
    policy: Policy
    recent: Recent
