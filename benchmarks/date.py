"""The date when a cluster is full: the forecast beside a straight line, on simulated clusters and on real orders.

*Churn worlds*: customers as in churn.py; with growth, more of them come than go; in half of the worlds one large
order comes in the past. *Real orders* (orders.py): two weeks are too short for dates, so the level some days ahead is
forecast from each origin.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import product
from math import inf
from pathlib import Path
from statistics import mean
from typing import Any

from balancer.forecast import Trend, forecast, level_range, thinned
from balancer.level_model import Point
from benchmarks import orders
from benchmarks.churn import CREATE, DAY_S, DRAWS, REMOVE, Event, Habits, events, size_drawn
from benchmarks.demands import Demand
from benchmarks.tables import table

VMS = 600
SAMPLES_A_DAY = 4
WORLDS = 60
"""The number of worlds of each kind."""
QUICK_WORLDS = 6


@dataclass(frozen=True, slots=True)
class Kind:
    """Worlds of one kind: new VMs in a day, per VM at the start; the days of samples; the room at their end."""

    growth: float
    days: int
    room: float


GROWING = (Kind(0.002, 90, 0.1), Kind(0.004, 90, 0.15), Kind(0.008, 60, 0.15), Kind(0.01, 30, 0.1))
CALM = (Kind(0.0, 30, 0.1), Kind(0.0, 60, 0.1), Kind(0.0, 90, 0.1))
REACH = 3
"""A world lasts this many times the days of samples: as far as a forecast reaches."""
LEAST_ORDER, LARGEST_ORDER = 0.02, 0.06
"""The size of a large order, as a part of the VMs."""
ORIGINS = tuple(day / 2 for day in range(8, 23))
"""The days of the forecasts: from the first day with enough samples on."""
AHEAD = (1.0, 2.0, 3.0)
CLUSTERS = 20
"""The time between two samples of the real orders."""


@dataclass(frozen=True, slots=True)
class JudgedForecast:
    """One forecast. ``error`` and ``straight``: days between the date (or the level in VMs) and the truth."""

    kind: str
    trend: str
    inside: bool | None = None
    """Whether the truth lies in the 80 % range; ``None``: no range was given."""
    error: float | None = None
    straight: float | None = None
    """The error of least squares."""


@dataclass(frozen=True, slots=True)
class Series:
    """A cluster's vCPUs and number of VMs over time."""

    vcpus: list[Point]
    vms: list[float]

    def until(self, day: float) -> Series:
        kept = [point for point in self.vcpus if point.day <= day]
        return Series(kept, self.vms[: len(kept)])


def run(path: Path | None, *, quick: bool) -> list[dict[str, Any]]:
    """All forecasts; without ``path`` none of real orders."""
    worlds = range(QUICK_WORLDS if quick else WORLDS)
    with ProcessPoolExecutor() as pool:
        waiting = [pool.submit(of_world, kind, seed) for kind, seed in product((*GROWING, *CALM), worlds)]
        verdicts = [future.result() for future in waiting]
        if path is not None:
            clusters = range(2 if quick else CLUSTERS)
            verdicts += [v for part in pool.map(partial(of_orders, path), clusters) for v in part]
    return [asdict(verdict) for verdict in verdicts]


# Churn worlds -------------------------------------------------------------------------------------


def of_world(kind: Kind, seed: int) -> JudgedForecast:
    """The forecast for one world, computed at the end of the days of samples."""
    name = f"{100 * kind.growth:.1f} % a day, {kind.days} days seen"
    series = lived(kind, seed)
    past = series.until(kind.days)
    limit = (1 + kind.room) * past.vcpus[-1].value
    answer = forecast(past.vcpus, limit, past.vms)
    if answer.trend is not Trend.RISING or answer.middle is None:
        return JudgedForecast(name, answer.trend.value)
    now = past.vcpus[-1].day
    later = (p.day - now for p in series.vcpus[len(past.vcpus) :] if p.value >= limit)
    truth = min(next(later, answer.reach), answer.reach)
    straight = min(straight_date(past.vcpus, limit), answer.reach)
    first, last = answer.first or 0.0, inf if answer.last is None else answer.last
    return JudgedForecast(
        name, answer.trend.value, first <= truth <= last, abs(answer.middle - truth), abs(straight - truth)
    )


def lived(kind: Kind, seed: int) -> Series:
    """The world from its first day to the end of all forecasts."""
    rng = random.Random(f"date-{kind.growth}-{kind.days}-{seed}")
    days = (1 + REACH) * kind.days
    happens = events(Habits(), VMS, days * DAY_S, rng.randrange(2**32))
    at = 0.0
    while kind.growth and (at := at + rng.expovariate(kind.growth * VMS / DAY_S)) < days * DAY_S:
        happens.append(Event(at, CREATE, tuple(rng.random() for _ in range(DRAWS))))
    if seed % 2:
        order_at = rng.uniform(0, kind.days * DAY_S)
        draws = tuple(rng.random() for _ in range(DRAWS))
        count = round(VMS * rng.uniform(LEAST_ORDER, LARGEST_ORDER))
        happens += [Event(order_at, CREATE, draws)] * count
    alive = [size_drawn(tuple(rng.random() for _ in range(DRAWS)))[0] for _ in range(VMS)]
    return sampled(alive, sorted(happens), days)


