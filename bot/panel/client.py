"""The client for VMmanager 6: one method for each question that the program asks the panel.

The POST that starts a migration is sent once. If its answer is lost, OutcomeUnknown is raised. Every other error of it
means that nothing was started. Repetitions and sessions are in calls.py, HTTP is in transport.py, and the meaning of
fields is in rows.py and answers.py.
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

    It logs in with ``username`` and ``password``, or uses a ``token`` that the panel issued before. After a refused
    login it waits ``login_pause_s`` before the next one. A refused token is never sent again; ``read_token_again`` may
    then return another one. ``clock`` dates the snapshots; ``monotonic`` and ``sleep`` are used for pauses.

    Raises:
        ConfigError: the address is not valid.
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
        """Method -> requests sent since the start, with repetitions."""
        return self._calls.requests

    @property
    def errors(self) -> Counter[str]:
        """Kind of failure (``failures.kind_of``) -> requests that failed."""
        return self._calls.errors

    @property
    def clock_ahead_s(self) -> float | None:
        """How far the panel's clock was ahead of this one at the last answer; ``None`` = unknown."""
        return self._transport.clock_ahead_s

    @property
    def login_answer(self) -> RawAnswer | None:
        """The answer to the last login, without its token; ``None`` = there was none."""
        return self._calls.login_answer

    @property
    def start_answer(self) -> RawAnswer | None:
        """The answer to the last request that starts a migration; ``None`` = none was sent, or its answer was lost."""
        return self._calls.start_answer

    # --- all clusters, nodes and VMs -----------------------------------------------------------------------

    async def get_clusters(self) -> list[Cluster]:
        """All clusters."""
        return lists.clusters(await self._calls.rows("/vm/v3/cluster", "cluster"))

    async def get_nodes(self) -> list[Node]:
        """All nodes, without ``live_migration_allowed``: only VM rows have it, so :meth:`snapshot` has it too."""
        return lists.nodes(await self._calls.rows("/vm/v3/node", "node"))

    async def get_vms(self) -> list[VM]:
        """All VMs whose row names a cluster; :meth:`snapshot` also has the others, with the cluster of their node."""
        return lists.vms(await self._calls.rows("/vm/v3/host", "VM", rows.seen_vm))

    async def snapshot(self, cluster_ids: Collection[int] | None = None) -> Snapshot:
        """The clusters with these ids (``None`` = all), their nodes and VMs, by three requests at the same time.

        Raises NotFound if a cluster does not exist, and PanelDataError if a list is incomplete.
        """
        taken_at = self._clock()
        clusters, nodes, vms = await _together(
            self._calls.rows("/vm/v3/cluster", "cluster"),
            self._calls.rows("/vm/v3/node", "node"),
            # Each row is reduced to the needed fields as soon as it is read, to save memory on a large panel.
            self._calls.rows("/vm/v3/host", "VM", rows.seen_vm),
        )
        return await asyncio.to_thread(snapshots.snapshot, clusters, nodes, vms, taken_at, cluster_ids)

    # --- one VM --------------------------------------------------------------------------------------------

    async def vm(self, vm_id: int) -> VM | None:
        """The VM now; ``None`` = it no longer exists.

        During a migration a VM may have no node (``None``) or no cluster (``rows.UNPLACED``) for a moment.
        """
        matches = await self._calls.rows(f"/vm/v3/host?where=(id+EQ+{int(vm_id)})", "VM", rows.seen_vm)
        return next((one.vm for one in matches if one.vm is not None and one.vm.id == vm_id), None)

    async def history(self, vm_id: int) -> list[HistoryRow]:
        """The last entries of the VM's history, newest first."""
        return answers.history(await self._calls.rows(f"/vm/v3/host/{int(vm_id)}/history", "history row"))

    async def internal_name(self, vm_id: int) -> str | None:
        """The VM's libvirt name on its node; ``None`` if the panel does not give it."""
        return await self._calls.optional(f"/vm/v3/host/{int(vm_id)}/metadata", answers.internal_name)

    async def cpu_metric(self, vm_id: int, since: datetime) -> list[tuple[datetime, float]] | None:
        """The panel's own CPU metric of a VM since about this moment, in an undocumented unit.

        ``None`` if the panel does not give it. The zone of ``from`` is not documented, so a longer time is requested.
        """
        begin = since.astimezone(timezone.utc) - LARGEST_ZONE
        path = f"/vm/v3/host/{int(vm_id)}/metrics?target=cpu_load&from={begin:%H:%M_%Y%m%d}"
        return await self._calls.optional(path, answers.datapoints)

    async def migration_targets(self, vm_id: int) -> dict[int, bool] | None:
        """Node -> whether the panel calls it suitable; ``None`` if the panel does not say."""
        return await self._calls.optional(f"/vm/v3/host/{int(vm_id)}/migrate", answers.suitable_nodes)

    async def start_migration(self, vm_id: int, node_id: int) -> MigrationStart:
        """Starts a live migration. The answer names its task; it does not mean success.

        OutcomeUnknown: the migration may have started; check before any other action. Any other error: it has not.
        """
        # Never `plain`: this type would stop the VM.
        request = Request("POST", f"/vm/v3/host/{int(vm_id)}/migrate", {"node": int(node_id)})
        return await self._calls.call(request, answers.migration_start)

    # --- tasks ---------------------------------------------------------------------------------------------

    async def find_task(self, consul_id: int) -> TaskInfo | None:
        """The task with this consul id; of several the migration; ``None`` = not listed (yet)."""
        matches = answers.tasks(await self._calls.rows(f"/vm/v3/task?where=(consul_id+EQ+{int(consul_id)})", "task"))
        return next((task for task in matches if task.id and task.consul_id == consul_id), None)

    async def active_tasks(self) -> list[TaskInfo] | None:
        """All unfinished tasks of all users; ``None`` if this panel or account does not show them."""
        where = "(status+EQ+'running'+OR+status+EQ+'created')"
        try:
            return answers.tasks(await self._calls.rows(f"/vm/v3/task?where={where}", "task"))
        except (PanelRefused, PanelForbidden, PanelDataError) as error:
            log.debug("active tasks are not available: %s", error)
        except PanelUnavailable as error:
            # The panel answers an unknown column with a server error, and an unknown path with its start page. Any
            # other status is an outage.
            if error.status is None or 300 <= error.status != 500:
                raise
            log.debug("active tasks are not available: %s", error)
        return None

    async def task(self, task_id: int) -> TaskInfo:
        """A task by its own id (not the consul id), with its output."""
        return await self._calls.get(f"/vm/v3/task/{int(task_id)}", answers.task)

    async def abort_task(self, task_id: int) -> None:
        """Asks the panel to stop a task, by its own id. The caller has to check the result afterwards.

        OutcomeUnknown: the panel may have accepted it. Any other error: it has not.
        """
        await self._calls.call(Request("POST", f"/vm/v3/task/{int(task_id)}/abort", {}), _as_it_is)

    # --- about the panel and the account -------------------------------------------------------------------

    async def who_answers(self) -> tuple[Answerer, str]:
        """Who answers at the address, and the address of a redirect.

        Sends one request without a login, so that no password is sent to a wrong server.

        Raises:
            PanelError: there is no answer, or it is too large.
        """
        try:
            exchange = await self._transport.exchange(Request("GET", "/vm/v3/cluster"), None)
        except Failed as failed:
            raise failed.error from failed.__cause__
        body = exchange.body
        who = responses.answerer(exchange.status, body if isinstance(body, bytes) else body.whole())
        return who, exchange.location

    async def raw(self, path: str, *, log_in: bool = True) -> RawAnswer:
        """The unchanged answer to a GET, with any status, for a recording. Sent once.

        Raises:
            PanelError: there is no answer, or the login is refused.
        """
        return await self._calls.raw(path, log_in=log_in)

    async def log_in(self) -> None:
        """Logs in if there is no session; every other method does this by itself. A token is tested by a request."""
        await self._calls.log_in()
        if self._with_token:
            await self._calls.optional("/auth/v4/whoami", _as_it_is)

    async def version(self) -> str | None:
        """The panel's version, for the log only: no decision may depend on it."""
        return await self._calls.optional("/vm/v3/version", responses.version)

    async def account_roles(self) -> tuple[str, ...] | None:
        """The account's roles, such as ``@admin``; ``None`` if the panel does not give them."""

        def read(document: object) -> tuple[str, ...] | None:
            return responses.roles(document, self._username)

        return await self._calls.optional("/auth/v4/whoami", read) or await self._calls.optional("/vm/v3/account", read)


async def _together(*calls: Coroutine[Any, Any, T]) -> list[T]:
    """All results. If one call fails or the caller is cancelled, the others are cancelled."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _as_it_is(document: Any) -> Any:
    return document
