"""The loads of VMs over time: real traces from a file, or drawn ones without a file.

A trace is a row of parts of a VM's capacity (0 to 1), one each ``STEP_S`` seconds.
"""

from __future__ import annotations

import csv
import gzip
import math
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEP_S = 300
STEPS_A_DAY = 86_400 // STEP_S
DRAWN = 40
"""The number of traces that are drawn without a file."""


def read(path: Path) -> list[Floats]:
    """The traces of a file (``vm,vcpus,percent,percent,…``; gzipped or not). A missing sample repeats the one before.

    Raises:
        ValueError: the file holds no trace.
    """
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    traces = [_without_gaps(row[2:]) for row in rows if any(row[2:])]
    if not traces:
        raise ValueError(f"{path}: no trace in it; lines of vm,vcpus,percent,percent,… are needed")
    return traces


def _without_gaps(cells: Sequence[str]) -> Floats:
    known = next(float(cell) for cell in cells if cell)
    samples = []
    for cell in cells:
        known = float(cell) if cell else known
        samples.append(min(100.0, max(0.0, known)) / 100)
    return np.array(samples)


def drawn(days: float, seed: int = 1) -> list[Floats]:
    """Traces of three kinds: calm ones, ones that follow the hours of the day, and ones that come in bursts."""
    rng = random.Random(f"traces-{seed}")
    steps = math.ceil(days * STEPS_A_DAY) + STEPS_A_DAY
    return [_drawn(rng, steps, number % 3) for number in range(DRAWN)]


def _drawn(rng: random.Random, steps: int, kind: int) -> Floats:
    level = min(0.9, 0.02 + rng.expovariate(8.0))
    time = np.arange(steps)
    load = np.full(steps, level)
    if kind == 1:
        load = level * (1 + 0.8 * np.sin(2 * math.pi * (time / STEPS_A_DAY + rng.random())))
    if kind == 2:
        load, at = np.full(steps, level / 4), 0
        while at < steps:
            at += 1 + int(rng.expovariate(1 / 36))
            length = 1 + int(rng.expovariate(1 / 18))
            load[at : at + length] = min(1.0, level * (1 + 4 * rng.random()))
            at += length
    wobble = np.array([1 + rng.gauss(0, 0.08) for _ in range(steps)])
    return np.clip(load * wobble, 0.0, 1.0)