def sampled(alive: list[int], happens: Sequence[Event], days: int) -> Series:
    """Applies the events to a list of VMs (vCPUs each) and takes some samples a day."""
    series, at = Series([], []), 0
    for number in range(days * SAMPLES_A_DAY + 1):
        day = number / SAMPLES_A_DAY
        while at < len(happens) and happens[at].at_s <= day * DAY_S:
            _happen(alive, happens[at])
            at += 1
        series.vcpus.append(Point(day, float(sum(alive))))
        series.vms.append(float(len(alive)))
    return series


def _happen(alive: list[int], event: Event) -> None:
    if event.kind == CREATE:
        alive.append(size_drawn(event.draws)[0])
        return
    vm = int(event.draws[0] * len(alive))
    if event.kind == REMOVE:
        alive[vm] = alive[-1]
        alive.pop()
    else:
        alive[vm] = size_drawn(event.draws[1:])[0]


def straight_date(points: Sequence[Point], limit: float) -> float:
    """Days after the last point at which a least-squares line reaches the limit; ``inf``: never."""
    start, slope = straight_line(points)
    return max(0.0, (limit - start) / slope - points[-1].day) if slope > 0 else inf


def straight_line(points: Sequence[Point]) -> tuple[float, float]:
    """Least squares: the value at day 0, the growth in a day."""
    day, value = mean(p.day for p in points), mean(p.value for p in points)
    slope = sum((p.day - day) * (p.value - value) for p in points) / sum((p.day - day) ** 2 for p in points)
    return value - slope * day, slope


# Real orders --------------------------------------------------------------------------------------


def of_orders(path: Path, seed: int) -> list[JudgedForecast]:
    """The level some days ahead, from each origin, of one cluster that real orders fill."""
    series = ordered(orders.sampled(orders.read(path), VMS, seed))
    verdicts = []
    for ahead, origin in product(AHEAD, ORIGINS):
        past = series.until(origin)
        [truth] = [p.value for p in series.vcpus if p.day == origin + ahead]
        low, middle, high = level_range(past.vcpus, ahead, past.vcpus[-1].value, past.vms)
        start, slope = straight_line(thinned(past.vcpus))
        straight = abs(start + slope * (origin + ahead) - truth)
        size = past.vcpus[-1].value / past.vms[-1]
        name = f"real orders, {ahead:.0f} day{'s' if ahead > 1 else ''} ahead"
        verdicts.append(JudgedForecast(name, "", low <= truth <= high, abs(middle - truth) / size, straight / size))
    return verdicts


def ordered(chosen: Sequence[orders.Order], days: int = 14) -> Series:
    """The samples of what is ordered, some a day."""
    series = Series([], [])
    for number in range(days * SAMPLES_A_DAY + 1):
        day = number / SAMPLES_A_DAY
        alive = [order.vcpus for order in chosen if order.starts_s <= day * DAY_S < order.ends_s]
        series.vcpus.append(Point(day, float(sum(alive))))
        series.vms.append(float(len(alive)))
    return series


# Results ------------------------------------------------------------------------------------------


def date_table(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """As Markdown, a row for each kind."""
    verdicts = _verdicts(records)
    rows = []
    for kind in dict.fromkeys(verdict.kind for verdict in verdicts):
        own = [verdict for verdict in verdicts if verdict.kind == kind]
        dated = [verdict for verdict in own if verdict.inside is not None]
        figures = ["", "", "", ""]
        if dated:
            error, straight = _errors(dated)
            figures = [_percent(dated), f"{error:.1f}", f"{straight:.1f}", f"{error / straight:.2f}"]
        rows.append((kind, str(len(own)), str(len(dated)), *figures))
    return table(("past", "forecasts", "with a range", "range holds", "error", "straight line", "ratio"), rows)


def demands(records: Sequence[Mapping[str, Any]]) -> Iterator[Demand]:
    verdicts = _verdicts(records)
    calm = [v for v in verdicts if v.kind.startswith("0.0 %")]
    dated = [v for v in verdicts if v.kind not in {c.kind for c in calm} and v.trend and v.inside is not None]
    if calm:
        none = sum(1 for v in calm if v.inside is None) / len(calm)
        yield Demand("No date in at least 95 % of worlds without growth", f"{100 * none:.0f} %", none >= 0.95)
    for name, group in (("dates", dated), ("levels of real orders", [v for v in verdicts if not v.trend])):
        if group:
            held = sum(1 for v in group if v.inside) / len(group)
            error, straight = _errors(group)
            yield Demand(f"80 % range of {name} holds 75 to 85 %", f"{100 * held:.0f} %", 0.75 <= held <= 0.85)
            less = 1 - error / straight
            yield Demand(f"Error of {name} at least 20 % below a straight line's", f"{100 * less:.0f} %", less >= 0.2)


def _verdicts(records: Sequence[Mapping[str, Any]]) -> list[JudgedForecast]:
    names = [field.name for field in fields(JudgedForecast)]
    return [JudgedForecast(**{name: record[name] for name in names}) for record in records]


def _errors(verdicts: Sequence[JudgedForecast]) -> tuple[float, float]:
    return mean(v.error or 0.0 for v in verdicts), mean(v.straight or 0.0 for v in verdicts)


def _percent(verdicts: Sequence[JudgedForecast]) -> str:
    return f"{100 * sum(1 for v in verdicts if v.inside) / len(verdicts):.0f} %"
