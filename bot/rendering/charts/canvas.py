"""A drawing surface in logical pixels from the top left; the PNG has two pixels for each.

Uses matplotlib's object interface: pyplot keeps its figures and is not safe in a thread. Positions are computed here
without axes, so that nothing overlaps on a narrow screen and drawing is fast. Texts are never read as formulas: names
come from strangers and may contain dollar signs.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Affine2D

from bot.rendering.charts.fonts import Fonts

WIDTH = 390.0
MARGIN = 14.0
SCALE = 2
_POINT = 72

# Colours of Okabe and Ito, which colour-blind people can distinguish, on a background for light and dark chats.
GROUND, BAND, TRACK, GRID = "#1F2933", "#28343F", "#3A4754", "#3D4B59"
INK, FAINT, DARK = "#F2F5F7", "#AEBBC7", "#10161C"
CALM, NEAR, OVER, UNKNOWN = "#56B4E9", "#E69F00", "#D55E00", "#8592A0"
MOVING = "#F0E442"

SMALL, NORMAL, LARGE = 11.0, 12.0, 15.0
Point = tuple[float, float]


class Canvas:
    def __init__(self) -> None:
        self.fonts = Fonts()
        self._figure = Figure(dpi=_POINT * SCALE, facecolor=GROUND)
        self._place = Affine2D()
        self._layer = 1.0

    # Words ------------------------------------------------------------------------------------

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: float = SMALL,
        colour: str = INK,
        bold: bool = False,
        align: str = "left",
        halo: str | None = None,
    ) -> float:
        """Draws one line with its middle at ``y``; returns its width. ``halo``: the colour around each letter."""
        shown = self.fonts.shown(text, bold)
        words = Text(
            *(x, y + 0.36 * size, shown),
            color=colour,
            fontproperties=self.fonts.properties(size, bold),
            horizontalalignment=align,  # type: ignore[arg-type]
            verticalalignment="baseline",
            parse_math=False,
            usetex=False,
        )
        if halo is not None:
            words.set_path_effects([withStroke(linewidth=3, foreground=halo)])
        self._add(words)
        return self.fonts.width(shown, size, bold)

    def fit(self, x: float, y: float, text: str, room: float, **how: Any) -> float:
        """As ``text``, cut to the width ``room``."""
        shown = self.fonts.fitted(text, how.get("size", SMALL), room, how.get("bold", False))
        return self.text(x, y, shown, **how)

    # Shapes -----------------------------------------------------------------------------------

    def rect(self, x: float, y: float, width: float, height: float, colour: str, *, alpha: float = 1.0) -> None:
        self._add(Rectangle((x, y), width, height, facecolor=colour, edgecolor="none", alpha=alpha))

    def hatched(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        """A hatched rectangle, which shows a state without colour."""
        self.rect(x, y, width, height, colour)
        step, path = 5.0, []
        start = x - height
        while start < x + width:
            low, high = max(start, x), min(start + height, x + width)
            if low < high:
                path += [(low, y + height - (low - start)), (high, y + height - (high - start))]
            start += step
        codes = [Path.MOVETO, Path.LINETO] * (len(path) // 2)
        if path:
            self._add(PathPatch(Path(path, codes), edgecolor=DARK, facecolor="none", linewidth=1.3))

    def box(self, x: float, y: float, width: float, height: float, *, colour: str, edge: str | None = None) -> None:
        """A rectangle with round corners, and a thick edge if ``edge`` is given."""
        style = "round,pad=0,rounding_size=4"
        inset = 1.25 if edge else 0.0
        self._add(
            FancyBboxPatch(
                (x + inset, y + inset),
                width - 2 * inset,
                height - 2 * inset,
                boxstyle=style,
                facecolor=colour,
                edgecolor=edge or "none",
                linewidth=2.5 if edge else 0,
                mutation_aspect=1,
            )
        )

    def line(
        self, points: Sequence[Point], colour: str, *, width: float = 1.0, dashed: bool = False, alpha: float = 1.0
    ) -> None:
        drawn = Line2D([x for x, _ in points], [y for _, y in points], color=colour, linewidth=width, alpha=alpha)
        drawn.set_solid_joinstyle("round")
        if dashed:
            drawn.set_linestyle((0, (4, 3)))
        self._add(drawn)

    def area(self, points: Sequence[Point], colour: str, *, alpha: float = 1.0) -> None:
        self._add(Polygon(list(points), closed=True, facecolor=colour, edgecolor="none", alpha=alpha))

    def dot(self, x: float, y: float, size: float, colour: str, *, hollow: bool = False) -> None:
        self._add(
            Line2D(
                *([x], [y]),
                marker="o",
                markersize=size,
                markerfacecolor=GROUND if hollow else colour,
                markeredgecolor=colour,
                markeredgewidth=1.6 if hollow else 0.0,
                linestyle="none",
            )
        )

    def triangle(self, x: float, y: float, size: float, colour: str, *, up: bool) -> None:
        half = size / 2
        top, bottom = (y - half, y + half) if up else (y + half, y - half)
        self.area([(x - half, bottom), (x + half, bottom), (x, top)], colour)

    def arrow(self, start: Point, bend: Point, end: Point, *, dashed: bool, colour: str = MOVING) -> None:
        """A curved arrow with a dark outline, visible on any colour."""
        head = 9.0
        dx, dy = end[0] - bend[0], end[1] - bend[1]
        length = max((dx * dx + dy * dy) ** 0.5, 1e-6)
        dx, dy = dx / length, dy / length
        neck = (end[0] - dx * head * 0.8, end[1] - dy * head * 0.8)
        curve = Path([start, bend, neck], [Path.MOVETO, Path.CURVE3, Path.CURVE3])
        for width, shade in ((6.0, GROUND), (2.4, colour)):
            patch = PathPatch(curve, facecolor="none", edgecolor=shade, linewidth=width, capstyle="butt")
            if dashed and shade == colour:
                patch.set_linestyle((0, (2.6, 1.6)))
            self._add(patch)
        wide = head * 0.55
        base = (end[0] - dx * head, end[1] - dy * head)
        corners = [end, (base[0] - dy * wide, base[1] + dx * wide), (base[0] + dy * wide, base[1] - dx * wide)]
        self._add(Polygon(corners, closed=True, facecolor=colour, edgecolor=GROUND, linewidth=1.4))

    # The picture ------------------------------------------------------------------------------

    def png(self, height: float) -> bytes:
        """The drawing, cut at this height."""
        self._figure.set_size_inches(WIDTH / _POINT, round(height) / _POINT)
        self._place.scale(SCALE, -SCALE).translate(0, SCALE * round(height))
        buffer = io.BytesIO()
        canvas: Any = FigureCanvasAgg(self._figure)
        canvas.print_png(buffer, metadata={"Software": None})
        return buffer.getvalue()

    def _add(self, artist: Any) -> None:
        """Later shapes are drawn above earlier ones."""
        self._layer += 0.001
        artist.set_zorder(self._layer)
        artist.set_transform(self._place)
        self._figure.add_artist(artist)
