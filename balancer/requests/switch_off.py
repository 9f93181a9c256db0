"""Finds nodes that could be switched off so that the cluster still survives the loss of another node. Pure; a report.

Nodes are tried from the emptiest on. A node can be switched off if every VM on it may leave and has room on others
(``drain``), and if then the VMs of any other node have room on the rest (``survive``). The answer is valid, but may not
be the largest possible one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from balancer.model import Node, Recent, Snapshot
from balancer.policy import Policy
from balancer.requests.drain import drain
from balancer.requests.plan_builder import only_cluster
from balancer.requests.roll import after
from balancer.survival.survive import survive
from balancer.survival.values import SurvivalVerdict, worst

TRIED = 12
"""The most nodes that are tried, emptiest first."""


@dataclass(frozen=True, slots=True)
class SwitchOff:
    """Nodes that can be switched off together, in this order, and the number of moves for it."""

    node_names: tuple[str, ...]
    moves: int


def nodes_to_switch_off(snapshot: Snapshot, policy: Policy, recent: Recent) -> SwitchOff:
    """The nodes; none if the cluster does not survive a loss already now.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster.
    """
    only_cluster(snapshot)
    now = replace(snapshot, nodes=tuple(replace(node, measured=None) for node in snapshot.nodes))
    recent = replace(recent, migrated={})
    off: list[Node] = []
    moves = 0
    if not _survives(now, policy, recent, off):
        return SwitchOff((), 0)
    candidates = sorted((n for n in now.nodes if n.state == "active" and not n.maintenance), key=_emptiest)
    for node in candidates[:TRIED]:
        closed = frozenset(node_off.id for node_off in off)
        own = replace(policy, exclude_sources=policy.exclude_sources - {node.id})
        plan = drain(now, own.with_exclusions(frozenset(), closed), recent, node.id)
        then = after(now, plan.moves)
        if not plan.rejections and _survives(then, policy, recent, [*off, node]):
            now, moves = then, moves + len(plan.moves)
            off.append(node)
    return SwitchOff(tuple(node.name for node in off), moves)


def _survives(snapshot: Snapshot, policy: Policy, recent: Recent, off: list[Node]) -> bool:
    answer = survive(snapshot, policy, recent, away=[node.id for node in off])
    return worst(loss.verdict for loss in answer.losses) is SurvivalVerdict.YES


def _emptiest(node: Node) -> tuple[int, int, int]:
    return (node.vm_count or 0, node.vcpus_allocated or 0, node.id)
