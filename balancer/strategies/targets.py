"""The nodes that can take a VM now. Caches the verdicts of the rules between moves.

Every verdict comes from constraints.py. After applying a move to the working state, call ``moved``, so that both nodes
are judged again. Clusters of many nodes use NumPy.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from balancer.model import Node, Reason
from balancer.reasons import brief
from balancer.rules.constraints import fit_refusal, load_refusal, pair_kind, pair_refusal, static_target_refusal
from balancer.state import Candidate, WorkingNode, WorkingState

if TYPE_CHECKING:
    from balancer.strategies.arrays import Bools
    from balancer.strategies.target_arrays import TargetArrays

MANY_NODES = 256
"""From this number of nodes on, arrays are faster than a loop, even with the import of NumPy."""


class Targets:
    """The targets of one working state."""

    def __init__(self, state: WorkingState) -> None:
        self._state = state
        self._static = {node.id: static_target_refusal(node, state) for node in state.nodes.values()}
        self._load: dict[int, Reason | None] = {}
        self._reachable: dict[object, list[WorkingNode]] = {}
        self._reach: dict[object, Bools] = {}
        self._kinds = {node.id: pair_kind(node, state) for node in state.nodes.values()}
        self._nodes_of: dict[object, list[Node]] = {}
        for node in state.nodes.values():
            self._nodes_of.setdefault(self._kinds[node.id], []).append(node)
        self._pairs: dict[tuple[object, object], Reason | None] = {}
        self._closed: dict[object, Counter[Reason]] = {}
        self._arrays: TargetArrays | None = None
        if len(state.working) >= MANY_NODES:
            self._arrays = self._new_arrays()

    def refusal(self, node_id: int) -> Reason | None:
        """Why this node takes no VM from any source now."""
        static = self._static[node_id]
        if static is not None:
            return static
        if node_id not in self._load:
            self._load[node_id] = load_refusal(self._state.working[node_id], self._state)
        return self._load[node_id]

    def open_to(self, source: Node) -> list[WorkingNode]:
        """The nodes that may take VMs of this source now, without regard to size."""
        return [
            target
            for target in self._reached_from(source)
            if target.node.id != source.id and self.refusal(target.node.id) is None
        ]

    def has_open(self, source: Node) -> bool:
        """Whether any node may take VMs of this source now, without regard to size."""
        if self._arrays is not None:
            return self._arrays.any_open(source.id, self._reach_of(self._arrays, source))
        reached = self._reached_from(source)
        return any(target.node.id != source.id and self.refusal(target.node.id) is None for target in reached)

    def like(self, source: Node) -> tuple[object, Reason] | None:
        """Equal for nodes whose VMs are refused by the same nodes; ``None`` where the node itself is a target."""
        own = self.refusal(source.id) if source.id in self._state.working or self._static[source.id] else None
        return None if own is None else (self._kinds[source.id], brief(own))

    def pair(self, source: Node, target: Node) -> Reason | None:
        """Why no VM may go from this source to this other node, without regard to size and load."""
        return self._pair(self._kinds[source.id], self._kinds[target.id])

    def fitting(self, vm: Candidate, targets: list[WorkingNode]) -> list[WorkingNode]:
        """Those of ``targets`` (from ``open_to``) on which this VM fits."""
        state = self._state
        return [target for target in targets if fit_refusal(vm, target, state) is None]

    def best(self, vm: Candidate, source: Node) -> tuple[WorkingNode | None, int]:
        """The target with the lowest score (then memory, then id) on which this VM fits, and the number of targets."""
        if self._arrays is not None:
            return self._arrays.best(vm, source.id, self._reach_of(self._arrays, source))
        fitting = self.fitting(vm, self.open_to(source))
        return min(fitting, key=lambda target: target.rank, default=None), len(fitting)

    def fit_refusals(self, vm: Candidate, source: Node) -> Counter[Reason]:
        """Brief reason -> how many open targets refuse this VM, which fits on none of them."""
        if self._arrays is not None:
            refusals = self._arrays.refusals(vm, source.id, self._reach_of(self._arrays, source))
            if refusals is not None:
                return Counter({brief(reason): number for reason, number in refusals})
        reasons = (fit_refusal(vm, target, self._state) for target in self.open_to(source))
        return Counter(brief(reason) for reason in reasons if reason is not None)

    def closed(self, source: Node) -> Counter[Reason]:
        """Brief reason -> how many other nodes take no VM of this source, of any size."""
        kind = self._kinds[source.id]
        if kind not in self._closed:
            reasons = (self.refusal(node_id) or self._pair(kind, there) for node_id, there in self._kinds.items())
            self._closed[kind] = Counter(brief(reason) for reason in reasons if reason is not None)
        counts = self._closed[kind].copy()
        own = self.refusal(source.id) or self._pair(kind, kind)
        if own is not None:
            counts[brief(own)] -= 1
        return counts

    def moved(self, source_id: int, target_id: int) -> None:
        """Updates both nodes after a move has changed their loads."""
        for node_id in (source_id, target_id):
            self._load.pop(node_id, None)
            self._closed.clear()
            if self._arrays is not None:
                self._arrays.update(node_id, self.refusal(node_id) is None)

    def _reached_from(self, source: Node) -> list[WorkingNode]:
        """The nodes that may take VMs of this kind of node, without regard to load; also the source, if it may."""
        kind = self._kinds[source.id]
        if kind not in self._reachable:
            self._reachable[kind] = [
                self._state.working[node_id]
                for node_id, refusal in self._static.items()
                if refusal is None and self._pair(kind, self._kinds[node_id]) is None
            ]
        return self._reachable[kind]

    def _pair(self, source: object, target: object) -> Reason | None:
        """Why no VM may go from nodes of one kind to nodes of the other; ``None`` also if there are no two nodes."""
        key = (source, target)
        if key not in self._pairs:
            first, last = self._nodes_of[source][0], self._nodes_of[target][-1]
            self._pairs[key] = None if first.id == last.id else pair_refusal(first, last, self._state)
        return self._pairs[key]

    def _new_arrays(self) -> TargetArrays:
        from balancer.strategies.target_arrays import TargetArrays  # imports NumPy; small clusters do not need it

        return TargetArrays(self._state, [self.refusal(node_id) is None for node_id in self._state.working])

    def _reach_of(self, arrays: TargetArrays, source: Node) -> Bools:
        kind = self._kinds[source.id]
        if kind not in self._reach:
            self._reach[kind] = arrays.rows_of(target.node.id for target in self._reached_from(source))
        return self._reach[kind]
