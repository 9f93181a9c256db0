"""What people protect from the balancer: excluded nodes, ignored VMs, snoozed clusters. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from bot.domain.proposals import Actor


class ExclusionRole(str, Enum):
    """The roles that an exclusion forbids to a node."""

    SOURCE = "source"
    TARGET = "target"
    BOTH = "both"

    def forbids_source(self) -> bool:
        """Whether no VM may leave the node."""
        return self in (ExclusionRole.SOURCE, ExclusionRole.BOTH)

    def forbids_target(self) -> bool:
        """Whether the node may take no VM."""
        return self in (ExclusionRole.TARGET, ExclusionRole.BOTH)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A node that may not be a source, a target or either. ``until`` ``None`` = until a person ends it."""

    node_id: int
    node_name: str
    role: ExclusionRole
    until: datetime | None
    by: Actor
    created_at: datetime
    drain_id: int | None = None
    """The proposal of the drain that made this exclusion: stopping the drain or filling the node ends it."""
    campaign_id: int | None = None
    """The campaign that made this exclusion and ends it."""


@dataclass(frozen=True, slots=True)
class IgnoredVM:
    """A VM that a person skipped permanently: it does not move until a person ends this."""

    vm_id: int
    vm_name: str
    cluster_id: int
    by: Actor
    at: datetime


@dataclass(frozen=True, slots=True)
class Snooze:
    """A cluster without proposals until a time, unless a node other than these becomes overloaded."""

    cluster_id: int
    cluster_name: str
    until: datetime
    overloaded: frozenset[int]
    by: Actor
    at: datetime
