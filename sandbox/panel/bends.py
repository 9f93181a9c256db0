"""The changes of each shape of the emulated panel in the rows of its lists. Pure: options in, rows changed in place.

A new shape is one function and one line in KINDS; docs/first-contact.md names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

Row = dict[str, Any]
Bend = Callable[[list[Row], Row], None]
"""Changes the rows of one list in place, by the options of its shape."""

CLUSTERS, NODES, VMS, TASKS = "/vm/v3/cluster", "/vm/v3/node", "/vm/v3/host", "/vm/v3/task"
HISTORY = "/vm/v3/host/…/history"
_ODD_ID = 999_999
_FOREIGN_ID = 1
_YOUNG_S = 60
_PARAMS: dict[str, Callable[[int, int], Any]] = {
    "source": lambda source, target: {"node": source},
    "object": lambda source, target: {"node": {"id": target}},
    "none": lambda source, target: {},
    "list": lambda source, target: [{"node": target}],
}


_DATES: dict[str, Callable[[datetime], Any]] = {
    "epoch": lambda at: int(at.timestamp()),
    "iso": lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "german": lambda at: at.strftime("%d.%m.%Y %H:%M:%S"),
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


def _maintenance_words(rows: list[Row], options: Row) -> None:
    for row in rows:
        row["maintenance_mode"] = "enabled" if row.get("maintenance_mode") is True else options["word"]


def _maintenance_object(rows: list[Row], options: Row) -> None:
    for row in rows:
        row["maintenance_mode"] = {"state": "on" if row.get("maintenance_mode") is True else "off"}


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
        if row.get("cpu") is not None:
            row["cpu"].pop("used", None)


def _nodes_2022(rows: list[Row], options: Row) -> None:
    for row in rows:
        cpu, memory = row.pop("cpu"), row["ram_mib"]
        row["cpu_number"] = None if cpu is None else cpu["number"]
        row["ram_mib"] = None if memory is None else {"total": memory["total"], "used": memory["allocated"]}
        row["host_count"] = row.pop("vm")["total"]
        for name in ("maintenance_mode", "qemu_version", "kernel_version", "os_version"):
            row.pop(name, None)


def _vms_2022(rows: list[Row], options: Row) -> None:
    for row in rows:
        for name in ("snapshot_count", "balancer_mode", "iso_mounted", "nesting"):
            row.pop(name, None)
        row["node"] = {"id": row["node"]["id"]} if row["node"] else None


def _vm_in_two_clusters(rows: list[Row], options: Row) -> None:
    rows.append({**rows[0], "id": _ODD_ID - 100, "name": "strange-vm", "cluster": {"id": _ODD_ID}})


def _uptime_late(rows: list[Row], options: Row) -> None:
    """Rows have no uptime for a VM that has just started, for some answers."""
    young = [row for row in rows if (row.get("uptime") or 0) < _YOUNG_S]
    if young and options["answers"] > 0:
        options["answers"] -= 1
        for row in young:
            row["uptime"] = None


def _uptime_skew(rows: list[Row], options: Row) -> None:
    """The clocks of every second node are behind, so an uptime steps back when a VM moves there."""
    for row in rows:
        if row.get("uptime") and row["node"] is not None and row["node"]["id"] % 2 == 0:
            row["uptime"] = max(0, row["uptime"] - options["seconds"])


def _odd_rows(rows: list[Row], options: Row) -> None:
    """A row that is no object."""
    rows.insert(0, None)  # type: ignore[arg-type]


def _named_elsewhere(rows: list[Row], options: Row) -> None:
    """Name and state under other keys."""
    for row in rows:
        for key, other in (("name", "intname"), ("status", "state") if "status" in row else ("state", "status")):
            row[other] = row.pop(key)


def _filters_with_ids(rows: list[Row], options: Row) -> None:
    """The same filter on every node, as separate entries with their own ids."""
    for row in rows:
        entry = {"id": 100 + row["id"], "node": row["id"], "entity": "cpu_number", "expression": "cpu_number LE 32"}
        row["host_filter"] = [entry]


def _contradictory_nodes(rows: list[Row], options: Row) -> None:
    """Counts of nodes that contradict the list of VMs."""
    for row in rows:
        if options["of"] in ("zero", "one"):
            row["vm"] = {**row["vm"], "total": ("zero", "one").index(options["of"])}
        elif options["of"] == "negative":
            row["vm"] = {**row["vm"], "total": -3, "active": -3}


def _contradictory_vms(rows: list[Row], options: Row) -> None:
    """A size that no VM has, a state that contradicts the uptime."""
    if options["of"] == "huge":
        rows[0]["ram_mib"] = 2**53
    elif options["of"] == "text":
        rows[0].update(cpu_number="many", ram_mib="", uptime="-1")


def _node_dead(rows: list[Row], options: Row) -> None:
    for row in rows[1:2]:
        row.update({name: None for name in ("cpu", "cpu_number", "ram_mib") if name in row}, state="unavailable")
        row["qemu_version"] = ""


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


def _history_names(rows: list[Row], options: Row) -> None:
    for row in rows:
        if row["name"] == "host_migrate":
            row["name"] = options["task"]


def _history_dates(rows: list[Row], options: Row) -> None:
    for row in rows:
        written = row.pop("date_create", None)
        if written is not None and options["form"] != "none":
            at = datetime.fromisoformat(written).replace(tzinfo=timezone.utc)
            row["date_create"] = _DATES[options["form"]](at)


def _done_word(rows: list[Row], options: Row) -> None:
    for row in rows:
        for key in ("status", "state"):
            if row.get(key) == "complete":
                row[key] = options["word"]


KINDS: dict[str, tuple[Row, dict[str, Bend]]] = {
    "vm_without_node": ({"count": 1}, {VMS: _vm_without_node}),
    "vm_without_cluster": ({}, {VMS: _vm_without_cluster}),
    "node_without_cluster": ({}, {NODES: _node_without_cluster}),
    "vm_twice": ({}, {VMS: _vm_twice}),
    "filters_empty": ({}, {NODES: _each(host_filter=[{"entity": "os_group", "expression": ""}])}),
    "filters_equal": ({}, {NODES: _each(host_filter=[{"entity": "cpu_number", "expression": "cpu_number LE 32"}])}),
    "filters_text": ({}, {NODES: _each(host_filter='[{"entity": "os_group", "expression": ""}]')}),
    "maintenance_words": ({"word": "disabled"}, {NODES: _maintenance_words}),
    "maintenance_object": ({}, {NODES: _maintenance_object}),
    "balancer_words": ({"words": ["excluded", "enabled", "manual"]}, {VMS: _balancer_words}),
    "kernel_behind": ({"node": 1}, {NODES: _kernel_behind}),
    "live_false_one": ({}, {VMS: _live_false_one}),
    "cpu_unreported": ({}, {NODES: _cpu_unreported}),
    "rows_2022": ({}, {NODES: _nodes_2022, VMS: _vms_2022}),
    "node_dead": ({}, {NODES: _node_dead}),
    "foreign_task": ({"task": "host_migrate"}, {TASKS: _foreign_task}),
    "fail_word": ({}, {TASKS: _fail_word, HISTORY: _fail_word}),
    "history_params": ({"of": "source"}, {HISTORY: _history_params}),
    "history_names": ({"task": "host_live_migration"}, {HISTORY: _history_names}),
    "history_dates": ({"form": "epoch"}, {HISTORY: _history_dates}),
    "done_word": ({"word": "completed"}, {TASKS: _done_word, HISTORY: _done_word}),
    "vm_in_two_clusters": ({}, {VMS: _vm_in_two_clusters}),
    "contradictory": ({"of": "zero"}, {NODES: _contradictory_nodes, VMS: _contradictory_vms}),
    "uptime_late": ({"answers": 3}, {VMS: _uptime_late}),
    "uptime_skew": ({"seconds": 45}, {VMS: _uptime_skew}),
    "filters_with_ids": ({}, {NODES: _filters_with_ids}),
    "stuck_history": ({}, {HISTORY: _stuck_history}),
    # Shapes that rename or hide fields come last: the shapes above need these fields.
    "history_without_ids": ({}, {HISTORY: _history_without_ids}),
    "named_elsewhere": ({}, {TASKS: _named_elsewhere, HISTORY: _named_elsewhere}),
    "odd_task_rows": ({}, {TASKS: _odd_rows, HISTORY: _odd_rows}),
    # Shapes that change no list: applied where they take effect.
    "paged": ({"rows": 10}, {}),
    "slow_list": ({"seconds": 35.0}, {}),
    "roles_text": ({}, {}),
    "api_prefix": ({}, {}),
    "cold": ({"stops": False}, {}),
    "metrics_unit": ({"of": "percent"}, {}),
}
"""Name -> its options with defaults, and list -> its change. Shapes are applied in this order."""
