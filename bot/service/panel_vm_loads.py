"""The load of VMs by the panel's own metrics, for VM_METRICS=panel: of VMs on overloaded nodes only.

The unit of the metric is not documented. The program finds the unit that fits the measured loads of the nodes
(bot/domain/vm_units.py). If none fits, VMs have no load, the rules use shares of the vCPUs, and a remark says why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from balancer.model import VM, Node, Reason, Remark, Snapshot, VMLoad
from bot.domain.clock import Clock
from bot.domain.vm_load import NodeCounters, VMSample
from bot.domain.vm_units import UNITS, MeteredNode, MeteredVM, unit_of
from bot.errors import PanelError, StoreError
from bot.panel.client import VMManagerAPI
from bot.store.store import Store

log = logging.getLogger(__name__)

MOST_VMS = 200
"""How many VMs are asked about in one check, one after the other."""
STALE = timedelta(minutes=15)
"""A metric whose last point is older is not used."""
LATEST_S = 300.0
"""The latest load of a VM is the mean of this many seconds."""
Points = Sequence[tuple[datetime, float]]


class PanelVMLoads:
    """One per program.

    Args:
        window: LOAD_WINDOW.
        overloaded: ids of the nodes of a snapshot that are overloaded.
    """

    def __init__(
        self,
        panel: VMManagerAPI,
        store: Store,
        window: timedelta,
        clock: Clock,
        overloaded: Callable[[Snapshot], Collection[int]],
    ) -> None:
        self._panel = panel
        self._store = store
        self._window = window
        self._clock = clock
        self._overloaded = overloaded
        self._unit: str | None = None

    async def added_to(self, snapshot: Snapshot, readings: Mapping[int, NodeCounters]) -> Snapshot:
        """The snapshot with ``VM.load`` for VMs on overloaded measured nodes, and a remark if a load is missing."""
        ids = self._overloaded(snapshot)
        nodes = [node for node in snapshot.nodes if node.id in ids and node.measured is not None]
        running = [vm for vm in snapshot.vms if vm.state == "active" and vm.vcpus]
        vms_of = {node.id: [vm for vm in running if vm.node_id == node.id] for node in nodes}
        points = await self._asked([vm for node in nodes for vm in vms_of[node.id]][:MOST_VMS])
        metered = [node for node in nodes if vms_of[node.id] and all(vm.id in points for vm in vms_of[node.id])]
        if not metered:
            return snapshot
        unit = unit_of([_metered(node, vms_of[node.id], points) for node in metered])
        if unit != self._unit:
            log.info("The panel's CPU metric of VMs: %s", unit or "no unit fits the loads of the nodes")
            self._unit = unit
        if unit is None:
            doubts = [Remark(Reason.of("remark-vm-metrics", node=node.name), node.cluster_id) for node in metered]
            return replace(snapshot, remarks=(*snapshot.remarks, *doubts))
        loads = {vm.id: _load(vm, points[vm.id], unit) for node in metered for vm in vms_of[node.id]}
        await self._keep(loads)
        return replace(snapshot, vms=tuple(replace(vm, load=loads.get(vm.id)) for vm in snapshot.vms))

    async def _asked(self, vms: Sequence[VM]) -> dict[int, Points]:
        """VM -> its points of the window, oldest first; without VMs for which the panel has no points."""
        now = self._clock()
        result: dict[int, Points] = {}
        for vm in vms:
            try:
                points = await self._panel.cpu_metric(vm.id, now - self._window)
            except PanelError as error:
                log.warning("The panel does not tell the metrics of VMs now: %s", error)
                break
            if points and abs(points[-1][0] - now) <= STALE:  # the two clocks may differ
                end = points[-1][0]
                result[vm.id] = [(min(at, now), value) for at, value in points if end - at < self._window]
        return result

    async def _keep(self, loads: Mapping[int, VMLoad]) -> None:
        now = self._clock()
        try:
            await self._store.vm_samples.record(
                VMSample(vm_id, now, LATEST_S, LATEST_S * load.expected_cpus) for vm_id, load in loads.items()
            )
        except StoreError as error:
            log.error("The loads of VMs cannot be kept: %s", error)


def _metered(node: Node, vms: Sequence[VM], points: Mapping[int, Points]) -> MeteredNode:
    """The latest values of the VMs, with the latest load of their node."""
    busy = 0.0 if node.measured is None else min(node.measured.load1, float(node.measured.cpus))
    return MeteredNode(busy, [MeteredVM(vm.id, vm.vcpus or 0, _latest(points[vm.id])) for vm in vms])


def _latest(points: Points) -> float:
    """The mean of the last minutes."""
    end = points[-1][0]
    values = [value for at, value in points if (end - at).total_seconds() < LATEST_S]
    return sum(values) / len(values)


def _load(vm: VM, points: Points, unit: str) -> VMLoad:
    values = [UNITS[unit](value, vm.vcpus or 0) for _, value in points]
    mean = sum(values) / len(values)
    deviation = (sum((value - mean) ** 2 for value in values) / len(values)) ** 0.5 if len(values) > 1 else None
    return VMLoad(
        cpus=mean,
        measured_at=points[-1][0],
        span_s=max(LATEST_S, (points[-1][0] - points[0][0]).total_seconds()),
        source="panel",
        latest_cpus=UNITS[unit](_latest(points), vm.vcpus or 0),
        deviation_cpus=deviation,
    )
