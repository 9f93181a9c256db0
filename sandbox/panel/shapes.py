"""Shapes in which a panel may answer: options of the emulated panel, switched at run time, in any mixture.

Versions of VMmanager differ, and nobody knows how a given panel answers. A shape bends answers (the rows of lists,
their paging) or what a migration does; the world behind them stays the same. Described in docs/first-contact.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.panel.http import BAD_REQUEST, ApiError
from sandbox.world.model import WorldError

Row = dict[str, Any]
Bend = Callable[[list[Row], Row], None]
"""Changes the rows of one list in place; gets the options of its shape."""

CLUSTERS, NODES, VMS, TASKS = "/vm/v3/cluster", "/vm/v3/node", "/vm/v3/host", "/vm/v3/task"
HISTORY = "/vm/v3/host/…/history"
_HISTORY_PATH = re.compile(r"/vm/v3/host/\d+/history")
_ODD_ID = 999_999
_FOREIGN_ID = 1
_PARAMS: dict[str, Callable[[int, int], Any]] = {
    "source": lambda source, target: {"node": source},
    "object": lambda source, target: {"node": {"id": target}},
    "none": lambda source, target: {},
    "list": lambda source, target: [{"node": target}],
}


# --- single rows -------------------------------------------------------------------------------------------


def _vm_without_node(rows: list[Row], options: Row) -> None:
    for number in range(options["count"]):
        rows.append(
            {**rows[0], "id": _ODD_ID - number, "name": "new-vm", "state": "creating", "node": None, "cluster": None}
        )


def _vm_without_cluster(rows: list[Row], options: Row) -> None:
    for row in rows:
        row["cluster"] = None


def _node_without_cluster(rows: list[Row], options: Row) -> None:
    rows.append({**rows[0], "id": _ODD_ID, "name": "new-node", "state": "creating", "cluster": None})


def _vm_twice(rows: list[Row], options: Row) -> None:
    other = next((row["node"] for row in rows if row["node"]["id"] != rows[0]["node"]["id"]), None)
    if other is not None:
        rows.append({**rows[0], "node": other})


def _each(**fields: Any) -> Bend:
    def bend(rows: list[Row], options: Row) -> None:
        for row in rows:
            row.update(json.loads(json.dumps(fields)))

    return bend


def _balancer_words(rows: list[Row], options: Row) -> None:
    words = options["words"]
    for row in rows:
        row["balancer_mode"] = words[row["id"] % len(words)]


def _kernel_behind(rows: list[Row], options: Row) -> None:
    for row in rows:
        row["kernel_version"] = "5.10.0-27-amd64" if row["id"] == options["node"] else "5.10.0-28-amd64"


def _live_false_one(rows: list[Row], options: Row) -> None:
    for row in rows[:1]:
        row["node"] = {**row["node"], "live_migration_allowed": False}


def _cpu_unreported(rows: list[Row], options: Row) -> None:
    for row in rows:
        row["cpu"].pop("used", None)


def _nodes_2022(rows: list[Row], options: Row) -> None:
    for row in rows:
        row["cpu_number"] = row.pop("cpu")["number"]
        row["ram_mib"] = {"total": row["ram_mib"]["total"], "used": row["ram_mib"]["allocated"]}
        row["host_count"] = row.pop("vm")["total"]
        for name in ("maintenance_mode", "qemu_version", "kernel_version", "os_version"):
            row.pop(name, None)


def _vms_2022(rows: list[Row], options: Row) -> None:
    for row in rows:
        for name in ("snapshot_count", "balancer_mode", "iso_mounted", "nesting"):
            row.pop(name, None)
        row["node"] = {"id": row["node"]["id"]} if row["node"] else None


def _node_dead(rows: list[Row], options: Row) -> None:
    for row in rows[1:2]:
        row.update(state="unavailable", cpu=None, ram_mib=None, qemu_version="")


# --- tasks and history -------------------------------------------------------------------------------------


def _foreign_task(rows: list[Row], options: Row) -> None:
    rows.append({"id": _FOREIGN_ID, "consul_id": 5, "name": options["task"], "status": "running"})


def _fail_word(rows: list[Row], options: Row) -> None:
    for row in rows:
        for key in ("status", "state"):
            if row.get(key) == "failed":
                row[key] = "fail"


def _history_without_ids(rows: list[Row], options: Row) -> None:
    for row in rows:
        row.pop("id", None)
        row.pop("task", None)


def _history_params(rows: list[Row], options: Row) -> None:
    for row in rows:
        if row["name"] == "host_migrate":
            row["params"] = _PARAMS[options["of"]](row["params"].get("source", 0), row["params"].get("node", 0))


def _stuck_history(rows: list[Row], options: Row) -> None:
    for row in rows:
        row["id"] += 1000
    rows.append({"id": 1, "name": "host_create", "state": "running", "task": _ODD_ID, "params": {}})


KINDS: dict[str, tuple[Row, dict[str, Bend]]] = {
    "vm_without_node": ({"count": 1}, {VMS: _vm_without_node}),
    "vm_without_cluster": ({}, {VMS: _vm_without_cluster}),
    "node_without_cluster": ({}, {NODES: _node_without_cluster}),
    "vm_twice": ({}, {VMS: _vm_twice}),
    "filters_empty": ({}, {NODES: _each(host_filter=[{"entity": "os_group", "expression": ""}])}),
    "filters_equal": ({}, {NODES: _each(host_filter=[{"entity": "cpu_number", "expression": "cpu_number LE 32"}])}),
    "maintenance_words": ({}, {NODES: _each(maintenance_mode="disabled")}),
    "maintenance_object": ({}, {NODES: _each(maintenance_mode={"state": "off"})}),
    "balancer_words": ({"words": ["excluded", "enabled", "manual"]}, {VMS: _balancer_words}),
    "kernel_behind": ({"node": 1}, {NODES: _kernel_behind}),
    "live_false_one": ({}, {VMS: _live_false_one}),
    "cpu_unreported": ({}, {NODES: _cpu_unreported}),
    "rows_2022": ({}, {NODES: _nodes_2022, VMS: _vms_2022}),
    "node_dead": ({}, {NODES: _node_dead}),
    "foreign_task": ({"task": "host_migrate"}, {TASKS: _foreign_task}),
    "fail_word": ({}, {TASKS: _fail_word, HISTORY: _fail_word}),
    "history_without_ids": ({}, {HISTORY: _history_without_ids}),
    "history_params": ({"of": "source"}, {HISTORY: _history_params}),
    "stuck_history": ({}, {HISTORY: _stuck_history}),
    # What no list shows: taken where it happens.
    "paged": ({"rows": 10}, {}),
    "slow_list": ({"seconds": 35.0}, {}),
    "roles_text": ({}, {}),
    "api_prefix": ({}, {}),
    "cold": ({"stops": False}, {}),
}
"""Name -> its options with their defaults, and what it does to which list."""


class ShapeBox:
    """The shapes that are switched on."""

    def __init__(self) -> None:
        self._on: dict[str, Row] = {}

    def switch_on(self, name: str, **options: Any) -> Row:
        """Raises WorldError for an unknown name or option."""
        if name not in KINDS:
            raise WorldError(f"unknown shape {name!r}; known: {', '.join(KINDS)}")
        known = KINDS[name][0]
        for option, value in options.items():
            if option not in known or not isinstance(value, type(known[option])):
                raise WorldError(f"shape {name}: options are {json.dumps(known)}, got {option}={value!r}")
        self._on[name] = {**known, **options}
        return {"name": name, **self._on[name]}

    def switch_off(self, name: str = "") -> None:
        """All of them without a name."""
        self._on = {on: options for on, options in self._on.items() if name and on != name}

    def options(self, name: str) -> Row | None:
        """The options of a shape that is on; ``None`` = it is off."""
        return self._on.get(name)

    def describe(self) -> list[Row]:
        return [{"name": name, **options} for name, options in self._on.items()]

    def __bool__(self) -> bool:
        return bool(self._on)

    def bend(self, path: str, document: Row, query: dict[str, str]) -> Row:
        """A whole list answer as the shapes make it, cut to the page that was asked for."""
        kind = HISTORY if _HISTORY_PATH.fullmatch(path) else path
        rows: list[Row] = document["list"]
        before = len(rows)
        for name, options in self._on.items():
            bend = KINDS[name][1].get(kind)
            if bend is not None and (rows or kind in (TASKS, HISTORY)):
                bend(rows, options)
        if "where" in query and kind not in (TASKS, HISTORY):
            del rows[before:]  # rows that a shape adds stand in whole lists alone
        document["size"] = len(rows)
        document["list"] = self._page(rows, query.get("limit", ""))
        return document

    def _page(self, rows: list[Row], limit: str) -> list[Row]:
        paged = self.options("paged")
        if limit:
            offset, count = page_of(limit)
            return rows[offset : offset + count]
        return rows if paged is None else rows[: paged["rows"]]


def page_of(limit: str) -> tuple[int, int]:
    """``count`` or ``offset,count`` of a `limit`."""
    parts = limit.split(",")
    if len(parts) > 2 or not all(part.isdecimal() for part in parts):
        raise ApiError(400, BAD_REQUEST, "Property 'limit' must be a number, or two", {"property": "limit"})
    offset, count = (["0", *parts])[-2:]
    return int(offset), int(count)


def bent(box: ShapeBox, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """A good list answer as the shapes make it; any other answer as it is."""
    good = isinstance(response, web.Response) and response.status < 300 and isinstance(response.body, bytes)
    if not good or not response.body.startswith(b'{"list":'):  # type: ignore[attr-defined]
        return response
    path = request.path.removeprefix("/api")
    document = box.bend(path, json.loads(response.body), dict(request.query))  # type: ignore[attr-defined]
    return web.json_response(document)
