"""The form of the emulated panel's answers: JSON bodies, lists, and the error envelope.

Also reads request bodies strictly: like the real panel, it refuses unknown properties.
Codes other than 1000 and 3001 are not public; those here are the sandbox's own.
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

NOT_AUTHORISED = 1000
UNAUTHORIZED = 3001
NOT_FOUND = 1002
BAD_REQUEST = 1003
BAD_PROPERTY = 1004
BAD_PASSWORD = 1005
BAD_COLUMN = 1006
SESSION_EXPIRED = 1007


class ApiError(Exception):
    """Ends a request with the envelope."""

    def __init__(self, status: int, code: int, msg: str, value: dict[str, Any] | None = None) -> None:
        super().__init__(msg)
        self.status, self.code, self.msg, self.value = status, code, msg, value or {}


def envelope(status: int, code: int, msg: str, value: dict[str, Any] | None = None) -> web.Response:
    return reply({"error": {"code": code, "msg": msg, "value": value or {}}}, status=status)


def reply(data: Any, *, status: int = 200, content_type: str = "application/json") -> web.Response:
    return web.Response(text=json.dumps(data), status=status, content_type=content_type)


def list_reply(rows: list[str], *, size: int, last_notify: int) -> web.Response:
    """A list answer from rows that are JSON text already, which keeps large panels fast."""
    text = f'{{"list":[{",".join(rows)}],"last_notify":{last_notify},"size":{size}}}'
    return web.Response(text=text, content_type="application/json")


async def read_body(request: web.Request, allowed: set[str], required: set[str] | None = None) -> dict[str, Any]:
    """The JSON object of a POST. An empty body counts as `{}`; unknown properties are refused."""
    raw = await request.read()
    try:
        body = json.loads(raw) if raw.strip() else {}
    except ValueError as error:
        raise ApiError(400, BAD_REQUEST, "Request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise ApiError(400, BAD_REQUEST, "Request body must be an object")
    for name in body:
        if name not in allowed:
            raise ApiError(400, BAD_PROPERTY, f"Unexpected property '{name}'", {"property": name})
    for name in required or set():
        if name not in body:
            raise ApiError(400, BAD_PROPERTY, f"Property '{name}' is required", {"property": name})
    return body
