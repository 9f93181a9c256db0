"""Generates clusters of a hosting provider from a seed, in the neutral format: the same name gives the same cluster.

`python -m benchmarks.generate gen-128x3000-tight > instance.json`; a further `-2` at the end is another seed.
"""

from __future__ import annotations

import json
import math
import random
import sys
from dataclasses import dataclass
from typing import Any

FLAVOURS, FLAVOUR_WEIGHTS = (1, 2, 4, 8, 16, 32), (30, 32, 22, 11, 4, 1)
"""vCPUs of a VM."""
GIB_PER_VCPU, GIB_WEIGHTS = (1, 2, 4, 8), (25, 35, 30, 10)
GENERATIONS, GENERATION_WEIGHTS = (1, 1.5, 2, 3), (40, 30, 20, 10)
"""Hardware of several ages: size relative to the oldest."""
QEMU, QEMU_WEIGHTS = ("6.2.0", "7.2.0", "8.2.0"), (10, 30, 60)
MOST_VCPUS, MOST_MEMORY = 9.3, 0.96


@dataclass(frozen=True, slots=True)
class Family:
    """Mean and standard deviation over the nodes, of vCPUs per CPU and of the memory fraction."""

    ratio: float
    memory: float
    ratio_deviation: float
    memory_deviation: float


FAMILIES = {"easy": Family(5.0, 0.50, 2.0, 0.16), "tight": Family(6.0, 0.60, 1.1, 0.08)}


