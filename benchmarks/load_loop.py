"""Planners over days on a cluster whose VMs carry loads of their own: by shares, or by the load of each VM.

A check every ten minutes, one move a check, one migration at a time, as the program does by default. A move is *hollow*
where the VM takes less than a quarter of the promised load off its node in the ten minutes after it.

Planning by shares assumes that a VM causes a part of its node's load in proportion to its vCPUs.

`python -m benchmarks.load_loop [--quick] [--loads FILE] [--seed N]` prints the tables.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from balancer.model import Move, Recent
from balancer.moves import relieves_its_source
from balancer.planner import plan
from balancer.policy import ADAPTIVE, BALANCE, OPTIMAL, SMALLEST_FIRST, Policy
from benchmarks import load_traces
from benchmarks.churn import BITS_PER_MIB, Habits
from benchmarks.demands import Demand, demands_table
from benchmarks.load_world import HOUR, NOW, SHARES, STEPS_A_CHECK, LoadWorld, build
from benchmarks.tables import seconds, table

NOTHING = "nothing"
STRATEGIES = (SMALLEST_FIRST, OPTIMAL, ADAPTIVE)
SOURCES = (SHARES, NOW, HOUR)
STEPS_AFTER = 2
"""The ten minutes after a migration, in which the VM's load is compared with the promise."""
HOLLOW = 0.25
DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class LoadScene:
    """One cluster for some days. ``traces``: the file; ``None`` = drawn traces."""

    nodes: int
    vms: int
    days: float
    seed: int = 1
    traces: Path | None = None


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """One row: the results of one strategy in one scene."""

    scene: str
    seed: int
    strategy: str
    source: str
    overloaded_percent: float
    moves: int
    gib: float
    hollow: int
    """How many of the moves that relieve their source are hollow."""
    relieving: int
    errors: tuple[float, ...]
    """For each of these moves: the difference between promised and removed load, as a part of the promise."""
    returned: int
    plan_s: float
    """Mean over the plans of checks that saw an overload; ``slowest_s``: the longest."""
    slowest_s: float


@dataclass(slots=True)
class _Migration:
    vm: int
    move: Move
    ends_s: float


@dataclass(slots=True)
class _Account:
    overloaded: float = 0.0
    moves: list[tuple[Move, float, int]] = field(default_factory=list)
    """The move, what it promised in CPUs (0: it relieves nothing), and the first step after it."""
    gib: float = 0.0
    returned: int = 0
    seconds: list[float] = field(default_factory=list)


def simulate(scene: LoadScene, strategy: str, source: str) -> LoadOutcome:
    """Simulates one scene with one strategy."""
    traces = load_traces.drawn(scene.days) if scene.traces is None else load_traces.read(scene.traces)
    world = build(traces, nodes=scene.nodes, vms=scene.vms, days=scene.days, seed=scene.seed)
    policy = None if strategy == NOTHING else Policy(strategy=strategy)
    loop = _Loop(world, policy, source)
    first, last = world.step, world.demand.shape[1]
    while world.step < last:
        loop.step((world.step - first) % STEPS_A_CHECK == 0)
    return _outcome((scene, strategy, source), world, loop.account, last - first)


