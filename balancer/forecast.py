"""When a growing figure reaches a limit: a range of dates by its history, or no date if the history shows no trend.

Steps (a large order, a project that left) are removed first, so that a single day makes no trend. The range comes from
simulated futures (level_model.py) with a fixed seed: equal histories give equal dates.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from math import inf, sqrt
from statistics import median

from balancer.level_model import Point, State, likely_states, passages

LEAST_DAYS, LEAST_POINTS = 7.0, 14
"""A shorter history gives no date."""
MOST_POINTS = 400
"""The points of a longer history are averaged."""
REACH = 3.0
"""No date is further ahead than this many lengths of the history."""
DOUBT = 0.01
"""There is a trend if at most this part of the likely slopes has the other sign."""
TAIL = 0.1
"""The part of the futures on each side of the range, which is so an 80 % range."""
LEAST_GROWTH = 0.01
"""Less growth over the whole history, as a part of the limit, is no trend."""
LAGS = (1.0, 2.0, 4.0, 7.0, 14.0, 28.0)
"""Periods in days over which the changes of the history are compared with those that the model expects."""
LEAST_LAGS = 3
"""How many times the history must be longer than such a period."""
MEDIAN_SQUARE = 0.4549
"""The median of the square of a standard normal variable. One week with large changes does not move the median."""
CALIBRATION_WEIGHT = 3.0
"""The weight of the model's own estimate, in changes of the history."""
STEP_SPREAD = 6.0
"""A change between two points is a step if it is this many times larger than usual changes."""
STEP_PART = 0.02
"""A change by a smaller part of the limit is never a step, even in a quiet history."""


class Trend(str, Enum):
    """The trend in the history of a figure."""

    SHORT = "short"
    """The history is too short."""
    NONE = "none"
    FALLING = "falling"
    RISING = "rising"


