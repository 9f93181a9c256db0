"""Our strategies beside the specification's algorithm and hbal, on the same instances, in one run.

This module sets which planner runs on which instance, for how long and how often. The figures come from the referee
(referee.py), the clock (process.py) and the proven bounds (bounds.py).
"""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from balancer.policy import STRATEGIES
from benchmarks import generate, hbal
from benchmarks.instance import Instance
from benchmarks.process import Run, measured
from benchmarks.referee import MILESTONES, judge, moves_of

DATA = Path(__file__).resolve().parent / "data"
SMALL = ("gen-8x100-easy", "gen-8x100-tight", "gen-32x600-easy", "gen-32x600-tight")
MEDIUM = ("gen-128x3000-easy", "gen-128x3000-tight", "real-roadef-a2_1-100x1000", "real-vmr2l-279x2089")
LARGE = ("gen-512x12000-easy", "gen-512x12000-tight", "gen-1000x30000-easy", "gen-1000x30000-tight")
HUGE = ("gen-2000x60000-easy", "gen-2000x60000-tight")
GIANT = ("gen-10000x300000-easy", "gen-10000x300000-tight")

ROUNDS = 3
SLOW_S = 15.0
"""A run that takes longer than this is measured once."""
TIMEOUT_S = 300.0
# Limits for the time of the whole run: hbal is stopped after these seconds, and its moves so far count. A run of ours
# at 10,000 nodes that takes longer than GIANT_TIMEOUT_S has failed.
CLEAR_TIMEOUT_S = 45
FLAT_TIMEOUT_S = 20
GIANT_TIMEOUT_S = 60.0
EVEN_TIMEOUTS_S = ((300, 20), (512, 30), (1024, 45))
SPREAD_BOUND_NODES = 1024
CLEARING_BOUND_NODES = 2048

SHARPENED, SHARP_ENOUGH = (20, 50, 100), 1.1
BOUND_S = 90.0
"""Seconds of CPU for one sharper bound on J."""

OUR = "ours: "
CLEAR, EVEN = "clear", "even"
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Planner:
    """One row of the tables. ``tasks``: the tasks that judge it; ``key``: the name of its moves in its output."""

    name: str
    command: tuple[str, ...]
    tasks: tuple[str, ...]
    key: str = "moves"
    timeout_s: float = TIMEOUT_S
    again: bool = True
    """Whether to repeat the run if it is fast enough."""


def load(name: str, folder: Path) -> tuple[Path, Instance]:
    """The instance's file (in ``folder`` if it is generated) and its content."""
    path = DATA / f"{name}.json"
    if not path.exists():
        path = folder / f"{name}.json"
    if not path.exists():
        path.write_text(json.dumps(generate.named(name), separators=(",", ":")), "utf-8")
    return path, Instance.read(path)


def our_planners(file: str) -> Iterator[Planner]:
    """All strategies of the program, ``optimal`` once for each figure that it can minimize."""
    command = ("bot", "plan", file, "--json", "--stats", "--limit", "0", "--strategy")
    for strategy in STRATEGIES:
        if strategy == "optimal":
            for goal in ("moves", "memory", "time"):
                yield Planner(f"{OUR}optimal, {goal}", (*command, strategy, "--optimize-for", goal), (CLEAR,))
        else:
            tasks = (EVEN,) if strategy == "balance" else (CLEAR, EVEN)
            yield Planner(OUR + strategy, (*command, strategy), tasks)


def hbal_planners(file: str, nodes: int) -> Iterator[Planner]:
    """hbal on all nodes at once if that ends in time, else in groups of 32 or 16."""
    if nodes <= 40:
        yield Planner("hbal", ("benchmarks.hbal", file), (EVEN,), again=False)
        yield Planner("hbal", ("benchmarks.hbal", file, "--until-clear"), (CLEAR,), "clear_moves")
        yield Planner("hbal, focus", ("benchmarks.hbal", file, "--until-clear", "--focus"), (CLEAR,), "clear_moves")
        return
    size = 32 if nodes <= 300 else 16
    name = f"hbal, groups of {size}"
    command = ("benchmarks.hbal", file, "--groups", str(size), "--jobs", "2", "--timeout")
    if nodes <= 2048:
        limit = str(CLEAR_TIMEOUT_S)
        yield Planner(name, (*command, limit, "--until-clear"), (CLEAR,), "clear_moves", again=nodes <= 1024)
    if nodes <= 1024:
        limit = str(next(s for most, s in EVEN_TIMEOUTS_S if nodes <= most))
        yield Planner(name, (*command, limit), (EVEN,), again=False)
    if 120 <= nodes <= 128:
        flat = ("benchmarks.hbal", file, "--timeout", str(FLAT_TIMEOUT_S))
        yield Planner("hbal", flat, (CLEAR, EVEN), again=False)


