"""Control functions under /sandbox/: faults, the request log, patches to the world.

They need no login and answer only to this machine. A real panel has none of them.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from aiohttp import web

from sandbox.panel.http import BAD_REQUEST, ApiError, reply
from sandbox.panel.state import PANEL, Panel
from sandbox.world.model import VM, Node, WorldError
from sandbox.world.world import World

# The fields of each operation besides its name.
OPS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "set_vm": {"id": int, "fields": dict},
    "set_node": {"id": int, "fields": dict},
    "add_vm": {"vm": dict},
    "delete_vm": {"id": int},
    "move_vm": {"id": int, "node": int},
    "add_node": {"node": dict},
    "advance": {"seconds": (int, float)},
}
LONGEST_ADVANCE_S = 30 * 86_400.0


def is_loopback(address: str | None) -> bool:
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


async def health(request: web.Request) -> web.Response:
    world = request.app[PANEL].world
    counts = {"clusters": len(world.clusters), "nodes": len(world.nodes), "vms": len(world.vms)}
    return reply({"status": "ok", "now": world.now, **counts})


async def get_faults(request: web.Request) -> web.Response:
    return reply(request.app[PANEL].faults.describe())


async def add_fault(request: web.Request) -> web.Response:
    panel = request.app[PANEL]
    body = await _object(request)
    kind = body.pop("kind", None)
    try:
        fault = panel.faults.add(str(kind), **body)
    except WorldError as error:
        raise ApiError(400, BAD_REQUEST, str(error)) from error
    if fault.kind in ("expire_tokens", "code_1000"):
        panel.sessions.expire_all()
    if fault.kind == "expire_tokens":
        panel.faults.clear("expire_tokens")
    return reply(fault.describe(), status=201)


async def clear_faults(request: web.Request) -> web.Response:
    request.app[PANEL].faults.clear(request.query.get("kind", ""))
    return reply([])


async def get_shapes(request: web.Request) -> web.Response:
    return reply(request.app[PANEL].shapes.describe())


async def add_shape(request: web.Request) -> web.Response:
    body = await _object(request)
    name = body.pop("name", None)
    try:
        return reply(request.app[PANEL].shapes.switch_on(str(name), **body), status=201)
    except WorldError as error:
        raise ApiError(400, BAD_REQUEST, str(error)) from error


async def clear_shapes(request: web.Request) -> web.Response:
    request.app[PANEL].shapes.switch_off(request.query.get("name", ""))
    return reply([])


async def get_requests(request: web.Request) -> web.Response:
    since = request.query.get("since", "0")
    if not since.isdecimal():
        raise ApiError(400, BAD_REQUEST, "since must be a number")
    query = request.query
    return reply(request.app[PANEL].requests.since(int(since), query.get("path", ""), query.get("method", "")))


async def clear_requests(request: web.Request) -> web.Response:
    request.app[PANEL].requests.clear()
    return reply([])


async def get_world(request: web.Request) -> web.Response:
    return reply(request.app[PANEL].world.to_dict())


async def patch_world(request: web.Request) -> web.Response:
    """One operation, or a list of them carried out in order."""
    panel = request.app[PANEL]
    body = await _json(request)
    operations = body if isinstance(body, list) else [body]
    try:
        answers = [patch(panel, operation) for operation in operations]
    except WorldError as error:
        raise ApiError(400, BAD_REQUEST, str(error)) from error
    return reply(answers if isinstance(body, list) else answers[0])


def patch(panel: Panel, operation: Any) -> dict[str, Any]:
    """Carry out one operation; the answer names the changed object."""
    world, op = panel.world, _checked(operation)
    name = op["op"]
    if name == "advance":
        if not 0 <= op["seconds"] <= LONGEST_ADVANCE_S:
            raise WorldError(f"advance: seconds must be between 0 and {LONGEST_ADVANCE_S:.0f}")
        world.step(op["seconds"])
    elif name == "add_vm":
        return {"op": name, "id": world.add_vm(op["vm"]).id, "now": world.now}
    elif name == "add_node":
        return {"op": name, "id": world.add_node(op["node"]).id, "now": world.now}
    elif name == "set_node":
        world.set_node(_node(world, op["id"]), **op["fields"])
    elif name == "set_vm":
        world.set_vm(_vm(world, op["id"]), **op["fields"])
    elif name == "move_vm":
        world.set_vm(_vm(world, op["id"]), node=op["node"])
    else:
        world.delete_vm(_vm(world, op["id"]))
    return {"op": name, "id": op.get("id"), "now": world.now}


def _checked(operation: Any) -> dict[str, Any]:
    if not isinstance(operation, dict) or operation.get("op") not in OPS:
        raise WorldError(f'expected {{"op": one of {", ".join(OPS)}, …}}, got {operation!r}')
    wanted = OPS[operation["op"]]
    if set(operation) != {"op", *wanted}:
        raise WorldError(f"{operation['op']}: takes exactly {', '.join(wanted)}")
    for name, kind in wanted.items():
        if not isinstance(operation[name], kind) or isinstance(operation[name], bool):
            raise WorldError(f"{operation['op']}: {name} has the wrong type: {operation[name]!r}")
    return operation


def _vm(world: World, vm_id: int) -> VM:
    if vm_id not in world.vms:
        raise WorldError(f"there is no VM {vm_id}")
    return world.vms[vm_id]


def _node(world: World, node_id: int) -> Node:
    if node_id not in world.nodes:
        raise WorldError(f"there is no node {node_id}")
    return world.nodes[node_id]


async def _json(request: web.Request) -> Any:
    try:
        return await request.json()
    except ValueError as error:
        raise ApiError(400, BAD_REQUEST, "the body is not valid JSON") from error


async def _object(request: web.Request) -> dict[str, Any]:
    body = await _json(request)
    if not isinstance(body, dict):
        raise ApiError(400, BAD_REQUEST, "the body must be an object")
    return body


ROUTES = (
    web.get("/sandbox/health", health),
    web.get("/sandbox/faults", get_faults),
    web.post("/sandbox/faults", add_fault),
    web.delete("/sandbox/faults", clear_faults),
    web.get("/sandbox/shapes", get_shapes),
    web.post("/sandbox/shapes", add_shape),
    web.delete("/sandbox/shapes", clear_shapes),
    web.get("/sandbox/requests", get_requests),
    web.delete("/sandbox/requests", clear_requests),
    web.get("/sandbox/world", get_world),
    web.post("/sandbox/world", patch_world),
)
