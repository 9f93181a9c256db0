"""What a command prints, and with which code it ends. The only place that prints."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

OK, FAILED, BAD_SETTINGS = 0, 1, 2


def say(text: str, end: str = "\n") -> None:
    """Prints; where nobody reads any more, the work goes on unseen."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        to_nowhere(sys.stdout)


def print_all(document: str) -> None:
    """Prints what is the whole purpose of a command: cut short, the command has failed."""
    try:
        print(document, flush=True)
    except OSError as error:
        to_nowhere(sys.stdout)
        raise SystemExit(unwritten(error)) from None


def unwritten(error: OSError) -> int:
    """Whoever closes a pipe early (`| head`) has what he wanted, and knows."""
    if not isinstance(error, BrokenPipeError):
        complain(f"standard output cannot be written: {error.strerror}")
    return FAILED


def complain(*lines: str) -> None:
    from bot.domain.sanitize import Redactor, one_line  # as slow to import as the rest of a short command

    redact = Redactor()
    for line in lines:
        with suppress(OSError):
            print(one_line(redact(line)), file=sys.stderr, flush=True)


def to_nowhere(stream: TextIO) -> None:
    """So that what is still in the buffer does not fail again when Python ends."""
    with open(os.devnull, "wb") as devnull:  # noqa: PTH123
        os.dup2(devnull.fileno(), stream.fileno())
