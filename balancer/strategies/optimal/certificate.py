"""The certificate: what no plan can do with less of, proven from the snapshot and not from the search.

A node that is overloaded takes nothing until it is relieved. So VMs that stand on it now must leave it, enough
to cover its needs, and every move takes one VM from one node: what the nodes need at least, each by itself,
adds up. Only VMs that some node could ever take count. Whole numbers throughout; what is rounded is rounded down.
For the number of moves, capacity_bound.py also considers the room that large VMs need.
"""

from __future__ import annotations

from collections.abc import Sequence

from balancer.migration_time import MICROSECONDS
from balancer.model import Bound
from balancer.strategies.optimal.capacity_bound import least_cost
from balancer.strategies.optimal.costs import ONE_MOVE, moves_first
from balancer.strategies.optimal.covering import Case, Cover, cheapest_of_each
from balancer.strategies.optimal.problem import Problem


def prove(problem: Problem, spared: int) -> Bound:
    """The bound for plans that relieve all nodes of the problem that can be relieved, but ``spared`` of them."""
    cases, rows = problem.proven, [r.rows for r in problem.reliefs]
    prices = moves_first(problem.vms)
    fewest = _covers([case._replace(costs=prices[own]) for case, own in zip(cases, rows, strict=True)])
    least = _sum(fewest, spared)
    if problem.everywhere and not spared and not problem.by_own_loads:  # it counts the room of VMs in vCPUs
        least = max(least, least_cost(problem, fewest, prices))
    moves, memory_then = divmod(least, ONE_MOVE)
    memory = _sum(_covers([case._replace(costs=case.mib) for case in cases]), spared)
    times = [case._replace(costs=problem.durations[own]) for case, own in zip(cases, rows, strict=True)]
    time = _sum(_covers(times), spared)
    return Bound(moves=moves, seconds=time / MICROSECONDS, memory_mib=memory, fewest_moves_mib=memory_then)


def _covers(cases: Sequence[Case]) -> list[Cover]:
    return [(0, []) if cover is None else cover for cover in cheapest_of_each(cases, relaxed=True)]


def _sum(covers: Sequence[Cover], spared: int) -> int:
    """What the nodes need together when the dearest of them are spared."""
    least = sorted(cost for cost, _ in covers)
    return sum(least[: max(0, len(least) - spared)])
