"""A cluster whose VMs carry loads of their own, as traces say; nodes and VMs are measured as the program measures them.

VMs are placed by allocation, as a panel places them, so the loads of the nodes differ. Time goes in steps of
``load_traces.STEP_S``. At a step a planner sees the loads of the earlier steps; the step itself is in the future.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import numpy as np

from balancer.model import VM, Cluster, Measurement, Node, Snapshot, VMLoad
from benchmarks.generate import FLAVOUR_WEIGHTS, FLAVOURS, GENERATION_WEIGHTS, GENERATIONS, GIB_PER_VCPU, GIB_WEIGHTS
from benchmarks.load_traces import STEP_S, Floats

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
HISTORY = 12
"""Steps before the first check, so that the check knows the last hour."""
MEAN_LOAD = 0.62
"""Load of a CPU, on average over nodes and time: with the traces' ups and downs nodes go above 1.0."""
RATIO, MEMORY = 4.5, 0.55
"""Allocated vCPUs per CPU, and the part of the memory that is allocated, over all nodes."""
SCALES = (0.5, 2.0)
"""The load of a VM is its trace times a factor from this range."""
LARGEST_VCPUS = 16
LARGEST = 0.5
"""A VM has at most this part of the CPUs of its node."""
CHOICES = 4
"""The panel puts a VM on the emptiest of this number of random nodes."""
STEPS_A_CHECK = 2
SHARES, NOW, HOUR = "shares", "own load now", "own load of the last hour"
STEPS_OF = {NOW: 2, HOUR: 12}
"""The number of steps whose mean is a VM's load: those between two checks, or those of the last hour."""


@dataclass(slots=True)
class LoadWorld:
    """Nodes and VMs by position; ``step`` is the one that comes next."""

    nodes: tuple[Node, ...]
    vms: list[VM]
    demand: Floats
    """By VM and step: the CPUs that it would keep busy."""
    home: list[int]
    step: int = HISTORY
    used: list[Floats] = field(default_factory=list)
    """Of the past steps: by VM the CPUs that it got. Where a node has too few CPUs, all its VMs get less."""

    def node_loads(self, step: int) -> Floats:
        """By node: the CPUs that its VMs want in that step."""
        return np.bincount(self.home, self.demand[:, step], len(self.nodes))

    def overloaded(self, step: int) -> int:
        """How many nodes have more to run in that step than they have CPUs."""
        cpus = np.array([node.cpus for node in self.nodes])
        return int((self.node_loads(step) > cpus).sum())

    def pass_step(self) -> None:
        """The step is over: what each VM got in it is known."""
        loads = self.node_loads(self.step)
        slowed = np.minimum(1.0, np.array([node.cpus for node in self.nodes]) / np.maximum(loads, 1e-9))
        self.used.append(self.demand[:, self.step] * slowed[self.home])
        self.step += 1

    def move(self, vm: int, target: int) -> None:
        """The VM is on the target from now on."""
        self.home[vm] = target
        self.vms[vm] = replace(self.vms[vm], node_id=target)

    @property
    def now(self) -> datetime:
        """The moment between the step before and the next."""
        return START + timedelta(seconds=self.step * STEP_S)

    def snapshot(self, source: str) -> Snapshot:
        """The snapshot of the program now. ``source``: how it knows the load of a VM."""
        loads, now = self.node_loads(self.step - 1), self.now
        vcpus, mib = [0] * len(self.nodes), [0] * len(self.nodes)
        count = np.bincount(self.home, minlength=len(self.nodes)).tolist()
        for vm, home in zip(self.vms, self.home, strict=True):
            vcpus[home] += vm.vcpus or 0
            mib[home] += vm.memory_mib or 0
        nodes = tuple(
            replace(
                node,
                vcpus_allocated=vcpus[i],
                memory_allocated_mib=mib[i],
                vm_count=count[i],
                measured=_measured(node, float(loads[i]), mib[i], now),
            )
            for i, node in enumerate(self.nodes)
        )
        return Snapshot(now, (Cluster(1, "loads", "kvm"),), nodes, tuple(self._with_loads(source, now)))

    def _with_loads(self, source: str, now: datetime) -> list[VM]:
        if source == SHARES:
            return self.vms
        steps = min(STEPS_OF[source], len(self.used))
        past = np.array(self.used[-steps:])
        readings = past.reshape(-1, STEPS_A_CHECK, past.shape[1]).mean(axis=1)
        mean, latest, deviation = readings.mean(axis=0), readings[-1], readings.std(axis=0)
        known = len(readings) > 1
        return [
            replace(
                vm,
                load=VMLoad(
                    float(mean[i]),
                    now,
                    steps * STEP_S,
                    latest_cpus=float(latest[i]),
                    deviation_cpus=float(deviation[i]) if known else None,
                ),
            )
            for i, vm in enumerate(self.vms)
        ]


