"""All that the plans of one check are made of, as one value: what is recorded of a check, and replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from balancer.model import Recent, Snapshot
from balancer.policy import Policy


@dataclass(frozen=True, slots=True)
class CheckInputs:
    """Planning is a function of this value alone, so the same inputs give the same plans."""

    snapshot: Snapshot
    """All clusters, with what holds them."""
    policies: Mapping[int, Policy]
    """Cluster -> its policy, with every exclusion in force."""
    recent: Recent
    hold_checks: int = 1
    """OVERLOAD_HOLD_CYCLES: in how many checks in a row an overload has to be seen."""
    overloaded: Mapping[int, int] = field(default_factory=dict)
    """Node -> in how many checks in a row it was seen overloaded before this check."""
    uneven: Mapping[int, int] = field(default_factory=dict)
    """Cluster -> in how many checks in a row its load was seen uneven before this check."""
    fixed: frozenset[int] = frozenset()
    """Clusters whose strategy CLUSTERS_FILE sets, so that no other one is suggested."""
    passing: frozenset[int] = frozenset()
    """Clusters whose moves may pass hard target thresholds, since a person let a proposal do so."""
    restarted: Mapping[int, str] = field(default_factory=dict)
    """Cluster -> the VM that restarted on its way, so that automatic mode waits for a person."""
    one_cluster_remarks: bool = False
    """Whether remarks of the panel's answers are worded for people who may see one cluster only."""
