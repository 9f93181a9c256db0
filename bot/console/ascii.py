"""For terminals that are not UTF-8: every sign that is not ASCII is drawn as one that looks like it."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

LOOKALIKES = {
    **dict.fromkeys("─━┄┈╌╍═╴╶╸╺▁", "-"),
    **dict.fromkeys("│┃┆┊║┼┿╂▏▎▍▌▐▕", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴╭╮╰╯┏┓┗┛╔╗╚╝", "+"),
    **dict.fromkeys("█▉▊▋▇▆▀▄▅▔", "#"),
    "━": "=",
    "▁": "_",
    "▂": ".",
    "▃": ":",
    "▄": "-",
    "▅": "=",
    "▆": "+",
    "▇": "*",
    "…": "~",
    "·": "-",
    "→": ">",
    "←": "<",
    "↑": "^",
    "↓": "v",
    "•": "*",
    "●": "o",
    "○": ".",
    "×": "x",
    "–": "-",
    "—": "-",
    "‹": "<",
    "›": ">",
    "▶": ">",
    "▸": ">",
    "▎": "|",
    "“": '"',
    "”": '"',
    "«": '"',
    "»": '"',
    "’": "'",
    "\u00a0": " ",
}


class AsciiFilter(LineFilter):
    """The last step before the terminal."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [s if s.text.isascii() else Segment(to_ascii(s.text), s.style, s.control) for s in segments]


def to_ascii(text: str) -> str:
    """As wide as before; letters lose their accents, what looks like nothing in ASCII becomes ``?``."""
    return text if text.isascii() else "".join(_drawn(char) for char in text)


def _drawn(char: str) -> str:
    if char.isascii():
        return char
    lookalike = LOOKALIKES.get(char)
    if lookalike is None:
        plain = unicodedata.normalize("NFKD", char)[0]
        lookalike = plain if plain.isascii() and plain.isprintable() else "?"
    width = cell_len(char)
    return (lookalike * width)[:width]


def is_utf8(environment: Mapping[str, str] = os.environ, platform: str = os.name) -> bool:
    """What the locale says of the terminal; as tmux and others judge it."""
    if platform == "nt":
        return True
    encoding = next((v for name in ("LC_ALL", "LC_CTYPE", "LANG") if (v := environment.get(name))), "")
    return "UTF-8" in encoding.upper() or "UTF8" in encoding.upper()
