"""Reads files that a person named, up to a size limit: a device or a wrong file must not fill the memory."""

from __future__ import annotations

from pathlib import Path


class TooLarge(ValueError):
    """The file is larger than allowed; the text has the limit."""


def read_bytes(path: Path, longest: int) -> bytes:
    """The content of a file, read once: it may be a pipe.

    Raises:
        OSError: the file cannot be read.
        TooLarge: the file has more than ``longest`` bytes.
    """
    with path.open("rb") as file:
        content = file.read(longest + 1)
    if len(content) > longest:
        raise TooLarge(f"it is larger than {longest // 1024} KiB")
    return content
