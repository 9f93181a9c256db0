"""Faults of the emulated panel: what fails, for how many requests or for how long.

`FaultBox` holds the faults. The middleware applies those for any request; the handlers of logins, sessions and
migrations apply theirs. A fault without `count` and `seconds` stays until it is removed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from aiohttp import web

from sandbox.panel.http import envelope
from sandbox.world.model import WorldError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Kind -> its own parameters with their defaults.
KINDS: dict[str, dict[str, Any]] = {
    "http_503": {"body": "<html><h1>503 Service Temporarily Unavailable</h1></html>"},
    "http_500": {"code": 500, "msg": "Internal error"},
    "slow": {"delay": 1.0},
    "drop": {},
    "drop_after": {},
    "html": {"body": "<!DOCTYPE html><html><title>VMmanager</title><div id=app></div></html>"},
    "broken_json": {},
    "half_list": {"keep": -1},
    "missing_fields": {"fields": [], "ids": []},
    "unknown_fields": {"fields": {"brand_new": {"nested": [1, "two", None]}}},
    "numbers_as_strings": {},
    "expire_tokens": {},
    "code_1000": {"status": 403},
    "migrate_fails": {"output": "qemu: unexpected migration failure"},
    "migrate_hangs": {},
    "migrate_refused": {"code": 4100, "msg": "Migration is not possible", "status": 400},
    "lose_task_row": {},
    "abort_refused": {"code": 4200, "msg": "The task cannot be aborted", "status": 409},
    "abort_ignored": {},
    "abort_restarts": {},
    "no_form": {},
    "login_status_200": {},
    "revoke_password": {},
    "clock_ahead": {"ahead": 3600.0},
}


@dataclass
class Fault:
    kind: str
    count: int | None = None
    until: float | None = None
    path: str = ""
    method: str = ""
    options: dict[str, Any] = field(default_factory=dict)

    def matches(self, request: web.Request) -> bool:
        if self.kind == "drop_after" and not self.path:
            # By default it loses the most important answer: that of a started migration.
            return request.method == "POST" and request.path.endswith("/migrate")
        return request.path.startswith(self.path) and self.method in ("", request.method)

    def describe(self) -> dict[str, Any]:
        left = None if self.until is None else round(self.until - time.monotonic(), 3)
        shown = {"kind": self.kind, "count": self.count, "seconds": left, "path": self.path, "method": self.method}
        return {**shown, **self.options}


class FaultBox:
    """The active faults, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(
        self,
        kind: str,
        *,
        count: int | None = None,
        seconds: float | None = None,
        path: str = "",
        method: str = "",
        **options: Any,
    ) -> Fault:
        """Adds a fault. Raises WorldError for bad values."""
        if kind not in KINDS:
            raise WorldError(f"unknown fault {kind!r}; known: {', '.join(KINDS)}")
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
            raise WorldError(f"count must be a number from 1, got {count!r}")
        if seconds is not None and not (_is_number(seconds) and seconds > 0):
            raise WorldError(f"seconds must be a number above 0, got {seconds!r}")
        if not isinstance(path, str) or not isinstance(method, str):
            raise WorldError("path and method must be text")
        for name, value in options.items():
            _check_option(kind, name, value)
        until = None if seconds is None else time.monotonic() + seconds
        fault = Fault(kind, count, until, path, method.upper(), {**KINDS[kind], **options})
        self._faults.append(fault)
        return fault

    def take(self, kind: str, request: web.Request) -> Fault | None:
        """The active fault of this kind for this request; it is counted as used."""
        self._faults = [f for f in self._faults if f.until is None or f.until > time.monotonic()]
        for fault in self._faults:
            if fault.kind == kind and fault.matches(request):
                if fault.count is not None:
                    fault.count -= 1
                    if fault.count == 0:
                        self._faults.remove(fault)
                return fault
        return None

    def clear(self, kind: str = "") -> None:
        self._faults = [fault for fault in self._faults if kind and fault.kind != kind]

    def describe(self) -> list[dict[str, Any]]:
        return [fault.describe() for fault in self._faults]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_option(kind: str, name: str, value: Any) -> None:
    known = KINDS[kind]
    if name not in known:
        common = "count, seconds, path, method"
        raise WorldError(f"fault {kind}: unknown parameter {name!r}; known: {', '.join([common, *known])}")
    wanted = known[name]
    fits = _is_number(value) if _is_number(wanted) else isinstance(value, type(wanted))
    if not fits:
        raise WorldError(f"fault {kind}: {name} must be like {json.dumps(wanted)}, got {json.dumps(value)}")


