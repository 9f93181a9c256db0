"""How long a migration takes: a fixed overhead, and the copied memory divided by the bandwidth.

``migration_us`` estimates one migration by the policy's two figures. ``fit`` computes these figures from finished
migrations by least squares, without outliers (a panel that hung, a busy link). With too few or odd samples the values
of the settings are used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from statistics import median
from typing import NamedTuple

from balancer.model import VM, Cluster
from balancer.policy import Policy

MICROSECONDS = 1_000_000
MBIT_PER_MIB = 8.388608

MIN_SAMPLES = 20
"""Fewer migrations than this are not enough to fit."""
OUTLIER_ROUNDS = 3
"""How many times outliers are removed, each time by their distance from the line of the remaining samples."""
OUTLIER_FACTOR = 4.0
"""A migration is an outlier if its distance from the line is this many times the median distance."""
MAX_OVERHEAD_S = 600.0
MIN_MBIT, MAX_MBIT = 10.0, 400_000.0
"""A bandwidth outside these limits cannot be real."""


def copied_mib(vm: VM, cluster: Cluster | None) -> int:
    """What a migration of this VM copies: its memory, what is copied again, and its disk where it lies on the node."""
    local = cluster is not None and bool(cluster.local_storage)
    memory_mib = round((vm.memory_mib or 0) * (1 + vm.copied_again)) if vm.copied_again else vm.memory_mib or 0
    return memory_mib + ((vm.disk_mib or 0) if local else 0)


def migration_us(copied: int, policy: Policy) -> int:
    """The estimated time of a migration that copies these MiB, in whole microseconds, so that sums are exact."""
    copying = copied * MBIT_PER_MIB / policy.migration_bandwidth_mbit
    return round((policy.migration_overhead_s + copying) * MICROSECONDS)


def migration_s(vm: VM, cluster: Cluster | None, policy: Policy) -> float:
    """The estimated time of a VM's migration in this cluster, in seconds."""
    return migration_us(copied_mib(vm, cluster), policy) / MICROSECONDS


class DurationSample(NamedTuple):
    """One finished migration."""

    memory_mib: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Fitted:
    """Overhead and bandwidth of a cluster's own migrations; ``migrations``: how many were used."""

    overhead_s: float
    bandwidth_mbit: float
    migrations: int


def fit(samples: Sequence[DurationSample]) -> Fitted | None:
    """The overhead and bandwidth that fit the samples best; ``None`` if the samples do not determine them."""
    kept = [s for s in samples if s.memory_mib > 0 and s.seconds > 0]
    for _ in range(OUTLIER_ROUNDS):
        line = _line(kept)
        if len(kept) < MIN_SAMPLES or line is None:
            return None
        kept = _without_outliers(kept, *line)
    line = _line(kept)
    if len(kept) < MIN_SAMPLES or line is None:
        return None
    overhead, per_mib = line
    bandwidth = MBIT_PER_MIB / per_mib
    if not MIN_MBIT <= bandwidth <= MAX_MBIT or overhead > MAX_OVERHEAD_S:
        return None
    return Fitted(overhead, bandwidth, len(kept))


LEARNT_FROM = 5
"""How many of a VM's last migrations are used to estimate how fast it writes to its memory."""
MOST_WRITTEN = 0.9
"""The highest estimate, as a part of the bandwidth: a migration that ended was faster than its VM wrote."""


@dataclass(frozen=True, slots=True)
class WritingVM:
    """What a VM's own migrations tell of the next one.

    ``dirty_mib_s``: how fast it writes to its memory meanwhile. ``copied_again``: as in ``VM``. ``seconds``: the time
    of the next one. ``migrations``: how many were used.
    """

    dirty_mib_s: float
    copied_again: float
    seconds: float
    migrations: int


def writing_vm(samples: Sequence[DurationSample], memory_mib: int, policy: Policy) -> WritingVM | None:
    """How fast a VM writes during a migration, and how long its next one takes; ``None`` = it was never migrated.

    If a migration took longer than memory divided by bandwidth, it copied pages again that the VM wrote meanwhile. The
    median of the last ``LEARNT_FROM`` migrations is used, so that a single busy link has no effect.

    Args:
        samples: of this VM, newest first.
        memory_mib: its memory now.
    """
    bandwidth = policy.migration_bandwidth_mbit / MBIT_PER_MIB
    rates = []
    for sample in [s for s in samples if s.memory_mib > 0 and s.seconds > 0][:LEARNT_FROM]:
        copying_s = sample.seconds - policy.migration_overhead_s
        written = bandwidth - sample.memory_mib / copying_s if copying_s > 0 else 0.0
        rates.append(min(max(written, 0.0), MOST_WRITTEN * bandwidth))
    if not rates:
        return None
    dirty = median(rates)
    seconds = policy.migration_overhead_s + memory_mib / (bandwidth - dirty)
    return WritingVM(dirty, dirty / (bandwidth - dirty), seconds, len(rates))


def _line(samples: Sequence[DurationSample]) -> tuple[float, float] | None:
    """Overhead in seconds and seconds per MiB.

    ``None`` if the sizes are too similar, or larger VMs did not take longer.
    """
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


def _without_outliers(samples: Sequence[DurationSample], overhead: float, per_mib: float) -> list[DurationSample]:
    distance = [abs(s.seconds - overhead - per_mib * s.memory_mib) for s in samples]
    median = sorted(distance)[len(distance) // 2]
    limit = max(OUTLIER_FACTOR * median, 1.0)  # polling is not more precise than this
    return [s for s, d in zip(samples, distance, strict=True) if d <= limit]
