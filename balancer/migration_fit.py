"""How long migrations take, learnt from those that are over: a fixed part each, and memory over a bandwidth.

Least squares, without what does not fit the rest (a panel that hung, a link that was full). Pure. Few or odd
figures teach nothing: then the settings hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import NamedTuple

MBIT_PER_MIB = 8.388608
MIN_SAMPLES = 20
"""Fewer migrations than this tell too little."""
ROUNDS = 3
"""How often outliers are looked for anew, each time beside the line without the last ones."""
OUTLIER_FACTOR = 4.0
"""Times the usual distance from the line (the median) at which a migration no longer counts."""
MAX_OVERHEAD_S = 600.0
MIN_MBIT, MAX_MBIT = 10.0, 400_000.0
"""Beyond these it is not the network that was measured."""


class Sample(NamedTuple):
    """One finished migration."""

    memory_mib: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a cluster's own migrations say; ``migrations`` is how many were counted."""

    overhead_s: float
    bandwidth_mbit: float
    migrations: int


def fit(samples: Sequence[Sample]) -> Fitted | None:
    """Overhead and bandwidth that explain the samples best; ``None`` when they do not tell."""
    kept = [s for s in samples if s.memory_mib > 0 and s.seconds > 0]
    for _ in range(ROUNDS):
        line = _line(kept)
        if len(kept) < MIN_SAMPLES or line is None:
            return None
        kept = _near(kept, *line)
    line = _line(kept)
    if len(kept) < MIN_SAMPLES or line is None:
        return None
    overhead, per_mib = line
    bandwidth = MBIT_PER_MIB / per_mib
    if not MIN_MBIT <= bandwidth <= MAX_MBIT or overhead > MAX_OVERHEAD_S:
        return None
    return Fitted(overhead, bandwidth, len(kept))


def _line(samples: Sequence[Sample]) -> tuple[float, float] | None:
    """Seconds at no memory and seconds a MiB. ``None`` where sizes are too much alike, or larger was not slower."""
    if not samples:
        return None
    n = len(samples)
    mean_x = fsum(s.memory_mib for s in samples) / n
    mean_y = fsum(s.seconds for s in samples) / n
    spread = fsum((s.memory_mib - mean_x) ** 2 for s in samples)
    if spread < n * (mean_x / 10) ** 2:
        return None
    slope = fsum((s.memory_mib - mean_x) * (s.seconds - mean_y) for s in samples) / spread
    if slope <= 0:
        return None
    overhead = mean_y - slope * mean_x
    if overhead >= 0:
        return overhead, slope
    through_zero = fsum(s.memory_mib * s.seconds for s in samples) / fsum(s.memory_mib**2 for s in samples)
    return 0.0, through_zero


def _near(samples: Sequence[Sample], overhead: float, per_mib: float) -> list[Sample]:
    """Without those that are much further from the line than the others."""
    distance = [abs(s.seconds - overhead - per_mib * s.memory_mib) for s in samples]
    usual = sorted(distance)[len(distance) // 2]
    limit = max(OUTLIER_FACTOR * usual, 1.0)  # the clock of a migration is no finer than the looks at it
    return [s for s, d in zip(samples, distance, strict=True) if d <= limit]
