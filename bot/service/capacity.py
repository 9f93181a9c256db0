"""When each cluster is full: stores samples of the totals, and makes the reports. Forecasts run in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable
from dataclasses import replace

from balancer.model import Cluster, Snapshot
from balancer.policy import Policy
from balancer.requests.capacity import CapacityReport, capacity_report, in_service, sizes, standard_vm, totals
from balancer.requests.switch_off import nodes_to_switch_off
from bot.service.context import ServiceContext, UseCase
from bot.service.observer import FRESH, Observer
from bot.service.planning import Planning

log = logging.getLogger(__name__)


class Capacity(UseCase):
    """One per program: it keeps the reports until there are newer samples."""

    def __init__(self, context: ServiceContext, observer: Observer, planning: Planning) -> None:
        super().__init__(context)
        self._observer = observer
        self._planning = planning
        self._reports: dict[int, tuple[object, CapacityReport]] = {}

    async def record(self, snapshot: Snapshot) -> None:
        """Stores the totals of each cluster, once in six hours. A cluster with an unknown figure gets no sample.

        Raises:
            StoreError: the samples cannot be stored.
        """
        now = self._clock()
        due = set(await self._store.capacity.needs([c.id for c in snapshot.clusters], now))
        for own in snapshot.split() if due else ():
            cluster = own.clusters[0]
            sums = await asyncio.to_thread(totals, own) if cluster.id in due else None
            if sums is not None:
                sizes_of_nodes = {n.id: (n.cpus, n.memory_mib) for n in own.nodes if n.cpus and n.memory_mib}
                await self._store.capacity.record(cluster.id, sums, sizes(own.vms), sizes_of_nodes, now)

    async def reports(self, clusters: Iterable[Cluster]) -> tuple[CapacityReport, ...]:
        """The reports of these clusters, in the same order.

        Raises:
            PanelError: the panel has never answered.
        """
        snapshot = await self._observer.observe_soon(FRESH)
        policies = await self._planning.policies(snapshot)
        parts = {own.clusters[0].id: own for own in snapshot.split()}
        return tuple([await self._report(parts[c.id], policies[c.id]) for c in clusters if c.id in parts])

    async def with_switch_off(self, report: CapacityReport) -> CapacityReport:
        """The report with the nodes that could be switched off. The search takes seconds in a large cluster.

        Raises:
            PanelError: the panel has never answered.
        """
        snapshot = await self._observer.observe_soon(FRESH)
        context = await self._planning.cluster_context(snapshot, report.cluster_id)
        if context is None:
            return report
        off = await asyncio.to_thread(nodes_to_switch_off, *context)
        return replace(report, switch_off=(off.node_names, off.moves))

    async def known(self, clusters: Collection[int] | None = None) -> tuple[CapacityReport, ...]:
        """The reports of clusters (``None`` = all) from the last snapshot, for callers that must not wait."""
        last = self._observer.last
        if last is None:
            return ()
        policies = await self._planning.policies(last)
        parts = [(own, own.clusters[0].id) for own in last.split()]
        return tuple([await self._report(own, policies[i]) for own, i in parts if clusters is None or i in clusters])

    async def _report(self, own: Snapshot, policy: Policy) -> CapacityReport:
        cluster = own.clusters[0]
        samples = await self._store.capacity.samples(cluster.id)
        basis = (policy, samples[-1] if samples else None)
        kept = self._reports.get(cluster.id)
        if kept is None or kept[0] != basis:
            counts = await self._store.capacity.sizes(cluster.id)
            report = await asyncio.to_thread(
                lambda: capacity_report(cluster.id, cluster.name, samples, policy, counts=counts)
            )
            self._reports[cluster.id] = kept = (basis, report)
        return replace(
            kept[1],
            cluster_name=cluster.name,
            out_of_service=sum(1 for node in own.nodes if not in_service(node)),
            standard=await asyncio.to_thread(standard_vm, own, policy),
        )
