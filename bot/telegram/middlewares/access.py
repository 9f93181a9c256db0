"""Checks on every update, before anything else, who may do what: roles by numeric user id.

Strangers get no answer (on a button an empty popup, so that it stops spinning) and one line in log and audit trail;
a flood of their messages causes neither requests nor writes. Admins have no limit, so that no decision is lost.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiogram import BaseMiddleware
from aiogram.types import CallbackQuery, Message, TelegramObject, User

from bot.domain.chats import Chat, Permissions, Role, permissions_of
from bot.domain.clock import Clock
from bot.domain.proposals import Actor, ActorKind
from bot.domain.sanitize import one_line
from bot.rendering.catalog import Texts, texts_for
from bot.store.store import Store
from bot.telegram.languages import Languages, spoken
from bot.telegram.middlewares.rate_limit import RateLimit

log = logging.getLogger(__name__)

REMEMBERED_STRANGERS = 1000
EVERYBODY = 0
"""The bucket that all strangers share: many accounts must not fill log and audit either."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One person in one chat. ``texts`` words messages there, ``own`` what only this person sees: popups."""

    actor: Actor
    permissions: Permissions
    texts: Texts
    own: Texts
    chat_id: int
    user_id: int
    spoken: Texts
    """What this person's Telegram speaks, whatever they chose."""

    @property
    def private(self) -> bool:
        return self.chat_id == self.user_id


def actor_of(user: User) -> Actor:
    """The person as decisions record them; the id is what counts, the name is for reading."""
    return Actor(ActorKind.TELEGRAM, one_line(user.full_name), user.id)


class AccessMiddleware(BaseMiddleware):
    """Lets admins and viewers through, with their ``context``, in their own private chat or one of the program's.

    Args:
        chats: returns the chats with the ids that they have now.
    """

    def __init__(
        self, chats: Callable[[], Sequence[Chat]], store: Store, languages: Languages, texts: Texts, clock: Clock
    ) -> None:
        self._chats = chats
        self._store = store
        self._languages = languages
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
        if user is None or place is None:
            return await self._turn_away(event, user)
        permissions = permissions_of(self._chats(), user.id, place)
        if permissions.role is Role.STRANGER:
            return await self._turn_away(event, user)
        if permissions.role is Role.VIEWER and not self._viewers.allows(user.id):
            return await self._slow_down(event, user)
        if isinstance(event, Message) and (event.forward_origin is not None or event.via_bot is not None):
            return None  # forwarded words of somebody else are not a command of this person
        data["context"] = await self._context(user, place, permissions)
        return await handler(event, data)

    async def _context(self, user: User, chat_id: int, permissions: Permissions) -> RequestContext:
        own = await self._languages.of_person(user)
        texts = own if chat_id == user.id else await self._languages.of_chat(chat_id, permissions.visible[0].language)
        return RequestContext(actor_of(user), permissions, texts, own, chat_id, user.id, self._spoken(user))

    async def _slow_down(self, event: TelegramObject, user: User) -> None:
        """A press is answered, a message is not: an answer to each would be the flood."""
        if isinstance(event, CallbackQuery):
            texts = self._spoken(user)
            await event.answer(texts.text("popup-too-fast"))

    def _spoken(self, user: User) -> Texts:
        """The language of who has no claim to a look into the store."""
        language = spoken(user)
        return self._texts if language is None else texts_for(language, self._texts.zone)

    async def _turn_away(self, event: TelegramObject, user: User | None) -> None:
        if user is None or not self._strangers.allows(user.id):
            return
        if isinstance(event, CallbackQuery):
            texts = self._spoken(user)
            await event.answer(texts.text("popup-not-yours"))
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
        await self._store.audit.record("turned-away", actor_of(user), self._clock(), kind=kind)


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
