"""Looking: what is seen now, the plans made of it, the state of everything. Nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from balancer.model import VM, Cluster, Node, Plan, Snapshot
from balancer.policy import Policy
from bot.domain.load_history import DayHours, PastMigration, Sample
from bot.domain.lookup import Named, matching, nearest
from bot.domain.proposals import UNSETTLED
from bot.errors import NotFound, PanelError
from bot.service.base import Base
from bot.service.observer import NOW
from bot.service.values import Status
from bot.store import Summary

FRESH = timedelta(seconds=60)
"""How old a snapshot may be for an answer to a person; its age is shown."""
PATIENCE_S = 5.0
"""How long the state of everything waits for the panel before it shows what was seen last."""


class Seeing(Base):
    async def observe(self, max_age: timedelta | None = NOW, measure: Collection[int] | None = None) -> Snapshot:
        """As ``Observer.observe``."""
        return await self._observer.observe(max_age, measure)

    @property
    def problem(self) -> PanelError | None:
        """Why the panel could not be read last; ``None`` = it could, or nobody asked yet."""
        return self._observer.problem

    async def policy(self, snapshot: Snapshot) -> Policy:
        """As ``Planning.policy``: what holds where CLUSTERS_FILE says nothing else."""
        return await self._planning.policy(snapshot)

    async def policies(self, snapshot: Snapshot) -> dict[int, Policy]:
        """As ``Planning.policies``: what holds for each cluster."""
        return await self._planning.policies(snapshot)

    async def plans(
        self,
        cluster: str | None = None,
        max_age: timedelta | None = NOW,
        strategy: str | None = None,
        *,
        outlook: bool = False,
    ) -> tuple[Plan, ...]:
        """What would be done now, for one cluster or all. Nothing is stored.

        Args:
            strategy: instead of the one that is set.
            outlook: as in ``Planning.plans``.
        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster is called so, or more than one.
        """
        snapshot = await self.observe(max_age)
        wanted = None if cluster is None else self._one(snapshot.clusters, cluster, "cluster").id
        return await self._planning.plans(snapshot, wanted, strategy, outlook=outlook)

    async def _looks(self, cluster: str | None, max_age: timedelta | None) -> tuple[Plan, ...]:
        """As ``plans``, of the nodes alone: to even out many large clusters takes longer than a person waits."""
        snapshot = await self.observe(max_age)
        wanted = None if cluster is None else self._one(snapshot.clusters, cluster, "cluster").id
        return await self._planning.looks(snapshot, wanted)

    async def status(self, cluster: str | None = None, max_age: timedelta = FRESH) -> Status:
        """The state of everything; when the panel does not answer (soon), the last snapshot with the problem."""
        plans: tuple[Plan, ...] = ()
        try:
            plans = await asyncio.wait_for(self._looks(cluster, max_age), PATIENCE_S)
        except (PanelError, asyncio.TimeoutError):
            if self._observer.last is not None:
                plans = await self._looks(cluster, None)
        now = self.clock()
        last, problem = self._observer.last, self._observer.problem
        return Status(
            taken_at=None if last is None else last.taken_at,
            plans=plans,
            mode=await self.mode(),
            paused_until=await self.paused_until(),
            waiting=tuple(await self._store.waiting()),
            running=tuple(await self._store.migrations(UNSETTLED)),
            exclusions=tuple(await self._store.exclusions(now)),
            problem=None if problem is None else str(problem),
        )

    async def node_details(self, node: Node) -> tuple[Node, Plan, list[VM]]:
        """A node as last seen, with the plan of its cluster and its VMs.

        Raises:
            NotFound: the node has gone meanwhile.
        """
        snapshot = await self.observe(FRESH)
        latest = next((n for n in snapshot.nodes if n.id == node.id), None)
        if latest is None:
            raise NotFound("node", node.name, nearest(node.name, snapshot.nodes))
        [made] = await self._planning.plans(snapshot, latest.cluster_id)
        return latest, made, [vm for vm in snapshot.vms if vm.node_id == node.id]

    async def find_nodes(self, name: str, max_age: timedelta = FRESH) -> list[Node]:
        """The nodes with this name or id; more than one is for the person to choose from.

        Raises:
            NotFound: none; with the nearest names.
        """
        snapshot = await self.observe(max_age)
        found = matching(snapshot.nodes, name)
        if not found:
            raise NotFound("node", name, nearest(name, snapshot.nodes))
        return found

    async def summary(self, since: datetime, until: datetime, clusters: Collection[int] | None = None) -> Summary:
        """What that time came to, in these clusters (``None`` = in all)."""
        return await self._store.summary(since, until, clusters)

    async def overload_by_day(
        self, since: datetime, until: datetime, clusters: Collection[int] | None = None
    ) -> list[DayHours]:
        """Every day of that time, in TIMEZONE, with its hours of overload, summed over the nodes."""
        return await self._store.overload_by_day(since, until, self.settings.zone, clusters)

    async def load_history(
        self, since: datetime, until: datetime, *, cluster_id: int | None = None, node_id: int | None = None
    ) -> tuple[list[Sample], list[PastMigration]]:
        """The load of a node, or of a cluster's nodes together, and the migrations that went well meanwhile."""
        if node_id is not None:
            samples = await self._store.node_samples(node_id, since, until)
        else:
            samples = await self._store.cluster_samples(cluster_id, since, until)
        return samples, await self._store.past_migrations(since, until, cluster_id=cluster_id, node_id=node_id)

    async def policy_of(self, cluster_id: int) -> Policy:
        """What holds for a cluster; what holds in general where nobody has seen the cluster lately."""
        [policy] = await self.policies_of([cluster_id])
        return policy

    async def policies_of(self, cluster_ids: Sequence[int]) -> list[Policy]:
        """As ``policy_of``, of several in their order."""
        snapshot = await self.observe(None)
        policies, general = await self.policies(snapshot), await self.policy(snapshot)
        return [policies.get(cluster_id, general) for cluster_id in cluster_ids]

    def clusters_seen(self) -> tuple[Cluster, ...]:
        """As last seen; none where the panel has not answered yet."""
        return () if self._observer.last is None else self._observer.last.clusters

    def cluster_name(self, cluster_id: int) -> str:
        """As last seen; empty where nobody saw it."""
        return next((c.name for c in self.clusters_seen() if c.id == cluster_id), "")

    @staticmethod
    def _one(things: Sequence[Named], name: str, what: str) -> Named:
        found = matching(things, name)
        if len(found) != 1:
            raise NotFound(what, name, nearest(name, things))
        return found[0]
