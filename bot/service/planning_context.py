"""The inputs of a plan: snapshot, policies and recent events of one moment. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from balancer.model import Reason, Recent, Snapshot
from balancer.policy import Policy
from bot.store.values import Claims


@dataclass(frozen=True, slots=True)
class PlanningContext:
    """The inputs of one check or one precheck, read once, all of one moment."""

    snapshot: Snapshot
    general: Policy
    """The policy for clusters without values in CLUSTERS_FILE."""
    policies: Mapping[int, Policy]
    """Cluster -> its policy, with every exclusion in force."""
    recent: Recent
    claims: Claims
    """Nodes and VMs that the program's own plans leave alone because of people's requests."""
    lost: Mapping[int, Reason]
    """Cluster -> why automatic mode waits there: a name that protected something no longer matches anything."""
    modes: Mapping[int, str]
    """Cluster -> its mode."""


class ClusterContext(NamedTuple):
    """One cluster with everything that its rules read."""

    snapshot: Snapshot
    policy: Policy
    recent: Recent
