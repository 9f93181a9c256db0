"""The plan of a cluster of any size: the cheapest set of VMs for every node, placed together, then improved.

It plans with NumPy arrays. Every limit comes from constraints.py by way of arrays.py, and every move is judged once
more by those rules when it is made.
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
from balancer.strategies.outcome import Outcome, Step, carry_out, objective, overloaded
from balancer.strategies.smallest_first import smallest_first

ROUNDS = 24
"""How often a plan that is not proven the best is taken apart and put together again."""
SMALL = 200_000
"""VMs to move times nodes, up to which ``smallest-first`` is tried too where something stays overloaded."""


def plan_heuristically(state: WorkingState, *, cut: bool) -> Outcome:
    """The plan of a cluster that is too large for the exact search."""
    start = state.checkpoint()
    problem, moves = heuristic_moves(state)
    return finished_with(state, problem, Whole(start, moves, overloaded(state), UNPROVEN), cut=cut)


def heuristic_moves(state: WorkingState) -> tuple[Problem, list[tuple[Step, Move]]]:
    """The plan of the heuristics, made on the state."""
    problem, steps = solve(state)
    checkpoint = state.checkpoint()
    moves = carry_out(state, steps)
    if overloaded(state) and sum(len(r.rows) for r in problem.reliefs) * len(problem.nodes) <= SMALL:
        value = objective(state)
        state.rollback(checkpoint)
        moves = carry_out(state, _better(state, problem, [step for step, _ in moves], value))
    return problem, moves


def finished_with(state: WorkingState, problem: Problem, whole: Whole, *, cut: bool) -> Outcome:
    """The outcome of a plan that the state has made; what is known of it comes from the problem before its moves."""
    effort, bound = _effort(problem, [move for _, move in whole.moves]), certificate(problem, whole.left)
    return finished(state, whole, effort, bound, _why_left(problem, whole.left), cut=cut)


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


def _why_left(problem: Problem, left: Sequence[int]) -> dict[int, Reason]:
    """Why the whole plan leaves these nodes overloaded, where that is known."""
    reasons: dict[int, Reason] = {}
    unclearable = {problem.node_id(row): row for row in problem.unclearable}
    rows = {problem.node_id(r.node): len(r.rows) for r in problem.reliefs}
    for node_id in left:
        if node_id in unclearable:
            reasons[node_id] = why_unclearable(problem, unclearable[node_id])
        elif node_id in rows:
            reasons[node_id] = Reason.of("source-no-room", vms=rows[node_id])
    return reasons
