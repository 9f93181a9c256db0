"""Logging in: what is shown to the server, and what a refusal means. Secrets never stand in its words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import asyncssh

from bot.errors import SSHError
from bot.sanitize import shorten
from bot.ssh.trust import Client
from bot.ssh_address import Address


def login_options(path: Path | None, password: str | None) -> dict[str, Any]:
    """What asyncssh gets to prove who we are. Reads the key; unlocking one takes a while by design.

    Raises:
        SSHError: the key cannot be used.
    """
    if path is None:
        return {"client_keys": None, "password": password} if password else {}
    try:
        return {"client_keys": [asyncssh.read_private_key(path)], "agent_path": None, "password": password}
    except OSError as error:
        raise SSHError(f"the key {path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        if not str(error).startswith("Passphrase"):
            raise SSHError(f"the key {path} cannot be used: {shorten(str(error), 100)}") from error
    if not password and os.environ.get("SSH_AUTH_SOCK"):
        return {}  # the agent may hold it unlocked
    if not password:
        raise SSHError(f"the key {path} is encrypted: set SSH_PASSWORD to its passphrase")
    try:
        return {"client_keys": [asyncssh.read_private_key(path, password)], "agent_path": None}
    except (OSError, ValueError) as error:
        raise SSHError(f"SSH_PASSWORD does not open the key {path}") from error


def why_not(error: Exception, address: Address, client: Client) -> str:
    """A failed login in one line, with what to look at."""
    said = shorten(str(error), 150)
    if isinstance(error, asyncssh.PermissionDenied):
        return f"{address} refused the login of {address.user}: check the user, and the key or the password"
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return client.untrusted(said)
    if isinstance(error, asyncssh.Error):
        return f"{address} closed the connection: {said}"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {address}: check the port"
    return f"{address} cannot be reached: {said}"
