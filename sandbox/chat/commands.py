"""The bot's command lists, one for each scope and language, and the list that a person sees."""

from __future__ import annotations

import re
from typing import Any

from sandbox.chat.model import Chat, Json, User, bad_request

MAX_COMMANDS = 100
_PLAIN_SCOPES = ("default", "all_private_chats", "all_group_chats", "all_chat_administrators")
_CHAT_SCOPES = ("chat", "chat_administrators", "chat_member")

ScopeKey = tuple[Any, ...]


def scope_key(scope: Any) -> ScopeKey:
    if scope is None:
        return ("default",)
    trouble = "can't parse BotCommandScope: "
    if not isinstance(scope, dict):
        raise bad_request(trouble + "BotCommandScope must be an Object")
    kind = scope.get("type")
    if kind in _PLAIN_SCOPES:
        return (kind,)
    if kind not in _CHAT_SCOPES:
        raise bad_request(trouble + "Unsupported type specified")
    if not scope.get("chat_id"):
        raise bad_request(trouble + "Empty chat_id specified")
    key: ScopeKey = (kind, int(scope["chat_id"]))
    if kind != "chat_member":
        return key
    if int(scope.get("user_id") or 0) <= 0:
        raise bad_request(trouble + "Invalid user_id specified")
    return (*key, int(scope["user_id"]))


def checked_commands(commands: Any) -> list[Json]:
    if not isinstance(commands, list):
        raise bad_request("expected an Array of BotCommand")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    return [_checked(command) for command in commands]


def _checked(command: Any) -> Json:
    if not isinstance(command, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    name = str(command.get("command", "")).strip().removeprefix("/")
    description = str(command.get("description", "")).strip()
    if not name:
        raise bad_request("command must be non-empty")
    if len(name) > 32:
        raise bad_request("command length must not exceed 32")
    if not description:
        raise bad_request("command description must be non-empty")
    if len(description) > 256:
        raise bad_request("command description length must not exceed 256")
    if not re.fullmatch(r"[a-z0-9_]+", name):
        raise bad_request("BOT_COMMAND_INVALID")
    return {"command": name, "description": description}


class CommandBook:
    def __init__(self) -> None:
        self._lists: dict[tuple[ScopeKey, str], list[Json]] = {}

    def put(self, scope: ScopeKey, language: str, commands: list[Json]) -> None:
        self._lists[scope, language] = commands

    def get(self, scope: ScopeKey, language: str) -> list[Json]:
        return self._lists.get((scope, language), [])

    def drop(self, scope: ScopeKey, language: str) -> None:
        self._lists.pop((scope, language), None)

    def listing(self) -> list[Json]:
        return [
            {"scope": list(scope), "language_code": language, "commands": commands}
            for (scope, language), commands in self._lists.items()
        ]

    def shown_to(self, user: User, chat: Chat) -> list[Json]:
        """The commands for this user: of the narrowest scope that has a list, in the user's language if possible."""
        if chat.type == "private":
            scopes: list[ScopeKey] = [("chat", chat.id), ("all_private_chats",), ("default",)]
        else:
            scopes = [("chat_member", chat.id, user.id), ("chat", chat.id), ("all_group_chats",), ("default",)]
            if chat.is_admin(user.id):
                scopes[1:1] = [("chat_administrators", chat.id)]
                scopes[3:3] = [("all_chat_administrators",)]
        for scope in scopes:
            for language in (user.language_code, ""):
                if commands := self._lists.get((scope, language)):
                    return commands
        return []
