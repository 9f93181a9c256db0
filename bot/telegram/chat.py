"""Puts access, commands and approvals together and listens, by asking Telegram or by its webhook, until stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.enums import ChatMemberStatus
from aiogram.exceptions import (
    AiogramError,
    TelegramBadRequest,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramUnauthorizedError,
)
from aiogram.types import CallbackQuery, ChatMemberUpdated, ErrorEvent, Message, TelegramObject, User
from aiogram.utils.backoff import Backoff, BackoffConfig

from bot.domain.chats import Chat
from bot.errors import BalancerError, ChatError, StoreError
from bot.rendering.catalog import Texts, texts_for
from bot.rendering.phrases import POPUP_LIMIT
from bot.service.service import Service
from bot.store.store import Store
from bot.telegram.commands import register_menus
from bot.telegram.handlers.registry import routes
from bot.telegram.handlers.status import NextCheck
from bot.telegram.languages import Languages, spoken
from bot.telegram.middlewares.access import AccessMiddleware
from bot.telegram.notifier import TelegramNotifier
from bot.telegram.session import PAUSES
from bot.telegram.webhook import Webhook, take_down_ours

log = logging.getLogger(__name__)

UPDATES = ["message", "callback_query", "my_chat_member"]
POLLING_TIMEOUT_S = 20
BACKOFF = BackoffConfig(min_delay=1.0, max_delay=30.0, factor=1.6, jitter=0.1)
"""Between two attempts to listen: the jitter keeps two programs with one token from clashing in step."""
_OUT = (ChatMemberStatus.KICKED, ChatMemberStatus.LEFT)


class ChatListener:
    """The listening half of Telegram; the notifier is the speaking one, both share a connection."""

    def __init__(
        self, service: Service, store: Store, notifier: TelegramNotifier, texts: Texts, next_check: NextCheck
    ) -> None:
        self._settings = service.settings
        self._notifier = notifier
        self._texts = texts
        self._store = store
        self._clock = service.clock
        self._defects = service.defects
        self._dispatcher = Dispatcher(disable_fsm=True)  # its memory would grow by an entry for every stranger
        self._languages = Languages(store, texts.language, texts.zone)
        access = AccessMiddleware(self._chats, store, self._languages, texts, service.clock)
        self._dispatcher.message.outer_middleware(self._service_message)
        self._dispatcher.message.outer_middleware(access)
        self._dispatcher.callback_query.outer_middleware(access)
        self._dispatcher.include_router(routes(service, notifier, self._languages, next_check).router())
        self._dispatcher.my_chat_member.register(self._own_membership)
        self._dispatcher.errors.register(self._failed)
        logging.getLogger("aiogram.dispatcher").addFilter(_says_what_reach_says)

    async def run(self) -> None:
        """Listens until cancelled. Telegram out of reach is waited for, never an end.

        Raises:
            ChatError: Telegram does not know the token.
        """
        await self._connected()
        menus = asyncio.create_task(self._menus_registered())
        try:
            if self._settings.telegram_webhook_url is not None:
                await self._webhook().run()
            else:
                await self._poll()
        finally:
            menus.cancel()

    def _webhook(self) -> Webhook:
        bot, updates = self._notifier.bot, UPDATES
        return Webhook(self._settings, bot, self._dispatcher, store=self._store, clock=self._clock, updates=updates)

    async def _poll(self) -> None:
        polling = asyncio.create_task(
            self._dispatcher.start_polling(
                self._notifier.bot,
                handle_signals=False,
                close_bot_session=False,
                allowed_updates=UPDATES,
                polling_timeout=POLLING_TIMEOUT_S,
                backoff_config=BACKOFF,
            )
        )
        try:
            await asyncio.shield(polling)
        finally:
            await self._end(polling)

    async def _end(self, polling: asyncio.Task[None]) -> None:
        """Cancelled as it is, aiogram would leave its listening behind, which takes the presses of who comes next."""
        if polling.done():
            return
        try:
            await self._dispatcher.stop_polling()
        except RuntimeError:  # it has not begun
            polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)

    async def _menus_registered(self) -> None:
        """Tries until it works: without the menus the commands still work, so nothing waits for them."""
        pauses = Backoff(PAUSES)
        while True:
            try:
                await self._register_menus()
                return
            except Exception as error:
                log.error(
                    "The menus of commands cannot be shown, next try in %.0f s", pauses.next_delay, exc_info=error
                )
                await self._defects.note("The menus of commands")
            await pauses.asleep()

    async def _register_menus(self) -> None:
        await register_menus(self._notifier.bot, self._chats(), self._languages)

    def _chats(self) -> tuple[Chat, ...]:
        return self._notifier.chats

    async def _service_message(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Only Telegram itself makes such a message, whoever it names as the one who wrote it."""
        if isinstance(event, Message) and event.migrate_to_chat_id is not None:
            await self._moved(event.chat.id, event.migrate_to_chat_id)
            return None
        return await handler(event, data)

    async def _moved(self, chat_id: object, new_id: int) -> bool:
        """Whether it was one of our chats that got a new id."""
        sync = self._notifier.chat_sync(chat_id) if isinstance(chat_id, int) else None
        if sync is None:
            return False
        await sync.chat_moved(new_id)
        await self._register_menus()
        return True

    async def _own_membership(self, event: ChatMemberUpdated) -> None:
        """The bot was thrown out of the chat (the notifier will notice), or let in again: what waits goes out."""
        sync = self._notifier.chat_sync(event.chat.id)
        if sync is not None and event.new_chat_member.status not in _OUT:
            sync.try_again()

    async def _connected(self) -> None:
        """Waits until Telegram answers who the bot is; aiogram's polling would end if it cannot ask that."""
        pauses = Backoff(PAUSES)
        while True:
            try:
                await self._notifier.bot.me()
                if self._settings.telegram_webhook_url is None:
                    await take_down_ours(self._notifier.bot, self._store, self._clock)
                return
            except (TelegramUnauthorizedError, TelegramNotFound) as error:
                raise ChatError(
                    "TELEGRAM_BOT_TOKEN is (hidden): Telegram does not know it; copy it again from @BotFather"
                ) from error
            except (AiogramError, StoreError) as error:
                what = "Telegram cannot be reached" if isinstance(error, AiogramError) else "Not listening yet"
                log.warning("%s, next try in %.0f s: %s", what, pauses.next_delay, error)
                await pauses.asleep()

    async def _failed(self, event: ErrorEvent, bot: Bot) -> bool:
        """Handles a defect in one update: the person gets a message, the log the traceback, other updates go on."""
        error = event.exception
        if isinstance(error, TelegramBadRequest) and "query is too old" in error.message:
            log.info("A button was answered too late: the decision stands, only its popup is lost")
            return True
        if isinstance(error, TelegramMigrateToChat):
            chat_id = getattr(error.method, "chat_id", None)
            if await self._moved(chat_id, error.migrate_to_chat_id):
                return True
        log.error("An update could not be handled", exc_info=error)
        if not isinstance(error, (BalancerError, AiogramError)):
            await self._defects.note("Answers in the chat")
        update = event.update
        try:
            if isinstance(update.message, Message):
                texts = self._spoken(update.message.from_user)
                await update.message.answer(str(texts.html("problem", problem=type(error).__name__)))
            elif isinstance(update.callback_query, CallbackQuery):
                texts = self._spoken(update.callback_query.from_user)
                await update.callback_query.answer(texts.text("problem", problem=type(error).__name__)[:POPUP_LIMIT])
        except Exception as second:
            log.warning("The person could not be informed: %s", type(second).__name__, exc_info=second)
        return True

    def _spoken(self, user: User | None) -> Texts:
        language = None if user is None else spoken(user)
        return self._texts if language is None else texts_for(language, self._texts.zone)


def _says_what_reach_says(record: logging.LogRecord) -> bool:
    """aiogram writes two lines for every attempt to listen that fails; the connection's reach says it once."""
    return record.levelno < logging.WARNING or not str(record.msg).startswith(("Failed to fetch", "Sleep for"))
