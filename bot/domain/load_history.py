"""Load over time as plain values: samples of a node or cluster, and the busiest nodes. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Sample:
    """The figures of the checks in one time slot, for a node or for all nodes of a cluster together.

    ``cpu_load`` is ``None`` without a measurement. Means are over the checks, maxima over checks and nodes.
    """

    at: datetime
    span: timedelta
    cpu_ratio: float
    cpu_ratio_max: float
    memory_percent: float
    memory_percent_max: float
    vm_count: int
    overloaded: timedelta
    cpu_load: float | None = None
    cpu_load_max: float | None = None


@dataclass(frozen=True, slots=True)
class BusyNode:
    """One node over a span of time."""

    node_id: int
    name: str
    cluster_id: int
    overloaded: timedelta
    watched: timedelta
    """The part of the time that the checks cover; the rest is unknown."""
    cpu_ratio: float
    cpu_ratio_max: float
    memory_percent: float
    memory_percent_max: float
    cpu_load: float | None = None
    cpu_load_max: float | None = None

    @property
    def overload_hours(self) -> float:
        return self.overloaded.total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class PastMigration:
    """A migration that succeeded, and when it ended."""

    at: datetime
    vm_id: int
    cluster_id: int
    source_id: int
    target_id: int


DayHours = tuple[date, float]
