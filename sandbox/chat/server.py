"""`python -m sandbox chat`: an emulated Telegram Bot API server with a messenger page in the browser.

`start_chat` runs the same server inside a test. The state is only in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from aiohttp import web

from sandbox.chat.control import add_control_routes
from sandbox.chat.state import DEFAULT_TOKEN, ChatState
from sandbox.chat.webhook import deliver
from sandbox.chat.wire import STATE, add_bot_routes

PAGE = Path(__file__).parent.parent / "page"
MAX_REQUEST_BYTES = 60 * 1024 * 1024  # Telegram accepts files up to 50 MB
SHUTDOWN_S = 0.3


class RunningChat:
    """A server that is listening. `async with` closes it."""

    def __init__(self, runner: web.AppRunner, state: ChatState, url: str) -> None:
        self._runner = runner
        self._webhook = asyncio.create_task(deliver(state))
        self.state = state
        self.url = url

    async def close(self) -> None:
        self._webhook.cancel()
        await asyncio.gather(self._webhook, return_exceptions=True)
        await self._runner.cleanup()

    async def __aenter__(self) -> RunningChat:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def start_chat(*, host: str = "127.0.0.1", port: int = 0, **options: Any) -> RunningChat:
    """Options are those of ChatState: token, bot_username, limits, callback_timeout_s, clock, …"""
    state = ChatState(**options)
    # A handler whose client has disconnected ends at once, so that a dead long poll does not block the next
    runner = web.AppRunner(_app(state), handler_cancellation=True, shutdown_timeout=SHUTDOWN_S, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError:
        await runner.cleanup()
        raise
    bound = runner.addresses[0][1]
    return RunningChat(runner, state, f"http://{host}:{bound}")


def _app(state: ChatState) -> web.Application:
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    app[STATE] = state
    add_bot_routes(app)
    add_control_routes(app)
    app.router.add_get("/", _index)
    app.router.add_static("/page", PAGE)
    app.on_response_prepare.append(_page_headers)
    app.on_shutdown.append(_let_go)
    return app


async def _index(request: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE / "index.html")


async def _page_headers(request: web.Request, response: web.StreamResponse) -> None:
    """The page is never cached and runs only its own script, whatever a message contains."""
    if request.path == "/" or request.path.startswith("/page/"):
        response.headers["Cache-Control"] = "no-cache"
        response.headers["Content-Security-Policy"] = "default-src 'self'; base-uri 'none'; frame-ancestors 'none'"


async def _let_go(app: web.Application) -> None:
    """Ends open polls and event streams at once, so that the server does not wait for their timeout."""
    app[STATE].feed.close()
    app[STATE].updates.stop_poller()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8081, help="0 = pick a free one (default: %(default)s)")
    parser.add_argument("--token", default=DEFAULT_TOKEN, help="the bot's token (default: %(default)s)")
    parser.add_argument(
        "--limits", choices=("telegram", "off"), default="telegram", help="rate limits (default: %(default)s)"
    )


def main(args: argparse.Namespace) -> int:
    return asyncio.run(_serve(args))


async def _serve(args: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    try:
        running = await start_chat(host=args.host, port=args.port, token=args.token, limits=args.limits)
    except OSError as error:
        print(f"chat: {error.strerror or error}", file=sys.stderr)
        return 1
    async with running:
        print(f"chat ready: {running.url}", flush=True)
        await stop.wait()
    return 0
