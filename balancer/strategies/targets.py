"""Which nodes can take a VM right now, with the rules' verdicts remembered between moves.

Pure bookkeeping for speed: every verdict comes from constraints.py. Whoever applies a move to the
working state says so here (``moved``), and the two nodes are judged anew.
"""

from __future__ import annotations

from balancer.model import Node, Reason
from balancer.rules.constraints import fit_refusal, load_refusal, pair_kind, pair_refusal, static_target_refusal
from balancer.state import Candidate, WorkingNode, WorkingState


class Targets:
    """The targets of one working state."""

    def __init__(self, state: WorkingState) -> None:
        self._state = state
        self._static = {node.id: static_target_refusal(node, state) for node in state.nodes.values()}
        self._load: dict[int, Reason | None] = {}
        self._reachable: dict[int, list[WorkingNode]] = {}
        self._kinds = {node.id: pair_kind(node, state) for node in state.nodes.values()}
        self._pairs: dict[tuple[object, object], Reason | None] = {}

    def refusal(self, node_id: int) -> Reason | None:
        """Why this node takes no VM from anyone at this moment."""
        static = self._static[node_id]
        if static is not None:
            return static
        if node_id not in self._load:
            self._load[node_id] = load_refusal(self._state.working[node_id], self._state)
        return self._load[node_id]

    def open_to(self, source: Node) -> list[WorkingNode]:
        """The nodes that may take VMs of this source at this moment, size aside."""
        if source.id not in self._reachable:
            self._reachable[source.id] = [
                self._state.working[node_id]
                for node_id, refusal in self._static.items()
                if refusal is None and node_id != source.id and not self.pair(source, self._state.nodes[node_id])
            ]
        return [target for target in self._reachable[source.id] if self.refusal(target.node.id) is None]

    def pair(self, source: Node, target: Node) -> Reason | None:
        """Why no VM may go from this source to this other node, size and load aside."""
        key = (self._kinds[source.id], self._kinds[target.id])
        if key not in self._pairs:
            self._pairs[key] = pair_refusal(source, target, self._state)
        return self._pairs[key]

    def fitting(self, vm: Candidate, targets: list[WorkingNode]) -> list[WorkingNode]:
        """Those of ``targets`` (from ``open_to``) that this VM fits on."""
        state = self._state
        return [target for target in targets if fit_refusal(vm, target, state) is None]

    def moved(self, source_id: int, target_id: int) -> None:
        """The load of these two has changed."""
        self._load.pop(source_id, None)
        self._load.pop(target_id, None)
