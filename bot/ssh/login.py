"""Logs in over SSH: keys, passwords, and the errors of a refusal. Error texts never contain a secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

import asyncssh

from bot.domain.sanitize import shorten
from bot.errors import SSHError
from bot.ssh.address import Address
from bot.ssh.trust import Client


class KeyFile(NamedTuple):
    """The state of a key file, which shows whether the file was changed since it was read."""

    inode: int
    size: int
    modified_ns: int


def key_file(path: Path | None) -> KeyFile | None:
    """The state of the file; ``None`` = no key is set, or the file is not readable now."""
    try:
        status = None if path is None else path.stat()
    except OSError:
        return None
    return None if status is None else KeyFile(status.st_ino, status.st_size, status.st_mtime_ns)


def login_options(path: Path | None, password: str | None) -> dict[str, Any]:
    """The options of asyncssh that authenticate this program. Reads the key; decrypting a key is slow by design.

    Raises:
        SSHError: the key cannot be used.
    """
    if path is None:
        return {"client_keys": None, "password": password} if password else {}
    try:
        return {"client_keys": [asyncssh.read_private_key(path)], "agent_path": None, "password": password}
    except OSError as error:
        raise SSHError(f"the key {path} cannot be read: {error.strerror or error}", "key") from error
    except ValueError as error:
        if not str(error).startswith("Passphrase"):
            raise SSHError(f"the key {path} cannot be used: {shorten(str(error), 100)}", "key") from error
    if not password and os.environ.get("SSH_AUTH_SOCK"):
        return {}  # the agent may have the decrypted key
    if not password:
        raise SSHError(f"the key {path} is encrypted: set SSH_PASSWORD to its passphrase", "key")
    try:
        return {"client_keys": [asyncssh.read_private_key(path, password)], "agent_path": None}
    except (OSError, ValueError) as error:
        raise SSHError(f"SSH_PASSWORD does not open the key {path}", "key") from error


def why_not(error: Exception, address: Address, client: Client) -> SSHError:
    """The error of a failed login: one line with a remedy."""
    message = shorten(str(error), 150)
    if isinstance(error, asyncssh.PermissionDenied):
        text = f"{address} refused the login of {address.user}: check the user, and the key or the password"
        return SSHError(text, "login")
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return SSHError(client.untrusted(message), "host-key")
    if isinstance(error, asyncssh.Error):
        return SSHError(f"{address} closed the connection: {message}", "unreachable")
    if isinstance(error, ConnectionRefusedError):
        return SSHError(f"nothing listens at {address}: check the port", "port")
    return SSHError(f"{address} cannot be reached: {message}", "unreachable")
