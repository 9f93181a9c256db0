"""Splits samples into lines, and finds the parts of a line above the threshold. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from statistics import median

from bot.domain.load_history import Sample

Point = tuple[float, float]
GAP = 2.5
"""A distance of this many usual distances is a gap."""
FEWEST = 3
"""Fewer distances than this give no usual distance."""


def runs(samples: Sequence[Sample], known: Callable[[Sample], float | None]) -> list[list[Sample]]:
    """The samples of each line; lines are interrupted at gaps.

    The usual distance of samples depends on the interval of the checks and on their age.
    """
    usual: dict[timedelta, list[float]] = {}
    for one, two in pairwise(samples):
        usual.setdefault(max(one.span, two.span), []).append((two.at - one.at).total_seconds())
    most = {
        span: GAP * max(median(seen) if len(seen) >= FEWEST else 0.0, span.total_seconds())
        for span, seen in usual.items()
    }
    result: list[list[Sample]] = []
    before: Sample | None = None
    for sample in samples:
        if known(sample) is None:
            before = None
            continue
        span = max(sample.span, before.span) if before else sample.span
        if before and (sample.at - before.at).total_seconds() <= most.get(span, 0):
            result[-1].append(sample)
        else:
            result.append([sample])
        before = sample
    return result


def above(points: Sequence[Point], limit: float) -> list[list[Point]]:
    """The pieces of a line that lie above the limit, cut where they cross it."""
    pieces: list[list[Point]] = []
    before: Point | None = None
    for point in points:
        crosses = before is not None and (before[1] > limit) != (point[1] > limit)
        if crosses and before is not None:
            part = (limit - before[1]) / (point[1] - before[1])
            cut = (before[0] + part * (point[0] - before[0]), limit)
            if point[1] > limit:
                pieces.append([cut])
            else:
                pieces[-1].append(cut)
        elif before is None and point[1] > limit:
            pieces.append([])
        if point[1] > limit:
            pieces[-1].append(point)
        before = point
    return [piece for piece in pieces if len(piece) > 1]
