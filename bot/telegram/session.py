"""The connection to Telegram: server, proxy, time limits. Every request to the Bot API goes through here."""

from __future__ import annotations

from typing import Any

from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.methods import TelegramMethod
from aiogram.methods.base import Response, TelegramType
from aiogram.utils.backoff import BackoffConfig

from bot.telegram.health import TelegramHealth
from bot.telegram.middlewares.retry import TRIES, RetryAfterGate, RetryMiddleware

ANSWER_S = 30.0
"""How long one request may take."""
PAUSES = BackoffConfig(min_delay=2.0, max_delay=60.0, factor=2.0, jitter=0.0)
"""Pauses between attempts of what is repeated without end."""


class _Session(AiohttpSession):
    """Keeps the models that answers are parsed with: pydantic does not keep them, and building one takes 60 ms."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._kept: dict[Any, Any] = {}

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        kind = method.__returning__
        if kind not in self._kept:
            self._kept[kind] = Response[kind]  # type: ignore[valid-type]
        return super().check_response(bot, method, status_code, content)


def make_bot(
    token: str,
    *,
    api_url: str | None = None,
    proxy: str | None = None,
    tries: int = TRIES,
    health: TelegramHealth | None = None,
    gate: RetryAfterGate | None = None,
) -> Bot:
    """A bot that talks to Telegram, or to the Bot API server at ``api_url``, HTML as its markup."""
    server = PRODUCTION if api_url is None else TelegramAPIServer.from_base(api_url)
    options: dict[str, Any] = {} if proxy is None else {"proxy": proxy}
    session = _Session(api=server, timeout=ANSWER_S, **options)
    session.middleware(RetryMiddleware(tries=tries, health=health, gate=gate))
    return Bot(
        token, session=session, default=DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True)
    )
