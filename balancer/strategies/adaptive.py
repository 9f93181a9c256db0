"""The default strategy: the documented rule (smaller VMs first), unless the whole plan of ``optimal`` is better.

Both whole plans are made from the same state and compared (``clearly_better``). The moves within the budget are the
first moves of the better plan. The next check compares again, so each check chooses for itself. A plan of the
documented rule is worse if it relieves a node only with VMs whose measured load varies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from balancer.migration_time import migration_s
from balancer.model import Choice, Effort, Move, Reason
from balancer.policy import OPTIMAL, SMALLEST_FIRST, Policy
from balancer.state import WorkingState
from balancer.strategies.outcome import Step, StrategyResult, carry_out, overloaded
from balancer.strategies.smallest_first import smallest_first_steps

FEWER_BY = 2
FEWER_THAN = 3 / 4
"""If two plans leave equally many nodes overloaded, a plan is clearly better with at most this part of the other's
moves, and at least two fewer. With a budget of one move each move takes one check: then fewer moves are enough."""

_ABOUT_ROOM = frozenset({"source-no-room", "source-unclearable-large"})


def adaptive(state: WorkingState) -> StrategyResult:
    """Makes the moves within the budget on the state. Returns them, the facts about the whole plan, and the rule.

    Afterwards ``state.policy`` is the policy of the chosen rule, so that it explains refusals.
    """
    own, start, nodes = state.policy, state.checkpoint(), len(overloaded(state))
    state.policy = replace(own, strategy=SMALLEST_FIRST, max_moves=0)
    documented = _whole(state, smallest_first_steps(state))
    state.rollback(start)
    if not (documented.left or documented.unsteady) and not clearly_better((0, nodes), documented.value, own.max_moves):
        return _documented(state, own, documented)  # each node must lose a VM: no plan has fewer moves than nodes
    from balancer.strategies.optimal.strategy import optimal  # imported only if it is needed

    state.policy, start = own, state.checkpoint()
    best = optimal(state)
    effort = best.effort or effort_of(best.moves)
    value = (len(best.overloaded_after_all or ()), effort.moves)
    steadier = bool(documented.unsteady) and value[0] <= len(documented.left)
    if not (steadier or clearly_better(value, documented.value, own.max_moves)):
        state.rollback(start)
        return _documented(state, own, documented)
    best = replace(best, choice=Choice(OPTIMAL, _why_optimal(value, documented)))
    return without_unfit_proofs(best, own)


def clearly_better(one: tuple[int, int], other: tuple[int, int], budget: int = 0) -> bool:
    """Whether the first of two whole plans of the same snapshot is clearly better.

    Args:
        one: how many nodes the plan leaves overloaded, and how many moves it has.
        other: the same for the other plan.
        budget: moves per check; 0 = no limit.
    """
    (left, moves), (others_left, others_moves) = one, other
    if left != others_left:
        return left < others_left
    if budget == 1:  # each move takes one check
        return moves < others_moves
    return moves <= min(others_moves - FEWER_BY, others_moves * FEWER_THAN)


def effort_of(moves: Sequence[Move]) -> Effort:
    """The cost of these moves, one after another."""
    return Effort(len(moves), sum(m.seconds or 0.0 for m in moves), sum(m.memory_mib for m in moves))


class _Whole(NamedTuple):
    """The whole plan of the documented rule."""

    steps: Sequence[Step]
    left: tuple[int, ...]
    unsteady: int
    """How many nodes it relieves only if VMs with a varying load stay as busy as now."""

    @property
    def value(self) -> tuple[int, int]:
        return len(self.left), len(self.steps)


def _whole(state: WorkingState, steps: Sequence[Step]) -> _Whole:
    """The plan of these steps; they are made on the state already."""
    doubt: dict[int, float] = {}
    for step in steps:
        if step.candidate.vm.load is not None:
            lacking = state.load_of(step.candidate) - state.dependable_load_of(step.candidate)
            doubt[step.source_id] = doubt.get(step.source_id, 0.0) + lacking
    left = overloaded(state)
    unsteady = 0
    for node_id, load in doubt.items():
        live = state.working[node_id].live
        if live is not None and node_id not in left:
            unsteady += (live.load + load) / live.cpus > state.policy.ssh_load_overload
    return _Whole(steps, left, unsteady)


def _documented(state: WorkingState, own: Policy, whole: _Whole) -> StrategyResult:
    """Makes the moves of the documented rule that the budget allows, on the state before the plan."""
    state.policy = replace(own, strategy=SMALLEST_FIRST)
    steps = whole.steps[: own.max_moves] if own.max_moves else whole.steps
    return StrategyResult(
        moves=[move for _, move in carry_out(state, steps)],
        effort=_effort(whole.steps, state),
        overloaded_after_all=whole.left,
        choice=Choice(SMALLEST_FIRST, Reason.of("choice-as-good")),
    )


def _effort(steps: Sequence[Step], state: WorkingState) -> Effort:
    vms = [step.candidate for step in steps]
    took = sum(migration_s(vm.vm, state.clusters.get(vm.vm.cluster_id), state.policy) for vm in vms)
    return Effort(len(vms), took, sum(vm.memory_mib for vm in vms))


def _why_optimal(value: tuple[int, int], documented: _Whole) -> Reason:
    (left, moves), (documented_left, documented_moves) = value, documented.value
    if left < documented_left:
        return Reason.of("choice-clears-more", documented=documented_left, left=left)
    if documented.unsteady:
        return Reason.of("choice-steadier", nodes=documented.unsteady)
    return Reason.of("choice-fewer-moves", documented=documented_moves, moves=moves)


def without_unfit_proofs(best: StrategyResult, policy: Policy) -> StrategyResult:
    """The plan without proofs if target thresholds are hard: ``optimal`` then does not use all the allowed room."""
    if not (policy.hard_cpu_target or policy.hard_memory_target):
        return best
    stuck = {
        node_id: Reason.of("source-hard-targets") if reason.code in _ABOUT_ROOM else reason
        for node_id, reason in best.stuck.items()
    }
    return replace(best, bound=None, stuck=stuck)
