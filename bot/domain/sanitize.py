"""Makes text safe to show: names from strangers become one harmless line, secrets are masked. Pure.

Removes characters that move the cursor, break a line or change the reading direction. Does not escape for HTML, CSV
or SQL: each output does that for its own format. The redactor knows the values of the secrets in every encoding that a
library may use, and two patterns that are always secret.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

# Whole ANSI sequences, so that "\x1b[31m" leaves no "[31m" behind: strings (OSC, DCS, SOS, PM, APC) up to
# their end mark, control sequences (CSI), two-character escapes. C1 forms included.
_ANSI = re.compile(
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|\x1b[ -/]*[0-~]"
)
_BREAKS = re.compile(r"[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
# Joiners are format characters too, but scripts and emoji need them.
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
    """:func:`one_line`, cut to ``length`` characters; an ellipsis marks the cut."""
    line = one_line(text)
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def shorten_inside(text: str, length: int) -> str:
    """As ``shorten``, but the cut is in the middle: names that differ at their ends still differ."""
    line = one_line(text)
    if len(line) <= length:
        return line
    end = length // 2
    return f"{line[: length - 1 - end].rstrip()}…{line[-end:].lstrip()}"


# Secrets ------------------------------------------------------------------------------------------

MASK = "********"

_BOT_TOKEN = re.compile(r"(?<!\d)\d{5,}(?::|%3[Aa])[A-Za-z0-9_-]{20,}")
_URL_LOGIN = re.compile(r"(?<=://)[^\s/@?#]+(?=@)")
_SHORT = 5
"""A secret up to this length is masked only as a whole word: "7" must not mask every figure."""


class Redactor:
    """``redactor(text)`` returns the text without the secrets. Longer secrets are replaced first."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if s.strip()}, key=lambda s: (-len(s), s))
        self._known = [re.compile(_pattern(secret)) for secret in known]

    def __call__(self, text: str) -> str:
        for pattern in self._known:
            text = pattern.sub(MASK, text)
        return _URL_LOGIN.sub(MASK, _BOT_TOKEN.sub(MASK, text))


def with_parts(secret: str) -> list[str]:
    """A secret and, if it is an address, also the password in it: a library may show the password alone."""
    try:
        password = urlsplit(secret).password if "://" in secret else None
    except ValueError:
        password = None
    return [secret, *([password, unquote(password)] if password else [])]


def _pattern(secret: str) -> str:
    body = "".join(map(_written, secret))
    return body if len(secret) > _SHORT else rf"(?<!\w){body}(?!\w)"


def _written(char: str) -> str:
    """Every encoding in which a character may appear."""
    if char.isascii() and char.isalnum():
        return char
    data = char.encode("utf-8", "surrogatepass")
    percent = "".join(f"%(?:{byte:02X}|{byte:02x})" for byte in data)
    forms = {char, html.escape(char), repr(char)[1:-1], json.dumps(char)[1:-1], ascii(char)[1:-1], f"\\{char}"}
    if char.isspace():
        forms |= {"+", " "}  # in a query, and after the line breaks were taken out
    return f"(?:{percent}|{'|'.join(re.escape(form) for form in sorted(forms, key=len, reverse=True))})"
