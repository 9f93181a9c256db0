"""Our own list of host keys, in OpenSSH's format: what was seen at the first login, beside the user's known_hosts.

Keys are text here (``ssh-ed25519 AAAA…``). A line is written once, in one append; nobody's line is ever changed.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path


class KnownHosts:
    """``path=None`` remembers as long as the object lives, and so does ``write=False`` with what it adds."""

    def __init__(self, path: Path | None, write: bool = True) -> None:
        self.path = path
        self._write = write
        self._keys: dict[str, set[str]] = defaultdict(set)

    def load(self) -> None:
        """Reads the file again: somebody may have taken a line out.

        Raises:
            OSError: it is there and cannot be read.
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
        """Writes down the first key of a host. False: another one is known already, and stays.

        Raises:
            OSError: it is remembered, but only until the program ends.
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
    """Kind and key, without a comment."""
    return " ".join(key.split()[:2])


def _append(path: Path, line: str) -> None:
    """One write at the end of the file: two programs do not mix their lines."""
    handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(handle).st_size
        if size:
            os.lseek(handle, size - 1, os.SEEK_SET)
            if os.read(handle, 1) != b"\n":  # somebody's editor left the last line open
                line = "\n" + line
        os.write(handle, line.encode())
    finally:
        os.close(handle)
