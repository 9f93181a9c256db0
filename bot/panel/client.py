"""VMmanager 6 as the program sees it: one method for each thing that it asks the panel.

The POST that starts a migration is sent once: where its answer is lost OutcomeUnknown says so, and every other error
of it means that nothing was started. Repetitions and sessions are in calls.py, HTTP in transport.py; which field means
what is in rows.py and answers.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Coroutine
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, TypeVar

from balancer.model import VM, Cluster, Node, Snapshot
from bot.errors import PanelDataError, PanelForbidden, PanelRefused, PanelUnavailable
from bot.panel import answers, lists, responses, rows, snapshots
from bot.panel.address import panel_address
from bot.panel.answers import HistoryRow, MigrationStart, TaskInfo
from bot.panel.calls import Calls, Login
from bot.panel.failures import Failed, Request
from bot.panel.login import PasswordLogin, TokenLogin
from bot.panel.responses import Answerer
from bot.panel.transport import RawAnswer, Transport
from bot.panel.vocabulary import TaskStatus

__all__ = ["HistoryRow", "MigrationStart", "RawAnswer", "TaskInfo", "TaskStatus", "VMManagerAPI"]

T = TypeVar("T")
log = logging.getLogger(__name__)

TIMEOUT_S = 60.0
LARGEST_ZONE = timedelta(hours=14)


class VMManagerAPI:
    """A client for one panel; opens its connections at the first call. Use ``async with``, or call :meth:`close`.

    It logs in with ``username`` and ``password``, or sends a ``token`` that the panel issued before. A refused login
    is not tried again before ``login_pause_s`` has passed, a refused token never; ``read_token_again`` may give
    another token then. ``clock`` dates the snapshots; ``monotonic`` and ``sleep`` are the time for pauses.

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
        read_token_again: Callable[[], str | None] | None = None,
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
        self._with_token = token is not None
        self._clock = clock
        self._transport = Transport(
            self.address, verify_ssl=verify_ssl, timeout_s=timeout_s, ca_file=ca_file, clock=clock
        )
        login: Login = PasswordLogin(self.address, username, password, pause_s=login_pause_s)
        if token is not None:
            login = TokenLogin(token, read_token_again)
        self._calls = Calls(self._transport, login, sleep=sleep, monotonic=monotonic)

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
        await self._transport.close()

    # --- about the requests so far -------------------------------------------------------------------------

    @property
    def requests(self) -> Counter[str]:
        """Method -> requests sent since the start; every repetition counts."""
        return self._calls.requests

    @property
    def errors(self) -> Counter[str]:
        """Kind of failure (``failures.kind_of``) -> requests that failed."""
        return self._calls.errors

    @property
    def clock_ahead_s(self) -> float | None:
        """How far the panel's clock was ahead of this one at the last answer; ``None`` = the panel does not tell."""
        return self._transport.clock_ahead_s

    @property
    def login_answer(self) -> RawAnswer | None:
        """The answer to the last login, without its token; ``None`` = there was none."""
        return self._calls.login_answer

    @property
    def start_answer(self) -> RawAnswer | None:
        """The answer to the last request that starts a migration; ``None`` = none was sent, or its answer was lost."""
        return self._calls.start_answer

    # --- reading the whole ---------------------------------------------------------------------------------

    async def get_clusters(self) -> list[Cluster]:
        """All clusters."""
        return lists.clusters(await self._calls.rows("/vm/v3/cluster", "cluster"))

    async def get_nodes(self) -> list[Node]:
        """Without ``live_migration_allowed``, which only VM rows tell; :meth:`snapshot` has it."""
        return lists.nodes(await self._calls.rows("/vm/v3/node", "node"))

    async def get_vms(self) -> list[VM]:
        """Without those whose row names no cluster; :meth:`snapshot` takes it from the node."""
        return lists.vms(await self._calls.rows("/vm/v3/host", "VM", rows.seen_vm))

    async def snapshot(self, cluster_ids: Collection[int] | None = None) -> Snapshot:
        """The clusters with these ids (none given = all), their nodes and VMs, by three reads at once.

        NotFound when a cluster does not exist; PanelDataError when a list is incomplete.
        """
        taken_at = self._clock()
        clusters, nodes, vms = await _together(
            self._calls.rows("/vm/v3/cluster", "cluster"),
            self._calls.rows("/vm/v3/node", "node"),
            # Of a large panel's VMs only what is needed is kept, from the first row on.
            self._calls.rows("/vm/v3/host", "VM", rows.seen_vm),
        )
        return await asyncio.to_thread(snapshots.snapshot, clusters, nodes, vms, taken_at, cluster_ids)

    # --- one VM --------------------------------------------------------------------------------------------

    async def vm(self, vm_id: int) -> VM | None:
        """The VM as it is now; ``None`` = there is no such VM any more.

        A VM that is being moved may be without node (``None``) or cluster (``rows.UNPLACED``) for a moment.
        """
        matches = await self._calls.rows(f"/vm/v3/host?where=(id+EQ+{int(vm_id)})", "VM", rows.seen_vm)
        return next((one.vm for one in matches if one.vm is not None and one.vm.id == vm_id), None)

    async def history(self, vm_id: int) -> list[HistoryRow]:
        """What happened to the VM lately, newest first."""
        return answers.history(await self._calls.rows(f"/vm/v3/host/{int(vm_id)}/history", "history row"))

    async def internal_name(self, vm_id: int) -> str | None:
        """The name that libvirt has for the VM on its node; ``None`` where the panel does not tell."""
        return await self._calls.optional(f"/vm/v3/host/{int(vm_id)}/metadata", answers.internal_name)

    async def cpu_metric(self, vm_id: int, since: datetime) -> list[tuple[datetime, float]] | None:
        """The panel's own CPU metric of a VM since about this moment, in a unit that is not documented.

        ``None`` where the panel does not tell. The zone of ``from`` is not documented, so more is asked for.
        """
        begin = since.astimezone(timezone.utc) - LARGEST_ZONE
        path = f"/vm/v3/host/{int(vm_id)}/metrics?target=cpu_load&from={begin:%H:%M_%Y%m%d}"
        return await self._calls.optional(path, answers.datapoints)

    async def migration_targets(self, vm_id: int) -> dict[int, bool] | None:
        """Node -> whether the panel itself finds it suitable; ``None`` where the panel does not say."""
        return await self._calls.optional(f"/vm/v3/host/{int(vm_id)}/migrate", answers.suitable_nodes)

    async def start_migration(self, vm_id: int, node_id: int) -> MigrationStart:
        """Starts a live migration; the answer names its task, not yet its success.

        OutcomeUnknown: it may have started, look before anything else. Any other error: it has not.
        """
        # Never `plain`: that would stop the VM.
        request = Request("POST", f"/vm/v3/host/{int(vm_id)}/migrate", {"node": int(node_id)})
        return await self._calls.call(request, answers.migration_start)

    # --- tasks ---------------------------------------------------------------------------------------------

    async def find_task(self, consul_id: int) -> TaskInfo | None:
        """The task with this consul id, the migration where there are several; ``None`` = not listed (yet)."""
        matches = answers.tasks(await self._calls.rows(f"/vm/v3/task?where=(consul_id+EQ+{int(consul_id)})", "task"))
        return next((task for task in matches if task.id and task.consul_id == consul_id), None)

    async def active_tasks(self) -> list[TaskInfo] | None:
        """All tasks that are not over, of everybody; ``None`` where this panel or account does not tell."""
        where = "(status+EQ+'running'+OR+status+EQ+'created')"
        try:
            return answers.tasks(await self._calls.rows(f"/vm/v3/task?where={where}", "task"))
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
        return await self._calls.get(f"/vm/v3/task/{int(task_id)}", answers.task)

    async def abort_task(self, task_id: int) -> None:
        """Asks the panel to stop a task, by its own id. What became of the task is to be looked at afterwards.

        OutcomeUnknown: the panel may have taken it. Any other error: it has not.
        """
        await self._calls.call(Request("POST", f"/vm/v3/task/{int(task_id)}/abort", {}), _as_it_is)

    # --- about the panel and the account -------------------------------------------------------------------

    async def who_answers(self) -> tuple[Answerer, str]:
        """Who answers at the address, and the address of a redirect.

        Sends one request without a login, so that no password goes to a stranger.

        Raises:
            PanelError: nobody answers, or far too much.
        """
        try:
            exchange = await self._transport.exchange(Request("GET", "/vm/v3/cluster"), None)
        except Failed as failed:
            raise failed.error from failed.__cause__
        body = exchange.body
        who = responses.answerer(exchange.status, body if isinstance(body, bytes) else body.whole())
        return who, exchange.location

    async def raw(self, path: str, *, log_in: bool = True) -> RawAnswer:
        """The answer to a GET as it came, of any status, for a recording. Sent once.

        Raises:
            PanelError: there is no answer, or the login is refused.
        """
        return await self._calls.raw(path, log_in=log_in)

    async def log_in(self) -> None:
        """Asks for a session where there is none yet; every call does so by itself. A token is tried by a request."""
        await self._calls.log_in()
        if self._with_token:
            await self._calls.optional("/auth/v4/whoami", _as_it_is)

    async def version(self) -> str | None:
        """For a line in the log; nothing may depend on it."""
        return await self._calls.optional("/vm/v3/version", responses.version)

    async def account_roles(self) -> tuple[str, ...] | None:
        """The account's roles, such as ``@admin``; ``None`` where the panel does not say."""

        def read(document: object) -> tuple[str, ...] | None:
            return responses.roles(document, self._username)

        return await self._calls.optional("/auth/v4/whoami", read) or await self._calls.optional("/vm/v3/account", read)


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
