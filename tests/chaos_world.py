"""Events of a chaos run, from a seed: changes by customers and admins, and faults of the panel.

It does not know the program. The panel's own world records every start when it is accepted.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.panel.server import RunningPanel
from sandbox.world.churn import is_overloaded
from sandbox.world.model import VM, Node, Task, Usage
from sandbox.world.rules import refusal
from sandbox.world.world import World

PROGRAM = "admin@example.com"
CUSTOMER = "customer@example.com"
DAY_S = 86_400.0
HUNG_FOR_S = 3 * 3600.0
"""A task that hangs is ended by an admin after this long."""
HISTORY = "/history"


@dataclass(frozen=True)
class Start:
    """A migration that the panel accepted from the program. ``offences``: what was wrong with it at that moment."""

    at: float
    vm_id: int
    source: int
    target: int
    offences: tuple[str, ...]


class WatchedWorld(World):
    """Records every start of the program's account with the state of the world at that moment."""

    starts: list[Start]
    guards: list[Callable[[VM, Node], str | None]]

    def migrate(self, vm: VM, target: Node, user: str) -> Task:
        if user == PROGRAM:
            results = [self._overloads(vm, target), self._shares(vm, target), *(g(vm, target) for g in self.guards)]
            offences = tuple(words for words in results if words)
            self.starts.append(Start(self.now, vm.id, vm.node, target.id, offences))
        return super().migrate(vm, target, user)

    def _overloads(self, vm: VM, target: Node) -> str | None:
        used = self.usage(self.vms_on(target))
        after = Usage(cpu=used.cpu + vm.cpu_number, ram_mib=used.ram_mib + vm.ram_mib)
        return f"node {target.id} would be overloaded" if is_overloaded(target, after) else None

    def _shares(self, vm: VM, target: Node) -> str | None:
        """A node takes part in one migration of the program at a time."""
        for task in self.tasks.values():
            own = task.active and task.name == "host_migrate" and task.user == PROGRAM and task.vm_id in self.vms
            if own and {self.vms[task.vm_id].node, task.target} & {vm.node, target.id}:
                return f"a node of VM {vm.id} takes part in another migration, of VM {task.vm_id}"
        return None


def watched(data: dict[str, Any], seed: int) -> WatchedWorld:
    world = WatchedWorld.from_dict(data, seed=seed)
    assert isinstance(world, WatchedWorld)
    world.starts, world.guards = [], []
    for number, vm in enumerate(world.vms.values()):
        if number % 5 == 0:
            world.set_vm(vm, tags=["ask"])
    return world


# Faults of the panel -----------------------------------------------------------------------------


def _some(rng: random.Random) -> dict[str, Any]:
    return {"count": rng.randint(1, 6)}


def _anywhere(rng: random.Random) -> dict[str, Any]:
    return {**_some(rng), "path": rng.choice(["", "/vm/v3/host", "/vm/v3/node", "/vm/v3/task", "/vm/v3/cluster"])}


def _fields(rng: random.Random) -> dict[str, Any]:
    path = rng.choice(["/vm/v3/host", "/vm/v3/node"])
    known = ["state", "cpu_number", "ram_mib", "node", "snapshot_count", "qemu_version", "host_count", "id", "cpu"]
    return {**_some(rng), "path": path, "fields": rng.sample(known, 2)}


def _post(rng: random.Random) -> dict[str, Any]:
    return {"count": 1, "method": "POST", "path": "/vm/v3/host"}


FAULTS: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "http_503": lambda rng: {**_anywhere(rng), "count": rng.choice([1, 3, 12, 40])},
    "http_500": _anywhere,
    "html": _anywhere,
    "broken_json": _anywhere,
    "drop": _anywhere,
    "slow": lambda rng: {"count": 1, "delay": rng.choice([0.02, 0.6]), "path": "/vm/v3/host"},
    "half_list": lambda rng: {**_some(rng), "path": rng.choice(["/vm/v3/host", "/vm/v3/node"])},
    "missing_fields": _fields,
    "unknown_fields": _some,
    "numbers_as_strings": _some,
    "expire_tokens": lambda rng: {},
    "code_1000": lambda rng: {"count": 1},
    "revoke_password": lambda rng: {"count": rng.randint(1, 4)},
    "no_form": _some,
    "drop_after": lambda rng: {"count": 1},
    "lose_task_row": lambda rng: {"count": 1},
    "migrate_fails": lambda rng: {"count": 1, "output": "qemu: the guest does not converge"},
    "migrate_hangs": lambda rng: {"count": 1},
    "migrate_refused": lambda rng: {"count": 1, "msg": "License has expired"},
}
OF_THE_START = ("drop", "http_500", "http_503", "html", "broken_json")
"""Faults that also concern the POST of a start, each in its own way."""


