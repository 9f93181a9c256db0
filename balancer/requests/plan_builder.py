"""Shared by all plans of requests: the first state, and building a ``Plan`` from moves."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.groups import violations
from balancer.model import (
    Cluster,
    Evenness,
    Move,
    NodeLoad,
    NodeReport,
    Plan,
    Purpose,
    Reason,
    Recent,
    Rejection,
    Snapshot,
)
from balancer.planner import node_reports
from balancer.policy import Policy
from balancer.rules.constraints import state_for
from balancer.state import WorkingState
from balancer.strategies.alternative import effort_of
from balancer.strategies.outcome import overloaded, parallel_groups


class PlanBuilder:
    """Builds a plan for one purpose. Moves are made on ``state``; reports are of the nodes before the first move."""

    def __init__(
        self,
        purpose: Purpose,
        snapshot: Snapshot,
        policy: Policy,
        recent: Recent,
        *,
        source_id: int | None = None,
        vm_id: int | None = None,
        up_to: NodeLoad | None = None,
    ) -> None:
        self.cluster = only_cluster(snapshot)
        self._purpose, self._snapshot, self._policy = purpose, snapshot, policy
        self.state = state_for(purpose, snapshot, policy, recent, source_id=source_id, vm_id=vm_id, up_to=up_to)
        self._before = self._reports_by_policy()

    def build(
        self,
        moves: Sequence[Move] = (),
        rejections: Sequence[Rejection] = (),
        cautions: Sequence[Reason] = (),
        evenness: Evenness | None = None,
    ) -> Plan:
        """The plan of these moves, which are made on ``state`` already."""
        own, self.state.policy = self.state.policy, self._policy
        after = overloaded(self.state)
        self.state.policy = own
        return Plan(
            cluster_id=self.cluster.id,
            cluster_name=self.cluster.name,
            taken_at=self._snapshot.taken_at,
            strategy=self._purpose.value,
            nodes=self._before,
            moves=tuple(moves),
            rejections=tuple(rejections),
            overloaded_after=after,
            cautions=(*cautions, *violations(self._snapshot, self.state.groups)),
            effort=effort_of(self._snapshot, tuple(moves), self._policy) if moves else None,
            groups=parallel_groups((move.source_id, move.target_id) for move in moves),
            evenness=evenness,
            purpose=self._purpose,
        )

    def _reports_by_policy(self) -> tuple[NodeReport, ...]:
        """The node reports by the operator's policy: a request does not change which nodes count as overloaded."""
        own, self.state.policy = self.state.policy, self._policy
        reports = node_reports(self.state)
        self.state.policy = own
        return reports


def only_cluster(snapshot: Snapshot) -> Cluster:
    """The only cluster of a snapshot.

    Raises:
        ValueError: the snapshot has no cluster, or several.
    """
    if len(snapshot.clusters) != 1:
        raise ValueError(f"the snapshot holds {len(snapshot.clusters)} clusters: one is needed (split() it)")
    return snapshot.clusters[0]


def check_node(state: WorkingState, node_id: int) -> None:
    """Checks that the node exists.

    Raises:
        ValueError: it does not exist.
    """
    if node_id not in state.nodes:
        raise ValueError(f"no node of the snapshot has the id {node_id}")
