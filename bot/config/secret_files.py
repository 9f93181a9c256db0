"""Secrets in their own files: a setting `…_FILE` names the file, or systemd passes it as a credential.

Reads such a file and warns if others can read it. No message has the content of a file.
"""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path

from bot.config.files import TooLarge, read_bytes

CREDENTIALS = "CREDENTIALS_DIRECTORY"
"""Environment variable with the folder of a service's credentials; set by systemd."""
LONGEST = 64 * 1024
_CONTAINER_SECRETS = Path("/run/secrets")
"""The folder in which a container engine puts secrets. All users of the container may read it, but it has only one."""


class Unusable(ValueError):
    """Why a file cannot be used as a secret; the text follows the name of the file."""


def read_secret(path: Path) -> str:
    """The only line of a file, without the newline. The file is read once, because it may be a pipe.

    Raises:
        Unusable: the file cannot be read, is empty, or is not one line of text.
    """
    try:
        raw = read_bytes(path, LONGEST)
    except OSError as error:
        raise Unusable(f"it cannot be read ({error.strerror})") from error
    except TooLarge:
        raise Unusable("it is too large for a secret") from None
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


def reread_secret(path: Path) -> str | None:
    """As ``read_secret``, for a file that was read before; ``None`` = it is not readable now, or it is a pipe."""
    try:
        return read_secret(path) if path.is_file() else None
    except (OSError, Unusable):
        return None


def credential(name: str) -> Path | None:
    """The file of a credential that systemd passed to this service."""
    folder = os.environ.get(CREDENTIALS)
    if not folder:
        return None
    path = Path(folder) / name
    return path if os.path.lexists(path) else None


def exposure(path: Path) -> str | None:
    """A warning if everybody on this machine can read a file: its rights and the rights of all its folders allow it."""
    if os.name != "posix" or path.is_relative_to(_CONTAINER_SECRETS):
        return None
    try:
        resolved = path.resolve()
        mode = resolved.stat().st_mode
        open_to_all = bool(mode & stat.S_IROTH) and all(p.stat().st_mode & stat.S_IXOTH for p in resolved.parents)
    except (OSError, RuntimeError):
        return None
    if not stat.S_ISREG(mode) or not open_to_all:
        return None
    return f"everybody on this machine can read the secrets in {path}: chmod 600 {shlex.quote(str(path))}"
