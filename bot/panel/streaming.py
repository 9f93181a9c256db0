"""Parses the JSON of a large panel (20 MB) with little memory and without blocking the program. Pure.

``json.loads`` holds Python's lock for the whole document: even in a thread it blocks everything else for half a second.
This module reads the long list of the document row by row, and other work runs in between. Each row is reduced at once,
because rows as Python objects are ten times as large as their text. A body that waits for parsing is compressed: the
list of VMs of a large panel has 20 MB, compressed one or two.

A faulty or hostile panel may send any amount of data, so this module also has limits: AnswerTooLarge.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections import deque
from collections.abc import Callable
from typing import Any

FASTEST = 1
PIECE_BYTES = 1 << 17
"""How much is compressed at a time: enough for a good compression, within a millisecond."""
SLICE_BYTES = 1 << 18
"""How much is decoded at a time: some rows of a list, so that the whole text is never in memory."""
MOST_BYTES = 256 << 20
"""The largest unpacked answer. 100,000 VMs, ten times a large panel, have 180 MB."""
MOST_VALUE_BYTES = 4 << 20
"""The largest row of a list, or any other value. A row of a VM has 2 KB."""
MOST_ROWS = 200_000

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")
_ENCODING_BYTES = 4
"""How many bytes are needed to detect the encoding."""

Each = Callable[[Any], Any]
"""Reduces a row of a list to the needed parts."""


class AnswerTooLarge(Exception):
    """An answer is larger than any real one. The text names the value and the limit."""


class PackedBody:
    """Stores the parts of a body compressed, and returns them in order, once.

    Raises:
        AnswerTooLarge: from ``append``, if the sum of the parts exceeds ``most_bytes``.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._packed: deque[bytes] = deque()
        self._loose: list[bytes] = []
        self._loose_bytes = 0
        self._most_bytes = most_bytes
        self.size = 0
        """Bytes that were appended."""

    def append(self, part: bytes) -> None:
        self.size += len(part)
        if self.size > self._most_bytes:
            raise AnswerTooLarge(f"it is larger than {_size(self._most_bytes)}")
        self._loose.append(part)
        self._loose_bytes += len(part)
        if self._loose_bytes >= PIECE_BYTES:
            self._packed.append(zlib.compress(b"".join(self._loose), FASTEST))
            self._loose, self._loose_bytes = [], 0

    def popleft(self) -> bytes:
        if self._packed:
            return zlib.decompress(self._packed.popleft())
        loose, self._loose, self._loose_bytes = b"".join(self._loose), [], 0
        return loose

    def whole(self) -> bytes:
        """Everything that is left; it is consumed."""
        pieces = []
        while self:
            pieces.append(self.popleft())
        return b"".join(pieces)

    def __len__(self) -> int:
        """How many parts are left for ``popleft``."""
        return len(self._packed) + bool(self._loose)


def loads(body: bytes | PackedBody, each: Each | None = None, *, slice_bytes: int = SLICE_BYTES) -> Any:
    """Like ``json.loads``, in slices.

    Args:
        body: the bytes, or a packed body, which is consumed.
        each: called with every row of the document's lists as soon as it is read; its exceptions are passed on.
    Raises:
        ValueError, RecursionError: the body is no JSON.
        AnswerTooLarge: a value or a list exceeds the limits of this module.
    """
    reader = _Reader(body, each, slice_bytes)
    sign = reader.sign()
    document = reader.members() if sign == "{" else reader.rows() if sign == "[" else reader.value()
    if reader.sign():
        raise ValueError("something follows the document")
    return document


class _Reader:
    """A position in the body. Characters and values are read one after the other."""

    def __init__(self, body: bytes | PackedBody, each: Each | None, slice_bytes: int) -> None:
        self._each, self._slice = each, slice_bytes
        self._parts = _sliced(body, slice_bytes) if isinstance(body, bytes) else body
        begin = self._taken(_ENCODING_BYTES)
        self._decoder = codecs.getincrementaldecoder(json.detect_encoding(begin))()
        self._text, self._at = self._decoder.decode(begin, final=not self._parts), 0

    def sign(self) -> str:
        """The next character that is no white space, without consuming it; empty at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more(self._slice):
                return ""

    def passed(self, sign: str) -> bool:
        """Consumes this character if it is next. True if it was."""
        if self.sign() != sign:
            return False
        self._at += 1
        return True

    def expect(self, sign: str) -> None:
        if not self.passed(sign):
            raise ValueError(f"{sign!r} expected")

    def value(self) -> Any:
        """Reads any value. A value at the end of the decoded text, such as a number, may go on in the next slice."""
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
            if len(self._text) - self._at > MOST_VALUE_BYTES:
                raise AnswerTooLarge(f"one value of it is larger than {_size(MOST_VALUE_BYTES)}")
            size *= 2  # so that a long value is not parsed again too often

    def members(self) -> dict[str, Any]:
        """Reads an object. Lists among its members are read row by row."""
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
            if len(rows) > MOST_ROWS:
                raise AnswerTooLarge(f"it is a list of more than {MOST_ROWS} rows")
            if self.passed("]"):
                return rows
            self.expect(",")

    def _more(self, size: int) -> bool:
        """Decodes about ``size`` more bytes; ``False`` = there are none."""
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


def _size(count: int) -> str:
    return f"{count >> 20} MiB"
