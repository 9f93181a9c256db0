"""The search of ``balance`` with a single target, for ``fill``. Imports NumPy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from balancer.model import Reason
from balancer.state import Candidate, WorkingState
from balancer.strategies.arrays import NodeArrays, VMArrays
from balancer.strategies.balance.imbalance import Field, Loads, Moment
from balancer.strategies.balance.search import even_out, vm_rows
from balancer.strategies.outcome import Step


class FillSearch:
    """The cluster at one moment; all nodes except one are closed as targets."""

    def __init__(self, state: WorkingState, node_id: int) -> None:
        self._state = state
        nodes = NodeArrays.of(state)
        self._row = nodes.row[node_id]
        # The node counts even if it is excluded as a source: the request is about its load.
        only = np.arange(len(nodes)) == self._row
        self._nodes = replace(nodes, open=nodes.open & only, counted=nodes.counted | only)
        self._vms = VMArrays.of(state, self._nodes)
        self._free = np.array([not state.groups.binds(c.vm.id) for c in self._vms.candidates], dtype=np.bool_)
        self._loads = Loads.of(state, Field.of(state, self._nodes, self._vms, self._free))
        self.j = Moment.of(self._loads).j

    def steps(self) -> list[Step]:
        """Moves to the node, in order; each reduces J by ``balance_margin``."""
        field = self._loads.field
        parts = even_out(self._loads, self._state.policy.balance_margin / field.counted)
        return [self._step(self._vms.candidates[vm]) for part in vm_rows(self._loads, parts) for vm, _ in part]

    def why_no_move(self) -> Reason:
        """``fill-fair-share``, with the node's load and the means of the cluster."""
        cpu, memory = self._means()
        load = self._state.working[int(self._nodes.ids[self._row])].load
        return Reason.of(
            "fill-fair-share", cpu=load.cpu_ratio, memory=load.memory_percent, mean_cpu=cpu, mean_memory=memory
        )

    def _means(self) -> tuple[float, float]:
        counted = self._loads.field.counted
        return float(self._loads.cpu.sum()) / counted, 100 * float(self._loads.memory.sum()) / counted

    def _step(self, vm: Candidate) -> Step:
        home = vm.vm.node_id
        source_id = home if home is not None else 0
        return Step(vm, source_id, int(self._nodes.ids[self._row]), self._why(source_id))

    def _why(self, source_id: int) -> Callable[[WorkingState], Reason]:
        cpu, memory = self._means()

        def why(state: WorkingState) -> Reason:
            load = state.working[source_id].load
            return Reason.of(
                "move-fill", cpu=load.cpu_ratio, memory=load.memory_percent, mean_cpu=cpu, mean_memory=memory
            )

        return why
