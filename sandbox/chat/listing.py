"""The whole state of the emulated chat as JSON: what `GET /sandbox/state` and `GET /sandbox/messages` answer."""

from __future__ import annotations

from typing import Any

from sandbox.chat.model import Json
from sandbox.chat.state import ChatState
from sandbox.chat.view import chat_view, message_view, user_view


def state_view(state: ChatState) -> Json:
    return {
        "bot": user_view(state.bot),
        "users": [user_view(user) for user in state.users.values()],
        "chats": [chat_view(chat) for chat in state.chats.values()],
        "messages": [message_view(message) for message in state.messages.values()],
        "commands": state.commands.listing(),
        "updates_waiting": len(state.updates.waiting),
        "webhook": bool(state.updates.webhook),
        "limits": vars(state.limits.settings),
        "faults": [vars(fault) for fault in state.faults.waiting],
    }


def messages_since(state: ChatState, chat_id: int | None, since: int) -> list[Json]:
    """Messages (deleted ones too) of one chat, or of all, with a greater id than `since`."""
    shown: list[Any] = [
        message_view(message)
        for message in state.messages.values()
        if chat_id in (None, message.chat.id) and message.message_id > since
    ]
    return shown
