"""When a cluster is full: what was allocated over time against the threshold, and where it is likely to go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from balancer.requests.capacity import CPU, CapacityReport, ResourceDate
from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import CALM, FAINT, GRID, INK, MARGIN, NORMAL, WIDTH, Canvas, Point
from bot.rendering.charts.levels import Legend, heading
from bot.rendering.charts.scale import day_words, marks, steps

HEIGHT = 118.0
_LEFT, _RIGHT = MARGIN + 46, WIDTH - MARGIN
MARGIN_OF_TIME = 0.05
"""Part of the time that is free behind the last date."""


def draw(texts: Texts, report: CapacityReport) -> bytes:
    """A panel for each resource. The report has at least one sample."""
    canvas = Canvas()
    since, now = report.samples[0].at, report.samples[-1].at
    until = _end(report, since, now)
    y = heading(canvas, report.cluster_name, _span(texts, since, until))
    times = marks(texts, since, until)
    axis = _Axis(since, until)
    for resource in report.dates:
        y = _panel(texts, canvas, axis, report, resource, times=[at for at, _ in times], y=y)
    last = 0.0
    for at, label in times:
        half = canvas.fonts.width(label, 11.0) / 2
        x = min(max(axis.x(at), MARGIN + half), WIDTH - 4 - half)
        if x - half >= last + 6:
            canvas.text(x, y + 2, label, colour=FAINT, align="center")
            last = x + half
    legend = Legend(canvas, y + 24)
    legend.add("line", texts.text("picture-capacity-legend"))
    if any(resource.first is not None for resource in report.dates):
        legend.add("band", texts.text("picture-likely"))
    legend.add("limit", texts.text("picture-threshold"))
    return canvas.png(legend.end + 2)


class _Axis:
    """The time axis, which both panels share."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since, self._until = since, until

    def x(self, at: datetime) -> float:
        part = (at - self._since) / max(self._until - self._since, timedelta(seconds=1))
        return _LEFT + (_RIGHT - _LEFT) * min(max(part, 0.0), 1.0)


def _end(report: CapacityReport, since: datetime, now: datetime) -> datetime:
    """The last date that is shown: of an open range its first one as far again."""
    dates = [d.last or d.first + (d.first - now) for d in report.dates if d.first is not None]
    return max([now, *dates]) + MARGIN_OF_TIME * (max([now, *dates]) - since)


def _span(texts: Texts, since: datetime, until: datetime) -> str:
    return " – ".join(day_words(texts, at.astimezone(texts.zone).date(), weekday=False) for at in (since, until))


def _panel(
    texts: Texts,
    canvas: Canvas,
    axis: _Axis,
    report: CapacityReport,
    resource: ResourceDate,
    *,
    times: Sequence[datetime],
    y: float,
) -> float:
    """Draws one resource; returns where the next one begins."""
    unit, values = _values(report, resource)
    most = 1.1 * max(resource.limit / unit, *(value for _, value in values), 1e-6)
    top, bottom = y + 24, y + 24 + HEIGHT

    def at(value: float) -> float:
        return bottom - HEIGHT * value / most

    title = "picture-capacity-vcpu" if resource.resource == CPU else "picture-capacity-memory"
    canvas.fit(MARGIN, y + 10, texts.text(title), WIDTH - 2 * MARGIN, size=NORMAL, bold=True)
    for value in steps(most):
        if value <= most:
            canvas.line([(_LEFT, at(value)), (_RIGHT, at(value))], GRID)
            label = texts.text("picture-number", value=value)
            canvas.text(_LEFT - 6, at(value), label, colour=FAINT, align="right")
    for time in times:
        canvas.line([(axis.x(time), top), (axis.x(time), bottom)], GRID)
    if resource.first is not None:
        _fan(canvas, axis, report, resource, at=lambda value: at(value / unit))
    canvas.line([(axis.x(moment), at(value)) for moment, value in values], CALM, width=2.2)
    limit = at(resource.limit / unit)
    canvas.line([(_LEFT, limit), (_RIGHT, limit)], INK, width=1.4, dashed=True)
    return bottom + 12


def _values(report: CapacityReport, resource: ResourceDate) -> tuple[float, list[tuple[datetime, float]]]:
    if resource.resource == CPU:
        return 1.0, [(s.at, float(s.totals.vcpus)) for s in report.samples]
    return 1024.0, [(s.at, s.totals.allocated_mib / 1024) for s in report.samples]


def _fan(
    canvas: Canvas, axis: _Axis, report: CapacityReport, resource: ResourceDate, at: Callable[[float], float]
) -> None:
    """From now to the threshold, between the first and the last date; an open range ends at the edge."""
    now, first = report.samples[-1].at, resource.first
    assert first is not None  # noqa: S101 - the caller looks
    start: Point = (axis.x(now), at(resource.allocated))
    end = _RIGHT if resource.last is None else axis.x(resource.last)
    corners: list[Point] = [start, (axis.x(first), at(resource.limit)), (end, at(resource.limit))]
    if resource.last is None:
        grown = resource.allocated + (resource.growth or 0.0) / 2 * (
            (_RIGHT - start[0]) / max(axis.x(first) - start[0], 1)
        )
        corners.append((end, at(min(grown, resource.limit))))
    canvas.area(corners, CALM, alpha=0.35)
