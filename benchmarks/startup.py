"""The time of short commands, beside a bare interpreter that does nothing. Most of it is the start and the imports.

Each round runs every command once, one after the other, so that other load slows all of them; medians are compared.
The modules are compiled before, like those of an installed package.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import generate
from benchmarks.demands import Demand
from benchmarks.process import ROOT
from benchmarks.tables import table

ROUNDS = 15
NODES = 4
BARE = "python -c pass"
VERSION = "--version"
PLAN = f"plan of {NODES} nodes"
MOST = {VERSION: 3, PLAN: 8}
"""The most that a command may take, as a multiple of the bare interpreter's time."""
Record = Mapping[str, Any]


def measure(rounds: int = ROUNDS) -> dict[str, float]:
    """The median wall clock of each command, in seconds."""
    with tempfile.TemporaryDirectory(prefix="bench-startup-") as folder:
        path = Path(folder) / "small.json"
        path.write_text(json.dumps(_small()), "utf-8")
        file = str(path)
        commands = {
            BARE: ("-c", "pass"),
            VERSION: ("-m", "bot", "--version"),
            f"{PLAN}, smallest-first, as JSON": ("-m", "bot", "plan", file, "--json", "--strategy", "smallest-first"),
            f"{PLAN}, smallest-first": ("-m", "bot", "plan", file, "--strategy", "smallest-first"),
            f"{PLAN}, as JSON": ("-m", "bot", "plan", file, "--json"),
            PLAN: ("-m", "bot", "plan", file),
        }
        taken: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                seconds = _seconds(command)
                if number:  # the first round fills the caches
                    taken[name].append(seconds)
    return {name: statistics.median(values) for name, values in taken.items()}


def _small() -> dict[str, Any]:
    """Four of eight nodes; two VMs have to leave one of them, and the documented rule does not find that."""
    document = generate.named("gen-8x100-tight")
    document["nodes"] = document["nodes"][:NODES]
    kept = {node["id"] for node in document["nodes"]}
    document["vms"] = [vm for vm in document["vms"] if vm["node"] in kept]
    return document


def _seconds(command: Sequence[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def startup_table(taken: Record) -> list[str]:
    """As Markdown."""
    rows = [(name, f"{1000 * value:.0f}", f"{value / taken[BARE]:.1f}") for name, value in taken.items()]
    return table(("command", "ms", "times the bare interpreter"), rows)


def demands(taken: Record) -> Iterator[Demand]:
    """One demand for each command that has a limit."""
    for name, most in MOST.items():
        ratio = taken[name] / taken[BARE]
        yield Demand(f"{name}: at most {most} times as long as `{BARE}`", f"{ratio:.1f} times", ratio <= most)
