"""Talks to VMmanager 6; the only module that does, and the only user of aiohttp's client.

Reads are repeated when the panel is starting or out of reach. The POST that starts a migration is sent
once: where its answer is lost OutcomeUnknown says so, and every other error of it means that nothing was
started. Which field means what stands in rows.py and responses.py; when a login may be repeated, in session.py.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import aiohttp
from yarl import URL

from balancer.model import VM, Cluster, Node, Snapshot
from bot.domain.sanitize import shorten
from bot.errors import PanelAuthError, PanelDataError, PanelForbidden, PanelRefused, PanelUnavailable
from bot.panel import failures, lists, responses, rows
from bot.panel.address import panel_address
from bot.panel.failures import LOGIN_PATH, Failed, Request
from bot.panel.paging import all_rows
from bot.panel.responses import Answerer, HistoryRow, MigrationStart, NotJSON, Refusal, TaskInfo
from bot.panel.session import PanelSession, Token
from bot.panel.streaming import AnswerTooLarge, PackedBody
from bot.panel.tls import tls_context
from bot.panel.vocabulary import TaskStatus

__all__ = ["HistoryRow", "MigrationStart", "TaskInfo", "TaskStatus", "VMManagerAPI"]

T = TypeVar("T")
log = logging.getLogger(__name__)

# How often a read is repeated: the vendor asks for ten times after a 503; anything else rarely heals so soon.
REPEATS = {"starting": 10, "fault": 2}
PAUSE_S = 0.1
MAX_CONNECTIONS = 8
TIMEOUT_S = 60.0
CONNECT_S = 15.0
# A session younger than this has not ended by itself.
FRESH_S = 60.0
# Shorter answers are parsed in the event loop: a thread would take longer.
INLINE_BYTES = 50_000
# Of an answer with an error: its envelope has some hundred bytes, a page of a proxy some thousand.
MOST_ERROR_BYTES = 1 << 20
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_TRANSPORT = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class Exchange(NamedTuple):
    """One answer as it came. ``location`` = the address of a redirect."""

    status: int
    body: bytes | PackedBody
    location: str
    content_type: str
    seconds: float
    size: int


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """One answer for a recording, whatever its status. ``document`` is ``None`` where the body is no JSON."""

    method: str
    path: str
    authenticated: bool
    status: int
    content_type: str
    seconds: float
    size: int
    document: Any


class VMManagerAPI:
    """A client for one panel; opens its connections at the first call. Use ``async with``, or call :meth:`close`.

    It logs in with ``username`` and ``password``, or sends a ``token`` that the panel issued before. ``clock`` dates
    the snapshots; ``monotonic`` and ``sleep`` are the time for pauses. A refused login or token is not tried again
    before ``login_pause_s`` has passed.

    Raises:
        ConfigError: the address cannot be one.
        PanelUnavailable, PanelAuthError, PanelForbidden, PanelRefused, PanelDataError: from every request.
    """

    def __init__(  # noqa: PLR0913 - as specified; the rest by name
        self,
        host: str,
        username: str = "",
        password: str = "",
        *,
        token: str | None = None,
        verify_ssl: bool = True,
        timeout_s: float = TIMEOUT_S,
        ca_file: str | None = None,
        login_pause_s: float = 300.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = panel_address(host)
        self._username = username
        self._password = password
        self._api_token = token
        self._api_token_taken = False
        self._verify_ssl = verify_ssl
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._sleep = sleep
        self._clock = clock
        self._warned = False
        self.clock_ahead_s: float | None = None
        """How far the panel's clock was ahead of this one at the last answer; ``None`` = the panel does not tell."""
        self.requests: Counter[str] = Counter()
        """Method -> requests sent since the start; every repetition counts."""
        self.errors: Counter[str] = Counter()
        """Kind of failure (``failures.kind_of``) -> requests that failed."""
        self.login_answer: RawAnswer | None = None
        """The answer to the last login, without its token; ``None`` = there was none."""
        self.start_answer: RawAnswer | None = None
        """The answer to the last request that starts a migration; ``None`` = none was sent, or its answer was lost."""
        self._http: aiohttp.ClientSession | None = None
        self._keeper: AsyncGenerator[aiohttp.ClientSession, None] | None = None
        self._session = PanelSession(self._log_in, pause_s=login_pause_s, clock=monotonic)

    def __repr__(self) -> str:
        return f"VMManagerAPI({self.address!r})"

    async def __aenter__(self) -> VMManagerAPI:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all connections; a later call opens new ones. If never called, they close with the event loop."""
        keeper, self._keeper, self._http = self._keeper, None, None
        if keeper is not None:
            await keeper.aclose()

    # --- reading the whole ---------------------------------------------------------------------------------

    async def get_clusters(self) -> list[Cluster]:
        """All clusters."""
        return lists.clusters(await self._list("/vm/v3/cluster", "cluster"))

    async def get_nodes(self) -> list[Node]:
        """Without ``live_migration_allowed``, which only VM rows tell; :meth:`snapshot` has it."""
        return lists.nodes(await self._list("/vm/v3/node", "node"))

    async def get_vms(self) -> list[VM]:
        """Without those whose row names no cluster; :meth:`snapshot` takes it from the node."""
        return lists.vms(await self._list("/vm/v3/host", "VM", rows.seen_vm))

    async def snapshot(self, cluster_ids: Collection[int] | None = None) -> Snapshot:
        """The clusters with these ids (none given = all), their nodes and VMs, by three reads at once.

        NotFound when a cluster does not exist; PanelDataError when a list is incomplete.
        """
        taken_at = self._clock()
        clusters, nodes, vms = await _together(
            self._list("/vm/v3/cluster", "cluster"),
            self._list("/vm/v3/node", "node"),
            # Of a large panel's VMs only what is needed is kept, from the first row on.
            self._list("/vm/v3/host", "VM", rows.seen_vm),
        )
        return await asyncio.to_thread(lists.snapshot, clusters, nodes, vms, taken_at, cluster_ids)

    # --- one VM --------------------------------------------------------------------------------------------

    async def vm(self, vm_id: int) -> VM | None:
        """The VM as it is now; ``None`` = there is no such VM any more.

        A VM that is being moved may be without node (``None``) or cluster (``rows.UNPLACED``) for a moment.
        """
        matches = await self._list(f"/vm/v3/host?where=(id+EQ+{int(vm_id)})", "VM", rows.seen_vm)
        return next((one.vm for one in matches if one.vm is not None and one.vm.id == vm_id), None)

    async def history(self, vm_id: int) -> list[HistoryRow]:
        """What happened to the VM lately, newest first."""
        return responses.history(await self._list(f"/vm/v3/host/{int(vm_id)}/history", "history row"))

    async def internal_name(self, vm_id: int) -> str | None:
        """The name that libvirt has for the VM on its node; ``None`` where the panel does not tell."""
        return await self._optional(f"/vm/v3/host/{int(vm_id)}/metadata", responses.internal_name)

    async def migration_targets(self, vm_id: int) -> dict[int, bool] | None:
        """Node -> whether the panel itself finds it suitable; ``None`` where the panel does not say."""
        return await self._optional(f"/vm/v3/host/{int(vm_id)}/migrate", responses.suitable_nodes)

    async def start_migration(self, vm_id: int, node_id: int) -> MigrationStart:
        """Starts a live migration; the answer names its task, not yet its success.

        OutcomeUnknown: it may have started, look before anything else. Any other error: it has not.
        """
        # Never `plain`: that would stop the VM.
        request = Request("POST", f"/vm/v3/host/{int(vm_id)}/migrate", {"node": int(node_id)})
        self.start_answer = None
        return await self._call(request, responses.migration_start)

    # --- tasks ---------------------------------------------------------------------------------------------

    async def find_task(self, consul_id: int) -> TaskInfo | None:
        """The task with this consul id, the migration where there are several; ``None`` = not listed (yet)."""
        matches = responses.tasks(await self._list(f"/vm/v3/task?where=(consul_id+EQ+{int(consul_id)})", "task"))
        return next((task for task in matches if task.consul_id == consul_id), None)

    async def active_tasks(self) -> list[TaskInfo] | None:
        """All tasks that are not over, of everybody; ``None`` where this panel or account does not tell."""
        where = "(status+EQ+'running'+OR+status+EQ+'created')"
        try:
            return responses.tasks(await self._list(f"/vm/v3/task?where={where}", "task"))
        except (PanelRefused, PanelForbidden, PanelDataError) as error:
            log.debug("active tasks are not available: %s", error)
        except PanelUnavailable as error:
            # A column that the panel does not know is answered with an error of the server, an unknown path with
            # the start page. Any other status is an outage.
            if error.status is None or 300 <= error.status != 500:
                raise
            log.debug("active tasks are not available: %s", error)
        return None

    async def task(self, task_id: int) -> TaskInfo:
        """A task by its own id (not the consul id), with its output."""
        return await self._get(f"/vm/v3/task/{int(task_id)}", responses.task)

    # --- about the panel and the account -------------------------------------------------------------------

    async def who_answers(self) -> tuple[Answerer, str]:
        """Who answers at the address, and the address of a redirect.

        Sends one request without a login, so that no password goes to a stranger.

        Raises:
            PanelUnavailable: nobody answers.
        """
        request = Request("GET", "/vm/v3/cluster")
        try:
            status, body, location, *_ = await self._exchange(request, None)
        except _TRANSPORT as error:
            raise _unreachable(request, error, self._timeout_s).error from error
        except AnswerTooLarge as error:
            raise PanelUnavailable(f"the answer is too large: {error} ({request})") from error
        return responses.answerer(status, body if isinstance(body, bytes) else body.whole()), location

    async def raw(self, path: str, *, log_in: bool = True) -> RawAnswer:
        """The answer to a GET as it came, of any status, for a recording. Sent once.

        Raises:
            PanelError: there is no answer, or the login is refused.
        """
        request = Request("GET", path)
        token = await self._session.token() if log_in else None
        try:
            exchange = await self._exchange(request, token)
        except _TRANSPORT as error:
            raise _unreachable(request, error, self._timeout_s).error from error
        except AnswerTooLarge as error:
            raise PanelDataError(f"the panel's answer is too large: {error} ({request})") from error
        document = await asyncio.to_thread(responses.document_of, exchange.body)
        return RawAnswer(
            *("GET", path, log_in, exchange.status, exchange.content_type, exchange.seconds, exchange.size, document)
        )

    async def log_in(self) -> None:
        """Asks for a session where there is none yet; every call does so by itself. A token is tried by a request."""
        await self._session.token()
        if self._api_token is not None:
            await self._optional("/auth/v4/whoami", _as_it_is)

    async def version(self) -> str | None:
        """For a line in the log; nothing may depend on it."""
        return await self._optional("/vm/v3/version", responses.version)

    async def account_roles(self) -> tuple[str, ...] | None:
        """The account's roles, such as ``@admin``; ``None`` where the panel does not say."""

        def read(document: object) -> tuple[str, ...] | None:
            return responses.roles(document, self._username)

        return await self._optional("/auth/v4/whoami", read) or await self._optional("/vm/v3/account", read)

    # --- requests ------------------------------------------------------------------------------------------

    async def _get(self, path: str, read: Callable[[Any], T]) -> T:
        return await self._call(Request("GET", path), read)

    async def _list(self, path: str, what: str, each: Callable[[object], object] | None = None) -> list[Any]:
        """Every row of a list, also where the panel sends it in pages."""

        async def fetch(limit: str) -> responses.Page:
            sign = "&" if "?" in path else "?"
            request = Request("GET", f"{path}{sign}limit={limit}" if limit else path, each=each, is_list=True)
            return await self._call(request, lambda document: responses.page(document, what))

        return await all_rows(fetch, what)

    async def _optional(self, path: str, read: Callable[[Any], T | None]) -> T | None:
        """For what not every panel and account offers. An outage is raised all the same."""
        try:
            return await self._get(path, read)
        except (PanelRefused, PanelForbidden, PanelDataError) as error:
            log.debug("not available: %s", error)
        except PanelUnavailable as error:
            if error.status is None or error.status >= 300:
                raise
            log.debug("no such page: %s", error)  # panels answer unknown paths with their start page
        return None

    async def _call(self, request: Request, read: Callable[[Any], T]) -> T:
        """With a session; with another one, once, when the panel no longer takes the first."""
        token = await self._session.token()
        try:
            return await self._patiently(request, read, token)
        except Failed as failed:
            if failed.kind not in ("session", "not-callable"):
                raise failed.error from failed.__cause__
            ended = failed.kind == "session"
        if ended or (self._api_token is None and not self._session.is_fresh(token, FRESH_S)):
            token = await self._session.renew(token, ended=ended)
        try:
            return await self._patiently(request, read, token)
        except Failed as failed:
            if failed.kind == "session":
                self._session.rejected(token)
            raise failed.error from failed.__cause__

    async def _patiently(self, request: Request, read: Callable[[Any], T], token: Token | None) -> T:
        """Repeats a request that may be repeated, with growing pauses."""
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
        try:
            exchange = await self._exchange(request, token)
            status, body, location = exchange.status, exchange.body, exchange.location
        except _TRANSPORT as error:
            raise _unreachable(request, error, self._timeout_s) from error
        except AnswerTooLarge as error:
            too_large = PanelDataError(f"the panel's answer is too large: {error} ({request})")
            raise failures.unreadable(request, too_large, "final") from None
        try:
            if isinstance(body, bytes):
                return responses.read_answer(status, body, read, request.each)
            return await asyncio.to_thread(responses.read_answer, status, body, read, request.each)
        except Refusal as refusal:
            raise failures.refused(request, refusal, location, self._password) from None
        except NotJSON:
            no_json = PanelUnavailable(f"the answer is no JSON (HTTP {status}, {request})", status=status)
            raise failures.unreadable(request, no_json, "fault") from None
        except PanelDataError as error:
            no_sense = PanelDataError(f"{error} ({request})", status=status)
            raise failures.unreadable(request, no_sense, "final") from None

    async def _exchange(self, request: Request, token: Token | None) -> Exchange:
        """Sends the request once.

        The body of a long good answer stays compressed: uncompressed it would be the largest object of the program, and
        that moment decides how much memory the program needs.
        """
        headers = {"accept": "application/json"}
        if token is not None:
            headers["x-xsrf-token"] = token.value
        started = time.monotonic()
        # The panel wants the blanks of a filter as plain "+", so the address goes out as it stands. A redirect
        # is never followed: it would carry the token, or repeat the POST, elsewhere.
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
            log.debug("%s: %d, %d bytes, %.3f s", request, response.status, body.size, time.monotonic() - started)
            self._compare_clocks(response.headers.get("date"))
            short = body.size < INLINE_BYTES or response.status >= 300
            seconds = time.monotonic() - started
            answer = body.whole() if short else body
            self._remember(request, response, answer, seconds, body.size)
            location = response.headers.get("location", "")
            return Exchange(response.status, answer, location, response.content_type, seconds, body.size)

    def _remember(
        self,
        request: Request,
        response: aiohttp.ClientResponse,
        answer: bytes | PackedBody,
        seconds: float,
        size: int,
    ) -> None:
        """Keeps the answers that a recording cannot ask for again. That of a login without its body, the token."""
        about = (request.method, request.path, not request.is_login, response.status, response.content_type, seconds)
        if request.is_login:
            self.login_answer = RawAnswer(*about, size, None)
        elif request.changes_things:
            self.start_answer = RawAnswer(*about, size, responses.document_of(answer))

    def _compare_clocks(self, date: str | None) -> None:
        try:
            server_time = parsedate_to_datetime(date) if date else None
            self.clock_ahead_s = None if server_time is None else (server_time - self._clock()).total_seconds()
        except (ValueError, TypeError):  # no date, or one without a zone
            self.clock_ahead_s = None

    async def _connections(self) -> aiohttp.ClientSession:
        if self._http is None or self._http.closed:
            self._keeper = _kept_open(self._tls(), self._timeout_s)
            self._http = await anext(self._keeper)  # waits for nothing: calls at the same time share one
        return self._http

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._verify_ssl:
            if not self._warned:
                log.warning("the TLS certificate of %s is not checked (VERIFY_SSL=false)", self.address)
            self._warned = True
            return False
        return tls_context(self._ca_file)

    async def _log_in(self) -> str:
        """One login, for PanelSession. PanelAuthError when the panel answered and gave no token."""
        if self._api_token is not None:
            return self._given_token(self._api_token)
        request = Request("POST", LOGIN_PATH, {"email": self._username, "password": self._password})
        try:
            token = await self._patiently(request, responses.token, None)
        except Failed as failed:
            raise failed.error from failed.__cause__
        if token is None:
            raise PanelAuthError(f"the login at {self.address} was answered without a token: is this a VMmanager 6?")
        return token

    def _given_token(self, token: str) -> str:
        """The token of the settings. Asked for again it was not accepted, which no repetition changes."""
        self._api_token_taken = not self._api_token_taken
        if self._api_token_taken:
            return token
        raise PanelAuthError(
            "VMmanager does not accept the token in VMMANAGER_TOKEN: it has expired or was revoked; make a new one "
            "(docs/first-contact.md) and start the program again",
            status=401,
        )


