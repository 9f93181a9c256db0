"""Sends one request to VMmanager and reads its answer. The only user of aiohttp's client.

Has no session and repeats nothing: calls.py does that. The meaning of a status is in responses.py and failures.py.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from yarl import URL

from bot.domain.sanitize import shorten
from bot.errors import PanelDataError
from bot.panel import failures, responses
from bot.panel.failures import Failed, Request
from bot.panel.streaming import AnswerTooLarge, PackedBody
from bot.panel.tls import tls_context

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 8
CONNECT_S = 15.0
# Answers up to this size are parsed in the event loop: a thread would take longer.
INLINE_BYTES = 50_000
# How much of an error answer is read: its envelope has some hundred bytes, a page of a proxy some thousand.
MOST_ERROR_BYTES = 1 << 20
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_TRANSPORT = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One unchanged answer. ``location`` = the target of a redirect; ``size`` in bytes."""

    request: Request
    status: int
    body: bytes | PackedBody
    location: str
    content_type: str
    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer with any status, for a recording. ``document`` is ``None`` if the body is no JSON."""

    method: str
    path: str
    authenticated: bool
    status: int
    content_type: str
    seconds: float
    size: int
    document: Any


def raw_answer(exchange: Exchange, *, authenticated: bool = True, with_body: bool = True) -> RawAnswer:
    """The answer for a recording. Consumes the body of the exchange, unless the body is bytes."""
    document = responses.document_of(exchange.body) if with_body else None
    request = exchange.request
    return RawAnswer(
        *(request.method, request.path, authenticated, exchange.status, exchange.content_type),
        *(exchange.seconds, exchange.size, document),
    )


class Transport:
    """The connections to one panel; they are opened by the first request.

    Args:
        address: ``https://host[:port][/path]``, without a slash at the end.
        clock: compared with the panel's clock.
    """

    def __init__(
        self,
        address: str,
        *,
        verify_ssl: bool,
        timeout_s: float,
        ca_file: str | None,
        clock: Callable[[], datetime],
    ) -> None:
        self.address = address
        self._verify_ssl = verify_ssl
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._clock = clock
        self._warned = False
        self.clock_ahead_s: float | None = None
        """How far the panel's clock was ahead of this one at the last answer; ``None`` = unknown."""
        self._http: aiohttp.ClientSession | None = None
        self._keeper: AsyncGenerator[aiohttp.ClientSession, None] | None = None

    async def close(self) -> None:
        """Ends all connections; a later request opens new ones. If never called, they close with the event loop."""
        keeper, self._keeper, self._http = self._keeper, None, None
        if keeper is not None:
            await keeper.aclose()

    async def exchange(self, request: Request, token: str | None) -> Exchange:
        """Sends the request once.

        Raises:
            Failed: no answer came, or the answer is too large.
        """
        try:
            return await self._exchange(request, token)
        except _TRANSPORT as error:
            raise _unreachable(request, error, self._timeout_s) from error
        except AnswerTooLarge as error:
            too_large = PanelDataError(f"the panel's answer is too large: {error} ({request})")
            raise failures.unreadable(request, too_large, "final") from None

    async def _exchange(self, request: Request, token: str | None) -> Exchange:
        """Sends the request. The body of a long good answer stays compressed: uncompressed it would be the largest
        object of the program, and decide how much memory the program needs."""
        headers = {"accept": "application/json"}
        if token is not None:
            headers["x-xsrf-token"] = token
        started = time.monotonic()
        # The panel needs "+" for the spaces of a filter, so the address is sent unchanged. A redirect is never
        # followed: it would send the token to another server, or repeat the POST.
        http = await self._connections()
        async with http.request(
            request.method,
            URL(self.address + request.path, encoded=True),
            json=request.body,
            headers=headers,
            allow_redirects=False,
        ) as response:
            body = PackedBody() if response.status < 300 else PackedBody(MOST_ERROR_BYTES)
            async for part in response.content.iter_any():
                body.append(part)
            seconds = time.monotonic() - started
            log.debug("%s: %d, %d bytes, %.3f s", request, response.status, body.size, seconds)
            self._compare_clocks(response.headers.get("date"))
            short = body.size < INLINE_BYTES or response.status >= 300
            answer = body.whole() if short else body
            location = response.headers.get("location", "")
            return Exchange(request, response.status, answer, location, response.content_type, seconds, body.size)

    def _compare_clocks(self, date: str | None) -> None:
        try:
            server_time = parsedate_to_datetime(date) if date else None
            self.clock_ahead_s = None if server_time is None else (server_time - self._clock()).total_seconds()
        except (ValueError, TypeError):  # no date, or a date without a zone
            self.clock_ahead_s = None

    async def _connections(self) -> aiohttp.ClientSession:
        if self._http is None or self._http.closed:
            self._keeper = _kept_open(self._tls(), self._timeout_s)
            self._http = await anext(self._keeper)  # does not really wait, so simultaneous calls share one session
        return self._http

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._verify_ssl:
            if not self._warned:
                log.warning("the TLS certificate of %s is not checked (VERIFY_SSL=false)", self.address)
            self._warned = True
            return False
        return tls_context(self._ca_file)


async def _kept_open(tls: ssl.SSLContext | bool, timeout_s: float) -> AsyncGenerator[aiohttp.ClientSession, None]:
    """The connections, until the generator is closed.

    asyncio closes open generators when the event loop ends, so users of the library who never close the client get no
    warning from aiohttp.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=tls),
        # Without its own limit, a connection that hangs would look like a request that was sent.
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s / 2)),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as http:
        yield http


def _unreachable(request: Request, error: Exception, timeout_s: float) -> Failed:
    words = shorten(str(error), 200) or type(error).__name__
    if isinstance(error, asyncio.TimeoutError):
        words = f"no answer within {timeout_s:g} s"
    certificate = isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError))
    if certificate:
        words += "; name its CA in VMMANAGER_CA_FILE, or set VERIFY_SSL=false"
    # A large list that did not arrive in time would be late again, and load the panel a second time.
    slow = request.is_list and isinstance(error, asyncio.TimeoutError) and not isinstance(error, _NOT_SENT)
    if slow:
        words += "; a larger PANEL_TIMEOUT gives the panel more time"
    repeat = not certificate and not slow
    return failures.unreachable(request, words, sent=not isinstance(error, _NOT_SENT), repeat=repeat)
