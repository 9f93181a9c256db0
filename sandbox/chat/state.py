"""The emulated Telegram's state and what people do in it: write, press, forward, delete, block, migrate.

`updates` has the bot's updates, `feed` has the events for open pages. No HTTP here; the methods of the Bot API are in
methods.py.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from sandbox.chat.commands import CommandBook
from sandbox.chat.limits import Faults, Limits, LimitSettings
from sandbox.chat.model import (
    ANONYMOUS_ADMIN_ID,
    Chat,
    Content,
    Json,
    Message,
    Press,
    StoredFile,
    User,
    bad_request,
    default_group,
    default_people,
)
from sandbox.chat.text import typed_text
from sandbox.chat.updates import Feed, UpdateQueue
from sandbox.chat.view import message_view

DEFAULT_TOKEN = "123456:SANDBOX-TOKEN"  # noqa: S105 - opens nothing but the sandbox
DEFAULT_USERNAME = "vm_balancer_demo_bot"


class NotAllowed(ValueError):
    """A person tried something that the messenger does not allow."""


class ChatState:
    def __init__(
        self,
        *,
        token: str = DEFAULT_TOKEN,
        bot_username: str = DEFAULT_USERNAME,
        limits: str | Json = "telegram",
        callback_timeout_s: float = 15.0,
        conflict_delay_s: float = 3.0,
        privacy_mode: bool = True,
        rich_buttons: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token = token
        self.clock = clock
        self.callback_timeout_s = callback_timeout_s
        self.privacy_mode = privacy_mode  # as BotFather sets it: in groups the bot gets only messages for it
        bot_id = int(token.split(":")[0])
        self.bot = User(bot_id, "VM Balancer", username=bot_username, is_bot=True)
        self.users: dict[int, User] = {}
        self.chats: dict[int, Chat] = {}
        self.messages: dict[tuple[int, int], Message] = {}
        self.presses: dict[str, Press] = {}
        self.files: dict[str, StoredFile] = {}
        self.commands = CommandBook()
        self.updates = UpdateQueue(conflict_delay_s)
        self.feed = Feed()
        self.limits = Limits(LimitSettings().changed(limits), clock)
        self.faults = Faults()
        self.ephemeral = True  # whether the server knows messages for one member of a group
        self.rich = True  # whether the server knows rich messages (Bot API 10.1)
        self.rich_buttons = rich_buttons  # whether it knows buttons inside them, and replacing a message (10.3)
        self.requests: deque[Json] = deque(maxlen=5000)
        self._message_ids: dict[int, itertools.count[int]] = {}
        for person in default_people():
            self.add_user(person)
        self.add_chat(default_group())

    # people and chats

    def add_user(self, user: User) -> None:
        """Every person except the anonymous administrator has a private chat with the bot."""
        self.users[user.id] = user
        if user.id != ANONYMOUS_ADMIN_ID:
            self.chats[user.id] = Chat(user.id, "private", members={user.id: "member"}, user=user)

    def add_chat(self, chat: Chat) -> None:
        self.chats[chat.id] = chat

    def now(self) -> int:
        return int(self.clock())

    def _member(self, user_id: int, chat_id: int) -> tuple[User, Chat]:
        user, chat = self.users.get(user_id), self.chats.get(chat_id)
        if user is None:
            raise NotAllowed(f"no user {user_id}")
        if chat is None:
            raise NotAllowed(f"no chat {chat_id}")
        if not chat.has(user_id):
            raise NotAllowed(f"user {user_id} is not in chat {chat_id}")
        return user, chat

    def message(self, chat_id: int, message_id: int) -> Message | None:
        """A message that is not deleted."""
        answer = self.messages.get((chat_id, message_id))
        return None if answer is None or answer.deleted else answer

    def receiver(self, chat: Chat, user_id: int) -> User:
        """The only member of a group who may see a message."""
        if chat.type not in ("group", "supergroup"):
            raise bad_request("ephemeral messages can be sent only to groups")
        if user_id not in self.users or not chat.has(user_id):
            raise bad_request("user not found")
        return self.users[user_id]

    def pressed(self, query_id: str, user: User, chat: Chat) -> Message:
        """The message whose button this person pressed in this chat, while the press can still be answered."""
        press = self.presses.get(query_id)
        late = press is not None and self.clock() - press.at > self.callback_timeout_s
        if press is None or late or press.user is not user or press.message.chat is not chat:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        return press.message

    # messages

    def post(self, chat: Chat, sender: User, content: Content, **details: Any) -> Message:
        # Supergroups count their own messages; private chats and basic groups share one count
        counter = self._message_ids.setdefault(chat.id if chat.type == "supergroup" else 0, itertools.count(1))
        message = Message(next(counter), chat, sender, self.now(), content, **details)
        self.messages[chat.id, message.message_id] = message
        self.feed.publish("message", message=message_view(message))
        if sender is not self.bot and self._reaches_bot(message):
            self.updates.push("message", message.to_api())
        return message

    def edit(self, message: Message, content: Content) -> Message:
        if content == message.content:
            raise bad_request(
                "message is not modified: specified new message content and reply markup are exactly "
                "the same as a current content and reply markup of the message"
            )
        message.history.append((self.now(), message.content))
        message.content = content
        message.edit_date = self.now()
        self.feed.publish("edit", message=message_view(message))
        return message

    def delete(self, message: Message) -> None:
        message.deleted = True
        self.feed.publish("delete", chat_id=message.chat.id, message_id=message.message_id)

    def react(self, message: Message, emoji: tuple[str, ...]) -> None:
        message.reactions = emoji
        self.feed.publish("edit", message=message_view(message))

    def store_file(self, name: str, mime_type: str, data: bytes, size: tuple[int, int] = (0, 0)) -> StoredFile:
        file_id = f"SANDBOX{secrets.token_urlsafe(24)}"
        folder = "photos" if size != (0, 0) else "documents"
        path = f"{folder}/file_{len(self.files)}_{name}"
        stored = self.files[file_id] = StoredFile(file_id, name, mime_type, data, path, *size)
        return stored

    def _reaches_bot(self, message: Message) -> bool:
        chat = message.chat
        if chat.type == "private":
            return not (chat.user and chat.user.blocked)
        if chat.bot_status in ("left", "kicked"):
            return False
        if not self.privacy_mode or chat.bot_status == "administrator" or message.service:
            return True
        if message.reply_to is not None and message.reply_to.sender is self.bot:
            return True
        me = f"@{self.bot.username}".lower()
        words = message.content.text.lower().split()
        return me in words or any(word.startswith("/") and (word.endswith(me) or "@" not in word) for word in words)

    # what people do

    def write(
        self,
        chat_id: int,
        user_id: int,
        text: str,
        *,
        reply_to: int | None = None,
        thread_id: int | None = None,
        forward_from: int | None = None,
    ) -> Message:
        user, chat = self._member(user_id, chat_id)
        if thread_id is not None and thread_id not in chat.topics:
            raise NotAllowed(f"chat {chat_id} has no topic {thread_id}")
        if chat.type == "private":
            user.started, user.blocked = True, False  # a person who writes to a bot has started it
        origin: Json | None = None
        if forward_from is not None:
            author = self.bot if forward_from == self.bot.id else self.users[forward_from]
            origin = {"type": "user", "date": self.now() - 60, "sender_user": author.to_api()}
        plain, entities = typed_text(text)
        return self.post(
            chat,
            user,
            Content(plain, entities),
            sender_chat=chat if user_id == ANONYMOUS_ADMIN_ID else None,
            reply_to=None if reply_to is None else self.message(chat_id, reply_to),
            thread_id=thread_id,
            forward_origin=origin,
        )

    def write_again(self, chat_id: int, message_id: int, user_id: int, text: str) -> Message:
        """A person edits an own message."""
        message = self.message(chat_id, message_id)
        if message is None or message.sender.id != user_id:
            raise NotAllowed("only an own message can be edited")
        self.edit(message, Content(*typed_text(text)))
        if self._reaches_bot(message):
            self.updates.push("edited_message", message.to_api())
        return message

    def forward(self, chat_id: int, user_id: int, from_chat_id: int, message_id: int) -> Message:
        user, chat = self._member(user_id, chat_id)
        source = self.message(from_chat_id, message_id)
        if source is None or source.protected:
            raise NotAllowed("there is no such message, or it is protected")
        content = Content(source.content.text, source.content.entities, media=source.content.media)
        origin = source.forward_origin or {
            "type": "user",
            "date": source.date,
            "sender_user": source.sender.to_api(),
        }
        return self.post(chat, user, content, forward_origin=origin)

    def press(self, chat_id: int, message_id: int, user_id: int, data: str, *, forge: bool = False) -> Press:
        """A person presses a button. ``forge``: with data that no button has, or on a deleted message."""
        user, _ = self._member(user_id, chat_id)
        message = self.messages.get((chat_id, message_id))
        if message is None or message.receiver not in (None, user):
            raise NotAllowed(f"chat {chat_id} has no message {message_id} for user {user_id}")
        rows = [] if message.deleted else message.content.button_rows()
        if not forge and not any(button.get("callback_data") == data for row in rows for button in row):
            raise NotAllowed(f"message {message_id} has no button with the data {data!r}")
        press = Press(str(secrets.randbits(62)), user, message, data, self.clock())
        self.presses[press.id] = press
        self.updates.push("callback_query", press.to_api())
        return press

    def answer(self, press_id: str, text: str, show_alert: bool) -> None:
        press = self.presses.get(press_id)
        late = press is not None and self.clock() - press.at > self.callback_timeout_s
        if press is None or press.answer is not None or late:
            raise bad_request("query is too old and response timeout expired or query ID is invalid")
        if len(text) > 200:
            raise bad_request("MESSAGE_TOO_LONG")
        press.answer = {"text": text, "show_alert": show_alert}
        press.answered.set()
        self.feed.publish(
            "answer",
            user_id=press.user.id,
            chat_id=press.message.chat.id,
            message_id=press.message.message_id,
            data=press.data,
            **press.answer,
        )

    def remove(self, chat_id: int, message_id: int, user_id: int | None = None) -> None:
        """An administrator (or the author) deletes a message. Bots get no update about it."""
        message = self.message(chat_id, message_id)
        if message is None:
            raise NotAllowed(f"chat {chat_id} has no message {message_id}")
        chat = message.chat
        own = user_id == message.sender.id or chat.type == "private"
        if user_id is not None and not own and not chat.is_admin(user_id):
            raise NotAllowed(f"user {user_id} may not delete in chat {chat_id}")
        self.delete(message)

    def migrate(self, chat_id: int, new_id: int | None = None) -> Chat:
        """The group gets a new id, as when a basic group becomes a supergroup."""
        old = self.chats[chat_id]
        if new_id is None:
            new_id = min(-1002000000001, min(self.chats) - 1)
        new = Chat(
            new_id,
            "supergroup",
            old.title,
            old.username,
            dict(old.members),
            old.is_forum,
            dict(old.topics),
            old.bot_status,
        )
        self.add_chat(new)
        members = sorted(old.members, key=lambda user_id: not old.is_admin(user_id))
        author = self.users[members[0]]
        self.post(old, author, Content(), service={"migrate_to_chat_id": new_id})
        old.migrated_to = new_id
        self.post(new, author, Content(), service={"migrate_from_chat_id": chat_id})
        self.feed.publish("chats")
        return new

    def set_bot_status(self, chat: Chat, status: str, by: User) -> None:
        """member, administrator, left or kicked in a group; kicked in a private chat is a block."""
        before, chat.bot_status = chat.bot_status, status
        if chat.user is not None:
            chat.user.blocked = status == "kicked"
        bot = self.bot.to_api()
        until = {"until_date": 0} if "kicked" in (before, status) else {}
        self.updates.push(
            "my_chat_member",
            {
                "chat": chat.to_api(),
                "from": by.to_api(),
                "date": self.now(),
                "old_chat_member": {"user": bot, "status": before, **until},
                "new_chat_member": {"user": bot, "status": status, **until},
            },
        )
        self.feed.publish("chats")
