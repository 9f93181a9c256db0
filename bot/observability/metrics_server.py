"""Answers /metrics and /healthz over HTTP.

It changes nothing and has no login. /healthz gives no names and no reasons. METRICS_HOST is the loopback address by
default.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from bot.config.settings import Settings
from bot.domain.health import Health
from bot.observability.http_server import listen
from bot.observability.prometheus import CONTENT_TYPE


class MetricsServer:
    """``page`` renders the metrics; ``health`` judges the program."""

    def __init__(self, settings: Settings, page: Callable[[], Awaitable[bytes]], health: Callable[[], Health]) -> None:
        self._settings = settings
        self._page = page
        self._health = health
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        """Starts to listen.

        Raises:
            ConfigError: the address cannot be used.
        """
        app = web.Application()
        app.add_routes([web.get("/metrics", self._metrics), web.get("/healthz", self._healthz)])
        self._runner = await listen(app, self._settings, "metrics", ", or 0 for none")

    async def close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=await self._page(), headers={"Content-Type": CONTENT_TYPE})

    async def _healthz(self, request: web.Request) -> web.Response:
        health = self._health()
        answer = {"healthy": health.state.alive, "state": health.state.value, "seconds": health.for_s}
        return web.json_response(answer, status=200 if health.state.alive else 503)
