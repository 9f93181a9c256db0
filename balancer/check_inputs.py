"""All inputs of the plans of one check, as one value, which is recorded and replayed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from balancer.model import Recent, Snapshot
from balancer.policy import Policy


@dataclass(frozen=True, slots=True)
class CheckInputs:
    """Planning is a function of this value alone, so the same inputs give the same plans."""

    snapshot: Snapshot
    """All clusters, with the reasons that hold them."""
    policies: Mapping[int, Policy]
    """Cluster -> its policy, with every exclusion in force."""
    recent: Recent
    hold_checks: int = 1
    """OVERLOAD_HOLD_CYCLES: how many checks in a row must see an overload."""
    overloaded: Mapping[int, int] = field(default_factory=dict)
    """Node -> in how many checks in a row before this one it was overloaded."""
    uneven: Mapping[int, int] = field(default_factory=dict)
    """Cluster -> in how many checks in a row before this one its load was uneven."""
    fixed: frozenset[int] = frozenset()
    """Clusters whose strategy CLUSTERS_FILE sets, so that no other one is suggested."""
    passing: frozenset[int] = frozenset()
    """Clusters whose moves may pass hard target thresholds, because a person allowed it for a proposal."""
    restarted: Mapping[int, str] = field(default_factory=dict)
    """Cluster -> the VM that its migration restarted, so that automatic mode waits for a person."""
    one_cluster_remarks: bool = False
    """Whether remarks about the panel's answers are for people who may see only one cluster."""
