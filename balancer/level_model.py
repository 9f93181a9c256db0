"""Models a figure over time as a level that grows and wanders, plus noise; finds likely states, and their futures.

``value = level + noise``; in ``d`` days the level changes by ``slope * d`` and by a random amount of variance
``wander**2 * d``. A wandering figure (today's orders stay tomorrow) can look like a trend for months. So the ratio of
wandering to noise is estimated by the exact likelihood, from a Kalman filter. The unknown start and slope are
regression coefficients (J. Durbin, S. J. Koopman, "Time Series Analysis by State Space Methods", 2nd edition, sections
2.10 and 5.7). Not only the best ratio is used: all ratios count by their likelihood.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt

RATIOS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)
"""How much the level wanders in a day, as a multiple of the noise (variances)."""
DRAWS = 1000
STEPS = 250
"""The most steps of a simulated future."""


@dataclass(frozen=True, slots=True)
class Point:
    """A figure at a time, in days from any origin."""

    day: float
    value: float


@dataclass(frozen=True, slots=True)
class State:
    """One likely state of the model after the last point.

    The level, its growth per day, its wandering per day, and the noise (the last two are standard deviations).
    """

    level: float
    slope: float
    wander: float
    noise: float


@dataclass(frozen=True, slots=True)
class _Fit:
    """The model with one ratio. Variances are in units of the noise's variance."""

    ratio: float
    log_likelihood: float
    noise_variance: float
    level: float
    slope: float
    level_variance: float
    slope_variance: float
    covariance: float


def likely_states(points: Sequence[Point], unrest: Sequence[float], *, grows: bool = True) -> list[State]:
    """``DRAWS`` equally likely states after these points; the same at every call.

    Args:
        points: at least three, in the order of time.
        unrest: for each point, how much the figure wanders at that time, as a multiple of its mean (variances): more
            customers order more.
        grows: ``False``: the slope is known to be 0.
    """
    fits = [_fit(points, unrest, ratio, grows) for ratio in RATIOS]
    best = max(fit.log_likelihood for fit in fits)
    weights = [exp(fit.log_likelihood - best) for fit in fits]
    rng, total = random.Random("states"), sum(weights)
    states, at, upto = [], 0, weights[0]
    for number in range(DRAWS):
        while (number + 0.5) / DRAWS * total > upto and at < len(fits) - 1:
            at += 1
            upto += weights[at]
        states.append(_drawn(fits[at], len(points) - 1 - grows, unrest[-1], rng))
    return states


def passages(states: Sequence[State], limit: float, reach: float) -> list[float]:
    """State by state, after how many days a simulated future reaches the limit; ``inf``: not within ``reach`` days."""
    rng = random.Random("futures")
    step = max(1.0, reach / STEPS)
    return [_passage(state, limit, reach, step, rng) for state in states]


def _passage(state: State, limit: float, reach: float, step: float, rng: random.Random) -> float:
    level, day, variance = state.level, 0.0, state.wander * state.wander * step / max(state.level, 1.0)
    while day < reach:
        day += step
        before, level = level, level + state.slope * step + rng.gauss(0, sqrt(variance * max(level, 0.0)))
        if level >= limit:
            return day - step * (level - limit) / (level - before) if level > before else day
    return inf


def _fit(points: Sequence[Point], unrest: Sequence[float], ratio: float, grows: bool) -> _Fit:
    """Generalized least squares of the values on a constant and the time; the filter whitens both."""
    filtered = _Filtered(points, unrest, ratio)
    a, b, c, p, q, yy = filtered.sums
    determinant = max(a * c - b * b, 1e-300)
    start, slope = (c * p - b * q) / determinant, (a * q - b * p) / determinant
    start_variance, slope_variance, covariance = c / determinant, a / determinant, -b / determinant
    if not grows:
        determinant, start, slope = a, p / a, 0.0
        start_variance, slope_variance, covariance = 1 / a, 0.0, 0.0
    freedom = len(points) - 1 - grows
    noise = max((yy - start * p - slope * q) / freedom, 1e-12)
    on_start, on_slope = 1 - filtered.one, points[-1].day - points[0].day - filtered.time
    return _Fit(
        ratio,
        -0.5 * (freedom * log(noise) + filtered.log_variances + log(determinant)),
        noise,
        filtered.value + start * on_start + slope * on_slope,
        slope,
        filtered.variance
        + on_start * on_start * start_variance
        + 2 * on_start * on_slope * covariance
        + on_slope * on_slope * slope_variance,
        slope_variance,
        on_start * covariance + on_slope * slope_variance,
    )


class _Filtered:
    """The filter over values, constant and time together: the level starts at 0 and does not grow."""

    def __init__(self, points: Sequence[Point], unrest: Sequence[float], ratio: float) -> None:
        value = one = time = variance = log_variances = 0.0
        sums = [0.0] * 6
        first, before, wanders = points[0].day, points[0].day, unrest[0]
        for point, more in zip(points, unrest, strict=True):
            variance += ratio * wanders * (point.day - before)
            total = variance + 1
            y, x, t = point.value - value, 1 - one, point.day - first - time
            for i, product in enumerate((x * x, x * t, t * t, x * y, t * y, y * y)):
                sums[i] += product / total
            gain = variance / total
            value, one, time = value + gain * y, one + gain * x, time + gain * t
            variance *= 1 - gain
            log_variances += log(total)
            before, wanders = point.day, more
        self.sums = sums
        self.value, self.one, self.time = value, one, time
        self.variance = variance
        self.log_variances = log_variances


def _drawn(fit: _Fit, freedom: int, unrest: float, rng: random.Random) -> State:
    """A random state: first the variance of the noise, then level and slope together."""
    noise = sqrt(fit.noise_variance * freedom / (2 * rng.gammavariate(freedom / 2, 1)))
    of_slope, of_level = noise * rng.gauss(0, 1), noise * rng.gauss(0, 1)
    spread = sqrt(fit.slope_variance)
    joint = fit.covariance / spread if spread else 0.0
    level = fit.level + joint * of_slope + sqrt(max(fit.level_variance - joint * joint, 0.0)) * of_level
    return State(
        level=level,
        slope=fit.slope + spread * of_slope,
        wander=noise * sqrt(fit.ratio * unrest),
        noise=noise,
    )
