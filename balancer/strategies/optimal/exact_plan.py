"""Plans of the exact search as steps: which move serves which node, and in which order they are shown."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.state import WorkingState
from balancer.strategies.exact.excess import DIGITS
from balancer.strategies.exact.model import ExactModel, ExactNode
from balancer.strategies.exact.order import Pair
from balancer.strategies.exact.search import Value
from balancer.strategies.optimal.layout import Layout, steps_in_order
from balancer.strategies.optimal.problem import Problem
from balancer.strategies.outcome import Step


def value_of(model: ExactModel, moves: Sequence[tuple[int, int]]) -> Value:
    """The value of a plan, given as ids of VMs and of their targets."""
    row_of_vm = {vm.candidate.vm.id: row for row, vm in enumerate(model.vms)}
    row_of_node = {node.node_id: row for row, node in enumerate(model.nodes)}
    vcpus, mib = [node.vcpus for node in model.nodes], [node.mib for node in model.nodes]
    cost = 0
    for vm_id, target_id in moves:
        vm, target = model.vms[row_of_vm[vm_id]], row_of_node[target_id]
        for node, by in ((vm.home, -1), (target, 1)):
            vcpus[node] += by * vm.vcpus
            mib[node] += by * vm.mib
        cost += vm.cost
    above = [n.excess(c, m) for n, c, m in zip(model.nodes, vcpus, mib, strict=True) if n.overloaded]
    left = sum(1 for n, c, m in zip(model.nodes, vcpus, mib, strict=True) if n.overloaded and _above(n, c, m))
    return Value(left, round(sum(above), DIGITS), cost)


def exact_steps(state: WorkingState, model: ExactModel, order: Sequence[Pair]) -> tuple[Problem, list[Step]]:
    """The moves of the exact search, in a legal order, as steps of a problem with the VMs of all nodes."""
    problem = Problem.of(state, everywhere=True)
    row_of_vm = {vm.vm.id: row for row, vm in enumerate(problem.vms.candidates)}
    pairs = [
        (row_of_vm[model.vms[row].candidate.vm.id], problem.nodes.row[model.nodes[target].node_id])
        for row, target in order
    ]
    return problem, steps_in_order(problem, _layout(problem, pairs))


def _layout(problem: Problem, pairs: Sequence[Pair]) -> Layout:
    """Each move serves the overloaded node that its VM leaves, or the one whose VM takes the place that it leaves."""
    home = {vm: int(problem.vms.node[vm]) for vm, _ in pairs}
    served: dict[int, list[Pair]] = {}
    for pair in pairs:
        node = _served(home[pair[0]], home, pairs, frozenset(problem.overloaded))
        served.setdefault(node, []).append(pair)
    cleared = {node for node in served if _is_cleared(problem, node, pairs)}
    return Layout(
        relieved={node: tuple(steps) for node, steps in served.items() if node in cleared},
        partial={node: tuple(steps) for node, steps in served.items() if node not in cleared},
        order=pairs,
    )


def _served(node: int, home: dict[int, int], pairs: Sequence[Pair], overloaded: frozenset[int]) -> int:
    """The overloaded node that a departure from ``node`` helps, over any number of arrivals."""
    seen: set[int] = set()
    while node not in overloaded and node not in seen:
        seen.add(node)
        sources = [home[vm] for vm, target in pairs if target == node]
        node = next((source for source in sources if source in overloaded), sources[0] if sources else node)
    return node


def _is_cleared(problem: Problem, node: int, pairs: Sequence[Pair]) -> bool:
    vms, nodes = problem.vms, problem.nodes
    sign = {vm: (target == node) - (int(vms.node[vm]) == node) for vm, target in pairs}
    vcpus = int(nodes.vcpus[node]) + sum(by * int(vms.vcpus[vm]) for vm, by in sign.items())
    mib = int(nodes.mib[node]) + sum(by * int(vms.mib[vm]) for vm, by in sign.items())
    return vcpus <= int(nodes.cap_vcpus[node]) and mib <= int(nodes.cap_mib[node])


def _above(node: ExactNode, vcpus: int, mib: int) -> bool:
    return vcpus > node.cap_vcpus or mib > node.cap_mib
