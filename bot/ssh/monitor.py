"""Rounds of measurements: every node is measured once, all at the same time, over connections that stay open.

connections.py measures a single node.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

from balancer.model import Measurement, Node
from bot.domain.migration_progress import JobProgress
from bot.domain.vm_load import NodeCounters
from bot.errors import ConfigError, SSHError
from bot.ssh.address import address_of, parse_mapping
from bot.ssh.connections import Connections, Job
from bot.ssh.job_info import JOB_ANSWER_LIMIT, job_command, parse_job
from bot.ssh.known_hosts import KnownHosts
from bot.ssh.login import KeyFile, key_file, login_options
from bot.ssh.trust import HostKeys, Trust

MAX_LOGINS = 10
"""The most logins at the same time: a default sshd (MaxStartups 10:30:100) drops some of more logins."""
ROUND_TIMEOUTS = 6
"""No login begins later than this many times the timeout of one node, even if many nodes do not answer."""


@dataclass(frozen=True, slots=True)
class SSHRound:
    """One round: each node is either in ``measured`` or in ``failed``, by id."""

    measured: Mapping[int, Measurement]
    failed: Mapping[int, SSHError]
    counters: Mapping[int, NodeCounters] = field(default_factory=dict)
    """Node -> its counters for VMs, if they are read."""


class SSHMonitor:
    """Keeps one connection to each node between rounds. Use it as a context manager, or call ``close()``.

    Args:
        username: the user if neither the mapping nor the panel names one; ``None`` = root.
        private_key_path: ``None``: the agent and the default keys of ~/.ssh; if a password is given, only the password.
        password: of the user; or the passphrase of an encrypted key, and then used only for the key.
        timeout_s: for one node, from the login to its answer; waiting for a free login does not count.
        hosts_mapping: node name or id to ``host``, ``host:port`` or ``user@host:port``, instead of the panel's address.
        host_keys: accept-new stores the key of the first login and refuses another key later.
        known_hosts_path: the file in which accept-new stores keys; ``None`` = in memory. The user's known_hosts come
            first.
        read_vms: also read the nodes' counters for VMs, with the same command.
        root: a folder on the nodes used instead of "/", for tests.
        write_known_hosts: ``False``: read this file and never change it.

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
        self._connections = Connections(self._trust, timeout_s=timeout_s, read_vms=read_vms, root=root, clock=clock)
        self._max_logins = max_connections
        self._root = root
        self._clock = clock
        self._login_options: dict[str, Any] | None = None
        self._key_file: KeyFile | None = None
        """The state of the key file at its last reading."""
        self._refused = False
        """Whether a node has refused the login since the key was read: then the file may have changed."""
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
        await self._connections.close()

    async def job(self, node_id: int, domain: str) -> JobProgress | None:
        """The progress of a VM's migration job on this node; ``None`` = unknown.

        Args:
            domain: the libvirt name of the VM.
        """
        command = job_command(domain, self._root)
        text = None if command is None else await self._connections.run(node_id, command, JOB_ANSWER_LIMIT)
        return None if text is None else parse_job(text, self._clock())

    async def measure(self, nodes: Sequence[Node]) -> SSHRound:
        """Measures all these nodes at the same time.

        First over open connections, then by at most ``MAX_LOGINS`` logins at a time.
        """
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
                jobs.append(Job(node, address, self._timeout_s))
        await asyncio.gather(*(self._connections.ask_again(job) for job in jobs))
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

    async def _log_in_to(self, jobs: Sequence[Job]) -> None:
        """Logs in to some nodes at a time. Nodes that failed before come last, so that they do not delay others."""
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
                job.result = await self._connections.log_in(job, options)

        await asyncio.gather(*(one_after_the_other() for _ in range(min(self._max_logins, len(jobs)))))

    async def _options(self) -> dict[str, Any]:
        """The options for the login. They are read once, because decrypting a key is slow by design.

        They are read again after a refused login if the file has changed.
        """
        if self._refused and await asyncio.to_thread(key_file, self._key_path) != self._key_file:
            self._login_options = None
        self._refused = False
        if self._login_options is None:
            self._key_file = await asyncio.to_thread(key_file, self._key_path)
            self._login_options = await asyncio.to_thread(login_options, self._key_path, self._password)
        return self._login_options
