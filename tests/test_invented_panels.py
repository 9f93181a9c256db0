"""Panels that nobody has seen: each answers in one odd way. The program moves VMs, or says what differs."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientSession, web
from bot_fixture import BotFixture, running_panel

from sandbox.panel.server import RunningPanel

MOVES = "moves"


class Raw(NamedTuple):
    """An answer that is sent as it is."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


Change = Callable[[str, str, Any], Any]
"""Method, path and document of an answer -> the document or the raw answer that is sent instead."""
HTML = (("Content-Type", "text/html"),)


def values(change: Callable[[str, Any], Any]) -> Change:
    """Changes every value of every answer, by its key."""

    def deep(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: deep(change(k, v)) for k, v in value.items()}
        return [deep(v) for v in value] if isinstance(value, list) else value

    return lambda method, path, document: deep(document)


def lists(change: Callable[[list[Any], dict[str, Any]], Any]) -> Change:
    """Changes every answer that is a list, by its rows."""

    def changed(method: str, path: str, document: Any) -> Any:
        found = document.get("list") if isinstance(document, dict) else None
        return change(found, document) if isinstance(found, list) else document

    return changed


def rows(end: str, change: Callable[[dict[str, Any]], Any]) -> Change:
    """Changes each row of the list under this path."""

    def changed(method: str, path: str, document: Any) -> Any:
        if method != "GET" or not path.endswith(end):
            return document
        return {**document, "list": [change(row) for row in document["list"]]}

    return changed


def answer(end: str, raw: Raw | dict[str, Any], method: str = "GET") -> Change:
    """Another answer to one request."""
    return lambda used, path, document: raw if used == method and path.endswith(end) else document


def whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


PANELS: dict[str, tuple[Change, str]] = {
    "numbers as texts": (values(lambda k, v: str(v) if whole(v) else v), MOVES),
    "numbers as floats": (values(lambda k, v: float(v) if whole(v) else v), MOVES),
    "booleans as words": (values(lambda k, v: ("yes" if v else "no") if isinstance(v, bool) else v), MOVES),
    "booleans as numbers": (values(lambda k, v: int(v) if isinstance(v, bool) else v), MOVES),
    "ids as texts": (values(lambda k, v: str(v) if k == "id" else v), MOVES),
    "a bare list": (lists(lambda found, document: found), MOVES),
    "a list as an object": (
        lists(lambda found, document: {**document, "list": {str(i): r for i, r in enumerate(found)}}),
        "holds no list of clusters",
    ),
    "rows under another key": (lists(lambda found, document: {"data": found}), "holds no list of clusters"),
    "no size": (lists(lambda found, document: {"list": found}), MOVES),
    "a size below the rows": (lists(lambda found, document: {"list": found, "size": 1}), MOVES),
    "a size above the rows": (
        lists(lambda found, document: {"list": found, "size": len(found) + 5}),
        "the panel's list of clusters",
    ),
    "every row twice": (lists(lambda found, document: {"list": found * 2, "size": 2 * len(found)}), MOVES),
    "a row that is null": (lists(lambda found, document: {"list": [*found, None], "size": len(found) + 1}), MOVES),
    "uptimes in milliseconds": (values(lambda k, v: v * 1000 if k == "uptime" and whole(v) else v), MOVES),
    "uptimes in words": (values(lambda k, v: f"{v} days" if k == "uptime" else v), MOVES),
    "states in capitals": (values(lambda k, v: v.upper() if k == "state" and isinstance(v, str) else v), MOVES),
    "another word for active": (values(lambda k, v: "running" if v == "active" else v), "node-state"),
    "a date as maintenance": (
        values(lambda k, v: "2020-01-01 00:00:00" if k == "maintenance_mode" else v),
        "maintenance_mode",
    ),
    "memory as one number": (rows("/node", lambda r: {**r, "ram_mib": r["ram_mib"]["total"]}), "remark-computed"),
    "memory of VMs as an object": (rows("/host", lambda r: {**r, "ram_mib": {"mib": r["ram_mib"]}}), "vm-size-unknown"),
    "a cluster as a list": (rows("/node", lambda r: {**r, "cluster": [r["cluster"]]}), "none of the 3 rows"),
    "names that are null": (rows("/host", lambda r: {**r, "name": None}), MOVES),
    "an unknown word of the balancer": (rows("/host", lambda r: {**r, "balancer_mode": "turbo"}), "vm-mode-unknown"),
    "tags as one text": (rows("/host", lambda r: {**r, "tags": "a,b"}), MOVES),
    "VMs on a node that is not listed": (rows("/host", lambda r: {**r, "node": {"id": 777}}), "remark-"),
    "one id for all VMs": (rows("/host", lambda r: {**r, "id": 11}), "node-vm-twice"),
    "nothing in the answer to a start": (answer("/migrate", Raw(b"", 204, ()), "POST"), MOVES),
    "JSON called a text": (
        lambda m, p, d: Raw(json.dumps(d).encode(), headers=(("Content-Type", "text/plain"),)),
        MOVES,
    ),
    "JSON with a byte order mark": (lambda m, p, d: Raw(b"\xef\xbb\xbf" + json.dumps(d).encode()), MOVES),
    "an error as success": (answer("/host", {"error": {"code": 9000, "msg": "no"}}), "code 9000"),
    "a page of HTML": (answer("/node", Raw(b"<html>Bad gateway</html>", 502, HTML)), "HTTP 502"),
    "a redirection": (answer("/node", Raw(b"", 302, (("Location", "https://a.example.com/"),))), "leads elsewhere"),
    "a list that unpacks to 120 MB": (
        answer(
            "/node", Raw(gzip.compress(b"[" + b"0," * 60_000_000 + b"0]", 1), headers=(("Content-Encoding", "gzip"),))
        ),
        "too large",
    ),
    "lists in lists": (answer("/node", Raw(b"[" * 200_000 + b"]" * 200_000)), "no JSON"),
    "no VMs": (answer("/host", {"list": [], "size": 0}), "remark-sums"),
    "no nodes": (answer("/node", {"list": [], "size": 0}), "contradict each other"),
}


