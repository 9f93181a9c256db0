"""The one command that is run on a node, and what its answer means. Pure and strict; absent pressure is fine.

The command is a single `grep` without anything that shells disagree about, and only reads the kernel's figures.
"""

from __future__ import annotations

import re
from datetime import datetime

from balancer.model import Measurement

_LOAD, _CPUS, _MEMORY = "/proc/loadavg", "/sys/devices/system/cpu/online", "/proc/meminfo"
_CPU_PRESSURE, _MEMORY_PRESSURE = "/proc/pressure/cpu", "/proc/pressure/memory"

_FILES = (_LOAD, _CPUS, _MEMORY, _CPU_PRESSURE, _MEMORY_PRESSURE)


def command(root: str = "") -> str:
    """Each line of the answer begins with its file's name; a file that is not there (``-s``) is left out.

    Args:
        root: a folder that stands for "/", for tests.
    """
    return f"grep -HsE '^[0-9]|^Mem(Total|Available):|^some ' {' '.join(root + file for file in _FILES)}"


COMMAND = command()

ANSWER_LIMIT = 16_384
"""More characters than any node needs for its answer."""
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
    """Lines of other shapes are ignored: login shells like to greet.

    Raises:
        ValueError: a figure that is needed is missing, stands there twice or is impossible; the text names it.
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
    """How many CPUs a list of the kernel such as ``0-3,8,10-11`` names."""
    count, last = 0, -1
    for part in ranges.split(","):
        match = _RANGE.fullmatch(part)
        first = int(match[1]) if match else -1
        end = int(match[2] or match[1]) if match else -1
        if not last < first <= end < _MOST_CPUS:
            raise ValueError(f"{ranges[:40]} is no list of CPUs")
        count, last = count + end - first + 1, end
    return count
