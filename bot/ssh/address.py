"""The SSH address of a node: from the panel, or from SSH_HOSTS_MAPPING instead. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import NamedTuple

from balancer.model import Node

SSH_PORT = 22
DEFAULT_USER = "root"
"""The user if neither the panel nor the settings name one."""

_ADDRESS = re.compile(
    r"(?:(?P<user>[^\s@:\[\]-][^\s@:\[\]]*)@)?"
    r"(?:\[(?P<bracketed>[0-9a-fA-F:.]+(?:%\w+)?)\]|(?P<host>[^\s@:/\[\]-][^\s@:/\[\]]*))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)


class Override(NamedTuple):
    """One value of the mapping; ``None`` = as in the panel."""

    host: str
    port: int | None = None
    user: str | None = None


class Address(NamedTuple):
    user: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_override(text: str) -> Override:
    """Parses ``host``, ``host:port`` or ``user@host:port``; IPv6 in brackets, or without brackets and port.

    Raises:
        ValueError: another form. The error does not contain the text, which may have a password in it.
    """
    user, at, rest = text.strip().rpartition("@")
    try:
        ipaddress.IPv6Address(rest)
        rest = f"[{rest}]"
    except ValueError:
        pass
    match = _ADDRESS.fullmatch(user + at + rest)
    if match is None or not (user + at + rest).isprintable():
        raise ValueError("not an address; write host, host:port, user@host:port or [IPv6]:port")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65_535:
        raise ValueError("no such port; write one from 1 to 65535")
    return Override(match["bracketed"] or match["host"], port, match["user"])


def parse_mapping(mapping: Mapping[str, str]) -> dict[str, Override]:
    """The parsed values by node name (in any case) or id.

    Raises:
        ValueError: a value is not an address; the text names its key.
    """
    overrides = {}
    for name, text in mapping.items():
        try:
            overrides[name.strip().casefold()] = parse_override(text)
        except ValueError as error:
            raise ValueError(f"the value of {name!r} is {error}") from None
    return overrides


def address_of(node: Node, overrides: Mapping[str, Override], username: str | None) -> Address | None:
    """The address for the login; ``None`` = unknown. A name in the mapping comes before an id, an id before the panel.

    ``username`` is used if the panel names no user.
    """
    override = overrides.get(node.name.strip().casefold()) or overrides.get(str(node.id))
    host = override.host if override else (node.ssh_host or "").strip()
    if not host or host.startswith("-") or not host.isprintable():
        return None
    user = (override.user if override else None) or node.ssh_user or username or DEFAULT_USER
    port = (override.port if override else None) or node.ssh_port or SSH_PORT
    return Address(user, host, port)
