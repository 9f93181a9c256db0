"""A long answer while it waits to be read: packed, for as it comes it would be the largest thing in memory. Pure.

The list of VMs of a big panel has 20 MB, of which the names of the fields are nearly all: packed it has one or two.
"""

from __future__ import annotations

import zlib
from collections import deque

FASTEST = 1
PIECE_BYTES = 1 << 17
"""Packed at a time: long enough to be packed well, and done in a millisecond."""


class PackedBody:
    """Takes the parts of a body in order, and hands them out again in order, once."""

    def __init__(self) -> None:
        self._packed: deque[bytes] = deque()
        self._loose: list[bytes] = []
        self._loose_bytes = 0
        self.size = 0
        """Bytes that were taken."""

    def append(self, part: bytes) -> None:
        self.size += len(part)
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
        """All that is left of it, which is used up."""
        pieces = []
        while self:
            pieces.append(self.popleft())
        return b"".join(pieces)

    def __len__(self) -> int:
        """How many times ``popleft`` has something."""
        return len(self._packed) + bool(self._loose)
