"""Secrets that stand in a file of their own: named by a setting `…_FILE`, or a credential from systemd.

Reads such a file and says who else could; judges no value. No message of its holds what is in a file.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Where systemd says that a service's credentials are."""
LONGEST = 64 * 1024
_CONTAINER_SECRETS = Path("/run/secrets")
"""There a container's engine lays secrets, readable for all users of a container that has one."""


class Unusable(ValueError):
    """Why a file cannot be taken for a secret, in words that follow its name."""


def read_secret(path: Path) -> str:
    """The one line of a file, as it stands there, without the line's end. Read exactly once: it may be a pipe.

    Raises:
        Unusable: it cannot be read, is empty, or is something else than one line of text.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LONGEST + 1)
    except OSError as error:
        raise Unusable(f"it cannot be read ({error.strerror})") from error
    if len(raw) > LONGEST:
        raise Unusable("it is too large for a secret")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unusable("it is not UTF-8") from None
    line = text.removesuffix("\n").removesuffix("\r")
    if not line.strip():
        raise Unusable("it is empty")
    if any(char in line for char in "\r\n\0"):
        raise Unusable("it has more than one line")
    return line


def credential(name: str) -> Path | None:
    """The file of a credential that systemd handed to this service."""
    folder = os.environ.get(CREDENTIALS)
    if not folder:
        return None
    path = Path(folder) / name
    return path if os.path.lexists(path) else None


def exposure(path: Path) -> str | None:
    """A warning, where everybody on this machine can read a file: its own rights and those of all folders above."""
    if os.name != "posix" or path.is_relative_to(_CONTAINER_SECRETS):
        return None
    try:
        found = path.resolve()
        mode = found.stat().st_mode
        open_to_all = bool(mode & stat.S_IROTH) and all(p.stat().st_mode & stat.S_IXOTH for p in found.parents)
    except (OSError, RuntimeError):
        return None
    if not stat.S_ISREG(mode) or not open_to_all:
        return None
    return f"everybody on this machine can read the secrets in {path}: chmod 600 {shlex.quote(str(path))}"
