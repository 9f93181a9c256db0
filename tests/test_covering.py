"""The cheapest sets of VMs, compared with all sets."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.strategies.optimal.covering import MAX_CELLS, Case, Cover, cheapest, cheapest_of_each

sizes = st.one_of(st.integers(0, 12), st.sampled_from([512, 1024, 1536, 4096]), st.integers(0, 50_000))
items = st.lists(st.tuples(st.integers(0, 12), sizes, st.integers(1, 40)), max_size=7)
cases = st.builds(
    lambda own, need_c, need_m: Case(
        *(np.array([i[k] for i in own], dtype=np.int64) for k in range(3)), need_c, need_m
    ),
    items,
    st.integers(-3, 30),
    st.one_of(st.integers(-3, 30), st.integers(0, 90_000)),
)


def least(case: Case) -> int | None:
    """The cheapest set, by trying every set."""
    costs = [
        int(case.costs[list(chosen)].sum())
        for n in range(len(case.costs) + 1)
        for chosen in combinations(range(len(case.costs)), n)
        if covers(case, list(chosen))
    ]
    return min(costs, default=None)


def covers(case: Case, chosen: list[int]) -> bool:
    return bool(case.vcpus[chosen].sum() >= case.need_vcpus and case.mib[chosen].sum() >= case.need_mib)


def judge(case: Case, found: Cover | None, *, fine: bool) -> None:
    if found is None:
        assert least(case) is None or fine
        return
    cost, chosen = found
    assert covers(case, chosen)
    assert cost == int(case.costs[chosen].sum())
    assert fine or cost == least(case)


@settings(max_examples=examples(400), deadline=None)
@given(cases)
def test_found_set_covers_and_is_the_cheapest(case: Case) -> None:
    """The exact optimum, as long as no need has more units than the tables have cells."""
    judge(case, cheapest(case), fine=max(case.need_vcpus, case.need_mib) > MAX_CELLS)


@settings(max_examples=examples(400), deadline=None)
@given(cases)
def test_the_relaxed_cost_is_a_lower_bound(case: Case) -> None:
    result, truth = cheapest(case, relaxed=True), least(case)
    assert (result is None) == (truth is None)
    assert result is None or truth is None or result[0] <= truth


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(cases, max_size=6))
def test_batch_equals_single_calls(several: list[Case]) -> None:
    together = cheapest_of_each(several)
    assert [c and c[0] for c in together] == [c and c[0] for c in (cheapest(case) for case in several)]
