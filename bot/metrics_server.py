"""Answers /metrics and /healthz over HTTP; the only server in the program, and the only user of aiohttp.web in it.

It reads and never changes anything, has no login, and tells whether the program lives without names or reasons:
METRICS_HOST is the loopback address unless somebody says otherwise.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.config import Settings
from bot.config_checks import said
from bot.errors import ConfigError
from bot.health import Health
from bot.metrics_page import CONTENT_TYPE

FAREWELL_S = 1.0
"""How long an answer under way may take when the program stops."""


class MetricsServer:
    """``page`` makes the metrics, ``health`` judges the program as it is now."""

    def __init__(self, settings: Settings, page: Callable[[], Awaitable[bytes]], health: Callable[[], Health]) -> None:
        self._settings = settings
        self._page = page
        self._health = health
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Begins to listen.

        Raises:
            ConfigError: nothing can listen there.
        """
        app = web.Application()
        app.add_routes([web.get("/metrics", self._metrics), web.get("/healthz", self._healthz)])
        app.on_response_prepare.append(_without_versions)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=FAREWELL_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._settings.metrics_host, self._settings.metrics_port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError([_problem(self._settings, error)]) from error
        self._runner = runner

    async def close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=await self._page(), headers={"Content-Type": CONTENT_TYPE})

    async def _healthz(self, request: web.Request) -> web.Response:
        health = self._health()
        said_so = {"healthy": health.state.alive, "state": health.state.value, "seconds": health.for_s}
        return web.json_response(said_so, status=200 if health.state.alive else 503)


async def _without_versions(request: web.Request, response: web.StreamResponse) -> None:
    response.headers["Server"] = "vm-balancer"
    response.headers["Cache-Control"] = "no-store"


def _problem(settings: Settings, error: OSError) -> str:
    port, host = said(settings, "metrics_port"), said(settings, "metrics_host")
    if error.errno == errno.EADDRINUSE:
        return f"{port}: another program uses this port of {settings.metrics_host}: name a free one, or 0 for none"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{port}: this user may not listen there: name a port from 1024 on, or 0 for none"
    why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror or str(error)
    return f"{host}: nothing can listen there ({why}): name an address of this machine, such as 127.0.0.1"
