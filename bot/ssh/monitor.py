"""Rounds of measurements: every node is asked once, all at the same time, over connections that stay open."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncssh

from balancer.model import Measurement, Node
from bot.domain.vm_load import NodeCounters
from bot.errors import ConfigError, SSHError
from bot.ssh.address import Address, address_of, parse_mapping
from bot.ssh.answer import ANSWER_LIMIT, command, parse
from bot.ssh.known_hosts import KnownHosts
from bot.ssh.login import KeyFile, key_file, login_options, why_not
from bot.ssh.trust import Client, HostKeys, Trust
from bot.ssh.vm_counters import VM_ANSWER_LIMIT, parse_counters, vm_command

log = logging.getLogger(__name__)

MAX_LOGINS = 10
"""At the same time: a plain sshd (MaxStartups 10:30:100) drops part of what comes beyond."""
ROUND_TIMEOUTS = 6
"""No login begins later than this many times the timeout of one node, however many nodes are silent."""
KEEPALIVE_S, KEEPALIVES = 30, 3
BUSY_PAUSE_S = 0.3
CLOSE_S = 2.0


@dataclass(frozen=True, slots=True)
class SSHRound:
    """One round: each node that was asked is in one of the two, by id."""

    measured: Mapping[int, Measurement]
    failed: Mapping[int, SSHError]
    counters: Mapping[int, NodeCounters] = field(default_factory=dict)
    """What the measured nodes have counted for their VMs, where that is read."""


@dataclass(slots=True)
class _Job:
    node: Node
    address: Address
    left_s: float
    result: Measurement | SSHError | None = None
    counters: NodeCounters | None = None


@dataclass(frozen=True, slots=True)
class _Link:
    address: Address
    connection: asyncssh.SSHClientConnection


class SSHMonitor:
    """Keeps one connection to each node between rounds. Use it as a context manager, or call ``close()``.

    Args:
        username: for nodes whose user neither the mapping nor the panel names; none = root.
        private_key_path: none: the agent and the usual keys of ~/.ssh; with only a password: the password.
        password: of the user, or the passphrase of an encrypted key, which then is all it is used for.
        timeout_s: for one node, from the login to its answer; waiting for a free login does not count.
        hosts_mapping: node name or id to ``host``, ``host:port`` or ``user@host:port``, instead of the panel's.
        host_keys: accept-new remembers a key at first sight and refuses another one later.
        known_hosts_path: where accept-new remembers; none = only in memory. The user's known_hosts come first.
        read_vms: also read what the nodes count for each VM, by the same one command.
        root: a folder on the nodes that stands for "/", for tests.
        write_known_hosts: false reads that file and leaves it as it is: for a look that leaves no trace.
    Raises:
        ConfigError: an entry of ``hosts_mapping`` is not an address.
    """

    def __init__(  # noqa: PLR0913 - as specified; the rest by name
        self,
        username: str | None = None,
        private_key_path: str | Path | None = None,
        password: str | None = None,
        timeout_s: float = 10.0,
        hosts_mapping: Mapping[str, str] | None = None,
        *,
        host_keys: HostKeys = "accept-new",
        known_hosts_path: str | Path | None = None,
        write_known_hosts: bool = True,
        read_vms: bool = False,
        root: str = "",
        max_connections: int = MAX_LOGINS,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        try:
            self._overrides = parse_mapping(hosts_mapping or {})
        except ValueError as error:
            raise ConfigError([f"SSH_HOSTS_MAPPING: {error}"]) from error
        self._username = username
        self._key_path = Path(private_key_path).expanduser() if private_key_path else None
        self._password = password
        self._timeout_s = timeout_s
        self._trust = Trust(
            host_keys, KnownHosts(Path(known_hosts_path) if known_hosts_path else None, write_known_hosts)
        )
        self._root = root
        self._read_vms = read_vms
        self._command = command(root) + (f"; {vm_command(root)}" if read_vms else "")
        log.debug("The command on each node: %s", self._command)
        self._answer_limit = ANSWER_LIMIT + (VM_ANSWER_LIMIT if read_vms else 0)
        self._max_logins = max_connections
        self._clock = clock
        self._login_options: dict[str, Any] | None = None
        self._key_file: KeyFile | None = None
        """The key file as it was when it was read."""
        self._refused = False
        """A node refused the login since the key was read: the file may have been replaced."""
        self._links: dict[int, _Link] = {}
        self._failed_in: dict[int, int] = {}
        self._rounds = 0
        self._one_round = asyncio.Lock()

    async def __aenter__(self) -> SSHMonitor:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Logs out everywhere."""
        connections = [link.connection for link in self._links.values()]
        self._links.clear()
        for connection in connections:
            connection.close()
        if connections:
            closing = [asyncio.ensure_future(connection.wait_closed()) for connection in connections]
            await asyncio.wait(closing, timeout=CLOSE_S)
            for connection in connections:
                connection.abort()

    async def measure(self, nodes: Sequence[Node]) -> SSHRound:
        """Asks all of them at once: over connections that are open, then over at most so many logins at a time."""
        async with self._one_round:
            self._rounds += 1
            return await self._round(nodes)

    async def _round(self, nodes: Sequence[Node]) -> SSHRound:
        measured: dict[int, Measurement] = {}
        counters: dict[int, NodeCounters] = {}
        failed: dict[int, SSHError] = {}
        jobs = []
        for node in nodes:
            address = address_of(node, self._overrides, self._username)
            if address is None:
                failed[node.id] = SSHError("the panel names no address of it: name one in SSH_HOSTS_MAPPING", "address")
            else:
                jobs.append(_Job(node, address, self._timeout_s))
        await asyncio.gather(*(self._ask_again(job) for job in jobs))
        await self._log_in_to([job for job in jobs if job.result is None])
        for job in jobs:
            if isinstance(job.result, Measurement):
                measured[job.node.id] = job.result
                if job.counters is not None:
                    counters[job.node.id] = job.counters
                self._failed_in.pop(job.node.id, None)
            else:
                error = job.result or SSHError("not asked: too many other nodes did not answer in time", "timeout")
                failed[job.node.id] = error
                self._refused = self._refused or error.kind == "login"
                self._failed_in[job.node.id] = self._rounds
        return SSHRound(measured, failed, counters)

    async def _ask_again(self, job: _Job) -> None:
        """Asks over the connection of an earlier round.

        A connection that is broken, or silent for half the time, is dropped, so that the node gets a new login.
        """
        link = self._links.get(job.node.id)
        if link is None:
            return
        if link.address == job.address and not link.connection.is_closed():
            loop = asyncio.get_running_loop()
            started = loop.time()
            try:
                job.result = await asyncio.wait_for(self._ask(job, link.connection), self._timeout_s / 2)
                return
            except (asyncio.TimeoutError, OSError, asyncssh.Error, SSHError) as error:
                log.debug("The connection to %s is of no more use: %s", job.address, error)
            job.left_s -= loop.time() - started
        self._drop(job.node.id)

    async def _log_in_to(self, jobs: Sequence[_Job]) -> None:
        """Logs in to some nodes at a time. Nodes that failed lately come last, so silent nodes do not delay others."""
        if not jobs:
            return
        try:
            options = await self._options()
            await asyncio.to_thread(self._trust.load)
        except (OSError, SSHError) as error:
            for job in jobs:
                job.result = (
                    error if isinstance(error, SSHError) else SSHError(f"host keys cannot be read: {error}", "host-key")
                )
            return
        waiting = deque(sorted(jobs, key=lambda job: (self._failed_in.get(job.node.id, 0), job.node.id)))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ROUND_TIMEOUTS * self._timeout_s

        async def one_after_the_other() -> None:
            while waiting and loop.time() < deadline:
                job = waiting.popleft()
                job.result = await self._log_in(job, options)

        await asyncio.gather(*(one_after_the_other() for _ in range(min(self._max_logins, len(jobs)))))

    async def _log_in(self, job: _Job, options: Mapping[str, Any]) -> Measurement | SSHError:
        client = Client(self._trust, job.address)
        try:
            return await asyncio.wait_for(self._log_in_patiently(job, client, options), job.left_s)
        except SSHError as error:
            return error
        except asyncio.TimeoutError:
            return SSHError(f"{job.address} did not answer within {self._timeout_s:g} s", "timeout")
        except (OSError, asyncssh.Error, ValueError) as error:
            return why_not(error, job.address, client)
        except Exception as error:
            # A defect with one node must not keep the others from being read.
            log.exception("Reading node '%s' over SSH met a defect", job.node.name)
            return SSHError(f"{job.address} cannot be read: {type(error).__name__}")

    async def _log_in_patiently(self, job: _Job, client: Client, options: Mapping[str, Any]) -> Measurement:
        """Tries once more where the server closed the connection, as a busy sshd does.

        Never after a refused login: the server could lock the user out.
        """
        try:
            return await self._log_in_and_ask(job, client, options)
        except (asyncssh.ConnectionLost, ConnectionResetError) as error:
            log.debug("%s hung up, once more: %s", job.address, error)
            await asyncio.sleep(BUSY_PAUSE_S)
            return await self._log_in_and_ask(job, client, options)

    async def _log_in_and_ask(self, job: _Job, client: Client, options: Mapping[str, Any]) -> Measurement:
        user, host, port = job.address
        ignore = self._trust.mode == "ignore"
        try:
            connection = await asyncssh.connect(
                host,
                port,
                username=user,
                client_factory=lambda: client,
                known_hosts=None if ignore else client.lists,
                server_host_key_algs=() if ignore else client.kinds(),
                config=None,
                login_timeout=self._timeout_s,
                keepalive_interval=KEEPALIVE_S,
                keepalive_count_max=KEEPALIVES,
                **options,
            )
        except asyncssh.PermissionDenied:
            client.remember()
            raise
        try:
            client.remember()
            result = await self._ask(job, connection)
        except BaseException:
            connection.abort()
            raise
        self._links[job.node.id] = _Link(job.address, connection)
        return result

    async def _ask(self, job: _Job, connection: asyncssh.SSHClientConnection) -> Measurement:
        process = await connection.create_process(
            self._command, stdin=asyncssh.DEVNULL, stderr=asyncssh.DEVNULL, encoding="utf-8", errors="replace"
        )
        text = ""
        try:
            while len(text) <= self._answer_limit and (part := await process.stdout.read(self._answer_limit)):
                text += part
        finally:
            process.close()
        if not text.strip():
            raise SSHError(f"{job.address} let {job.address.user} in, but the command gave no answer", "answer")
        if self._root:
            text = text.replace(self._root, "")
        try:
            measurement = parse(text, self._clock())
        except ValueError as error:
            raise SSHError(f"the answer of {job.address} cannot be understood: {error}", "answer") from error
        job.counters = parse_counters(text) if self._read_vms else None
        return measurement

    def _drop(self, node_id: int) -> None:
        link = self._links.pop(node_id, None)
        if link is not None:
            link.connection.abort()

    async def _options(self) -> dict[str, Any]:
        """How to prove who we are. Read once, since unlocking a key takes a while by design.

        Read again after a refused login, where the file has changed since.
        """
        if self._refused and await asyncio.to_thread(key_file, self._key_path) != self._key_file:
            self._login_options = None
        self._refused = False
        if self._login_options is None:
            self._key_file = await asyncio.to_thread(key_file, self._key_path)
            self._login_options = await asyncio.to_thread(login_options, self._key_path, self._password)
        return self._login_options
