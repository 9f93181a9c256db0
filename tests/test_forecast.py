"""When a growing figure reaches its limit: trends, steps, ranges, and no date if the history shows no trend."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.forecast import LEAST_DAYS, REACH, Trend, forecast, level_range, without_steps
from balancer.level_model import Point
from balancer.model import Snapshot
from balancer.policy import Policy
from balancer.requests.capacity import (
    CPU,
    MEMORY,
    CapacitySample,
    ServiceChange,
    SizeCount,
    Totals,
    capacity_report,
    sizes,
    standard_vm,
    totals,
)
from tests.core_builders import NOW, cluster, node, vm

START = datetime(2026, 9, 1, tzinfo=timezone.utc)


def line(days: float, start: float, growth: float, *, noise: float = 0.0, seed: int = 1) -> list[Point]:
    rng = random.Random(seed)
    return [Point(i / 4, start + growth * i / 4 + rng.gauss(0, noise)) for i in range(round(days * 4) + 1)]


def wandering(days: int, start: float, spread: float, seed: int) -> list[Point]:
    rng, value, points = random.Random(seed), start, []
    for i in range(days * 4):
        points.append(Point(i / 4, value))
        value += rng.gauss(0, spread / 2)
    return points


def test_steady_growth_gives_the_day_of_the_limit() -> None:
    answer = forecast(line(60, 1000, 5), 1500)
    assert answer.trend is Trend.RISING
    assert answer.first is not None
    assert answer.last is not None
    assert answer.first == pytest.approx(40, abs=1)
    assert answer.last == pytest.approx(40, abs=1)
    assert answer.slope == pytest.approx(5)


def test_noise_widens_the_range_around_the_day() -> None:
    quiet = forecast(line(60, 1000, 5, noise=5), 1500)
    loud = forecast(line(60, 1000, 5, noise=60), 1500)
    for answer in (quiet, loud):
        assert answer.first is not None
        assert answer.last is not None
        assert answer.first <= 40 <= answer.last
    assert loud.last - loud.first > quiet.last - quiet.first  # type: ignore[operator]


@pytest.mark.parametrize("spread", [0.0, 3.0])
def test_figure_that_stays_gives_no_date(spread: float) -> None:
    answer = forecast(line(90, 1000, 0, noise=spread), 1500)
    assert answer.trend is Trend.NONE
    assert (answer.first, answer.middle, answer.last) == (None, None, None)


def test_wandering_figure_gives_no_date_in_nearly_all_worlds() -> None:
    trends = [forecast(wandering(90, 2000, 20, seed), 2600).trend for seed in range(40)]
    assert sum(1 for trend in trends if trend is Trend.RISING) <= 2


def test_falling_figure_gives_no_date() -> None:
    answer = forecast(line(60, 1000, -3, noise=2), 1500)
    assert answer.trend is Trend.FALLING
    assert answer.last is None


@pytest.mark.parametrize(("days", "every"), [(LEAST_DAYS - 1, 4), (3, 8), (0, 1)])
def test_short_past_gives_no_trend(days: float, every: int) -> None:
    points = [Point(i / every, 1000.0 + i) for i in range(round(days * every) + 1)]
    answer = forecast(points, 1500)
    assert answer.trend is Trend.SHORT
    assert answer.slope is None


def test_no_points_give_no_trend() -> None:
    assert forecast([], 100).trend is Trend.SHORT


def test_step_is_no_trend() -> None:
    points = [Point(p.day, p.value + (200 if p.day >= 30 else 0)) for p in line(60, 1000, 0, noise=2)]
    answer = forecast(points, 1500)
    assert answer.trend is Trend.NONE
    [step] = answer.steps
    assert step.day == 30
    assert step.change == pytest.approx(200, abs=10)


def test_step_is_left_out_of_the_growth_but_not_of_the_level() -> None:
    points = [Point(p.day, p.value + (200 if p.day >= 30 else 0)) for p in line(60, 1000, 5)]
    answer = forecast(points, 1700)
    assert answer.slope == pytest.approx(5, abs=0.1)
    assert answer.level == pytest.approx(1500, abs=1)
    assert answer.middle == pytest.approx(40, abs=2)


def test_growth_in_many_equal_jumps_has_no_steps() -> None:
    points = [Point(i / 4, 1000.0 + 60 * (i // 12)) for i in range(360)]
    answer = forecast(points, 4000)
    assert answer.steps == ()
    assert answer.trend is Trend.RISING


def test_figure_at_the_limit_is_reached() -> None:
    answer = forecast(line(60, 1000, 5), 1200)
    assert answer.reached
    assert answer.first is None


def test_date_beyond_the_reach_is_left_open() -> None:
    answer = forecast(line(30, 1000, 3, noise=1), 1000 + 3 * 30 * (REACH + 3))
    assert answer.trend is Trend.RISING
    assert answer.last is None
    assert answer.reach == 30 * REACH


def test_number_of_vms_shows_growth_that_their_sizes_hide() -> None:
    rng, rest, points, counts = random.Random(5), 0.0, [], []
    for i in range(360):
        rest += rng.gauss(0, 12)
        counts.append(600 + round(0.5 * i))
        points.append(Point(i / 4, 4.0 * counts[-1] + rest))
    with_counts = forecast(points, 4000, counts)
    assert with_counts.trend is Trend.RISING
    assert with_counts.slope == pytest.approx(8, abs=1.5)
    assert forecast(points, 4000).trend is not Trend.RISING or with_counts.slope is not None


def test_gap_in_the_past_does_not_change_the_day() -> None:
    points = [p for p in line(60, 1000, 5) if not 20 < p.day < 35]
    assert forecast(points, 1500).middle == pytest.approx(40, abs=1)


@given(st.lists(st.floats(0, 1e9, allow_nan=False), min_size=14, max_size=60), st.floats(1, 1e9))
def test_any_past_gives_an_ordered_answer_and_the_same_twice(values: list[float], limit: float) -> None:
    points = [Point(float(i), value) for i, value in enumerate(values)]
    answer = forecast(points, limit)
    assert answer == forecast(points, limit)
    if answer.first is not None and answer.last is not None:
        assert 0 <= answer.first <= answer.last <= answer.reach + answer.reach / 250 + 1
    if answer.trend is not Trend.RISING:
        assert answer.middle is None


@given(st.lists(st.integers(-1000, 1000), min_size=3, max_size=80))
def test_past_without_steps_keeps_its_end_and_all_other_changes(changes: list[int]) -> None:
    points, value = [], 10_000.0
    for i, change in enumerate(changes):
        value += change
        points.append(Point(float(i), value))
    even, steps = without_steps(points, 100.0)
    assert even[-1] == points[-1]
    assert points[0].value - even[0].value == pytest.approx(-sum(step.change for step in steps))


def test_range_of_the_level_holds_what_comes() -> None:
    low, middle, high = level_range(line(60, 1000, 5, noise=10), 10, 2000)
    assert low < 1350 < high
    assert middle == pytest.approx(1350, abs=15)


# The report ---------------------------------------------------------------------------------------


def samples(days: int, growth: int, *, more_nodes_at: int | None = None) -> list[CapacitySample]:
    rows = []
    for i in range(days * 4):
        more = more_nodes_at is not None and i >= 4 * more_nodes_at
        counted = Totals(
            3 if more else 2, 30 if more else 20, 300_000 if more else 200_000, 60 + growth * i, 50_000, 10
        )
        rows.append(CapacitySample(START + timedelta(hours=6 * i), counted))
    return rows


def test_report_has_the_date_of_each_resource() -> None:
    report = capacity_report(1, "c1", samples(30, 1), Policy())
    cpu, memory = report.dates
    assert (cpu.resource, memory.resource) == (CPU, MEMORY)
    assert cpu.limit == 140
    assert cpu.reached
    assert memory.trend is Trend.NONE
    assert memory.limit == 140_000


def test_report_names_new_nodes() -> None:
    report = capacity_report(1, "c1", samples(30, 0, more_nodes_at=10), Policy())
    assert report.changes == (ServiceChange(START + timedelta(days=10), 1, 10, 100_000),)
    assert report.dates[0].limit == 210


def test_node_that_is_away_for_one_sample_is_no_change() -> None:
    steady = samples(20, 0)
    away = steady[40]
    steady[40] = CapacitySample(away.at, Totals(1, 10, 100_000, 60, 50_000, 10))
    assert capacity_report(1, "c1", steady, Policy()).changes == ()


def test_report_of_one_sample_has_no_dates() -> None:
    report = capacity_report(1, "c1", samples(1, 1)[:1], Policy())
    assert [date.trend for date in report.dates] == [Trend.SHORT, Trend.SHORT]
    assert report.changes == ()


def test_report_without_samples_has_no_dates() -> None:
    report = capacity_report(1, "c1", [], Policy())
    assert report.dates == ()
    assert report.samples == ()


def test_growth_is_described_by_size() -> None:
    before = (START, [SizeCount(1, 5, 5000), SizeCount(4, 2, 8000)])
    now = [SizeCount(1, 7, 7000), SizeCount(40, 1, 64_000)]
    report = capacity_report(1, "c1", samples(20, 0), Policy(), counts=(before, now))
    assert [(g.above, g.most, g.vms_before, g.vms_now) for g in report.growth] == [
        (0, 1, 5, 7),
        (2, 4, 2, 0),
        (32, None, 0, 1),
    ]


def world(*nodes: object, vms: object = ()) -> Snapshot:
    return Snapshot(NOW, (cluster(),), tuple(nodes), tuple(vms))  # type: ignore[arg-type]


def test_nodes_out_of_service_are_no_capacity_but_their_vms_count() -> None:
    counted = totals(world(node(1), node(2, maintenance=True), node(3, state="failed")))
    assert counted == Totals(1, 10, 100_000, 90, 120_000, 0)


@pytest.mark.parametrize("unknown", ["cpus", "memory_mib"])
def test_unknown_figure_of_a_node_in_service_gives_no_totals(unknown: str) -> None:
    assert totals(world(node(1), node(2, **{unknown: None}))) is None


def test_unknown_allocation_is_the_sum_of_the_vms() -> None:
    vms = (vm(1, node_id=1), vm(2, node_id=1))
    counted = totals(world(node(1, vcpus_allocated=None, memory_allocated_mib=None), vms=vms))
    assert counted == Totals(1, 10, 100_000, 12, 8_000, 2)


def test_unknown_allocation_with_a_vm_of_unknown_size_gives_no_totals() -> None:
    assert totals(world(node(1, vcpus_allocated=None), vms=(vm(1, vcpus=None),))) is None


def test_standard_vm_is_the_commonest_size() -> None:
    vms = (vm(1), vm(2), vm(3, vcpus=1, memory_mib=1000))
    standard = standard_vm(world(node(1), vms=vms), Policy())
    assert standard is not None
    assert (standard.vcpus, standard.memory_mib) == (6, 4000)
    assert standard.fit == 6  # 70 vCPUs at most, 30 allocated
    assert [count.vms for count in sizes(vms)] == [1, 2]
