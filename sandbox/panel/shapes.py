"""Shapes in which a panel may answer: options of the emulated panel, switched at run time, in any mixture.

Versions of VMmanager differ, and the shape of a given panel is not known. A shape changes answers (the rows of lists,
their paging) or what a migration does; the world behind them stays the same. Described in docs/first-contact.md.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aiohttp import web

from sandbox.panel.bends import HISTORY, KINDS, TASKS, Row
from sandbox.panel.http import BAD_REQUEST, ApiError
from sandbox.world.model import WorldError

_HISTORY_PATH = re.compile(r"/vm/v3/host/\d+/history")


class ShapeBox:
    """The shapes that are switched on."""

    def __init__(self) -> None:
        self._on: dict[str, Row] = {}

    def switch_on(self, name: str, **options: Any) -> Row:
        """Raises WorldError for an unknown name or option."""
        if name not in KINDS:
            raise WorldError(f"unknown shape {name!r}; known: {', '.join(KINDS)}")
        known = KINDS[name][0]
        for option, value in options.items():
            if option not in known or not isinstance(value, type(known[option])):
                raise WorldError(f"shape {name}: options are {json.dumps(known)}, got {option}={value!r}")
        self._on[name] = {**known, **options}
        return {"name": name, **self._on[name]}

    def switch_off(self, name: str = "") -> None:
        """Switches a shape off; without a name, all of them."""
        self._on = {on: options for on, options in self._on.items() if name and on != name}

    def options(self, name: str) -> Row | None:
        """The options of an active shape; ``None`` = it is off."""
        return self._on.get(name)

    def describe(self) -> list[Row]:
        return [{"name": name, **options} for name, options in self._on.items()]

    def __bool__(self) -> bool:
        return bool(self._on)

    def bend(self, path: str, document: Row, query: dict[str, str]) -> Row:
        """A complete list answer after all shapes, cut to the requested page."""
        kind = HISTORY if _HISTORY_PATH.fullmatch(path) else path
        rows: list[Row] = document["list"]
        before = len(rows)
        for name in (name for name in KINDS if name in self._on):
            bend, options = KINDS[name][1].get(kind), self._on[name]
            if bend is not None and (rows or kind in (TASKS, HISTORY)):
                bend(rows, options)
        if "where" in query and kind not in (TASKS, HISTORY):
            del rows[before:]  # rows that a shape adds are only in complete lists
        document["size"] = len(rows)
        document["list"] = self._page(rows, query.get("limit", ""))
        return document

    def _page(self, rows: list[Row], limit: str) -> list[Row]:
        paged = self.options("paged")
        if limit:
            offset, count = page_of(limit)
            return rows[offset : offset + count]
        return rows if paged is None else rows[: paged["rows"]]


def page_of(limit: str) -> tuple[int, int]:
    """``count`` or ``offset,count`` of a `limit`."""
    parts = limit.split(",")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise ApiError(400, BAD_REQUEST, "Property 'limit' must be a number, or two", {"property": "limit"})
    offset, count = (["0", *parts])[-2:]
    return int(offset), int(count)


def bent(box: ShapeBox, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """A good list answer after all shapes; any other answer unchanged."""
    good = isinstance(response, web.Response) and response.status < 300 and isinstance(response.body, bytes)
    if not good or not response.body.startswith(b'{"list":'):  # type: ignore[attr-defined]
        return response
    path = request.path.removeprefix("/api")
    document = box.bend(path, json.loads(response.body), dict(request.query))  # type: ignore[attr-defined]
    return web.json_response(document)
