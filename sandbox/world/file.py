"""World files: a small JSON that says which clusters, nodes and VMs an emulated panel starts with.

    {"clusters": [{"id": 1, "name": "Production"}],
     "nodes":    [{"id": 1, "name": "n1", "cluster": 1, "cpu_number": 16, "ram_mib": 131072}],
     "vms":      [{"name": "web", "node": 1, "cpu_number": 4, "ram_mib": 8192, "count": 3}],
     "defaults": {"node": {"qemu_version": "8.2.2"}, "vm": {"os_name": "Debian 12"}},
     "churn":    {"interval_s": 15, "pressure": true}}

Every key is optional and every field has a default (see `world.model`); `count` repeats a VM, a missing
`id` is the next free one, a missing `cluster` or `node` is the first. Without `churn` nothing changes by
itself. A dump of a running world (`GET /sandbox/world`) can be read back.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any, TypeVar

from sandbox.world.model import VM, Cluster, Node, WorldError

Record = TypeVar("Record", Cluster, Node, VM)

_TYPES: dict[str, type | tuple[type, ...]] = {
    "int": int,
    "float": (int, float),
    "str": str,
    "bool": bool,
    "list[Any]": list,
    "dict[str, Any]": dict,
}
_NOT_NEGATIVE = (
    *("cpu_number", "ram_mib", "disk_mib", "storage_mib", "snapshot_count", "disk_count"),
    *("cpu_load", "dirty_mib_s"),
)
_KEYS = {"clusters", "nodes", "vms", "defaults", "churn"}
# Part of a dump that a new world does not need.
_DUMP_ONLY = {"now", "clock", "tasks"}


def settable(kind: type[Record]) -> dict[str, str]:
    """Field name -> type name, for fields that files and patches may set."""
    return {f.name: str(f.type) for f in dataclasses.fields(kind) if f.init}


def check_fields(kind: type[Record], fields: Any) -> dict[str, Any]:
    """The fields, if each is known and of the right type."""
    if not isinstance(fields, dict):
        raise WorldError(f"{kind.__name__}: expected an object, got {fields!r}")
    known = settable(kind)
    for name, value in fields.items():
        if name not in known:
            raise WorldError(f"{kind.__name__}: unknown field {name!r}; known: {', '.join(known)}")
        wanted = _TYPES[known[name]]
        if not isinstance(value, wanted) or (known[name] in ("int", "float") and isinstance(value, bool)):
            raise WorldError(f"{kind.__name__}.{name}: expected {known[name]}, got {value!r}")
        if isinstance(value, (int, float)) and name in _NOT_NEGATIVE and value < 0:
            raise WorldError(f"{kind.__name__}.{name}: must not be negative, got {value!r}")
    return fields


class Reader:
    """Turns lists of plain objects into records and assigns the missing ids."""

    def __init__(self, defaults: dict[str, Any]) -> None:
        if not isinstance(defaults, dict) or not set(defaults) <= {"cluster", "node", "vm"}:
            raise WorldError('"defaults" must be an object with keys among cluster, node, vm')
        self.defaults = defaults

    def records(self, kind: type[Record], items: Any, fallback: dict[str, Any]) -> dict[int, Record]:
        if not isinstance(items, list):
            raise WorldError(f"{kind.__name__.lower()}s: expected a list, got {type(items).__name__}")
        base = {**fallback, **check_fields(kind, self.defaults.get(kind.__name__.lower(), {}))}
        result: dict[int, Record] = {}
        taken = {item.get("id") for item in items if isinstance(item, dict)}
        next_id = 1
        for fields in _repeated(kind, items):
            if "id" not in fields:
                while next_id in taken:
                    next_id += 1
                fields = {**fields, "id": next_id}
                taken.add(next_id)
            record = make(kind, {**base, **fields})
            if record.id in result:
                raise WorldError(f"{kind.__name__}: id {record.id} is given twice")
            result[record.id] = record
        return result


def _repeated(kind: type[Record], items: list[Any]) -> list[dict[str, Any]]:
    """The items with `count` repeated: names get a number, ids are assigned later."""
    unrolled: list[dict[str, Any]] = []
    for item in items:
        if not isinstance(item, dict):
            raise WorldError(f"{kind.__name__}: expected an object, got {item!r}")
        fields = {key: value for key, value in item.items() if key != "count"}
        count = item.get("count", 1)
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise WorldError(f"{kind.__name__}: count must be a number from 0, got {count!r}")
        if count != 1 and "id" in fields:
            raise WorldError(f"{kind.__name__}: an item with a count cannot have an id")
        if "count" not in item:
            unrolled.append(fields)
            continue
        name = fields.get("name", kind.__name__.lower())
        unrolled += [{**fields, "name": f"{name}-{number}"} for number in range(1, count + 1)]
    return unrolled


def make(kind: type[Record], fields: dict[str, Any]) -> Record:
    """One record; a missing name is generated."""
    check_fields(kind, fields)
    named = {"name": f"{kind.__name__.lower()}-{fields.get('id', '')}", **fields}
    try:
        return kind(**named)
    except TypeError as error:  # a required field is missing: only id, cluster and node have no default
        raise WorldError(f"{kind.__name__}: {error}") from error


def read_records(data: Any) -> tuple[dict[int, Cluster], dict[int, Node], dict[int, VM]]:
    """Clusters, nodes and VMs of a world file, with every reference checked."""
    if not isinstance(data, dict):
        raise WorldError(f"a world is a JSON object, not {type(data).__name__}")
    unknown = set(data) - _KEYS - _DUMP_ONLY
    if unknown:
        raise WorldError(f"unknown key {sorted(unknown)[0]!r}; known: {', '.join(sorted(_KEYS))}")
    reader = Reader(data.get("defaults", {}))
    nothing = [] if not data.get("nodes") else [{"id": 1, "name": "Production"}]
    clusters = reader.records(Cluster, data.get("clusters", nothing), {})
    nodes = reader.records(Node, data.get("nodes", []), {"cluster": min(clusters, default=1)})
    vms = reader.records(VM, data.get("vms", []), {"node": min(nodes, default=1)})
    for node in nodes.values():
        if node.cluster not in clusters:
            raise WorldError(f"node {node.name!r}: there is no cluster {node.cluster}")
    for vm in vms.values():
        if vm.node not in nodes:
            raise WorldError(f"VM {vm.name!r}: there is no node {vm.node}")
    return clusters, nodes, vms


def load(path: Path) -> Any:
    """The JSON of a world file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WorldError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise WorldError(f"{path} is not valid JSON: {error}") from error
