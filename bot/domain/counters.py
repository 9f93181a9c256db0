"""Counts of the program as values: its checks, the last snapshot, waiting and finished work. Pure.

The working parts of the program write them, and the metrics read them. Counts begin at zero with every start. No
decision depends on them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from balancer.model import Plan, Snapshot

CYCLE_BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
MIGRATION_BOUNDS_S = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0)
KEPT_BOUNDS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.1, 1.25, 1.5, 2.0)
"""Bounds for the part of a promise that was kept: 1 = all of it."""
KeptKey = tuple[int, timedelta]
"""Cluster id, and the time between the end of the migration and its comparison."""


class Histogram:
    """How many values were at most as large as each bound, and the sum of all. A value below 0 counts as 0."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.total = 0.0
        self._counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        value = max(0.0, value)
        self.total += value
        self._counts[sum(bound < value for bound in self.bounds)] += 1

    def cumulative(self) -> list[int]:
        """One count for each bound, and the total at the end."""
        return [sum(self._counts[: i + 1]) for i in range(len(self._counts))]


@dataclass(frozen=True, slots=True)
class PanelRead:
    """The last successful read of the panel. ``vms``: cluster -> number of VMs."""

    taken_at: datetime
    plans: tuple[Plan, ...]
    vms: Mapping[int, int]


@dataclass(slots=True)
class CycleTally:
    """The checks of this program since its start."""

    outcomes: Counter[str] = field(default_factory=Counter)
    durations: Histogram = field(default_factory=lambda: Histogram(CYCLE_BOUNDS_S))
    """Durations of checks that read the panel or tried to."""
    succeeded_at: datetime | None = None
    sight: PanelRead | None = None

    def as_now(self) -> CycleTally:
        """A copy that another thread may read."""
        return replace(self, outcomes=Counter(self.outcomes), durations=deepcopy(self.durations))

    def saw(self, snapshot: Snapshot, plans: Iterable[Plan]) -> None:
        self.sight = PanelRead(snapshot.taken_at, tuple(plans), Counter(vm.cluster_id for vm in snapshot.vms))

    @contextmanager
    def counting(self, clock: Callable[[], datetime]) -> Iterator[Callable[[str], None]]:
        """Counts a check: call the yielded function with its outcome (see CycleReport), else it counts as failed."""
        began, outcome = clock(), "failed"

        def ended(result: str) -> None:
            nonlocal outcome
            outcome = result

        try:
            yield ended
        finally:
            self._count(outcome, clock() - began, clock())

    def _count(self, outcome: str, duration: timedelta, now: datetime) -> None:
        self.outcomes[outcome] += 1
        if outcome in ("done", "failed"):
            self.durations.add(duration.total_seconds())
        if outcome == "done":
            self.succeeded_at = now


@dataclass(frozen=True, slots=True)
class FigureCheckpoint:
    """The last rows of the store that were counted."""

    decision_id: int
    audit_id: int
    outcome_id: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """Waiting and running work. ``oldest_at``: since when the oldest pending proposal waits."""

    proposals: int
    moves: int
    oldest_at: datetime | None
    unsent_notices: int
    open_migrations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Happened:
    """Events since a checkpoint: verdicts, results of migrations, and durations of those that ended."""

    verdicts: Counter[str]
    results: Counter[str]
    durations: tuple[tuple[str, timedelta], ...]
    restarted: int = 0
    """Migrations that succeeded but restarted their VM."""
    kept: tuple[tuple[KeptKey, float], ...] = ()
    """The kept part of the promise, for each comparison with a result."""
    missing: Counter[str] = field(default_factory=Counter)
    """Comparisons without a result, by the reason (see ``Missing``)."""


TIMED_RESULTS = ("succeeded", "failed")


@dataclass(slots=True)
class Counted:
    """The sums of the events since the program started."""

    verdicts: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    restarted: int = 0
    durations: dict[str, Histogram] = field(
        default_factory=lambda: {result: Histogram(MIGRATION_BOUNDS_S) for result in TIMED_RESULTS}
    )
    kept: dict[KeptKey, Histogram] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)

    def add(self, happened: Happened) -> None:
        self.verdicts.update(happened.verdicts)
        self.results.update(happened.results)
        self.restarted += happened.restarted
        for result, duration in happened.durations:
            if result in TIMED_RESULTS:
                self.durations[result].add(duration.total_seconds())
        for key, hit in happened.kept:
            self.kept.setdefault(key, Histogram(KEPT_BOUNDS)).add(hit)
        self.missing.update(happened.missing)