@dataclass(frozen=True, slots=True)
class Step:
    """A sudden change that is far larger than the others; ``day`` as in ``Point``."""

    day: float
    change: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a figure reaches its limit.

    ``first``, ``middle`` and ``last`` are days after the last point: a tenth of the simulated futures reaches the limit
    before ``first``, half before ``middle``, a tenth after ``last``. ``None``: not within ``reach`` days; all three
    also without a rising trend.
    """

    trend: Trend
    reached: bool
    """Whether the figure is at the limit or above it now."""
    days: float
    """The length of the history, in days."""
    level: float
    """The figure now, without noise."""
    slope: float | None = None
    """Growth per day without steps; ``None``: the history is too short."""
    steps: tuple[Step, ...] = ()
    reach: float = 0.0
    first: float | None = None
    middle: float | None = None
    last: float | None = None


def forecast(points: Sequence[Point], limit: float, counts: Sequence[float] | None = None) -> Forecast:
    """Forecasts when the figure reaches the limit.

    Args:
        points: in the order of time, no two at the same time; gaps are allowed.
        limit: in the unit of the values, above 0.
        counts: the number of VMs in the figure at each point. It shows the growth better than the figure itself,
            which also varies with the sizes of the VMs that customers choose.
    """
    thin = thinned(points)
    days = thin[-1].day - thin[0].day if thin else 0.0
    last = thin[-1].value if thin else 0.0
    if len(thin) < LEAST_POINTS or days < LEAST_DAYS:
        return Forecast(Trend.SHORT, last >= limit, days, last)
    _, steps = without_steps(thin, limit)
    states = _states(points, limit, counts)
    level = sum(state.level for state in states) / len(states)
    slope = sum(state.slope for state in states) / len(states)
    trend = _trend([state.slope for state in states])
    if abs(slope) * days < LEAST_GROWTH * limit:
        trend = Trend.NONE
    answer = Forecast(trend, max(level, last) >= limit, days, level, slope, steps, REACH * days)
    if trend is not Trend.RISING or answer.reached:
        return answer
    dates = sorted(passages(states, limit, answer.reach))
    return replace(answer, first=_quantile(dates, TAIL), middle=_quantile(dates, 0.5), last=_quantile(dates, 1 - TAIL))


def level_range(
    points: Sequence[Point], ahead: float, limit: float, counts: Sequence[float] | None = None
) -> tuple[float, float, float]:
    """The figure ``days`` days after the last point: a tenth, half and nine tenths of the futures are below.

    Arguments as in ``forecast``; the limit is used to find steps.
    """
    rng = random.Random("levels")
    values = sorted(
        state.level + state.slope * ahead + rng.gauss(0, sqrt(ahead) * state.wander) + rng.gauss(0, state.noise)
        for state in _states(points, limit, counts)
    )
    return values[int(TAIL * len(values))], values[len(values) // 2], values[int((1 - TAIL) * len(values))]


def _states(points: Sequence[Point], limit: float, counts: Sequence[float] | None) -> list[State]:
    """Likely states of the figure.

    With counts they are the sum of two parts: the number of VMs times their mean size, and the rest, because sizes
    differ from the mean. The rest grows only if that is evident.
    """
    thin = thinned(points)
    at = _steps_at(thin, limit)
    mean = sum(point.value for point in thin) / len(thin) or 1.0
    unrest = [max(point.value / mean, 0.1) for point in thin]
    if counts is None or not sum(counts):
        return _calibrated(likely_states(_even(thin, at), unrest), _even(thin, at))
    size = sum(point.value for point in points) / sum(counts)
    of_count = thinned([Point(p.day, size * count) for p, count in zip(points, counts, strict=True)])
    rest = _even([Point(p.day, p.value - c.value) for p, c in zip(thin, of_count, strict=True)], at)
    sizes = likely_states(rest, unrest)
    if _trend([state.slope for state in sizes]) is Trend.NONE:
        sizes = likely_states(rest, unrest, grows=False)
    random.Random("pairs").shuffle(sizes)
    states = [_together(a, b) for a, b in zip(likely_states(_even(of_count, at), unrest), sizes, strict=True)]
    return _calibrated(states, _even(thin, at))


def _calibrated(states: Sequence[State], points: Sequence[Point]) -> list[State]:
    """The states, scaled so that their spread fits the changes of the history over whole days.

    A figure that rises by day and falls by night, or returns after weeks, wanders less than the model assumes.
    """
    slope = sum(state.slope for state in states) / len(states)
    level = sum(state.level for state in states) / len(states)
    wander = sum(state.wander**2 for state in states) / len(states)
    noise = sum(state.noise**2 for state in states) / len(states)
    days = points[-1].day - points[0].day
    ratios, weights = CALIBRATION_WEIGHT, CALIBRATION_WEIGHT
    for lag in LAGS:
        pairs = _apart(points, lag) if lag <= days / LEAST_LAGS else []
        if pairs:
            changes = [(b.value - a.value, b.day - a.day) for a, b in pairs]
            squares = [(change - slope * time) ** 2 / (wander * time + 2 * noise) for change, time in changes]
            ratios += days / lag * median(squares) / MEDIAN_SQUARE
            weights += days / lag
    factor = sqrt(ratios / weights)
    return [
        State(
            level + factor * (state.level - level),
            slope + factor * (state.slope - slope),
            factor * state.wander,
            factor * state.noise,
        )
        for state in states
    ]


def _apart(points: Sequence[Point], days: float) -> list[tuple[Point, Point]]:
    """Each point with the first one that is ``days`` later, or at most half as much more."""
    pairs, at = [], 0
    for point in points:
        while at < len(points) and points[at].day < point.day + days - 0.01:
            at += 1
        if at < len(points) and points[at].day <= point.day + 1.5 * days:
            pairs.append((point, points[at]))
    return pairs


def _together(one: State, other: State) -> State:
    return State(
        one.level + other.level,
        one.slope + other.slope,
        sqrt(one.wander**2 + other.wander**2),
        sqrt(one.noise**2 + other.noise**2),
    )


def thinned(points: Sequence[Point]) -> list[Point]:
    """At most ``MOST_POINTS`` points: means of neighbours."""
    size = -(-len(points) // MOST_POINTS)
    groups = [points[i : i + size] for i in range(0, len(points), size)] if size > 1 else [[p] for p in points]
    return [Point(sum(p.day for p in g) / len(g), sum(p.value for p in g) / len(g)) for g in groups]


def without_steps(points: Sequence[Point], limit: float) -> tuple[list[Point], tuple[Step, ...]]:
    """The points as if every step had happened before the first point; and the steps."""
    at = _steps_at(points, limit)
    steps = tuple(Step(points[i].day, points[i].value - points[i - 1].value) for i in at)
    return _even(points, at), steps


def _steps_at(points: Sequence[Point], limit: float) -> list[int]:
    """The indexes of the points after a step.

    The largest changes, minus the usual growth, are steps if the smallest of them is far above the root mean square of
    all others. At most a tenth of the changes are steps: more frequent changes are the normal growth.
    """
    spans = [b.day - a.day for a, b in pairwise(points)]
    changes = [b.value - a.value for a, b in pairwise(points)]
    usual_rate = median(change / span for change, span in zip(changes, spans, strict=True)) if changes else 0.0
    usual_span = median(spans) if spans else 1.0
    # A change over a gap is larger than others, but no step.
    unusual = [
        abs(change - usual_rate * span) / sqrt(max(span / usual_span, 1.0))
        for change, span in zip(changes, spans, strict=True)
    ]
    order = sorted(range(len(unusual)), key=lambda i: (-unusual[i], i))
    squares, count = sum(size * size for size in unusual), 0
    for number, i in enumerate(order[: len(order) // 10], start=1):
        squares -= unusual[i] ** 2
        if unusual[i] < STEP_PART * limit:
            break
        if unusual[i] > STEP_SPREAD * sqrt(max(squares, 0.0) / (len(unusual) - number)):
            count = number
    return sorted(i + 1 for i in order[:count])


def _even(points: Sequence[Point], steps_at: Sequence[int]) -> list[Point]:
    missing = sum(points[i].value - points[i - 1].value for i in steps_at)
    even = []
    for i, point in enumerate(points):
        missing -= point.value - points[i - 1].value if i in steps_at else 0.0
        even.append(Point(point.day, point.value + missing))
    return even


def _trend(slopes: Sequence[float]) -> Trend:
    falling = sum(1 for slope in slopes if slope <= 0) / len(slopes)
    if falling <= DOUBT:
        return Trend.RISING
    return Trend.FALLING if falling >= 1 - DOUBT else Trend.NONE


def _quantile(ordered: Sequence[float], part: float) -> float | None:
    value = ordered[min(int(part * len(ordered)), len(ordered) - 1)]
    return None if value == inf else value
