"""A cluster that changes by real orders of VMs: `orders-azure-0.csv.gz`, two weeks of Microsoft Azure.

Derived by CoSpot (S. M. Iqbal et al., "CoSpot: A Cooperative VM Allocation Framework for Increased Revenue from Spot
Instances", SoCC '22; CC-BY). The file is not part of the repository: its path is an argument. benchmarks/README.md
describes how orders become a world.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from balancer.model import VM
from benchmarks import generate
from benchmarks.churn import CREATE, DAY_S, DRAWS, REMOVE, Event, Habits, World

CORES_A_VCPU, RAM_A_GIB = 50, 2
"""The units of the file are arbitrary: with these factors the commonest shapes are 2 vCPUs with 7 and with 16 GiB."""
LARGEST = 0.5
"""A VM larger than this part of a median node is left out."""
VMS_A_NODE = 600 / 32
THRESHOLDS = {"cpu_ratio": 7.0, "mem_pct": 70.0}


@dataclass(frozen=True, slots=True)
class Order:
    """One VM, from when to when, in seconds from the start of the file."""

    starts_s: float
    ends_s: float
    vcpus: int
    mib: int


def read(path: Path) -> list[Order]:
    """All orders that are alive at some time of the file, by their start."""
    results = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            vcpus = max(1, round(float(row["cores"]) / CORES_A_VCPU))
            mib = max(512, round(float(row["ram"]) / RAM_A_GIB * 1024))
            start, end = float(row["starttime"]) * DAY_S, float(row["endtime"]) * DAY_S
            if end > max(0.0, start):
                results.append(Order(start, end, vcpus, mib))
    return sorted(results, key=lambda o: (o.starts_s, o.ends_s, o.vcpus, o.mib))


def sampled(orders: Sequence[Order], vms: float, seed: int) -> list[Order]:
    """Each order with the same probability, so that about ``vms`` are alive at the start."""
    alive = sum(1 for order in orders if order.starts_s <= 0)
    rng = random.Random(f"orders-{seed}")
    return [order for order in orders if rng.random() < vms / alive]


def peak(orders: Sequence[Order]) -> tuple[int, int]:
    """The most vCPUs, and the most MiB, that are alive at once."""
    changes = sorted(
        [(max(0.0, o.starts_s), 1, o) for o in orders] + [(o.ends_s, -1, o) for o in orders],
        key=lambda change: change[:2],
    )
    vcpus = mib = most_vcpus = most_mib = 0
    for _, sign, order in changes:
        vcpus, mib = vcpus + sign * order.vcpus, mib + sign * order.mib
        most_vcpus, most_mib = max(most_vcpus, vcpus), max(most_mib, mib)
    return most_vcpus, most_mib


def world(
    orders: Sequence[Order], nodes: int, fullness: float, seed: int
) -> tuple[dict[str, Any], list[Order], list[Order]]:
    """An instance of the neutral format; the orders alive at its start, which are its VMs; and the later ones.

    Args:
        fullness: the part of the thresholds that the peak fills, of CPU and of memory.
    """
    rng = random.Random(f"orders-nodes-{seed}")
    sizes = rng.choices(generate.GENERATIONS, generate.GENERATION_WEIGHTS, k=nodes)
    kept, left = list(orders), -1
    rows: list[dict[str, Any]] = []
    while left != len(kept):  # nodes get smaller with every VM that is left out
        left = len(kept)
        rows = _nodes(sizes, peak(kept), fullness)
        kept = _fitting(kept, rows)
    first = [o for o in kept if o.starts_s <= 0]
    document = {
        "format": "vmbal-1",
        "name": f"orders-azure-{nodes}-{fullness}-{seed}",
        "thresholds": dict(THRESHOLDS),
        "nodes": rows,
        "vms": _placed(first, rows, rng),
    }
    return document, first, [o for o in kept if o.starts_s > 0]


def _nodes(sizes: Sequence[float], most: tuple[int, int], fullness: float) -> list[dict[str, Any]]:
    """Nodes of these relative sizes; ``most`` (vCPUs, MiB) fills this part of their thresholds."""
    unit_cpus = most[0] / (THRESHOLDS["cpu_ratio"] * fullness) / sum(sizes)
    unit_mib = most[1] / (THRESHOLDS["mem_pct"] / 100 * fullness) / sum(sizes)
    return [_node(i, size, unit_cpus, unit_mib) for i, size in enumerate(sizes)]


def _fitting(orders: Sequence[Order], nodes: Sequence[dict[str, Any]]) -> list[Order]:
    """The VMs that are not larger than ``LARGEST`` of a median node."""
    median = sorted(nodes, key=lambda row: row["cpus"])[len(nodes) // 2]
    most_vcpus = LARGEST * THRESHOLDS["cpu_ratio"] * median["cpus"]
    most_mib = LARGEST * THRESHOLDS["mem_pct"] / 100 * median["ram_mib"]
    return [o for o in orders if o.vcpus <= most_vcpus and o.mib <= most_mib]


def _node(number: int, size: float, unit_cpus: float, unit_mib: float) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"n{number}",
        "cpus": max(4, 2 * round(unit_cpus * size / 2)),
        "ram_mib": round(unit_mib * size),
        "ram_base_mib": 0,
        "maintenance": False,
        "excluded": False,
        "creation_allowed": True,
        "vm_limit": None,
        "qemu": "8.2.0",
    }


def _placed(orders: Sequence[Order], nodes: Sequence[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """The VMs at the start, each on the emptiest of four random nodes, as the panel places them (churn.py)."""
    vcpus, mib = [0] * len(nodes), [0] * len(nodes)

    def fullness(node: int, order: Order) -> float:
        row = nodes[node]
        cpu = (vcpus[node] + order.vcpus) / (THRESHOLDS["cpu_ratio"] * row["cpus"])
        return max(cpu, 100 * (mib[node] + order.mib) / (THRESHOLDS["mem_pct"] * row["ram_mib"]))

    rows = []
    for number, order in enumerate(orders):
        drawn = rng.choices(range(len(nodes)), k=4)
        node = min(drawn, key=lambda n: (fullness(n, order), n))
        vcpus[node] += order.vcpus
        mib[node] += order.mib
        rows.append(_vm(number, node, order, rng))
    return rows


def _vm(number: int, node: int, order: Order, rng: random.Random) -> dict[str, Any]:
    """``number`` is the id; churn.py continues counting from it."""
    return {
        "id": number,
        "name": f"v{number}",
        "node": node,
        "vcpus": order.vcpus,
        "ram_mib": order.mib,
        "state": "running" if rng.random() < 0.94 else "stopped",
        "has_iso": rng.random() < 0.02,
        "has_snapshot": rng.random() < 0.05,
        "balancer_enabled": rng.random() >= 0.03,
        "last_migrated_s": None,
    }


@dataclass(slots=True)
class OrdersWorld(World):
    """As ``World``, but a CREATE or REMOVE event means one order: ``draws[0]`` is its number in ``orders``."""

    orders: Sequence[Order] = ()

    def happen(self, event: Event) -> None:
        number = int(event.draws[0])
        if event.kind == CREATE:
            order = self.orders[number]
            node = self._node_for(order.vcpus, order.mib, event.draws[1 : 1 + self.habits.choices])
            self._add(
                VM(
                    id=number,
                    name=f"v{number}",
                    cluster_id=self.nodes[0].cluster_id,
                    node_id=node,
                    vcpus=order.vcpus,
                    memory_mib=order.mib,
                    state="active" if event.draws[8] < 0.94 else "stopped",
                    iso_mounted=event.draws[9] < 0.02,
                    snapshot_count=int(event.draws[10] < 0.05),
                    balancer_mode="on" if event.draws[11] >= 0.03 else "off",
                )
            )
        elif number in self.vms:
            self._remove(self.vms[number])


def live(
    path: Path, nodes: int, fullness: float, *, habits: Habits, days: float, seed: int
) -> tuple[dict[str, Any], OrdersWorld, list[Event]]:
    """The instance at the start, the world, and all actions of the customers in these days."""
    chosen = sampled(read(path), VMS_A_NODE * nodes, seed)
    document, first, later = world(chosen, nodes, fullness, seed)
    every = [*first, *later]
    rng = random.Random(f"orders-events-{seed}")
    happens = []
    for number, order in enumerate(every):
        draws = (float(number), *(rng.random() for _ in range(DRAWS - 1)))
        if order.starts_s > 0:
            happens.append(Event(order.starts_s, CREATE, draws))
        happens.append(Event(order.ends_s, REMOVE, draws))
    lively = OrdersWorld.of(document, habits, seed)
    lively.orders = every
    return document, lively, sorted(event for event in happens if event.at_s < days * DAY_S)
