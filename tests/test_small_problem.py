"""Small clusters planned in plain Python: the same order, targets and certificate as with the arrays of large ones."""

from __future__ import annotations

import pytest
from exact_oracle import draw_cluster

from balancer.model import Recent
from balancer.state import WorkingState
from balancer.strategies.exact.model import ExactModel, build_model
from balancer.strategies.exact.solve import ExactResult, first_plan
from balancer.strategies.optimal.certificate import prove
from balancer.strategies.optimal.exact_plan import exact_steps, value_of
from balancer.strategies.optimal.layout import Layout, steps_in_order
from balancer.strategies.optimal.problem import Problem
from balancer.strategies.optimal.small_certificate import prove_small
from balancer.strategies.optimal.small_problem import SmallProblem
from balancer.strategies.outcome import Step

SIZES = ((4, 7), (5, 14), (6, 24))
SEEDS = 40


def drawn(seed: int, nodes: int, vms: int) -> tuple[WorkingState, ExactModel, ExactResult]:
    seen, policy = draw_cluster(seed, nodes, vms)
    state = WorkingState(seen, policy, Recent())
    model = build_model(state)
    return state, model, first_plan(model, value_of(model, ()))


def ids(steps: list[Step]) -> list[tuple[int, int, int]]:
    return [(step.candidate.vm.id, step.source_id, step.target_id) for step in steps]


@pytest.mark.parametrize("size", SIZES)
def test_moves_have_the_order_and_the_targets_that_arrays_give(size: tuple[int, int]) -> None:
    compared = 0
    for seed in range(SEEDS):
        state, model, result = drawn(seed, *size)
        if not result.moves:
            continue
        problem = Problem.of(state, everywhere=True)
        row_of_vm = {vm.vm.id: row for row, vm in enumerate(problem.vms.candidates)}
        pairs = [(row_of_vm[model.vms[row].candidate.vm.id], target) for row, target in result.moves]
        served: dict[int, list[tuple[int, int]]] = {}
        for pair in pairs:
            served.setdefault(problem.home(pair[0]), []).append(pair)
        for kind in ("relieved", "partial"):
            parts = {"relieved": {}, "partial": {}, kind: served}
            arrays = steps_in_order(problem, Layout(**parts, order=pairs))
            back = dict(zip(pairs, result.moves, strict=True))
            own_parts = {name: {n: [back[p] for p in ps] for n, ps in part.items()} for name, part in parts.items()}
            plain = steps_in_order(SmallProblem(state, model), Layout(**own_parts, order=result.moves))
            assert ids(plain) == ids(arrays), (seed, kind)
        compared += 1
    assert compared >= SEEDS // 8


@pytest.mark.parametrize("size", SIZES)
def test_certificate_is_that_of_the_arrays_or_counts_more_moves(size: tuple[int, int]) -> None:
    compared = 0
    for seed in range(SEEDS):
        state, model, result = drawn(seed, *size)
        if not result.proven or result.value.left or not result.moves:
            continue
        small = prove_small(state, model, result.moves)
        if small is None:
            continue
        arrays = prove(Problem.of(state, everywhere=True), spared=0)
        assert (small.seconds, small.memory_mib) == (arrays.seconds, arrays.memory_mib), seed
        assert small.moves is not None
        assert small.fewest_moves_mib is not None
        assert arrays.moves is not None
        assert arrays.fewest_moves_mib is not None
        assert (small.moves, small.fewest_moves_mib) >= (arrays.moves, arrays.fewest_moves_mib), seed
        compared += 1
    assert compared >= SEEDS // 10


def test_effort_is_that_of_the_moves() -> None:
    state, model, result = next(d for d in (drawn(seed, 5, 14) for seed in range(SEEDS)) if d[2].moves)
    problem = SmallProblem(state, model)
    steps = exact_steps(problem, result.moves or [])
    effort = problem.effort([step.candidate.vm.id for step in steps])
    assert effort.moves == len(steps)
    assert effort.memory_mib == sum(step.candidate.memory_mib for step in steps)