def generate(nodes: int, vms: int, family: str, seed: int = 1) -> dict[str, Any]:
    """The order of the random draws is part of the instance: changing it makes other instances."""
    kind = FAMILIES[family]
    rng = random.Random(f"{nodes}-{vms}-{family}-{seed}")
    vcpus = rng.choices(FLAVOURS, FLAVOUR_WEIGHTS, k=vms)
    mib = [1024 * min(128, max(1, c * rng.choices(GIB_PER_VCPU, GIB_WEIGHTS)[0])) for c in vcpus]
    sizes = rng.choices(GENERATIONS, GENERATION_WEIGHTS, k=nodes)
    unit = sum(vcpus) / kind.ratio / sum(sizes)
    cpus = [max(4, 2 * round(unit * size / 2)) for size in sizes]
    memory = _memory(rng, sum(mib) / kind.memory / sum(sizes) / 1024, sizes)
    base = [min(4096, m // 32) for m in memory]
    home = _place(rng, kind, vcpus, mib=mib, cpus=cpus, memory=memory, base=base)
    count = [0] * nodes
    for node in home:
        count[node] += 1
    return {
        "format": "vmbal-1",
        "name": f"gen-{nodes}x{vms}-{family}" + (f"-{seed}" if seed != 1 else ""),
        "source": f"benchmarks.generate {nodes} {vms} {family} {seed}",
        "thresholds": {"cpu_ratio": 7.0, "mem_pct": 70.0},
        "nodes": _node_rows(rng, sizes, cpus=cpus, memory=memory, base=base, count=count, vms=vms),
        "vms": [_vm_row(rng, i, home[i], vcpus[i], mib[i]) for i in range(vms)],
    }


def _memory(rng: random.Random, unit: float, sizes: list[float]) -> list[int]:
    """Memory grows with the CPUs, with some variation."""
    wobble = [rng.choice([0.85, 1.0, 1.0, 1.2]) for _ in sizes]
    mean = sum(a * b for a, b in zip(sizes, wobble, strict=True)) / sum(sizes)
    return [1024 * max(16, 8 * round(unit * s * w / mean / 8)) for s, w in zip(sizes, wobble, strict=True)]


def _place(
    rng: random.Random,
    kind: Family,
    vcpus: list[int],
    *,
    mib: list[int],
    cpus: list[int],
    memory: list[int],
    base: list[int],
) -> list[int]:
    """Big VMs first, each to the one of 24 random nodes that is furthest below the load drawn for it."""
    nodes, vms = range(len(cpus)), range(len(vcpus))
    want_ratio = [min(9.0, max(2.0, rng.gauss(kind.ratio, kind.ratio_deviation))) for _ in nodes]
    want_memory = [min(0.93, max(0.15, rng.gauss(kind.memory, kind.memory_deviation))) for _ in nodes]
    scale_c = sum(vcpus) / sum(t * c for t, c in zip(want_ratio, cpus, strict=True))
    want_c = [t * c * scale_c for t, c in zip(want_ratio, cpus, strict=True)]
    scale_m = sum(mib) / sum(t * m for t, m in zip(want_memory, memory, strict=True))
    want_m = [t * m * scale_m for t, m in zip(want_memory, memory, strict=True)]
    used_c, used_m = [0] * len(cpus), list(base)
    home = [0] * len(vcpus)
    for vm in sorted(vms, key=lambda k: (-vcpus[k] * rng.uniform(0.5, 1.5), k)):
        best, best_gap = None, -1e18
        for n in rng.sample(nodes, min(len(nodes), 24)):
            if used_m[n] + mib[vm] > MOST_MEMORY * memory[n] or (used_c[n] + vcpus[vm]) / cpus[n] > MOST_VCPUS:
                continue
            gap_c = (want_c[n] - used_c[n]) / cpus[n] / kind.ratio
            gap = min(gap_c, (want_m[n] - used_m[n]) / memory[n] / kind.memory) + 0.25 * gap_c
            if gap > best_gap:
                best, best_gap = n, gap
        if best is None:
            best = min(nodes, key=lambda n: (used_m[n] + mib[vm]) / memory[n])
        home[vm] = best
        used_c[best] += vcpus[vm]
        used_m[best] += mib[vm]
    return home


def _node_rows(
    rng: random.Random,
    sizes: list[float],
    *,
    cpus: list[int],
    memory: list[int],
    base: list[int],
    count: list[int],
    vms: int,
) -> list[dict[str, Any]]:
    """A few nodes are in maintenance, excluded, closed for new VMs, or hold as many VMs as they may."""
    nodes = len(sizes)
    special = list(range(nodes))
    rng.shuffle(special)
    shares = (
        round(0.02 * nodes) if nodes >= 32 else 0,
        round(0.01 * nodes),
        max(1, round(0.04 * nodes)) if nodes >= 16 else 0,
        round(0.02 * nodes),
    )
    marked = []
    for share in shares:
        marked.append(set(special[:share]))
        del special[:share]
    maintenance, excluded, closed, full = marked
    mean = sum(sizes) / nodes
    return [
        {
            "id": n,
            "name": f"n{n}",
            "cpus": cpus[n],
            "ram_mib": memory[n],
            "ram_base_mib": base[n],
            "maintenance": n in maintenance,
            "excluded": n in excluded,
            "creation_allowed": n not in closed,
            "vm_limit": count[n] if n in full else math.ceil(3.5 * vms / nodes * sizes[n] / mean) + 10,
            "qemu": rng.choices(QEMU, QEMU_WEIGHTS)[0],
        }
        for n in range(nodes)
    ]


def _vm_row(rng: random.Random, number: int, node: int, vcpus: int, mib: int) -> dict[str, Any]:
    running = rng.random() < 0.94
    return {
        "id": number,
        "name": f"v{number}",
        "node": node,
        "vcpus": vcpus,
        "ram_mib": mib,
        "state": "running" if running else "stopped",
        "has_iso": rng.random() < 0.02,
        "has_snapshot": rng.random() < 0.05,
        "balancer_enabled": rng.random() >= 0.03,
        "last_migrated_s": rng.choice([300, 1200, 3000]) if rng.random() < 0.02 else None,
        "cpu_usage": round(min(1.0, rng.paretovariate(1.6) * 0.03), 3) if running else 0.0,
    }


def named(name: str) -> dict[str, Any]:
    """``gen-<nodes>x<vms>-<family>[-<seed>]``."""
    _, size, family, *seed = name.split("-")
    nodes, vms = map(int, size.split("x"))
    return generate(nodes, vms, family, int(seed[0]) if seed else 1)


if __name__ == "__main__":
    json.dump(named(sys.argv[1]), sys.stdout, separators=(",", ":"))
