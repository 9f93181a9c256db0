"""The nodes that a plan changes, before and after, on one scale with the thresholds."""

from __future__ import annotations

from balancer.model import Plan
from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import FAINT, INK, MARGIN, NORMAL, SMALL, TRACK, WIDTH, Canvas
from bot.rendering.charts.fonts import short_names
from bot.rendering.charts.levels import Legend, colour_of, heading, limit_words, number
from bot.rendering.charts.values import Figure, Limits, figures
from bot.rendering.plan_summary import NodeChange, node_changes

MOST = 14
ROW, LINE = 47.0, 14.5
NUMBERS, KIND = 84.0, 54.0
_LEFT, _RIGHT = MARGIN + KIND, WIDTH - MARGIN - NUMBERS


def shares(change: NodeChange, limits: Limits) -> list[tuple[Figure, Figure]]:
    """CPU and memory before and after, each pair of one kind: a load measured before may be unknown after."""
    pairs = list(zip(figures(change.before, limits), figures(change.after, limits), strict=True))
    if all(old.kind == new.kind for old, new in pairs):
        return pairs
    old, new = (Figure("cpu", load.cpu_ratio, limits.cpu_ratio) for load in (change.before, change.after))
    return [(old, new), pairs[1]]


def _size(change: NodeChange, limits: Limits) -> float:
    return max(abs(new.share - old.share) for old, new in shares(change, limits))


def draw(texts: Texts, plan: Plan, limits: Limits, title: str) -> bytes:
    canvas = Canvas()
    touched = sorted(node_changes(plan.moves), key=lambda c: (-_size(c, limits), c.node_id))
    shown = touched[:MOST]
    y = heading(canvas, title, texts.text("picture-moves", moves=len(plan.moves), nodes=len(touched)))
    pairs = [pair for change in shown for pair in shares(change, limits)]
    most = min(max([1.2, *(f.share * 1.03 for pair in pairs for f in pair)]), 2.5)
    limit_x = _x(1, most)
    canvas.text(limit_x, y + 8, texts.text("picture-threshold"), align="center")
    top = y + 18
    for at, (change, name) in enumerate(zip(shown, short_names([c.name for c in shown]), strict=True)):
        _node(texts, canvas, change, name, limits=limits, y=top + at * ROW, most=most)
    y = top + len(shown) * ROW
    canvas.line([(limit_x, top), (limit_x, y - 4)], INK, width=1.4, dashed=True)
    if len(touched) > len(shown):
        canvas.text(MARGIN, y + 8, texts.text("picture-more", nodes=len(touched) - len(shown)), colour=FAINT)
        y += 18
    legend = Legend(canvas, y + 10)
    legend.add("before", texts.text("picture-before"))
    legend.add("after", texts.text("picture-after"))
    measured = any(figure.kind == "load" for pair in pairs for figure in pair)
    limit_words(texts, legend, limits, measured=measured)
    return canvas.png(legend.end + 2)


def _x(share: float, most: float) -> float:
    return _LEFT + (_RIGHT - 8 - _LEFT) * min(share, most) / most


def _node(
    texts: Texts, canvas: Canvas, change: NodeChange, name: str, *, limits: Limits, y: float, most: float
) -> None:
    label = texts.text("picture-vms-more", vms=change.delta) if change.delta > 0 else ""
    label = texts.text("picture-vms-fewer", vms=-change.delta) if change.delta < 0 else label
    room = WIDTH - 2 * MARGIN - canvas.fonts.width(label, SMALL) - 10
    canvas.fit(MARGIN, y + 8, name, room, size=NORMAL, bold=True)
    canvas.text(WIDTH - MARGIN, y + 8, label, colour=FAINT, align="right")
    for line, (old, new) in enumerate(shares(change, limits)):
        _dumbbell(texts, canvas, old, new, y=y + 22 + line * LINE, most=most)


def _dumbbell(texts: Texts, canvas: Canvas, old: Figure, new: Figure, *, y: float, most: float) -> None:
    kind = "picture-memory" if old.kind == "memory" else "picture-measured" if old.kind == "load" else "picture-cpu"
    canvas.fit(MARGIN, y, texts.text(kind), KIND - 6, colour=FAINT)
    start, end = _x(old.share, most), _x(new.share, most)
    canvas.line([(_LEFT, y), (_x(most, most), y)], TRACK, width=1.5)
    colour = colour_of(new.share)
    canvas.line([(start, y), (end, y)], colour, width=3.2)
    canvas.dot(start, y, 8, colour_of(old.share), hollow=True)
    canvas.dot(end, y, 9, colour)
    before, after = number(texts, old.kind, old.value), number(texts, new.kind, new.value)
    over = new.share > 1
    canvas.fit(WIDTH - MARGIN, y, f"{before} → {after}", NUMBERS - 4, align="right", bold=over)
