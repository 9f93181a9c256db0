"""Finds the VMs that leave each node, and their targets: the cheapest set for every node, as far as the sets fit.

If the cheapest sets do not fit together, relocations of nodes are undone and tried again in other orders, with other
sets, and by making room first (a VM leaves a target so that a larger one fits). Deterministic: the work is counted in
rounds, and the random numbers are a fixed sequence.
"""

from __future__ import annotations

import numpy as np

from balancer.strategies.optimal.costs import tolerances
from balancer.strategies.optimal.patterns import Relief
from balancer.strategies.optimal.problem import Problem
from balancer.strategies.optimal.relocation import Relocation, RelocationFinder, Rng
from balancer.strategies.optimal.sequence import Pair, ordered

ROUNDS_WHILE_OVERLOADED = 10
"""While nodes are not relieved, the number of rounds is multiplied by this: relief comes before cost."""
ROUNDS_FOR_MEMORY = 3
"""The number of rounds for less memory is multiplied by this if moves come first: few of these rounds improve."""
MAX_INSERTIONS = 1500
"""The most attempts to relieve a node in one plan: if many nodes have no room, each round has many attempts."""


class Search:
    """The nodes to relieve, the room, and the relocations so far."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.reliefs: dict[int, Relief] = {r.node: r for r in problem.reliefs}
        self.relocations: dict[int, Relocation] = {}
        self._home: list[int] = problem.vms.node.tolist()
        self._rng = Rng()
        self._finder = RelocationFinder(problem, self._rng)
        self.room = self._finder.room
        self.moved = self._finder.moved
        self._tolerances = tolerances(problem.vms, problem.costs, problem.state.policy.goal)
        self._tolerance = self._tolerances[0]
        self._insertions = 0
        self._least = {node: relief.best.cost if relief.best else 0 for node, relief in self.reliefs.items()}
        self._least_of_all = sum(self._least.values())

    @property
    def best_known(self) -> bool:
        """Whether every node is relieved at the least cost of this node alone: then no plan is cheaper."""
        left, cost = self._value()
        return left == 0 and cost <= self._least_of_all

    # --- the first attempt ---------------------------------------------------------------------------

    def place_cheapest(self) -> None:
        """Places the cheapest set of every node, largest VMs first. A node whose set has no room is not relieved."""
        wanted = [(vm, r.node) for r in self.reliefs.values() if r.best for vm in r.best.vms]
        wanted.sort(key=lambda w: (-self.room.size(w[0]), w[0]))
        steps: dict[int, list[Pair]] = {node: [] for node in self.reliefs}
        failed: set[int] = set()
        for vm, node in wanted:
            if node in failed:
                continue
            target = self.room.best_fit(vm)
            if target >= 0:
                self.room.place(vm, target)
                steps[node].append((vm, target))
            else:
                failed.add(node)
                self._off(steps[node])
        for node, relief in self.reliefs.items():
            if node not in failed and relief.best:
                self._off(steps[node])
                self._keep(node, Relocation(relief.best.cost, tuple(steps[node])))
        self._drop_cycles()

    def _off(self, steps: list[Pair]) -> None:
        for vm, target in steps:
            self.room.place(vm, target, -1)

    def _drop_cycles(self) -> None:
        """Undoes all relocations if the moves have no legal order: such a plan cannot be carried out."""
        if not self._orderable():
            for node in list(self.relocations):
                self._drop(node)

    # --- improving -----------------------------------------------------------------------------------

    def improve(self, rounds: int) -> None:
        """Relieves more nodes, then undoes relocations and tries again, until no plan is cheaper or the rounds end.

        Once per tolerance: if moves come first, the second time reduces the memory with equally many moves.
        """
        left = self._hardest(set(self.reliefs) - set(self.relocations))
        if self._finder.work_one_by_one([self.reliefs[node] for node in left]) > self._finder.work:
            for node in left:  # cheap relocations first, so that the work is enough for all nodes
                self._insert(node, one_by_one=False)
            left = [node for node in left if node not in self.relocations]
        for node in left:
            self._insert(node)
        self._drop_cycles()
        for tolerance in self._tolerances:
            self._tolerance = tolerance
            self._improve(rounds)
            rounds *= ROUNDS_FOR_MEMORY

    def _improve(self, rounds: int) -> None:
        best, best_value = dict(self.relocations), self._value()
        done = 0
        while (
            done < (ROUNDS_WHILE_OVERLOADED * rounds if best_value[0] else rounds)
            and self._insertions < MAX_INSERTIONS
            and self._finder.work > 0
            and not self.best_known
        ):
            before = dict(self.relocations)
            self._ruin()
            for node in self._rng.shuffled(sorted(set(self.reliefs) - set(self.relocations))):
                self._insert(node)
            now = self._value()
            if now > (best_value[0], best_value[1] + self._tolerance) or not self._orderable():
                self._restore(before)
            elif now < best_value:
                best, best_value = dict(self.relocations), now
            done += 1
        if not self.best_known:
            self._restore(best)

    def _value(self) -> tuple[int, int]:
        return len(self.reliefs) - len(self.relocations), sum(a.cost for a in self.relocations.values())

    def _orderable(self) -> bool:
        """Whether the relocations have a legal order. They have one if no VM goes to a node that others leave."""
        home, relocations = self._home, [relocation.steps for relocation in self.relocations.values()]
        left = {home[vm] for steps in relocations for vm, _ in steps}
        both = {target for steps in relocations for _, target in steps if target in left}
        entangled = [
            steps
            for steps in relocations
            if any(home[vm] in both or target in both or self.room.is_grouped(vm) for vm, target in steps)
        ]
        return not entangled or ordered(self.problem.room.copy(), entangled) is not None

    def _hardest(self, nodes: set[int]) -> list[int]:
        return sorted(nodes, key=lambda node: (-self._least[node], node))

    def _ruin(self) -> None:
        """Undoes the relocation of a node that costs more than its least cost, and of some other nodes at random."""
        rng = self._rng
        dear = [n for n, a in self.relocations.items() if a.cost > self._least[n]]
        victims = [dear[rng.below(len(dear))]] if dear else []
        others = sorted(self.relocations)
        victims += [others[rng.below(len(others))] for _ in range(2 + rng.below(4)) if others]
        for node in victims:
            self._drop(node)
        self._drop_unsupported()

    def _drop_unsupported(self) -> None:
        """Undoes relocations to nodes that no longer have room for them."""
        while True:
            short = set(np.flatnonzero((self.room.vcpus < 0) | (self.room.mib < 0) | (self.room.count < 0)).tolist())
            victims = {n for n, a in self.relocations.items() for _, t in a.steps if t in short}
            if not victims:
                return
            for node in victims:
                self._drop(node)

    def _insert(self, node: int, *, one_by_one: bool = True) -> None:
        if self._finder.work <= 0:
            return
        self._insertions += 1
        relocation = self._finder.cheapest(self.reliefs[node], self._tolerance, one_by_one=one_by_one)
        if relocation is not None:
            self._keep(node, relocation)

    def _keep(self, node: int, relocation: Relocation) -> None:
        self.relocations[node] = relocation
        self._finder.carry_out(node, relocation)

    def _drop(self, node: int) -> None:
        relocation = self.relocations.pop(node, None)
        if relocation is not None:
            self._finder.take_back(node, relocation)

    def _restore(self, relocations: dict[int, Relocation]) -> None:
        for node in list(self.relocations):
            if self.relocations[node] is not relocations.get(node):
                self._drop(node)
        for node, relocation in relocations.items():
            if node not in self.relocations:
                self._keep(node, relocation)
