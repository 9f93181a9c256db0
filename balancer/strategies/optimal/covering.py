"""Which VMs should leave a node: the exact cheapest set that frees at least some vCPUs and MiB.

A covering knapsack in two dimensions, solved by dynamic programming over whole numbers, without tolerance or search.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from balancer.strategies.arrays import Ints

INFEASIBLE = np.int64(2**62)
"""The cost of an impossible choice."""
MAX_CELLS = 4096
"""The most units of a resource. If there are more, needs are rounded up, and sizes down (for bounds: up)."""


class Case(NamedTuple):
    """One node: the sizes and costs of its VMs, and the least that must leave it."""

    vcpus: Ints
    mib: Ints
    costs: Ints
    need_vcpus: int
    need_mib: int


Cover = tuple[int, list[int]]
"""The cost of a set, and its VMs."""


def cheapest(case: Case, *, relaxed: bool = False) -> Cover | None:
    """The cheapest set that covers both needs; ``None`` if all VMs together do not.

    ``relaxed``: sizes with too many units are rounded up: the cost is a lower bound, but the set may be too small.
    """
    return cheapest_of_each([case], relaxed=relaxed)[0]


def cheapest_of_each(cases: Sequence[Case], *, relaxed: bool = False) -> list[Cover | None]:
    """As ``cheapest``, for many nodes; nodes that lack only one resource are solved together."""
    covers: list[Cover | None] = [None] * len(cases)
    open_cases = [
        i for i, c in enumerate(cases) if c.vcpus.sum() >= c.need_vcpus and c.mib.sum() >= c.need_mib
    ]  # the others cannot be covered
    for resource in (0, 1):  # in most cases a set for one resource also covers the other
        open_cases = _one_resource(cases, open_cases, covers, resource, relaxed=relaxed)
    for i in open_cases:
        case = cases[i]
        c, need_c = _units(case.vcpus, case.need_vcpus, relaxed)
        m, need_m = _units(case.mib, case.need_mib, relaxed)
        covers[i] = _plane(c, m, case.costs, need_c, need_m)
    return covers


def _one_resource(
    cases: Sequence[Case], indices: list[int], results: list[Cover | None], resource: int, *, relaxed: bool
) -> list[int]:
    """Solves for one resource, keeps sets that also cover the other one, and returns the remaining cases."""
    sizes, needs = [_of(cases[i], resource)[0] for i in indices], [_of(cases[i], resource)[1] for i in indices]
    picked = [k for k, i in enumerate(indices) if needs[k] > 0 or _of(cases[i], 1 - resource)[1] <= 0]
    costs = [cases[indices[k]].costs for k in picked]
    covers = cheapest_in_line([sizes[k] for k in picked], costs, [needs[k] for k in picked], relaxed=relaxed)
    left = sorted(set(indices).difference(indices[k] for k in picked))
    for k, cover in zip(picked, covers, strict=True):
        other, other_need = _of(cases[indices[k]], 1 - resource)
        if int(other[cover[1]].sum()) >= other_need:
            results[indices[k]] = cover
        else:
            left.append(indices[k])
    return left


def _of(case: Case, resource: int) -> tuple[Ints, int]:
    """Sizes and need in vCPUs (0) or MiB (1)."""
    return (case.vcpus, case.need_vcpus) if resource == 0 else (case.mib, case.need_mib)


def cheapest_in_line(
    sizes: Sequence[Ints], costs: Sequence[Ints], needs: Sequence[int], *, relaxed: bool = False
) -> list[tuple[int, list[int]]]:
    """For each row the cheapest set with ``sum(sizes) >= need``. All sizes of a row together cover its need."""
    scaled = [_units(s, max(0, need), relaxed) for s, need in zip(sizes, needs, strict=True)]
    best: list[tuple[int, list[int]]] = [(0, [])] * len(scaled)
    order = sorted(range(len(scaled)), key=lambda i: (scaled[i][1], len(sizes[i]), i))
    for some in _batches(order, [(need + 1) for _, need in scaled]):
        results = _lines([scaled[i][0] for i in some], [costs[i] for i in some], [scaled[i][1] for i in some])
        for i, result in zip(some, results, strict=True):
            best[i] = result
    return best


def _batches(order: Sequence[int], widths: Sequence[int]) -> list[list[int]]:
    """Batches of rows with similar widths, so that little padding is needed."""
    batches: list[list[int]] = []
    for i in order:
        if batches and widths[i] <= 8 + 1.5 * widths[batches[-1][0]]:
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def _units(sizes: Ints, need: int, relaxed: bool) -> tuple[Ints, int]:
    """Sizes and need in their greatest common unit, or in a larger unit if there would be too many units."""
    small = sizes[sizes < need]
    unit = int(np.gcd.reduce(small)) or max(1, need)
    unit = max(unit, -(-need // MAX_CELLS))
    units = -(-need // unit)
    rounded = -(-sizes // unit) if relaxed else sizes // unit
    return np.where(sizes < need, rounded, units), units


def _lines(sizes: Sequence[Ints], costs: Sequence[Ints], needs: Sequence[int]) -> list[tuple[int, list[int]]]:
    if len(sizes) == 1:
        return [_line(sizes[0].tolist(), costs[0].tolist(), needs[0])]
    rows, rounds = len(sizes), max((len(s) for s in sizes), default=0)
    width = max(needs) + 1
    size = np.zeros((rounds, rows, 1), dtype=np.int64)
    cost = np.full((rounds, rows, 1), INFEASIBLE, dtype=np.int64)
    for i, (own, prices) in enumerate(zip(sizes, costs, strict=True)):
        size[: len(own), i, 0] = own
        cost[: len(own), i, 0] = prices
    best = np.full((rows, width), INFEASIBLE, dtype=np.int64)
    best[:, 0] = 0
    taken = np.zeros((rounds, rows, width), dtype=np.bool_)
    column, row = np.arange(width), np.arange(rows)[:, None]
    for k in range(rounds):
        with_it = np.minimum(best[row, np.maximum(column - size[k], 0)] + np.minimum(cost[k], INFEASIBLE), INFEASIBLE)
        np.less(with_it, best, out=taken[k])
        np.copyto(best, with_it, where=taken[k])
    return [_traced_line(i, need, best, taken, size) for i, need in enumerate(needs)]


def _line(sizes: list[int], costs: list[int], need: int) -> tuple[int, list[int]]:
    """The same for one row: slices are several times as fast as the indices that rows of other sizes need."""
    best = np.full(need + 1, INFEASIBLE, dtype=np.int64)
    best[0] = 0
    with_it = np.empty_like(best)
    taken = np.zeros((len(sizes), need + 1), dtype=np.bool_)
    for k, (size, cost) in enumerate(zip(sizes, costs, strict=True)):
        fill = min(size, need + 1)
        with_it[:fill] = best[0] + cost
        np.add(best[: need + 1 - fill], cost, out=with_it[fill:])
        np.less(with_it, best, out=taken[k])
        np.minimum(with_it, best, out=best)
    chosen, left = [], need
    for k in range(len(sizes) - 1, -1, -1):
        if taken[k, left]:
            chosen.append(k)
            left = max(0, left - sizes[k])
    return int(best[need]), chosen[::-1]


def _traced_line(i: int, need: int, best: Ints, taken: npt.NDArray[np.bool_], size: Ints) -> tuple[int, list[int]]:
    chosen, left = [], need
    for k in range(len(taken) - 1, -1, -1):
        if taken[k, i, left]:
            chosen.append(k)
            left = max(0, left - int(size[k, i, 0]))
    return int(best[i, need]), chosen[::-1]


def _plane(c: Ints, m: Ints, costs: Ints, need_c: int, need_m: int) -> tuple[int, list[int]] | None:
    best = np.full((need_c + 1, need_m + 1), INFEASIBLE, dtype=np.int64)
    best[0, 0] = 0
    taken = np.zeros((len(costs), need_c + 1, need_m + 1), dtype=np.bool_)
    with_it = np.empty_like(best)
    for k, (ck, mk, cost) in enumerate(zip(c.tolist(), m.tolist(), costs.tolist(), strict=True)):
        i, j = min(ck, need_c + 1), min(mk, need_m + 1)
        with_it[:i, :j] = best[0, 0]
        with_it[:i, j:] = best[0, : need_m + 1 - j]
        with_it[i:, :j] = best[: need_c + 1 - i, :1]
        with_it[i:, j:] = best[: need_c + 1 - i, : need_m + 1 - j]
        with_it += cost
        np.less(with_it, best, out=taken[k])
        np.copyto(best, with_it, where=taken[k])
    if best[need_c, need_m] >= INFEASIBLE:  # only if sizes were rounded down
        return None
    chosen, i, j = [], need_c, need_m
    for k in range(len(taken) - 1, -1, -1):
        if taken[k, i, j]:
            chosen.append(k)
            i, j = max(0, i - int(c[k])), max(0, j - int(m[k]))
    return int(best[need_c, need_m]), chosen[::-1]
