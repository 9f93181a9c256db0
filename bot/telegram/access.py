"""Who may do what: roles by numeric id, checked on every update before anything else looks at it.

Strangers get silence (a popup on a button, so that it stops spinning) and one line in log and audit; a flood
of theirs costs neither a request nor a write. Admins are never limited: no decision may be lost to a counter.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from aiogram import BaseMiddleware
from aiogram.types import CallbackQuery, Message, TelegramObject, User

from bot.config import Settings
from bot.config_checks import SHARED_ACCOUNTS
from bot.proposals import Actor, ActorKind
from bot.sanitize import one_line
from bot.service import Clock
from bot.store import Store
from bot.telegram.ratelimit import RateLimit
from bot.texts import Texts

log = logging.getLogger(__name__)

REMEMBERED_STRANGERS = 1000
EVERYBODY = 0
"""The bucket that all strangers share: many accounts must not fill log and audit either."""


class Role(str, Enum):
    ADMIN = "admin"
    VIEWER = "viewer"
    STRANGER = "stranger"


def role_of(user_id: int, settings: Settings) -> Role:
    if user_id in SHARED_ACCOUNTS:
        return Role.STRANGER
    if user_id in settings.admin_ids:
        return Role.ADMIN
    return Role.VIEWER if user_id in settings.viewer_ids else Role.STRANGER


def actor_of(user: User) -> Actor:
    """The person as decisions record them; the id is what counts, the name is for reading."""
    return Actor(ActorKind.TELEGRAM, one_line(user.full_name), user.id)


class AccessMiddleware(BaseMiddleware):
    """Lets admins and viewers through, with their ``role``, in their own private chat or the configured one.

    Args:
        chat: the chat's id as it is by now, where it may have changed; the settings' without it.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        texts: Texts,
        clock: Clock,
        chat: Callable[[], int | None] | None = None,
    ) -> None:
        self._chat = chat or (lambda: settings.telegram_chat_id)
        self._settings = settings
        self._store = store
        self._texts = texts
        self._clock = clock
        self._known: OrderedDict[int, None] = OrderedDict()
        self._viewers = RateLimit(burst=20, every_s=3)
        self._strangers = RateLimit(burst=3, every_s=20)
        self._notes = RateLimit(burst=50, every_s=60)

    async def __call__(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        user, place = _who_and_where(event)
        role = Role.STRANGER if user is None else role_of(user.id, self._settings)
        if user is None or role is Role.STRANGER or place not in (user.id, self._chat()):
            return await self._turn_away(event, user)
        if role is Role.VIEWER and not self._viewers.allows(user.id):
            return await self._slow_down(event)
        if isinstance(event, Message) and (event.forward_origin is not None or event.via_bot is not None):
            return None  # somebody else's words in this person's name are no command
        data["role"] = role
        return await handler(event, data)

    async def _slow_down(self, event: TelegramObject) -> None:
        """A press is answered, a message is not: an answer to each would be the flood."""
        if isinstance(event, CallbackQuery):
            await event.answer(self._texts.text("popup-too-fast"))

    async def _turn_away(self, event: TelegramObject, user: User | None) -> None:
        if user is None or not self._strangers.allows(user.id):
            return
        if isinstance(event, CallbackQuery):
            await event.answer(self._texts.text("popup-not-yours"))
        if user.id in self._known:
            self._known.move_to_end(user.id)
            return
        if not self._notes.allows(EVERYBODY):
            return
        self._known[user.id] = None
        if len(self._known) > REMEMBERED_STRANGERS:
            self._known.popitem(last=False)
        kind = "press" if isinstance(event, CallbackQuery) else "message"
        log.warning("Turned away a %s of user %d (%s)", kind, user.id, one_line(user.full_name))
        await self._store.record("turned-away", actor_of(user), self._clock(), kind=kind)


def _who_and_where(event: TelegramObject) -> tuple[User | None, int | None]:
    """The person who acts, and the chat. ``None``: it does not show who, or no chat of ours.

    An anonymous admin or a channel has no id of a person: nobody could be held to it. A button under a message
    that was sent by way of another chat's inline mode is none of ours.
    """
    if isinstance(event, Message):
        shown = event.sender_chat is None and event.from_user is not None and not event.from_user.is_bot
        return event.from_user if shown else None, event.chat.id
    if isinstance(event, CallbackQuery):
        chat = event.message.chat.id if event.message is not None else None
        return None if event.from_user.is_bot else event.from_user, chat
    return None, None
