"""Explains what a finished plan does not do, on the state after its moves.

It applies the planner's rules for their reasons. The work is limited: one rejection per node and one per VM of an
overloaded node; pairs of VM and target are only counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from balancer.model import Cluster, Move, Node, Reason, Rejection
from balancer.rules.constraints import (
    candidate,
    cluster_refusal,
    is_overloaded,
    source_refusal,
)
from balancer.rules.vm import is_opted_out
from balancer.state import Candidate, WorkingState
from balancer.strategies.targets import Targets


def explain(
    cluster: Cluster,
    state: WorkingState,
    overloaded: Sequence[Node],
    moves: Sequence[Move],
    stuck: Mapping[int, Reason],
) -> tuple[Rejection, ...]:
    """The rejections for ``overloaded`` (before the plan, worst first) on ``state`` (after the moves).

    ``stuck``: node -> why it stays overloaded, if the strategy knows it.
    """
    of_cluster = of_the_cluster(cluster, state, overloaded)
    if not overloaded or cluster_refusal(cluster, state):
        return of_cluster
    explainer = _Explainer(state, moves, stuck)
    of_sources: list[Rejection] = []
    of_vms: list[Rejection] = []
    for node in overloaded:
        source, vms = explainer.source(node)
        of_sources += [source] if source else []
        of_vms += vms
    return (*of_cluster, *of_sources, *explainer.refused_targets(), *of_vms)


def of_the_cluster(cluster: Cluster, state: WorkingState, overloaded: Sequence[Node]) -> tuple[Rejection, ...]:
    """The rejection of the whole cluster, if no VM may move in it."""
    refusal = cluster_refusal(cluster, state)
    if refusal:
        return (Rejection("cluster", cluster.id, cluster.name, refusal),)
    opted_out = _all_opted_out(cluster, state) if overloaded else None
    return (opted_out,) if opted_out else ()


def fits_nowhere(state: WorkingState, source: Node, vms: Sequence[Candidate]) -> tuple[Rejection, ...]:
    """Those of these VMs of the source that no node can take now; nodes are counted by their reasons."""
    _, misfits = _Explainer(state, (), {}).misfits(source, vms)
    return tuple(misfits)


def _all_opted_out(cluster: Cluster, state: WorkingState) -> Rejection | None:
    vms = [vm for on_node in state.vms_on.values() for vm in on_node]
    if not vms or not state.policy.respect_balancer_mode or not all(is_opted_out(vm) for vm in vms):
        return None
    return Rejection("cluster", cluster.id, cluster.name, Reason.of("cluster-all-opted-out", vms=len(vms)))


class _Explainer:
    def __init__(self, state: WorkingState, moves: Sequence[Move], stuck: Mapping[int, Reason]) -> None:
        self._state = state
        self._known = stuck
        self._targets = Targets(state)
        self._moved = {move.vm_id for move in moves}
        self._left = Counter(move.source_id for move in moves)
        self._took = {move.target_id for move in moves}
        self._per_target: dict[object, tuple[tuple[Reason, int], ...]] = {}
        """See ``_refusals``."""

    def refused_targets(self) -> Iterator[Rejection]:
        """The nodes that may take no VM, without nodes that took VMs in this plan and are full now."""
        for node_id in self._state.nodes:
            reason = self._targets.refusal(node_id)
            if reason and node_id not in self._took:
                yield Rejection("target", node_id, self._state.nodes[node_id].name, reason)

    def source(self, node: Node) -> tuple[Rejection | None, list[Rejection]]:
        """Why this node stays overloaded (``None`` = it does not), and its refused VMs."""
        reason = source_refusal(node, self._state)
        if reason:
            return Rejection("source", node.id, node.name, reason), []
        staying = [vm for vm in self._state.vms_on[node.id] if vm.id not in self._moved]
        verdicts = [(vm, candidate(vm, self._state)) for vm in staying]
        refused = [Rejection("vm", vm.id, vm.name, why) for vm, why in verdicts if isinstance(why, Reason)]
        if not is_overloaded(node, self._state):
            return None, refused
        known = self._known.get(node.id)
        if known is not None and known.code == "source-budget":
            return Rejection("source", node.id, node.name, known), refused
        movable = sorted((c for _, c in verdicts if isinstance(c, Candidate)), key=lambda c: c.size)
        why_stuck, misfits = self._stuck(node, movable, len(staying))
        refused = sorted(refused + misfits, key=lambda r: r.id)
        return Rejection("source", node.id, node.name, known or why_stuck), refused

    def _stuck(self, node: Node, movable: list[Candidate], vms: int) -> tuple[Reason, list[Rejection]]:
        """Why an overloaded node cannot be relieved, and its VMs that fit on no node."""
        if not movable:
            moved = self._left[node.id]
            if moved:
                return Reason.of("source-not-enough", moved=moved), []
            return Reason.of("source-no-movable-vm", vms=vms), []
        able, misfits = self.misfits(node, movable, stop=True)
        if able:  # the planner could move more VMs
            return Reason.of("source-budget", limit=self._state.policy.max_moves), misfits
        if not self._targets.has_open(node):
            return Reason.of("source-no-target"), misfits
        return Reason.of("source-no-fit", vms=len(movable)), misfits

    def misfits(
        self, source: Node, vms: Sequence[Candidate], *, stop: bool = False
    ) -> tuple[list[Candidate], list[Rejection]]:
        """The VMs that fit on a node, and why others do not. ``stop``: end at the first VM that fits."""
        able: list[Candidate] = []
        misfits: list[Rejection] = []
        alike: dict[tuple[int, int], Rejection] = {}
        for vm in vms:
            size = (vm.vcpus, vm.memory_mib)
            bound = self._state.groups.binds(vm.vm.id)
            if size in alike and not bound:  # an equal VM of the same node gets the same result
                misfits.append(replace(alike[size], id=vm.vm.id, name=vm.vm.name))
            elif self._targets.best(vm, source)[0] is None:
                misfits.append(self._misfit(vm, source))
                if not bound:
                    alike[size] = misfits[-1]
            else:
                able.append(vm)
                if stop:
                    break
        return able, misfits

    def _misfit(self, vm: Candidate, source: Node) -> Rejection:
        """The rejection of a VM that fits on no node; targets are counted by their reasons, most frequent first."""
        reason = Reason.of(
            "vm-fits-nowhere",
            vcpus=vm.vcpus,
            memory_gib=vm.memory_mib / 1024,
            targets=len(self._state.nodes) - 1,
        )
        return Rejection("vm", vm.vm.id, vm.vm.name, reason, self._refusals(vm, source))

    def _refusals(self, vm: Candidate, source: Node) -> tuple[tuple[Reason, int], ...]:
        """The nodes that refuse the VM, by reason: the same for VMs of one size on like nodes that take none."""
        key = None
        if not self._state.groups.binds(vm.vm.id):
            key = self._targets.like(source), vm.vcpus, vm.memory_mib
        if key is None or key[0] is None or key not in self._per_target:
            counts = self._targets.closed(source) + self._targets.fit_refusals(vm, source)
            ordered = sorted(((r, n) for r, n in counts.items() if n), key=lambda item: (-item[1], item[0].code))
            if key is None or key[0] is None:
                return tuple(ordered)
            self._per_target[key] = tuple(ordered)
        return self._per_target[key]
