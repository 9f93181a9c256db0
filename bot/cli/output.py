"""Prints the output of commands and gives their exit codes. The only module that prints."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TextIO

OK, FAILED, BAD_SETTINGS = 0, 1, 2


def with_spaces(text: str) -> str:
    """A message with ordinary spaces, because people search the output and a terminal breaks lines anywhere."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def say(text: str, end: str = "\n") -> None:
    """Prints a text for people. If the output is closed, the work continues without output."""
    try:
        print(with_spaces(text), end=end, flush=True)
    except OSError:
        to_nowhere(sys.stdout)


def print_all(document: str) -> None:
    """Prints the result of a command. If it cannot be printed completely, the command has failed."""
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
    """Sends the buffered rest to the null device: otherwise it fails again when Python ends."""
    with open(os.devnull, "wb") as devnull:  # noqa: PTH123
        os.dup2(devnull.fileno(), stream.fileno())