# --- faults of any request


async def apply_faults(box: FaultBox, request: web.Request, handler: Handler) -> web.StreamResponse:
    """Runs the handler unless a fault replaces it."""
    slow = box.take("slow", request)
    if slow:
        await asyncio.sleep(slow.options["delay"])
    if box.take("drop", request):
        return drop(request)
    fault = box.take("http_503", request)
    if fault:
        return web.Response(status=503, text=fault.options["body"], content_type="text/html")
    fault = box.take("http_500", request)
    if fault:
        return envelope(500, fault.options["code"], fault.options["msg"])
    fault = box.take("html", request)
    if fault:
        return web.Response(text=fault.options["body"], content_type="text/html")
    response = await handler(request)
    skewed = box.take("clock_ahead", request)
    if skewed:
        response.headers["Date"] = formatdate(time.time() + skewed.options["ahead"], usegmt=True)
    if box.take("drop_after", request):
        return drop(request)
    return spoil(box, request, response) if isinstance(response, web.Response) else response


class Dropped(web.Response):
    """No answer: the connection is closed. The response is only for the request log."""


def drop(request: web.Request) -> Dropped:
    if request.transport:
        request.transport.abort()
    return Dropped(status=500)


def spoil(box: FaultBox, request: web.Request, response: web.Response) -> web.Response:
    """Applies the faults that change the body of a good answer; faults of lists only to lists."""
    if response.status >= 400 or not isinstance(response.body, bytes):
        return response
    is_list = response.body.startswith(b'{"list":')
    bends = {kind: box.take(kind, request) for kind in _LIST_FAULTS if is_list}
    as_strings, broken = box.take("numbers_as_strings", request), box.take("broken_json", request)
    if not (any(bends.values()) or as_strings or broken):
        return response
    data = json.loads(response.body)
    for kind, fault in bends.items():
        if fault:
            _LIST_FAULTS[kind](data, fault.options)
    text = json.dumps(_stringify(data) if as_strings else data)
    if broken:
        text = text[: max(1, len(text) // 2)]
    return web.Response(text=text, status=response.status, content_type=response.content_type)


def _half_list(data: dict[str, Any], options: dict[str, Any]) -> None:
    keep = options["keep"]
    data["list"] = data["list"][: keep if keep >= 0 else len(data["list"]) // 2]


def _missing_fields(data: dict[str, Any], options: dict[str, Any]) -> None:
    for row in data["list"]:
        if options["ids"] and row.get("id") not in options["ids"]:
            continue
        for name in options["fields"]:
            *parents, last = str(name).split(".")
            holder: Any = row
            for parent in parents:
                holder = holder.get(parent) if isinstance(holder, dict) else None
            if isinstance(holder, dict):
                holder.pop(last, None)


def _unknown_fields(data: dict[str, Any], options: dict[str, Any]) -> None:
    for holder in (data, *data["list"]):
        holder.update({name: value for name, value in options["fields"].items() if name not in holder})


_LIST_FAULTS: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    "half_list": _half_list,
    "missing_fields": _missing_fields,
    "unknown_fields": _unknown_fields,
}


def _stringify(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _stringify(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_stringify(item) for item in value]
    return str(value) if _is_number(value) else value
