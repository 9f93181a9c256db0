"""Exact answers about room, by CP-SAT; they share no rule with the program and need `requirements/bench.txt`.

Only vCPUs and memory count: the instances have every VM movable and every node in service.
"""

from __future__ import annotations

import math
from collections import Counter

from ortools.sat.python import cp_model

from benchmarks.bounds import TOLERANCE, least_removal
from benchmarks.instance import Instance, State

SECONDS_A_NODE = 10.0


def losses(instance: Instance) -> list[bool | None]:
    """For each node whether its VMs fit on the others; ``None``: CP-SAT was stopped by time."""
    state = State(instance)
    return [_fits(instance, state, lost) for lost in range(len(instance.cpus))]


def _room(instance: Instance, state: State, node: int) -> tuple[int, int]:
    """The free vCPUs and MiB up to the thresholds; negative: the node is above one."""
    cpu = instance.cpu_limit * instance.cpus[node] - state.vcpus[node]
    memory = instance.memory_limit / 100 * instance.memory_mib[node] - state.used_mib[node]
    return math.floor(cpu + TOLERANCE), math.floor(memory + TOLERANCE)


def _fits(instance: Instance, state: State, lost: int) -> bool | None:
    own = (vm for vm, node in enumerate(state.place) if node == lost)
    sizes = Counter((instance.vcpus[vm], instance.vm_mib[vm]) for vm in own)
    rooms = [_room(instance, state, node) for node in instance.active if node != lost]
    rooms = [room for room in rooms if min(room) >= 0]
    model = cp_model.CpModel()
    count = {size: [model.new_int_var(0, number, "") for _ in rooms] for size, number in sizes.items()}
    for size, number in sizes.items():
        model.add(sum(count[size]) == number)
    for i, room in enumerate(rooms):
        for resource in (0, 1):
            model.add(sum(count[size][i] * size[resource] for size in sizes) <= room[resource])
    solver = cp_model.CpSolver()
    solver.parameters.max_time_in_seconds = SECONDS_A_NODE
    solver.parameters.num_workers = 1
    status = solver.solve(model)
    return None if status == cp_model.UNKNOWN else status != cp_model.INFEASIBLE


def fewest_moves(instance: Instance, vcpus: int, memory_mib: int) -> int | None:
    """No plan makes room for a new VM of this size with fewer moves; ``None``: no node could ever hold it.

    Whichever node gets the VM, at least so many VMs have to leave that node. Where they go is left out.
    """
    state = State(instance)
    own: dict[int, list[tuple[int, int]]] = {}
    for vm, node in enumerate(state.place):
        own.setdefault(node, []).append((instance.vcpus[vm], instance.vm_mib[vm]))
    best: int | None = None
    for node in instance.active:
        free = _room(instance, state, node)
        excess = (max(0, vcpus - free[0]), max(0, memory_mib - free[1]))
        least = least_removal(own.get(node, []), excess, by_memory=False)
        best = least if best is None else best if least is None else min(best, least)
    return best
