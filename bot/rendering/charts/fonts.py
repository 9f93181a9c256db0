"""The font of the pictures: width of a text, missing characters, cutting of long names.

matplotlib contains the font, with Cyrillic. Characters that it lacks are replaced before drawing, because
matplotlib would log a warning for each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import matplotlib
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font, LoadFlags

from bot.domain.sanitize import one_line

NO_SIGN = "□"
LONGEST = 200
"""Most characters of a text that are measured: no line has room for more."""
_RULER = 100.0
"""Font size at which widths are measured; widths are proportional to it."""
_LETTER = re.compile(r"[^\W\d_]")


def _path(bold: bool) -> Path:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name


@lru_cache(maxsize=2)
def _signs(bold: bool) -> frozenset[int]:
    return frozenset(FT2Font(str(_path(bold))).get_charmap())


class Fonts:
    """The font in two weights. Each picture has its own, because FreeType's objects must not be shared by threads."""

    def __init__(self) -> None:
        self._rulers: dict[bool, FT2Font] = {}

    def properties(self, size: float, bold: bool) -> FontProperties:
        return FontProperties(fname=str(_path(bold)), size=size)

    def shown(self, text: str, bold: bool = False) -> str:
        """The text as one line, with characters that the font lacks replaced."""
        signs = _signs(bold)
        return "".join(c if ord(c) in signs else NO_SIGN for c in one_line(text[:LONGEST]))

    def width(self, text: str, size: float, bold: bool = False) -> float:
        ruler = self._ruler(bold)
        ruler.set_text(self.shown(text, bold), 0.0, flags=LoadFlags.NO_HINTING)
        return ruler.get_width_height()[0] / 64 * size / _RULER

    def fitted(self, text: str, size: float, room: float, bold: bool = False) -> str:
        """The text, cut in the middle if it is wider than ``room``: names differ at their beginnings and ends."""
        text = self.shown(text, bold)
        if self.width(text, size, bold) <= room:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.width(_cut(text, middle), size, bold) <= room else (low, middle - 1)
        return _cut(text, low)

    def _ruler(self, bold: bool) -> FT2Font:
        if bold not in self._rulers:
            self._rulers[bold] = FT2Font(str(_path(bold)))
            self._rulers[bold].set_size(_RULER, 72)
        return self._rulers[bold]


def _cut(text: str, kept: int) -> str:
    head = kept - kept // 3
    return f"{text[:head].rstrip()}…{text[len(text) - kept // 3 :].lstrip()}"


def short_names(names: Sequence[str]) -> list[str]:
    """The names without their common domain, which does not fit on a phone."""
    parts = [name.split(".") for name in names]
    common = 0
    while len({tuple(p[-common - 1 :]) for p in parts}) == 1 and all(len(p) > common + 1 for p in parts):
        common += 1
    kept = [".".join(p[: len(p) - common]) for p in parts]
    domain = ".".join(parts[0][len(parts[0]) - common :]) if parts else ""
    return kept if len(names) > 1 and _LETTER.search(domain) and all(kept) else list(names)
