"""Counts the checks in a row in which a node was overloaded or a cluster was uneven: for OVERLOAD_HOLD_CYCLES."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(slots=True)
class OverloadCounters:
    """``nodes`` and ``clusters``: id -> checks in a row, at most ``needed``."""

    needed: int
    nodes: dict[int, int] = field(default_factory=dict)
    clusters: dict[int, int] = field(default_factory=dict)

    def held_nodes(self, overloaded: Collection[int]) -> dict[int, int]:
        """Overloaded node -> in how many more checks, with this one, it must be overloaded; without the others."""
        return self._held(self.nodes, overloaded)

    def held_cluster(self, cluster_id: int) -> int:
        """In how many more checks an uneven cluster must be uneven, with this check; 0 = in none."""
        return self._held(self.clusters, [cluster_id]).get(cluster_id, 0)

    def count(self, overloaded: Collection[int], uneven: Collection[int]) -> None:
        """Counts one check: exactly these nodes were overloaded, and exactly these clusters uneven."""
        self.nodes = {i: min(self.needed, self.nodes.get(i, 0) + 1) for i in overloaded}
        self.clusters = {i: min(self.needed, self.clusters.get(i, 0) + 1) for i in uneven}

    def _held(self, counts: dict[int, int], ids: Collection[int]) -> dict[int, int]:
        if self.needed == 1:
            return {}
        left = {i: self.needed - counts.get(i, 0) - 1 for i in ids}
        return {i: checks for i, checks in left.items() if checks > 0}
