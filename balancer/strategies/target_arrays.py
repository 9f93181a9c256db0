"""The targets on which a VM fits, for clusters of many nodes: the verdicts of the rules for all nodes together.

This module imports NumPy. For measured targets, and VMs with a rule of the operator, the rules are called one by one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence

import numpy as np

from balancer.model import Reason
from balancer.rules.constraints import fit_refusal
from balancer.scoring import cpu_ratio, memory_percent, most_mib, most_vcpus
from balancer.state import Candidate, WorkingNode, WorkingState
from balancer.strategies.arrays import Bools, Floats, Ints

LOOKED_AT = 64
"""Nodes of the best ranks that are looked at one by one; if the VM fits on none of them, all are ranked at once."""


class TargetArrays:
    """The room of every node, and its rank as a target. ``update`` follows the moves of the state."""

    def __init__(self, state: WorkingState, is_open: Sequence[bool]) -> None:
        """``is_open``: node -> whether it takes any VM now; the rows are in the order of ``state.working``."""
        self._state = state
        self._nodes = list(state.working.values())
        self._row = {node.node.id: row for row, node in enumerate(self._nodes)}
        self.open: Bools = np.array(is_open, dtype=np.bool_)
        limits = [_limits(node, state) for node in self._nodes]
        self._limit_vcpus: Ints = np.array([vcpus for vcpus, _ in limits], dtype=np.int64)
        self._limit_mib: Ints = np.array([mib for _, mib in limits], dtype=np.int64)
        self._room_vcpus: Ints = self._limit_vcpus - np.array([node.vcpus for node in self._nodes], dtype=np.int64)
        self._room_mib: Ints = self._limit_mib - np.array([node.memory_allocated_mib for node in self._nodes])
        self._score: Floats = np.array([node.load.score for node in self._nodes], dtype=np.float64)
        self._memory: Floats = np.array([node.load.memory_percent for node in self._nodes], dtype=np.float64)
        self._measured: Bools = np.array([node.live is not None for node in self._nodes], dtype=np.bool_)
        self._reserved: Bools = np.array([node.reserved is not None for node in self._nodes], dtype=np.bool_)
        self._any_measured = bool(self._measured.any())
        self._rank_of = [(node.load.score, node.load.memory_percent, row) for row, node in enumerate(self._nodes)]
        self._ranks = sorted(self._rank_of)
        """The best target first. Rows are ordered by id."""

    def rows_of(self, node_ids: Iterable[int]) -> Bools:
        """Node -> whether it is one of these."""
        rows: Bools = np.zeros(len(self._nodes), dtype=np.bool_)
        rows[[self._row[node_id] for node_id in node_ids]] = True
        return rows

    def update(self, node_id: int, is_open: bool) -> None:
        """Updates the node after its load has changed."""
        row = self._row[node_id]
        node = self._nodes[row]
        self.open[row] = is_open
        self._room_vcpus[row] = self._limit_vcpus[row] - node.vcpus
        self._room_mib[row] = self._limit_mib[row] - node.memory_allocated_mib
        self._score[row] = node.load.score
        self._memory[row] = node.load.memory_percent
        del self._ranks[bisect_left(self._ranks, self._rank_of[row])]
        self._rank_of[row] = (node.load.score, node.load.memory_percent, row)
        insort(self._ranks, self._rank_of[row])

    def any_open(self, source_id: int, reach: Bools) -> bool:
        """Whether another node than the source takes any VM now, and is one of ``reach``."""
        there = self.open & reach
        there[self._row[source_id]] = False
        return bool(there.any())

    def best(self, vm: Candidate, source_id: int, reach: Bools) -> tuple[WorkingNode | None, int]:
        """The best target on which the VM fits, and the number of such targets.

        Args:
            vm: a VM of the source.
            source_id: the VM's node.
            reach: node -> whether it may take VMs of the source, without regard to size and load.
        """
        fits = self._fitting(vm, source_id, reach)
        number = int(np.count_nonzero(fits))
        if not number:
            return None, 0
        for _, _, row in self._ranks[:LOOKED_AT]:
            if fits[row]:
                return self._nodes[row], number
        scores = np.where(fits, self._score, np.inf)
        lowest = np.flatnonzero(scores == scores.min())
        return self._nodes[int(lowest[np.argmin(self._memory[lowest])])], number  # rows are ordered by id

    def refusals(self, vm: Candidate, source_id: int, reach: Bools) -> list[tuple[Reason, int]] | None:
        """Reason -> how many open targets it forbids to the VM; ``None`` = the rules must be called one by one."""
        candidates = self.open & reach
        candidates[self._row[source_id]] = False
        if self._state.groups.binds(vm.vm.id) or (candidates & (self._measured | self._reserved)).any():
            return None
        by_cpu = candidates & (self._room_vcpus < vm.vcpus)
        by_memory = candidates & ~by_cpu & (self._room_mib < vm.memory_mib)
        examples = [(rows, int(rows.sum())) for rows in (by_cpu, by_memory)]
        reasons = [(self._refusal(vm, int(rows.argmax())), number) for rows, number in examples if number]
        return [(reason, number) for reason, number in reasons if reason is not None]

    def _refusal(self, vm: Candidate, row: int) -> Reason | None:
        return fit_refusal(vm, self._nodes[row], self._state)

    def _fitting(self, vm: Candidate, source_id: int, reach: Bools) -> Bools:
        fits = self.open & reach & (self._room_vcpus >= vm.vcpus) & (self._room_mib >= vm.memory_mib)
        fits[self._row[source_id]] = False
        bound = self._state.groups.binds(vm.vm.id)
        if bound or self._any_measured:
            for row in np.flatnonzero(fits if bound else fits & self._measured).tolist():
                fits[row] = self._refusal(vm, row) is None
        return fits


def _limits(node: WorkingNode, state: WorkingState) -> tuple[int, int]:
    """The most vCPUs and MiB after a move by the rules: exactly up to the limit, or below it."""
    policy = state.policy
    cpu, memory = policy.fill_limit(policy.cpu_overload_ratio), policy.fill_limit(policy.memory_overload_percent)
    vcpus, mib = most_vcpus(node.cpus, cpu), most_mib(node.memory_mib, memory)
    if policy.fills_targets:
        return vcpus, mib
    at_cpu, at_memory = cpu_ratio(vcpus, node.cpus) >= cpu, memory_percent(mib, node.memory_mib) >= memory
    return vcpus - at_cpu, mib - at_memory
