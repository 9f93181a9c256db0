"""State of a running panel besides the world: options, sessions, request log and the wall clock.

`Panel.tick` advances the world to the wall clock. Each request calls it, so nothing runs in the background
and nothing is left running.
"""

from __future__ import annotations

import json
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from sandbox.panel.faults import FaultBox
from sandbox.panel.shapes import ShapeBox
from sandbox.panel.vm_rows import VMRows
from sandbox.world.model import WorldError
from sandbox.world.world import World

REQUESTS_KEPT = 20_000
ADMIN_ROLE, READONLY_ROLE = "@admin", "@admin.readonly"


@dataclass(frozen=True)
class PanelOptions:
    """Durations are wall seconds; `speed` is simulated seconds per wall second, 0 stops the clock."""

    user: str = "admin@example.com"
    password: str = "secret"  # noqa: S105 - of a stand-in
    readonly_user: str = "readonly@example.com"
    token_idle_s: float = 3600.0
    speed: float = 1.0
    migration_s: float | None = None
    task_row_delay_s: float = 1.0
    form: bool = True


@dataclass(frozen=True)
class User:
    id: int
    email: str
    role: str
    state: str = "active"


@dataclass
class Session:
    user: User
    used_at: float


class Sessions:
    """Tokens that expire when idle for too long."""

    def __init__(self, idle_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle_s, self._clock = idle_s, clock
        self._by_token: dict[str, Session] = {}

    def open(self, user: User) -> str:
        now = self._clock()
        self._by_token = {t: s for t, s in self._by_token.items() if now - s.used_at <= self._idle_s}
        token = f"4-{uuid.uuid4()}"
        self._by_token[token] = Session(user, now)
        return token

    def user_of(self, token: str) -> User | None:
        """The account of a token, or None if it is unknown or expired; use prolongs it."""
        session = self._by_token.get(token)
        if session is None or self._clock() - session.used_at > self._idle_s:
            return None
        session.used_at = self._clock()
        return session.user

    def expire_all(self) -> None:
        self._by_token.clear()


@dataclass
class RequestLog:
    """Every request but those to /sandbox, newest last; a dropped one has status 0."""

    entries: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    last: int = 0

    async def open(self, request: web.Request) -> dict[str, Any]:
        self.last += 1
        entry = {
            "n": self.last,
            "at": time.time(),
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "body": _masked(await request.read()),
            "status": None,
        }
        self.entries.append(entry)
        return entry

    def since(self, n: int = 0, path: str = "", method: str = "") -> list[dict[str, Any]]:
        return [
            entry
            for entry in self.entries
            if entry["n"] > n and entry["path"].startswith(path) and method in ("", entry["method"])
        ]

    def clear(self) -> None:
        self.entries.clear()


def _masked(raw: bytes) -> Any:
    """The body as JSON if it is JSON, with passwords masked."""
    if not raw:
        return None
    try:
        body = json.loads(raw)
    except ValueError:
        return raw.decode(errors="replace")
    if isinstance(body, dict) and "password" in body:
        body["password"] = "***"  # noqa: S105
    return body


class Panel:
    def __init__(self, world: World, options: PanelOptions) -> None:
        if options.speed < 0 or options.token_idle_s <= 0:
            raise WorldError("speed must not be negative and the idle time of tokens must be above 0")
        self.world, self.options = world, options
        self.vm_rows = VMRows(world)
        self.faults = FaultBox()
        self.shapes = ShapeBox()
        self.sessions = Sessions(options.token_idle_s)
        self.requests = RequestLog()
        self.users = (
            User(6, options.user, ADMIN_ROLE),
            User(7, options.readonly_user, READONLY_ROLE),
        )
        # With a stopped clock, wall seconds count as simulated ones.
        scale = options.speed or 1.0
        world.migration_s = None if options.migration_s is None else options.migration_s * scale
        world.task_row_delay_s = options.task_row_delay_s * scale
        self._ticked_at = time.monotonic()

    def tick(self) -> None:
        now = time.monotonic()
        self.world.step((now - self._ticked_at) * self.options.speed)
        self._ticked_at = now


PANEL: web.AppKey[Panel] = web.AppKey("panel", Panel)
