"""Full clusters of 5 to 16 nodes with affinity groups: what the planner clears, beside an exact model with a minute.

The exact model (CP-SAT) places the VMs and orders their moves: each VM moves at most once, and no move overfills its
target or breaks a group when its turn comes. It is asked only where the planner leaves a node overloaded that is not
proven to stay so.

    python -m benchmarks.full_clusters --seeds 64
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from balancer.formats import neutral
from balancer.groups import APART, TOGETHER, VMRule
from balancer.model import Recent, Snapshot
from balancer.planner import plan
from balancer.policy import COST_MOVES, OPTIMAL, Policy
from balancer.state import WorkingState
from balancer.strategies.exact.model import ExactModel, build_model
from benchmarks import generate

NODES = (5, 16)
VMS_A_NODE = (4.0, 5.5)
FULL = (0.84, 0.94)
"""How much of all thresholds together is allocated, of the resource that is fuller."""
SECONDS, WORKERS = 60.0, 1
"""For the exact model."""


def draw(seed: int) -> tuple[Snapshot, Policy]:
    """A cluster that is nearly full, some nodes above their thresholds, with two to five groups."""
    rng = random.Random(f"full-{seed}")
    nodes = rng.randint(*NODES)
    vms = round(nodes * rng.uniform(*VMS_A_NODE))
    case = neutral.read(generate.generate(nodes, vms, "tight", seed), max_moves=0)
    snapshot = _filled(case.snapshot, case.policy, rng.uniform(*FULL))
    ids = [vm.id for vm in snapshot.vms]
    rules = tuple(
        VMRule(rng.choice((APART, APART, TOGETHER)), f"group-{k}", vm_ids=tuple(rng.sample(ids, rng.randint(2, 4))))
        for k in range(rng.randint(2, 5))
    )
    return snapshot, replace(case.policy, strategy=OPTIMAL, optimize_for=COST_MOVES, rules=rules)


def _filled(snapshot: Snapshot, policy: Policy, full: float) -> Snapshot:
    """The same cluster with smaller or larger nodes, so that this part of the thresholds is allocated."""
    cpus = sum(node.cpus or 0 for node in snapshot.nodes) * policy.cpu_overload_ratio
    mib = sum(node.memory_mib or 0 for node in snapshot.nodes) * policy.memory_overload_percent / 100
    vcpus = sum(node.vcpus_allocated or 0 for node in snapshot.nodes)
    allocated = sum(node.memory_allocated_mib or 0 for node in snapshot.nodes)
    scale = max(vcpus / cpus, allocated / mib) / full
    nodes = [
        replace(
            node,
            cpus=max(1, round((node.cpus or 0) * scale)),
            memory_mib=max(1024, round((node.memory_mib or 0) * scale)),
        )
        for node in snapshot.nodes
    ]
    return replace(snapshot, nodes=tuple(nodes))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the planner did with one cluster."""

    overloaded: int
    left: int
    moves: int
    proven: bool
    seconds: float


def ask(snapshot: Snapshot, policy: Policy) -> Answer:
    """The planner's answer."""
    started = time.process_time()
    made = plan(snapshot, policy)
    seconds = time.process_time() - started
    proven = made.bound is not None and made.bound.optimal
    left = made.overloaded_after_all if made.overloaded_after_all is not None else made.overloaded_after
    return Answer(len(made.overloaded), len(left), made.total_moves, proven, seconds)


