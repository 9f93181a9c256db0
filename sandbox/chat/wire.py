"""The Bot API over HTTP: reads a call, applies faults and limits, runs the method, answers, keeps a log."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from sandbox.chat.about import ABOUT_METHODS, get_updates
from sandbox.chat.limits import Fault
from sandbox.chat.methods import MESSAGE_METHODS
from sandbox.chat.model import ApiError, Json, bad_request, forbidden, too_many_requests
from sandbox.chat.params import Params, Upload
from sandbox.chat.state import ChatState
from sandbox.chat.updates import OTHER_POLLER

STATE: web.AppKey[ChatState] = web.AppKey("state", ChatState)
METHODS = {**MESSAGE_METHODS, **ABOUT_METHODS}
NOT_FOUND = ApiError(404, "Not Found")
BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body>\r\n</html>\r\n"
)


async def bot_api(request: web.Request) -> web.StreamResponse:
    state = request.app[STATE]
    method = request.match_info["method"].lower()
    params = await _read_params(request)
    entry: Json = {
        "at": state.clock(),
        "method": request.match_info["method"],
        "params": params.for_log(state.token),
        "status": 200,
    }
    if method != "getupdates":  # logged before the answer: the bot may close the connection meanwhile
        state.requests.append(entry)
    try:
        response = await _answer(request, state, method, params, entry)
    except ApiError as error:
        entry.update(status=error.code, description=error.description)
        response = web.json_response(error.body(), status=error.code)
    if method == "getupdates" and entry.get("result") != []:  # empty polls of an idle bot are not logged
        state.requests.append(entry)
    return response


async def _answer(request: web.Request, state: ChatState, method: str, params: Params, entry: Json) -> web.Response:
    if request.match_info["token"] != state.token:
        raise ApiError(401, "Unauthorized")
    if method not in METHODS and method != "getupdates":
        raise ApiError(404, "Not Found: method not found")
    fault = state.faults.take(method, params.integer("chat_id") or None)
    if fault is not None:
        entry["fault"] = fault.kind
        if response := await _strike(fault):
            entry["status"] = response.status
            return response
    if fault is None or fault.kind in ("slow", "sent_then_timeout"):
        entry["result"] = await _run(state, method, params)
    if fault is not None and fault.kind in ("timeout", "sent_then_timeout", "drop"):
        entry["status"] = 0  # the bot gets no answer at all
        await asyncio.sleep(0 if fault.kind == "drop" else fault.duration_s)
        if request.transport is not None:
            request.transport.abort()
    return web.json_response({"ok": True, "result": entry.get("result")})


async def _strike(fault: Fault) -> web.Response | None:
    if fault.kind == "slow":
        await asyncio.sleep(fault.duration_s)
    elif fault.kind == "429":
        raise too_many_requests(fault.retry_after)
    elif fault.kind == "403":
        raise forbidden(fault.description or "bot was blocked by the user")
    elif fault.kind == "400":
        raise bad_request(fault.description or "message can't be edited")
    elif fault.kind == "409":
        raise ApiError(409, OTHER_POLLER)
    elif fault.kind == "502":
        return web.Response(status=502, text=BAD_GATEWAY, content_type="text/html")
    return None


async def _run(state: ChatState, method: str, params: Params) -> Any:
    if method == "getupdates":
        return await get_updates(state, params)
    return METHODS[method](state, params)


async def _read_params(request: web.Request) -> Params:
    """Query and body together; in a form every value is text, in a JSON body values keep their types."""
    values: dict[str, Any] = dict(request.query)
    files: dict[str, Upload] = {}
    if request.content_type == "application/json":
        try:
            body = json.loads(await request.text() or "{}")
        except ValueError:
            body = {}
        values.update(body if isinstance(body, dict) else {})
    elif request.can_read_body:
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[name] = Upload(value.filename, value.content_type, value.file.read())
            else:
                values[name] = value.decode() if isinstance(value, (bytes, bytearray)) else value
    return Params(values, files)


async def bot_file(request: web.Request) -> web.Response:
    state = request.app[STATE]
    if request.match_info["token"] != state.token:
        return web.json_response(ApiError(401, "Unauthorized").body(), status=401)
    for file in state.files.values():
        if file.path == request.match_info["path"]:
            return web.Response(body=file.data, content_type=file.mime_type)
    return web.json_response(NOT_FOUND.body(), status=404)


async def not_found(request: web.Request) -> web.Response:
    return web.json_response(NOT_FOUND.body(), status=404)


def add_bot_routes(app: web.Application) -> None:
    app.router.add_route("*", "/bot{token:[^/]+}/{method:[^/]+}", bot_api)
    app.router.add_get("/file/bot{token:[^/]+}/{path:.+}", bot_file)
    app.router.add_route("*", "/bot{rest:.*}", not_found)
