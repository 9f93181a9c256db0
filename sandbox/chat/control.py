"""The control API at /sandbox: tests and the page use it to act as people, to read the state, and to inject faults.

No authentication: the sandbox listens on loopback and holds nothing of value.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Any

from aiohttp import web

from sandbox.chat.limits import Fault
from sandbox.chat.listing import messages_since, state_view
from sandbox.chat.model import ApiError, Chat, Json, Press, User
from sandbox.chat.state import ChatState, NotAllowed
from sandbox.chat.view import message_view
from sandbox.chat.wire import STATE

HEARTBEAT_S = 15.0

Handler = Callable[[ChatState, Json], Awaitable[Any]]


async def send(state: ChatState, body: Json) -> Json:
    """A person sends a message. Optional: reply_to, thread_id, forward_from (a user id)."""
    extra = {key: body[key] for key in ("reply_to", "thread_id", "forward_from") if body.get(key) is not None}
    return message_view(state.write(body["chat_id"], body["user_id"], str(body["text"]), **extra))


async def edit(state: ChatState, body: Json) -> Json:
    message = state.write_again(body["chat_id"], body["message_id"], body["user_id"], str(body["text"]))
    return message_view(message)


async def forward(state: ChatState, body: Json) -> Json:
    """A person forwards a message to `chat_id` from `from_chat_id`; without it from the same chat."""
    source = int(body.get("from_chat_id") or body["chat_id"])
    return message_view(state.forward(body["chat_id"], body["user_id"], source, body["message_id"]))


async def press(state: ChatState, body: Json) -> Json:
    """A person presses a button, named by its data or by row and col; waits `wait` seconds for the bot."""
    data = body.get("data")
    if data is None:
        data = _button_at(state, body["chat_id"], body["message_id"], body.get("row", 0), body.get("col", 0))
    pressed = state.press(
        body["chat_id"], body["message_id"], body["user_id"], str(data), forge=bool(body.get("forge"))
    )
    return await _outcome(pressed, float(body.get("wait", state.callback_timeout_s)))


async def _outcome(pressed: Press, wait_s: float) -> Json:
    if wait_s > 0 and pressed.answer is None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(pressed.answered.wait(), wait_s)
    answer = pressed.answer or {"text": "", "show_alert": False}
    return {"answered": pressed.answer is not None, **answer, "callback_query_id": pressed.id}


def _button_at(state: ChatState, chat_id: int, message_id: int, row: int, col: int) -> str:
    message = state.message(chat_id, message_id)
    rows = message.content.button_rows() if message else []
    try:
        return str(rows[row][col]["callback_data"])
    except (IndexError, KeyError) as error:
        raise NotAllowed(f"message {message_id} has no callback button at row {row}, col {col}") from error


async def delete_message(state: ChatState, body: Json) -> Json:
    state.remove(body["chat_id"], body["message_id"], body.get("user_id"))
    return {"ok": True}


async def migrate_chat(state: ChatState, body: Json) -> Json:
    return {"chat_id": state.migrate(body["chat_id"], body.get("new_chat_id")).id}


async def add_fault(state: ChatState, body: Json) -> Json:
    fault = Fault.from_json(body)
    state.faults.waiting.append(fault)
    return vars(fault)


async def configure(state: ChatState, body: Json) -> Json:
    """Adds or changes users and chats; sets limits, callback_timeout, privacy_mode, ephemeral, rich, rich_buttons."""
    for wish in body.get("users", []):
        _put_user(state, dict(wish))
    for wish in body.get("chats", []):
        _put_chat(state, dict(wish))
    if "limits" in body:
        state.limits.settings = state.limits.settings.changed(body["limits"])
    if "callback_timeout" in body:
        state.callback_timeout_s = float(body["callback_timeout"])
    for switch in ("ephemeral", "rich", "rich_buttons", "privacy_mode"):
        if switch in body:
            setattr(state, switch, bool(body[switch]))
    state.feed.publish("chats")
    return {"ok": True}


def _put_user(state: ChatState, wish: Json) -> None:
    blocked = wish.pop("blocked", None)
    _only_fields_of(User, wish)
    user = state.users.get(wish["id"])
    if user is None:
        user = User(**{"first_name": f"User {wish['id']}", **wish})
        state.add_user(user)
    else:
        for key, value in wish.items():
            setattr(user, key, value)
    if blocked is not None and blocked != user.blocked:
        state.set_bot_status(state.chats[user.id], "kicked" if blocked else "member", user)


def _put_chat(state: ChatState, wish: Json) -> None:
    members = wish.get("members")
    if isinstance(members, list):
        wish["members"] = dict.fromkeys(members, "member")
    elif isinstance(members, dict):
        wish["members"] = {int(user_id): status for user_id, status in members.items()}
    if "topics" in wish:
        wish["topics"] = {int(thread_id): name for thread_id, name in wish["topics"].items()}
    status = wish.pop("bot_status", None)
    _only_fields_of(Chat, wish)
    chat = state.chats.get(wish["id"])
    if chat is None:
        chat = Chat(**{"type": "supergroup", "title": f"Chat {wish['id']}", **wish})
        state.add_chat(chat)
    else:
        for key, value in wish.items():
            setattr(chat, key, value)
    if status is not None and status != chat.bot_status:
        by = next((state.users[user_id] for user_id in chat.members if chat.is_admin(user_id)), None)
        state.set_bot_status(chat, status, by or next(iter(state.users.values())))


def _only_fields_of(record: type[User] | type[Chat], wish: Json) -> None:
    known = {entry.name for entry in fields(record)}
    if not set(wish) <= known:
        raise ValueError(f"{record.__name__} has {', '.join(sorted(known))}")


def _acting(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """JSON in, JSON out; a bad request is answered with 400 and the reason."""

    async def handle(request: web.Request) -> web.Response:
        try:
            body = json.loads(await request.text() or "{}")
            return web.json_response(await handler(request.app[STATE], body))
        except KeyError as error:
            return web.json_response({"error": f"missing or unknown: {error}"}, status=400)
        except (ValueError, TypeError, ApiError) as error:
            return web.json_response({"error": str(error)}, status=400)

    return handle


# looking


async def get_state(request: web.Request) -> web.Response:
    return web.json_response(state_view(request.app[STATE]))


async def get_messages(request: web.Request) -> web.Response:
    chat_id = request.query.get("chat_id")
    since = int(request.query.get("since", 0))
    return web.json_response(messages_since(request.app[STATE], int(chat_id) if chat_id else None, since))


async def get_requests(request: web.Request) -> web.Response:
    method = request.query.get("method", "").lower()
    log = request.app[STATE].requests
    return web.json_response([entry for entry in log if method in ("", entry["method"].lower())])


async def clear_faults(request: web.Request) -> web.Response:
    request.app[STATE].faults.waiting.clear()
    return web.json_response({"ok": True})


async def get_commands(request: web.Request) -> web.Response:
    state = request.app[STATE]
    user = state.users.get(int(request.query["user_id"]))
    chat = state.chats.get(int(request.query["chat_id"]))
    if user is None or chat is None:
        return web.json_response({"error": "no such user or chat"}, status=404)
    return web.json_response(state.commands.shown_to(user, chat))


async def get_file(request: web.Request) -> web.Response:
    file = request.app[STATE].files.get(request.match_info["file_id"])
    if file is None:
        raise web.HTTPNotFound
    headers = {"Content-Security-Policy": "sandbox", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=file.data, content_type=file.mime_type, headers=headers)


async def get_health(request: web.Request) -> web.Response:
    return web.json_response({"ok": True, "bot": request.app[STATE].bot.username})


async def get_events(request: web.Request) -> web.StreamResponse:
    """Server-Sent Events. The first event tells the page that it gets all events from now on."""
    feed = request.app[STATE].feed
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )
    await response.prepare(request)
    listener = feed.listen()
    try:
        await response.write(b"retry: 500\n\n")  # the page is back half a second after a restart
        event: Json | None = {"type": "hello"}
        while event is not None:
            await response.write(f"data: {json.dumps(event)}\n\n".encode())
            try:
                event = await asyncio.wait_for(listener.get(), HEARTBEAT_S)
            except asyncio.TimeoutError:
                event = {"type": "beat"}
    except ConnectionError:
        pass  # the page was closed
    finally:
        feed.forget(listener)
    return response


def add_control_routes(app: web.Application) -> None:
    acts: dict[str, Handler] = {
        "send": send,
        "edit": edit,
        "forward": forward,
        "press": press,
        "delete_message": delete_message,
        "migrate_chat": migrate_chat,
        "faults": add_fault,
        "config": configure,
    }
    for name, handler in acts.items():
        app.router.add_post(f"/sandbox/{name}", _acting(handler))
    app.router.add_delete("/sandbox/faults", clear_faults)
    app.router.add_get("/sandbox/state", get_state)
    app.router.add_get("/sandbox/messages", get_messages)
    app.router.add_get("/sandbox/requests", get_requests)
    app.router.add_get("/sandbox/commands", get_commands)
    app.router.add_get("/sandbox/files/{file_id}", get_file)
    app.router.add_get("/sandbox/health", get_health)
    app.router.add_get("/sandbox/events", get_events)
