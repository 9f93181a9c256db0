"""The specification's algorithm, the starting point of the project. It is written for the benchmark alone.

Where the text leaves a choice: overloaded nodes worst first (the larger of load / threshold); "smallest" = vCPUs, then
memory; a VM that moved in this run is cooling down, so none moves twice; loads are computed again after every move;
ten moves a cycle, cycles until nothing changes. For thresholds other than 7.0 and 70 % the text's other
constants (target score 6.0, target memory 80 %, density 0.5) scale in proportion.

`python -m benchmarks.seed_greedy INSTANCE.json` prints the plan.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence

from benchmarks.instance import Instance, State

PER_CYCLE = 10
Pair = tuple[int, int, int]
"""VM, source, target, by position."""


class SeedGreedy:
    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.state = State(instance)
        self.score_limit = 6.0 / 7.0 * instance.cpu_limit
        self.memory_limit = min(100.0, 80.0 / 70.0 * instance.memory_limit)
        self.density = 0.5 * instance.cpu_limit / 7.0
        nodes = range(len(instance.cpus))
        self.queues: list[list[int]] = [[] for _ in nodes]
        for vm, home in enumerate(instance.home):
            if instance.movable[vm]:
                self.queues[home].append(vm)
        for queue in self.queues:
            queue.sort(key=lambda v: (instance.vcpus[v], instance.vm_mib[v], v))
        self.score = [self._score(n) for n in nodes]
        self.memory = [self.state.memory_percent(n) for n in nodes]

    def plan(self) -> list[Pair]:
        moves: list[Pair] = []
        while cycle := self._cycle():
            moves += cycle
        return moves

    def _cycle(self) -> list[Pair]:
        state, instance = self.state, self.instance

        def severity(node: int) -> float:
            return max(state.cpu_ratio(node) / instance.cpu_limit, state.memory_percent(node) / instance.memory_limit)

        results: list[Pair] = []
        for source in sorted(filter(state.overloaded, instance.active), key=lambda n: -severity(n)):
            for vm in list(self.queues[source]):
                if len(results) >= PER_CYCLE or not state.overloaded(source):
                    break
                target = self._target(vm, source)
                if target is not None:
                    results.append((vm, source, target))
                    self._move(vm, source, target)
        return results

    def _move(self, vm: int, source: int, target: int) -> None:
        self.queues[source].remove(vm)
        self.state.apply(vm, target)
        for node in (source, target):
            self.score[node], self.memory[node] = self._score(node), self.state.memory_percent(node)

    def _target(self, vm: int, source: int) -> int | None:
        """The lowest score, then the lowest memory, of the nodes that stay below the thresholds."""
        of, state = self.instance, self.state
        best, best_rank = None, (float("inf"), 0.0)
        for node, is_open in enumerate(of.open):
            rank = (self.score[node], self.memory[node])
            if node == source or not is_open or rank >= best_rank:
                continue
            if rank[0] >= self.score_limit or rank[1] >= self.memory_limit:
                continue
            if of.vm_limit[node] and state.count[node] >= of.vm_limit[node]:
                continue
            if (state.vcpus[node] + of.vcpus[vm]) / of.cpus[node] >= of.cpu_limit:
                continue
            if rank[1] + 100.0 * of.vm_mib[vm] / of.memory_mib[node] >= of.memory_limit:
                continue
            if of.qemu[node] >= of.qemu[source]:
                best, best_rank = node, rank
        return best

    def _score(self, node: int) -> float:
        density = min(self.state.count[node] / self.instance.cpus[node], 2.0)
        return self.state.cpu_ratio(node) + density * self.density


def named(instance: Instance, moves: Sequence[Pair]) -> list[dict[str, object]]:
    """The moves by the ids of the file."""
    vms, nodes = instance.vm_ids, instance.node_ids
    return [{"vm": vms[v], "from": nodes[s], "to": nodes[t]} for v, s, t in moves]


def main(path: str) -> None:
    instance = Instance.read(path)
    started = time.perf_counter()
    moves = SeedGreedy(instance).plan()
    seconds = time.perf_counter() - started
    json.dump(named(instance, moves), sys.stdout)
    print(f"#STATS {json.dumps({'plan_s': seconds})}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1])
