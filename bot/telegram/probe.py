"""Asks Telegram what it knows of bot, chat and people, once and with little patience. Posts only what it is given.

For `check`: facts and faults as plain data, so that nobody there needs to know aiogram.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, TypeVar

from aiogram.enums import ChatMemberStatus
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.types import ChatFullInfo, ChatMemberRestricted, ChatMemberUpdated, Message, ResultChatMemberUnion

from bot.domain.chats import SHARED_ACCOUNTS
from bot.domain.sanitize import shorten
from bot.errors import ChatError
from bot.telegram.session import make_bot

T = TypeVar("T")
ANSWER_S = 8
POLL_S = 10
"""The longest that one request waits for somebody to write."""
LISTENED = ["message", "my_chat_member"]
FaultKind = Literal["token", "unreachable", "no-api", "not-found", "forbidden", "migrated", "other"]
Membership = Literal["member", "admin", "muted", "outside"]


class ProbeError(ChatError):
    """What Telegram, or the way to it, said instead of an answer."""

    def __init__(self, kind: FaultKind, words: str, new_chat_id: int | None = None) -> None:
        super().__init__(words)
        self.kind: FaultKind = kind
        self.new_chat_id = new_chat_id


@dataclass(frozen=True, slots=True)
class ChatFacts:
    """A chat as the bot sees it. ``members_may_post``: whether one who is no administrator may write."""

    name: str
    private: bool
    forum: bool
    members_may_post: bool


@dataclass(frozen=True, slots=True)
class ChatSighting:
    """A chat that the bot was written to or added to. The user is who did it; ``None`` where nobody is named."""

    chat_id: int
    chat_name: str
    private: bool
    user_id: int | None
    user_name: str


class Probe:
    """One bot. Use it as a context manager."""

    def __init__(self, token: str, *, api_url: str | None, proxy: str | None) -> None:
        self._bot = make_bot(token, api_url=api_url, proxy=proxy, tries=1)

    async def __aenter__(self) -> Probe:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._bot.session.close()

    async def name(self) -> str:
        """The bot's own name.

        Raises:
            ProbeError: as every method here.
        """
        me = await _answered(self._bot.get_me(request_timeout=ANSWER_S))
        return f"@{me.username}"

    async def webhook(self) -> str:
        """Where Telegram brings updates; empty: it waits to be asked. While it brings them nobody can ask."""
        info = await _answered(self._bot.get_webhook_info(request_timeout=ANSWER_S))
        return info.url

    async def chat(self, chat_id: int) -> ChatFacts:
        info: ChatFullInfo = await _answered(self._bot.get_chat(chat_id, request_timeout=ANSWER_S))
        rights = info.permissions
        return ChatFacts(
            name=info.title or info.full_name or str(chat_id),
            private=info.type == "private",
            forum=bool(info.is_forum),
            members_may_post=info.type != "channel" and (rights is None or rights.can_send_messages is not False),
        )

    async def own_membership(self, chat_id: int) -> Membership:
        return await self.membership(chat_id, self._bot.id)

    async def membership(self, chat_id: int, user_id: int) -> Membership:
        """What somebody is in a group."""
        member = await _answered(self._bot.get_chat_member(chat_id, user_id, request_timeout=ANSWER_S))
        return _membership(member)

    async def sightings(self, for_s: float, after_last_s: float | None = None) -> AsyncIterator[ChatSighting]:
        """Listens for messages and for being added to a group. Takes the updates from a program that listens too.

        Args:
            for_s: how long at most.
            after_last_s: end so long after the last one; ``None``: listen to the end.
        """
        offset, until = None, time.monotonic() + for_s
        while (left_s := until - time.monotonic()) > 0:
            poll_s = max(1, min(POLL_S, int(left_s)))
            asking = self._bot.get_updates(
                offset=offset, timeout=poll_s, allowed_updates=LISTENED, request_timeout=poll_s + ANSWER_S
            )
            for update in await _answered(asking):
                offset = update.update_id + 1
                message = update.message or update.my_chat_member
                if message is not None:
                    until = until if after_last_s is None else min(until, time.monotonic() + after_last_s)
                    yield _sighting(message)

    async def send(self, chat_id: int, thread_id: int | None, text: str) -> None:
        """Posts a text, without a sound."""
        sending = self._bot.send_message(
            chat_id,
            text,
            message_thread_id=thread_id,
            parse_mode=None,
            disable_notification=True,
            request_timeout=ANSWER_S,
        )
        await _answered(sending)


def _sighting(event: Message | ChatMemberUpdated) -> ChatSighting:
    chat, user = event.chat, event.from_user
    named = user is not None and not user.is_bot and user.id not in SHARED_ACCOUNTS
    return ChatSighting(
        chat_id=chat.id,
        chat_name=chat.title or chat.full_name or str(chat.id),
        private=chat.type == "private",
        user_id=user.id if user is not None and named else None,
        user_name=user.full_name if user is not None and named else "",
    )


def _membership(member: ResultChatMemberUnion) -> Membership:
    if member.status in (ChatMemberStatus.CREATOR, ChatMemberStatus.ADMINISTRATOR):
        return "admin"
    if isinstance(member, ChatMemberRestricted):
        if not member.is_member:
            return "outside"
        return "member" if member.can_send_messages else "muted"
    return "member" if member.status == ChatMemberStatus.MEMBER else "outside"


async def _answered(request: Awaitable[T]) -> T:
    """The answer, or why there is none."""
    try:
        return await request
    except TelegramMigrateToChat as error:
        raise ProbeError("migrated", _words(error), error.migrate_to_chat_id) from error
    except (TelegramUnauthorizedError, TelegramNotFound) as error:
        raise ProbeError("token", _words(error)) from error
    except TelegramBadRequest as error:
        raise ProbeError("not-found" if "not found" in error.message.lower() else "other", _words(error)) from error
    except TelegramForbiddenError as error:
        raise ProbeError("forbidden", _words(error)) from error
    except TelegramNetworkError as error:
        raise ProbeError("unreachable", _words(error)) from error
    except (ClientDecodeError, TelegramServerError) as error:
        raise ProbeError("no-api", type(error).__name__) from error
    except AiogramError as error:
        raise ProbeError("other", _words(error)) from error


def _words(error: AiogramError) -> str:
    return shorten(getattr(error, "message", "") or str(error), 200)
