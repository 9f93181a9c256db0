"""hbal's rule in NumPy, for the closed loop, where starting hbal each cycle would take days: the best single move.

The score is the one that hbal has under the adapter's mapping (README.md): std(CPU ratio) + std(memory fraction) +
the number of VMs on nodes without free memory. Every movable VM is tried on every node that may take it, and the
move with the lowest score is made while it is an improvement. A test holds the moves to those of the program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SMALL_SCORE, SMALLEST_GAIN = 0.1, 0.01
"""hbal's defaults: once the score is below the first, a move must gain the second."""


@dataclass(slots=True)
class Cluster:
    """Arrays by node and by VM. ``memory_cap`` is what a node may hold before it counts as full, in MiB."""

    cpus: Any
    memory: Any
    memory_cap: Any
    cpu_limit: float
    takes: Any
    """Whether the node may take VMs."""
    qemu: Any
    vcpus: Any
    used: Any
    count: Any
    vm_room: Any
    """How many more VMs each node may take."""
    home: Any
    vm_vcpus: Any
    vm_mib: Any
    movable: Any


def best_moves(cluster: Cluster, limit: int, *, defaults: bool = True) -> list[tuple[int, int, int]]:
    """At most ``limit`` (0 = all) moves as positions (VM, source, target); ``cluster`` is changed by them."""
    moves: list[tuple[int, int, int]] = []
    while not limit or len(moves) < limit:
        before = score(cluster)
        result = _best(cluster)
        if result is None:
            break
        vm, target, after = result
        gain = before - after
        if gain <= 1e-12 or (defaults and before <= SMALL_SCORE and gain < SMALLEST_GAIN):
            break
        source = int(cluster.home[vm])
        moves.append((vm, source, target))
        _apply(cluster, vm, source, target)
    return moves


def score(cluster: Cluster) -> float:
    spread = np.std(cluster.vcpus / cluster.cpus) + np.std(cluster.used / cluster.memory)
    return float(spread) + float(cluster.count[cluster.used >= cluster.memory_cap].sum())


def _best(cluster: Cluster) -> tuple[int, int, float] | None:
    """VM, target and the score after the best move; of equal ones the first VM, then the first node."""
    c = cluster
    vms = np.flatnonzero(c.movable)
    if not len(vms):
        return None
    home, vcpus, mib = c.home[vms], c.vm_vcpus[vms], c.vm_mib[vms]
    legal = (c.takes & (c.vm_room > 0))[None, :] & (c.qemu[None, :] >= c.qemu[home][:, None])
    legal &= (c.vcpus[None, :] + vcpus[:, None]) / c.cpus[None, :] <= c.cpu_limit + 1e-9
    legal &= c.used[None, :] + mib[:, None] < c.memory_cap[None, :]
    legal[np.arange(len(vms)), home] = False
    full = c.used >= c.memory_cap
    relieved = full[home] & (c.used[home] - mib < c.memory_cap[home])
    fewer = np.where(relieved, c.count[home], full[home].astype(c.count.dtype))
    spread = _spread_after(c.vcpus, c.cpus, vcpus, home) + _spread_after(c.used, c.memory, mib, home)
    after = spread + (c.count[full].sum() - fewer)[:, None]
    after[~legal] = np.inf
    at = int(np.argmin(after))
    row, target = divmod(at, len(c.cpus))
    result = float(after[row, target])
    return None if result == np.inf else (int(vms[row]), target, result)


def _spread_after(used: Any, capacity: Any, amount: Any, home: Any) -> Any:
    """The standard deviation after each move, out of the sums of the loads and of their squares."""
    load, nodes = used / capacity, len(capacity)
    left = (used[home] - amount) / capacity[home]
    came = (used[None, :] + amount[:, None]) / capacity[None, :]
    total = load.sum() + (left - load[home])[:, None] + (came - load[None, :])
    squares = (load**2).sum() + (left**2 - load[home] ** 2)[:, None] + (came**2 - load[None, :] ** 2)
    return np.sqrt(np.maximum(0.0, squares / nodes - (total / nodes) ** 2))


def _apply(cluster: Cluster, vm: int, source: int, target: int) -> None:
    for node, sign in ((source, -1), (target, 1)):
        cluster.vcpus[node] += sign * cluster.vm_vcpus[vm]
        cluster.used[node] += sign * cluster.vm_mib[vm]
        cluster.count[node] += sign
        cluster.vm_room[node] -= sign
    cluster.home[vm] = target