@asynccontextmanager
async def changed(panel: RunningPanel, change: Change) -> AsyncIterator[str]:
    """The address of a panel that changes every answer of another one."""

    async def pass_on(request: web.Request) -> web.Response:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in ("host", "content-length")}
        url, body = panel.url + str(request.rel_url), await request.read()
        async with session.request(request.method, url, data=body, headers=headers) as found:
            data, kept = await found.read(), [("Set-Cookie", v) for v in found.headers.getall("Set-Cookie", [])]
            if found.status >= 400:
                return web.Response(status=found.status, body=data, content_type="application/json")
        result = change(request.method, request.path, json.loads(data))
        raw = result if isinstance(result, Raw) else Raw(json.dumps(result).encode())
        return web.Response(status=raw.status, body=raw.body, headers=[*kept, *raw.headers])

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", pass_on)
    runner = web.AppRunner(app)
    async with ClientSession() as session:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class _Changed:
    """A panel with another address."""

    def __init__(self, panel: RunningPanel, url: str) -> None:
        self._panel, self.url = panel, url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._panel, name)


async def result_of(panel: RunningPanel, path: Path, change: Change) -> str:
    """``MOVES``, or everything that the program says of why it moved nothing."""
    async with changed(panel, change) as url:
        bot = BotFixture(_Changed(panel, url), path, balance_mode="auto")  # type: ignore[arg-type]
        await bot.store.open()
        try:
            report = await bot.service.cycle.run()
            await bot.carry_out()
            if bot.posts():
                assert [vm for vm, _ in bot.posts()] == [11] and bot.node_of(11) in (2, 3)
                assert [m.state.value for m in await bot.migrations()] == ["succeeded"]
                return MOVES
            plans = [r.plan for r in report.results if r.plan is not None]
            reasons = [r.reason for p in plans for r in p.rejections] + [c for p in plans for c in p.cautions]
            return " ".join([report.problem or "", *map(str, reasons)])
        finally:
            await bot.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", PANELS)
async def test_odd_panel_is_understood_or_the_difference_is_named(tmp_path: Path, name: str) -> None:
    change, expected = PANELS[name]
    async with running_panel() as panel:
        assert expected in await result_of(panel, tmp_path / "bot.db", change)
