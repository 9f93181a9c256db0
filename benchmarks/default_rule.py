"""The default strategy over days: `adaptive` beside no planner, the documented rule, and `optimal, moves`.

One move a check, as by default, in the worlds below, each with several draws of the customers' actions.
`python -m benchmarks.default_rule [--quick] [--orders FILE]` prints the table. The worlds of real orders need the file
(README.md); without it they are left out.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from balancer.policy import ADAPTIVE, OPTIMAL, SMALLEST_FIRST
from benchmarks.closed_loop import NOTHING, LoopResult, Scene, simulate
from benchmarks.demands import Demand
from benchmarks.tables import seconds, table

BEST = f"{OPTIMAL}, moves"
STRATEGIES = (NOTHING, SMALLEST_FIRST, BEST, ADAPTIVE)
OVERLOAD_FACTOR, MOVES_FACTOR = 1.2, 1.25
"""How many times the overload and the moves of `optimal, moves` the default may have."""
Record = Mapping[str, Any]
World = tuple[str, tuple[Scene, ...]]


def _draws(instance: str, days: float, seeds: int, orders: Path | None = None) -> tuple[Scene, ...]:
    return tuple(Scene(instance, days, seed, orders=orders) for seed in range(1, seeds + 1))


def worlds(orders: Path | None, *, quick: bool = False) -> list[World]:
    """The worlds by name. ``quick``: a day of the smallest ones."""
    if quick:
        small = [
            ("8 nodes, tight", _draws("gen-8x100-tight", 1.0, 1)),
            ("32 nodes, tight", _draws("gen-32x600-tight", 1.0, 1)),
        ]
        return [*small, *([("real orders, 32 nodes", _draws("orders-32-0.84", 1.0, 1, orders))] if orders else [])]
    results = [
        ("8 nodes, tight", _draws("gen-8x100-tight", 14.0, 4)),
        ("32 nodes, easy", _draws("gen-32x600-easy", 14.0, 3)),
        ("32 nodes, tight", _draws("gen-32x600-tight", 14.0, 3)),
        ("128 nodes, tight", _draws("gen-128x3000-tight-4", 3.0, 2)),
    ]
    if orders is not None:
        results.append(("real orders, 64 nodes 92 % full", _draws("orders-64-0.92", 14.0, 2, orders)))
        results.append(("real orders, 32 nodes 84 % full", _draws("orders-32-0.84", 14.0, 1, orders)))
    return results


def run(given: Sequence[World], say: Callable[[str], None], jobs: int | None = None) -> list[dict[str, Any]]:
    """One record for each simulation, with its world; as many at once as there are processors, the longest first."""
    cases = [
        (name, replace(scene), strategy, 0 if strategy == NOTHING else 1)
        for name, scenes in reversed(given)
        for strategy in reversed(STRATEGIES)
        for scene in scenes
    ]
    results: list[dict[str, Any]] = []
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        waiting = {
            pool.submit(simulate, scene, strategy, budget): (name, scene) for name, scene, strategy, budget in cases
        }
        for done in as_completed(waiting):
            name, scene = waiting[done]
            outcome: LoopResult = done.result()
            results.append({"world": name, "seed": scene.seed, **asdict(outcome)})
            say(f"  {len(results)} of {len(cases)}: {name}, draw {scene.seed}: {_in_short(outcome)}")
    return sorted(results, key=lambda r: (STRATEGIES.index(r["strategy"]), r["seed"]))


def _in_short(one: LoopResult) -> str:
    return f"{one.strategy} {one.overloaded_percent:.3f} % overloaded, {one.moves} moves"


def names(records: Iterable[Record]) -> list[str]:
    """The worlds of these records, in the order of the table."""
    order = [name for name, _ in (*worlds(Path()), *worlds(Path(), quick=True))]
    return sorted({record["world"] for record in records}, key=order.index)


def mean(records: Sequence[Record], world: str, strategy: str, figure: str) -> float:
    """The mean of a figure over the draws of a world."""
    values = [float(r[figure]) for r in records if (r["world"], r["strategy"]) == (world, strategy)]
    return sum(values) / len(values)


def rows(records: Sequence[Record]) -> Iterator[tuple[str, ...]]:
    """By world: the overload and the moves of each strategy, on average over the draws."""
    for world in names(records):
        own = [r for r in records if r["world"] == world]
        cells = []
        for strategy in STRATEGIES:
            left, moves = (mean(own, world, strategy, figure) for figure in ("overloaded_percent", "moves"))
            cells.append(f"{left:.3f} %" + ("" if strategy == NOTHING else f" / {moves:.0f}"))
        slowest = max(r["slowest_plan_s"] for r in own if r["strategy"] == ADAPTIVE)
        factors = f"{_factor(own, world, 'overloaded_percent'):.2f} / {_factor(own, world, 'moves'):.2f}"
        draws = len({r["seed"] for r in own})
        yield f"{world}, {own[0]['days']:g} days ({draws})", *cells, factors, seconds(slowest)


def default_table(records: Sequence[Record]) -> list[str]:
    """As Markdown."""
    head = (
        "world (draws)",
        *STRATEGIES,
        f"{ADAPTIVE} beside {BEST}: overload / moves",
        f"slowest plan of {ADAPTIVE}, s",
    )
    return table(head, list(rows(records)))


def demand(records: Sequence[Record]) -> Demand:
    """Within the factors of `optimal, moves` in every world."""
    far = []
    for world in names(records):
        own = [r for r in records if r["world"] == world]
        overload, moves = _factor(own, world, "overloaded_percent"), _factor(own, world, "moves")
        if overload > OVERLOAD_FACTOR or moves > MOVES_FACTOR:
            far.append(f"{world} ({overload:.2f} times the overload, {moves:.2f} times the moves)")
    count = len(names(records))
    reached = f"in all {count}" if not far else f"in {count - len(far)} of {count}; not {', '.join(far)}"
    what = f"{ADAPTIVE} with nothing set: at most {OVERLOAD_FACTOR} × overload, {MOVES_FACTOR} × moves of {BEST}"
    return Demand(what, reached, not far)


def _factor(records: Sequence[Record], world: str, figure: str) -> float:
    mine, best = (mean(records, world, strategy, figure) for strategy in (ADAPTIVE, BEST))
    return mine / best if best else (1.0 if not mine else float("inf"))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.default_rule", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a day of the smallest worlds")
    parser.add_argument("--orders", type=Path, metavar="FILE", help="real orders (README.md)")
    parser.add_argument("--world", action="append", metavar="TEXT", help="only worlds whose name begins so")
    parser.add_argument("--jobs", type=int, help="simulations at once (default: one for each processor)")
    given = parser.parse_args()
    wanted = [
        w for w in worlds(given.orders, quick=given.quick) if not given.world or w[0].startswith(tuple(given.world))
    ]
    result = run(wanted, lambda text: print(text, file=sys.stderr, flush=True), given.jobs)
    print("\n".join(default_table(result)))


if __name__ == "__main__":
    main()
