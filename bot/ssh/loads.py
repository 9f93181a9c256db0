"""Adds the measured loads to a snapshot. Has no rules: the planner decides whether a measurement is fresh."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import replace

from balancer.model import Measurement, Node, Snapshot
from bot.domain.migration_progress import JobProgress
from bot.domain.vm_load import NodeCounters
from bot.ssh.monitor import SSHMonitor, SSHRound

log = logging.getLogger(__name__)


class Loads:
    """The results of one monitor. Logs when a node begins to fail and when it answers again."""

    def __init__(self, monitor: SSHMonitor) -> None:
        self._monitor = monitor
        self._last: dict[int, Measurement] = {}
        self._failing: dict[int, str] = {}
        self.counters: Mapping[int, NodeCounters] = {}
        """Node -> its counters for VMs, of the nodes in the last round."""

    async def added_to(self, snapshot: Snapshot, only: Collection[int] | None = None) -> Snapshot:
        """The snapshot with ``Node.measured``.

        Args:
            only: ids of the nodes to measure now; others keep their last measurement. ``None`` = all. A node that
                fails has no measurement: its load now is unknown.
        """
        asked = [n for n in snapshot.nodes if only is None or n.id in only]
        result = await self._monitor.measure(asked)
        kept = {} if only is None else {i: m for i, m in self._last.items() if i not in only}
        self._last = {**kept, **result.measured}
        self.counters = result.counters
        self._say(asked, result)
        return replace(snapshot, nodes=tuple(replace(n, measured=self._last.get(n.id)) for n in snapshot.nodes))

    async def job(self, node_id: int, domain: str) -> JobProgress | None:
        """As ``SSHMonitor.job``."""
        return await self._monitor.job(node_id, domain)

    def _say(self, asked: Collection[Node], result: SSHRound) -> None:
        for node in asked:
            if node.id in result.measured:
                if self._failing.pop(node.id, None) is not None:
                    log.info("Node '%s' is measured over SSH again", node.name)
                continue
            words = str(result.failed[node.id])
            if self._failing.get(node.id) != words:
                log.warning("Node '%s' is not measured, its allocation counts: %s", node.name, words)
            self._failing[node.id] = words
