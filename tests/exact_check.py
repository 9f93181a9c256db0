"""Compares plans and proofs with all possible plans, over many random clusters: `python tests/exact_check.py 0 30000`.

Prints each cluster where the planner is wrong, and the sums. `make thorough` runs the same check.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable

from exact_oracle import Best, Oracle, draw_cluster

from balancer.model import Move, Recent
from balancer.planner import plan
from balancer.state import WorkingState
from balancer.strategies.exact.model import build_model
from balancer.strategies.exact.search import Value
from balancer.strategies.exact.solve import improve

FAULTS = ("worse", "illegal", "false proof", "bound too high", "search worse", "search: false proof")


def replay(moves: Iterable[tuple[int, int, int]], oracle: Oracle) -> Best | None:
    """The value after these moves (VM, source, target); ``None`` = a move is illegal, or a VM moves twice."""
    places, cost = oracle.home, 0
    row = {v.id: k for k, v in enumerate(oracle.vms)}
    for vm_id, source, target in moves:
        k = row[vm_id]
        if places[k] != source or source != oracle.home[k] or not oracle.legal(places, k, target):
            return None
        places = (*places[:k], target, *places[k + 1 :])
        cost += oracle.cost(oracle.vms[k])
    return oracle.value(places, cost)


def check(seed: int, nodes: int = 4, vms: int = 6) -> Counter[str]:
    """The facts about the plan and about the exact search for this cluster, each counted once."""
    seen, policy = draw_cluster(seed, nodes, vms)
    new_plan = plan(seen, policy)
    if not new_plan.overloaded:
        return Counter({"not overloaded": 1})
    oracle = Oracle(seen, policy, hops=False)
    best, twice = oracle.best(), Oracle(seen, policy, hops=True).best()
    value = replay([_ids(move) for move in new_plan.moves], oracle)
    counts = Counter({"overloaded": 1, "illegal": value is None, "worse": value is not None and value > best})
    bound = new_plan.bound
    if bound is not None and value is not None:
        counts["proven"] = counts["false proof"] = bound.optimal
        counts["false proof"] &= value > best
        if policy.goal == "moves" and value.left == twice.left and bound.moves is not None:
            counts["bound too high"] = bound.moves > twice.cost // 10**9
    return counts + _search(seed, nodes, vms, best, twice)


def _search(seed: int, nodes: int, vms: int, best: Best, twice: Best) -> Counter[str]:
    """The same for a search without a known plan and without the short search before it."""
    seen, policy = draw_cluster(seed, nodes, vms)
    model = build_model(WorkingState(seen, policy, Recent()))
    over = [node for node in model.nodes if node.overloaded]
    nothing = Value(len(over), round(sum(node.excess(node.vcpus, node.mib) for node in over), 9), 0)
    result = improve(model, nothing)
    oracle = Oracle(seen, policy, hops=False)
    moves = [
        (model.vms[row].candidate.vm.id, model.nodes[model.vms[row].home].node_id, model.nodes[target].node_id)
        for row, target in result.moves or []
    ]
    value = replay(moves, oracle)
    counts = Counter({"illegal": value is None})
    if value is not None:
        counts["search: proven"] = result.proven
        counts["search worse"] = result.proven and value > best
        counts["search: false proof"] = result.proven_for_all and value > twice
    return counts


def _ids(move: Move) -> tuple[int, int, int]:
    return move.vm_id, move.source_id, move.target_id


def main(first: int, last: int) -> int:
    """Returns exit code 1 if a plan or a proof is wrong."""
    total: Counter[str] = Counter()
    for seed in range(first, last):
        counts = check(seed)
        if faults := [fault for fault in FAULTS if counts[fault]]:
            sys.stdout.write(f"cluster {seed}: {', '.join(faults)}\n")
        total += counts
    names = [*FAULTS, *sorted(set(total) - set(FAULTS))]
    sys.stdout.write(", ".join(f"{name}: {total[name]}" for name in names) + "\n")
    return int(any(total[fault] for fault in FAULTS))


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]), int(sys.argv[2])))
