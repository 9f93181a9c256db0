"""The strategy that clears every overload that can be cleared, at the least cost, and proves how near it came.

First the fewest nodes left overloaded, then the least excess, then the cost (``Policy.optimize_for``). Every
limit comes from constraints.py by way of arrays.py, and every move is judged once more by those rules when it
is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from balancer.migration_time import MICROSECONDS
from balancer.model import Bound, Effort, Move, Reason
from balancer.policy import COST_MEMORY, COST_MOVES, SMALLEST_FIRST
from balancer.state import Checkpoint, WorkingState
from balancer.strategies.exact.model import build_model
from balancer.strategies.exact.solve import MAX_VMS, ExactResult, first_plan, improve, is_small
from balancer.strategies.optimal.certificate import prove
from balancer.strategies.optimal.exact_plan import exact_steps, value_of
from balancer.strategies.optimal.layout import Layout, steps_in_order
from balancer.strategies.optimal.partial_relief import relieve_partially
from balancer.strategies.optimal.problem import Problem
from balancer.strategies.optimal.search import Search
from balancer.strategies.optimal.unclearable import why_unclearable
from balancer.strategies.outcome import Outcome, Step, carry_out, objective, overloaded
from balancer.strategies.smallest_first import smallest_first

ROUNDS = 24
"""How often a plan that is not proven the best is taken apart and put together again."""
SMALL = 200_000
"""VMs to move times nodes, up to which ``smallest-first`` is tried too where something stays overloaded."""


class _Proven(NamedTuple):
    """What the exact search knows of a plan: no plan that moves each VM at most once is better; none at all is."""

    optimal: bool
    for_all: bool

    @staticmethod
    def of(result: ExactResult) -> _Proven:
        return _Proven(result.proven, result.proven_for_all)


_UNPROVEN = _Proven(optimal=False, for_all=False)


def optimal(state: WorkingState, *, cut: bool = True) -> Outcome:
    """The moves, made on the state, and what is known of the whole plan; ``cut``: only those within the budget.

    A small cluster is searched exactly. Where a first, short search ends without a proof, the heuristics plan, and the
    exact search looks for something better than their plan.
    """
    limit = state.policy.max_moves if cut else 0
    checkpoint = state.checkpoint()
    model = build_model(state) if is_small(state) else None
    if model is None or len(model.vms) > MAX_VMS:
        problem, moves = _heuristic(state)
        return _finished(state, problem, checkpoint, moves, limit=limit, proven=_UNPROVEN)
    result = first_plan(model, value_of(model, ()))
    if not result.proven:
        problem, moves = _heuristic(state)
        known = value_of(model, [(move.vm_id, move.target_id) for _, move in moves])
        first, result = result, improve(model, min(known, result.value))
        if result.moves is None and first.value < known:
            result = replace(result, moves=first.moves)
        if result.moves is None:
            return _finished(state, problem, checkpoint, moves, limit=limit, proven=_Proven.of(result))
        state.rollback(checkpoint)
        checkpoint = state.checkpoint()
    problem, steps = exact_steps(state, model, result.moves or [])
    moves = carry_out(state, steps)
    # A step that the rules refuse after all proves nothing.
    proven = _Proven.of(result) if len(moves) == len(steps) else _UNPROVEN
    return _finished(state, problem, checkpoint, moves, limit=limit, proven=proven)


def _heuristic(state: WorkingState) -> tuple[Problem, list[tuple[Step, Move]]]:
    """The plan of the heuristics, made on the state."""
    problem, steps = solve(state)
    checkpoint = state.checkpoint()
    moves = carry_out(state, steps)
    if overloaded(state) and sum(len(r.rows) for r in problem.reliefs) * len(problem.nodes) <= SMALL:
        value = objective(state)
        state.rollback(checkpoint)
        moves = carry_out(state, _better(state, problem, [step for step, _ in moves], value))
    return problem, moves


def _finished(
    state: WorkingState,
    problem: Problem,
    checkpoint: Checkpoint,
    moves: Sequence[tuple[Step, Move]],
    *,
    limit: int,
    proven: _Proven,
) -> Outcome:
    """The outcome when the state has made all these moves since the checkpoint; ``limit`` of them (0 = all) are kept.

    ``proven``: what the exact search knows.
    """
    after_all = overloaded(state)
    whole = [move for _, move in moves]
    if limit and len(whole) > limit:
        state.rollback(checkpoint)
        carry_out(state, [step for step, _ in moves[:limit]])
    effort, bound = _effort(problem, whole), certificate(problem, after_all)
    holds = _holds(bound, effort)
    return Outcome(
        moves=whole[:limit] if limit else whole,
        effort=effort,
        bound=_sharpened(bound, effort, state.policy.goal, after_all, proven) if holds else None,
        overloaded_after_all=after_all,
        stuck=_stuck(problem, state, after_all),
    )


def _sharpened(bound: Bound, effort: Effort, optimize_for: str, after_all: Sequence[int], proven: _Proven) -> Bound:
    """The bound with what the exact search proved: of a plan that clears everything, its cost."""
    if after_all:
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
    """A plan that got by with less than the bound shows that estimates of a measured load went into it: no proof."""
    pairs = [(bound.moves, effort.moves), (bound.seconds, effort.seconds), (bound.memory_mib, effort.memory_mib)]
    if effort.moves == bound.moves:
        pairs.append((bound.fewest_moves_mib, effort.memory_mib))
    return all(least is None or least <= used for least, used in pairs)


def solve(state: WorkingState) -> tuple[Problem, list[Step]]:
    """All steps of the plan in order; the state is left as it is."""
    problem = Problem.of(state, everywhere=False)
    search = Search(problem)
    search.place_cheapest()
    if not search.best_known:
        # Making room needs the VMs of all nodes, and so does telling for sure what no node could ever take.
        problem = Problem.of(state, everywhere=True)
        search = Search(problem)
        search.place_cheapest()
        search.improve(ROUNDS)
    return problem, steps_in_order(problem, _layout(problem, search))


def certificate(problem: Problem, after_all: Sequence[int]) -> Bound:
    """The bound for plans that leave no more of the nodes overloaded that could be relieved."""
    could = {problem.node_id(r.node) for r in problem.reliefs}
    return prove(problem, spared=len(could.intersection(after_all)))


def _layout(problem: Problem, search: Search) -> Layout:
    left = [node for node in problem.overloaded if node not in search.relocations]
    partial = relieve_partially(problem, search.room, search.moved, left)
    return Layout({node: relocation.steps for node, relocation in search.relocations.items()}, partial)


def _better(state: WorkingState, problem: Problem, steps: list[Step], value: tuple[int, float]) -> list[Step]:
    """The seed's plan where it leaves less overloaded than these steps, which are worth ``value``; else these."""
    checkpoint, own = state.checkpoint(), state.policy
    state.policy = replace(own, strategy=SMALLEST_FIRST, max_moves=0)
    moves = smallest_first(state)
    seeds = objective(state)
    state.policy = own
    state.rollback(checkpoint)
    return [_as_step(problem, move) for move in moves] if seeds < value else steps


