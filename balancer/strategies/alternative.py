"""The other strategy in the shadow: what ``optimal`` would make of the same snapshot, beside the seed's plan.

Both are compared as whole plans, without the budget. Pure; it decides nothing, a person may.
"""

from __future__ import annotations

from dataclasses import replace

from balancer.migration_time import MICROSECONDS, migration_us
from balancer.model import Alternative, Cluster, Effort, Move, Plan, Recent, Snapshot
from balancer.planner import plan
from balancer.policy import OPTIMAL, SMALLEST_FIRST, Policy

FEWER_BY = 2
FEWER_THAN = 3 / 4
"""With as many nodes left overloaded, a plan is clearly better when it has at most this part of the other's moves,
and at least two fewer."""


def with_alternative(snapshot: Snapshot, policy: Policy, recent: Recent, made: Plan) -> Plan:
    """A plan of ``smallest-first`` with what the whole of it comes to, and with ``optimal`` beside it where that
    would be clearly better: fewer nodes left overloaded, or as many with clearly fewer moves."""
    if made.strategy != SMALLEST_FIRST or not made.overloaded:
        return made
    unlimited = replace(policy, max_moves=0)
    cut = policy.max_moves and len(made.moves) >= policy.max_moves
    own = plan(snapshot, unlimited, recent) if cut else made
    made = replace(made, effort=effort_of(snapshot, own.moves, policy), overloaded_after_all=own.overloaded_after)
    other = plan(snapshot, replace(unlimited, strategy=OPTIMAL), recent)
    if other.effort is None or not clearly_better(other, own):
        return made
    return replace(made, alternative=Alternative(OPTIMAL, other.effort, len(other.overloaded_after)))


def clearly_better(one: Plan, other: Plan) -> bool:
    """Of two whole plans from the same snapshot."""
    left, others_left = len(one.overloaded_after), len(other.overloaded_after)
    if left != others_left:
        return left < others_left
    moves, others_moves = len(one.moves), len(other.moves)
    return moves <= min(others_moves - FEWER_BY, others_moves * FEWER_THAN)


def effort_of(snapshot: Snapshot, moves: tuple[Move, ...], policy: Policy) -> Effort:
    """What these moves come to, one after another."""
    [cluster] = snapshot.clusters
    disks = {vm.id: vm.disk_mib or 0 for vm in snapshot.vms} if _copies_disks(cluster) else {}
    took = sum(migration_us(m.memory_mib + disks.get(m.vm_id, 0), policy) for m in moves)
    return Effort(len(moves), took / MICROSECONDS, sum(m.memory_mib for m in moves))


def _copies_disks(cluster: Cluster) -> bool:
    return cluster.local_storage is True
