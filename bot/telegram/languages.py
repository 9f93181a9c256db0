"""The language for a person: the one they chose, else that of their Telegram, else the chat's."""

from __future__ import annotations

from datetime import datetime, tzinfo

from aiogram.types import User

from bot.domain.proposals import Actor
from bot.rendering.catalog import LANGUAGES, Texts, texts_for
from bot.store.store import Store


class Languages:
    """The choices of ``/language``, kept in the store by the id of the person or group that they are for.

    Args:
        default: of chats in which nobody chose: BOT_LANGUAGE.
    """

    def __init__(self, store: Store, default: str, zone: tzinfo | None = None) -> None:
        self._store = store
        self._zone = zone
        self._default = default

    async def chosen(self, chat_or_user_id: int) -> str | None:
        stored = await self._store.settings.get(_key(chat_or_user_id))
        return stored.value if stored is not None and stored.value in LANGUAGES else None

    async def of_person(self, user: User) -> Texts:
        """For what only this person reads."""
        return texts_for(await self.chosen(user.id) or spoken(user) or self._default, self._zone)

    async def of_chat(self, chat_id: int, default: str | None = None) -> Texts:
        """For what everybody in a chat reads."""
        return texts_for(await self.chosen(chat_id) or default or self._default, self._zone)

    async def choose(self, chat_or_user_id: int, language: str | None, actor: Actor, now: datetime) -> None:
        """``None`` goes back to what Telegram or the settings say."""
        await self._store.settings.set(_key(chat_or_user_id), language, actor, now)


def spoken(user: User) -> str | None:
    """The language of somebody's Telegram, where it is one of ours."""
    language = (user.language_code or "").split("-")[0].lower()
    return language if language in LANGUAGES else None


def _key(chat_or_user_id: int) -> str:
    return f"language:{chat_or_user_id}"
