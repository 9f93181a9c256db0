"""The load of each VM by the counters of its node: stored, averaged over LOAD_WINDOW, and added to a snapshot.

Asks the panel once for the libvirt name of a VM. Decides nothing: if the loads of the VMs do not fit the load of their
node, the VMs have no load, and the rules use shares of the vCPUs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from balancer.model import VM, Node, Reason, Remark, Snapshot
from bot.domain.clock import Clock
from bot.domain.sanitize import one_line
from bot.domain.vm_load import NodeCounters, Rates, VMSample, Windows, differs, matched, rates, was_restarted
from bot.errors import PanelError, StoreError
from bot.panel.client import VMManagerAPI
from bot.store.store import Store

log = logging.getLogger(__name__)

NAMES_AT_ONCE = 25
"""How many VMs are asked about in one check, one after the other."""
NAMED = 5
"""How many names a remark lists."""


@dataclass(frozen=True, slots=True)
class NodeMatch:
    """How many of a node's VMs have a counter, and the libvirt names that belong to no known VM."""

    vms: int
    matched: int
    unmatched: tuple[str, ...]


class VMLoads:
    """One per program. ``window``: LOAD_WINDOW."""

    def __init__(self, panel: VMManagerAPI, store: Store, window: timedelta, clock: Clock) -> None:
        self._panel = panel
        self._store = store
        self._length = window
        self._clock = clock
        self._windows = Windows(window)
        self._last: dict[int, NodeCounters] = {}
        self._names: dict[int, str] | None = None
        self._doubts: dict[int, Reason] = {}
        self.matches: dict[int, NodeMatch] = {}
        """Node -> the match of its last reading."""

    async def added_to(self, snapshot: Snapshot, readings: Mapping[int, NodeCounters]) -> Snapshot:
        """The snapshot with ``VM.load``, and remarks for nodes whose VMs have no loads.

        Args:
            readings: node -> its new counters. Other nodes keep their last ones.
        """
        now = self._clock()
        vms_of = _by_node(snapshot.vms)
        names: Mapping[int, str] = {}
        try:
            await self._remember(now)
            names = await self._asked_names(vms_of, readings, now)
        except StoreError as error:
            log.error("What was known of the loads of VMs cannot be read: %s", error)
        samples = await asyncio.to_thread(self._read_all, snapshot.nodes, vms_of, readings, names, now)
        try:
            if samples:
                await self._store.vm_samples.record(samples)
        except StoreError as error:  # they are used now, but missing after a restart of the program
            log.error("The loads of VMs cannot be kept: %s", error)
        return await asyncio.to_thread(self._with_loads, snapshot)

    def _read_all(
        self,
        nodes: Sequence[Node],
        vms_of: Mapping[int | None, list[VM]],
        readings: Mapping[int, NodeCounters],
        names: Mapping[int, str],
        now: datetime,
    ) -> list[VMSample]:
        samples: list[VMSample] = []
        for node in nodes:
            if node.id in readings:
                samples += self._read(node, vms_of.get(node.id, []), readings[node.id], names, now)
        self._windows.add(samples, now)
        return samples

    def _read(
        self, node: Node, vms: list[VM], counters: NodeCounters, names: Mapping[int, str], now: datetime
    ) -> list[VMSample]:
        """The samples of the node's VMs since its last reading."""
        own = {vm.id: names[vm.id] for vm in vms if names.get(vm.id)}
        match = matched(counters.vms, vms, own)
        self._tell(node, NodeMatch(len(vms), len(match.vms), match.unmatched))
        before = self._last.get(node.id)
        if before is None or was_restarted(before, counters):
            self._last[node.id] = counters
            return []
        rates_now = rates(before, counters, node.cpus)
        if rates_now is None:
            return []
        self._last[node.id] = counters
        if rates_now.seconds > 2 * self._length.total_seconds():
            return []  # a mean over this time says little about the last hour
        self._judge(node, rates_now)
        return [
            VMSample(vm_id, now, rates_now.seconds, rates_now.cpus[c.scope] * rates_now.seconds, c.memory_mib)
            for vm_id, c in sorted(match.vms.items())
            if c.scope in rates_now.cpus
        ]

    def _judge(self, node: Node, rates: Rates) -> None:
        """Compares the sum of the VMs with the load of the node itself."""
        vms_cpus = sum(rates.cpus.values())
        if not rates.complete and vms_cpus < (rates.busy_cpus or 0.0):
            return  # a VM was added or removed, so the sum is not complete; the next reading compares
        if not differs(vms_cpus, rates.busy_cpus):
            self._doubts.pop(node.id, None)
            return
        reason = Reason.of(
            "remark-vm-loads", node=node.name, vms=round(vms_cpus, 1), node_cpus=round(rates.busy_cpus or 0.0, 1)
        )
        if node.id not in self._doubts:
            log.warning("Node '%s': its VMs kept %.1f CPUs busy, the node %.1f", node.name, vms_cpus, rates.busy_cpus)
        self._doubts[node.id] = reason

    def _tell(self, node: Node, match: NodeMatch) -> None:
        if match.unmatched and (node.id not in self.matches or self.matches[node.id].unmatched != match.unmatched):
            log.warning("Node '%s': %d counters are no known VM's: %s", node.name, *_counted(match.unmatched))
        self.matches[node.id] = match

    def _with_loads(self, snapshot: Snapshot) -> Snapshot:
        vms = []
        for vm in snapshot.vms:
            load = None if vm.node_id in self._doubts else self._windows.load(vm.id)
            vms.append(vm if load is None else replace(vm, load=load))
        doubts = [Remark(self._doubts[n.id], n.cluster_id) for n in snapshot.nodes if n.id in self._doubts]
        return replace(snapshot, vms=tuple(vms), remarks=(*snapshot.remarks, *doubts))

    # Stored names and samples ------------------------------------------------------------------

    async def _remember(self, now: datetime) -> None:
        """Reads once what an earlier run of the program stored."""
        if self._names is None:
            self._names = await self._store.vm_samples.names()
            self._windows.add(await self._store.vm_samples.since(now - self._length), now)

    async def _asked_names(
        self, vms_of: Mapping[int | None, list[VM]], readings: Mapping[int, NodeCounters], now: datetime
    ) -> Mapping[int, str]:
        """The known libvirt names, after asking about some more VMs of the nodes that were read."""
        names = self._names or {}
        unknown = [vm.id for node_id in readings for vm in vms_of.get(node_id, []) if vm.id not in names]
        new_names: dict[int, str] = {}
        for vm_id in unknown[:NAMES_AT_ONCE]:
            try:
                new_names[vm_id] = await self._panel.internal_name(vm_id) or ""
            except PanelError as error:
                log.warning("The panel does not tell the libvirt names of VMs now: %s", error)
                break
        if new_names:
            await self._store.vm_samples.keep_names(new_names, now)
            names.update(new_names)
        return names


def _by_node(vms: tuple[VM, ...]) -> dict[int | None, list[VM]]:
    grouped: dict[int | None, list[VM]] = {}
    for vm in vms:
        grouped.setdefault(vm.node_id, []).append(vm)
    return grouped


def _counted(names: Sequence[str]) -> tuple[int, str]:
    return len(names), ", ".join(one_line(name) for name in names[:NAMED]) + (", …" if len(names) > NAMED else "")
