"""Which VMs leave which node for where: the cheapest set for every node, placed together as far as they fit.

Where the cheapest sets have no room side by side, nodes are taken back and tried again in other orders, with
other sets, and by making room first (a VM leaves a target so that a larger one fits). Deterministic: the
amount of work is counted in rounds, and the dice are a sequence of numbers of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from balancer.arrays import Bools, Ints
from balancer.clearing.costs import slacks
from balancer.clearing.covering import Case, cheapest
from balancer.clearing.patterns import Pattern, Relief
from balancer.clearing.problem import Problem
from balancer.clearing.sequence import Pair, ordered

BLINK = 8
"""Once in so many times the next best is taken instead, so that searches leave their ruts."""
TRIED = 12
"""Sets of one node that are tried in earnest, at each insertion."""

LONGER = 10
"""So many times as many rounds while nodes are not relieved: that counts before any cost."""
FINER = 3
"""So many times as many rounds for less memory, where moves count first: few of them change anything."""
TRIES = 1500
"""Nodes put back, in all: where many find no room, each round has many of them."""
HOSTS = 6
"""Targets from which several VMs are taken to make room."""


@dataclass(frozen=True)
class Answer:
    """What relieves one node: its own VMs that leave, and those that make room for them elsewhere."""

    cost: int
    steps: tuple[Pair, ...]


class Dice:
    """A fixed sequence of numbers (Lehmer's generator): the same plan from the same snapshot, everywhere."""

    def __init__(self, seed: int = 20_261_122) -> None:
        self._state = seed

    def below(self, n: int) -> int:
        self._state = self._state * 48271 % 2147483647
        return self._state % n


class Search:
    """The nodes to relieve, the room there is, and what has been found so far."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.room = problem.room.copy()
        self.costs = problem.costs
        self.reliefs: dict[int, Relief] = {r.node: r for r in problem.reliefs}
        self.answers: dict[int, Answer] = {}
        self.moved: set[int] = set()
        self._movers: Ints | None = None
        self._home: list[int] = problem.vms.node.tolist()
        self._dice = Dice()
        self._slacks = slacks(problem.vms, self.costs, problem.state.policy.optimize_for)
        self._slack = self._slacks[0]
        self._tries = 0
        self._least = {node: relief.best.cost if relief.best else 0 for node, relief in self.reliefs.items()}
        self._least_of_all = sum(self._least.values())

    @property
    def best_known(self) -> bool:
        """Whether every node is relieved, and at the least that it alone would cost: no plan is cheaper."""
        left, cost = self._value()
        return left == 0 and cost <= self._least_of_all

    # --- the first attempt ---------------------------------------------------------------------------

    def place_cheapest(self) -> None:
        """The cheapest set of every node, largest VMs first; nodes whose set finds no room stay without an answer."""
        wanted = [(vm, r.node) for r in self.reliefs.values() if r.best for vm in r.best.vms]
        wanted.sort(key=lambda w: (-self.room.size(w[0]), w[0]))
        steps: dict[int, list[Pair]] = {node: [] for node in self.reliefs}
        failed: set[int] = set()
        for vm, node in wanted:
            if node in failed:
                continue
            target = self.room.snuggest(vm)
            if target < 0:
                failed.add(node)
                for done, at in steps[node]:
                    self.room.place(done, at, -1)
            else:
                self.room.place(vm, target)
                steps[node].append((vm, target))
        for node, relief in self.reliefs.items():
            if node not in failed and relief.best:
                self._keep(node, Answer(relief.best.cost, tuple(steps[node])))

    # --- improving -----------------------------------------------------------------------------------

    def improve(self, rounds: int) -> None:
        """Fills gaps, then takes nodes back and tries again, until no plan is cheaper or the rounds are over.

        Once for each slack: where moves count first, the second time is for less memory in as many moves.
        """
        for node in self._hardest(set(self.reliefs) - set(self.answers)):
            self._insert(node)
        for slack in self._slacks:
            self._slack = slack
            self._improve(rounds)
            rounds *= FINER

    def _improve(self, rounds: int) -> None:
        best, best_value = dict(self.answers), self._value()
        done = 0
        while done < (LONGER * rounds if best_value[0] else rounds) and self._tries < TRIES and not self.best_known:
            before = dict(self.answers)
            self._ruin()
            for node in self._shuffled(sorted(set(self.reliefs) - set(self.answers))):
                self._insert(node)
            now = self._value()
            if now > (best_value[0], best_value[1] + self._slack) or not self._orderable():
                self._restore(before)
            elif now < best_value:
                best, best_value = dict(self.answers), now
            done += 1
        if not self.best_known:
            self._restore(best)

    def _value(self) -> tuple[int, int]:
        return len(self.reliefs) - len(self.answers), sum(a.cost for a in self.answers.values())

    def _orderable(self) -> bool:
        """Whether the answers have a legal order. Where none comes where others leave, they have."""
        home, answers = self._home, [answer.steps for answer in self.answers.values()]
        left = {home[vm] for steps in answers for vm, _ in steps}
        both = {target for steps in answers for _, target in steps if target in left}
        if not both:
            return True
        entangled = [steps for steps in answers if any(home[vm] in both or target in both for vm, target in steps)]
        return ordered(self.problem.room.copy(), entangled) is not None

    def _hardest(self, nodes: set[int]) -> list[int]:
        return sorted(nodes, key=lambda node: (-self._least[node], node))

    def _shuffled(self, nodes: list[int]) -> list[int]:
        nodes, dice = list(nodes), self._dice
        for i in range(len(nodes) - 1, 0, -1):
            j = dice.below(i + 1)
            nodes[i], nodes[j] = nodes[j], nodes[i]
        return nodes

    def _ruin(self) -> None:
        """Takes back a node that costs more than it must, and some others at random."""
        dice = self._dice
        dear = [n for n, a in self.answers.items() if a.cost > self._least[n]]
        victims = [dear[dice.below(len(dear))]] if dear else []
        others = sorted(self.answers)
        victims += [others[dice.below(len(others))] for _ in range(2 + dice.below(4)) if others]
        for node in victims:
            self._drop(node)
        self._settle()

    def _settle(self) -> None:
        """Takes back what stands on room that is no longer there."""
        while True:
            short = set(np.flatnonzero((self.room.vcpus < 0) | (self.room.mib < 0) | (self.room.count < 0)).tolist())
            victims = {n for n, a in self.answers.items() for _, t in a.steps if t in short}
            if not victims:
                return
            for node in victims:
                self._drop(node)

    def _keep(self, node: int, answer: Answer) -> None:
        self.answers[node] = answer
        self.moved.update(vm for vm, _ in answer.steps)

    def _drop(self, node: int) -> None:
        answer = self.answers.pop(node, None)
        if answer is not None:
            for vm, target in answer.steps:
                self.room.place(vm, target, -1)
                self.moved.discard(vm)

    def _restore(self, answers: dict[int, Answer]) -> None:
        for node in list(self.answers):
            if self.answers[node] is not answers.get(node):
                self._drop(node)
        for node, answer in answers.items():
            if node not in self.answers:
                for vm, target in answer.steps:
                    self.room.place(vm, target)
                self._keep(node, answer)

    # --- one node ------------------------------------------------------------------------------------

    def _insert(self, node: int) -> bool:
        """The cheapest answer for this node that fits beside the others."""
        self._tries += 1
        relief = self.reliefs[node]
        rows = [row for row in relief.rows.tolist() if row not in self.moved]
        if not rows:
            return False
        fits = dict(zip(rows, self.room.placeable(rows), strict=True))
        best = self._placed(relief, fits)
        otherwise = best is not None and self._dice.below(BLINK) == 0
        roomy = self._with_room_made(relief, fits, None if best is None else best.cost + self._slack * otherwise)
        best = roomy or best
        if best is None:
            return False
        for vm, target in best.steps:
            self.room.place(vm, target)
        self._keep(node, best)
        return True

    def _placed(self, relief: Relief, fits: dict[int, bool]) -> Answer | None:
        tried = 0
        for pattern in relief.pool:
            if self._dice.below(BLINK) and all(fits.get(vm, False) for vm in pattern.vms):
                steps = self._try(pattern.vms)
                if steps is not None:
                    return Answer(pattern.cost, steps)
                tried += 1
                if tried >= TRIED:
                    break
        allowed = np.flatnonzero([fits.get(row, False) for row in relief.rows.tolist()])
        last = relief.cheapest_of(allowed)
        if last is None:
            return None
        steps = self._try(last.vms)
        return None if steps is None else Answer(last.cost, steps)

    def _try(self, vms: Sequence[int]) -> tuple[Pair, ...] | None:
        """Where these VMs go, largest first, or ``None``; the room is as before."""
        own = self.room.vms
        steps: list[Pair] = []
        for vm in sorted(vms, key=lambda v: (-int(own.mib[v]), -int(own.vcpus[v]), v)):
            target = self.room.snuggest(vm)
            if target < 0:
                break
            self.room.place(vm, target)
            steps.append((vm, target))
        for vm, target in steps:
            self.room.place(vm, target, -1)
        return tuple(steps) if len(steps) == len(vms) else None

    def _with_room_made(self, relief: Relief, fits: dict[int, bool], below: int | None) -> Answer | None:
        """An answer in which one VM finds room only after another VM has left its target."""
        best: Answer | None = None
        limit = below
        tried = 0
        cheapest_move = int(self.costs.min())
        for pattern in relief.pool:
            if limit is not None and pattern.cost + cheapest_move >= limit:
                break
            large = [vm for vm in pattern.vms if not fits.get(vm, False)]
            if len(large) != 1 or large[0] in self.moved or large[0] not in fits:
                continue
            answer = self._make_room(pattern, large[0], limit)
            tried += 1
            if answer is not None:
                best, limit = answer, answer.cost
            if tried >= TRIED:
                break
        return best

    def _make_room(self, pattern: Pattern, large: int, limit: int | None) -> Answer | None:
        room, vms = self.room, self.room.vms
        source = int(vms.node[large])
        movers = self._all_movers()
        at = vms.node[movers]
        reach = room.open & room.nodes.compatible[room.nodes.kind[source], room.nodes.kind] & (room.count >= 0)
        ok = reach[at] & (at != source) & ~room.nodes.measured[at]
        ok &= room.vcpus[at] + vms.vcpus[movers] >= vms.vcpus[large]
        ok &= room.mib[at] + vms.mib[movers] >= vms.mib[large]
        able = movers[ok]
        tried = 0
        for mover in able[np.argsort(self.costs[able], kind="stable")].tolist():
            cost = pattern.cost + int(self.costs[mover])
            if (limit is not None and cost >= limit) or tried >= TRIED:
                break
            if mover in self.moved or mover in pattern.vms:
                continue
            tried += 1
            steps = self._try_after([mover], int(vms.node[mover]), large, pattern)
            if steps is not None:
                return Answer(cost, steps)
        return self._make_more_room(pattern, large, limit, reach)

    def _make_more_room(self, pattern: Pattern, large: int, limit: int | None, reach: Bools) -> Answer | None:
        """The same with several VMs that leave one target."""
        room, vms = self.room, self.room.vms
        lack_c = np.maximum(0, vms.vcpus[large] - room.vcpus)
        lack_m = np.maximum(0, vms.mib[large] - room.mib)
        lack = lack_c / float(vms.vcpus[large]) + lack_m / float(vms.mib[large])
        nodes = room.nodes
        hosts = np.flatnonzero(reach & ~nodes.overloaded & nodes.source & ~nodes.measured)
        hosts = hosts[hosts != vms.node[large]]
        best: Answer | None = None
        for host in hosts[np.argsort(lack[hosts], kind="stable")][:HOSTS].tolist():
            rows = np.arange(vms.start[host], vms.start[host + 1])
            rows = rows[[row not in self.moved for row in rows.tolist()]] if len(rows) else rows
            if not len(rows):
                continue
            rows = rows[room.placeable(rows.tolist())]
            lack_here = int(lack_c[host]), int(lack_m[host])
            found = cheapest(Case(vms.vcpus[rows], vms.mib[rows], self.costs[rows], *lack_here))
            if found is None or (limit is not None and pattern.cost + found[0] >= limit):
                continue
            steps = self._try_after(rows[found[1]].tolist(), host, large, pattern)
            if steps is not None:
                best = Answer(pattern.cost + found[0], steps)
                limit = best.cost
        return best

    def _try_after(self, movers: Sequence[int], host: int, large: int, pattern: Pattern) -> tuple[Pair, ...] | None:
        """Room made on the host by the movers, the large VM put there, then the others of the pattern."""
        room = self.room
        away = self._try(movers)
        if away is None:
            return None
        for vm, target in away:
            room.place(vm, target)
        steps: tuple[Pair, ...] | None = None
        if room.fits(large, host):
            room.place(large, host)
            rest = self._try([vm for vm in pattern.vms if vm != large])
            room.place(large, host, -1)
            if rest is not None:
                steps = (*away, (large, host), *rest)
        for vm, target in away:
            room.place(vm, target, -1)
        return steps

    def _all_movers(self) -> Ints:
        """VMs of nodes that are not overloaded."""
        if self._movers is None:
            calm = ~self.room.nodes.overloaded & self.room.nodes.source
            self._movers = np.flatnonzero(calm[self.room.vms.node])
        return self._movers
