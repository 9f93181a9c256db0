"""One cluster: a bar or a tile for each node, and arrows from source to target."""

from __future__ import annotations

from collections.abc import Container, Sequence

from balancer.model import NodeReport
from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import (
    BAND,
    FAINT,
    INK,
    MARGIN,
    MOVING,
    NORMAL,
    OVER,
    SMALL,
    TRACK,
    UNKNOWN,
    WIDTH,
    Canvas,
)
from bot.rendering.charts.fonts import short_names
from bot.rendering.charts.levels import (
    Legend,
    colour_of,
    explain_colours,
    heading,
    limit_words,
    named,
    node_colour,
    worst_first,
)
from bot.rendering.charts.tiles import draw_tiles
from bot.rendering.charts.values import Arrow, Figure, Limits, figures
from bot.rendering.plan_summary import any_measured

FIGURES = 92.0
"""Width of "memory 100 %" in bold, in the longest language."""
MOST_BARS = 24
ROOMY = 10
"""Up to this many nodes have their names above their bars."""
MOST_ARROWS = 12
"""Further nodes are only counted."""


def draw(texts: Texts, nodes: Sequence[NodeReport], arrows: Sequence[Arrow], limits: Limits, title: str) -> bytes:
    canvas = Canvas()
    reports = worst_first(nodes, limits)
    names = dict(zip((r.node_id for r in reports), short_names([r.node_name for r in reports]), strict=True))
    known = _distinct(arrows, names)
    shown = known[:MOST_ARROWS]
    overloaded = sum(r.overloaded for r in reports)
    y = heading(canvas, title, texts.text("picture-nodes", nodes=len(reports), overloaded=overloaded))
    bars = len(reports) <= MOST_BARS
    if bars:
        y = _Bars(texts, canvas, reports, names, limits=limits, arrows=bool(shown)).draw(y, shown)
    else:
        y = draw_tiles(texts, canvas, reports, names, limits=limits, arrows=shown, y=y)
    legend = Legend(canvas, y + 12)
    limit_words(texts, legend, limits, measured=any_measured(reports), line=bars)
    explain_colours(texts, legend, {node_colour(r, limits) for r in reports} - ({UNKNOWN} if bars else set()))
    _explain_arrows(texts, legend, shown, len(known) - len(shown))
    return canvas.png(legend.end + 2)


def _distinct(arrows: Sequence[Arrow], known: Container[int]) -> list[Arrow]:
    """One arrow for each pair of shown nodes. A running move hides a proposed one."""
    pairs: dict[tuple[int, int], Arrow] = {}
    for arrow in sorted(arrows, key=lambda a: not a.running):
        if arrow.source_id in known and arrow.target_id in known:
            pairs.setdefault((arrow.source_id, arrow.target_id), arrow)
    return list(pairs.values())


def _explain_arrows(texts: Texts, legend: Legend, arrows: list[Arrow], more: int) -> None:
    if any(not arrow.running for arrow in arrows):
        legend.add("proposed", texts.text("picture-proposed"))
    if any(arrow.running for arrow in arrows):
        legend.add("running", texts.text("picture-running"))
    if more:
        legend.add("none", texts.text("picture-more-arrows", count=more))


