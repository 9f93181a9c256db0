"""The program's own list of host keys, in OpenSSH's format: keys from first logins, besides the user's known_hosts.

Keys are texts (``ssh-ed25519 AAAA…``). A line is appended in one write; existing lines are never changed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path


class KnownHosts:
    """With ``path=None`` the list is only in memory. With ``write=False`` added keys are only in memory."""

    def __init__(self, path: Path | None, write: bool = True) -> None:
        self.path = path
        self._write = write
        self._keys: dict[str, set[str]] = defaultdict(set)

    def load(self) -> None:
        """Reads the file again: a person may have removed a line.

        Raises:
            OSError: the file exists and cannot be read.
        """
        if self.path is None:
            return
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            text = ""
        self._keys.clear()
        for line in text.splitlines():
            name, _, key = line.strip().partition(" ")
            if key and not name.startswith("#"):
                self._keys[name].add(_bare(key))

    def keys(self, host: str, port: int) -> frozenset[str]:
        return frozenset(self._keys.get(_name(host, port), ()))

    def remember(self, host: str, port: int, key: str) -> bool:
        """Stores the first key of a host. False: another key is known already, and stays.

        Raises:
            OSError: the file cannot be written; the key is remembered until the program ends.
        """
        name, bare = _name(host, port), _bare(key)
        known = self._keys.get(name)
        if known:
            return bare in known
        self._keys[name].add(bare)
        if self.path is not None and self._write:
            _append(self.path, f"{name} {bare}\n")
        return True


def _name(host: str, port: int) -> str:
    host = host.lower()
    return host if port == 22 else f"[{host}]:{port}"


def _bare(key: str) -> str:
    """The kind and the key, without a comment."""
    return " ".join(key.split()[:2])


def _append(path: Path, line: str) -> None:
    """Appends a line in one write, so that two programs do not mix their lines."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        if size:
            os.lseek(handle, size - 1, os.SEEK_SET)
            if os.read(handle, 1) != b"\n":  # an editor saved the file without a newline at the end
                line = "\n" + line
        os.write(handle, line.encode())
    finally:
        os.close(handle)
