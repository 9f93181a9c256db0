"""The person at this terminal, as decisions record it."""

from __future__ import annotations

import getpass
import os

from bot.domain.proposals import Actor, ActorKind
from bot.domain.sanitize import one_line


def at_the_terminal() -> Actor:
    """The user of the operating system; a general word if the system has no name for the user."""
    return Actor(ActorKind.TERMINAL, one_line(_name()) or "terminal")


def _name() -> str:
    """The name of the user id of this process. Not getpass: it trusts the environment, which anybody can set."""
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
