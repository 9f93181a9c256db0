"""The mode of each cluster: the general one, or its own in CLUSTERS_FILE. Read again each time."""

from __future__ import annotations

from collections.abc import Iterable

from balancer.harmless import Limits
from balancer.model import Cluster
from bot.config.clusters_file import ClustersFile
from bot.domain.modes import APPROVE, of_cluster
from bot.domain.times import WallTime, opens_at, parse_windows
from bot.service.context import ServiceContext, UseCase

_FIELD = "balance_mode"


class ClusterModes(UseCase):
    """A cluster is known by its id and by its name, or by the name under which CLUSTERS_FILE knows it."""

    def __init__(self, context: ServiceContext, clusters: ClustersFile) -> None:
        super().__init__(context)
        self._at_start = self._clusters = clusters
        self.names: dict[int, str] = {}
        """Cluster -> its name, or the one under which CLUSTERS_FILE knows it; as last seen."""

    def use(self, clusters: ClustersFile) -> None:
        """Uses this content of CLUSTERS_FILE from now on. A less careful mode in it waits for a restart."""
        self._clusters = clusters

    def know(self, clusters: Iterable[Cluster]) -> None:
        """Keeps the clusters of a check, each with the name under which CLUSTERS_FILE knows it."""
        self.names = {cluster.id: cluster.name for cluster in clusters}

    def known_as(self, cluster: Cluster) -> str:
        """The name under which CLUSTERS_FILE knows a cluster."""
        return self.names.get(cluster.id, cluster.name)

    async def of(self, cluster_id: int) -> str:
        """The mode of one cluster."""
        [mode] = (await self.of_all([Cluster(cluster_id, "")])).values()
        return mode

    async def of_all(self, clusters: Iterable[Cluster]) -> dict[int, str]:
        """Cluster -> its mode; ``approve`` everywhere with TWO_PERSON_RULE."""
        general, chosen = await self._runtime.mode(), _FIELD in await self._runtime.stored()
        if self._settings.two_person_rule:
            return {cluster.id: APPROVE for cluster in clusters}
        return {c.id: of_cluster(general, self._own(c, general), chosen=chosen) for c in clusters}

    def _own(self, cluster: Cluster, general: str) -> list[str]:
        """What CLUSTERS_FILE says now and said at the start; where only one of them says something, the general mode
        stands for the other."""
        name = self.known_as(cluster)
        both = [file.value_of(cluster.id, name, _FIELD, None) for file in (self._at_start, self._clusters)]
        return [] if both == [None, None] else [general if mode is None else str(mode) for mode in both]

    def own_modes(self) -> dict[str, str]:
        """Names or ids of clusters with a mode of their own in CLUSTERS_FILE."""
        return {cluster: str(mode) for cluster, mode in self._clusters.all_of(_FIELD).items()}

    def wait_for_restart(self, clusters: ClustersFile) -> bool:
        """Whether this content of CLUSTERS_FILE has other modes than the one that the program started with."""
        return clusters.all_of(_FIELD) != self._at_start.all_of(_FIELD)

    async def limits(self, cluster_id: int, name: str) -> Limits:
        """What assist mode may start in this cluster by itself."""
        settings = await self._runtime.current()

        def value(field: str) -> object:
            return self._clusters.value_of(cluster_id, name, field, getattr(settings, field))

        return Limits(
            max_memory_mib=float(str(value("auto_max_gib"))) * 1024,
            max_per_day=int(str(value("auto_max_per_day"))),
            outcomes=int(str(value("auto_after_outcomes"))),
            proven=bool(value("auto_proven")),
        )

    async def hours(self, cluster_id: int, name: str) -> str:
        """AUTO_HOURS of this cluster, as written."""
        settings = await self._runtime.current()
        return str(self._clusters.value_of(cluster_id, name, "auto_hours", settings.auto_hours))

    async def may_start_at(self, cluster_id: int, name: str, at: WallTime) -> bool:
        """Whether a moment is in AUTO_HOURS of this cluster."""
        hours = parse_windows(await self.hours(cluster_id, name))
        return opens_at(hours, at, self._settings.zone) is None
