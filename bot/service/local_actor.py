"""Who sits at this terminal, as decisions record it."""

from __future__ import annotations

import getpass
import os

from bot.domain.proposals import Actor, ActorKind
from bot.domain.sanitize import one_line


def at_the_terminal() -> Actor:
    """The user of the operating system; a plain word where it knows none."""
    return Actor(ActorKind.TERMINAL, one_line(_name()) or "terminal")


def _name() -> str:
    """By the number that the system gave this process: the environment, which getpass believes, says anything."""
    if os.name == "posix":
        import pwd

        number = os.getuid()
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:  # a container without this user in its files
            return f"uid {number}"
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""
