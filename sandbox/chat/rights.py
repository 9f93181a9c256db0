"""Finds the chat of a Bot API call and checks whether the bot may act there."""

from __future__ import annotations

from sandbox.chat.model import ApiError, Chat, bad_request, forbidden
from sandbox.chat.params import Params
from sandbox.chat.state import ChatState


def find_chat(state: ChatState, p: Params) -> Chat:
    wanted = p.text("chat_id").strip()
    if not wanted:
        raise bad_request("chat_id is empty")
    if wanted.startswith("@"):
        named = [chat for chat in state.chats.values() if chat.username and f"@{chat.username}" == wanted]
        chat = named[0] if named else None
    else:
        chat = state.chats.get(p.integer("chat_id"))
    if chat is None:
        raise bad_request("chat not found")
    return chat


def chat_to_edit(state: ChatState, p: Params) -> Chat:
    """The bot may still edit in a chat that the user has blocked, but not in a group that removed it."""
    chat = find_chat(state, p)
    if chat.type == "private":
        return chat
    kind = "supergroup" if chat.type == "supergroup" else "group"
    if chat.bot_status == "kicked":
        raise forbidden(f"bot was kicked from the {kind} chat")
    if chat.bot_status == "left":
        raise forbidden(f"bot is not a member of the {kind} chat")
    return chat


def chat_to_act(state: ChatState, p: Params) -> Chat:
    chat = find_chat(state, p)
    if chat.migrated_to is not None:
        raise ApiError(
            400,
            "Bad Request: group chat was upgraded to a supergroup chat",
            {"migrate_to_chat_id": chat.migrated_to},
        )
    if chat.user is not None and not chat.user.started:
        raise forbidden("bot can't initiate conversation with a user")
    if chat.user is not None and chat.user.blocked:
        raise forbidden("bot was blocked by the user")
    return chat_to_edit(state, p)
