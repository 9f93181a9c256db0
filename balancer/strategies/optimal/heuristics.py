"""Plans a cluster of any size: finds the cheapest set of VMs for every node, places the sets, then improves the plan.

It uses NumPy arrays. Every limit comes from constraints.py through arrays.py, and the same rules check every move again
when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from balancer.migration_time import MICROSECONDS
from balancer.model import Bound, Effort, Move, Reason
from balancer.policy import SMALLEST_FIRST
from balancer.state import WorkingState
from balancer.strategies.optimal.certificate import prove
from balancer.strategies.optimal.finish import UNPROVEN, Whole, finished
from balancer.strategies.optimal.layout import Layout, steps_in_order
from balancer.strategies.optimal.partial_relief import relieve_partially
from balancer.strategies.optimal.problem import Problem
from balancer.strategies.optimal.search import Search
from balancer.strategies.optimal.unclearable import why_unclearable
from balancer.strategies.outcome import Step, StrategyResult, carry_out, objective, overloaded
from balancer.strategies.smallest_first import smallest_first

ROUNDS = 24
"""How many times a plan without a proof is partly removed and built again."""
SMALL = 200_000
"""The limit for VMs x nodes up to which ``smallest-first`` is tried too if nodes stay overloaded."""


def plan_heuristically(state: WorkingState, *, cut: bool) -> StrategyResult:
    """The plan of a cluster that is too large for the exact search."""
    start = state.checkpoint()
    problem, moves = heuristic_moves(state)
    return finished_with(state, problem, Whole(start, moves, overloaded(state), UNPROVEN), cut=cut)


def heuristic_moves(state: WorkingState) -> tuple[Problem, list[tuple[Step, Move]]]:
    """The plan of the heuristics; its moves are made on the state."""
    problem, steps = solve(state)
    checkpoint = state.checkpoint()
    moves = carry_out(state, steps)
    if overloaded(state) and sum(len(r.rows) for r in problem.reliefs) * len(problem.nodes) <= SMALL:
        value = objective(state)
        state.rollback(checkpoint)
        moves = carry_out(state, _better(state, problem, [step for step, _ in moves], value))
    return problem, moves


def finished_with(state: WorkingState, problem: Problem, whole: Whole, *, cut: bool) -> StrategyResult:
    """The result of a plan whose moves are made on the state; its bound comes from the problem before the moves."""
    effort, bound = _effort(problem, [move for _, move in whole.moves]), certificate(problem, whole.left)
    return finished(state, whole, effort, bound, _why_left(problem, whole.left), cut=cut)


def solve(state: WorkingState) -> tuple[Problem, list[Step]]:
    """All steps of the plan in order. The state does not change."""
    problem = Problem.of(state, everywhere=False)
    search = Search(problem)
    search.place_cheapest()
    if not search.best_known:
        # The VMs of all nodes are needed to make room, and to prove which VMs no node could ever take.
        problem = Problem.of(state, everywhere=True)
        search = Search(problem)
        search.place_cheapest()
        search.improve(ROUNDS)
    return problem, steps_in_order(problem, _layout(problem, search))


def certificate(problem: Problem, after_all: Sequence[int]) -> Bound:
    """The bound for plans that leave at most as many relievable nodes overloaded."""
    could = {problem.node_id(r.node) for r in problem.reliefs}
    return prove(problem, spared=len(could.intersection(after_all)))


def _layout(problem: Problem, search: Search) -> Layout:
    left = [node for node in problem.overloaded if node not in search.relocations]
    partial = relieve_partially(problem, search.room, search.moved, left)
    return Layout({node: relocation.steps for node, relocation in search.relocations.items()}, partial)


def _better(state: WorkingState, problem: Problem, steps: list[Step], value: tuple[int, float]) -> list[Step]:
    """The plan of ``smallest-first`` if it leaves less overload than these steps (``value``); else these steps."""
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


def _why_left(problem: Problem, left: Sequence[int]) -> dict[int, Reason]:
    """Node id -> why the whole plan leaves it overloaded, if that is known."""
    reasons: dict[int, Reason] = {}
    unclearable = {problem.node_id(row): row for row in problem.unclearable}
    rows = {problem.node_id(r.node): len(r.rows) for r in problem.reliefs}
    for node_id in left:
        if node_id in unclearable:
            reasons[node_id] = why_unclearable(problem, unclearable[node_id])
        elif node_id in rows:
            reasons[node_id] = Reason.of("source-no-room", vms=rows[node_id])
    return reasons
