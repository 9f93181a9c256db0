"""Reads files that somebody named. A limit keeps a device or a wrong file from filling the memory."""

from __future__ import annotations

from pathlib import Path


class TooLarge(ValueError):
    """The file is larger than such a file can be; the text says how large it may be."""


def read_bytes(path: Path, longest: int) -> bytes:
    """The content of a file, read once: it may be a pipe.

    Raises:
        OSError: it cannot be read.
        TooLarge: it has more than ``longest`` bytes.
    """
    with path.open("rb") as file:
        content = file.read(longest + 1)
    if len(content) > longest:
        raise TooLarge(f"it is larger than {longest // 1024} KiB")
    return content
