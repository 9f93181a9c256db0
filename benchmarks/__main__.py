"""`python -m benchmarks [--quick]`: everything in one run, into RESULTS.md and the pictures beside it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import (
    assist,
    campaign,
    closed_loop,
    cycle,
    date,
    default_rule,
    demands,
    hbal,
    load_loop,
    peers,
    room,
    ssh_round,
    startup,
    tables,
)

HERE = Path(__file__).resolve().parent
SUITES = {
    "full": (*peers.SMALL, *peers.MEDIUM, *peers.LARGE, *peers.HUGE, *peers.GIANT),
    "quick": (*peers.SMALL[:2], peers.SMALL[3]),
}
PARTS = (
    "startup",
    "cycle",
    "ssh-round",
    "peers",
    "date",
    "campaign",
    "room",
    "default-rule",
    "assist",
    "loads",
    "closed-loop",
    "sharper-bounds",
)
"""Run in this order: the shortest first, and parts that measure time alone before parts that use all processors."""
OF_REQUESTS = {
    "date": "when clusters are full",
    "campaign": "rolling campaigns",
    "room": "room for lost nodes and new VMs",
    "assist": "questions of mode assist",
}
"""Parts about requests of people and questions to people."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few small instances and two days: about two minutes")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part alone; the results are printed")
    parser.add_argument("--instance", action="append", help="these instances instead of the suite's")
    parser.add_argument("--orders", type=Path, metavar="FILE", help="real orders for the closed loop (README.md)")
    parser.add_argument("--loads", type=Path, metavar="FILE", help="real loads of VMs (README.md); else drawn ones")
    parser.add_argument("--out", type=Path, help="where to write instead (default: beside this program)")
    given = parser.parse_args()
    folder = given.out or (None if given.quick or given.only or given.instance else HERE)
    text = ""
    for item in measure(given):
        text = "\n".join(report(item))
        if folder is not None:  # after each part, so that an interrupted run keeps its results
            write(item, text, folder)
    if given.quick or given.only or given.instance:
        print(text)


