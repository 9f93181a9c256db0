"""The result of a strategy: the moves within the budget, and facts about the whole plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from balancer.model import Bound, Effort, Move, Reason
from balancer.policy import COST_MEMORY, COST_MOVES
from balancer.state import Checkpoint, WorkingState
from balancer.strategies.exact.solve import ExactResult
from balancer.strategies.outcome import Step, StrategyResult, carry_out, overloaded


class Proven(NamedTuple):
    """The proofs of the exact search for a plan: no plan that moves each VM at most once is better; no plan is."""

    optimal: bool
    for_all: bool

    @staticmethod
    def of(result: ExactResult) -> Proven:
        """The proofs of this result."""
        return Proven(result.proven, result.proven_for_all)


UNPROVEN = Proven(optimal=False, for_all=False)


class Whole(NamedTuple):
    """A whole plan whose moves are made on the state."""

    checkpoint: Checkpoint
    """The state before its first move."""
    moves: Sequence[tuple[Step, Move]]
    left: tuple[int, ...]
    """Ids of the nodes that stay overloaded."""
    proven: Proven


def finished(
    state: WorkingState, whole: Whole, effort: Effort, bound: Bound, why_left: Mapping[int, Reason], *, cut: bool
) -> StrategyResult:
    """The result with the moves that the policy's budget allows. Afterwards the state has only these moves.

    Args:
        state: after the whole plan.
        whole: the plan.
        effort: of the whole plan.
        bound: its certificate.
        why_left: node id -> why the whole plan leaves it overloaded, where that is known.
        cut: whether the budget is used; else all moves are kept.
    """
    moves = [move for _, move in whole.moves]
    limit = state.policy.max_moves if cut else 0
    if limit and len(moves) > limit:
        state.rollback(whole.checkpoint)
        carry_out(state, [step for step, _ in whole.moves[:limit]])
    return StrategyResult(
        moves=moves[:limit] if limit else moves,
        effort=effort,
        bound=_sharpened(bound, effort, state.policy.goal, whole) if _holds(bound, effort) else None,
        overloaded_after_all=whole.left,
        stuck=_stuck(state, whole.left, why_left),
    )


def _stuck(state: WorkingState, left: Sequence[int], why_left: Mapping[int, Reason]) -> dict[int, Reason]:
    """Why nodes are still overloaded after the moves within the budget, or after the whole plan."""
    budget = Reason.of("source-budget", limit=state.policy.max_moves)
    reasons = {node_id: why_left.get(node_id) if node_id in left else budget for node_id in overloaded(state)}
    return {node_id: reason for node_id, reason in reasons.items() if reason is not None}


def _sharpened(bound: Bound, effort: Effort, optimize_for: str, whole: Whole) -> Bound:
    """The bound, with the cost of the plan if the exact search proved it for a plan that clears everything."""
    proven = whole.proven
    if whole.left:
        return replace(bound, optimal=proven.optimal)
    sharpened = replace(bound, seconds=effort.seconds, optimal=True)
    if optimize_for == COST_MOVES:
        sharpened = replace(bound, moves=effort.moves, fewest_moves_mib=effort.memory_mib, optimal=True)
    elif optimize_for == COST_MEMORY:
        sharpened = replace(bound, memory_mib=effort.memory_mib, optimal=True)
    if proven.for_all or sharpened == replace(bound, optimal=True):
        return sharpened
    return replace(bound, optimal=proven.optimal)


def _holds(bound: Bound, effort: Effort) -> bool:
    """Whether the plan is not below the bound. It may be if measured loads were estimated; then there is no proof."""
    pairs = [(bound.moves, effort.moves), (bound.seconds, effort.seconds), (bound.memory_mib, effort.memory_mib)]
    if effort.moves == bound.moves:
        pairs.append((bound.fewest_moves_mib, effort.memory_mib))
    return all(least is None or least <= used for least, used in pairs)
