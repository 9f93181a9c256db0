"""Logins, sessions and accounts of the emulated panel."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.panel.http import (
    BAD_PASSWORD,
    NOT_AUTHORISED,
    SESSION_EXPIRED,
    ApiError,
    read_body,
    reply,
)
from sandbox.panel.lists import list_of
from sandbox.panel.state import PANEL, User
from sandbox.panel.where import Columns

USER_COLUMNS: Columns = {
    "id": lambda u: u.id,
    "email": lambda u: u.email,
    "roles": lambda u: u.role,
    "state": lambda u: u.state,
}


def require_user(request: web.Request) -> User:
    """The account of the caller. Without a valid token: 401, or the answer of the fault code_1000."""
    panel = request.app[PANEL]
    user = panel.sessions.user_of(request.headers.get("x-xsrf-token", ""))
    if user:
        return user
    fault = panel.faults.take("code_1000", request)
    if fault:
        raise ApiError(fault.options["status"], NOT_AUTHORISED, "Not authorised")
    raise ApiError(401, SESSION_EXPIRED, "Session has expired")


async def login(request: web.Request) -> web.Response:
    """Answers 201 with a JSON body whose content type is not JSON, as public clients report."""
    panel = request.app[PANEL]
    body = await read_body(request, {"email", "password"}, {"email", "password"})
    user = next((user for user in panel.users if user.email == body["email"]), None)
    revoked = panel.faults.take("revoke_password", request)
    if revoked or user is None or body["password"] != panel.options.password:
        raise ApiError(400, BAD_PASSWORD, "Invalid email or password")
    token = {"id": str(user.id), "token": panel.sessions.open(user), "expires_at": None, "confirmed": True}
    status = 200 if panel.faults.take("login_status_200", request) else 201
    return reply(token, status=status, content_type="text/html")


async def whoami(request: web.Request) -> web.Response:
    row = _user_row(require_user(request))
    if request.app[PANEL].shapes.options("roles_text") is not None:
        row["roles"] = f"[{','.join(row['roles'])}]"
    return reply(row)


async def users(request: web.Request) -> web.Response:
    return list_of(request, request.app[PANEL].users, USER_COLUMNS, _user_row)


async def account(request: web.Request) -> web.Response:
    return list_of(request, [require_user(request)], USER_COLUMNS, _user_row)


def _user_row(user: User) -> dict[str, Any]:
    return {"id": user.id, "email": user.email, "roles": [user.role], "state": user.state}


ROUTES = (
    web.post("/auth/v4/public/token", login),
    web.get("/auth/v4/whoami", whoami),
    web.get("/auth/v4/user", users),
    web.get("/vm/v3/account", account),
)
