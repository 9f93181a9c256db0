"""Connections to nodes: one login per node, kept open between rounds; runs the command over it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncssh

from balancer.model import Measurement, Node
from bot.domain.vm_load import NodeCounters
from bot.errors import SSHError
from bot.ssh.address import Address
from bot.ssh.answer import ANSWER_LIMIT, command, parse
from bot.ssh.login import why_not
from bot.ssh.trust import Client, Trust
from bot.ssh.vm_counters import VM_ANSWER_LIMIT, parse_counters, vm_command

log = logging.getLogger(__name__)

KEEPALIVE_S, KEEPALIVES = 30, 3
BUSY_PAUSE_S = 0.3
CLOSE_S = 2.0


@dataclass(slots=True)
class Job:
    """One node of one round, and its result."""

    node: Node
    address: Address
    left_s: float
    result: Measurement | SSHError | None = None
    counters: NodeCounters | None = None


@dataclass(frozen=True, slots=True)
class _Link:
    address: Address
    connection: asyncssh.SSHClientConnection


class Connections:
    """The open connections, one per node.

    Args:
        timeout_s: for one node, from the login to its answer.
        read_vms: also read the nodes' counters for VMs, with the same command.
        root: a folder on the nodes used instead of "/", for tests.
    """

    def __init__(
        self, trust: Trust, *, timeout_s: float, read_vms: bool, root: str, clock: Callable[[], datetime]
    ) -> None:
        self._trust = trust
        self._timeout_s = timeout_s
        self._root = root
        self._read_vms = read_vms
        self._command = command(root) + (f"; {vm_command(root)}" if read_vms else "")
        log.debug("The command on each node: %s", self._command)
        self._answer_limit = ANSWER_LIMIT + (VM_ANSWER_LIMIT if read_vms else 0)
        self._clock = clock
        self._links: dict[int, _Link] = {}
        self._pace = asyncio.Lock()

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

    async def ask_again(self, job: Job) -> None:
        """Asks over the connection of an earlier round.

        A connection that is broken, or silent for half of the timeout, is closed, so that the node gets a new login.
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

    async def log_in(self, job: Job, options: Mapping[str, Any]) -> Measurement | SSHError:
        """Logs in with these options of asyncssh, runs the command, and keeps the connection open. Never raises."""
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
            # A defect with one node must not stop the reading of others.
            log.exception("Reading node '%s' over SSH met a defect", job.node.name)
            return SSHError(f"{job.address} cannot be read: {type(error).__name__}")

    async def _log_in_patiently(self, job: Job, client: Client, options: Mapping[str, Any]) -> Measurement:
        """Logs in, and tries once more if the server closed the connection, as a busy sshd does.

        Never after a refused login: the server could lock the user.
        """
        try:
            return await self._log_in_and_ask(job, client, options)
        except (asyncssh.ConnectionLost, ConnectionResetError) as error:
            log.debug("%s hung up, once more: %s", job.address, error)
            await asyncio.sleep(BUSY_PAUSE_S)
            return await self._log_in_and_ask(job, client, options)

    async def _log_in_and_ask(self, job: Job, client: Client, options: Mapping[str, Any]) -> Measurement:
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

    async def _turn(self) -> None:
        """Lets other work of the event loop run: hundreds of nodes without a pause would block everything else for a
        tenth of a second."""
        async with self._pace:
            await asyncio.sleep(0)

    async def _ask(self, job: Job, connection: asyncssh.SSHClientConnection) -> Measurement:
        await self._turn()
        process = await connection.create_process(
            self._command, stdin=asyncssh.DEVNULL, stderr=asyncssh.DEVNULL, encoding="utf-8", errors="replace"
        )
        text = ""
        try:
            while len(text) <= self._answer_limit and (part := await process.stdout.read(self._answer_limit)):
                text += part
        finally:
            process.close()
        await self._turn()
        if not text.strip():
            raise SSHError(f"{job.address} let {job.address.user} in, but the command gave no answer", "answer")
        if self._root:
            text = text.replace(self._root, "")
        try:
            measurement = parse(text, self._clock())
        except ValueError as error:
            raise SSHError(f"the answer of {job.address} cannot be understood: {error}", "answer") from error
        if self._read_vms:
            await self._turn()
            job.counters = parse_counters(text)
        return measurement

    async def run(self, node_id: int, text: str, limit: int) -> str | None:
        """The output of another command over the open connection to the node; ``None`` = no connection is open, or no
        answer came in time. Does not log in."""
        link = self._links.get(node_id)
        if link is None or link.connection.is_closed():
            return None
        try:
            return await asyncio.wait_for(self._printed(link.connection, text, limit), self._timeout_s / 2)
        except (asyncio.TimeoutError, OSError, asyncssh.Error) as error:
            log.debug("%s did not answer to %r: %s", link.address, text, error)
            return None

    @staticmethod
    async def _printed(connection: asyncssh.SSHClientConnection, text: str, limit: int) -> str:
        process = await connection.create_process(
            text, stdin=asyncssh.DEVNULL, stderr=asyncssh.DEVNULL, encoding="utf-8", errors="replace"
        )
        printed = ""
        try:
            while len(printed) <= limit and (part := await process.stdout.read(limit)):
                printed += part
        finally:
            process.close()
        return printed

    def _drop(self, node_id: int) -> None:
        link = self._links.pop(node_id, None)
        if link is not None:
            link.connection.abort()
