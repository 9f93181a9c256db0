"""The certificate: lower bounds for every plan, proven from the snapshot without the search.

An overloaded node takes no VM until it is relieved. So enough of its present VMs must leave it to cover its needs.
Every move takes one VM from one node, so the least costs of the single nodes can be added. Only VMs that some node
could ever take are used. All numbers are whole; roundings are down. For the number of moves, capacity_bound.py also
considers the room that large VMs need.
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
    """The bound for plans that relieve all nodes that can be relieved, except for ``spared`` of them."""
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
    """The least cost of all nodes together without the most expensive ones (``spared``)."""
    least = sorted(cost for cost, _ in covers)
    return sum(least[: max(0, len(least) - spared)])
