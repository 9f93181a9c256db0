"""How long migrations take in each cluster, learnt from its own migrations."""

from __future__ import annotations

from dataclasses import replace

from balancer.migration_time import Fitted, fit
from balancer.model import Cluster, Snapshot
from balancer.policy import Policy
from bot.store.store import Store


class MeasuredDurations:
    """One per program: a cluster is fitted again only after another of its migrations has ended."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._fitted: dict[int, tuple[int, Fitted | None]] = {}
        """Cluster -> the newest migration of the fit, and its result."""

    def known(self) -> dict[int, Fitted]:
        """Cluster -> the result, where enough migrations have ended."""
        return {cluster_id: fitted for cluster_id, (_, fitted) in self._fitted.items() if fitted is not None}

    async def read(self, snapshot: Snapshot) -> None:
        """Fits again where migrations have ended since. Clusters whose migrations copy disks are left out: there the
        memory alone does not explain the duration."""
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
