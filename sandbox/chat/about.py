"""The Bot API methods about the bot and its chats: getMe, commands, members, files.

Same contract as methods.py. getUpdates and webhook delivery are in updates.py and webhook.py.
"""

from __future__ import annotations

import re
from typing import Any

from sandbox.chat.commands import checked_commands, scope_key
from sandbox.chat.model import ADMIN_RIGHTS, Chat, Json, User, bad_request
from sandbox.chat.params import Params
from sandbox.chat.rights import find_chat
from sandbox.chat.state import ChatState


def get_me(state: ChatState, p: Params) -> Json:
    return {
        **state.bot.to_api(),
        "can_join_groups": True,
        "can_read_all_group_messages": not state.privacy_mode,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def get_chat(state: ChatState, p: Params) -> Json:
    chat = find_chat(state, p)
    gifts = ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels")
    full: Json = {
        **chat.to_api(),
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": dict.fromkeys(gifts, False),
    }
    if chat.pinned is not None and (pinned := state.message(chat.id, chat.pinned)):
        full["pinned_message"] = pinned.to_api(nested=True)
    return full


def _member_view(user: User, status: str) -> Json:
    view: Json = {"user": user.to_api(), "status": status}
    if status in ("creator", "administrator"):
        view["is_anonymous"] = False
    if status == "administrator":
        view.update(dict.fromkeys(ADMIN_RIGHTS, True), can_be_edited=False)
    if status == "kicked":
        view["until_date"] = 0
    return view


def _known_members(state: ChatState, chat: Chat) -> dict[int, tuple[User, str]]:
    people = {user_id: (state.users[user_id], status) for user_id, status in chat.members.items()}
    return {**people, state.bot.id: (state.bot, chat.bot_status)}


def get_chat_member(state: ChatState, p: Params) -> Json:
    chat = find_chat(state, p)
    members = _known_members(state, chat)
    user_id = p.integer("user_id")
    if user_id in members:
        return _member_view(*members[user_id])
    if user_id in state.users:
        return _member_view(state.users[user_id], "left")
    raise bad_request("PARTICIPANT_ID_INVALID" if user_id > 0 else "invalid user_id specified")


def get_chat_administrators(state: ChatState, p: Params) -> list[Json]:
    chat = find_chat(state, p)
    if chat.type == "private":
        raise bad_request("there are no administrators in the private chat")
    members = _known_members(state, chat).values()
    return [
        _member_view(user, status)
        for user, status in members
        if status in ("creator", "administrator") and (not user.is_bot or user is state.bot)
    ]


def get_chat_member_count(state: ChatState, p: Params) -> int:
    chat = find_chat(state, p)
    return sum(1 for user_id in chat.members if chat.has(user_id) and not state.users[user_id].is_bot) + 1


def get_file(state: ChatState, p: Params) -> Json:
    file = state.files.get(p.text("file_id"))
    if file is None:
        raise bad_request("wrong file_id or the file is temporarily unavailable")
    return {
        "file_id": file.file_id,
        "file_unique_id": file.unique_id,
        "file_size": len(file.data),
        "file_path": file.path,
    }


def _language(p: Params) -> str:
    language = p.text("language_code")
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    return language


def set_my_commands(state: ChatState, p: Params) -> bool:
    commands = checked_commands(p.json("commands"))
    scope = scope_key(p.json("scope"))
    if len(scope) > 1 and scope[1] not in state.chats:
        raise bad_request("chat not found")
    state.commands.put(scope, _language(p), commands)
    state.feed.publish("commands")
    return True


def get_my_commands(state: ChatState, p: Params) -> list[Json]:
    return state.commands.get(scope_key(p.json("scope")), _language(p))


def delete_my_commands(state: ChatState, p: Params) -> bool:
    state.commands.drop(scope_key(p.json("scope")), _language(p))
    state.feed.publish("commands")
    return True


def set_webhook(state: ChatState, p: Params) -> bool:
    url, secret = p.text("url"), p.text("secret_token")
    if url and not re.match(r"https?://[^/\s]+", url):
        raise bad_request("invalid webhook URL specified")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise bad_request("secret token contains unallowed characters")
    _keep_allowed_updates(state, p)
    if p.flag("drop_pending_updates"):
        state.updates.clear()
    state.updates.set_webhook({"url": url, "secret_token": secret} if url else {})
    return True


def delete_webhook(state: ChatState, p: Params) -> bool:
    if p.flag("drop_pending_updates"):
        state.updates.clear()
    state.updates.set_webhook({})
    return True


def get_webhook_info(state: ChatState, p: Params) -> Json:
    updates = state.updates
    info: Json = {
        "url": updates.webhook.get("url", ""),
        "has_custom_certificate": False,
        "pending_update_count": len(updates.waiting),
    }
    if updates.webhook:
        info["max_connections"] = 40
    if updates.allowed:
        info["allowed_updates"] = updates.allowed
    if updates.last_webhook_error:
        info["last_error_date"], info["last_error_message"] = updates.last_webhook_error
    return info


def _keep_allowed_updates(state: ChatState, p: Params) -> None:
    """As in Telegram, an absent parameter leaves the list unchanged."""
    allowed: Any = p.json("allowed_updates")
    if allowed is not None:
        state.updates.allowed = [str(kind) for kind in allowed]


async def get_updates(state: ChatState, p: Params) -> list[Json]:
    limit = p.integer("limit", 100)
    timeout = min(max(p.integer("timeout"), 0), 50)
    _keep_allowed_updates(state, p)
    return await state.updates.poll(p.integer("offset"), limit if 1 <= limit <= 100 else 100, timeout)


ABOUT_METHODS = {
    "getme": get_me,
    "getchat": get_chat,
    "getchatmember": get_chat_member,
    "getchatadministrators": get_chat_administrators,
    "getchatmembercount": get_chat_member_count,
    "getfile": get_file,
    "setmycommands": set_my_commands,
    "getmycommands": get_my_commands,
    "deletemycommands": delete_my_commands,
    "setwebhook": set_webhook,
    "deletewebhook": delete_webhook,
    "getwebhookinfo": get_webhook_info,
}
