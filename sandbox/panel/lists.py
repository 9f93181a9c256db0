"""List answers: `where` and `limit` applied, rows rendered, counts added."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from aiohttp import web

from sandbox.panel.http import list_reply
from sandbox.panel.shapes import page_of
from sandbox.panel.state import PANEL
from sandbox.panel.where import Columns, compile_where

Record = TypeVar("Record")


def chosen_of(request: web.Request, records: Iterable[Record], columns: Columns) -> tuple[list[Record], int]:
    """The records after `where` and `limit`, and their number without the limit."""
    where, limit = request.query.get("where", ""), request.query.get("limit", "")
    chosen = list(records)
    if where:
        chosen = list(filter(compile_where(where, columns), chosen))
    size = len(chosen)
    if limit:
        offset, count = page_of(limit)
        if not request.app[PANEL].shapes:  # they cut the page themselves, after they have changed the whole list
            chosen = chosen[offset : offset + count]
    return chosen, size


def list_of(
    request: web.Request, records: Iterable[Record], columns: Columns, render: Callable[[Record], Any]
) -> web.Response:
    chosen, size = chosen_of(request, records, columns)
    texts = [json.dumps(render(record)) for record in chosen]
    return list_reply(texts, size=size, last_notify=request.app[PANEL].world.revision)
