"""The plan that brings a node back to its share of the load."""

from __future__ import annotations

from balancer.model import Evenness, Plan, Purpose, Recent, Rejection, Snapshot
from balancer.policy import Policy
from balancer.requests.plan_builder import PlanBuilder, check_node
from balancer.rules.constraints import cluster_refusal, load_refusal, static_target_refusal
from balancer.strategies.outcome import carry_out


def fill(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> Plan:
    """Plans to bring VMs to the node, from the most loaded nodes first, while each move improves the balance enough.

    "Enough" is ``balance_margin``; the measure is J (``Plan.evenness``). VMs with a rule of the operator stay. If
    nothing moves, the only rejection says why: the node may take no VM, or it has its fair share.
    ``max_moves`` does not limit the plan.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster, or the node is not in it.
    """
    if not policy.keep_survivable:
        return _fill(snapshot, policy, recent, node_id)
    from balancer.survival.keep import keeping  # imports NumPy

    return keeping(lambda held: _fill(held, policy, recent, node_id), snapshot, policy, recent)


def _fill(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> Plan:
    from balancer.requests.fill_search import FillSearch  # imports NumPy; other requests do not need it

    builder = PlanBuilder(Purpose.FILL, snapshot, policy, recent)
    state, cluster = builder.state, builder.cluster
    check_node(state, node_id)
    node = state.nodes[node_id]
    refusal = cluster_refusal(cluster, state)
    if refusal is not None:
        return builder.build((), [Rejection("cluster", cluster.id, cluster.name, refusal)])
    refusal = static_target_refusal(node, state) or load_refusal(state.working[node_id], state)
    if refusal is not None:
        return builder.build((), [Rejection("target", node.id, node.name, refusal)])
    search = FillSearch(state, node_id)
    moves = [move for _, move in carry_out(state, search.steps())]
    if not moves:
        return builder.build((), [Rejection("target", node.id, node.name, search.why_no_move())])
    evenness = Evenness(before=search.j, after=FillSearch(state, node_id).j, moves=len(moves))
    return builder.build(moves, evenness=evenness)
