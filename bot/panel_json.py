"""JSON of the size of a big panel (20 MB) without holding up the program. Pure.

``json.loads`` keeps Python's lock for the whole document, so that even in a thread it stops everything for
half a second. Here the long list of the document is read row by row, and the others get their turn between.
"""

from __future__ import annotations

import json
import re
from typing import Any

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


def loads(body: bytes) -> Any:
    """Like ``json.loads``; only slices the work. ValueError or RecursionError when it is no JSON."""
    text = body.decode(json.detect_encoding(body))
    start = _skip(text, 0)
    if not text.startswith("{", start):
        return json.loads(text)
    document, end = _object(text, start + 1)
    if _skip(text, end) != len(text):
        raise ValueError("something follows the document")
    return document


def _object(text: str, at: int) -> tuple[dict[str, Any], int]:
    """The members after the opening brace, lists among them row by row."""
    members: dict[str, Any] = {}
    at = _skip(text, at)
    if text.startswith("}", at):
        return members, at + 1
    while True:
        key, at = _DECODER.raw_decode(text, at)
        if not isinstance(key, str):
            raise ValueError("a name that is no text")
        at = _skip(text, _expect(text, _skip(text, at), ":"))
        members[key], at = _list(text, at + 1) if text.startswith("[", at) else _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text.startswith("}", at):
            return members, at + 1
        at = _skip(text, _expect(text, at, ","))


def _list(text: str, at: int) -> tuple[list[Any], int]:
    rows: list[Any] = []
    at = _skip(text, at)
    if text.startswith("]", at):
        return rows, at + 1
    while True:
        row, at = _DECODER.raw_decode(text, at)
        rows.append(row)
        at = _skip(text, at)
        if text.startswith("]", at):
            return rows, at + 1
        at = _skip(text, _expect(text, at, ","))


def _expect(text: str, at: int, sign: str) -> int:
    if not text.startswith(sign, at):
        raise ValueError(f"{sign!r} expected at {at}")
    return at + 1


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
