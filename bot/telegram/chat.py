"""Long polling: puts access, commands and approvals together and listens until it is stopped."""

from __future__ import annotations

import asyncio
import logging

from aiogram import Bot, Dispatcher
from aiogram.exceptions import AiogramError, TelegramBadRequest, TelegramNotFound, TelegramUnauthorizedError
from aiogram.types import CallbackQuery, ErrorEvent, Message

from bot.errors import ChatError
from bot.service import Service
from bot.store import Store
from bot.telegram.access import AccessMiddleware
from bot.telegram.approvals import approvals_router
from bot.telegram.commands import Commands, NextCheck
from bot.telegram.menu import register_menus
from bot.telegram.notifier import TelegramNotifier
from bot.texts import Texts

log = logging.getLogger(__name__)

UPDATES = ["message", "callback_query"]
POLLING_TIMEOUT_S = 20
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
"""While Telegram is out of reach at the start: the first pause, doubled until the longest."""


class Chat:
    """The listening half of Telegram; the notifier is the speaking one, both share a connection."""

    def __init__(
        self, service: Service, store: Store, notifier: TelegramNotifier, texts: Texts, next_check: NextCheck
    ) -> None:
        self._settings = service.settings
        self._notifier = notifier
        self._texts = texts
        self._dispatcher = Dispatcher()
        access = AccessMiddleware(service.settings, store, texts, service.clock)
        self._dispatcher.message.outer_middleware(access)
        self._dispatcher.callback_query.outer_middleware(access)
        self._dispatcher.include_router(approvals_router(service, store, notifier, texts))
        self._dispatcher.include_router(Commands(service, notifier, texts, next_check).router())
        self._dispatcher.errors.register(self._failed)

    async def run(self) -> None:
        """Listens until cancelled. Telegram out of reach is waited for, never an end.

        Raises:
            ChatError: Telegram does not know the token.
        """
        await self._reach()
        menus = asyncio.create_task(register_menus(self._notifier.bot, self._settings, self._texts))
        try:
            await self._dispatcher.start_polling(
                self._notifier.bot,
                handle_signals=False,
                close_bot_session=False,
                allowed_updates=UPDATES,
                polling_timeout=POLLING_TIMEOUT_S,
            )
        finally:
            menus.cancel()

    async def _reach(self) -> None:
        """Waits until Telegram says who we are; polling itself would give up where it cannot ask."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._notifier.bot.me()
                return
            except (TelegramUnauthorizedError, TelegramNotFound) as error:
                raise ChatError(
                    "TELEGRAM_BOT_TOKEN is (hidden): Telegram does not know it; copy it again from @BotFather"
                ) from error
            except AiogramError as error:
                log.warning("Telegram cannot be reached, next try in %.0f s: %s", pause, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _failed(self, event: ErrorEvent, bot: Bot) -> bool:
        """One update's defect must not stop the others; the person is told, the log has the trace."""
        error = event.exception
        if isinstance(error, TelegramBadRequest) and "query is too old" in error.message:
            log.info("A button was answered too late: the decision stands, only its popup is lost")
            return True
        log.error("An update could not be handled", exc_info=error)
        update = event.update
        text = self._texts.text("problem", problem=type(error).__name__)
        try:
            if isinstance(update.message, Message):
                await update.message.answer(str(self._texts.html("problem", problem=type(error).__name__)))
            elif isinstance(update.callback_query, CallbackQuery):
                await update.callback_query.answer(text[:200])
        except AiogramError as second:
            log.warning("The person could not be told: %s", second)
        return True