SHAPES: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    **{
        name: lambda rng: {}
        for name in ("roles_text", "node_without_cluster", "vm_twice", "filters_empty", "fail_word")
    },
    **{name: lambda rng: {} for name in ("filters_equal", "cpu_unreported", "live_false_one")},
    **{name: lambda rng: {} for name in ("filters_text", "vm_in_two_clusters")},
    **{name: lambda rng: {} for name in ("vm_without_cluster", "maintenance_object", "rows_2022", "node_dead")},
    **{name: lambda rng: {} for name in ("history_without_ids", "stuck_history", "named_elsewhere", "odd_task_rows")},
    **{name: lambda rng: {} for name in ("filters_with_ids", "api_prefix")},
    "maintenance_words": lambda rng: {"word": rng.choice(["disabled", "Not active", "OFF", "none"])},
    "balancer_words": lambda rng: {"words": ["excluded"]},
    "uptime_late": lambda rng: {"answers": rng.randint(1, 6)},
    "uptime_skew": lambda rng: {"seconds": rng.randint(1, 50)},
    "cold": lambda rng: {"stops": rng.random() < 0.5},
    "history_names": lambda rng: {"task": rng.choice(["host_live_migration", "vm_move"])},
    "history_dates": lambda rng: {"form": rng.choice(["epoch", "iso", "german", "none"])},
    "done_word": lambda rng: {"word": rng.choice(["completed", "Done", "success"])},
    "paged": lambda rng: {"rows": rng.randint(5, 200)},
    "vm_without_node": lambda rng: {"count": rng.randint(1, 5)},
    "foreign_task": lambda rng: {"task": rng.choice(["host_migrate", "node_evacuate"])},
    "contradictory": lambda rng: {"of": rng.choice(["zero", "one", "negative", "huge", "text"])},
    "history_params": lambda rng: {"of": rng.choice(["source", "object", "none", "list"])},
}
"""Shapes that differ without false facts about rules."""


def reshape_panel(panel: RunningPanel, rng: random.Random, counts: Counter[str]) -> None:
    """Switches one shape on, or all off."""
    if rng.random() < 0.3:
        panel.shapes.switch_off()
        return
    name = rng.choice(list(SHAPES))
    panel.shapes.switch_on(name, **SHAPES[name](rng))
    counts[f"shape {name}"] += 1


def break_panel(panel: RunningPanel, rng: random.Random, counts: Counter[str]) -> None:
    """Adds one fault."""
    if rng.random() < 0.2:
        kind = rng.choice(OF_THE_START)
        options = _post(rng)
        counts[f"{kind} of a start"] += 1
    else:
        kind = rng.choice(list(FAULTS))
        options = FAULTS[kind](rng)
        counts[kind] += 1
    if kind in ("expire_tokens", "code_1000", "revoke_password"):
        panel.panel.sessions.expire_all()
    if kind != "expire_tokens":
        panel.faults.add(kind, **options)


# Faults under the program ------------------------------------------------------------------------

FILES = (("",), ("-wal",), ("-shm",), ("-wal", "-shm"), ("", "-wal", "-shm"))
"""Files of the database that vanish together."""


def remove_files(database: Path, rng: random.Random, counts: Counter[str]) -> None:
    """Removes files of the database under the program."""
    sides = rng.choice(FILES)
    counts[f"removed {' and '.join(side or 'database' for side in sides)}"] += 1
    for side in sides:
        database.with_name(database.name + side).unlink(missing_ok=True)


# What people do in the panel ---------------------------------------------------------------------


def meddle(world: World, rng: random.Random, counts: Counter[str]) -> None:
    """Another person acts in the panel: on a VM during its migration, on another VM, or on a node."""
    moving = [world.vms[t.vm_id] for t in world.tasks.values() if t.active and t.name == "host_migrate"]
    vm = rng.choice(moving) if moving and rng.random() < 0.6 else rng.choice(list(world.vms.values()))
    deed = rng.choice(["maintenance", "delete", "stop", "rename", "move", "abort"])
    counts[f"{deed} by hand"] += 1
    if deed == "maintenance":
        node = rng.choice(list(world.nodes.values()))
        world.set_node(node, maintenance_mode=not node.maintenance_mode)
    elif deed == "delete":
        world.delete_vm(vm)
    elif deed == "stop":
        world.set_vm(vm, state="stopped")
    elif deed == "rename":
        world.set_vm(vm, name=f"<b>renamed</b>-{vm.id}")
    elif deed == "move":
        free = [n for n in world.nodes.values() if refusal(world, vm, n) is None]
        if free:
            world.migrate(vm, rng.choice(free), CUSTOMER)
    elif vm.task is not None:
        world.finish(vm.task, "failed", "Task has been aborted by the administrator")


def tidy(world: World, rng: random.Random) -> None:
    """Ends tasks that hang for too long and deletes old ones, as on a panel that runs for months."""
    for task in list(world.tasks.values()):
        if task.active and task.hangs and world.now - task.created_at > HUNG_FOR_S:
            arrives = rng.random() < 0.5 and task.vm_id in world.vms and task.target in world.nodes
            world.finish(task, "complete" if arrives else "failed", "" if arrives else "aborted")
            if arrives:
                world.set_vm(world.vms[task.vm_id], node=task.target)
        elif not task.active and world.now - task.created_at > 2 * DAY_S:
            del world.tasks[task.id]
    resting = [n for n in world.nodes.values() if n.maintenance_mode]
    if len(resting) > len(world.nodes) // 4:
        world.set_node(resting[0], maintenance_mode=False)
