"""Parses versions of QEMU and kernels, in the spellings of servers, so that they can be compared.

The parser accepts many forms. An unreadable version is ``None``, and the rules refuse it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import zip_longest
from typing import TypeAlias

Version: TypeAlias = tuple[tuple[int, int], ...]
"""Segments: ``(1, n)`` for the number n, ``(0, 0)`` for a run of letters, which sorts below any number."""

_LETTERS = (0, 0)
_ZERO = (1, 0)

_QEMU = re.compile(
    r"\s*(?:qemu[a-z\s_-]*)?(?:version\s*)?v?(?:[0-9]+:)?(?P<release>[0-9]{1,2}(?:\.[0-9]{1,9})*)(?![.0-9])",
    re.IGNORECASE,
)
_KERNEL = re.compile(r"\s*(?:linux[\s-]+)?(?:version\s+)?v?(?P<release>[0-9]{1,2}\.[0-9]\S*)", re.IGNORECASE)
_ARCHITECTURE = re.compile(r"[._-](?:x86_64|amd64|aarch64|arm64|i[3-6]86|noarch)(?![a-z0-9])", re.IGNORECASE)
_SEGMENT = re.compile(r"[0-9]{1,18}|[a-z]+", re.IGNORECASE)


@lru_cache(maxsize=1024)
def parse_qemu(text: str | None) -> Version | None:
    """The first dotted number: ``7.2.0-1+deb`` is 7.2.0, ``QEMU emulator version 8.2`` is 8.2."""
    match = _QEMU.match(text) if text else None
    return _segments(match["release"]) if match else None


@lru_cache(maxsize=1024)
def parse_kernel(text: str | None) -> Version | None:
    """Every number of the release, also after the dash: ``5.15.0-91-generic`` is 5.15.0.91."""
    match = _KERNEL.match(text) if text else None
    return _segments(_ARCHITECTURE.sub("", match["release"])) if match else None


def compare(a: Version, b: Version) -> int:
    """-1, 0 or 1. Missing numbers count as 0 (7.2 is 7.2.0)."""
    for left, right in zip_longest(a, b, fillvalue=_ZERO):
        if left != right:
            return -1 if left < right else 1
    return 0


def series(version: Version) -> Version:
    """Major and minor number only: 5.10.0-27 and 5.10.0-28 are of the same series."""
    return version[:2]


def _segments(release: str) -> Version:
    parts = [(1, int(s)) if s[0].isdecimal() else _LETTERS for s in _SEGMENT.findall(release)]
    while parts and parts[-1] == _LETTERS:  # the flavour: -generic, -pve
        parts.pop()
    return tuple(parts)
