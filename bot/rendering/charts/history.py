"""Load over time: a panel for CPU, for measured load if there is any, and for memory; then migrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.domain.load_history import PastMigration, Sample
from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import (
    CALM,
    FAINT,
    GRID,
    GROUND,
    INK,
    MARGIN,
    NORMAL,
    OVER,
    SMALL,
    WIDTH,
    Canvas,
    Point,
)
from bot.rendering.charts.levels import Legend, exact, heading, number
from bot.rendering.charts.lines import above, runs
from bot.rendering.charts.scale import marks, steps
from bot.rendering.charts.values import Limits

HEIGHT = 118.0
_LEFT, _RIGHT = MARGIN + 36, WIDTH - MARGIN
BUCKET = 14.0
"""Migrations closer together than this share a sign that shows their number."""


@dataclass(frozen=True, slots=True)
class Track:
    """One figure over time."""

    kind: str
    limit: float
    mean: Callable[[Sample], float | None]
    highest: Callable[[Sample], float | None]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose load a picture shows, and of when. ``node_id``: of one node, so that migrations come and go."""

    title: str
    tracks: Sequence[Track]
    since: datetime
    until: datetime
    node_id: int | None = None
    limit_words: str = ""
    """What the dashed line is; empty: the threshold."""


def draw(
    texts: Texts,
    samples: Sequence[Sample],
    migrations: Sequence[PastMigration],
    limits: Limits,
    *,
    title: str,
    since: datetime,
    until: datetime,
    node_id: int | None,
) -> bytes:
    """A node, or a cluster where ``node_id`` is ``None``."""
    return _drawn(texts, Subject(title, _tracks(samples, limits), since, until, node_id), samples, migrations)


def draw_vm(
    texts: Texts,
    samples: Sequence[Sample],
    migrations: Sequence[PastMigration],
    vcpus: int,
    *,
    title: str,
    since: datetime,
    until: datetime,
) -> bytes:
    """A VM: the CPUs that it kept busy, beside its vCPUs."""
    track = Track("vm", float(max(1, vcpus)), lambda s: s.cpu_load, lambda s: s.cpu_load_max)
    subject = Subject(title, (track,), since, until, limit_words=texts.text("picture-vcpus"))
    return _drawn(texts, subject, samples, migrations)


def _drawn(texts: Texts, subject: Subject, samples: Sequence[Sample], migrations: Sequence[PastMigration]) -> bytes:
    canvas, node_id, since, until = Canvas(), subject.node_id, subject.since, subject.until
    chart = _Chart(texts, canvas, since, until, node=node_id is not None)
    times = marks(texts, since, until)
    y = heading(canvas, subject.title, _span_words(texts, since, until))
    for track in subject.tracks:
        y = chart.panel(track, samples, [at for at, _ in times], y)
    signs = chart.migrations(migrations, node_id, y)
    y = chart.clock(times, signs.bottom)
    legend = Legend(canvas, y + 12)
    if samples:
        legend.add("line", texts.text("picture-mean"))
        legend.add("band", texts.text("picture-up-to-max"))
    legend.add("limit", subject.limit_words or texts.text("picture-threshold"))
    if signs.went:
        legend.add("out", texts.text("picture-migration" if node_id is None else "picture-left"))
    if signs.came:
        legend.add("in", texts.text("picture-came"))
    return canvas.png(legend.end + 2)


def _span_words(texts: Texts, since: datetime, until: datetime) -> str:
    hours = round((until - since) / timedelta(hours=1))
    if hours < 48:
        return texts.text("picture-last-hours", hours=max(hours, 1))
    return texts.text("picture-last-days", days=round(hours / 24))


def _tracks(samples: Sequence[Sample], limits: Limits) -> list[Track]:
    tracks = [Track("cpu", limits.cpu_ratio, lambda s: s.cpu_ratio, lambda s: s.cpu_ratio_max)]
    if any(sample.cpu_load is not None for sample in samples):
        tracks.append(Track("load", limits.cpu_load, lambda s: s.cpu_load, lambda s: s.cpu_load_max))
    memory = Track("memory", limits.memory_percent, lambda s: s.memory_percent, lambda s: s.memory_percent_max)
    return [*tracks, memory]


@dataclass(frozen=True, slots=True)
class Signs:
    bottom: float
    came: bool
    went: bool


