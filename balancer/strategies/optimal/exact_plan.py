"""Turns plans of the exact search into steps: which move relieves which node, and the order of the moves."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.strategies.exact.excess import DIGITS
from balancer.strategies.exact.floor import nodes_left
from balancer.strategies.exact.model import ExactModel, ExactNode
from balancer.strategies.exact.order import Pair
from balancer.strategies.exact.search import Value
from balancer.strategies.optimal.layout import Layout, steps_in_order
from balancer.strategies.optimal.small_problem import SmallProblem
from balancer.strategies.outcome import Step


def rows_of(model: ExactModel, moves: Sequence[tuple[int, int]]) -> list[Pair]:
    """Moves that are given as ids of VMs and of their targets, as rows of the model."""
    row_of_vm = {vm.candidate.vm.id: row for row, vm in enumerate(model.vms)}
    row_of_node = {node.node_id: row for row, node in enumerate(model.nodes)}
    return [(row_of_vm[vm_id], row_of_node[target_id]) for vm_id, target_id in moves]


def value_of(model: ExactModel, moves: Sequence[Pair]) -> Value:
    """The value of a plan."""
    vcpus, mib = [node.vcpus for node in model.nodes], [node.mib for node in model.nodes]
    for row, target in moves:
        vm = model.vms[row]
        for node, by in ((vm.home, -1), (target, 1)):
            vcpus[node] += by * vm.vcpus
            mib[node] += by * vm.mib
    above = [n.excess(c, m) for n, c, m in zip(model.nodes, vcpus, mib, strict=True) if n.overloaded]
    left = len(nodes_left(model, moves))
    return Value(left, round(sum(above), DIGITS), sum(model.vms[row].cost for row, _ in moves))


def exact_steps(problem: SmallProblem, order: Sequence[Pair]) -> list[Step]:
    """The moves of the exact search (in a legal order) as steps, in the order in which people see them."""
    return steps_in_order(problem, _layout(problem, order))


def _layout(problem: SmallProblem, pairs: Sequence[Pair]) -> Layout:
    """Assigns each move to the overloaded node that its VM leaves, or for whose VM it makes room."""
    home = {vm: problem.home(vm) for vm, _ in pairs}
    served: dict[int, list[Pair]] = {}
    for pair in pairs:
        node = _served(home[pair[0]], home, pairs, problem.overloaded)
        served.setdefault(node, []).append(pair)
    cleared = {node for node in served if _is_cleared(problem.model, node, pairs)}
    return Layout(
        relieved={node: tuple(steps) for node, steps in served.items() if node in cleared},
        partial={node: tuple(steps) for node, steps in served.items() if node not in cleared},
        order=pairs,
    )


def _served(node: int, home: dict[int, int], pairs: Sequence[Pair], overloaded: frozenset[int]) -> int:
    """The overloaded node that a departure from ``node`` helps, over any number of arrivals."""
    visited: set[int] = set()
    while node not in overloaded and node not in visited:
        visited.add(node)
        sources = [home[vm] for vm, target in pairs if target == node]
        node = next((source for source in sources if source in overloaded), sources[0] if sources else node)
    return node


def _is_cleared(model: ExactModel, node: int, pairs: Sequence[Pair]) -> bool:
    vms, of = model.vms, model.nodes[node]
    sign = {vm: (target == node) - (vms[vm].home == node) for vm, target in pairs}
    vcpus = of.vcpus + sum(by * vms[vm].vcpus for vm, by in sign.items())
    mib = of.mib + sum(by * vms[vm].mib for vm, by in sign.items())
    return not _above(of, vcpus, mib)


def _above(node: ExactNode, vcpus: int, mib: int) -> bool:
    return vcpus > node.cap_vcpus or mib > node.cap_mib
