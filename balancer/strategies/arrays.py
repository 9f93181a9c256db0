"""A working state as NumPy arrays, for strategies that compute with thousands of nodes at the same time.

All values come from the rules in constraints.py, which are called once per node, per VM and per pair of node classes,
so that arrays and rules cannot disagree. The arrays do not follow later moves of the state. Only strategies that fill
targets up to the overload thresholds (``Policy.fills_targets``) may use them.

How to use it (row i of every node array is one node, row j of every VM array one VM):

- ``nodes = NodeArrays.of(state)``; ``nodes.row[node_id]`` is its row. Nodes with an unknown figure have none.
- ``vms = VMArrays.of(state, nodes)`` (or of some rows only) holds the VMs that may leave, sorted by node and id.
- A VM j may go to node t when ``nodes.open[t]``, ``nodes.compatible[nodes.kind[s], nodes.kind[t]]``, s != t,
  ``used_vcpus[t] + vcpus[j] <= fill_vcpus[t]``, the same for ``mib``, ``count[t] + 1 <= cap_count[t]``, and t
  is not overloaded. There are more rules for measured targets (``nodes.measured``) and for VMs with a rule of the
  operator (``state.groups.binds``): ``Room`` in packing.py has both, and ``fit_refusal`` decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from balancer.capacity import fill_mib, fill_vcpus
from balancer.migration_time import copied_mib
from balancer.model import Node
from balancer.rules.constraints import (
    candidate,
    is_overloaded,
    not_counted,
    pair_kind,
    pair_refusal,
    source_refusal,
    static_target_refusal,
)
from balancer.scoring import most_mib, most_vcpus
from balancer.state import Candidate, WorkingNode, WorkingState

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

NO_LIMIT = 2**40
"""Means "no limit" for the number of VMs."""


@dataclass(frozen=True)
class NodeArrays:
    """The nodes whose figures are all known, by id."""

    ids: Ints
    row: dict[int, int]
    """Node id -> row."""
    cpus: Ints
    memory_mib: Ints
    vcpus: Ints
    """Allocated now. ``mib`` and ``count``: the same."""
    mib: Ints
    count: Ints
    cap_vcpus: Ints
    """The most vCPUs without overload: at the threshold, in whole vCPUs. ``cap_mib``: the same."""
    cap_mib: Ints
    fill_vcpus: Ints
    """The most vCPUs after a move: ``cap_vcpus`` minus the headroom, and below hard target thresholds. ``fill_mib``:
    the same."""
    fill_mib: Ints
    cap_count: Ints
    counted: Bools
    """Whether the node counts in every metric: it is neither in maintenance nor excluded as a source."""
    overloaded: Bools
    source: Bools
    """VMs may leave it."""
    open: Bools
    """It may take VMs, without regard to its load."""
    measured: Bools
    kind: Ints
    """Its class for the rules about source and target together."""
    compatible: Bools
    """``compatible[kind of source, kind of target]``."""

    @staticmethod
    def of(state: WorkingState) -> NodeArrays:
        """The arrays of the nodes of a state, in its order."""
        working = list(state.working.values())
        kinds, compatible = _kinds([n.node for n in working], state)
        policy = state.policy
        return NodeArrays(
            ids=_ints(n.node.id for n in working),
            row={n.node.id: i for i, n in enumerate(working)},
            cpus=_ints(n.cpus for n in working),
            memory_mib=_ints(n.memory_mib for n in working),
            vcpus=_ints(n.vcpus for n in working),
            mib=_ints(n.memory_allocated_mib for n in working),
            count=_ints(n.vm_count for n in working),
            cap_vcpus=_ints(most_vcpus(n.cpus, policy.cpu_overload_ratio) for n in working),
            cap_mib=_ints(most_mib(n.memory_mib, policy.memory_overload_percent) for n in working),
            fill_vcpus=_ints(fill_vcpus(n, policy) for n in working),
            fill_mib=_ints(fill_mib(n, policy) for n in working),
            cap_count=_ints(_most_vms(n, state) for n in working),
            counted=_bools(not_counted(n.node, state) is None for n in working),
            overloaded=_bools(is_overloaded(n.node, state) for n in working),
            source=_bools(source_refusal(n.node, state) is None for n in working),
            open=_bools(static_target_refusal(n.node, state) is None for n in working),
            measured=_bools(n.live is not None for n in working),
            kind=kinds,
            compatible=compatible,
        )

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class VMArrays:
    """VMs that may leave their node, sorted by node and id."""

    candidates: list[Candidate]
    node: Ints
    """Row of its node."""
    vcpus: Ints
    mib: Ints
    copied_mib: Ints
    """The MiB that a migration copies: memory, and the disk if it is on the node."""
    start: Ints
    """The VMs of node row i are ``start[i]`` to ``start[i + 1]``."""

    @staticmethod
    def of(state: WorkingState, nodes: NodeArrays, rows: Iterable[int] | None = None) -> VMArrays:
        """All VMs that may leave, or those of the nodes in ``rows``. The rules take a few microseconds per VM."""
        wanted = set(range(len(nodes)) if rows is None else rows)
        candidates: list[Candidate] = []
        start = [0]
        cluster = next(iter(state.clusters.values()), None)
        for i, node_id in enumerate(nodes.ids.tolist()):
            if i in wanted and nodes.source[i]:
                verdicts = (candidate(vm, state) for vm in state.vms_on[node_id])
                candidates += [c for c in verdicts if isinstance(c, Candidate)]
            start.append(len(candidates))
        return VMArrays(
            candidates=candidates,
            node=np.repeat(np.arange(len(nodes), dtype=np.int64), np.diff(_ints(start))),
            vcpus=_ints(c.vcpus for c in candidates),
            mib=_ints(c.memory_mib for c in candidates),
            copied_mib=_ints(copied_mib(c.vm, cluster) for c in candidates),
            start=_ints(start),
        )

    def __len__(self) -> int:
        return len(self.candidates)


def _most_vms(node: WorkingNode, state: WorkingState) -> int:
    cluster = state.clusters.get(node.node.cluster_id)
    limits = (node.node.vm_limit, cluster.vm_limit_per_node if cluster else None)
    return min((limit for limit in limits if limit is not None), default=NO_LIMIT)


def _kinds(nodes: list[Node], state: WorkingState) -> tuple[Ints, Bools]:
    """The class of every node, and which class may send VMs to which, judged by the first two nodes of a class."""
    members: dict[object, list[Node]] = {}
    order: dict[object, int] = {}
    kinds = []
    for node in nodes:
        key = pair_kind(node, state)
        kinds.append(order.setdefault(key, len(order)))
        members.setdefault(key, []).append(node)
    compatible = np.ones((len(order), len(order)), dtype=np.bool_)
    for a, source in members.items():
        for b, target in members.items():
            if a != b or len(source) > 1:
                compatible[order[a], order[b]] = pair_refusal(source[0], target[-1], state) is None
    return _ints(kinds), compatible


def _ints(values: Iterable[int]) -> Ints:
    return np.fromiter(values, dtype=np.int64)


def _bools(values: Iterable[bool]) -> Bools:
    return np.fromiter(values, dtype=np.bool_)
