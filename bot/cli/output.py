"""What a command prints, and with which code it ends. The only place that prints."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

OK, FAILED, BAD_SETTINGS = 0, 1, 2


def with_spaces(text: str) -> str:
    """The text of a message with ordinary spaces: a terminal breaks lines anywhere, and people search the output."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def say(text: str, end: str = "\n") -> None:
    """Prints a text for people. If nobody reads any more, the work continues without output."""
    try:
        print(with_spaces(text), end=end, flush=True)
    except OSError:
        to_nowhere(sys.stdout)


def print_all(document: str) -> None:
    """Prints what a command was called for. If it cannot be printed completely, the command has failed."""
    try:
        print(document, flush=True)
    except OSError as error:
        to_nowhere(sys.stdout)
        raise SystemExit(unwritten(error)) from None


def unwritten(error: OSError) -> int:
    """The exit code. A pipe that was closed early (`| head`) needs no message."""
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
    """Sends the rest to nowhere: otherwise the buffered rest fails again when Python ends."""
    with open(os.devnull, "wb") as devnull:  # noqa: PTH123
        os.dup2(devnull.fileno(), stream.fileno())
