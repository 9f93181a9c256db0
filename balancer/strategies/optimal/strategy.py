"""The strategy that clears every overload that can be cleared, at the least cost, and proves how near it came.

First the fewest nodes left overloaded, then the least excess, then the cost (``Policy.optimize_for``). Every
limit comes from constraints.py by way of arrays.py, and every move is judged once more by those rules when it
is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from balancer.migration_time import MICROSECONDS
from balancer.model import Bound, Effort, Move, Reason
from balancer.policy import SMALLEST_FIRST
from balancer.scoring import worst_term
from balancer.state import Checkpoint, WorkingState
from balancer.strategies.optimal.certificate import prove
from balancer.strategies.optimal.partial_relief import relieve_partially
from balancer.strategies.optimal.problem import Problem
from balancer.strategies.optimal.retarget import retarget
from balancer.strategies.optimal.search import Search
from balancer.strategies.optimal.sequence import Job, Pair, ordered, soonest_first
from balancer.strategies.optimal.unclearable import why_unclearable
from balancer.strategies.outcome import Outcome, Step, carry_out, objective, overloaded
from balancer.strategies.smallest_first import smallest_first

ROUNDS = 24
"""How often a plan that is not proven the best is taken apart and put together again."""
SMALL = 200_000
"""VMs to move times nodes, up to which ``smallest-first`` is tried too where something stays overloaded."""


def optimal(state: WorkingState, *, cut: bool = True) -> Outcome:
    """The moves, made on the state, and what is known of the whole plan; ``cut``: only those within the budget."""
    problem, steps = solve(state)
    checkpoint = state.checkpoint()
    made = carry_out(state, steps)
    if overloaded(state) and sum(len(r.rows) for r in problem.reliefs) * len(problem.nodes) <= SMALL:
        value = objective(state)
        state.rollback(checkpoint)
        steps = _better(state, problem, [step for step, _ in made], value)
        checkpoint = state.checkpoint()
        made = carry_out(state, steps)
    return _finished(state, problem, checkpoint, made, state.policy.max_moves if cut else 0)


def _finished(
    state: WorkingState, problem: Problem, checkpoint: Checkpoint, made: Sequence[tuple[Step, Move]], limit: int
) -> Outcome:
    """The outcome when the state, since ``mark``, has made all these moves, of which ``limit`` (0 = all) are kept."""
    after_all = overloaded(state)
    whole = [move for _, move in made]
    if limit and len(whole) > limit:
        state.rollback(checkpoint)
        carry_out(state, [step for step, _ in made[:limit]])
    effort, bound = _effort(problem, whole), certificate(problem, after_all)
    return Outcome(
        moves=whole[:limit] if limit else whole,
        effort=effort,
        bound=bound if _holds(bound, effort) else None,
        overloaded_after_all=after_all,
        stuck=_stuck(problem, state, after_all),
    )


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
    return problem, _in_order(problem, search)


def certificate(problem: Problem, after_all: Sequence[int]) -> Bound:
    """The bound for plans that leave no more of the nodes overloaded that could be relieved."""
    could = {problem.node_id(r.node) for r in problem.reliefs}
    return prove(problem, spared=len(could.intersection(after_all)))


def _in_order(problem: Problem, search: Search) -> list[Step]:
    relocated = list(search.relocations.items())
    jobs = _jobs(problem, [node for node, _ in relocated], [relocation.steps for _, relocation in relocated])
    wished = [relocated[i] for i in soonest_first([job._replace(after=frozenset()) for job in jobs])]
    nodes, relocations = [node for node, _ in wished], [list(relocation.steps) for _, relocation in wished]
    left = [node for node in problem.overloaded if node not in search.relocations]
    partly = relieve_partially(problem, search.room, search.moved, left)
    for chosen in (
        retarget(search.room, relocations + partly, problem.state.policy),
        relocations + partly,
        relocations,
    ):
        first = [chosen[i] for i in soonest_first(_jobs(problem, nodes, chosen))]
        pairs = ordered(problem.room.copy(), first + chosen[len(nodes) :])
        if pairs is not None:
            serves = {vm: node for node, steps in zip(nodes, relocations, strict=True) for vm, _ in steps}
            return [_step(problem, search, pair, serves.get(pair[0])) for pair in pairs]
    return []


def _jobs(problem: Problem, nodes: Sequence[int], relocations: Sequence[Sequence[Pair]]) -> list[Job]:
    """What relieves each of the nodes.

    With a budget a cycle a node waits for cycles rather than for seconds: those that need the fewest go first.
    """
    limit = problem.state.policy.max_moves
    place = {node: i for i, node in enumerate(nodes)}
    jobs = []
    for i, (node, steps) in enumerate(zip(nodes, relocations, strict=False)):
        severity = problem.state.working[problem.node_id(node)].severity
        jobs.append(
            Job(
                checks=-(-len(steps) // limit) if limit else 0,
                time=sum(int(problem.durations[vm]) for vm, _ in steps),
                rank=(-severity, node),
                after=frozenset(place[target] for _, target in steps if target in place) - {i},
            )
        )
    return jobs


def _step(problem: Problem, search: Search, pair: Pair, serves: int | None) -> Step:
    """``serves``: the node that is relieved by it, ``None`` where one is only partly."""
    vm, target = pair
    source = int(problem.vms.node[vm])
    candidate = problem.vms.candidates[vm]
    return Step(candidate, problem.node_id(source), problem.node_id(target), _why(problem, search, vm, serves))


def _why(problem: Problem, search: Search, vm: int, serves: int | None) -> Callable[[WorkingState], Reason]:
    source = int(problem.vms.node[vm])
    seconds = int(problem.durations[vm]) / MICROSECONDS
    if serves is not None and serves != source:
        large = next(v for v, t in search.relocations[serves].steps if t == source)
        name, room_for = problem.state.nodes[problem.node_id(serves)].name, problem.vms.candidates[large].vm.name
        return lambda state: Reason.of("move-make-room", vm=room_for, node=name)
    relocation = search.relocations.get(source)

    def why(state: WorkingState) -> Reason:
        load = state.working[problem.node_id(source)].load
        term = worst_term(load, state.policy)
        value, limit = term.load(load), term.limit(state.policy)
        if relocation is None:
            return Reason.of("move-partly", resource=term.name, value=value, limit=limit, seconds=seconds)
        together = sum(1 for v, _ in relocation.steps if problem.vms.node[v] == source)
        return Reason.of("move-relieve", resource=term.name, value=value, limit=limit, seconds=seconds, vms=together)

    return why


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
    found = next(c for c in problem.vms.candidates if c.vm.id == move.vm_id)
    return Step(found, move.source_id, move.target_id, lambda _: move.reason)


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
