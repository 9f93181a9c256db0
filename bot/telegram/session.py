"""The connection to Telegram: server, proxy, patience. Every request to the Bot API goes through here."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.client.telegram import PRODUCTION, TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import AiogramError, TelegramNetworkError, TelegramRetryAfter
from aiogram.methods import GetUpdates, TelegramMethod
from aiogram.methods.base import Response, TelegramType
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

from bot.telegram.health import NO_ANSWER, Reach

log = logging.getLogger(__name__)

TRIES = 4
LONGEST_WAIT_S = 900.0
ANSWER_S = 30.0
"""How long one request may take."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
"""After a failure, for what goes on for ever: the first pause, doubled until the longest."""
STEP_BACK_S = 0.5
"""Answers to commands wait so much longer than Telegram asks: decisions are shown first."""
_LINE = (OSError, asyncio.TimeoutError, ProxyConnectionError, ProxyError, ProxyTimeoutError)
"""What aiogram lets through untranslated when the line, or the proxy, is gone."""
_NEVER_SENT = {"ClientConnectorError", "ProxyConnectionError"}

_impatient: ContextVar[bool] = ContextVar("impatient", default=False)


@contextmanager
def impatiently() -> Iterator[None]:
    """Within this, no request waits or is repeated: the caller does, with what is true by then."""
    token = _impatient.set(True)
    try:
        yield
    finally:
        _impatient.reset(token)


def may_have_arrived(error: AiogramError) -> bool:
    """Whether Telegram may have carried out a request that failed so. A 5xx says that it has not."""
    if not isinstance(error, TelegramNetworkError):
        return False
    cause = error.__cause__
    return cause is None or not _NEVER_SENT & {kind.__name__ for kind in type(cause).__mro__}


class Gates:
    """Until when each chat takes no messages, because Telegram said so (429)."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._shut: dict[object, float] = {}

    def shut(self, chat: object, seconds: float) -> None:
        self._shut[chat] = max(self._shut.get(chat, 0.0), self._now() + seconds)

    def left(self, chat: object) -> float:
        """Seconds until it is open; 0 = it is."""
        left = self._shut.get(chat, 0.0) - self._now()
        if left <= 0:
            self._shut.pop(chat, None)
        return max(0.0, left)


class PatienceMiddleware(BaseRequestMiddleware):
    """Waits as long as Telegram asks (429), and tries again after a fault of the network or the server.

    In each chat one message waits at a time, the others behind it. A message that may have arrived is repeated
    once at most. Long polling has its own patience in aiogram and is left alone.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        *,
        tries: int = TRIES,
        reach: Reach | None = None,
        gates: Gates | None = None,
    ) -> None:
        self._sleep = sleep
        self._tries = tries
        self._reach = reach or Reach()
        self._gates = gates or Gates()
        self._turns: dict[object, asyncio.Lock] = {}

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        async def once() -> Response[TelegramType]:
            try:
                answer = await make_request(bot, method)
            except _LINE as error:
                self._reach.failed(translated := TelegramNetworkError(method, type(error).__name__), polling=polling)
                raise translated from error
            except AiogramError as error:
                self._reach.failed(error, polling=polling)
                if isinstance(error, TelegramRetryAfter):
                    self._gates.shut(chat, error.retry_after)
                raise
            self._reach.worked(polling=polling)
            return answer

        chat = getattr(method, "chat_id", None)
        polling = method.__api_method__ == GetUpdates.__api_method__
        if polling or _impatient.get():
            return await once()
        turn = nullcontext() if chat is None else self._turns.setdefault(chat, asyncio.Lock())
        async with turn:
            return await self._patiently(once, chat, method)

    async def _patiently(
        self,
        once: Callable[[], Awaitable[Response[TelegramType]]],
        chat: object,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        failures, doubtful = 0, False
        while True:
            if chat is not None and (left := self._gates.left(chat)) > 0:
                await self._sleep(left + STEP_BACK_S)
            try:
                return await once()
            except TelegramRetryAfter as error:
                if error.retry_after > LONGEST_WAIT_S:
                    raise
                if chat is None:
                    await self._sleep(float(error.retry_after))
            except NO_ANSWER as error:
                failures += 1
                in_doubt = method.__api_method__.startswith("send") and may_have_arrived(error)
                if failures >= self._tries or (in_doubt and doubtful):
                    raise
                doubtful = doubtful or in_doubt
                log.debug("Telegram did not answer %s: %s", type(method).__name__, type(error).__name__)
                await self._sleep(0.5 * 2**failures)


class _Session(AiohttpSession):
    """Keeps the models that answers are read by: pydantic forgets them, and making one anew takes 60 ms."""

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
    reach: Reach | None = None,
    gates: Gates | None = None,
) -> Bot:
    """A bot that talks to Telegram, or to the Bot API server at ``api_url``, HTML as its markup."""
    server = PRODUCTION if api_url is None else TelegramAPIServer.from_base(api_url)
    options: dict[str, Any] = {} if proxy is None else {"proxy": proxy}
    session = _Session(api=server, timeout=ANSWER_S, **options)
    session.middleware(PatienceMiddleware(tries=tries, reach=reach, gates=gates))
    return Bot(
        token, session=session, default=DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True)
    )
