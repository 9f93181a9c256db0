"""Repeats requests to Telegram that failed, and waits as long as Telegram asks. No message is sent a third time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from aiogram import Bot
from aiogram.client.session.middlewares.base import BaseRequestMiddleware, NextRequestMiddlewareType
from aiogram.exceptions import AiogramError, TelegramNetworkError, TelegramRetryAfter
from aiogram.methods import GetUpdates, TelegramMethod
from aiogram.methods.base import Response, TelegramType
from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError

from bot.telegram.health import NO_ANSWER, TelegramHealth

log = logging.getLogger(__name__)

TRIES = 4
LONGEST_WAIT_S = 900.0
STEP_BACK_S = 0.5
"""Answers to commands wait so much longer than Telegram asks, because decisions are shown first."""
_LINE = (OSError, asyncio.TimeoutError, ProxyConnectionError, ProxyError, ProxyTimeoutError)
"""What aiogram does not translate when the connection or the proxy is gone."""
_NEVER_SENT = {"ClientConnectorError", "ProxyConnectionError"}

_no_retries: ContextVar[bool] = ContextVar("no_retries", default=False)


@contextmanager
def without_retries() -> Iterator[None]:
    """Inside this block no request waits or is repeated: the caller repeats it, with the state of that time."""
    token = _no_retries.set(True)
    try:
        yield
    finally:
        _no_retries.reset(token)


def may_have_arrived(error: AiogramError) -> bool:
    """Whether Telegram may have carried out a request that failed with this error. After a 5xx it has not."""
    if not isinstance(error, TelegramNetworkError):
        return False
    cause = error.__cause__
    return cause is None or not _NEVER_SENT & {kind.__name__ for kind in type(cause).__mro__}


class RetryAfterGate:
    """Until when each chat takes no messages, as Telegram said (429)."""

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


class RetryMiddleware(BaseRequestMiddleware):
    """Waits as long as Telegram asks (429), and repeats a request after a fault of the network or the server.

    In each chat one message waits at a time, the others wait behind it. A message that may have arrived is repeated
    at most once. Long polling is not repeated here: aiogram does that itself.
    """

    def __init__(
        self,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        *,
        tries: int = TRIES,
        health: TelegramHealth | None = None,
        gate: RetryAfterGate | None = None,
    ) -> None:
        self._sleep = sleep
        self._tries = tries
        self._health = health or TelegramHealth()
        self._gate = gate or RetryAfterGate()
        self._turns: dict[object, asyncio.Lock] = {}

    async def __call__(
        self, make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
    ) -> Response[TelegramType]:
        async def once() -> Response[TelegramType]:
            try:
                answer = await make_request(bot, method)
            except _LINE as error:
                self._health.failed(translated := TelegramNetworkError(method, type(error).__name__), polling=polling)
                raise translated from error
            except AiogramError as error:
                self._health.failed(error, polling=polling)
                if isinstance(error, TelegramRetryAfter):
                    self._gate.shut(chat, error.retry_after)
                raise
            self._health.worked(polling=polling)
            return answer

        chat = getattr(method, "chat_id", None)
        polling = method.__api_method__ == GetUpdates.__api_method__
        if polling or _no_retries.get():
            return await once()
        turn = nullcontext() if chat is None else self._turns.setdefault(chat, asyncio.Lock())
        async with turn:
            return await self._with_retries(once, chat, method)

    async def _with_retries(
        self,
        once: Callable[[], Awaitable[Response[TelegramType]]],
        chat: object,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        failures, doubtful = 0, False
        while True:
            if chat is not None and (left := self._gate.left(chat)) > 0:
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
