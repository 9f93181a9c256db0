"""The result of a strategy, and the conversion of a search's steps into moves of the working state.

The rules of constraints.py judge every step on the state of its turn. A refused step is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from balancer.model import Bound, Choice, Effort, Evenness, Move, Reason
from balancer.moves import make_move
from balancer.rules.constraints import (
    fit_refusal,
    is_overloaded,
    load_refusal,
    pair_refusal,
    source_refusal,
    static_target_refusal,
)
from balancer.scoring import above, terms
from balancer.state import Candidate, WorkingState


@dataclass(frozen=True)
class Step:
    """One VM to one target, by ids. The source is the VM's node at that moment of the plan."""

    candidate: Candidate
    source_id: int
    target_id: int
    why: Callable[[WorkingState], Reason]
    """Called when it is the step's turn, before the VM moves."""


@dataclass(frozen=True)
class StrategyResult:
    """The moves within the budget, which are made on the state, and facts about the whole plan."""

    moves: Sequence[Move]
    effort: Effort | None = None
    bound: Bound | None = None
    evenness: Evenness | None = None
    overloaded_after_all: tuple[int, ...] | None = None
    stuck: Mapping[int, Reason] = field(default_factory=dict)
    """Node id -> why it stays overloaded, if the strategy knows a better reason than the rules."""
    choice: Choice | None = None
    """The rule that chose the moves; ``None`` = the strategy has only one rule."""


def carry_out(state: WorkingState, steps: Sequence[Step]) -> list[tuple[Step, Move]]:
    """Makes these steps in order, without illegal ones."""
    moves = []
    for step in steps:
        if _refused(state, step):
            continue
        source, target = state.working[step.source_id], state.working[step.target_id]
        reason = step.why(state)
        if reason.code == "move-relieve" and not above(source.load, state.policy):
            continue  # a measured load falls by estimates, so it may be low enough one move earlier
        moves.append((step, make_move(state, step.candidate, source, target, reason)))
    return moves


def overloaded(state: WorkingState) -> tuple[int, ...]:
    """Ids of the nodes that are overloaded now."""
    return tuple(node_id for node_id, node in state.nodes.items() if is_overloaded(node, state))


def objective(state: WorkingState) -> tuple[int, float]:
    """The present overload, less is better: overloaded nodes, then how far all of them are above their thresholds."""
    left = overloaded(state)
    excess = sum(
        max(0.0, term.load(state.working[node_id].load) / term.limit(state.policy) - 1)
        for node_id in left
        for term in terms(state.working[node_id].load)
    )
    return len(left), excess


def parallel_groups(pairs: Iterable[tuple[int, int]]) -> tuple[int, ...]:
    """For each move (given as its two nodes, in order) the number of its group, from 0.

    Moves of one group share no node. An earlier move of one of their nodes is in an earlier group.
    """
    last: dict[int, int] = {}
    numbers = []
    for source, target in pairs:
        number = max(last.get(source, -1), last.get(target, -1)) + 1
        last[source] = last[target] = number
        numbers.append(number)
    return tuple(numbers)


def _refused(state: WorkingState, step: Step) -> bool:
    source, target = state.nodes[step.source_id], state.nodes[step.target_id]
    return bool(
        source_refusal(source, state)
        or static_target_refusal(target, state)
        or pair_refusal(source, target, state)
        or load_refusal(state.working[target.id], state)
        or fit_refusal(step.candidate, state.working[target.id], state)
    )
