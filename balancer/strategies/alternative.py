"""Adds the result of another plan for the same snapshot to a plan. A person may choose the other plan.

Whole plans are compared, without the budget. Pure; the proposed moves do not change.
"""

from __future__ import annotations

from dataclasses import replace

from balancer.migration_time import MICROSECONDS, copied_mib, migration_us
from balancer.model import Alternative, Effort, Move, Plan, Recent, Snapshot
from balancer.planner import plan
from balancer.policy import ADAPTIVE, OPTIMAL, SMALLEST_FIRST, TARGETS_HARD, Policy
from balancer.strategies.adaptive import clearly_better


def with_alternative(snapshot: Snapshot, policy: Policy, recent: Recent, new_plan: Plan) -> Plan:
    """The plan with the results of other plans.

    For ``smallest-first``: the result of its whole plan, and of ``optimal`` if that is clearly better. For every
    strategy: if hard target thresholds keep nodes overloaded, the result of a plan that passes them.
    """
    if not new_plan.overloaded:
        return new_plan
    unlimited = replace(policy, max_moves=0, optimize_for=policy.goal)
    if new_plan.strategy == SMALLEST_FIRST:
        new_plan = _with_optimal(snapshot, unlimited, recent, new_plan, cut_at=policy.max_moves)
    return _with_targets_passed(snapshot, unlimited, recent, new_plan)


def _with_optimal(snapshot: Snapshot, unlimited: Policy, recent: Recent, new_plan: Plan, cut_at: int) -> Plan:
    cut = cut_at and len(new_plan.moves) >= cut_at
    own = plan(snapshot, unlimited, recent) if cut else new_plan
    effort = effort_of(snapshot, own.moves, unlimited)
    new_plan = replace(new_plan, effort=effort, overloaded_after_all=own.overloaded_after)
    other = plan(snapshot, replace(unlimited, strategy=OPTIMAL), recent)
    if other.effort is None or not clearly_better(_value(other), _value(own)):
        return new_plan
    return replace(new_plan, alternative=Alternative(OPTIMAL, other.effort, len(other.overloaded_after)))


def _with_targets_passed(snapshot: Snapshot, unlimited: Policy, recent: Recent, new_plan: Plan) -> Plan:
    if not new_plan.overloaded_after_all or not (unlimited.hard_cpu_target or unlimited.hard_memory_target):
        return new_plan
    kept = len(new_plan.overloaded_after_all)
    if new_plan.strategy == SMALLEST_FIRST:  # the strategy may be the cause instead of the thresholds
        hard = plan(snapshot, replace(unlimited, strategy=ADAPTIVE, target_thresholds=TARGETS_HARD), recent)
        kept = min(kept, len(hard.overloaded_after))
    passed = plan(snapshot, unlimited.passing_targets(), recent)
    left = len(passed.overloaded_after)
    if passed.effort is None or left >= kept:
        return new_plan
    return replace(new_plan, beyond_targets=Alternative(ADAPTIVE, passed.effort, left))


def _value(whole: Plan) -> tuple[int, int]:
    return len(whole.overloaded_after), len(whole.moves)


def effort_of(snapshot: Snapshot, moves: tuple[Move, ...], policy: Policy) -> Effort:
    """The cost of these moves, one after another."""
    [cluster] = snapshot.clusters
    moved = {move.vm_id for move in moves}
    times = {vm.id: migration_us(copied_mib(vm, cluster), policy) for vm in snapshot.vms if vm.id in moved}
    took = sum(times[move.vm_id] for move in moves)
    return Effort(len(moves), took / MICROSECONDS, sum(m.memory_mib for m in moves))
