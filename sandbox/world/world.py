"""The world behind the emulated panel: which VM runs where, which tasks run, what changes next.

Pure state and a simulated clock: `step(dt)` carries out everything that is due. No HTTP, no wall clock,
no randomness except from the seed. One world serves one panel.
"""

from __future__ import annotations

import dataclasses
import heapq
import random
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

from sandbox.world.churn import Churn
from sandbox.world.file import check_fields, make, read_records
from sandbox.world.model import VM, Cluster, Node, Task, Usage, WorldError

# A live migration costs a fixed overhead plus the time to copy the RAM over a 25 Gbit/s link.
MIGRATION_OVERHEAD_S = 10.0
MIGRATION_MIB_PER_S = 2000.0
TASKS_KEPT = 5000
HISTORY_KEPT = 50
DEFAULT_EPOCH = datetime(2026, 1, 1, tzinfo=timezone.utc)


class World:
    """All state. Change it only by its methods, which keep the indexes and the revisions correct."""

    def __init__(
        self,
        clusters: dict[int, Cluster],
        nodes: dict[int, Node],
        vms: dict[int, VM],
        *,
        seed: int = 1,
        churn: Churn | None = None,
        epoch: datetime = DEFAULT_EPOCH,
    ) -> None:
        self.clusters = clusters
        self.nodes = nodes
        self.vms: dict[int, VM] = {}
        self.rng = random.Random(seed)
        self.epoch = epoch
        self.now = 0.0
        self.revision = 0
        self.migration_s: float | None = None
        self.task_row_delay_s = 1.0
        self.tasks: dict[int, Task] = {}
        self._active: dict[int, Task] = {}
        self._on_node: dict[int, dict[int, VM]] = {node_id: {} for node_id in nodes}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._event_numbers = count()
        self._task_ids = count(1001)
        self._history_ids = count(1)
        self._consul_id = 740_000
        self._vm_ids = count(max(vms, default=0) + 1)
        for node in nodes.values():
            self._adopt_node(node)
        for vm in vms.values():
            self._adopt_vm(vm, age_s=self.rng.uniform(86_400, 300 * 86_400))
        self.churn = churn
        if churn:
            self.schedule(churn.start(self), self._churn_once)

    @classmethod
    def from_dict(cls, data: Any, *, seed: int = 1, epoch: datetime = DEFAULT_EPOCH) -> World:
        """A world from the JSON that `world_file` documents. Raises WorldError."""
        clusters, nodes, vms = read_records(data)
        churn = Churn.from_dict(data["churn"]) if data.get("churn") else None
        return cls(clusters, nodes, vms, seed=seed, churn=churn, epoch=epoch)

    def to_dict(self) -> dict[str, Any]:
        """The whole state, in the format of `from_dict`."""
        return {
            "now": self.now,
            "clock": self.clock(self.now),
            "clusters": [_settable_values(cluster) for cluster in self.clusters.values()],
            "nodes": [_settable_values(node) for node in self.nodes.values()],
            "vms": [_settable_values(vm) for vm in self.vms.values()],
            "churn": self.churn.to_dict() if self.churn else None,
            "tasks": [dataclasses.asdict(task) for task in self.tasks.values()],
        }

    # --- reading

    def vms_on(self, node: Node) -> Iterable[VM]:
        return self._on_node[node.id].values()

    def nodes_of(self, cluster: Cluster) -> list[Node]:
        return [node for node in self.nodes.values() if node.cluster == cluster.id]

    def usage(self, vms: Iterable[VM]) -> Usage:
        cpu = ram = disk = total = active = stopped = 0
        for vm in vms:
            cpu += vm.cpu_number
            ram += vm.ram_mib
            disk += vm.disk_mib
            total += 1
            active += vm.state == "active"
            stopped += vm.state == "stopped"
        return Usage(cpu, ram, disk, total, active, stopped)

    def unused_mib(self, node: Node) -> int:
        """Physical RAM that is reserved neither for a VM here nor for one that is being migrated here."""
        coming = (task.vm_id for task in self._active.values() if task.target == node.id)
        incoming = sum(self.vms[vm_id].ram_mib for vm_id in coming)
        return node.ram_mib - sum(vm.ram_mib for vm in self.vms_on(node)) - incoming

    def clock(self, at: float) -> str:
        """The panel's format of a time."""
        return (self.epoch + timedelta(seconds=at)).strftime("%Y-%m-%d %H:%M:%S")

    # --- time

    def schedule(self, after_s: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + after_s, next(self._event_numbers), action))

    def step(self, dt: float) -> None:
        """Lets `dt` simulated seconds pass; everything due happens in order, at its own time."""
        end = self.now + max(dt, 0.0)
        while self._events and self._events[0][0] <= end:
            at, _, action = heapq.heappop(self._events)
            self.now = at
            action()
        self.now = end

    def _churn_once(self) -> None:
        if self.churn:  # may have been switched off since
            self.schedule(self.churn.event(self), self._churn_once)

    # --- changes

    def add_node(self, fields: dict[str, Any]) -> Node:
        first = {"cluster": min(self.clusters, default=1), "id": max(self.nodes, default=0) + 1}
        node = make(Node, {**first, **check_fields(Node, fields)})
        if node.id in self.nodes or node.cluster not in self.clusters:
            raise WorldError(f"node {node.id}: the id is taken or there is no cluster {node.cluster}")
        self.nodes[node.id] = node
        self._on_node[node.id] = {}
        self._adopt_node(node)
        return node

    def add_vm(self, fields: dict[str, Any]) -> VM:
        first = {"node": min(self.nodes, default=1)}
        if "id" not in fields:
            first["id"] = next(self._vm_ids)
        vm = make(VM, {**first, **check_fields(VM, fields)})
        if vm.id in self.vms or vm.node not in self.nodes:
            raise WorldError(f"VM {vm.id}: the id is taken or there is no node {vm.node}")
        self._vm_ids = count(max(vm.id + 1, next(self._vm_ids)))
        self._adopt_vm(vm, age_s=0.0)
        return vm

    def set_vm(self, vm: VM, **fields: Any) -> None:
        check_fields(VM, fields)
        target = fields.pop("node", vm.node)
        if target not in self.nodes or fields.pop("id", vm.id) != vm.id:
            raise WorldError(f"VM {vm.id}: there is no node {target}, or the id would change")
        if fields.get("state") == "active" and vm.state != "active":
            vm.started_at = self.now
        for name, value in fields.items():
            setattr(vm, name, value)
        if target != vm.node:
            del self._on_node[vm.node][vm.id]
            vm.node = target
            self._on_node[target][vm.id] = vm
        vm.rev = self._next_revision()

    def set_node(self, node: Node, **fields: Any) -> None:
        check_fields(Node, fields)
        if fields.get("id", node.id) != node.id or fields.get("cluster", node.cluster) not in self.clusters:
            raise WorldError(f"node {node.id}: the id would change or there is no such cluster")
        for name, value in fields.items():
            setattr(node, name, value)
        node.rev = self._next_revision()

    def delete_vm(self, vm: VM) -> None:
        if vm.task and vm.task.active:
            self.finish(vm.task, "failed", "The virtual machine has been removed")
        del self.vms[vm.id], self._on_node[vm.node][vm.id]
        self._next_revision()

    def _adopt_node(self, node: Node) -> None:
        node.ip = node.ip or f"10.{node.id >> 16 & 255}.{node.id >> 8 & 255}.{node.id & 255}"
        node.rev = self._next_revision()

    def _adopt_vm(self, vm: VM, age_s: float) -> None:
        vm.created_at = self.now - age_s
        vm.started_at = self.now - age_s / 2
        vm.domain = vm.domain or f"vm{vm.id}.example.com"
        self.vms[vm.id] = vm
        self._on_node[vm.node][vm.id] = vm
        vm.rev = self._next_revision()

    def _next_revision(self) -> int:
        self.revision += 1
        return self.revision

    # --- tasks

    def start_task(
        self,
        vm: VM,
        name: str,
        duration_s: float,
        done: Callable[[], None],
        *,
        user: str = "system@example.com",
        params: dict[str, Any] | None = None,
        target: int | None = None,
    ) -> Task:
        """Starts a task of the VM for this time, then calls `done`. Faults may change the task before its end."""
        self._consul_id += self.rng.randint(1, 7)
        task = Task(
            id=next(self._task_ids),
            consul_id=self._consul_id,
            history_id=next(self._history_ids),
            name=name,
            vm_id=vm.id,
            params=params or {},
            user=user,
            source=vm.node,
            created_at=self.now,
            visible_at=self.now + self.task_row_delay_s,
            target=target,
        )
        self.tasks[task.id] = self._active[task.id] = vm.task = task
        vm.history = [task, *vm.history[: HISTORY_KEPT - 1]]
        self.schedule(min(0.5, duration_s / 4), lambda: self._run(task))
        self.schedule(duration_s, lambda: self._end(task, done))
        self._next_revision()
        self._forget_old_tasks()
        return task

    def migrate(self, vm: VM, target: Node, user: str) -> Task:
        """Starts a live migration. The VM stays on its node until the task is complete."""
        duration = self.migration_s
        if duration is None:
            duration = MIGRATION_OVERHEAD_S + vm.ram_mib / MIGRATION_MIB_PER_S
        duration *= MIGRATION_MIB_PER_S / max(1.0, MIGRATION_MIB_PER_S - vm.dirty_mib_s)

        def arrive() -> None:
            self.set_vm(vm, node=target.id)
            if task.cold:
                self.set_vm(vm, state="active")
                vm.started_at = self.now

        task = self.start_task(
            vm,
            "host_migrate",
            duration,
            arrive,
            user=user,
            params={"node": target.id},
            target=target.id,
        )
        task.hangs = vm.dirty_mib_s >= MIGRATION_MIB_PER_S
        return task

    def finish(self, task: Task, status: str, output: str = "") -> None:
        task.status, task.output, task.finished_at = status, output, self.now
        self._active.pop(task.id, None)
        vm = self.vms.get(task.vm_id)
        if vm and vm.task is task:
            vm.task = None
        self._next_revision()

    def _run(self, task: Task) -> None:
        if task.status == "created":
            task.status, task.started_at = "running", self.now

    def _end(self, task: Task, done: Callable[[], None]) -> None:
        if not task.active or task.hangs:
            return
        if task.fail_output is not None:
            self.finish(task, "failed", task.fail_output)
            return
        self.finish(task, "complete")
        done()

    def _forget_old_tasks(self) -> None:
        if len(self.tasks) > TASKS_KEPT * 1.2:
            done = [task.id for task in self.tasks.values() if not task.active]
            for task_id in done[: len(self.tasks) - TASKS_KEPT]:
                del self.tasks[task_id]


def _settable_values(record: Cluster | Node | VM) -> dict[str, Any]:
    return {f.name: getattr(record, f.name) for f in dataclasses.fields(record) if f.init}
