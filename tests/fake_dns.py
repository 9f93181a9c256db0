"""Runs a Python script as a user would run it, but with the names of remote servers resolved to this machine.

Tests start it as a separate process: `fake_dns.py SCRIPT NAME…` prints the final value of each name, in Python's
notation. Only name resolution and the list of trusted certificate authorities differ from a real run.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import certifi

PORTS: dict[str, int] = json.loads(os.environ["FAKE_DNS_PORTS"])
_resolve = socket.getaddrinfo


def getaddrinfo(host: Any, port: Any, *args: Any, **options: Any) -> Any:
    if host in PORTS:
        return _resolve("127.0.0.1", PORTS[host], *args, **options)
    return _resolve(host, port, *args, **options)


def main(path: str, *names: str) -> None:
    socket.getaddrinfo = getaddrinfo
    certifi.where = lambda: os.environ["SSL_CERT_FILE"]
    code = compile(Path(path).read_text("utf-8"), path, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    if code.co_flags & inspect.CO_COROUTINE:  # as `python -m asyncio` does it
        asyncio.run(eval(code, namespace))  # noqa: S307
    else:
        exec(code, namespace)  # noqa: S102
    for name in names:
        sys.stdout.write(f"{namespace[name]!r}\n")


main(*sys.argv[1:])
