"""Sends requests with a session, and repeats them where this is allowed. session.py decides when to log in again.

Reads are repeated if the panel is starting or out of reach. A request that changes things is sent once: if its answer
is lost, OutcomeUnknown is raised. Every other error of it means that the panel did nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from bot.domain.sanitize import Redactor
from bot.errors import PanelDataError, PanelForbidden, PanelRefused, PanelUnavailable
from bot.panel import failures, responses
from bot.panel.failures import Failed, Request
from bot.panel.paging import all_rows
from bot.panel.responses import NotJSON, Refusal
from bot.panel.session import PanelSession, Token
from bot.panel.transport import RawAnswer, Transport, raw_answer

T = TypeVar("T")
log = logging.getLogger(__name__)

# How often a read is repeated. After a 503 the vendor recommends ten times; other faults rarely end so soon.
REPEATS = {"starting": 10, "fault": 2}
PAUSE_S = 0.1
# A session that is younger (in seconds) has not ended by itself.
FRESH_S = 60.0
HTTP_UNAUTHORIZED = 401


class Login(Protocol):
    """A way to get a session: by a password, or by a token that the panel issued before (login.py)."""

    secrets: tuple[str, ...]
    """Texts that no message may contain."""
    renewable: bool
    """Whether another login may give rights that the present session does not have."""
    pause_s: float
    """How long no login is tried after a refused one."""

    async def token(self, send: Send) -> str:
        """
        Raises:
            PanelError: there is no token; PanelAuthError: the panel refuses the login.
        """

    def refuse(self, token: str) -> None:
        """Records that the panel does not accept this token."""


class Send(Protocol):
    """Sends a request without a session."""

    async def __call__(self, request: Request, read: Callable[[Any], T]) -> T: ...


class Calls:
    """The requests to one panel. ``sleep`` and ``monotonic`` are used for pauses."""

    def __init__(
        self,
        transport: Transport,
        login: Login,
        *,
        sleep: Callable[[float], Awaitable[object]],
        monotonic: Callable[[], float],
    ) -> None:
        self._transport = transport
        self._login = login
        self._sleep = sleep
        self._session = PanelSession(self._log_in, pause_s=login.pause_s, clock=monotonic)
        self.requests: Counter[str] = Counter()
        """Method -> requests sent since the start, with repetitions."""
        self.errors: Counter[str] = Counter()
        """Kind of failure (``failures.kind_of``) -> requests that failed."""
        self.login_answer: RawAnswer | None = None
        """The answer to the last login, without its token; ``None`` = there was none."""
        self.start_answer: RawAnswer | None = None
        """The answer to the last request that changes things; ``None`` = none was sent, or its answer was lost."""

    async def log_in(self) -> None:
        """Logs in if there is no session; every other method does this by itself."""
        await self._session.token()

    async def get(self, path: str, read: Callable[[Any], T]) -> T:
        """The answer to a GET, read by ``read``. Raises PanelError."""
        return await self.call(Request("GET", path), read)

    async def rows(self, path: str, what: str, each: Callable[[object], object] | None = None) -> list[Any]:
        """Every row of a list, also if the panel sends it in pages."""

        async def fetch(limit: str) -> responses.Page:
            sign = "&" if "?" in path else "?"
            request = Request("GET", f"{path}{sign}limit={limit}" if limit else path, each=each, is_list=True)
            return await self.call(request, lambda document: responses.page(document, what))

        return await all_rows(fetch, what)

    async def optional(self, path: str, read: Callable[[Any], T | None]) -> T | None:
        """The answer; ``None`` if this panel or account does not offer it. An outage is raised."""
        try:
            return await self.get(path, read)
        except (PanelRefused, PanelForbidden, PanelDataError) as error:
            log.debug("not available: %s", error)
        except PanelUnavailable as error:
            if error.status is None or error.status >= 300:
                raise
            log.debug("no such page: %s", error)  # panels answer an unknown path with their start page
        return None

    async def raw(self, path: str, *, log_in: bool) -> RawAnswer:
        """The unchanged answer to a GET, with any status. Sent once. Raises PanelError if there is no answer."""
        token = await self._session.token() if log_in else None
        try:
            exchange = await self._transport.exchange(Request("GET", path), None if token is None else token.value)
        except Failed as failed:
            raise failed.error from failed.__cause__
        if token is not None and exchange.status == HTTP_UNAUTHORIZED and not self._login.renewable:
            self._refused(token)
        return await asyncio.to_thread(raw_answer, exchange, authenticated=log_in)

    async def call(self, request: Request, read: Callable[[Any], T]) -> T:
        """Sends a request with a session. If the panel no longer accepts the session, tries once with a new one."""
        if request.changes_things:
            self.start_answer = None
        token = await self._session.token()
        try:
            return await self._patiently(request, read, token)
        except Failed as failed:
            if failed.kind not in ("session", "not-callable"):
                raise failed.error from failed.__cause__
            ended = failed.kind == "session"
        if ended:
            self._login.refuse(token.value)
        if ended or (self._login.renewable and not self._session.is_fresh(token, FRESH_S)):
            token = await self._session.renew(token, ended=ended)
        try:
            return await self._patiently(request, read, token)
        except Failed as failed:
            if failed.kind == "session":
                self._refused(token)
            raise failed.error from failed.__cause__

    def _refused(self, token: Token) -> None:
        """Handles a new token that the panel did not accept. A token of the settings is never sent again."""
        self._login.refuse(token.value)
        self._session.rejected(token, for_good=not self._login.renewable)

    async def _patiently(self, request: Request, read: Callable[[Any], T], token: Token | None) -> T:
        """Sends a request, and repeats it with growing pauses if this is allowed."""
        done = dict.fromkeys(REPEATS, 0)
        while True:
            self.requests[request.method] += 1
            try:
                answer = await self._once(request, read, token)
            except Failed as failed:
                self.errors[failures.kind_of(failed)] += 1
                if failed.kind not in REPEATS or done[failed.kind] >= REPEATS[failed.kind]:
                    raise
                done[failed.kind] += 1
                log.debug("again after: %s", failed)
            else:
                if token is not None:
                    self._session.worked()
                return answer
            await self._sleep(PAUSE_S * sum(done.values()))

    async def _once(self, request: Request, read: Callable[[Any], T], token: Token | None) -> T:
        exchange = await self._transport.exchange(request, None if token is None else token.value)
        if request.is_login:  # the body is the token
            self.login_answer = raw_answer(exchange, authenticated=False, with_body=False)
        elif request.changes_things and isinstance(exchange.body, bytes):
            self.start_answer = raw_answer(exchange)
        status, body = exchange.status, exchange.body
        try:
            if isinstance(body, bytes):
                return responses.read_answer(status, body, read, request.each)
            return await asyncio.to_thread(responses.read_answer, status, body, read, request.each)
        except Refusal as refusal:
            hide = Redactor(self._login.secrets if token is None else (token.value,))
            raise failures.refused(request, refusal, exchange.location, hide) from None
        except NotJSON:
            no_json = PanelUnavailable(f"the answer is no JSON (HTTP {status}, {request})", status=status)
            raise failures.unreadable(request, no_json, "fault") from None
        except PanelDataError as error:
            no_sense = PanelDataError(f"{error} ({request})", status=status)
            raise failures.unreadable(request, no_sense, "final") from None

    async def _log_in(self) -> str:
        """One login, for PanelSession."""
        return await self._login.token(self._send)

    async def _send(self, request: Request, read: Callable[[Any], T]) -> T:
        try:
            return await self._patiently(request, read, None)
        except Failed as failed:
            raise failed.error from failed.__cause__
