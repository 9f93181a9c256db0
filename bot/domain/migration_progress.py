"""The progress of a running live migration by its node's hypervisor, and whether the migration will end. Pure.

A live migration copies the memory while the VM writes to it. It ends only if it copies faster than the VM writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

KNOWN_AFTER = timedelta(seconds=30)
"""How long the VM must write faster than its memory is copied, in every sample, before people are notified."""
LEAST_SAMPLES = 3
LONGEST_S = 7 * 86_400.0
"""A migration that needs longer does not end in practice."""
KEPT = timedelta(minutes=5)
"""Older samples are not used."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """One reading of a VM's migration job. ``iteration``: the rounds over its memory. ``None`` = unknown."""

    at: datetime
    total_mib: float
    remaining_mib: float
    speed_mib_s: float | None = None
    dirty_mib_s: float | None = None
    iteration: int | None = None

    @property
    def percent(self) -> int:
        """How much is copied, 0 to 99; never 100, because only the panel decides that the migration is over."""
        if self.total_mib <= 0:
            return 0
        return max(0, min(99, round(100 * (1 - self.remaining_mib / self.total_mib))))

    @property
    def seconds_left(self) -> float | None:
        """How long it takes at this speed; ``None`` = longer than ``LONGEST_S``, or the speed is unknown."""
        if self.speed_mib_s is None or self.speed_mib_s <= (self.dirty_mib_s or 0.0):
            return None
        left = self.remaining_mib / (self.speed_mib_s - (self.dirty_mib_s or 0.0))
        return left if left <= LONGEST_S else None


def with_sample(samples: Sequence[JobProgress], sample: JobProgress) -> tuple[JobProgress, ...]:
    """The samples of the last minutes with the new one, in order. If the clock was set back: only the new one."""
    kept = [s for s in samples if timedelta(0) <= sample.at - s.at <= KEPT]
    return (*kept, sample)


def does_not_converge(samples: Sequence[JobProgress]) -> bool:
    """Whether the migration will not end by itself, by all samples of the last ``KNOWN_AFTER``.

    That is so if the VM writes at least as fast as its memory is copied. If the node does not give the speed of the
    writes: if another round over the memory has begun, and no less memory is left than before.
    """
    if len(samples) < LEAST_SAMPLES:
        return False
    newest = samples[-1]
    before = [s for s in samples if newest.at - s.at >= KNOWN_AFTER]
    if not before:
        return False
    recent = [s for s in samples if s.at >= before[-1].at]
    if len(recent) < LEAST_SAMPLES:
        return False
    rates = [(s.dirty_mib_s, s.speed_mib_s) for s in recent]
    if all(dirty is not None and speed is not None for dirty, speed in rates):
        return all((dirty or 0.0) >= (speed or 0.0) and (dirty or 0.0) > 0 for dirty, speed in rates)
    rounds = newest.iteration is not None and newest.iteration > (recent[0].iteration or 1)
    return rounds and all(s.remaining_mib >= recent[0].remaining_mib > 0 for s in recent)
