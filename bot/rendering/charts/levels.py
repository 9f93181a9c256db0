"""Load as a colour with a sign, and in words."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from balancer.model import NodeReport
from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import (
    CALM,
    DARK,
    FAINT,
    INK,
    MARGIN,
    NEAR,
    NORMAL,
    OVER,
    SMALL,
    UNKNOWN,
    WIDTH,
    Canvas,
)
from bot.rendering.charts.values import Figure, Limits, worst_share

NEARLY = 0.85
"""A load from this part of the threshold on is near it."""
LEGEND_LINE = 18.0


def colour_of(share: float) -> str:
    if share > 1:
        return OVER
    return NEAR if share >= NEARLY else CALM


def node_colour(report: NodeReport, limits: Limits) -> str:
    if report.load is None:
        return UNKNOWN
    return OVER if report.overloaded else colour_of(worst_share(report.load, limits))


def worst_first(nodes: Sequence[NodeReport], limits: Limits) -> list[NodeReport]:
    """Sort key: overloaded nodes first, then by load; unknown load last."""

    def order(report: NodeReport) -> tuple[bool, float, int]:
        share = -1.0 if report.load is None else worst_share(report.load, limits)
        return not report.overloaded, -share, report.node_id

    return sorted(nodes, key=order)


def number(texts: Texts, kind: str, value: float) -> str:
    if kind == "memory":
        return texts.text("picture-percent", value=value)
    if kind == "vm":
        return texts.text("picture-number", value=value)
    return texts.text("picture-load" if kind == "load" else "picture-ratio", value=value)


def exact(texts: Texts, kind: str, value: float) -> str:
    """A threshold as the settings have it: not rounded as figures are."""
    return texts.text("picture-exact-percent" if kind == "memory" else "picture-number", value=value)


def named(texts: Texts, figure: Figure, words: Callable[[Texts, str, float], str] = number) -> str:
    """ "CPU 7.2": short, to save space."""
    text = words(texts, figure.kind, figure.value)
    if figure.kind == "memory":
        return texts.text("picture-memory-is", figure=text)
    return texts.text("picture-load-is" if figure.kind == "load" else "picture-cpu-is", figure=text)


def heading(canvas: Canvas, title: str, below: str) -> float:
    """Draws the title and a fainter line; returns where the picture continues."""
    canvas.fit(MARGIN, 22, title, WIDTH - 2 * MARGIN, size=15, bold=True)
    canvas.fit(MARGIN, 42, below, WIDTH - 2 * MARGIN, size=NORMAL, colour=FAINT)
    return 56


class Legend:
    """Explains signs with a word each, on as many lines as needed."""

    def __init__(self, canvas: Canvas, y: float) -> None:
        self._canvas = canvas
        self._x = MARGIN
        self.y = y

    def add(self, sign: str, label: str) -> None:
        """``sign`` is a colour, or ``line``, ``band``, ``limit``, ``proposed``, ``running``, ``in``, ``out``,
        ``before``, ``after``, or ``none``."""
        width = 0 if sign == "none" else 28 if sign in ("line", "limit", "proposed", "running") else 16
        needed = width + self._canvas.fonts.width(label, SMALL) + 12
        if self._x > MARGIN and self._x + needed > WIDTH - MARGIN + 12:
            self._x, self.y = MARGIN, self.y + LEGEND_LINE
        self._sign(sign, self._x, self.y)
        self._canvas.fit(self._x + width, self.y, label, WIDTH - MARGIN - self._x - width, colour=FAINT)
        self._x += needed

    def _sign(self, sign: str, x: float, y: float) -> None:
        canvas = self._canvas
        if sign in ("proposed", "running"):
            canvas.arrow((x, y), (x + 10, y), (x + 22, y), dashed=sign == "proposed")
        elif sign == "line":
            canvas.line([(x, y), (x + 22, y)], CALM, width=2.4)
        elif sign == "limit":
            canvas.line([(x, y), (x + 22, y)], INK, width=1.4, dashed=True)
        elif sign == "band":
            canvas.rect(x, y - 5, 11, 10, CALM, alpha=0.35)
        elif sign in ("in", "out"):
            canvas.triangle(x + 5, y, 9, FAINT, up=sign == "out")
        elif sign in ("before", "after"):
            canvas.dot(x + 5, y, 9, FAINT, hollow=sign == "before")
        elif sign == OVER:
            canvas.hatched(x, y - 5.5, 11, 11, OVER)
        elif sign != "none":
            canvas.box(x, y - 5.5, 11, 11, colour=sign)
        if sign == UNKNOWN:
            canvas.text(x + 5.5, y, "?", colour=DARK, bold=True, align="center")

    @property
    def end(self) -> float:
        return self.y + LEGEND_LINE


def limit_words(texts: Texts, legend: Legend, limits: Limits, *, measured: bool, line: bool = True) -> None:
    """The thresholds in words; ``line``: the picture has a line for them."""
    thresholds = [("cpu", limits.cpu_ratio), ("memory", limits.memory_percent)]
    if measured:
        thresholds.insert(1, ("load", limits.cpu_load))
    parts = ", ".join(named(texts, Figure(kind, value, 1), exact) for kind, value in thresholds)
    legend.add("limit" if line else "none", texts.text("picture-limit", figures=parts))


def explain_colours(texts: Texts, legend: Legend, colours: Container[str]) -> None:
    """Only signs that are in the picture."""
    for colour, words in (
        (CALM, texts.text("picture-calm")),
        (NEAR, texts.text("picture-near")),
        (OVER, texts.text("picture-over")),
        (UNKNOWN, texts.text("picture-unknown")),
    ):
        if colour in colours:
            legend.add(colour, words)
