"""A cluster too large for bars: a tile for the busiest nodes and those with moves, a small square for the others."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import NodeReport
from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import DARK, FAINT, INK, MARGIN, MOVING, NORMAL, OVER, SMALL, WIDTH, Canvas, Point
from bot.rendering.charts.levels import node_colour, number
from bot.rendering.charts.values import Arrow, Limits, figures

COLUMNS, HEIGHT, GAP = 4, 38.0, 6.0
MOST_TILES = 60
"""Up to this many nodes are all tiles; of more nodes only the first."""
TILES_OF_MANY = 32
PITCH = 17.0
SQUARES_A_ROW = int((WIDTH - 2 * MARGIN + 3) // PITCH)
MOST_SQUARES = SQUARES_A_ROW * 15


def draw_tiles(
    texts: Texts,
    canvas: Canvas,
    reports: list[NodeReport],
    names: dict[int, str],
    *,
    limits: Limits,
    arrows: list[Arrow],
    y: float,
) -> float:
    """``reports``: worst first. Returns where the picture continues."""
    large, small = _split(reports, arrows)
    width = (WIDTH - 2 * MARGIN - GAP * (COLUMNS - 1)) / COLUMNS
    places = {
        report.node_id: (MARGIN + at % COLUMNS * (width + GAP), y + at // COLUMNS * (HEIGHT + GAP))
        for at, report in enumerate(large)
    }
    for report in large:
        colour, edge = node_colour(report, limits), INK if report.overloaded else None
        canvas.box(*places[report.node_id], width, HEIGHT, colour=colour, edge=edge)
    for arrow in reversed(arrows):  # running moves are drawn on top
        if arrow.source_id in places and arrow.target_id in places:
            _between(canvas, places[arrow.source_id], places[arrow.target_id], width, dashed=not arrow.running)
    for report in large:  # above the arrows, so that no arrow hides a name
        left, top = places[report.node_id]
        _tile(texts, canvas, report, names[report.node_id], limits=limits, x=left, y=top, width=width)
    y += -(-len(large) // COLUMNS) * (HEIGHT + GAP)
    return _squares(texts, canvas, small, limits, y + 4) if small else y


def _split(reports: list[NodeReport], arrows: list[Arrow]) -> tuple[list[NodeReport], list[NodeReport]]:
    """The nodes with a tile and the others. Sources and targets get a tile first, then the worst nodes."""
    if len(reports) <= MOST_TILES:
        return reports, []
    moving = {i for arrow in arrows for i in (arrow.source_id, arrow.target_id)}
    ranked = sorted(reports, key=lambda r: r.node_id not in moving)
    chosen = {report.node_id for report in ranked[:TILES_OF_MANY]}
    return [r for r in reports if r.node_id in chosen], [r for r in reports if r.node_id not in chosen]


def _tile(
    texts: Texts, canvas: Canvas, report: NodeReport, name: str, *, limits: Limits, x: float, y: float, width: float
) -> None:
    halo, middle = node_colour(report, limits), x + width / 2
    canvas.fit(middle, y + 12, name, width - 10, colour=DARK, bold=True, align="center", halo=halo)
    if report.load is None:
        canvas.text(middle, y + 27, "?", size=15, colour=DARK, bold=True, align="center", halo=halo)
        return
    cpu, memory = (number(texts, f.kind, f.value) for f in figures(report.load, limits))
    sign = "▲ " if report.overloaded else ""
    canvas.fit(middle, y + 27, f"{sign}{cpu} · {memory}", width - 6, colour=DARK, align="center", halo=halo)


def _between(canvas: Canvas, source: Point, target: Point, width: float, *, dashed: bool) -> None:
    """From edge to edge, so that both names stay readable; curved, so that opposite arrows do not overlap."""
    start, end = ((x + width / 2, y + HEIGHT / 2) for x, y in (source, target))
    dx, dy = end[0] - start[0], end[1] - start[1]
    if max(abs(dx) - width, abs(dy) - HEIGHT) > GAP + 1:
        bend = ((start[0] + end[0]) / 2 - dy * 0.15, (start[1] + end[1]) / 2 + dx * 0.15)
        start, end = _rim(start, bend, width), _rim(end, bend, width)
    else:
        start, bend, end = _around(start, end, width)
    canvas.arrow(start, bend, end, dashed=dashed)
    canvas.dot(*start, 8, MOVING)


def _around(start: Point, end: Point, width: float) -> tuple[Point, Point, Point]:
    """Adjacent tiles have little space between them: the arrow runs below a row, beside a column, or around."""
    (x1, y1), (x2, y2) = start, end
    if abs(y1 - y2) < 1:
        return (x1, y1 + HEIGHT / 2 - 3), ((x1 + x2) / 2, y1 + HEIGHT / 2 + 24), (x2, y2 + HEIGHT / 2 - 3)
    if abs(x1 - x2) < 1:
        return (x1 + width / 2 - 4, y1), (x1 + width / 2 + 24, (y1 + y2) / 2), (x2 + width / 2 - 4, y2)
    side, down = (1 if x2 > x1 else -1), (1 if y2 > y1 else -1)
    return (x1, y1 + down * HEIGHT / 2), (x1, y2), (x2 - side * width / 2, y2)


def _rim(middle: Point, towards: Point, width: float) -> Point:
    """The point where the line from a tile's middle to a point leaves the tile."""
    dx, dy = towards[0] - middle[0], towards[1] - middle[1]
    part = min(width / 2 / max(abs(dx), 1e-6), HEIGHT / 2 / max(abs(dy), 1e-6), 1.0)
    return middle[0] + dx * part, middle[1] + dy * part


def _squares(texts: Texts, canvas: Canvas, reports: list[NodeReport], limits: Limits, y: float) -> float:
    shown = reports[:MOST_SQUARES]
    label = texts.text("picture-others", nodes=len(reports))
    canvas.fit(MARGIN, y + 8, label, WIDTH - 2 * MARGIN, size=NORMAL, colour=FAINT)
    y += 20
    y = draw_squares(canvas, shown, limits, y)
    if len(reports) > len(shown):
        canvas.text(
            MARGIN, y + 8, texts.text("picture-more", nodes=len(reports) - len(shown)), size=SMALL, colour=FAINT
        )
        y += 18
    return y


def draw_squares(canvas: Canvas, reports: Sequence[NodeReport], limits: Limits, y: float) -> float:
    """A small square for each node, in as many rows as needed. Returns where the picture continues."""
    for at, report in enumerate(reports):
        x, top = MARGIN + at % SQUARES_A_ROW * PITCH, y + at // SQUARES_A_ROW * PITCH
        colour = node_colour(report, limits)
        (canvas.hatched if colour == OVER else canvas.rect)(x, top, PITCH - 3, PITCH - 3, colour)
        if report.load is None:
            canvas.text(x + (PITCH - 3) / 2, top + (PITCH - 3) / 2, "?", colour=DARK, bold=True, align="center")
    return y + -(-len(reports) // SQUARES_A_ROW) * PITCH
