"""Which VMs could move in a cluster now, needed or not: for the first migration on a new panel."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from balancer.model import Reason, Recent, Snapshot
from balancer.policy import Policy
from balancer.reasons import brief
from balancer.rules.constraints import candidate, cluster_refusal, fit_refusal, source_refusal
from balancer.state import Candidate, WorkingState
from balancer.strategies.targets import Targets

COMMONEST = 3


@dataclass(frozen=True, slots=True)
class Readiness:
    """One cluster: how many nodes VMs may leave and enter, how many VMs could move, and why other VMs could not."""

    cluster_id: int
    cluster_name: str
    nodes: int
    giving: int
    taking: int
    vms: int
    movable: int
    reasons: tuple[tuple[Reason, int], ...]
    """The most frequent reasons why VMs cannot move, each with the number of VMs or targets. If nothing may move in the
    cluster: only that reason."""


def readiness(snapshot: Snapshot, policy: Policy, recent: Recent | None = None) -> Readiness:
    """How many VMs could move in this cluster now.

    Args:
        snapshot: of one cluster.
        policy: of this cluster.
        recent: recent events; ``None`` = none.
    """
    [cluster] = snapshot.clusters
    state = WorkingState(snapshot, policy, recent or Recent())
    closed = cluster_refusal(cluster, state)
    if closed is not None:
        return Readiness(
            cluster.id, cluster.name, len(state.nodes), 0, 0, len(snapshot.vms), 0, ((closed, len(snapshot.vms)),)
        )
    targets = Targets(state)
    giving = [node for node in state.nodes.values() if source_refusal(node, state) is None]
    taking = [node for node in state.nodes.values() if targets.refusal(node.id) is None]
    movable, counted = 0, Counter[Reason]()
    for node in state.nodes.values():
        vms = state.vms_on[node.id]
        refusal = source_refusal(node, state)
        if refusal is not None:
            counted[refusal] += len(vms)
            continue
        open_to = targets.open_to(node)
        for vm in vms:
            able = candidate(vm, state)
            if isinstance(able, Reason):
                counted[able] += 1
            elif any(fit_refusal(able, target, state) is None for target in open_to):
                movable += 1
            else:
                counted[_why_nowhere(able, targets, state)] += 1
    common = sorted(counted.items(), key=lambda item: (-item[1], item[0].code, item[0].params))
    return Readiness(
        cluster.id,
        cluster.name,
        len(state.nodes),
        len(giving),
        len(taking),
        len(snapshot.vms),
        movable,
        tuple((reason, count) for reason, count in common[:COMMONEST] if count),
    )


def _why_nowhere(vm: Candidate, targets: Targets, state: WorkingState) -> Reason:
    """The reason that applies to most of the other nodes."""
    source = state.nodes[vm.vm.node_id or 0]
    counts = Counter[Reason]()
    for node in state.nodes.values():
        if node.id == source.id:
            continue
        reason = targets.refusal(node.id) or targets.pair(source, node)
        reason = reason or fit_refusal(vm, state.working[node.id], state)
        if reason is not None:
            counts[brief(reason)] += 1
    if not counts:
        return Reason.of("source-no-target")
    return min(counts, key=lambda reason: (-counts[reason], reason.code))
