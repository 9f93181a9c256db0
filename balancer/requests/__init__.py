"""What people ask for: empty a node, fill one again, a place for a new VM, another target, a move back, and "why not".

Every function takes the snapshot of ONE cluster (``Snapshot.split``), its policy, and what happened lately; now is
``taken_at``. Nothing is limited by ``max_moves``: whoever wishes sees the whole plan before it begins. By which rules
a wish is judged stands in purposes.py; the executor asks the same again by way of ``check_planned``.

Raises, all of them:
    ValueError: the snapshot does not hold exactly one cluster, or not the node or VM that is named.
"""

from __future__ import annotations

from balancer.model import Plan, Recent, Snapshot
from balancer.policy import Policy
from balancer.requests.answers import (
    Level,
    NodeRoom,
    Placement,
    Refused,
    TargetChoice,
    Verdict,
    WhyNode,
    WhyVM,
)
from balancer.requests.moving import best_targets, single_move
from balancer.requests.placing import place
from balancer.requests.why import why_node, why_vm

__all__ = [
    "Level",
    "NodeRoom",
    "Placement",
    "Refused",
    "TargetChoice",
    "Verdict",
    "WhyNode",
    "WhyVM",
    "best_targets",
    "drain",
    "fill",
    "place",
    "single_move",
    "why_node",
    "why_vm",
]


def drain(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> Plan:
    """Moves every VM off the node that may leave it, largest first, to where there is most room.

    Rejections: for each VM that stays, why; or one for the node or the cluster where nothing may leave at all. Where
    not all find room, as many leave as can. VMs that an affinity rule holds together leave to one node or not at all.
    """
    from balancer.requests.draining import drain_plan  # with NumPy, which the others do not pay for

    return drain_plan(snapshot, policy, recent, node_id)


def fill(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> Plan:
    """Brings VMs to the node from where they weigh most, while each evens out the cluster by enough to be worth it.

    "Enough" is ``balance_margin``, and even is J (``Plan.evenness``). VMs that an operator's rule binds stay. The one
    rejection, where nothing moves, says why: the node may take none, or it carries its share.
    """
    from balancer.requests.filling import fill_plan

    return fill_plan(snapshot, policy, recent, node_id)
