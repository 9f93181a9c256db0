"""The order of a plan's moves: which node is relieved first."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.strategies.optimal.sequence import Job, soonest_first


def job(checks: int, *after: int, time: int = 0, rank: float = 0.0, number: int = 0) -> Job:
    return Job(checks, time, (rank, number), frozenset(after))


def test_order_is_by_size_then_time_then_overload() -> None:
    jobs = [job(2), job(1, time=9), job(1, time=3, rank=-1.0), job(1, time=3, rank=-2.0)]
    assert soonest_first(jobs) == [3, 2, 1, 0]


def test_long_group_that_many_wait_for_goes_early() -> None:
    """Alone the job takes three checks; with the three jobs that wait for it, six for four nodes."""
    assert soonest_first([job(2), job(3), job(1, 1), job(1, 1), job(1, 1)]) == [1, 2, 3, 4, 0]
    assert soonest_first([job(1), job(3), job(1, 1)]) == [0, 1, 2]


def test_groups_that_wait_for_each_other_are_all_present() -> None:
    assert sorted(soonest_first([job(1, 1), job(2, 0), job(1, 0, 1)])) == [0, 1, 2]


@st.composite
def forests(draw: st.DrawFn) -> list[Job]:
    """At most six jobs, each of which waits for at most one earlier job."""
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
    before = [draw(st.one_of(st.none(), st.integers(0, i - 1))) if i else None for i in range(len(lengths))]
    return [
        job(length, *([] if first is None else [first]), number=i)
        for i, (length, first) in enumerate(zip(lengths, before, strict=True))
    ]


@settings(max_examples=examples(200), deadline=None)
@given(forests())
def test_order_minimizes_the_waiting_of_nodes(jobs: list[Job]) -> None:
    result = soonest_first(jobs)
    assert legal(jobs, result)
    assert waited(jobs, result) == min(waited(jobs, o) for o in permutations(range(len(jobs))) if legal(jobs, o))


def legal(jobs: list[Job], order: tuple[int, ...] | list[int]) -> bool:
    return all(order.index(first) < order.index(i) for i in order for first in jobs[i].after)


def waited(jobs: list[Job], order: tuple[int, ...] | list[int]) -> int:
    """The sum of the waits of all nodes, in checks."""
    now = total = 0
    for i in order:
        now += jobs[i].checks
        total += now
    return total
