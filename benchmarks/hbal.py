"""Ganeti's hbal (Debian package ganeti-htools) as a planner of neutral instances. README.md describes the mapping.

`python -m benchmarks.hbal INSTANCE.json [--groups G] [--focus] [--until-clear] [--timeout S] [--jobs N]` prints
`{"moves": [...], "clear_moves": [...]}`: all of its steps, and those until nothing is overloaded (hbal has no such
objective; the adapter watches its steps). Seconds are given as they passed and as the sum over the groups.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.instance import Instance, State
from benchmarks.seed_greedy import named

PROGRAM = "hbal"
TIMEOUT, NOT_STARTED = "stopped by time", "not started"
STEP = re.compile(r"^\s*\d+\.\s+v(\d+)\s+n(\d+)\s+=>\s+n(\d+)\s+([-\d.e]+)\s")
TO_THE_END = ("-g", "0", "--min-gain-limit", "0", "-e", "1e-9")
"""Makes hbal go to the local optimum; by default it stops if a move gains less than 0.01 below a score of 0.1."""
# Sizes are no limit; the group's CPU limit is hbal's own vcpu-ratio.
_POLICY = "128,1,0,1,1,1|1,1,0,1,1,1;999999999,99999999,1048576,16,8,999999|ext|{cpu}|1000000.0"


def available() -> bool:
    return shutil.which(PROGRAM) is not None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of hbal's solution: after ``seconds`` of its group, with ``score`` and overloaded nodes then left."""

    seconds: float
    vm: int
    source: int
    target: int
    score: float
    overloaded: int

    @property
    def pair(self) -> tuple[int, int, int]:
        return self.vm, self.source, self.target


@dataclass(slots=True)
class Group:
    """The result of hbal for one node group."""

    nodes: list[int]
    overloaded: int
    steps: list[Step] = field(default_factory=list)
    seconds: float = 0.0
    rss_mib: float = 0.0
    end: str = NOT_STARTED

    @property
    def clearing(self) -> list[Step]:
        """The shortest beginning that reaches the fewest overloaded nodes of all."""
        best = min((s.overloaded for s in self.steps), default=self.overloaded)
        if best >= self.overloaded:
            return []
        return self.steps[: next(i for i, s in enumerate(self.steps) if s.overloaded == best) + 1]


def reserve_mib(instance: Instance, node: int) -> int:
    """The memory declared as used by the node itself, so that hbal's free memory ends at the threshold.

    One MiB is added, because hbal refuses a target without free memory.
    """
    allowed = int(instance.memory_mib[node] * instance.memory_limit / 100.0 + 1e-6)
    return instance.base_mib[node] + instance.memory_mib[node] - allowed - 1


def text(instance: Instance, state: State, nodes: Collection[int], movable: Callable[[int], bool]) -> str:
    """The cluster in hbal's text format, of these nodes and the VMs on them."""
    keep = set(nodes)
    of, qemu = instance, sorted(set(instance.qemu))
    closed = [n for n in nodes if not of.open[n] or (of.vm_limit[n] and state.count[n] >= of.vm_limit[n])]
    lines = ["g|uuid-g|preferred||", ""]
    for position, n in enumerate(nodes):
        # A move needs all migration tags of the source on the target: the QEMU versions it can read, and
        # one tag of each closed node that every node but the closed ones carries.
        tags = [f"q:{i}" for i, q in enumerate(qemu) if q <= of.qemu[n]]
        tags += [f"open:c{n}"] if n in closed else ["open:y", *(f"open:c{c}" for c in closed)]
        held = reserve_mib(of, n)
        free = of.memory_mib[n] - held - (state.used_mib[n] - of.base_mib[n])
        role = "N" if position else "M"
        lines.append(
            f"n{n}|{of.memory_mib[n]}|{held}|{free}|1000000|1000000|{of.cpus[n]}|{role}|uuid-g|1|"
            f"{','.join(tags)}|N|0|0|1.0"
        )
    lines.append("")
    for vm, n in enumerate(state.place):
        if n in keep:
            mark = "Y" if movable(vm) else "N"
            lines.append(f"v{vm}|{of.vm_mib[vm]}|0|{of.vcpus[vm]}|running|{mark}|n{n}||ext||1|-")
    policy = _POLICY.format(cpu=of.cpu_limit)
    lines += ["", "htools:migration:q", "htools:migration:open", "", f"|{policy}", f"g|{policy}"]
    return "\n".join(lines) + "\n"


