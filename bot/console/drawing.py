"""Bars, sparklines and words cut to a width, as rich Text. Pure.

Names come from strangers: they become Text, never markup, and lose their control characters here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from bot.domain.sanitize import one_line

SPARKS = "▁▂▃▄▅▆▇█"
FILLED, EMPTY, TICK, TICK_FILLED = "━", "─", "┼", "┿"
FULL_BAR = 1.25
"""The length of a full bar, in limits: the limit is at four fifths of it."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The meanings of the colours. No information is shown by colour alone."""

    good: str
    warn: str
    bad: str
    dim: str
    accent: str


def cut(text: str, width: int) -> str:
    """One line of at most ``width`` cells; where it was cut there is an ellipsis."""
    line = one_line(text)
    if cell_len(line) <= width:
        return line
    return set_cell_size(line, max(0, width - 1)).rstrip() + "…" if width > 0 else ""


def fit(text: str, width: int) -> str:
    """One line of exactly ``width`` cells."""
    return set_cell_size(cut(text, width), width)


def pieces(text: str, widths: Sequence[int]) -> list[str]:
    """One text across several columns, each cell with its part."""
    parts, at = [], 0
    for width in widths:
        start = at
        while at < len(text) and cell_len(text[start : at + 1]) <= width:
            at += 1
        parts.append(text[start:at])
    return parts


def bar(value: float, limit: float, width: int, style: str, dim: str) -> Text:
    """A value against its limit, which a tick marks."""
    filled = min(width, max(0, round(value / limit / FULL_BAR * width)))
    tick = min(width - 1, round(width / FULL_BAR))
    drawn = Text()
    for at in range(width):
        inside = at < filled
        char = (TICK_FILLED if inside else TICK) if at == tick else FILLED if inside else EMPTY
        drawn.append(char, style if inside else dim)
    return drawn


def sparkline(values: Sequence[float], limit: float, width: int, style: str, over: str) -> Text:
    """The last values, one cell each, against the limit; what lies above it is drawn in ``over``."""
    drawn = Text(" " * max(0, width - len(values)))
    top = max(limit * FULL_BAR, 1e-9)
    for value in list(values)[-width:]:
        level = min(len(SPARKS) - 1, max(0, int(value / top * len(SPARKS))))
        drawn.append(SPARKS[level], over if value > limit else style)
    return drawn


def paragraphs(parts: Sequence[tuple[int, Text]]) -> Group:
    """Lines with their indents, which they keep where they are wrapped."""
    return Group(*(Padding(text, (0, 0, 0, indent)) for indent, text in parts))


def lines(*parts: Text | str) -> Text:
    """Paragraphs one under the other."""
    return Text("\n").join(p if isinstance(p, Text) else Text(p) for p in parts)