def _measured(node: Node, load: float, mib: int, now: datetime) -> Measurement:
    total = node.memory_mib or 0
    return Measurement(now, load, load, load, node.cpus or 1, total - mib, total)


def build(traces: Sequence[Floats], *, nodes: int, vms: int, days: float, seed: int) -> LoadWorld:
    """A cluster with these numbers of nodes and VMs, with loads for these days and the hour before.

    Each VM has a trace, a start in it and a scale, all drawn. All loads are then scaled so that their mean is
    ``MEAN_LOAD``.
    """
    rng = random.Random(f"loads-{seed}")
    vcpus = [min(LARGEST_VCPUS, c) for c in rng.choices(FLAVOURS, FLAVOUR_WEIGHTS, k=vms)]
    mib = [1024 * min(128, max(1, c * rng.choices(GIB_PER_VCPU, GIB_WEIGHTS)[0])) for c in vcpus]
    sizes = rng.choices(GENERATIONS, GENERATION_WEIGHTS, k=nodes)
    cpus = [max(4, 2 * round(sum(vcpus) / RATIO * size / sum(sizes) / 2)) for size in sizes]
    memory = [1024 * round(sum(mib) / MEMORY * size / sum(sizes) / 1024) for size in sizes]
    steps = HISTORY + round(days * 86_400 / STEP_S)
    demand = _demand(traces, vcpus, MEAN_LOAD * sum(cpus), steps, rng)
    home = _placed(list(zip(vcpus, mib, strict=True)), cpus, memory, rng)
    rows = tuple(_node(i, *of) for i, of in enumerate(zip(cpus, memory, strict=True)))
    world = LoadWorld(rows, _vms(home, vcpus, mib, rng), demand, home, step=0)
    while world.step < HISTORY:
        world.pass_step()
    return world


def _node(number: int, cpus: int, memory_mib: int) -> Node:
    return Node(
        id=number,
        name=f"n{number}",
        cluster_id=1,
        cpus=cpus,
        memory_mib=memory_mib,
        state="active",
        maintenance=False,
        creation_allowed=True,
        qemu_version="8.2.0",
        kernel_version="6.1.0",
    )


def _vms(home: Sequence[int], vcpus: Sequence[int], mib: Sequence[int], rng: random.Random) -> list[VM]:
    """A few have an ISO or a snapshot, or are switched off for balancing."""
    return [
        VM(
            id=i,
            name=f"v{i}",
            cluster_id=1,
            node_id=home[i],
            vcpus=vcpus[i],
            memory_mib=mib[i],
            state="active",
            iso_mounted=rng.random() < 0.02,
            snapshot_count=int(rng.random() < 0.05),
            balancer_mode="on" if rng.random() >= 0.03 else "off",
        )
        for i in range(len(home))
    ]


def _demand(traces: Sequence[Floats], vcpus: Sequence[int], mean: float, steps: int, rng: random.Random) -> Floats:
    parts = []
    for _ in vcpus:
        trace = rng.choice(traces)
        start, scale = rng.randrange(len(trace)), SCALES[0] * (SCALES[1] / SCALES[0]) ** rng.random()
        parts.append(scale * np.take(trace, np.arange(start, start + steps), mode="wrap"))
    size = np.array(vcpus, dtype=np.float64)[:, None]
    part = np.array(parts)
    low, high = 0.0, 1e6
    while high / max(low, 1e-6) > 1.001:  # a VM never keeps more CPUs busy than it has, so the scale is searched
        middle = (low + high) / 2
        total = float((np.minimum(1.0, middle * part) * size).sum(axis=0).mean())
        low, high = (middle, high) if total < mean else (low, middle)
    return np.minimum(1.0, high * part) * size


def _placed(
    vms: Sequence[tuple[int, int]], cpus: Sequence[int], memory: Sequence[int], rng: random.Random
) -> list[int]:
    used_c, used_m = [0] * len(cpus), [0] * len(cpus)
    home = []
    for c, m in vms:
        wide = [n for n, most in enumerate(cpus) if c <= LARGEST * most] or [cpus.index(max(cpus))]
        able = rng.choices(wide, k=CHOICES)
        node = min((max((used_c[n] + c) / cpus[n] / RATIO, (used_m[n] + m) / memory[n] / MEMORY), n) for n in able)[1]
        used_c[node] += c
        used_m[node] += m
        home.append(node)
    return home
