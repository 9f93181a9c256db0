"""Takes secrets out of text that people will see: log lines, tracebacks, complaints about settings. Pure.

It knows the secrets' values, in whatever way a library may have written them (percent-encoded in an address,
escaped in a repr, in JSON or in HTML), and two shapes that are secret wherever they come from.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

MASK = "********"

_BOT_TOKEN = re.compile(r"(?<!\d)\d{5,}(?::|%3[Aa])[A-Za-z0-9_-]{20,}")
_URL_LOGIN = re.compile(r"(?<=://)[^\s/@?#]+(?=@)")
_SHORT = 5
"""A secret up to this length is masked only where it stands alone: "7" must not blacken every figure."""


class Redactor:
    """``redactor(text)`` is the text without the secrets. Longer secrets go first."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = sorted({s for s in secrets if s.strip()}, key=lambda s: (-len(s), s))
        self._known = [re.compile(_pattern(secret)) for secret in known]

    def __call__(self, text: str) -> str:
        for pattern in self._known:
            text = pattern.sub(MASK, text)
        return _URL_LOGIN.sub(MASK, _BOT_TOKEN.sub(MASK, text))


def with_parts(secret: str) -> list[str]:
    """A secret, and where it is an address also the password in it: a library may show that alone."""
    try:
        password = urlsplit(secret).password if "://" in secret else None
    except ValueError:
        password = None
    return [secret, *([password, unquote(password)] if password else [])]


def _pattern(secret: str) -> str:
    body = "".join(map(_written, secret))
    return body if len(secret) > _SHORT else rf"(?<!\w){body}(?!\w)"


def _written(char: str) -> str:
    """Every way in which one character may have been written."""
    if char.isascii() and char.isalnum():
        return char
    data = char.encode("utf-8", "surrogatepass")
    percent = "".join(f"%(?:{byte:02X}|{byte:02x})" for byte in data)
    forms = {char, html.escape(char), repr(char)[1:-1], json.dumps(char)[1:-1], ascii(char)[1:-1], f"\\{char}"}
    if char.isspace():
        forms |= {"+", " "}  # in a query, and after the line breaks were taken out
    return f"(?:{percent}|{'|'.join(re.escape(form) for form in sorted(forms, key=len, reverse=True))})"