def measure(given: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Writes the results so far, after each part and each instance."""
    started = time.perf_counter()
    result: dict[str, Any] = {"quick": given.quick, "machine": machine(), "peers": [], "failed": []}
    for part in (part for part in PARTS if part in (given.only or PARTS)):
        try:
            for _ in measure_part(part, given, result):
                yield _as_read(result, started)
        except Exception as error:  # a part that fails must not stop the others
            traceback.print_exc()
            result["failed"].append(f"{part}: {type(error).__name__}")
            yield _as_read(result, started)


def _as_read(results: dict[str, Any], started: float) -> dict[str, Any]:
    """The results as JSON has them: keys are strings."""
    results["seconds"] = time.perf_counter() - started
    return dict(json.loads(json.dumps(results)))


def measure_part(part: str, given: argparse.Namespace, results: dict[str, Any]) -> Iterator[None]:
    if part == "peers":
        with tempfile.TemporaryDirectory(prefix="bench-instances-") as folder:
            for name in given.instance or SUITES["quick" if given.quick else "full"]:
                say(name)
                rounds = 1 if given.quick else peers.ROUNDS
                results["peers"].append(peers.compare(name, Path(folder), say, rounds=rounds))
                yield
    elif part == "closed-loop":
        say("closed loop")
        scenes = closed_loop.QUICK_SCENES if given.quick else closed_loop.SCENES
        budgets = closed_loop.BUDGETS[:1] if given.quick else closed_loop.BUDGETS
        results["closed_loop"] = [asdict(outcome) for outcome in closed_loop.run(scenes, budgets)]
        yield
    elif part == "sharper-bounds":
        yield from sharpen(results["peers"])
    elif part == "default-rule":
        say("what runs by default, over time")
        results["default_rule"] = default_rule.run(default_rule.worlds(given.orders, quick=given.quick), say)
        yield
    elif part in OF_REQUESTS:
        say(OF_REQUESTS[part])
        results[part] = _of_requests(part, given)
        yield
    elif part == "loads":
        say("VMs with loads of their own")
        results["loads"] = load_loop.run(load_loop.scenes(given.loads, quick=given.quick))
        yield
    elif part == "startup":
        say("start-up")
        results["startup"] = startup.measure(3 if given.quick else startup.ROUNDS)
        yield
    elif part in ("cycle", "ssh-round"):
        yield from measure_program(part, given, results)


def measure_program(part: str, given: argparse.Namespace, results: dict[str, Any]) -> Iterator[None]:
    """The parts that run the whole program."""
    say("a cycle of the program" if part == "cycle" else "checks over SSH")
    if part == "cycle":
        results["cycle"] = asyncio.run(cycle.measure(cycles=2 if given.quick else cycle.CYCLES))
    else:
        results["ssh_round"] = asyncio.run(ssh_round.measure("demo" if given.quick else "large"))
    yield


def _of_requests(part: str, given: argparse.Namespace) -> list[dict[str, Any]]:
    if part == "assist":
        return assist.run(quick=given.quick)
    if part == "date":
        return date.run(given.orders, quick=given.quick)
    if part == "room":
        return room.run(quick=given.quick)
    return campaign.run(campaign.QUICK if given.quick else campaign.NAMES)


def sharpen(records: list[dict[str, Any]]) -> Iterator[None]:
    """Replaces bounds on J by sharper ones; as many are computed at once as there are processors."""
    spread = {record["name"]: record["bounds"].get("spread", {}) for record in records}
    cases = peers.spread_cases(records)
    say(f"sharper bounds on J: {len(cases)}")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        waiting = {pool.submit(peers.sharper_bound, case): case for case in cases}
        for done in as_completed(waiting):
            case, bound = waiting[done], done.result()
            if bound is not None:
                before = spread[case.name][case.moves]
                say(f"  {case.name} at {case.moves}: {before:.3f} -> {bound:.3f}, reached {case.reached:.3f}")
                spread[case.name][case.moves] = max(before, bound)
            yield


def machine() -> dict[str, Any]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "processors": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": load,
        "hbal": hbal.available(),
    }


def report(results: dict[str, Any]) -> Iterator[str]:
    about = results["machine"]
    load = "" if about["load_before"] is None else f", load average {about['load_before']:.1f} before it"
    yield "# Results\n"
    yield (
        f"One run of `make bench`, {results['seconds'] / 60:.0f} minutes: {about['processors']} processors, "
        f"Python {about['python']}, {about['system']}{load}. What is what: [README.md](README.md).\n"
    )
    if not about["hbal"]:
        yield "hbal is not installed (Debian: `ganeti-htools`): its rows are left out.\n"
    for part in results["failed"]:
        yield f"This part failed: {part}.\n"
    yield "## What was asked for\n"
    yield from demands.demands_table(_demands(results))
    if "startup" in results:
        yield "## Start-up\n"
        yield from startup.startup_table(results["startup"])
    if results["peers"]:
        yield from _of_peers(results["peers"])
    if "default_rule" in results:
        yield "## What runs by default, over time\n"
        yield "One move a check; node-time overloaded and moves, on average over the draws of each world.\n"
        yield from default_rule.default_table(results["default_rule"])
    yield from _of_people(results)
    if "loads" in results:
        yield "## VMs with loads of their own\n"
        yield "One move a check, a check every ten minutes; means over the clusters.\n"
        yield from load_loop.load_table(results["loads"])
    if "closed_loop" in results:
        yield "## Over time\n"
        yield from tables.closed_loop_table(results["closed_loop"])
    yield from _of_the_program(results)


def _of_people(results: dict[str, Any]) -> Iterator[str]:
    """Runs the parts about requests of people and questions to people."""
    if "assist" in results:
        yield "## Questions of mode assist beside mode approve\n"
        yield from assist.table(results["assist"])
    if "campaign" in results:
        yield "## Emptying node after node\n"
        yield from campaign.campaign_table(results["campaign"])
    if "room" in results:
        yield "## Room for lost nodes and new VMs\n"
        yield from room.room_table(results["room"])
    if "date" in results:
        yield "## When a cluster is full\n"
        yield "Errors of dates in days, of levels in VMs.\n"
        yield from date.date_table(results["date"])


def _of_the_program(results: dict[str, Any]) -> Iterator[str]:
    if "cycle" in results:
        yield "## A cycle of the running program\n"
        yield from tables.cycle_table(results["cycle"])
    if "ssh_round" in results:
        yield "## Checks over SSH\n"
        yield from ssh_round.ssh_table(results["ssh_round"])


def _demands(results: dict[str, Any]) -> Iterator[demands.Demand]:
    if "startup" in results:
        yield from startup.demands(results["startup"])
    if "default_rule" in results:
        yield default_rule.demand(results["default_rule"])
    if "assist" in results:
        yield from assist.demands(results["assist"])
    if "campaign" in results:
        yield from campaign.demands(results["campaign"])
    if "room" in results:
        yield from room.demands(results["room"])
    if "date" in results:
        yield from date.demands(results["date"])
    if "loads" in results:
        yield from load_loop.load_demands(results["loads"])
    yield from demands.demands(results)


def _of_peers(records: list[dict[str, Any]]) -> Iterator[str]:
    if not all("clear" in r["bounds"] for r in records if r["nodes"] <= peers.CLEARING_BOUND_NODES):
        yield "The packages for the proven bounds are not installed (`requirements/bench.txt`): they are left out.\n"
    judged = [r for r in records if r["nodes"] <= peers.CLEARING_BOUND_NODES]
    yield "## Clearing the overload\n"
    yield "![moves](results/moves.png)\n\n![GiB](results/gib.png)\n"
    yield from tables.clearing_table(judged)
    yield "## Evening out: J after k moves\n"
    yield "![J over k](results/spread.png)\n"
    yield from tables.beside_hbal(judged)
    yield from tables.spread_table(judged)
    yield "## Side by side\n"
    yield "Planning time for clearing, of the same rounds; `>`: the peer was stopped or did not clear everything.\n"
    yield from tables.ratio_table(judged)
    yield "## Time over size\n"
    yield "![time over size](results/speed.png)\n"
    yield from tables.speed_table(records)


def write(results: dict[str, Any], text: str, folder: Path) -> None:
    (folder / "results").mkdir(parents=True, exist_ok=True)
    (folder / "RESULTS.md").write_text(text.rstrip() + "\n", "utf-8")
    (folder / "results" / "records.json").write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    if results["peers"]:
        try:
            from benchmarks import pictures
        except ImportError:
            say("matplotlib is not installed: no pictures (requirements/bench.txt)")
            return
        pictures.draw(results["peers"], folder / "results")
    say(f"written: {folder / 'RESULTS.md'}")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
