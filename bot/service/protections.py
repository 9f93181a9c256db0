"""Stops automatic mode in clusters where a protecting name no longer matches anything, and notifies people."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping

from balancer.groups import ASK_TAG
from balancer.model import Cluster, Node, Reason, Snapshot
from balancer.policy import Policy
from bot.config.clusters_file import ClustersFile
from bot.domain.held_clusters import LOST_KEY
from bot.domain.lookup import matching
from bot.domain.proposals import POLICY_ACTOR
from bot.domain.protections import NODE, Bindings, Protection, bindings, known_as, lost, to_bind
from bot.service.context import ServiceContext, UseCase

log = logging.getLogger(__name__)

SHOWN = 5


class Protections(UseCase):
    """Call ``load`` before the other methods: another program may have written meanwhile."""

    def __init__(self, context: ServiceContext, clusters: ClustersFile) -> None:
        super().__init__(context)
        self.use(clusters)
        self._nodes = (*context.settings.exclude_source_nodes, *context.settings.exclude_target_nodes)
        self._bound: Bindings = {}

    def use(self, clusters: ClustersFile) -> None:
        """Replaces the content of CLUSTERS_FILE."""
        self._keys = [key for key, _ in clusters.entries]

    async def load(self) -> None:
        """Reads what the names matched last time."""
        self._bound = await self._store.protections.all()

    def nodes_called(self, nodes: Collection[Node], name: str) -> frozenset[int]:
        """The nodes that a name in the settings means: those with this name, and those that it matched last time."""
        meant = self._bound.get(Protection(NODE, name), {})
        return frozenset(n.id for n in matching(nodes, name)) | (frozenset(meant) & {n.id for n in nodes})

    def known_as(self, cluster: Cluster) -> str:
        """The name of a cluster in CLUSTERS_FILE, also after the cluster was renamed in the panel."""
        return known_as(cluster, self._keys, self._bound)

    def lost(self, snapshot: Snapshot, policies: Mapping[int, Policy]) -> dict[int, Reason]:
        """Cluster -> why automatic mode waits there."""
        now = bindings(snapshot, self._nodes, self._keys, policies)
        found = {}
        for cluster_id, names in lost(now, self._bound, snapshot).items():
            # Automatic mode does not know the tag of assist mode.
            shown = [name for name in names if name != ASK_TAG or not policies[cluster_id].automatic][:SHOWN]
            if shown:
                found[cluster_id] = Reason.of("protection-lost", names=", ".join(shown))
        return found

    async def record(self, snapshot: Snapshot, policies: Mapping[int, Policy]) -> None:
        """Stores what every name matches now. Notifies once when a name matches nothing, and when it does again."""
        now = bindings(snapshot, self._nodes, self._keys, policies)
        fresh = to_bind(now, self._bound, snapshot)
        if fresh:
            await self._store.protections.bind(fresh, self._clock())
        missing = self.lost(snapshot, policies)
        for cluster in snapshot.clusters:
            await self._tell(cluster, missing.get(cluster.id))

    async def _tell(self, cluster: Cluster, reason: Reason | None) -> None:
        key = f"{LOST_KEY}{cluster.id}"
        known = await self._store.settings.get(key)
        if reason is None and known is not None:
            await self._store.settings.leave(key, None, POLICY_ACTOR, self._clock())
        elif reason is not None and known is None:
            names = str(reason.as_dict()["names"])
            log.warning(
                "Cluster '%s': %s in the settings match nothing any more; automatic mode waits", *(cluster.name, names)
            )
            notice = Reason.of("protection-lost-in", cluster=cluster.name, names=names)
            await self._store.notices.note_outage(key, names, notice, self._clock())
            self._notifier.notices_waiting()
