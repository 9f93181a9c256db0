"""The strategy that clears every overload that can be cleared at the least cost, with a proven bound.

The objective: the fewest nodes left overloaded, then the least excess, then the cost (``Policy.optimize_for``). A small
cluster is searched exactly. A plan of a few nodes takes less time than importing NumPy, so this module does not import
it.
"""

from __future__ import annotations

from dataclasses import replace

from balancer.model import Bound
from balancer.state import WorkingState
from balancer.strategies.exact.model import ExactModel, build_model
from balancer.strategies.exact.solve import MAX_VMS, ExactResult, first_plan, improve, is_small
from balancer.strategies.optimal.exact_plan import exact_steps, rows_of, value_of
from balancer.strategies.optimal.finish import UNPROVEN, Proven, Whole, finished
from balancer.strategies.optimal.small_certificate import prove_small
from balancer.strategies.optimal.small_problem import SmallProblem
from balancer.strategies.outcome import Step, StrategyResult, carry_out, overloaded


def optimal(state: WorkingState, *, cut: bool = True) -> StrategyResult:
    """Makes the moves on the state. Returns them and facts about the whole plan. ``cut``: only moves within the budget.

    If a first, short search of a small cluster ends without a proof, the heuristics make a plan, and the exact search
    tries to find a better one.
    """
    model = build_model(state) if is_small(state) else None
    if model is None or len(model.vms) > MAX_VMS:
        from balancer.strategies.optimal.heuristics import plan_heuristically

        return plan_heuristically(state, cut=cut)
    result = first_plan(model, value_of(model, ()))
    if not result.proven:
        return _improved(state, model, result, cut=cut)
    bound = None if result.value.left else prove_small(state, model, result.moves or ())
    return _exact(state, model, result, bound, cut=cut)


def _improved(state: WorkingState, model: ExactModel, first: ExactResult, *, cut: bool) -> StrategyResult:
    """The plan of the heuristics, or a better one of the exact search."""
    from balancer.strategies.optimal.heuristics import finished_with, heuristic_moves

    start = state.checkpoint()
    problem, moves = heuristic_moves(state)
    pairs = rows_of(model, [(move.vm_id, move.target_id) for _, move in moves])
    known = value_of(model, pairs)
    result = improve(model, *((known, pairs) if known <= first.value else (first.value, first.moves or [])))
    if result.moves is None and first.value < known:
        result = replace(result, moves=first.moves)
    if result.moves is None:
        whole = Whole(start, moves, overloaded(state), Proven.of(result))
        return finished_with(state, problem, whole, cut=cut)
    state.rollback(start)
    return _exact(state, model, result, None, cut=cut)


def _exact(
    state: WorkingState, model: ExactModel, result: ExactResult, bound: Bound | None, *, cut: bool
) -> StrategyResult:
    """The plan of the exact search. ``bound``: its certificate, if it is known without arrays."""
    small = SmallProblem(state, model)
    steps = exact_steps(small, result.moves or [])
    whole = _carried_out(state, steps, result)
    if bound is not None and not whole.left:
        effort = small.effort([move.vm_id for _, move in whole.moves])
        return finished(state, whole, effort, bound, {}, cut=cut)
    from balancer.strategies.optimal.heuristics import finished_with
    from balancer.strategies.optimal.problem import Problem

    state.rollback(whole.checkpoint)
    problem = Problem.of(state, everywhere=True)
    return finished_with(state, problem, _carried_out(state, steps, result), cut=cut)


def _carried_out(state: WorkingState, steps: list[Step], result: ExactResult) -> Whole:
    start = state.checkpoint()
    moves = carry_out(state, steps)
    # If the rules refuse a step, the proof is not valid.
    proven = Proven.of(result) if len(moves) == len(steps) else UNPROVEN
    return Whole(start, moves, overloaded(state), proven)
