"""The summary of a day or a week: hours of overload by day, and the nodes that were busiest."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.load_history import BusyNode, DayHours
from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import CALM, FAINT, GRID, GROUND, INK, MARGIN, NORMAL, SMALL, TRACK, WIDTH, Canvas
from bot.rendering.charts.canvas import OVER as HOURS
from bot.rendering.charts.fonts import short_names
from bot.rendering.charts.scale import day_words, steps

HEIGHT = 130.0
FEWEST_DAYS = 2
"""The hours of a single day are a number, not a chart."""
MOST_NODES = 10
ROW = 40.0


def draw(texts: Texts, by_day: Sequence[DayHours], busiest: Sequence[BusyNode]) -> bytes:
    canvas, y = Canvas(), 10.0
    if len(by_day) >= FEWEST_DAYS:
        y = _days(texts, canvas, by_day, y)
    if busiest or len(by_day) < FEWEST_DAYS:
        y = _nodes(texts, canvas, busiest[:MOST_NODES], y)
    return canvas.png(y)


def _title(canvas: Canvas, text: str, y: float) -> float:
    canvas.fit(MARGIN, y + 12, text, WIDTH - 2 * MARGIN, size=14, bold=True)
    return y + 32


def _days(texts: Texts, canvas: Canvas, by_day: Sequence[DayHours], y: float) -> float:
    y = _title(canvas, texts.text("picture-by-day"), y)
    lines = steps(max(hours for _, hours in by_day) or 1.0)
    left, right, most = MARGIN + 26, WIDTH - MARGIN, lines[-1]
    bottom = y + 10 + HEIGHT
    for value in lines:
        at = bottom - HEIGHT * value / most
        canvas.line([(left, at), (right, at)], GRID)
        canvas.text(left - 6, at, texts.text("picture-number", value=value), colour=FAINT, align="right")
    pitch = (right - left) / len(by_day)
    wide = min(pitch * 0.7, 44)
    every = -(-len(by_day) // 7)
    for at, (day, hours) in enumerate(by_day):
        middle = left + pitch * (at + 0.5)
        tall = HEIGHT * hours / most
        if hours > 0:
            canvas.hatched(middle - wide / 2, bottom - max(tall, 1.5), wide, max(tall, 1.5), HOURS)
        if pitch >= 26:
            label = texts.text("picture-hours-short", hours=hours)
            canvas.text(middle, bottom - tall - 9, label, bold=hours > 0, align="center", halo=GROUND)
        if (len(by_day) - 1 - at) % every == 0:
            label = day_words(texts, day, weekday=len(by_day) <= 8)
            edge = WIDTH - 4 - canvas.fonts.width(label, SMALL) / 2
            canvas.text(min(middle, edge), bottom + 13, label, colour=FAINT, align="center")
    return bottom + 34


def _nodes(texts: Texts, canvas: Canvas, nodes: Sequence[BusyNode], y: float) -> float:
    y = _title(canvas, texts.text("picture-busiest"), y)
    if not nodes:
        canvas.text(WIDTH / 2, y + 24, texts.text("picture-no-figures"), size=NORMAL, colour=FAINT, align="center")
        return y + 56
    hours = any(node.overload_hours > 0 for node in nodes)
    values = [node.overload_hours if hours else node.cpu_ratio for node in nodes]
    most = max([*values, 1e-6])
    for at, (node, name) in enumerate(zip(nodes, short_names([n.name for n in nodes]), strict=True)):
        _node(texts, canvas, node, name, y=y + at * ROW, part=values[at] / most, hours=hours)
    return y + len(nodes) * ROW + 8


def _node(texts: Texts, canvas: Canvas, node: BusyNode, name: str, *, y: float, part: float, hours: bool) -> None:
    label = texts.text(
        "picture-busy", hours=node.overload_hours, ratio=node.cpu_ratio_max, memory=node.memory_percent_max
    )
    room = WIDTH - 2 * MARGIN - canvas.fonts.width(label, SMALL) - 10
    canvas.fit(MARGIN, y + 7, name or f"#{node.node_id}", room, size=NORMAL, bold=True)
    canvas.text(WIDTH - MARGIN, y + 7, label, colour=INK, align="right")
    wide = WIDTH - 2 * MARGIN
    canvas.rect(MARGIN, y + 17, wide, 11, TRACK)
    if hours and part > 0:
        canvas.hatched(MARGIN, y + 17, max(wide * part, 2), 11, HOURS)
    elif part > 0:
        canvas.rect(MARGIN, y + 17, wide * part, 11, CALM)
