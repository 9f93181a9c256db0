"""The functions of the emulated panel that a balancer calls after the login: lists, migration, tasks.

Each handler is one function of the public API and answers in its shape, with its oddities. The answer to other paths is
404 with the envelope.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aiohttp import web

from sandbox.panel.auth import require_user
from sandbox.panel.http import (
    BAD_PROPERTY,
    BAD_REQUEST,
    NOT_FOUND,
    ApiError,
    list_reply,
    read_body,
    reply,
)
from sandbox.panel.lists import chosen_of, list_of
from sandbox.panel.rows import (
    CLUSTER_COLUMNS,
    NODE_COLUMNS,
    TASK_COLUMNS,
    VM_COLUMNS,
    cluster_row,
    disk_rows,
    form_node,
    history_row,
    node_by_id,
    node_row,
    task_row,
)
from sandbox.panel.state import PANEL, Panel
from sandbox.panel.vm_rows import metadata_of, vm_by_id
from sandbox.world.model import VM, Cluster, Node, Task
from sandbox.world.rules import refusal

Record = TypeVar("Record")

METRIC_MINUTES = 90
METRIC_UNITS: dict[str, Callable[[VM], float]] = {
    "percent": lambda vm: 100 * vm.cpu_load,
    "cpus": lambda vm: vm.cpu_load * vm.cpu_number,
    "nonsense": lambda vm: 1000.0 + vm.cpu_load,
}
VERSION = "2026.11.1-sandbox"


async def version(request: web.Request) -> web.Response:
    return reply({"version": VERSION})


# --- clusters, nodes, VMs


async def clusters(request: web.Request) -> web.Response:
    world = request.app[PANEL].world
    return list_of(request, world.clusters.values(), CLUSTER_COLUMNS, lambda cluster: cluster_row(world, cluster))


async def cluster_by_id(request: web.Request) -> web.Response:
    cluster: Cluster = _found(request, request.app[PANEL].world.clusters, "Cluster")
    return reply({"id": cluster.id, "name": cluster.name, "state": cluster.state, "comment": cluster.comment})


async def nodes(request: web.Request) -> web.Response:
    world = request.app[PANEL].world
    return list_of(request, world.nodes.values(), NODE_COLUMNS, lambda node: node_row(world, node))


async def node(request: web.Request) -> web.Response:
    return reply(node_by_id(_found(request, request.app[PANEL].world.nodes, "Node")))


async def vms(request: web.Request) -> web.Response:
    panel = request.app[PANEL]
    chosen, size = chosen_of(request, panel.world.vms.values(), VM_COLUMNS)
    return list_reply(panel.vm_rows.texts(chosen), size=size, last_notify=panel.world.revision)


async def vm(request: web.Request) -> web.Response:
    return reply(vm_by_id(_vm(request)))


async def vm_metadata(request: web.Request) -> web.Response:
    return reply({"metadata": metadata_of(request.app[PANEL].world, _vm(request))})


async def vm_metrics(request: web.Request) -> web.Response:
    """A bare array, as Graphite answers; the unit of ``cpu_load`` is an option of the shape ``metrics_unit``."""
    world, vm = request.app[PANEL].world, _vm(request)
    if request.query.get("target") != "cpu_load" or vm.state != "active":
        return reply([])
    shape = request.app[PANEL].shapes.options("metrics_unit")
    value = METRIC_UNITS["percent" if shape is None else shape["of"]](vm)
    end = world.epoch.timestamp() + world.now
    points = [[value if n % 7 else None, int(end) - 60 * n] for n in range(METRIC_MINUTES, -1, -1)]
    return reply([{"target": "cpu_load", "datapoints": points}])


async def vm_disks(request: web.Request) -> web.Response:
    return list_of(request, disk_rows(request.app[PANEL].world, _vm(request)), {}, lambda row: row)


async def vm_history(request: web.Request) -> web.Response:
    world = request.app[PANEL].world
    rows = [history_row(world, task) for task in _vm(request).history]
    if request.app[PANEL].shapes.options("history_params") is not None:
        for row, task in zip(rows, _vm(request).history, strict=True):
            row["params"] = {**row["params"], "source": task.source}
    return reply({"list": rows, "max_id": max((row["id"] for row in rows), default=0)})


# --- migration


async def migrate_form(request: web.Request) -> web.Response:
    panel = request.app[PANEL]
    moving = _vm(request)
    if not panel.options.form or panel.faults.take("no_form", request):
        raise ApiError(404, NOT_FOUND, "Not found")
    own = panel.world.nodes[moving.node]
    others = [node for node in panel.world.nodes.values() if node.cluster == own.cluster and node is not own]
    return reply({"nodes": [form_node(panel.world, moving, node) for node in others]})


async def migrate(request: web.Request) -> web.Response:
    """Start it. The reply's `id` is the VM's, its `task` the consul id."""
    panel = request.app[PANEL]
    moving = _vm(request)
    body = await read_body(request, {"node", "plain", "disks"}, {"node"})
    if type(body["node"]) is not int:
        raise ApiError(400, BAD_PROPERTY, "Property 'node' must be a number", {"property": "node"})
    target: Node | None = panel.world.nodes.get(body["node"])
    if target is None:
        raise ApiError(400, NOT_FOUND, f"Node with id {body['node']} not found", {"node": body["node"]})
    fault = panel.faults.take("migrate_refused", request)
    if fault:
        raise ApiError(fault.options["status"], fault.options["code"], fault.options["msg"])
    refused = refusal(panel.world, moving, target)
    if refused:
        raise ApiError(400, refused.code, refused.msg, {"host": moving.id, "node": target.id})
    task = panel.world.migrate(moving, target, require_user(request).email)
    _bend(panel, request, task)
    return reply({"id": moving.id, "task": task.consul_id})


def _bend(panel: Panel, request: web.Request, task: Task) -> None:
    fails = panel.faults.take("migrate_fails", request)
    if fails:
        task.fail_output = fails.options["output"]
    if panel.faults.take("migrate_hangs", request):
        task.hangs = True
    task.hidden = panel.faults.take("lose_task_row", request) is not None
    cold = panel.shapes.options("cold")
    task.cold = cold is not None
    if cold is not None and cold["stops"] and not fails:
        panel.world.set_vm(panel.world.vms[task.vm_id], state="stopped")


# --- tasks


async def tasks(request: web.Request) -> web.Response:
    """Rows appear a moment after the answer to the action."""
    world = request.app[PANEL].world
    visible = [task for task in world.tasks.values() if task.visible_at <= world.now and not task.hidden]
    return list_of(request, visible, TASK_COLUMNS, lambda task: task_row(world, task))


async def task(request: web.Request) -> web.Response:
    """One task by the task manager's id; a consul id does not work here."""
    world = request.app[PANEL].world
    result: Task = _found(request, world.tasks, "Task")
    return reply({"task": {**task_row(world, result), "output": result.output}})