def _as_step(problem: Problem, move: Move) -> Step:
    candidate = next(c for c in problem.vms.candidates if c.vm.id == move.vm_id)
    return Step(candidate, move.source_id, move.target_id, lambda _: move.reason)


def _effort(problem: Problem, moves: Sequence[Move]) -> Effort:
    by_id = {c.vm.id: row for row, c in enumerate(problem.vms.candidates)}
    time = sum(int(problem.durations[by_id[move.vm_id]]) for move in moves)
    return Effort(len(moves), time / MICROSECONDS, sum(move.memory_mib for move in moves))


def _stuck(problem: Problem, state: WorkingState, after_all: Sequence[int]) -> dict[int, Reason]:
    """Why nodes are still overloaded when the budget is used up, or when everything is done."""
    reasons: dict[int, Reason] = {}
    unclearable = {problem.node_id(row): row for row in problem.unclearable}
    rows = {problem.node_id(r.node): len(r.rows) for r in problem.reliefs}
    for node_id in overloaded(state):
        if node_id not in after_all:
            reasons[node_id] = Reason.of("source-budget", limit=state.policy.max_moves)
        elif node_id in unclearable:
            reasons[node_id] = why_unclearable(problem, unclearable[node_id])
        elif node_id in rows:
            reasons[node_id] = Reason.of("source-no-room", vms=rows[node_id])
    return reasons
