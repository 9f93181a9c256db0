"""The connection to the panel step by step, below HTTP: name, port, certificate. For `check`.

Sends only a TLS greeting. Raises the original errors (OSError, ssl.SSLError, TimeoutError), because the caller has to
distinguish them.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit

STEP_S = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a panel listens: the parts of an address from ``panel_address``."""

    scheme: str
    host: str
    port: int

    @property
    def encrypted(self) -> bool:
        return self.scheme == "https"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """The names and the end of a verified certificate."""

    names: tuple[str, ...]
    expires_at: datetime | None


def endpoint_of(address: str) -> Endpoint:
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Endpoint(parts.scheme, parts.hostname or "", port)


def is_loopback(ips: tuple[str, ...]) -> bool:
    return all(ipaddress.ip_address(ip.split("%")[0]).is_loopback for ip in ips)


async def resolve(endpoint: Endpoint) -> tuple[str, ...]:
    """The IP addresses of the name, from the system's resolver."""
    loop = asyncio.get_running_loop()
    addresses = await asyncio.wait_for(loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM), STEP_S)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in addresses))


async def connect(endpoint: Endpoint) -> None:
    """Opens a TCP connection and closes it at once."""
    await _shake(endpoint, None)


async def certificate(endpoint: Endpoint, context: ssl.SSLContext) -> Certificate:
    """The certificate, verified as the context requires."""
    fields = await _shake(endpoint, context) or {}
    names = tuple(str(value) for kind, value in fields.get("subjectAltName", ()) if kind in ("DNS", "IP Address"))
    until = fields.get("notAfter")
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), timezone.utc) if until else None
    return Certificate(names, expires)


async def names_of(endpoint: Endpoint, context: ssl.SSLContext) -> tuple[str, ...]:
    """The names of a certificate that is valid for other names; empty if it is not valid."""
    context.check_hostname = False
    try:
        return (await certificate(endpoint, context)).names
    except (OSError, asyncio.TimeoutError):
        return ()


async def _shake(endpoint: Endpoint, context: ssl.SSLContext | None) -> dict[str, Any] | None:
    opening = asyncio.open_connection(endpoint.host, endpoint.port, ssl=context)
    _, writer = await asyncio.wait_for(opening, STEP_S)
    try:
        tls = writer.get_extra_info("ssl_object")
        return tls.getpeercert() if tls is not None else None
    finally:
        writer.transport.abort()  # closing TLS politely may never end