class _Loop:
    """The clock: steps of the traces, a check every other one, and the one migration that runs."""

    def __init__(self, world: LoadWorld, policy: Policy | None, source: str) -> None:
        self.world, self.account = world, _Account()
        self._policy, self._source = policy, source
        self._running: _Migration | None = None
        self._migrated: dict[int, datetime] = {}
        self._left: dict[tuple[int, int], float] = {}
        self._habits = Habits()

    def step(self, check: bool) -> None:
        """One step of the traces, with a check before it."""
        world, now_s = self.world, self.world.step * load_traces.STEP_S
        if check and self._policy is not None and self._running is None:
            self._check(self._policy, now_s)
        part = 0.0
        while self._running is not None and self._running.ends_s <= now_s + load_traces.STEP_S:
            until = max(0.0, (self._running.ends_s - now_s) / load_traces.STEP_S)
            self.account.overloaded += (until - part) * world.overloaded(world.step)
            part = until
            self._end(self._running)
        self.account.overloaded += (1 - part) * world.overloaded(world.step)
        world.pass_step()

    def _check(self, policy: Policy, now_s: float) -> None:
        started = time.perf_counter()
        new_plan = plan(self.world.snapshot(self._source), policy, self._recent(now_s))
        if new_plan.overloaded:
            self.account.seconds.append(time.perf_counter() - started)
        for move in new_plan.moves[:1]:
            copying = move.memory_mib * BITS_PER_MIB / (self._habits.bandwidth_mbit * 1e6)
            self._running = _Migration(move.vm_id, move, now_s + self._habits.overhead_s + copying)

    def _recent(self, now_s: float) -> Recent:
        left: dict[int, frozenset[int]] = {}
        for (vm, node), at in self._left.items():
            if now_s - at < DAY_S:
                left[vm] = left.get(vm, frozenset()) | {node}
        return Recent(dict(self._migrated), left=left)

    def _end(self, migration: _Migration) -> None:
        world, move, account = self.world, migration.move, self.account
        self._running = None
        world.move(migration.vm, move.target_id)
        back = self._left.get((migration.vm, move.target_id))
        account.returned += back is not None and migration.ends_s - back < DAY_S
        self._left[migration.vm, move.source_id] = migration.ends_s
        self._migrated[migration.vm] = world.now
        cpus = world.nodes[move.source_id].cpus or 1
        before, after = move.source_before.cpu_load or 0.0, move.source_after.cpu_load or 0.0
        promised = (before - after) * cpus if relieves_its_source(move) else 0.0
        account.moves.append((move, promised, world.step + 1))
        account.gib += move.memory_mib / 1024


def _outcome(case: tuple[LoadScene, str, str], world: LoadWorld, account: _Account, steps: int) -> LoadOutcome:
    scene, strategy, source = case
    pairs = [
        (promised, float(world.demand[move.vm_id, first : first + STEPS_AFTER].mean()))
        for move, promised, first in account.moves
        if promised > 0 and first + STEPS_AFTER <= world.demand.shape[1]
    ]
    errors = [abs(brought / promised - 1) for promised, brought in pairs]
    return LoadOutcome(
        scene=f"{scene.nodes} nodes, {scene.vms} VMs, {scene.days:g} days",
        seed=scene.seed,
        strategy=strategy,
        source=source,
        overloaded_percent=100 * account.overloaded / (steps * len(world.nodes)),
        moves=len(account.moves),
        gib=account.gib,
        hollow=sum(brought < HOLLOW * promised for promised, brought in pairs),
        relieving=len(pairs),
        errors=tuple(round(error, 3) for error in errors),
        returned=account.returned,
        plan_s=float(np.mean(account.seconds)) if account.seconds else 0.0,
        slowest_s=max(account.seconds, default=0.0),
    )


def cases(scenes: Sequence[LoadScene]) -> Iterator[tuple[LoadScene, str, str]]:
    """Every strategy with every source, in every scene; `balance`, which always plans, in the first one only."""
    for scene in scenes:
        yield scene, NOTHING, SHARES
        for strategy in (*STRATEGIES, BALANCE) if scene is scenes[0] else STRATEGIES:
            for source in SOURCES:
                yield scene, strategy, source


def scenes(traces: Path | None, *, quick: bool = False) -> list[LoadScene]:
    """The scenes of a run. ``quick``: a quarter of a day of a small cluster."""
    if quick:
        return [LoadScene(8, 250, 0.25, 3, traces)]
    return [LoadScene(24, 800, 1.0, seed, traces) for seed in (1, 2, 3)] + [LoadScene(32, 1000, 1.0, 4, traces)]


def run(given: Sequence[LoadScene], jobs: int | None = None) -> list[dict[str, Any]]:
    """One record for each case, in the order of ``cases``; as many at once as there are processors."""
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        return [asdict(outcome) for outcome in pool.map(_simulate, cases(given))]


def _simulate(case: tuple[LoadScene, str, str]) -> LoadOutcome:
    return simulate(*case)


Record = Mapping[str, Any]


