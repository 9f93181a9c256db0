"""Talks to VMmanager 6; the only module that does, and the only user of aiohttp's client.

Reads are repeated when the panel is starting or out of reach. The POST that starts a migration is sent
once: where its answer is lost OutcomeUnknown says so, and every other error of it means that nothing was
started. Which field means what stands in panel_rows.py and panel_answers.py; who may log in when, in
panel_session.py.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine
from datetime import datetime, timezone
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from balancer.model import VM, Cluster, Node, Snapshot
from bot import panel_answers, panel_failures, panel_rows
from bot.errors import ConfigError, PanelAuthError, PanelDataError, PanelForbidden, PanelRefused, PanelUnavailable
from bot.panel_address import panel_address
from bot.panel_answers import HistoryRow, MigrationStart, NotJSON, Refusal, TaskInfo, TaskStatus
from bot.panel_failures import LOGIN_PATH, Failed, Request
from bot.panel_session import PanelSession, Token
from bot.sanitize import shorten

__all__ = ["HistoryRow", "MigrationStart", "TaskInfo", "TaskStatus", "VMManagerAPI"]

T = TypeVar("T")
log = logging.getLogger(__name__)

# How often a read is repeated: the vendor asks for ten times after a 503; anything else rarely heals so soon.
REPEATS = {"starting": 10, "fault": 2}
PAUSE_S = 0.1
MAX_CONNECTIONS = 8
# A session younger than this has not ended by itself.
FRESH_S = 60.0
# Shorter answers are parsed where they are: handing them to a thread would take longer.
INLINE_BYTES = 50_000
_NOT_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_TRANSPORT = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class VMManagerAPI:
    """A client for one panel; opens its connections at the first call. Use ``async with``, or call :meth:`close`.

    Errors: PanelUnavailable (an outage), PanelAuthError, PanelForbidden, PanelRefused, PanelDataError. A
    refused login is not repeated before ``login_pause_s`` has passed. ``clock`` dates the snapshots;
    ``monotonic`` and ``sleep`` are the time for pauses. ConfigError for an address that cannot be one.
    """

    def __init__(
        self,
        host: str,
        username: str,
        password: str,
        *,
        verify_ssl: bool = True,
        timeout_s: float = 30.0,
        ca_file: str | None = None,
        login_pause_s: float = 300.0,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = panel_address(host)
        self._username = username
        self._password = password
        self._verify_ssl = verify_ssl
        self._timeout_s = timeout_s
        self._ca_file = ca_file
        self._sleep = sleep
        self._clock = clock
        self._warned = False
        self._http: aiohttp.ClientSession | None = None
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
        """Ends all connections; a later call would open new ones."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    # --- reading the whole ---------------------------------------------------------------------------------

    async def get_clusters(self) -> list[Cluster]:
        return await self._get("/vm/v3/cluster", panel_rows.clusters)

    async def get_nodes(self) -> list[Node]:
        """Without ``live_migration_allowed``, which only VM rows tell; :meth:`snapshot` has it."""
        return await self._get("/vm/v3/node", panel_rows.nodes)

    async def get_vms(self) -> list[VM]:
        return await self._get("/vm/v3/host", panel_rows.vms)

    async def snapshot(self, cluster_ids: Collection[int] | None = None) -> Snapshot:
        """The clusters with these ids (none given = all), their nodes and VMs, by three reads at once.

        NotFound when a cluster does not exist; PanelDataError when a list is incomplete.
        """
        taken_at = self._clock()
        clusters, nodes, vms = await _together(
            self._get("/vm/v3/cluster", _as_it_is),
            self._get("/vm/v3/node", _as_it_is),
            self._get("/vm/v3/host", _as_it_is),
        )
        return await asyncio.to_thread(panel_rows.snapshot, clusters, nodes, vms, taken_at, cluster_ids)

    # --- one VM --------------------------------------------------------------------------------------------

    async def vm(self, vm_id: int) -> VM | None:
        """The VM as it is now; ``None`` = there is no such VM any more."""
        found = await self._get(f"/vm/v3/host?where=(id+EQ+{int(vm_id)})", panel_rows.vms)
        return next((vm for vm in found if vm.id == vm_id), None)

    async def history(self, vm_id: int) -> list[HistoryRow]:
        """What happened to the VM lately, newest first."""
        return await self._get(f"/vm/v3/host/{int(vm_id)}/history", panel_answers.history)

    async def migration_targets(self, vm_id: int) -> dict[int, bool] | None:
        """Node -> whether the panel itself finds it suitable; ``None`` where the panel does not say."""
        return await self._optional(f"/vm/v3/host/{int(vm_id)}/migrate", panel_answers.suitable_nodes)

    async def start_migration(self, vm_id: int, node_id: int) -> MigrationStart:
        """Starts a live migration; the answer names its task, not yet its success.

        OutcomeUnknown: it may have started, look before anything else. Any other error: it has not.
        """
        # Never `plain`: that would stop the VM.
        request = Request("POST", f"/vm/v3/host/{int(vm_id)}/migrate", {"node": int(node_id)})
        return await self._call(request, panel_answers.migration_start)

    # --- tasks ---------------------------------------------------------------------------------------------

    async def find_task(self, consul_id: int) -> TaskInfo | None:
        """The task with this consul id, the migration where there are several; ``None`` = not listed (yet)."""
        found = await self._get(f"/vm/v3/task?where=(consul_id+EQ+{int(consul_id)})", panel_answers.tasks)
        return next((task for task in found if task.consul_id == consul_id), None)

    async def task(self, task_id: int) -> TaskInfo:
        """A task by its own id (not the consul id), with its output."""
        return await self._get(f"/vm/v3/task/{int(task_id)}", panel_answers.task)

    # --- about the panel and the account -------------------------------------------------------------------

    async def version(self) -> str | None:
        """For a line in the log; nothing may depend on it."""
        return await self._optional("/vm/v3/version", panel_answers.version)

    async def account_roles(self) -> tuple[str, ...] | None:
        """The account's roles, such as ``@admin``; ``None`` where the panel does not say."""

        def read(document: object) -> tuple[str, ...] | None:
            return panel_answers.roles(document, self._username)

        return await self._optional("/auth/v4/whoami", read) or await self._optional("/vm/v3/account", read)

    # --- requests ------------------------------------------------------------------------------------------

    async def _get(self, path: str, read: Callable[[Any], T]) -> T:
        return await self._call(Request("GET", path), read)

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
        if ended or not self._session.is_fresh(token, FRESH_S):
            token = await self._session.renew(token, ended=ended)
        try:
            return await self._patiently(request, read, token)
        except Failed as failed:
            if failed.kind == "session":
                self._session.rejected(token)
            raise failed.error from failed.__cause__

    async def _patiently(self, request: Request, read: Callable[[Any], T], token: Token | None) -> T:
        """Repeats what may be repeated, with growing pauses."""
        done = dict.fromkeys(REPEATS, 0)
        while True:
            try:
                answer = await self._once(request, read, token)
            except Failed as failed:
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
            status, body, location = await self._exchange(request, token)
        except _TRANSPORT as error:
            raise _unreachable(request, error, self._timeout_s) from error
        try:
            if len(body) < INLINE_BYTES:
                return panel_answers.read_answer(status, body, read)
            return await asyncio.to_thread(panel_answers.read_answer, status, body, read)
        except Refusal as refusal:
            raise panel_failures.refused(request, refusal, location, self._password) from None
        except NotJSON:
            no_json = PanelUnavailable(f"the answer is no JSON (HTTP {status}, {request})", status=status)
            raise panel_failures.unreadable(request, no_json, "fault") from None
        except PanelDataError as error:
            no_sense = PanelDataError(f"{error} ({request})", status=status)
            raise panel_failures.unreadable(request, no_sense, "final") from None

    async def _exchange(self, request: Request, token: Token | None) -> tuple[int, bytes, str]:
        headers = {"accept": "application/json"}
        if token is not None:
            headers["x-xsrf-token"] = token.value
        started = time.monotonic()
        # The panel wants the blanks of a filter as plain "+", so the address goes out as it stands. A redirect
        # is never followed: it would carry the token, or repeat the POST, elsewhere.
        async with self._connections().request(
            request.method,
            URL(self.address + request.path, encoded=True),
            json=request.body,
            headers=headers,
            allow_redirects=False,
        ) as response:
            body = await response.read()
            log.debug("%s: %d, %d bytes, %.3f s", request, response.status, len(body), time.monotonic() - started)
            return response.status, body, response.headers.get("location", "")

    def _connections(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ssl=self._tls()),
                # Without its own limit a connection that hangs would look like a request that was sent.
                timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=self._timeout_s / 2),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._http

    def _tls(self) -> ssl.SSLContext | bool:
        if not self._verify_ssl:
            if not self._warned:
                log.warning("the TLS certificate of %s is not checked (VERIFY_SSL=false)", self.address)
            self._warned = True
            return False
        if self._ca_file is None:
            return True
        try:
            context = ssl.create_default_context()
            context.load_verify_locations(cafile=self._ca_file)
        except OSError as error:  # ssl.SSLError is one too
            raise ConfigError([f"the CA file {self._ca_file!r} cannot be used: {error}"]) from error
        return context

    async def _log_in(self) -> str:
        """One login, for PanelSession. PanelAuthError when the panel answered and gave no token."""
        request = Request("POST", LOGIN_PATH, {"email": self._username, "password": self._password})
        try:
            token = await self._patiently(request, panel_answers.token, None)
        except Failed as failed:
            raise failed.error from failed.__cause__
        if token is None:
            raise PanelAuthError(f"the login at {self.address} was answered without a token: is this a VMmanager 6?")
        return token


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
        words += "; trust its CA, or set VERIFY_SSL=false"
    return panel_failures.unreachable(request, words, sent=not isinstance(error, _NOT_SENT), repeat=not certificate)
