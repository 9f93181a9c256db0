"""The only command that runs on a node, and the parser of its answer. Pure and strict; pressure may be missing.

The command is a single `grep` that every login shell understands. It only reads figures of the kernel.
"""

from __future__ import annotations

import re
from datetime import datetime

from balancer.model import Measurement

_LOAD, _CPUS, _MEMORY = "/proc/loadavg", "/sys/devices/system/cpu/online", "/proc/meminfo"
_CPU_PRESSURE, _MEMORY_PRESSURE = "/proc/pressure/cpu", "/proc/pressure/memory"

_FILES = (_LOAD, _CPUS, _MEMORY, _CPU_PRESSURE, _MEMORY_PRESSURE)


def command(root: str = "") -> str:
    """The command. Each line of its answer begins with the name of a file; missing files are left out (``-s``).

    Args:
        root: a folder used instead of "/", for tests.
    """
    return f"grep -HsE '^[0-9]|^Mem(Total|Available):|^some ' {' '.join(root + file for file in _FILES)}"


COMMAND = command()

ANSWER_LIMIT = 16_384
"""The longest answer in characters; every real answer is shorter."""
_MOST_CPUS = 65_536
_MOST_LOAD = 1_000_000.0

_FIGURE = r"(\d{1,9}(?:\.\d{1,6})?)"
_SHAPES = {
    "load": re.compile(rf"{_LOAD}:{_FIGURE} {_FIGURE} {_FIGURE} \d+/\d+ \d+", re.ASCII),
    "CPUs": re.compile(rf"{_CPUS}:([\d,-]{{1,999}})", re.ASCII),
    "MemTotal": re.compile(rf"{_MEMORY}:MemTotal:\s+(\d{{1,15}}) kB", re.ASCII),
    "MemAvailable": re.compile(rf"{_MEMORY}:MemAvailable:\s+(\d{{1,15}}) kB", re.ASCII),
    "CPU pressure": re.compile(rf"{_CPU_PRESSURE}:some avg10=\S+ avg60={_FIGURE} avg300=\S+ total=\d+", re.ASCII),
    "memory pressure": re.compile(rf"{_MEMORY_PRESSURE}:some avg10=\S+ avg60={_FIGURE} avg300=\S+ total=\d+", re.ASCII),
}
_OPTIONAL = ("CPU pressure", "memory pressure")
_RANGE = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?", re.ASCII)


def parse(answer: str, taken_at: datetime) -> Measurement:
    """Parses the answer. Other lines are ignored, because a login shell may print a greeting.

    Raises:
        ValueError: a needed figure is missing, repeated or impossible; the text names it.
    """
    matches: dict[str, re.Match[str]] = {}
    for line in answer.splitlines():
        for name, shape in _SHAPES.items():
            match = shape.fullmatch(line.strip())
            if match and name in matches:
                raise ValueError(f"{name} stands in it twice")
            if match:
                matches[name] = match
    missing = [name for name in _SHAPES if name not in matches and name not in _OPTIONAL]
    if missing:
        raise ValueError(f"no {missing[0]} in it")
    load1, load5, load15 = (_within(matches["load"][i], _MOST_LOAD, "load") for i in (1, 2, 3))
    total, available = int(matches["MemTotal"][1]), int(matches["MemAvailable"][1])
    if not 0 <= available <= total or total == 0:
        raise ValueError(f"{available} of {total} kB of memory cannot be available")
    return Measurement(
        taken_at=taken_at,
        load1=load1,
        load5=load5,
        load15=load15,
        cpus=_count(matches["CPUs"][1]),
        memory_available_mib=available // 1024,
        memory_total_mib=total // 1024,
        cpu_pressure=_percent(matches.get("CPU pressure")),
        memory_pressure=_percent(matches.get("memory pressure")),
    )


def _within(text: str, most: float, name: str) -> float:
    value = float(text)
    if value > most:
        raise ValueError(f"{name} {text} is impossible")
    return value


def _percent(match: re.Match[str] | None) -> float | None:
    return None if match is None else _within(match[1], 100.0, "pressure")


def _count(ranges: str) -> int:
    """The number of CPUs in a list of the kernel such as ``0-3,8,10-11``."""
    count, last = 0, -1
    for part in ranges.split(","):
        match = _RANGE.fullmatch(part)
        first = int(match[1]) if match else -1
        end = int(match[2] or match[1]) if match else -1
        if not last < first <= end < _MOST_CPUS:
            raise ValueError(f"{ranges[:40]} is no list of CPUs")
        count, last = count + end - first + 1, end
    return count
