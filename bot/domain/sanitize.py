"""Text from outside (names that customers wrote, messages of the panel) made fit to be shown. Pure.

Takes out what moves a cursor, breaks a line or turns the reading direction; it does not escape for
HTML, CSV or SQL: each edge does that for its own language.
"""

from __future__ import annotations

import re
import unicodedata

# Whole ANSI sequences, so that "\x1b[31m" leaves no "[31m" behind: strings (OSC, DCS, SOS, PM, APC) up to
# their end mark, control sequences (CSI), two-character escapes. C1 forms included.
_ANSI = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[ -/]*[0-~]"
)
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# Joiners are format characters too, but scripts and emoji cannot do without them.
_JOINERS = "\u200c\u200d"
# Controls, format characters (bidi overrides among them), surrogates without a partner.
_UNSHOWABLE = frozenset({"Cc", "Cf", "Cs"})


def one_line(text: str) -> str:
    """The text on one line, without control characters, ANSI sequences, bidi overrides or lone surrogates.

    Line breaks and tabs become one space; other spaces stay as they are, except at both ends.
    ``one_line(one_line(x)) == one_line(x)``.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _BREAKS.sub(" ", _ANSI.sub("", text))
    kept = (char for char in text if char in _JOINERS or unicodedata.category(char) not in _UNSHOWABLE)
    return "".join(kept).strip()


def shorten(text: str, length: int) -> str:
    """:func:`one_line`, at most so many characters long; a cut shows as an ellipsis."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"
