"""What is drawn, as plain values: samples of load over time, and the contents of each picture. Pure.

Words come ready from whoever asks for a picture, in the reader's language; names are shown as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

Theme = Literal["light", "dark"]
Mark = Literal["overloaded", "near", "fine", "maintenance", "unknown"]

NEAR = 0.85
"""From this part of a threshold on, a node is near it."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What the checks of one slot of time saw: of a node, or of all nodes of a cluster together.

    ``cpu_load`` is ``None`` where nothing was measured. Means are over the checks, maxima over checks and nodes.
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
    """How much of the time the checks stand for; the rest is not known."""
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


# The picture of a cluster ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """A node as it is shown. ``severity``: its worst figure as a part of that figure's threshold, 1.0 = at it."""

    node_id: int
    name: str
    mark: Mark
    severity: float | None = None
    cpu: float | None = None
    """The figure that the node is judged by: vCPUs per CPU, or the measured load per CPU."""
    memory_percent: float | None = None
    cpu_is_worst: bool = True
    """Whether CPU or memory is further up; that figure is set in bold."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A move: proposed (dashed) or running (solid)."""

    source_id: int
    target_id: int
    running: bool = False


@dataclass(frozen=True, slots=True)
class StatusWords:
    """``marks``: one word for each mark, for the legend. ``more``: what the strip of the other nodes is called."""

    title: str
    subtitle: str
    cpu: str
    memory: str
    marks: dict[Mark, str]
    proposed: str
    running: str
    more: str = ""


@dataclass(frozen=True, slots=True)
class StatusPicture:
    tiles: tuple[Tile, ...]
    arrows: tuple[Arrow, ...]
    words: StatusWords


# Load over time --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Point:
    """The load at a moment; where the next point is further away than ``LoadChart.gap``, nothing is drawn between."""

    at: datetime
    cpu: float
    memory_percent: float
    cpu_max: float | None = None
    memory_percent_max: float | None = None


@dataclass(frozen=True, slots=True)
class MigrationMark:
    at: datetime
    arriving: bool


@dataclass(frozen=True, slots=True)
class LoadWords:
    title: str
    subtitle: str
    cpu: str
    memory: str
    threshold: str
    arriving: str
    leaving: str
    now: str = ""
    weekdays: tuple[str, ...] = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    empty: str = "–"


@dataclass(frozen=True, slots=True)
class LoadChart:
    points: tuple[Point, ...]
    since: datetime
    until: datetime
    zone: tzinfo
    cpu_threshold: float
    memory_threshold: float
    words: LoadWords
    migrations: tuple[MigrationMark, ...] = ()
    gap: timedelta = timedelta(hours=1)


# The digest ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bar:
    """A day or a node with its figure; ``figure`` is how it is written."""

    label: str
    value: float
    figure: str
    mark: Mark = "fine"


@dataclass(frozen=True, slots=True)
class DigestChart:
    """``days`` stand upright in the order of time; ``nodes`` lie below one another. Either may be empty."""

    title: str
    subtitle: str
    days_title: str
    days: tuple[Bar, ...]
    nodes_title: str
    nodes: tuple[Bar, ...]


# From samples to points ------------------------------------------------------------------------


def points(samples: Sequence[Sample], *, measured: bool) -> tuple[Point, ...]:
    """In the middle of their slots. ``measured``: the measured load instead of vCPUs per CPU; others are left out."""
    made = []
    for s in samples:
        cpu, cpu_max = (s.cpu_load, s.cpu_load_max) if measured else (s.cpu_ratio, s.cpu_ratio_max)
        if cpu is not None:
            made.append(Point(s.at + s.span / 2, cpu, s.memory_percent, cpu_max, s.memory_percent_max))
    return tuple(made)


def gap_of(samples: Sequence[Sample], every: timedelta) -> timedelta:
    """From which distance on two points are not joined: two checks were missed. ``every``: between two checks."""
    widest = max((s.span for s in samples), default=timedelta(0))
    return 2.5 * max(widest, every)


def marks_of(
    migrations: Sequence[PastMigration], *, node_id: int | None = None, cluster_id: int | None = None
) -> tuple[MigrationMark, ...]:
    """Those of a node as arrivals and departures; of a cluster, each as an arrival somewhere in it."""
    if node_id is None:
        return tuple(MigrationMark(m.at, True) for m in migrations if cluster_id in (None, m.cluster_id))
    return tuple(
        MigrationMark(m.at, m.target_id == node_id) for m in migrations if node_id in (m.source_id, m.target_id)
    )


def mark_of(severity: float | None, *, overloaded: bool, maintenance: bool = False) -> Mark:
    """Which mark a node wears. Maintenance comes first: its load is nobody's concern then."""
    if maintenance:
        return "maintenance"
    if severity is None:
        return "unknown"
    return "overloaded" if overloaded else "near" if severity >= NEAR else "fine"


DayHours = tuple[date, float]
