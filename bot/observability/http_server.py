"""Starts the program's HTTP servers (metrics, webhook), each on the address that its settings name."""

from __future__ import annotations

import errno
import os

from aiohttp import web

from bot.config.settings import Settings
from bot.config.validation import as_given
from bot.errors import ConfigError

SHUTDOWN_S = 1.0
"""How long a request that is being answered may take when the program stops."""


async def listen(app: web.Application, settings: Settings, name: str, otherwise: str) -> web.AppRunner:
    """Starts to listen. Call ``cleanup()`` of the result to stop.

    Args:
        name: prefix of the settings ``{name}_host`` and ``{name}_port``.
        otherwise: end of the error: what else the port may be set to.
    Raises:
        ConfigError: the address cannot be used.
    """
    host, port = getattr(settings, f"{name}_host"), getattr(settings, f"{name}_port")
    app.on_response_prepare.append(_without_versions)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise ConfigError([_problem(settings, name, otherwise, error)]) from error
    return runner


async def _without_versions(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "vm-balancer"
    response.headers["Cache-Control"] = "no-store"


def _problem(settings: Settings, name: str, otherwise: str, error: OSError) -> str:
    port, host = as_given(settings, f"{name}_port"), as_given(settings, f"{name}_host")
    if error.errno == errno.EADDRINUSE:
        address = getattr(settings, f"{name}_host")
        return f"{port}: another program uses this port of {address}: name a free one{otherwise}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{port}: this user may not listen there: name a port from 1024 on{otherwise}"
    why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)
    return f"{host}: nothing can listen there ({why}): name an address of this machine, such as 127.0.0.1"
