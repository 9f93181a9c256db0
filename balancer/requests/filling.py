"""The plan that brings a node back to its share of the load, with the search of ``balance`` and one target only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from balancer.model import Evenness, Plan, Purpose, Reason, Recent, Rejection, Snapshot
from balancer.policy import Policy
from balancer.requests.making import Making, known_node
from balancer.rules.constraints import cluster_refusal, load_refusal, static_target_refusal
from balancer.state import Candidate, WorkingState
from balancer.strategies.arrays import NodeArrays, VMArrays
from balancer.strategies.balance.search import evened_out, vm_rows
from balancer.strategies.balance.spread import Field, Loads, Moment
from balancer.strategies.outcome import Step, carry_out


def fill_plan(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> Plan:
    """See ``balancer.requests.fill``."""
    making = Making(Purpose.FILL, snapshot, policy, recent)
    state, cluster = making.state, making.cluster
    known_node(state, node_id)
    node = state.nodes[node_id]
    refusal = cluster_refusal(cluster, state)
    if refusal is not None:
        return making.plan((), [Rejection("cluster", cluster.id, cluster.name, refusal)])
    refusal = static_target_refusal(node, state) or load_refusal(state.working[node_id], state)
    if refusal is not None:
        return making.plan((), [Rejection("target", node.id, node.name, refusal)])
    start = _Start(state, node_id)
    moves = [move for _, move in carry_out(state, start.steps())]
    if not moves:
        return making.plan((), [Rejection("target", node.id, node.name, start.why_nothing())])
    evenness = Evenness(before=start.j, after=_Start(state, node_id).j, moves=len(moves))
    return making.plan(moves, evenness=evenness)


class _Start:
    """The cluster at one moment, as the search for evenness sees it, with all nodes but one closed."""

    def __init__(self, state: WorkingState, node_id: int) -> None:
        self._state = state
        nodes = NodeArrays.of(state)
        self._row = nodes.row[node_id]
        # A node that is excluded as a source counts all the same: it is the one that is to carry more.
        only = np.arange(len(nodes)) == self._row
        self._nodes = replace(nodes, open=nodes.open & only, counted=nodes.counted | only)
        self._vms = VMArrays.of(state, self._nodes)
        self._free = np.array([not state.groups.binds(c.vm.id) for c in self._vms.candidates], dtype=np.bool_)
        self._loads = Loads.of(state, Field.of(state, self._nodes, self._vms, self._free))
        self.j = Moment.of(self._loads).j

    def steps(self) -> list[Step]:
        field = self._loads.field
        found = evened_out(self._loads, self._state.policy.balance_margin / field.counted)
        return [self._step(self._vms.candidates[vm]) for vm, _ in vm_rows(self._loads, found)]

    def why_nothing(self) -> Reason:
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
