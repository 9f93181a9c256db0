"""Runs one planner as a process of its own and measures it: wall clock, its own planning time, peak memory."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# A child's peak memory begins at that of the process it was forked from. So a small process starts the planner and
# prints its exit code and the peak of the largest process under it.
_BETWEEN = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    file.write(f"{code} {used.ru_maxrss / 1024} {used.ru_utime + used.ru_stime}")
"""


@dataclass(slots=True)
class Run:
    """``document``: the planner's output, ``None`` if it failed; ``problem``: how it failed."""

    wall_s: float
    cpu_s: float = 0.0
    rss_mib: float = 0.0
    stats: dict[str, Any] = field(default_factory=dict)
    document: Any = None
    problem: str | None = None

    @property
    def plan_s(self) -> float:
        """The planner's own time, without interpreter start and parsing, as the planner reports it."""
        return float(self.stats.get("plan_s", self.wall_s))


def measured(command: Sequence[str], timeout_s: float) -> Run:
    """One run of a Python module: ``command`` begins with its name. An error or a timeout is part of the result."""
    with tempfile.TemporaryDirectory(prefix="bench-run-") as folder:
        out, err, used = (Path(folder) / name for name in ("out", "err", "used"))
        between = [sys.executable, "-S", "-c", _BETWEEN, str(used), sys.executable, "-m", *command]
        late = threading.Event()
        with out.open("wb") as stdout, err.open("wb") as stderr:
            started = time.perf_counter()
            child = subprocess.Popen(between, cwd=ROOT, stdout=stdout, stderr=stderr, start_new_session=True)

            def stop() -> None:
                late.set()
                os.killpg(child.pid, signal.SIGKILL)

            timer = threading.Timer(timeout_s, stop)
            timer.start()
            child.wait()
            wall = time.perf_counter() - started
            timer.cancel()
        if late.is_set():
            return Run(wall, problem=f"not finished within {timeout_s:.0f} s")
        code, rss, cpu = used.read_text("ascii").split()
        words = err.read_text("utf-8", "replace")
        run = Run(wall, float(cpu), float(rss), _stats(words))
        if code != "0":
            run.problem = (words.strip().splitlines() or ["no output"])[-1][:200]
        else:
            run.document = json.loads(out.read_text("utf-8"))
    return run


def _stats(words: str) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for line in words.splitlines():
        if line.startswith("#STATS "):
            result = json.loads(line.removeprefix("#STATS "))
    return result