def planners_for(file: str, instance: Instance) -> list[Planner]:
    """At 10,000 nodes only planners that clear the overload, and only ours."""
    items = list(our_planners(file))
    if len(instance.cpus) > CLEARING_BOUND_NODES:
        items = [replace(planner, timeout_s=GIANT_TIMEOUT_S) for planner in items if CLEAR in planner.tasks]
    else:
        items.append(Planner("specification", ("benchmarks.seed_greedy", file), (CLEAR, EVEN)))
        if hbal.available():
            items += hbal_planners(file, len(instance.active))
    return items


def compare(name: str, folder: Path, say: Say, *, rounds: int = ROUNDS, with_bounds: bool = True) -> dict[str, Any]:
    """All planners on one instance, round by round, so that other load on the machine slows all of them equally."""
    path, instance = load(name, folder)
    runs: dict[Planner, list[Run]] = {planner: [] for planner in planners_for(str(path), instance)}
    for number in range(rounds):
        for planner, done in runs.items():
            if not number or (planner.again and done[0].document is not None and done[0].wall_s <= SLOW_S):
                done.append(measured(planner.command, planner.timeout_s))
    rows = [_row(instance, planner, done) for planner, done in runs.items()]
    for row in rows:
        say(f"  {row['planner']:24} {_in_short(row)}")
    record = {"name": name, "nodes": len(instance.cpus), "vms": len(instance.vcpus), "rows": rows}
    return {**record, "bounds": _bounds(instance)} if with_bounds else record


def _row(instance: Instance, planner: Planner, runs: Sequence[Run]) -> dict[str, Any]:
    first = runs[0]
    row: dict[str, Any] = {
        "planner": planner.name,
        "tasks": list(planner.tasks),
        "runs": len(runs),
        "plan_s": statistics.median(_plan_s(planner, run) for run in runs),
        "wall_s": statistics.median(run.wall_s for run in runs),
        "rss_mib": max(run.rss_mib for run in runs),
        "first_move_s": first.stats.get("first_move_s"),
        "ends": first.stats.get("ends", []),
    }
    if first.document is None:
        return {**row, "problem": first.problem}
    document = first.document
    moves = document[planner.key] if planner.key == "clear_moves" else moves_of(document)
    verdict = judge(instance, moves)
    same = len({json.dumps(run.document) for run in runs if run.document is not None}) == 1
    return {
        **row,
        **asdict(verdict),
        "repeats": same,
        "bound": document.get("bound") if isinstance(document, dict) else None,
    }


def _plan_s(planner: Planner, run: Run) -> float:
    return float(run.stats["clear_s"]) if planner.key == "clear_moves" and "clear_s" in run.stats else run.plan_s


def _in_short(row: dict[str, Any]) -> str:
    if "problem" in row:
        return f"FAILED: {row['problem']}"
    return (
        f"overloaded {row['overloaded_before']}->{row['overloaded_after']}, {row['accepted']} moves "
        f"({row['rejected']} rejected), {row['gib']:.0f} GiB, J {row['spread_before']:.3f}->{row['spread_after']:.3f}, "
        f"{row['plan_s']:.3f} s, {row['rss_mib']:.0f} MiB"
    )


class SpreadCase(NamedTuple):
    """A bound on J that may be sharpened, because our plan is far above the bound of the relaxation."""

    name: str
    moves: int
    reached: float


def spread_cases(records: Sequence[dict[str, Any]]) -> list[SpreadCase]:
    """The bounds for the demand on J: generated instances from 128 nodes up, at these numbers of moves."""
    cases = []
    for record in (
        r for r in records if r["name"].startswith("gen-") and r["nodes"] >= 128 and "spread" in r["bounds"]
    ):
        curve = next((r["curve"] for r in record["rows"] if r["planner"] == OUR + "balance" and "curve" in r), {})
        for moves in (k for k in SHARPENED if k in curve):
            if curve[moves] > SHARP_ENOUGH * record["bounds"]["spread"][moves]:
                cases.append(SpreadCase(record["name"], moves, curve[moves]))
    return cases


def sharper_bound(case: SpreadCase) -> float | None:
    """A bound with whole VMs; ``None`` if its packages are not installed."""
    try:
        from benchmarks import whole_vms
    except ImportError:
        return None
    with tempfile.TemporaryDirectory(prefix="bench-bound-") as folder:
        _, instance = load(case.name, Path(folder))
    return whole_vms.spread_bound(whole_vms.Cluster(instance), case.moves, case.reached, BOUND_S)


def _bounds(instance: Instance) -> dict[str, Any]:
    """Empty if the packages are not installed, or if the instance is too large for the available time."""
    try:
        from benchmarks import bounds
    except ImportError:
        return {}
    result: dict[str, Any] = {}
    if len(instance.cpus) <= CLEARING_BOUND_NODES:
        result["clear"] = asdict(bounds.clearing_bound(instance))
    if len(instance.cpus) <= SPREAD_BOUND_NODES:
        result["spread"] = bounds.spread_bounds(instance, MILESTONES)
    return result