async def abort_task(request: web.Request) -> web.Response:
    """Aborts a task: the VM stays on its node. With the fault `abort_ignored` the migration goes on after the answer,
    with `abort_restarts` the VM is restarted."""
    panel = request.app[PANEL]
    world, faults = panel.world, panel.faults
    result: Task = _found(request, world.tasks, "Task")
    await read_body(request, set())
    refused = faults.take("abort_refused", request)
    if refused:
        raise ApiError(refused.options["status"], refused.options["code"], refused.options["msg"])
    if not result.active:
        raise ApiError(400, BAD_REQUEST, "Task is already finished", {"status": result.status})
    if not faults.take("abort_ignored", request):
        moving = world.vms.get(result.vm_id)
        if moving is not None and faults.take("abort_restarts", request):
            world.set_vm(moving, state="stopped")
            world.set_vm(moving, state="active")
        world.finish(result, "failed", "Task has been aborted by the administrator")
    return reply({"id": result.id, "task": result.consul_id})


# --- helpers


def _found(request: web.Request, records: dict[int, Record], what: str) -> Record:
    number = int(request.match_info["id"])
    if number not in records:
        raise ApiError(404, NOT_FOUND, f"{what} with id {number} not found", {"id": number})
    return records[number]


def _vm(request: web.Request) -> VM:
    return _found(request, request.app[PANEL].world.vms, "Host")


ROUTES = (
    web.get("/vm/v3/version", version),
    web.get("/vm/v3/cluster", clusters),
    web.get(r"/vm/v3/cluster/{id:\d+}", cluster_by_id),
    web.get("/vm/v3/node", nodes),
    web.get(r"/vm/v3/node/{id:\d+}", node),
    web.get("/vm/v3/host", vms),
    web.get(r"/vm/v3/host/{id:\d+}", vm),
    web.get(r"/vm/v3/host/{id:\d+}/metadata", vm_metadata),
    web.get(r"/vm/v3/host/{id:\d+}/metrics", vm_metrics),
    web.get(r"/vm/v3/host/{id:\d+}/disk", vm_disks),
    web.get(r"/vm/v3/host/{id:\d+}/history", vm_history),
    web.get(r"/vm/v3/host/{id:\d+}/migrate", migrate_form),
    web.post(r"/vm/v3/host/{id:\d+}/migrate", migrate),
    web.get("/vm/v3/task", tasks),
    web.get(r"/vm/v3/task/{id:\d+}", task),
    web.post(r"/vm/v3/task/{id:\d+}/abort", abort_task),
)