class _Bars:
    """Two bars for each node, in parts of its threshold, so that one line marks all thresholds."""

    def __init__(
        self,
        texts: Texts,
        canvas: Canvas,
        reports: list[NodeReport],
        names: dict[int, str],
        *,
        limits: Limits,
        arrows: bool,
    ) -> None:
        self._texts, self._canvas, self._limits = texts, canvas, limits
        self._reports, self._names = reports, names
        self._roomy = len(reports) <= ROOMY
        self._row = 54.0 if self._roomy else 30.0 if len(reports) <= 16 else 26.0
        self._line = 13.5 if self._row > 26 else 12.0
        self._middle = 31.0 if self._roomy else self._row / 2 - 0.5
        """The gap between the two bars of a row."""
        self._right = WIDTH - MARGIN - (40 if arrows else 0)
        """The x position where figures end and arrows begin."""
        self._figures = self._right - FIGURES
        self._left = MARGIN if self._roomy else MARGIN + 92
        shares = [f.share for r in reports if r.load is not None for f in figures(r.load, limits)]
        self._most = min(max([1.2, *shares]), 2.0)
        """The part of the threshold at the right end of the bars."""

    def draw(self, y: float, arrows: list[Arrow]) -> float:
        top = self._threshold_label(y)
        for at, report in enumerate(self._reports):
            if at % 2 and not self._roomy:
                self._canvas.rect(MARGIN - 6, top + at * self._row - 1, self._right - MARGIN + 9, self._row, BAND)
            self._node(report, top + at * self._row)
        bottom = top + len(self._reports) * self._row
        self._canvas.line([(self._x(1), top - 2), (self._x(1), bottom - 2)], INK, width=1.4, dashed=True)
        self._arrows(arrows, top)
        return bottom

    def _x(self, share: float) -> float:
        return self._left + (self._figures - 8 - self._left) * min(share, self._most) / self._most

    def _threshold_label(self, y: float) -> float:
        label = self._texts.text("picture-threshold")
        half = self._canvas.fonts.width(label, SMALL) / 2
        self._canvas.text(min(self._x(1), WIDTH - MARGIN - half), y + 8, label, align="center")
        return y + 20

    def _node(self, report: NodeReport, y: float) -> None:
        name = self._names[report.node_id]
        sign = "▲ " if report.overloaded else ""
        if self._roomy:
            self._canvas.fit(MARGIN, y + 8, sign + name, self._right - MARGIN, size=NORMAL, bold=True)
            y += 19
        else:
            self._canvas.fit(MARGIN, y + self._middle, sign + name, self._left - MARGIN - 8, bold=report.overloaded)
            y += 1 if self._row > 26 else 0
        if report.load is None:
            self._unknown(y)
            return
        for line, figure in enumerate(figures(report.load, self._limits)):
            self._bar(figure, y + self._line * line + 6)

    def _bar(self, figure: Figure, y: float) -> None:
        canvas, end = self._canvas, self._x(figure.share)
        canvas.rect(self._left, y - 4.5, self._x(self._most) - self._left, 9, TRACK)
        over = figure.share > 1
        canvas.rect(self._left, y - 4.5, max(end - self._left, 1), 9, colour_of(figure.share))
        if over:
            canvas.hatched(self._x(1), y - 4.5, end - self._x(1), 9, OVER)
        canvas.fit(self._right, y, named(self._texts, figure), FIGURES, align="right", bold=over)

    def _unknown(self, y: float) -> None:
        canvas = self._canvas
        canvas.rect(self._left, y + 1.5, self._x(self._most) - self._left, 22, TRACK)
        canvas.text((self._left + self._x(1)) / 2, y + 12.5, "?", size=15, bold=True, colour=FAINT, align="center")
        canvas.fit(self._right, y + 12.5, self._texts.text("picture-unknown"), FIGURES, align="right", colour=FAINT)

    def _arrows(self, arrows: list[Arrow], top: float) -> None:
        """Arrows between distant nodes are drawn further out."""
        rows = {report.node_id: at for at, report in enumerate(self._reports)}
        for arrow in reversed(arrows):  # running moves are drawn on top
            source, target = rows[arrow.source_id], rows[arrow.target_id]
            down = 3 if target > source else -3
            start = top + source * self._row + self._middle + down
            end = top + target * self._row + self._middle - down
            x, out = self._right + 7, 22 + 42 * abs(target - source) / max(len(rows) - 1, 1)
            self._canvas.arrow((x, start), (x + out, (start + end) / 2), (x, end), dashed=not arrow.running)
            self._canvas.dot(x, start, 6, MOVING)
