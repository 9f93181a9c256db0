"""Decides which host keys are trusted: by the user's known_hosts, then the own list, then SSH_HOST_KEYS."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import asyncssh

from bot.errors import SSHError
from bot.ssh.address import SSH_PORT, Address
from bot.ssh.known_hosts import KnownHosts

log = logging.getLogger(__name__)

HostKeys = Literal["accept-new", "strict", "ignore"]

RSA_KINDS = ("rsa-sha2-512", "rsa-sha2-256")
KINDS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", *RSA_KINDS)
SYSTEM_KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))


@dataclass(slots=True)
class Trust:
    """The known host keys, and the rule for unknown keys. Read again for every round."""

    mode: HostKeys
    own: KnownHosts
    system: asyncssh.SSHKnownHosts = field(default_factory=lambda: asyncssh.import_known_hosts(""))

    def load(self) -> None:
        """
        Raises:
            OSError: a list exists and cannot be read.
        """
        if self.mode == "ignore":
            return
        self.own.load()
        self.system = asyncssh.import_known_hosts("")
        for path in SYSTEM_KNOWN_HOSTS:
            try:
                lines = path.expanduser().read_text(encoding="utf-8", errors="replace").splitlines()
            except (FileNotFoundError, NotADirectoryError, RuntimeError):
                continue
            for line in lines:
                try:
                    self.system.load(line)
                except ValueError:  # like ssh: a bad line is skipped
                    continue


class Client(asyncssh.SSHClient):
    """Judges the host key of one login."""

    def __init__(self, trust: Trust, address: Address) -> None:
        self._trust = trust
        self._address = address
        self.known = False
        self.new_key: asyncssh.SSHKey | None = None

    def lists(self, host: str, addr: str, port: int | None) -> tuple[Sequence[Any], ...]:
        """The lists for asyncssh: trusted keys, CAs, revoked keys, and the same for X.509."""
        system = self._trust.system
        keys, cas, revoked, *more = system.match(host, addr, port)
        specific = bool(keys or cas)
        if specific and port is not None and system.match(host, addr, None)[:2] == (keys, cas):
            # The list has only the name without this port. As in ssh, that does not forbid a server on this port.
            specific, keys = False, [] if self._trust.mode == "accept-new" else keys
        own = self._trust.own.keys(self._address.host, self._address.port)
        self.known = specific or bool(own)
        return ([*keys, *_imported(own)], cas, revoked, *more)

    def kinds(self) -> tuple[str, ...]:
        """The kinds of host keys to request, known ones first: the server sends another kind only if it has none of
        these.

        Empty = the default of asyncssh: no key is known, or a certificate authority signs the host's key.
        """
        _, host, port = self._address
        keys, cas, *_ = self._trust.system.match(host, "", None if port == SSH_PORT else port)
        known = [key.get_algorithm() for key in [*keys, *_imported(self._trust.own.keys(host, port))]]
        if cas or not known:
            return ()
        wanted = [kind for name in known for kind in (RSA_KINDS if name == "ssh-rsa" else (name,))]
        return tuple(dict.fromkeys([*(kind for kind in wanted if kind in KINDS), *KINDS]))

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Whether to trust a key that is not on a list; called by asyncssh."""
        if self.known or self._trust.mode != "accept-new":
            return False
        self.new_key = key
        return True

    def remember(self) -> None:
        """Stores the key. Call this after the server has proved that it owns the key.

        Raises:
            SSHError: another login has stored another key meanwhile.
        """
        if self.new_key is None:
            return
        key, self.new_key = self.new_key, None
        own = self._trust.own
        try:
            if not own.remember(self._address.host, self._address.port, key.export_public_key().decode()):
                raise SSHError(self.changed(), "host-key")
            log.info("Remembered the host key of %s: %s", self._address, key.get_fingerprint())
        except OSError as error:
            log.warning("The host key of %s cannot be written to %s: %s", self._address, own.path, error)

    def changed(self) -> str:
        own = self._trust.own
        here = own.keys(self._address.host, self._address.port) and own.path is not None
        place = own.path if here else "known_hosts"
        return f"the host key of {self._address} has changed: if that is right, take its line out of {place}"

    def untrusted(self, words: str) -> str:
        """Why the key was refused."""
        if "revoked" in words:
            return f"the host key of {self._address} is revoked in known_hosts"
        if self.known:
            return self.changed()
        return f"the host key of {self._address} is not known: add it to known_hosts, or set SSH_HOST_KEYS=accept-new"


def _imported(keys: frozenset[str]) -> list[asyncssh.SSHKey]:
    imported = []
    for text in sorted(keys):
        try:
            imported.append(asyncssh.import_public_key(text))
        except ValueError:  # a damaged line: the host counts as known, and no key matches
            continue
    return imported
