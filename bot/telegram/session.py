"""The connection to Telegram: server, proxy, patience. Every request to the Bot API goes through here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import ClientDecodeError, TelegramNetworkError, TelegramRetryAfter, TelegramServerError
from aiogram.methods import GetUpdates, TelegramMethod
from aiogram.methods.base import Response, TelegramType

log = logging.getLogger(__name__)

TRIES = 4
LONGEST_WAIT_S = 60.0


class PatienceMiddleware(BaseRequestMiddleware):
    """Waits as long as Telegram asks (429), and tries again after a fault of the network or the server.

    Long polling has its own patience in aiogram and is left alone.
    """

    def __init__(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._sleep = sleep

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        if method.__api_method__ == GetUpdates.__api_method__:
            return await make_request(bot, method)
        for attempt in range(1, TRIES):
            try:
                return await make_request(bot, method)
            except TelegramRetryAfter as error:
                if error.retry_after > LONGEST_WAIT_S:
                    raise
                wait = float(error.retry_after)
            except (TelegramNetworkError, TelegramServerError, ClientDecodeError) as error:
                wait = 0.5 * 2**attempt
                log.debug("Telegram did not answer %s: %s", type(method).__name__, type(error).__name__)
            await self._sleep(wait)
        return await make_request(bot, method)


def make_bot(token: str, *, api_url: str | None = None, proxy: str | None = None) -> Bot:
    """A bot that talks to Telegram, or to the Bot API server at ``api_url``, HTML as its markup."""
    server = PRODUCTION if api_url is None else TelegramAPIServer.from_base(api_url)
    options: dict[str, Any] = {} if proxy is None else {"proxy": proxy}
    session = AiohttpSession(api=server, **options)
    session.middleware(PatienceMiddleware())
    return Bot(
        token, session=session, default=DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True)
    )
