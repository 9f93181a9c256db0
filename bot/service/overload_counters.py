"""In how many checks in a row each node was seen overloaded, and each cluster uneven: for OVERLOAD_HOLD_CYCLES."""

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
        """Of the nodes overloaded now: in how many more checks they have to be, this one counted."""
        return self._held(self.nodes, overloaded)

    def held_cluster(self, cluster_id: int) -> int:
        """In how many more checks a cluster that is uneven now has to be, this one counted; 0 = in none."""
        return self._held(self.clusters, [cluster_id]).get(cluster_id, 0)

    def count(self, overloaded: Collection[int], uneven: Collection[int]) -> None:
        """A check has seen these nodes overloaded and these clusters uneven, and no others."""
        self.nodes = {i: min(self.needed, self.nodes.get(i, 0) + 1) for i in overloaded}
        self.clusters = {i: min(self.needed, self.clusters.get(i, 0) + 1) for i in uneven}

    def _held(self, seen: dict[int, int], ids: Collection[int]) -> dict[int, int]:
        if self.needed == 1:
            return {}
        left = {i: self.needed - seen.get(i, 0) - 1 for i in ids}
        return {i: checks for i, checks in left.items() if checks > 0}
