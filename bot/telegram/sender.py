"""One message to one chat: with picture or without, once, and to the group where its topic has gone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError
from aiogram.types import Message, ReplyParameters

from bot.telegram.delivery import Delivery
from bot.telegram.health import TelegramHealth
from bot.telegram.middlewares.retry import may_have_arrived
from bot.telegram.views.view import View

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes. ``named``: the setting and its value, for what is said of the chat."""

    chat: int | str
    named: str
    topic: int | None = None


class Sender:
    """
    Args:
        quiet: whether what is not loud is to make no sound now.
        rich: whether rich messages are tried.
        pictures: whether messages have pictures.
    """

    def __init__(
        self,
        bot: Callable[[], Bot],
        health: TelegramHealth,
        quiet: Callable[[], bool] = lambda: False,
        *,
        rich: bool = False,
        pictures: bool = True,
    ) -> None:
        self._delivery = Delivery(bot, rich=rich, pictures=pictures)
        self.edited = self._delivery.edited
        self.retire = self._delivery.retire
        self._bot = bot
        self._health = health
        self._quiet = quiet
        self._doubtful: set[tuple[int | str, str, int]] = set()
        self._lost_topics: set[tuple[int | str, int]] = set()

    async def send_once(
        self,
        key: tuple[str, int],
        place: Place,
        view: View,
        reply_to: int | None = None,
        *,
        loud: bool = False,
        silent: bool = False,
    ) -> int:
        """Sends a message. If the answer never comes it may be there: it is sent again, but not a third time.

        The repeat waits until Telegram answers a question that costs nothing. Returns the message's number, 0
        where both answers were lost.

        Raises:
            AiogramError: it is to be tried again later.
        """
        key_there = (place.chat, *key)
        if key_there in self._doubtful:
            await self._bot().get_me()
        try:
            message_id = await self.send(place, view, reply_to, loud=loud, silent=silent)
        except TelegramNetworkError as error:
            if not may_have_arrived(error):
                raise
            if key_there not in self._doubtful:
                self._doubtful.add(key_there)
                raise
            log.warning("Telegram took a message twice (%s %d) and never said so: not sent a third time", *key)
            message_id = 0
        self._doubtful.discard(key_there)
        return message_id

    async def send(
        self, place: Place, view: View, reply_to: int | None = None, *, loud: bool = False, silent: bool = False
    ) -> int:
        """Sends a message, and returns its number.

        Args:
            loud: makes a sound in quiet hours too.
            silent: makes none at any hour.

        Raises:
            AiogramError: Telegram does not answer, or does not take it.
        """
        if place.topic is not None and (place.chat, place.topic) in self._lost_topics:
            place = replace(place, topic=None)
        try:
            message = await self._sent(place, view, reply_to, silent=silent or (not loud and self._quiet()))
        except TelegramBadRequest as error:
            if place.topic is None or "thread not found" not in error.message.lower():
                raise
            log.warning("%s: there is no topic %d now, messages go to the group", place.named, place.topic)
            self._lost_topics.add((place.chat, place.topic))
            return await self.send(place, view, reply_to, loud=loud, silent=silent)
        self._health.welcome(place.named)
        return message.message_id

    async def _sent(self, place: Place, view: View, reply_to: int | None, *, silent: bool) -> Message:
        reply = None if reply_to is None else ReplyParameters(message_id=reply_to, allow_sending_without_reply=True)
        return await self._delivery.send(
            place.chat,
            view,
            message_thread_id=place.topic,
            reply_parameters=reply,
            disable_notification=True if silent else None,
        )