async def _kept_open(tls: ssl.SSLContext | bool, timeout_s: float) -> AsyncGenerator[aiohttp.ClientSession, None]:
    """The connections, until the generator is closed.

    asyncio closes the generators of an event loop that ends, so a user of the library who never
    closes anything gets no warning from aiohttp.
    """
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=tls),
        # Without its own limit a connection that hangs would look like a request that was sent.
        timeout=aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_S, timeout_s / 2)),
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as http:
        yield http


async def _together(*calls: Coroutine[Any, Any, T]) -> list[T]:
    """All results; when one fails or the caller is cancelled, none of the others goes on."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _as_it_is(document: Any) -> Any:
    return document


def _unreachable(request: Request, error: Exception, timeout_s: float) -> Failed:
    words = shorten(str(error), 200) or type(error).__name__
    if isinstance(error, asyncio.TimeoutError):
        words = f"no answer within {timeout_s:g} s"
    certificate = isinstance(error, (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError))
    if certificate:
        words += "; name its CA in VMMANAGER_CA_FILE, or set VERIFY_SSL=false"
    # A large list that did not come within the time would not come within it again, and load the panel once more.
    slow = request.is_list and isinstance(error, asyncio.TimeoutError) and not isinstance(error, _NOT_SENT)
    if slow:
        words += "; a larger PANEL_TIMEOUT gives the panel more time"
    repeat = not certificate and not slow
    return failures.unreachable(request, words, sent=not isinstance(error, _NOT_SENT), repeat=repeat)
