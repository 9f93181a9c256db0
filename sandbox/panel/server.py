"""`python -m sandbox panel`: an emulated VMmanager 6 panel on a port of this machine.

Tests run one in process with `start_panel(world)`. The API is in api.py, faults in faults.py, changes to the
world in control.py.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import math
import signal
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from aiohttp import web

from sandbox.panel import api, auth, control
from sandbox.panel.auth import require_user
from sandbox.panel.bends import KINDS as SHAPES
from sandbox.panel.bends import VMS
from sandbox.panel.faults import Dropped, FaultBox, Handler, apply_faults
from sandbox.panel.http import BAD_REQUEST, NOT_FOUND, UNAUTHORIZED, ApiError, envelope
from sandbox.panel.replay import load as load_recording
from sandbox.panel.replay import start_replay
from sandbox.panel.shapes import ShapeBox, bent
from sandbox.panel.state import PANEL, READONLY_ROLE, Panel, PanelOptions, RequestLog
from sandbox.scenarios import SCENARIOS
from sandbox.world.file import load
from sandbox.world.model import WorldError
from sandbox.world.world import World

PUBLIC = "/auth/v4/public/"
BEHIND_THE_STAGE = "/sandbox/"
# Longer than any answer should take, and still short enough for Ctrl-C.
SHUTDOWN_S = 0.3


# --- from the outer layer to the inner: log, faults, errors, sessions


@web.middleware
async def _log(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith(BEHIND_THE_STAGE):
        return await handler(request)
    entry = await request.app[PANEL].requests.open(request)
    response = await handler(request)
    entry["status"] = 0 if isinstance(response, Dropped) else response.status
    return response


@web.middleware
async def _faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.path.startswith(BEHIND_THE_STAGE):
        return await handler(request)
    return await apply_faults(request.app[PANEL].faults, request, handler)


@web.middleware
async def _shapes(request: web.Request, handler: Handler) -> web.StreamResponse:
    shapes = request.app[PANEL].shapes
    if request.path.startswith(BEHIND_THE_STAGE):
        return await handler(request)
    prefixed = request.path.startswith("/api/")
    if prefixed != (shapes.options("api_prefix") is not None):
        if prefixed:
            return envelope(404, NOT_FOUND, "Not found", {"path": request.path})
        return web.Response(text="<html><title>VMmanager</title></html>", content_type="text/html")
    slow = shapes.options("slow_list")
    if slow and request.path.endswith(VMS) and "where" not in request.query:
        await asyncio.sleep(slow["seconds"])
    response = await handler(request)
    return bent(shapes, request, response) if shapes else response


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ApiError as error:
        return envelope(error.status, error.code, error.msg, error.value)
    except web.HTTPException as error:
        code = NOT_FOUND if error.status == 404 else BAD_REQUEST
        return envelope(error.status, code, error.reason, {"path": request.path})


@web.middleware
async def _sessions(request: web.Request, handler: Handler) -> web.StreamResponse:
    panel = request.app[PANEL]
    panel.tick()
    if request.path.startswith(BEHIND_THE_STAGE):
        if not control.is_loopback(request.remote):
            raise ApiError(403, UNAUTHORIZED, "Only for this machine")
        return await handler(request)
    if request.path.removeprefix("/api").startswith(PUBLIC):
        return await handler(request)
    user = require_user(request)
    if request.method != "GET" and user.role == READONLY_ROLE:
        raise ApiError(403, UNAUTHORIZED, "Unauthorized")
    return await handler(request)


def make_app(panel: Panel) -> web.Application:
    app = web.Application(middlewares=[_log, _faults, _shapes, _errors, _sessions])
    app[PANEL] = panel
    app.add_routes([*auth.ROUTES, *api.ROUTES, *control.ROUTES])
    for route in (*auth.ROUTES, *api.ROUTES):  # answered there under the shape api_prefix alone
        app.router.add_route(route.method, f"/api{route.path}", route.handler)
    return app


# --- in-process


@dataclass
class RunningPanel:
    """A panel that listens until `close`."""

    url: str
    panel: Panel
    _runner: web.AppRunner

    @property
    def world(self) -> World:
        return self.panel.world

    @property
    def requests(self) -> RequestLog:
        return self.panel.requests

    @property
    def faults(self) -> FaultBox:
        return self.panel.faults

    @property
    def shapes(self) -> ShapeBox:
        return self.panel.shapes

    async def close(self) -> None:
        await self._runner.cleanup()


async def start_panel(
    world: World,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> RunningPanel:
    """Serve the world; `options` are those of PanelOptions, port 0 picks a free one. Raises OSError."""
    panel = Panel(world, PanelOptions(**options))
    runner = web.AppRunner(make_app(panel), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except BaseException:
        await runner.cleanup()
        raise
    address = f"[{host}]" if ":" in host else host
    scheme = "https" if tls else "http"
    return RunningPanel(f"{scheme}://{address}:{runner.addresses[0][1]}", panel, runner)


# --- as a program


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=_number(int, 0, 65535), default=8006, help="0 picks a free one (default: %(default)s)")
    source = parser.add_mutually_exclusive_group()
    names = ", ".join(SCENARIOS)
    source.add_argument("--scenario", choices=SCENARIOS, default="demo", metavar="NAME", help=f"{names} (demo)")
    source.add_argument("--world", type=Path, metavar="FILE", help="start from a JSON file instead")
    source.add_argument("--replay", type=Path, metavar="FILE", help="serve what `vm-balancer check --record` wrote")
    add("--seed", type=int, default=1, help="the same seed makes the same world (default: %(default)s)")
    add("--speed", type=_number(float, 0, 100_000), default=1.0, help="simulated seconds per second")
    add("--still", action="store_true", help="VMs neither come, go nor change by themselves")
    add("--user", default=PanelOptions.user, help="administrator (default: %(default)s)")
    add("--password", default=PanelOptions.password, help="also of readonly@example.com (default: %(default)s)")
    add("--token-idle", type=_number(float, 0.001, 1e9), default=3600.0, help="seconds until an idle token dies")
    add("--migration-seconds", type=_number(float, 0, 1e6), help="what each migration takes (default: by size)")
    add("--task-row-delay", type=_number(float, 0, 1e6), default=1.0, help="seconds until a task can be seen")
    add(
        "--shape",
        action="append",
        default=[],
        choices=SHAPES,
        metavar="NAME",
        help=f"how it answers: {', '.join(SHAPES)}",
    )
    add("--no-form", action="store_true", help="no migration form (404), as on some panels")
    add("--tls-cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate")
    add("--tls-key", type=Path, metavar="FILE", help="its private key")


def _number(kind: type, low: float, high: float) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"expected a number from {low} to {high}, got {text!r}")
        return value

    return parse


def main(args: argparse.Namespace) -> int:
    try:
        if args.replay is not None:
            asyncio.run(_serve_recording(args))
            return 0
        world = make_world(args)
        tls = _tls(args.tls_cert, args.tls_key)
        asyncio.run(_serve(args, world, tls))
    except (WorldError, OSError) as error:
        print(f"sandbox panel: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # if the loop cannot handle signals itself
        return 0
    return 0


def make_world(args: argparse.Namespace) -> World:
    """The world of these arguments; its calendar starts now."""
    data = load(args.world) if args.world else SCENARIOS[args.scenario](args.seed)
    world = World.from_dict(data, seed=args.seed, epoch=datetime.now(timezone.utc))
    if args.still:
        world.churn = None
    return world


def _tls(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None:
            raise WorldError("--tls-key is of no use without --tls-cert")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except OSError as error:  # includes ssl.SSLError
        raise WorldError(f"cannot use the certificate {cert}: {error}") from error
    return context


async def _serve(args: argparse.Namespace, world: World, tls: ssl.SSLContext | None) -> None:
    running = await start_panel(
        world,
        host=args.host,
        port=args.port,
        tls=tls,
        user=args.user,
        password=args.password,
        token_idle_s=args.token_idle,
        speed=args.speed,
        migration_s=args.migration_seconds,
        task_row_delay_s=args.task_row_delay,
        form=not args.no_form,
    )
    for name in args.shape:
        running.shapes.switch_on(name)
    try:
        await _until_stopped(running.url)
    finally:
        await running.close()


async def _serve_recording(args: argparse.Namespace) -> None:
    url, runner = await start_replay(load_recording(args.replay), host=args.host, port=args.port)
    try:
        await _until_stopped(url)
    finally:
        await runner.cleanup()


async def _until_stopped(url: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    print(f"panel ready: {url}", flush=True)
    await stop.wait()