def run(
    data: str, on_step: Callable[[int, int, int, float], bool], options: Sequence[str], timeout_s: float
) -> tuple[str, float]:
    """One run; ``on_step(vm, source, target, score)`` ends it early with ``True``. How it ended, and peak MiB."""
    ended = "local optimum"
    late = threading.Event()
    with tempfile.TemporaryDirectory(prefix="bench-hbal-") as folder:
        path = Path(folder) / "cluster.data"
        path.write_text(data, "ascii")
        command = [PROGRAM, "-t", str(path), "--ignore-dynu", *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:

            def stop() -> None:
                late.set()
                child.kill()

            timer = threading.Timer(max(0.1, timeout_s), stop)
            timer.start()
            assert child.stdout is not None
            for line in child.stdout:
                matches = STEP.match(line)
                if matches and on_step(int(matches[1]), int(matches[2]), int(matches[3]), float(matches[4])):
                    ended = "cleared"
                    child.kill()
                    break
            timer.cancel()
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            assert child.stderr is not None
            if late.is_set():
                ended = TIMEOUT
            elif child.returncode and ended != "cleared":
                raise RuntimeError(f"{PROGRAM} failed: {child.stderr.read()[-300:]}")
    return ended, usage.ru_maxrss / 1024


def split(state: State, size: int) -> list[list[int]]:
    """Groups of at most ``size`` nodes, dealt by load so that each is a fair sample: a favour to hbal."""
    active, of = state.instance.active, state.instance
    if not size or len(active) <= size:
        return [active]
    groups: list[list[int]] = [[] for _ in range(-(-len(active) // size))]
    order = sorted(
        active, key=lambda n: -(state.cpu_ratio(n) / of.cpu_limit + state.memory_percent(n) / of.memory_limit)
    )
    for position, node in enumerate(order):
        row, column = divmod(position, len(groups))
        groups[column if row % 2 == 0 else len(groups) - 1 - column].append(node)
    return [sorted(group) for group in groups]


def plan_group(instance: Instance, group: Group, *, focus: bool, until_clear: bool, timeout_s: float) -> None:
    state = State(instance)
    over = {n for n in group.nodes if state.overloaded(n)}
    first = frozenset(over)
    if until_clear and not over:
        group.end = "nothing to do"
        return
    started = time.perf_counter()

    def on_step(vm: int, source: int, target: int, score: float) -> bool:
        state.apply(vm, target)
        for node in (source, target):
            (over.add if state.overloaded(node) else over.discard)(node)
        group.steps.append(Step(time.perf_counter() - started, vm, source, target, score, len(over)))
        return until_clear and not over

    data = text(
        instance, state, group.nodes, lambda v: instance.movable[v] and (not focus or instance.home[v] in first)
    )
    group.end, group.rss_mib = run(data, on_step, TO_THE_END, timeout_s)
    group.seconds = time.perf_counter() - started


def interleaved(groups: Sequence[Group]) -> list[Step]:
    """The steps of all groups, the best gain of the score first; the order inside a group stays.

    Ends where it would need the next step of a group that ran out of time.
    """
    heap: list[tuple[float, int, int]] = []

    def push(number: int, position: int) -> None:
        steps = groups[number].steps
        if position < len(steps):
            gain = steps[position - 1].score - steps[position].score if position else 1e9
            heapq.heappush(heap, (-gain, number, position))

    for number in range(len(groups)):
        push(number, 0)
    order: list[Step] = []
    taken = [0] * len(groups)
    while heap and not any(cut_off(group, done) for group, done in zip(groups, taken, strict=True)):
        _, number, position = heapq.heappop(heap)
        order.append(groups[number].steps[position])
        taken[number] = position + 1
        push(number, position + 1)
    return order


def cut_off(group: Group, taken: int) -> bool:
    return group.end in (TIMEOUT, NOT_STARTED) and taken == len(group.steps)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hbal", description=__doc__)
    parser.add_argument("instance")
    parser.add_argument("--groups", type=int, default=0)
    parser.add_argument("--focus", action="store_true", help="only VMs of overloaded nodes may move")
    parser.add_argument("--until-clear", action="store_true")
    parser.add_argument("--timeout", type=float, default=600.0)
    parser.add_argument("--jobs", type=int, default=1)
    given = parser.parse_args(arguments)
    instance = Instance.read(given.instance)
    state = State(instance)
    started = time.perf_counter()
    groups = [Group(nodes, sum(map(state.overloaded, nodes))) for nodes in split(state, given.groups)]

    # Each group gets its share of the time: the joint list is valid until one of them has run out.
    share = given.timeout * min(given.jobs, len(groups)) / len(groups)

    def work(group: Group) -> None:
        left = given.timeout - (time.perf_counter() - started) if given.until_clear else share
        if left > 0.1:
            plan_group(instance, group, focus=given.focus, until_clear=given.until_clear, timeout_s=left)

    with ThreadPoolExecutor(given.jobs) as pool:
        list(pool.map(work, groups))
    wall = time.perf_counter() - started
    clearing = [group.clearing for group in groups]
    steps = interleaved(groups) if len(groups) > 1 else groups[0].steps
    document = {
        "moves": named(instance, [s.pair for s in steps]),
        "clear_moves": named(instance, [s.pair for part in clearing for s in part]),
    }
    stats = {
        "plan_s": sum(g.seconds for g in groups),
        "wall_s": wall,
        "clear_s": sum(part[-1].seconds if part else g.seconds for part, g in zip(clearing, groups, strict=True)),
        "rss_mib": max(g.rss_mib for g in groups),
        "groups": len(groups),
        "ends": sorted({g.end for g in groups}),
        "first_move_s": min((g.steps[0].seconds for g in groups if g.steps), default=None),
    }
    json.dump(document, sys.stdout)
    print(f"#STATS {json.dumps(stats)}", file=sys.stderr)


if __name__ == "__main__":
    main()
