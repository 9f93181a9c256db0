"""`python -m sandbox panel --replay FILE`: serves a recording of `vm-balancer check --record`. Migrates nothing.

Lists know `limit` and a `where` on id; any login works. A request that was not recorded is answered with 404.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from sandbox.panel.http import NOT_AUTHORISED, NOT_FOUND, UNAUTHORIZED, envelope, reply
from sandbox.panel.shapes import page_of
from sandbox.world.model import WorldError

FORMAT = "vm-balancer-recording-1"
TOKEN = "4-replay"  # noqa: S105 - of a stand-in
_LOGIN = "/auth/v4/public/token"
_WHERE_ID = re.compile(r"\(?id EQ '?(\d+)'?\)?")


class Replay:
    """The recorded answers by path and query."""

    def __init__(self, document: Any) -> None:
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise WorldError(f"this is no recording: its format is not {FORMAT!r}")
        self._answers: dict[str, dict[str, Any]] = {}
        for entry in document["requests"]:
            if entry["authenticated"]:
                self._answers.setdefault(unquote_plus(entry["path"]), entry)

    def answer(self, path: str, query: dict[str, str]) -> web.Response:
        asked = path + ("?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else "")
        entry = self._answers.get(asked)
        if entry is None and query:
            entry = self._answers.get(path)
            result = None if entry is None else _selected(entry["answer"], query)
            return envelope(404, NOT_FOUND, "Not found") if result is None else reply(result)
        if entry is None or entry["answer"] is None:
            return envelope(404, NOT_FOUND, "Not found")
        answer = entry["answer"]
        if isinstance(answer, dict) and isinstance(answer.get("list"), list):
            answer = {**answer, "size": len(answer["list"])}  # a recording has only the first rows of a long list
        return reply(answer, status=entry["status"])


def _selected(answer: Any, query: dict[str, str]) -> dict[str, Any] | None:
    """The rows of a recorded list after a filter on id or a page; ``None`` = another filter, or no list."""
    rows = answer.get("list") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or set(query) - {"where", "limit"}:
        return None
    if "where" in query:
        wanted = _WHERE_ID.fullmatch(query["where"])
        if wanted is None:
            return None
        rows = [row for row in rows if str(row.get("id")) == wanted[1]]
    size = len(rows)
    if "limit" in query:
        offset, count = page_of(query["limit"])
        rows = rows[offset : offset + count]
    return {"list": rows, "size": size}


def load(path: Path) -> Replay:
    """Raises WorldError for a file that is no recording."""
    try:
        return Replay(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WorldError(f"{path}: {error}") from error


async def start_replay(replay: Replay, *, host: str = "127.0.0.1", port: int = 0) -> tuple[str, web.AppRunner]:
    """The address, and the runner, whose ``cleanup()`` ends it. Raises OSError."""

    async def handle(request: web.Request) -> web.Response:
        if request.path == _LOGIN:
            return reply({"id": "1", "token": TOKEN, "expires_at": None, "confirmed": True}, status=201)
        if request.headers.get("x-xsrf-token") != TOKEN:
            return envelope(401, NOT_AUTHORISED, "Not authorised")
        if request.method != "GET":
            return envelope(403, UNAUTHORIZED, "A recording changes nothing")
        return replay.answer(request.path, dict(request.query))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return f"http://{host}:{runner.addresses[0][1]}", runner
