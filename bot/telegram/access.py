"""Who may do what: roles by numeric id, checked on every update before anything else looks at it.

Strangers get silence (a popup on a button, so that it stops spinning) and one line in the audit.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from aiogram import BaseMiddleware
from aiogram.enums import ChatType
from aiogram.types import CallbackQuery, Message, TelegramObject, User

from bot.config import Settings
from bot.proposals import Actor, ActorKind
from bot.sanitize import one_line
from bot.service import Clock
from bot.store import Store
from bot.texts import Texts

log = logging.getLogger(__name__)

REMEMBERED_STRANGERS = 1000


class Role(str, Enum):
    ADMIN = "admin"
    VIEWER = "viewer"
    STRANGER = "stranger"


def role_of(user_id: int, settings: Settings) -> Role:
    if user_id in settings.admin_ids:
        return Role.ADMIN
    return Role.VIEWER if user_id in settings.viewer_ids else Role.STRANGER


def actor_of(user: User) -> Actor:
    """The person as decisions record them; the id is what counts, the name is for reading."""
    return Actor(ActorKind.TELEGRAM, one_line(user.full_name), user.id)


class AccessMiddleware(BaseMiddleware):
    """Lets admins and viewers through, with their ``role``, in their own private chat or the configured one."""

    def __init__(self, settings: Settings, store: Store, texts: Texts, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._texts = texts
        self._clock = clock
        self._known: set[tuple[int, str]] = set()

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        if isinstance(event, Message):
            # An anonymous admin or a channel has no id of a person: nobody could be held to it.
            user = event.from_user if event.sender_chat is None else None
            place = event.chat.id if event.chat.type != ChatType.PRIVATE else None
        elif isinstance(event, CallbackQuery):
            user = event.from_user
            place = event.message.chat.id if event.message and event.message.chat.type != ChatType.PRIVATE else None
        else:
            return None
        role = Role.STRANGER if user is None else role_of(user.id, self._settings)
        if role is Role.STRANGER or place not in (None, self._settings.telegram_chat_id):
            return await self._turn_away(event, user)
        data["role"] = role
        return await handler(event, data)

    async def _turn_away(self, event: TelegramObject, user: User | None) -> None:
        kind = "press" if isinstance(event, CallbackQuery) else "message"
        if isinstance(event, CallbackQuery):
            await event.answer(self._texts.text("popup-not-yours"))
        if user is None or (user.id, kind) in self._known:
            return
        if len(self._known) >= REMEMBERED_STRANGERS:
            self._known.clear()
        self._known.add((user.id, kind))
        log.warning("Turned away a %s of user %d (%s)", kind, user.id, one_line(user.full_name))
        await self._store.record("turned-away", actor_of(user), self._clock(), kind=kind)
