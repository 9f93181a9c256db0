"""JSON of the size of a big panel (20 MB) without holding up the program. Pure.

``json.loads`` keeps Python's lock for the whole document, so that even in a thread it stops everything for
half a second. Here the long list of the document is read row by row, and the others get their turn between; what
is not needed of a row can be dropped at once, for as objects of Python the rows are ten times as large.
"""

from __future__ import annotations

import codecs
import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from bot.panel.body import PackedBody

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_ENCODING_BYTES = 4
"""What tells the encoding."""
SLICE_BYTES = 1 << 18
"""Some rows of a list: as text, too, the body is never there as a whole."""

Each = Callable[[Any], Any]
"""What is kept of a row of a list."""


def loads(body: bytes | PackedBody, each: Each | None = None, *, slice_bytes: int = SLICE_BYTES) -> Any:
    """Like ``json.loads``; only slices the work. ValueError or RecursionError when it is no JSON.

    Args:
        body: the bytes, or what was packed of them, which is used up.
        each: applied to every row of the document's lists as soon as it is read; what it raises is passed on.
    """
    reader = _Reader(body, each, slice_bytes)
    sign = reader.sign()
    document = reader.members() if sign == "{" else reader.rows() if sign == "[" else reader.value()
    if reader.sign():
        raise ValueError("something follows the document")
    return document


class _Reader:
    """A place in the body. Signs and values are read from it one after the other."""

    def __init__(self, body: bytes | PackedBody, each: Each | None, slice_bytes: int) -> None:
        self._each, self._slice = each, slice_bytes
        self._parts = _sliced(body, slice_bytes) if isinstance(body, bytes) else body
        begin = self._taken(_ENCODING_BYTES)
        self._decoder = codecs.getincrementaldecoder(json.detect_encoding(begin))()
        self._text, self._at = self._decoder.decode(begin, final=not self._parts), 0

    def sign(self) -> str:
        """The next sign that is no blank, which is not passed by; nothing at the end."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(self._slice):
                return ""

    def passed(self, sign: str) -> bool:
        """Whether this sign was next; then it is passed by."""
        if self.sign() != sign:
            return False
        self._at += 1
        return True

    def expect(self, sign: str) -> None:
        if not self.passed(sign):
            raise ValueError(f"{sign!r} expected")

    def value(self) -> Any:
        """Any value. One that seems to end with the text that there is so far may go on, as a number does."""
        self.sign()
        size = self._slice
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except ValueError:
                if not self._more(size):
                    raise
            else:
                if end < len(self._text) or not self._more(size):
                    self._at = end
                    return value
            size *= 2  # a long value is not begun anew too often

    def members(self) -> dict[str, Any]:
        """An object, lists among its members row by row."""
        members: dict[str, Any] = {}
        self.expect("{")
        if self.passed("}"):
            return members
        while True:
            key = self.value()
            if not isinstance(key, str):
                raise ValueError("a name that is no text")
            self.expect(":")
            members[key] = self.rows() if self.sign() == "[" else self.value()
            if self.passed("}"):
                return members
            self.expect(",")

    def rows(self) -> list[Any]:
        rows: list[Any] = []
        self.expect("[")
        if self.passed("]"):
            return rows
        while True:
            row = self.value()
            rows.append(row if self._each is None else self._each(row))
            if self.passed("]"):
                return rows
            self.expect(",")

    def _more(self, size: int) -> bool:
        """Decode about so many bytes more, or say that there are none."""
        if not self._parts:
            return False
        part = self._taken(size)
        self._text = self._text[self._at :] + self._decoder.decode(part, final=not self._parts)
        self._at = 0
        return True

    def _taken(self, size: int) -> bytes:
        taken, length = [], 0
        while self._parts and length < size:
            taken.append(self._parts.popleft())
            length += len(taken[-1])
        return b"".join(taken)


def _sliced(body: bytes, size: int) -> deque[bytes]:
    view = memoryview(body)
    return deque(bytes(view[at : at + size]) for at in range(0, len(body), size))
