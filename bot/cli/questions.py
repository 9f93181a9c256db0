"""Questions of `vm-balancer init` at a terminal. The only module that reads the answers."""

from __future__ import annotations

import getpass
import sys

from bot.cli.output import say
from bot.errors import BalancerError


class NoAnswer(BalancerError):
    """The input ended, or there is no terminal."""


def is_interactive() -> bool:
    """Whether a person can answer: standard input and output are a terminal."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


def ask(question: str, *, secret: bool = False) -> str:
    """Reads one line; the characters of a secret are not shown.

    Raises:
        NoAnswer: the input ended.
    """
    try:
        answer = getpass.getpass(f"{question} ") if secret else input(f"{question} ")
    except EOFError:
        say("")
        raise NoAnswer("stopped: nothing was written") from None
    return answer.strip()


def ask_yes(question: str, *, default: bool) -> bool:
    """Yes or no, also in Russian; an empty line is the default."""
    while True:
        answer = ask(f"{question} [{'Y/n' if default else 'y/N'}]").lower()
        if not answer:
            return default
        if answer in ("y", "yes", "д", "да"):
            return True
        if answer in ("n", "no", "н", "нет"):
            return False