def load_table(records: Sequence[Record]) -> list[str]:
    """As Markdown: of each strategy and source the means over the scenes."""
    head = (
        "strategy",
        "by",
        "overloaded",
        "moves",
        "GiB",
        "hollow",
        "P90 error",
        "back in a day",
        "planning s",
        "longest",
    )
    return table(head, [_row(own) for own in _grouped(records)])


def _row(own: Sequence[Record]) -> tuple[object, ...]:
    first, relieving = own[0], sum(r["relieving"] for r in own)
    name = first["strategy"] + (" (first cluster only)" if first["strategy"] == BALANCE else "")
    if first["strategy"] == NOTHING:
        return name, "", f"{_mean(own, 'overloaded_percent'):.2f} %", "", "", "", "", "", "", ""
    return (
        name,
        first["source"],
        f"{_mean(own, 'overloaded_percent'):.2f} %",
        f"{_mean(own, 'moves'):.0f}",
        f"{_mean(own, 'gib'):.0f}",
        f"{sum(r['hollow'] for r in own)} of {relieving}",
        f"{_p90(own):.0%}",
        sum(r["returned"] for r in own),
        seconds(_mean(own, "plan_s")),
        seconds(max(r["slowest_s"] for r in own)),
    )


def _grouped(records: Sequence[Record]) -> list[list[Record]]:
    groups: dict[tuple[str, str], list[Record]] = {}
    for record in records:
        groups.setdefault((record["strategy"], record["source"]), []).append(record)
    return list(groups.values())


def _mean(own: Sequence[Record], figure: str) -> float:
    return sum(float(r[figure]) for r in own) / len(own)


def _p90(own: Sequence[Record]) -> float:
    errors = [error for r in own for error in r["errors"]]
    return float(np.quantile(errors, 0.9)) if errors else 0.0


LESS_OVERLOAD, FEWER_GIB, MOST_HOLLOW, MOST_ERROR = 0.25, 0.40, 0.03, 0.20


def load_demands(records: Sequence[Record]) -> Iterator[Demand]:
    """The demands on the program's default, by the load of the last hour, beside the best rule by shares."""
    groups = [own for own in _grouped(records) if own[0]["strategy"] not in (NOTHING, BALANCE)]
    mine = next(own for own in groups if (own[0]["strategy"], own[0]["source"]) == (ADAPTIVE, HOUR))
    best = min((own for own in groups if own[0]["source"] == SHARES), key=lambda own: _mean(own, "overloaded_percent"))
    name = f"{ADAPTIVE} by own loads, beside the best rule by shares ({best[0]['strategy']})"
    for figure, what, least in (
        ("overloaded_percent", "less overload", LESS_OVERLOAD),
        ("gib", "fewer GiB", FEWER_GIB),
    ):
        saved = 1 - _mean(mine, figure) / max(1e-9, _mean(best, figure))
        yield Demand(f"{name}: at least {least:.0%} {what}", f"{saved:.0%}", saved >= least)
    hollow = sum(r["hollow"] for r in mine) / max(1, sum(r["relieving"] for r in mine))
    yield Demand(
        f"{ADAPTIVE} by own loads: at most {MOST_HOLLOW:.0%} hollow moves", f"{hollow:.1%}", hollow <= MOST_HOLLOW
    )
    error = _p90(mine)
    what = f"{ADAPTIVE} by own loads: P90 error of the promised relief at most {MOST_ERROR:.0%}"
    yield Demand(what, f"{error:.0%}", error <= MOST_ERROR)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load_loop", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a quarter of a day of a small cluster")
    parser.add_argument("--loads", type=Path, metavar="FILE", help="real load traces (README.md); else drawn ones")
    parser.add_argument("--seed", type=int, default=0, help="added to the seed of each cluster")
    parser.add_argument("--jobs", type=int, help="simulations at once (default: one for each processor)")
    given = parser.parse_args()
    wanted = [replace(scene, seed=scene.seed + given.seed) for scene in scenes(given.loads, quick=given.quick)]
    records = run(wanted, given.jobs)
    print("\n".join([*load_table(records), *demands_table(load_demands(records))]))


if __name__ == "__main__":
    main()
