"""Data of the emulated Telegram: people, chats, messages, files, presses.

Plain records; `to_api` gives their form in the Bot API. No queues, no rules, no network.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Keyboard = list[list[Json]]

ANONYMOUS_ADMIN_ID = 1087968824
ADMIN_RIGHTS = (
    "can_be_edited",
    "can_manage_chat",
    "can_delete_messages",
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_pin_messages",
    "can_send_welcome_messages",
)


class ApiError(Exception):
    """An answer with `ok: false`, in Telegram's words."""

    def __init__(self, code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> Json:
        body: Json = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            body["parameters"] = self.parameters
        return body


def bad_request(reason: str) -> ApiError:
    return ApiError(400, f"Bad Request: {reason}")


def forbidden(reason: str) -> ApiError:
    return ApiError(403, f"Forbidden: {reason}")


def too_many_requests(retry_after: int) -> ApiError:
    return ApiError(429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after})


@dataclass
class User:
    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language_code: str = ""
    is_bot: bool = False
    started: bool = True  # has ever written to the bot; otherwise the bot may not write first
    blocked: bool = False  # the user has blocked the bot

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()

    def to_api(self) -> Json:
        api: Json = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        for key in ("last_name", "username", "language_code"):
            if getattr(self, key):
                api[key] = getattr(self, key)
        return api


@dataclass
class Chat:
    """`members` maps a user id to a status: creator, administrator, member, left or kicked."""

    id: int
    type: str  # private, group, supergroup
    title: str = ""
    username: str = ""
    members: dict[int, str] = field(default_factory=dict)
    is_forum: bool = False
    topics: dict[int, str] = field(default_factory=dict)
    bot_status: str = "member"
    migrated_to: int | None = None
    pinned: int | None = None
    user: User | None = None  # the person of a private chat

    def has(self, user_id: int) -> bool:
        return self.members.get(user_id, "left") not in ("left", "kicked")

    def is_admin(self, user_id: int) -> bool:
        return self.members.get(user_id) in ("creator", "administrator")

    def to_api(self) -> Json:
        api: Json = {"id": self.id, "type": self.type}
        if self.user is not None:
            person = self.user.to_api()
            api.update({key: person[key] for key in ("first_name", "last_name", "username") if key in person})
            return api
        api["title"] = self.title
        if self.username:
            api["username"] = self.username
        if self.is_forum:
            api["is_forum"] = True
        return api


@dataclass
class StoredFile:
    file_id: str
    name: str
    mime_type: str
    data: bytes
    path: str
    width: int = 0
    height: int = 0

    @property
    def unique_id(self) -> str:
        return self.file_id[-12:]


@dataclass(frozen=True)
class Media:
    kind: str  # photo or document
    file: StoredFile

    def to_api(self) -> Any:
        file = self.file
        known: Json = {
            "file_id": file.file_id,
            "file_unique_id": file.unique_id,
            "file_size": len(file.data),
        }
        if self.kind == "photo":
            return [{**known, "width": file.width, "height": file.height}]
        return {**known, "file_name": file.name, "mime_type": file.mime_type}


@dataclass(frozen=True)
class Content:
    """What an edit can change; two equal contents are Telegram's "message is not modified"."""

    text: str = ""
    entities: tuple[Json, ...] = ()
    keyboard: Keyboard | None = None
    media: Media | None = None
    link_preview: Json | None = None
    rich: tuple[Json, ...] = ()  # the blocks of a rich message; ``text`` is then what they say

    def button_rows(self) -> list[list[Json]]:
        """Every row of buttons: those inside a rich message in reading order, then those below the message."""
        return [*_button_rows(self.rich), *(self.keyboard or [])]

    def to_api(self) -> Json:
        api: Json = {}
        if self.media is not None:
            api[self.media.kind] = self.media.to_api()
        if self.rich:
            api["rich_message"] = {"blocks": list(self.rich)}
        elif self.text:
            api["text" if self.media is None else "caption"] = self.text
        if self.entities:
            api["entities" if self.media is None else "caption_entities"] = list(self.entities)
        if self.keyboard is not None:
            api["reply_markup"] = {"inline_keyboard": self.keyboard}
        if self.link_preview:
            api["link_preview_options"] = self.link_preview
        return api


def _button_rows(blocks: Sequence[Json]) -> list[list[Json]]:
    rows: list[list[Json]] = []
    for block in blocks:
        if block["type"] == "buttons":
            rows.append(block["buttons"])
        rows += _button_rows(block.get("blocks", ()))
    return rows


@dataclass
class Message:
    message_id: int
    chat: Chat
    sender: User
    date: int
    content: Content
    sender_chat: Chat | None = None
    edit_date: int | None = None
    reply_to: Message | None = None
    thread_id: int | None = None
    forward_origin: Json | None = None
    service: Json = field(default_factory=dict)
    silent: bool = False
    protected: bool = False
    deleted: bool = False
    receiver: User | None = None  # of an ephemeral message: nobody else sees it
    replaces: int | None = None  # the message in whose place the receiver sees this ephemeral one
    history: list[tuple[int, Content]] = field(default_factory=list)  # (replaced at, what it was)
    reactions: tuple[str, ...] = ()

    def to_api(self, nested: bool = False) -> Json:
        api: Json = {
            "message_id": self.message_id,
            "from": self.sender.to_api(),
            "chat": self.chat.to_api(),
            "date": self.date,
            **self.content.to_api(),
            **self.service,
        }
        if self.receiver is not None:
            api.update(message_id=0, ephemeral_message_id=self.message_id, receiver_user=self.receiver.to_api())
        if self.sender_chat is not None:
            api["sender_chat"] = self.sender_chat.to_api()
        if self.edit_date is not None:
            api["edit_date"] = self.edit_date
        if self.thread_id is not None:
            api.update(message_thread_id=self.thread_id, is_topic_message=True)
        if self.forward_origin is not None:
            api["forward_origin"] = self.forward_origin
        if self.protected:
            api["has_protected_content"] = True
        if self.reply_to is not None and not nested:  # Telegram nests one level only
            api["reply_to_message"] = self.reply_to.to_api(nested=True)
        return api


@dataclass
class Press:
    """A callback query, from the press until the bot's answer."""

    id: str
    user: User
    message: Message
    data: str
    at: float
    answer: Json | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    def to_api(self) -> Json:
        message = self.message
        shown = message.to_api()
        if message.deleted:  # all that Telegram still returns for a message that it no longer has
            shown = {"chat": message.chat.to_api(), "message_id": message.message_id, "date": 0}
        return {
            "id": self.id,
            "from": self.user.to_api(),
            "message": shown,
            "chat_instance": str(abs(message.chat.id) * 7919),
            "data": self.data,
        }


def default_people() -> list[User]:
    return [
        User(1001, "Anna", "Admin", "anna_admin", "en"),
        User(1002, "Boris", "Backup", "boris_backup", "ru"),
        User(1003, "Vera", "Viewer", "vera_viewer", "en"),
        User(6666, "Mallory", "", "mallory", "en"),
        User(ANONYMOUS_ADMIN_ID, "Group", "", "GroupAnonymousBot", is_bot=True),
    ]


def default_group() -> Chat:
    members = {1001: "creator", 1002: "administrator", 1003: "member", 6666: "member"}
    return Chat(
        -1001000000001,
        "supergroup",
        "Ops",
        members={**members, ANONYMOUS_ADMIN_ID: "administrator"},
    )
