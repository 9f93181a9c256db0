"""The certificate of a small cluster in plain Python, for plans that relieve all nodes: see ``certificate.py``.

It answers only if its figures are the same or higher: needs in whole units, and few VMs. If there is little room for
large VMs, ``capacity_bound.py`` raises the number of moves; here the exact search gives this number.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from math import gcd
from typing import NamedTuple

from balancer.migration_time import MICROSECONDS, copied_mib, migration_us
from balancer.model import Bound
from balancer.rules.constraints import candidate, pair_refusal, source_refusal, static_target_refusal
from balancer.state import Candidate, WorkingState
from balancer.strategies.exact.cover import Sized, least_cost
from balancer.strategies.exact.model import ONE_MOVE, ExactModel
from balancer.strategies.exact.order import Pair
from balancer.strategies.exact.search import Value
from balancer.strategies.exact.solve import first_plan

MAX_CELLS = 4096
"""As in ``covering.py``: finer needs are rounded there."""
MAX_WORK = 60_000
"""The limit for cells of needs x VMs; above it, the arrays are faster."""


class _Need(NamedTuple):
    """One node to relieve: its needs, and the VMs that another node could take."""

    node: int
    reach: list[int]
    """Nodes that may take its VMs, without regard to their load."""
    vcpus: int
    mib: int
    vms: list[Candidate]


def prove_small(state: WorkingState, model: ExactModel, moves: Iterable[Pair]) -> Bound | None:
    """The bound for plans that leave no node overloaded, like these moves; ``None`` = use the arrays instead."""
    needs = _needs(state, model)
    if needs is None:
        return None
    covers = [_least(need, [ONE_MOVE + c.memory_mib for c in need.vms]) for need in needs]
    fewest: int | None = sum(covers)
    if not _has_room(state, model, needs, [cost // ONE_MOVE for cost in covers]):
        fewest = _fewest_moves(model, moves)
    if fewest is None:
        return None
    return Bound(
        moves=fewest // ONE_MOVE,
        seconds=sum(_least(need, [_duration(c, state) for c in need.vms]) for need in needs) / MICROSECONDS,
        memory_mib=sum(_least(need, [c.memory_mib for c in need.vms]) for need in needs),
        fewest_moves_mib=fewest % ONE_MOVE,
    )


def _fewest_moves(model: ExactModel, moves: Iterable[Pair]) -> int | None:
    """The proof of the exact search for number and memory of the moves; ``None`` = no proof."""
    dearer = replace(model, vms=tuple(replace(vm, cost=ONE_MOVE + vm.mib) for vm in model.vms))
    known = Value(0, 0.0, sum(dearer.vms[row].cost for row, _ in moves))
    result = first_plan(dearer, known)
    return result.value.cost if result.proven_for_all else None


def _duration(vm: Candidate, state: WorkingState) -> int:
    return migration_us(copied_mib(vm.vm, state.clusters.get(vm.vm.cluster_id)), state.policy)


def _needs(state: WorkingState, model: ExactModel) -> list[_Need] | None:
    """The nodes to relieve; ``None``: a node cannot be relieved, or its need has too many units."""
    working = list(state.working.values())
    leaving = [
        [c for vm in state.vms_on[node.node.id] if isinstance(c := candidate(vm, state), Candidate)]
        if source_refusal(node.node, state) is None
        else []
        for node in working
    ]
    needs = []
    for row, node in enumerate(model.nodes):
        if node.overloaded and source_refusal(working[row].node, state) is None:
            reach = _reach(state, row)
            able = [vm for vm in leaving[row] if _is_takeable(vm, reach, state, model, leaving)]
            need = _Need(row, reach, max(0, node.vcpus - node.cap_vcpus), max(0, node.mib - node.cap_mib), able)
            if not _is_exact(need):
                return None
            needs.append(need)
    return needs


def _is_takeable(
    vm: Candidate, reach: list[int], state: WorkingState, model: ExactModel, leaving: list[list[Candidate]]
) -> bool:
    """Whether a node could take the VM if all VMs that may leave that node were gone."""
    pins, left = state.groups.pins.get(vm.vm.id, ()), state.groups.left.get(vm.vm.id, frozenset())
    nodes = [(model.nodes[row], leaving[row]) for row in reach]
    return any(
        node.fill_vcpus - node.vcpus + sum(c.vcpus for c in candidates) >= vm.vcpus
        and node.fill_mib - node.mib + sum(c.memory_mib for c in candidates) >= vm.memory_mib
        and node.node_id not in left
        and all(node.node_id in pin.nodes for pin in pins)
        for node, candidates in nodes
    )


def _reach(state: WorkingState, home: int) -> list[int]:
    working = list(state.working.values())
    return [
        row
        for row, node in enumerate(working)
        if row != home
        and static_target_refusal(node.node, state) is None
        and pair_refusal(working[home].node, node.node, state) is None
    ]


def _is_exact(need: _Need) -> bool:
    cells = 1
    for least, sizes in ((need.vcpus, [c.vcpus for c in need.vms]), (need.mib, [c.memory_mib for c in need.vms])):
        if sum(sizes) < least:
            return False
        unit = reduce(gcd, [size for size in sizes if size < least], 0) or max(1, least)
        units = -(-least // unit)
        if units > MAX_CELLS:
            return False
        cells *= units + 1
    return cells * len(need.vms) <= MAX_WORK


def _least(need: _Need, costs: list[int]) -> int:
    items = [Sized(c.vcpus, c.memory_mib, cost) for c, cost in zip(need.vms, costs, strict=True)]
    return least_cost(sorted(items, key=lambda item: item.cost), need.vcpus, need.mib, 0)


def _has_room(state: WorkingState, model: ExactModel, needs: list[_Need], fewest: list[int]) -> bool:
    """Whether nodes that are not overloaded have room for all VMs of each size that can leave in the fewest moves."""
    relieved = {need.node for need in needs}
    for vcpus, mib in {(c.vcpus, c.memory_mib) for need in needs for c in need.vms}:
        leave = sum(
            min(most, sum(c.vcpus >= vcpus and c.memory_mib >= mib for c in need.vms))
            for need, most in zip(needs, fewest, strict=True)
        )
        for need in needs:
            rooms = [model.nodes[row] for row in need.reach if row not in relieved]
            there = sum(
                max(0, min((n.fill_vcpus - n.vcpus) // vcpus, (n.fill_mib - n.mib) // mib if mib else n.cap_count))
                for n in rooms
            )
            if leave > there:
                return False
    return True
