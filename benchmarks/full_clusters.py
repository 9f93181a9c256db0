"""Full clusters of 5 to 16 nodes with affinity groups: the nodes that the planner clears, beside an exact model.

The exact model (CP-SAT) finds a placement of the VMs that leaves fewer nodes overloaded. Its moves are put in a legal
order (``exact/order.py``); a placement without one is forbidden, and the next one is asked for. It is asked only where
the planner leaves a node overloaded without a proof that it must stay so. If there is no such placement at all, no
plan clears more. The exact model has a minute.

    python -m benchmarks.full_clusters --seeds 64
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from balancer.formats import neutral
from balancer.groups import APART, TOGETHER, VMRule
from balancer.model import Recent, Snapshot
from balancer.planner import plan
from balancer.policy import COST_MOVES, OPTIMAL, Policy
from balancer.state import WorkingState
from balancer.strategies.exact.model import NO_LIMIT, ExactModel, build_model
from balancer.strategies.exact.order import order_of
from benchmarks import generate

NODES = (5, 16)
VMS_A_NODE = (4.0, 5.5)
FULL = (0.84, 0.94)
"""The allocated part of all thresholds together, for the fuller resource."""
SECONDS, WORKERS = 60.0, 1
"""The time of the exact model."""


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
    """The planner's result for one cluster."""

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


class Placements:
    """CP-SAT's model: where each VM is in the end, with the limits and the anti-affinity that ``ExactModel`` knows."""

    def __init__(self, model: ExactModel, left: int) -> None:
        """``left``: how many nodes may stay overloaded."""
        from ortools.sat.python import cp_model

        self._cp, self._of, self._solver = cp_model.CpModel(), model, cp_model.CpSolver()
        self._solved = (cp_model.OPTIMAL, cp_model.FEASIBLE)
        self._impossible = cp_model.INFEASIBLE
        self._goes = {(v, t): self._cp.new_bool_var("") for v, vm in enumerate(model.vms) for t in vm.targets}
        self._leaves = [self._cp.new_bool_var("") for _ in model.vms]
        for v, vm in enumerate(model.vms):
            self._cp.add(sum(self._goes[v, t] for t in vm.targets) == self._leaves[v])
        over = [stays for i in range(len(model.nodes)) if (stays := self._limits(i)) is not None]
        self._cp.add(sum(over) <= left)
        for group, members in model.members.items():
            for v in members:
                if group in model.vms[v].apart:
                    self._keeps_apart(v, [u for u in members if u != v], model.fixed[group])
        self._cp.minimize(sum(self._leaves))

    def best(self, seconds: float) -> tuple[str, int]:
        """``better`` and the moves of a plan; ``impossible``: there is none; ``unknown`` after so many seconds."""
        until = time.monotonic() + seconds
        while (rest := until - time.monotonic()) > 0:
            self._solver.parameters.max_time_in_seconds = rest
            self._solver.parameters.num_workers = WORKERS
            status = self._solver.solve(self._cp)
            if status == self._impossible:
                return "impossible", 0
            if status not in self._solved:
                break
            moves = [pair for pair, goes in self._goes.items() if self._solver.boolean_value(goes)]
            if order_of(self._of, moves) is not None:
                return "better", len(moves)
            self._cp.add(sum(self._goes[pair] for pair in moves) <= len(moves) - 1)
        return "unknown", 0

    def _limits(self, i: int) -> Any:
        """Whether the node stays overloaded; ``None`` = it is not overloaded now."""
        node, vms = self._of.nodes[i], self._of.vms
        come = [(v, goes) for (v, t), goes in self._goes.items() if t == i]
        gone = [(v, self._leaves[v]) for v, vm in enumerate(vms) if vm.home == i]
        takes = self._cp.new_bool_var("")
        stays = self._cp.new_bool_var("") if node.overloaded else None
        for _, goes in come:
            self._cp.add_implication(goes, takes)
        for cap, fill, now, size in (
            (node.cap_vcpus, node.fill_vcpus, node.vcpus, [vm.vcpus for vm in vms]),
            (node.cap_mib, node.fill_mib, node.mib, [vm.mib for vm in vms]),
        ):
            then = now - sum(size[v] * left for v, left in gone) + sum(size[v] * goes for v, goes in come)
            self._cp.add(then <= fill).only_enforce_if(takes)
            if stays is not None:
                self._cp.add(then <= cap).only_enforce_if(stays.negated())
        count = node.count - sum(left for _, left in gone) + sum(goes for _, goes in come)
        self._cp.add(count <= max(node.count, min(node.cap_count, NO_LIMIT))).only_enforce_if(takes)
        return stays

    def _keeps_apart(self, v: int, mates: Sequence[int], fixed: Sequence[int]) -> None:
        for t in self._of.vms[v].targets:
            if t in fixed:
                self._cp.add(self._goes[v, t] == 0)
            for u in mates:
                if self._of.vms[u].home == t:
                    self._cp.add_implication(self._goes[v, t], self._leaves[u])
                if (u, t) in self._goes:
                    self._cp.add(self._goes[v, t] + self._goes[u, t] <= 1)


def main() -> None:
    """Prints a line for each cluster and the sums."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=64)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    given = parser.parse_args()
    sums: Counter[str] = Counter()
    slowest = 0.0
    for seed in range(given.first, given.first + given.seeds):
        snapshot, policy = draw(seed)
        answer = ask(snapshot, policy)
        if not answer.overloaded:
            continue
        result = (
            "cleared" if not answer.left else "proven" if answer.proven else _exact(snapshot, policy, answer, given)
        )
        sums[result] += 1
        slowest = max(slowest, answer.seconds)
        print(
            f"{seed}: {len(snapshot.nodes)} nodes, {len(snapshot.vms)} VMs, {answer.overloaded} overloaded, "
            f"{answer.left} left after {answer.moves} moves in {answer.seconds:.2f} s: {result}",
            flush=True,
        )
    print(f"{sum(sums.values())} overloaded: {dict(sums)}; the slowest plan took {slowest:.2f} s of CPU")


def _exact(snapshot: Snapshot, policy: Policy, answer: Answer, given: argparse.Namespace) -> str:
    model = build_model(WorkingState(snapshot, policy, Recent()))
    found, moves = Placements(model, answer.left - 1).best(given.seconds)
    return f"{found} by the exact model" + (f" in {moves} moves" if moves else "")


if __name__ == "__main__":
    main()