class Ordered:
    """CP-SAT's model of a cluster: where each VM goes, and in which order, with the rules that ExactModel knows."""

    def __init__(self, model: ExactModel, left: int) -> None:
        """``left``: how many nodes may stay overloaded."""
        from ortools.sat.python import cp_model

        self._cp, self._of = cp_model.CpModel(), model
        self._solver = cp_model.CpSolver()
        self._solved = (cp_model.OPTIMAL, cp_model.FEASIBLE)
        vms = range(len(model.vms))
        self._goes = {(v, t): self._cp.new_bool_var("") for v in vms for t in model.vms[v].targets}
        self._leaves = [self._cp.new_bool_var("") for _ in vms]
        self._place = [self._cp.new_int_var(0, max(0, len(vms) - 1), "") for _ in vms]
        self._first: dict[tuple[int, int], Any] = {}
        for v in vms:
            self._cp.add(sum(self._goes[v, t] for t in model.vms[v].targets) == self._leaves[v])
        for v, t in self._goes:
            self._fits(v, t)
        for group, members in model.members.items():
            for v in members:
                if group in model.vms[v].together:
                    self._keeps_together(v, group, members)
        self._clears(left)

    def solve(self, seconds: float) -> list[tuple[int, int]] | None:
        """The moves in order, VM and target; ``None`` = none was found in that time."""
        self._solver.parameters.max_time_in_seconds = seconds
        self._solver.parameters.num_workers = WORKERS
        if self._solver.solve(self._cp) not in self._solved:
            return None
        moves = [pair for pair, goes in self._goes.items() if self._solver.boolean_value(goes)]
        return sorted(moves, key=lambda pair: self._solver.value(self._place[pair[0]]))

    def _before(self, u: int, v: int) -> Any:
        """Whether VM u leaves before VM v does."""
        if (u, v) not in self._first:
            first = self._cp.new_bool_var("")
            self._first[u, v], self._first[v, u] = first, first.negated()
            self._cp.add(self._place[u] < self._place[v]).only_enforce_if(first)
            self._cp.add(self._place[u] > self._place[v]).only_enforce_if(first.negated())
        return self._first[u, v]

    def _both(self, one: Any, other: Any) -> Any:
        both = self._cp.new_bool_var("")
        self._cp.add_bool_and(one, other).only_enforce_if(both)
        self._cp.add_bool_or(one.negated(), other.negated(), both)
        return both

    def _changes(self, v: int, node: int) -> tuple[list[tuple[int, Any]], list[tuple[int, Any]]]:
        """VMs that have left the node, and those that have come to it, when the turn of VM v comes."""
        others = [u for u in range(len(self._of.vms)) if u != v]
        gone = [(u, self._both(self._leaves[u], self._before(u, v))) for u in others if self._of.vms[u].home == node]
        come = [(u, self._both(self._goes[u, node], self._before(u, v))) for u in others if (u, node) in self._goes]
        return gone, come

    def _fits(self, v: int, t: int) -> None:
        node, vms, goes = self._of.nodes[t], self._of.vms, self._goes[v, t]
        gone, come = self._changes(v, t)
        for most, now, size in (
            (node.fill_vcpus, node.vcpus, [vm.vcpus for vm in vms]),
            (node.fill_mib, node.mib, [vm.mib for vm in vms]),
            (min(node.cap_count, 10_000), node.count, [1] * len(vms)),
        ):
            then = now - sum(size[u] * is_gone for u, is_gone in gone) + sum(size[u] * came for u, came in come)
            self._cp.add(then + size[v] <= most).only_enforce_if(goes)
        for group in vms[v].apart:
            members = self._of.members[group]
            if t in self._of.fixed[group]:
                self._cp.add(goes == 0)
            for u, is_gone in gone:
                if u in members:
                    self._cp.add_implication(goes, is_gone)
            for u, came in come:
                if u in members:
                    self._cp.add_implication(goes, came.negated())

    def _keeps_together(self, v: int, group: int, members: Sequence[int]) -> None:
        """The VM leaves mates only for a node with more of them."""
        home, fixed = self._of.vms[v].home, self._of.fixed[group]

        def mates(node: int) -> Any:
            gone, come = self._changes(v, node)
            there = fixed.count(node) + sum(1 for u in members if u != v and self._of.vms[u].home == node)
            left = sum(is_gone for u, is_gone in gone if u in members)
            return there - left + sum(came for u, came in come if u in members)

        alone = self._cp.new_bool_var("")
        here = mates(home)
        self._cp.add(here == 0).only_enforce_if(alone)
        for t in self._of.vms[v].targets:
            self._cp.add(mates(t) >= here + 1).only_enforce_if(self._goes[v, t], alone.negated())

    def _clears(self, left: int) -> None:
        over = []
        for i, node in enumerate(self._of.nodes):
            if not node.overloaded:
                continue
            stays = self._cp.new_bool_var("")
            over.append(stays)
            for most, now, size in (
                (node.cap_vcpus, node.vcpus, [vm.vcpus for vm in self._of.vms]),
                (node.cap_mib, node.mib, [vm.mib for vm in self._of.vms]),
            ):
                gone = sum(size[v] * self._leaves[v] for v in range(len(size)) if self._of.vms[v].home == i)
                come = sum(size[v] * goes for (v, t), goes in self._goes.items() if t == i)
                self._cp.add(now - gone + come <= most).only_enforce_if(stays.negated())
        self._cp.add(sum(over) <= left)


def main() -> None:
    """Prints a line for each cluster and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    reached = asked = cleared = proven = 0
    slowest = 0.0
    for seed in range(given.first, given.first + given.seeds):
        snapshot, policy = draw(seed)
        answer = ask(snapshot, policy)
        if not answer.overloaded:
            continue
        asked += 1
        cleared += not answer.left
        proven += answer.proven
        slowest = max(slowest, answer.seconds)
        better = None if answer.proven or not answer.left else _exact(snapshot, policy, answer.left, given.seconds)
        reached += better is None
        print(
            f"{seed}: {len(snapshot.nodes)} nodes, {len(snapshot.vms)} VMs, {answer.overloaded} overloaded, "
            f"{answer.left} left after {answer.moves} moves in {answer.seconds:.2f} s"
            + (", proven" if answer.proven else "")
            + (f"; the exact model leaves {better[0]} after {better[1]}" if better else ""),
            flush=True,
        )
    print(
        f"{asked} overloaded, {cleared} cleared, {proven} proven, {reached} as good as the exact model: {slowest:.2f} s"
    )


def _exact(snapshot: Snapshot, policy: Policy, left: int, seconds: float) -> tuple[int, int] | None:
    """What the exact model leaves overloaded and its moves, where it is better than ``left``."""
    model = build_model(WorkingState(snapshot, policy, Recent()))
    best, until = None, time.monotonic() + seconds
    while left > 0 and (moves := Ordered(model, left - 1).solve(max(1.0, until - time.monotonic()))) is not None:
        left -= 1
        best = left, len(moves)
    return best


if __name__ == "__main__":
    main()
