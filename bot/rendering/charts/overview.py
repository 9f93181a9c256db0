"""All clusters: a strip for each, with a small square for each node, worst first."""

from __future__ import annotations

from collections.abc import Sequence

from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import FAINT, MARGIN, NORMAL, WIDTH, Canvas
from bot.rendering.charts.levels import Legend, explain_colours, heading, limit_words, node_colour, worst_first
from bot.rendering.charts.tiles import SQUARES_A_ROW, draw_squares
from bot.rendering.charts.values import Section
from bot.rendering.plan_summary import any_measured

MOST_CLUSTERS = 10
FEW = 6
"""Up to this many clusters have two rows of squares each, more have one. If not all nodes fit, the worst are shown."""


def draw(texts: Texts, sections: Sequence[Section], title: str) -> bytes:
    canvas = Canvas()
    ordered = sorted(sections, key=lambda s: not s.overloaded)
    nodes = [report for section in sections for report in section.nodes]
    overloaded = sum(section.overloaded for section in sections)
    y = heading(canvas, title, texts.text("picture-nodes", nodes=len(nodes), overloaded=overloaded))
    colours = set()
    most = SQUARES_A_ROW * (2 if len(ordered) <= FEW else 1)
    for section in ordered[:MOST_CLUSTERS]:
        y = _strip(texts, canvas, section, most, y + 6)
        colours |= {node_colour(report, section.limits) for report in section.nodes}
    if len(ordered) > MOST_CLUSTERS:
        label = texts.text("picture-more-clusters", count=len(ordered) - MOST_CLUSTERS)
        canvas.fit(MARGIN, y + 10, label, WIDTH - 2 * MARGIN, colour=FAINT)
        y += 20
    legend = Legend(canvas, y + 12)
    limits = {section.limits for section in sections}
    if len(limits) == 1:
        limit_words(texts, legend, limits.pop(), measured=any_measured(nodes), line=False)
    explain_colours(texts, legend, colours)
    return canvas.png(legend.end + 2)


def _strip(texts: Texts, canvas: Canvas, section: Section, most: int, y: float) -> float:
    reports = worst_first(section.nodes, section.limits)
    shown = reports[:most]
    known = any(report.load is not None for report in reports)
    words = texts.text("picture-over-of", overloaded=section.overloaded, nodes=len(reports))
    taken = canvas.text(
        *(WIDTH - MARGIN, y + 8, words if known else texts.text("picture-unknown")), align="right", colour=FAINT
    )
    sign = "▲ " if section.overloaded else ""
    canvas.fit(MARGIN, y + 8, sign + section.title, WIDTH - 2 * MARGIN - taken - 12, size=NORMAL, bold=True)
    y = draw_squares(canvas, shown, section.limits, y + 20)
    if len(reports) > len(shown):
        more = texts.text("picture-more", nodes=len(reports) - len(shown))
        canvas.fit(MARGIN, y + 7, more, WIDTH - 2 * MARGIN, colour=FAINT)
        y += 16
    return y + 4
