"""How long migrations take in each cluster, fitted to its own migrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from balancer.migration_time import Fitted, Sample, WritingVM, fit, writing_vm
from balancer.model import VM, Cluster, Snapshot
from balancer.policy import Policy
from bot.domain.proposals import MigrationState, ProposedMove
from bot.service.planning_context import ClusterContext
from bot.store.store import Store


class MeasuredDurations:
    """One per program: a cluster is fitted again only after another of its migrations has ended."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fitted: dict[int, tuple[int, Fitted | None]] = {}
        """Cluster -> id of the newest migration in the fit, and the result of the fit."""

    def known(self) -> dict[int, Fitted]:
        """Cluster -> the result, where enough migrations have ended."""
        return {cluster_id: fitted for cluster_id, (_, fitted) in self._fitted.items() if fitted is not None}

    async def read(self, snapshot: Snapshot) -> None:
        """Fits the clusters again in which a migration has ended. Clusters whose migrations copy disks are left out:
        there the memory alone does not explain the duration."""
        newest = await self._store.migrations.newest_succeeded()
        for cluster in snapshot.clusters:
            last = newest.get(cluster.id)
            if last is None or cluster.local_storage or self._fitted.get(cluster.id, (None,))[0] == last:
                continue
            self._fitted[cluster.id] = (last, fit(await self._store.migrations.durations(cluster.id)))

    def applied(self, cluster: Cluster, policy: Policy) -> Policy:
        _, fitted = self._fitted.get(cluster.id, (0, None))
        if fitted is None:
            return policy
        return replace(policy, migration_overhead_s=fitted.overhead_s, migration_bandwidth_mbit=fitted.bandwidth_mbit)


def writing_of(vm: VM, past: Sequence[ProposedMove], context: ClusterContext) -> WritingVM | None:
    """How fast a VM writes to its memory, by its past moves, newest first; ``None`` where its disks are copied too."""
    if vm.memory_mib is None or context.snapshot.clusters[0].local_storage:
        return None
    ended = [m.migration for m in past if m.migration is not None and m.migration.state is MigrationState.SUCCEEDED]
    samples = [Sample(m.move.memory_mib, m.duration.total_seconds()) for m in ended if m.duration is not None]
    return writing_vm(samples, vm.memory_mib, context.policy)
