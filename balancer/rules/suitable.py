"""Finds the VMs about which the panel is asked: only a rule about nodes forbids their targets."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from balancer.model import Recent, Snapshot
from balancer.policy import PANEL, Policy
from balancer.rules.constraints import candidate, pair_refusal, source_refusal, static_target_refusal
from balancer.state import Candidate, WorkingState

_KERNEL_CODES = frozenset({"pair-kernel-newer", "pair-kernel-unknown"})
_FILTER_CODE = "pair-filter"


class Question(NamedTuple):
    """A VM, and the nodes that the panel's verdict may allow for it."""

    vm_id: int
    targets: frozenset[int]


def questions(
    snapshot: Snapshot, policy: Policy, recent: Recent, sources: Collection[int], each: int
) -> list[Question]:
    """For each source the smallest VMs that may leave it, with the targets that only a rule about nodes forbids.

    Args:
        snapshot: of one cluster.
        policy: says whether the panel's verdict counts for placement filters; for kernels it always counts.
        recent: events that forbid VMs to leave.
        sources: ids of the nodes that VMs should leave.
        each: how many VMs per source.
    """
    state = WorkingState(snapshot, policy, recent)
    codes = _KERNEL_CODES | ({_FILTER_CODE} if policy.placement_filters == PANEL else frozenset())
    result: list[Question] = []
    for source_id in sorted(sources):
        source = state.nodes.get(source_id)
        if source is None or source_refusal(source, state) is not None:
            continue
        closed = frozenset(
            target.id
            for target in state.nodes.values()
            if (refusal := pair_refusal(source, target, state)) is not None
            and refusal.code in codes
            and static_target_refusal(target, state) is None
        )
        if closed:
            verdicts = (candidate(vm, state) for vm in state.vms_on[source_id])
            movable = sorted((c for c in verdicts if isinstance(c, Candidate)), key=lambda c: c.size)
            result += [Question(c.vm.id, closed) for c in movable[:each]]
    return result