class _Chart:
    """The time axis, which all panels share."""

    def __init__(self, texts: Texts, canvas: Canvas, since: datetime, until: datetime, node: bool) -> None:
        self._texts, self._canvas = texts, canvas
        self._since, self._until = since, until
        self._node = node

    def _x(self, at: datetime) -> float:
        part = (at - self._since) / max(self._until - self._since, timedelta(seconds=1))
        return _LEFT + (_RIGHT - _LEFT) * min(max(part, 0.0), 1.0)

    def panel(self, track: Track, samples: Sequence[Sample], times: Sequence[datetime], y: float) -> float:
        """Draws one figure; returns where the next one begins."""
        canvas = self._canvas
        known = [s for s in samples if track.mean(s) is not None]
        highest = max((track.highest(s) or track.mean(s) or 0.0 for s in known), default=0.0)
        lines = steps(max(highest * 1.05, track.limit * 1.15))
        most, top, bottom = max(highest * 1.05, track.limit * 1.15), y + 24, y + 24 + HEIGHT
        self._title(track, known, highest, y + 10)

        def at(value: float) -> float:
            return bottom - HEIGHT * value / most

        for value in lines:
            if value <= most:
                canvas.line([(_LEFT, at(value)), (_RIGHT, at(value))], GRID)
                label = self._number(track.kind, value)
                canvas.text(_LEFT - 6, at(value), label, colour=FAINT, align="right")
        for time in times:
            canvas.line([(self._x(time), top), (self._x(time), bottom)], GRID)
        for run in runs(samples, track.mean):
            self._run(track, run, at)
        canvas.line([(_LEFT, at(track.limit)), (_RIGHT, at(track.limit))], INK, width=1.4, dashed=True)
        limit = exact(self._texts, track.kind, track.limit)
        label = self._texts.text("picture-size" if track.kind == "vm" else "picture-limit", figures=limit)
        canvas.text(self._free(track, known, canvas.fonts.width(label, SMALL)), at(track.limit) - 9, label, halo=GROUND)
        if not known:
            label = self._texts.text("picture-no-figures")
            canvas.text(
                (_LEFT + _RIGHT) / 2, bottom - 34, label, size=NORMAL, colour=FAINT, align="center", halo=GROUND
            )
        return bottom + 12

    def _free(self, track: Track, known: Sequence[Sample], width: float) -> float:
        """The rightmost position where a text of this width covers the fewest points above the threshold."""
        over = [self._middle(s) for s in known if (track.highest(s) or 0.0) > track.limit]
        last = _RIGHT - 2 - width
        places = [last - 10 * n for n in range(int((last - _LEFT) // 10) + 1)]
        return min(places, key=lambda x: (sum(x - 6 < there < x + width + 6 for there in over), -x))

    def _title(self, track: Track, known: Sequence[Sample], highest: float, y: float) -> None:
        texts, kind = self._texts, track.kind
        text = ""
        if known:
            mean = sum(track.mean(s) or 0.0 for s in known) / len(known)
            text = texts.text("picture-mean-max", mean=number(texts, kind, mean), max=number(texts, kind, highest))
        wide = self._canvas.text(WIDTH - MARGIN, y, text, colour=FAINT, align="right")
        self._canvas.fit(
            MARGIN, y, texts.text(f"picture-{kind}-long"), WIDTH - 2 * MARGIN - wide - 8, size=NORMAL, bold=True
        )

    def _number(self, kind: str, value: float) -> str:
        if kind == "memory":
            return number(self._texts, kind, value)
        return self._texts.text("picture-number", value=value)

    def _run(self, track: Track, run: Sequence[Sample], at: Callable[[float], float]) -> None:
        """The mean as a line, the range up to the maximum as a band, values above the threshold in red."""
        canvas = self._canvas
        means = [(self._middle(s), track.mean(s) or 0.0) for s in run]
        highs = [(self._middle(s), track.highest(s) or track.mean(s) or 0.0) for s in run]
        if len(run) == 1:
            [(x, mean)], [(_, high)] = means, highs
            canvas.line(
                [(x, at(mean)), (x, at(high))],
                OVER if self._judged(track, run, highs)[0][1] > track.limit else CALM,
                width=4,
                alpha=0.5,
            )
            canvas.dot(x, at(mean), 6, CALM)
            return
        down = [(x, at(value)) for x, value in reversed(means)]
        canvas.area([*((x, at(value)) for x, value in highs), *down], CALM, alpha=0.35)
        for piece in above(self._judged(track, run, highs), track.limit):
            start, end = piece[0][0], piece[-1][0]
            edge = [(end, at(track.limit)), (start, at(track.limit))]
            canvas.area([*((x, at(value)) for x, value in piece), *edge], OVER, alpha=0.9)
        canvas.line([(x, at(value)) for x, value in means], CALM, width=2.2)

    def _judged(self, track: Track, run: Sequence[Sample], highs: Sequence[Point]) -> list[Point]:
        """Allocation does not overload a node whose load was measured."""
        if not self._node or track.kind != "cpu":
            return list(highs)
        return [(x, min(y, track.limit) if s.cpu_load is not None else y) for s, (x, y) in zip(run, highs, strict=True)]

    def _middle(self, sample: Sample) -> float:
        return self._x(sample.at + sample.span / 2)

    def migrations(self, migrations: Sequence[PastMigration], node_id: int | None, y: float) -> Signs:
        """Triangles with a number: up for VMs that left the node, down for VMs that came; for a cluster always up."""
        lanes = (
            ("out", [m for m in migrations if node_id is None or m.source_id == node_id]),
            ("in", [m for m in migrations if node_id is not None and m.target_id == node_id]),
        )
        for name, lane in lanes:
            buckets: dict[int, int] = {}
            for migration in lane:
                bucket = int((self._x(migration.at) - _LEFT) // BUCKET)
                buckets[bucket] = buckets.get(bucket, 0) + 1
            for bucket, count in buckets.items():
                self._sign(min(_LEFT + (bucket + 0.5) * BUCKET, _RIGHT - 5), y + 2, count, up=name == "out")
            y += 26 if buckets else 0
        return Signs(y, bool(lanes[1][1]), bool(lanes[0][1]))

    def _sign(self, x: float, y: float, count: int, *, up: bool) -> None:
        self._canvas.triangle(x, y, 9, FAINT, up=up)
        if count > 1:
            self._canvas.text(x, y + 12, str(count) if count < 100 else "…", size=SMALL, align="center")

    def clock(self, times: Sequence[tuple[datetime, str]], y: float) -> float:
        last = 0.0
        for at, label in times:
            half = self._canvas.fonts.width(label, SMALL) / 2
            x = min(max(self._x(at), MARGIN + half), WIDTH - 4 - half)
            if x - half >= last + 6:
                self._canvas.text(x, y + 2, label, colour=FAINT, align="center")
                last = x + half
        return y + 12
