"""The panel's JSON rows made into Cluster, Node and VM. Pure: no network, no clock.

The only place that knows the panel's field names. What is missing or of a wrong type is ``None`` (not
known), never 0; a row without an id, or a list that is not complete, is a PanelDataError: better no
snapshot than half of one. Names stay as customers wrote them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar

from balancer.model import VM, Cluster, Node, Snapshot
from bot.domain.sanitize import one_line
from bot.errors import NotFound, PanelDataError
from bot.panel.fields import count, flag, maybe_flag, positive, reference, text, whole
from bot.panel.storage import local_storage

Row = Mapping[str, Any]
Kind = TypeVar("Kind", Cluster, Node, VM)


@dataclass(frozen=True, slots=True)
class NodeHint:
    """What VM rows say about the node under them; the node list of some versions does not."""

    maintenance: bool | None = None
    live_migration_allowed: bool | None = None


class SeenVM(NamedTuple):
    """What is kept of a VM row: the VM, or the row where only its node tells the cluster; and the row's hint."""

    vm: VM | Row
    node_id: int | None
    hint: NodeHint | None


# --- lists -----------------------------------------------------------------------------------------------


def list_rows(document: object, what: str) -> list[Row]:
    """The rows of a list answer. PanelDataError when it is not a list, or says that there are more."""
    rows: object = document
    if isinstance(document, dict):
        rows = document.get("list")
        size = whole(document.get("size"))
        if isinstance(rows, list) and size is not None and size > len(rows):
            raise PanelDataError(f"the panel's list of {what}s is incomplete: {len(rows)} of {size}")
    if not isinstance(rows, list):
        raise PanelDataError(f"the panel's answer holds no list of {what}s")
    for row in rows:
        if not isinstance(row, (dict, SeenVM)):
            raise PanelDataError(f"the panel's list of {what}s holds something that is no {what}: {_short(row)}")
    return rows


def clusters(document: object) -> list[Cluster]:
    return _sorted("cluster", [cluster(row) for row in list_rows(document, "cluster")])


def nodes(document: object) -> list[Node]:
    """Whether live migration is allowed stands in the VM rows; see :func:`snapshot`."""
    return _sorted("node", [node(row) for row in list_rows(document, "node")])


def vms(document: object, cluster_of_node: Mapping[int, int] | None = None) -> list[VM]:
    """Of rows, or of what :func:`seen_vm` kept of them."""
    seen = [one.vm if isinstance(one, SeenVM) else one for one in list_rows(document, "VM")]
    return _sorted("VM", [one if isinstance(one, VM) else vm(one, cluster_of_node) for one in seen])


def seen_vm(row: object) -> SeenVM:
    """Of a row as it is read. PanelDataError as :func:`vm`."""
    if not isinstance(row, dict):
        raise PanelDataError(f"the panel's list of VMs holds something that is no VM: {_short(row)}")
    node_id, hint = _hint(row)
    return SeenVM(row if reference(row.get("cluster")) is None else vm(row), node_id, hint)


def snapshot(
    cluster_list: object,
    node_list: object,
    vm_list: object,
    taken_at: datetime,
    cluster_ids: Collection[int] | None = None,
) -> Snapshot:
    """One snapshot of three list answers, of those clusters only (none given = all).

    NotFound when an asked cluster does not exist; PanelDataError when the lists contradict each other.
    """
    found = clusters(cluster_list)
    wanted = _wanted(found, cluster_ids)
    all_nodes = _with_hints(nodes(node_list), node_hints(vm_list))
    all_vms = vms(vm_list, {n.id: n.cluster_id for n in all_nodes})
    if (all_nodes and not found) or (all_vms and not all_nodes):
        counts = f"{len(found)} clusters, {len(all_nodes)} nodes, {len(all_vms)} VMs"
        raise PanelDataError(f"the panel's lists contradict each other: {counts}")
    kinds = _virtualization(node_list)
    return Snapshot(
        taken_at=taken_at,
        clusters=tuple(
            c if c.virtualization else replace(c, virtualization=kinds.get(c.id)) for c in found if c.id in wanted
        ),
        nodes=tuple(n for n in all_nodes if n.cluster_id in wanted),
        vms=tuple(v for v in all_vms if v.cluster_id in wanted),
    )


def _wanted(found: list[Cluster], cluster_ids: Collection[int] | None) -> frozenset[int]:
    known = frozenset(c.id for c in found)
    if not cluster_ids:
        return known
    missing = sorted(set(cluster_ids) - known)
    if missing:
        raise NotFound("cluster", ", ".join(map(str, missing)), [f"{c.id} ({one_line(c.name)})" for c in found])
    return frozenset(cluster_ids)


# --- one row ---------------------------------------------------------------------------------------------


def cluster(row: Row) -> Cluster:
    number = _id(row, "cluster")
    return Cluster(
        id=number,
        name=_name(row, f"cluster-{number}"),
        virtualization=_virtualization_of(row),
        vm_limit_per_node=positive(row.get("host_per_node_limit")),
        placement_filter=_filter(row),
        local_storage=local_storage(row),
    )


def node(row: Row) -> Node:
    number = _id(row, "node")
    cluster_id = reference(row.get("cluster"))
    if cluster_id is None:
        raise PanelDataError(f"the panel does not say to which cluster node {number} belongs")
    blocked = maybe_flag(row.get("host_creation_blocked"))
    return Node(
        id=number,
        name=_name(row, f"node-{number}"),
        cluster_id=cluster_id,
        cpus=_first(row, positive, ("cpu", "number"), ("cpu_number", "total"), ("cpu_number",)),
        vcpus_allocated=_first(row, count, ("cpu", "used"), ("cpu_number", "used")),
        memory_mib=_first(row, positive, ("ram_mib", "total")),
        memory_allocated_mib=_first(row, count, ("ram_mib", "allocated"), ("ram_mib", "used")),
        vm_count=_first(row, count, ("vm", "total"), ("host_count",)),
        vm_limit=positive(row.get("host_limit")),
        state=text(row.get("state")),
        maintenance=flag(row.get("maintenance_mode")) or flag(row.get("maintenance")),
        creation_allowed=None if blocked is None else not blocked,
        live_migration_allowed=maybe_flag(row.get("live_migration_allowed")),
        qemu_version=text(row.get("qemu_version")),
        kernel_version=text(row.get("kernel_version")),
        placement_filter=_filter(row),
        ssh_host=text(row.get("ip")) or text(row.get("ip_addr")),
        ssh_port=positive(row.get("port")),
        ssh_user=text(row.get("ssh_user")),
    )


def vm(row: Row, cluster_of_node: Mapping[int, int] | None = None) -> VM:
    """``cluster_of_node`` helps where the row itself names no cluster."""
    number = _id(row, "VM")
    node_id = reference(row.get("node"))
    cluster_id = reference(row.get("cluster"))
    if cluster_id is None and node_id is not None:
        cluster_id = (cluster_of_node or {}).get(node_id)
    if cluster_id is None:
        raise PanelDataError(f"the panel does not say to which cluster VM {number} belongs")
    return VM(
        id=number,
        name=_name(row, f"vm-{number}"),
        cluster_id=cluster_id,
        node_id=node_id,
        vcpus=positive(row.get("cpu_number")),
        memory_mib=positive(row.get("ram_mib")),
        disk_mib=_first(row, count, ("disk", "disk_mib")),
        state=_word(row.get("state")),
        iso_mounted=maybe_flag(row.get("iso_mounted")),
        snapshot_count=count(row.get("snapshot_count")),
        balancer_mode=_mode(row.get("balancer_mode")),
        disabled=flag(row.get("disabled")),
        rescue=flag(row.get("rescue_mode")),
        change_pending=_change_pending(row),
        nested_virtualization=flag(row.get("nesting")),
        cpu_mode=_word(row.get("cpu_mode")),
        restrictions=_restrictions(row.get("vm5_restrictions")),
        tags=_tags(row.get("tags")),
    )


def node_hints(vm_list: object) -> dict[int, NodeHint]:
    """Of several VMs on one node the one with the worst news counts: they were not read at one instant."""
    hints: dict[int, NodeHint] = {}
    for one in list_rows(vm_list, "VM"):
        node_id, hint = (one.node_id, one.hint) if isinstance(one, SeenVM) else _hint(one)
        if node_id is None or hint is None:
            continue
        old = hints.get(node_id, NodeHint())
        hints[node_id] = NodeHint(
            maintenance=_either(old.maintenance, hint.maintenance),
            live_migration_allowed=_both(old.live_migration_allowed, hint.live_migration_allowed),
        )
    return hints


def _hint(row: Row) -> tuple[int | None, NodeHint | None]:
    under = row.get("node")
    node_id = reference(under)
    if node_id is None or not isinstance(under, dict):
        return node_id, None
    maintenance = flag(under["maintenance_mode"]) if "maintenance_mode" in under else None
    return node_id, _shared_hint(maintenance, maybe_flag(under.get("live_migration_allowed")))


@lru_cache(maxsize=16)
def _shared_hint(maintenance: bool | None, live_migration_allowed: bool | None) -> NodeHint:
    """There are few different ones: thousands of rows share them."""
    return NodeHint(maintenance, live_migration_allowed)


def _with_hints(found: list[Node], hints: Mapping[int, NodeHint]) -> list[Node]:
    return [
        replace(
            n,
            maintenance=_either(n.maintenance, hints[n.id].maintenance),
            live_migration_allowed=_both(n.live_migration_allowed, hints[n.id].live_migration_allowed),
        )
        if n.id in hints
        else n
        for n in found
    ]


def _virtualization(node_list: object) -> dict[int, str]:
    """Cluster -> virtualization, as the node rows say it."""
    kinds: dict[int, str] = {}
    for row in list_rows(node_list, "node"):
        of = row.get("cluster")
        cluster_id = reference(of)
        kind = _virtualization_of(of) if isinstance(of, dict) else None
        if cluster_id is not None and kind is not None:
            kinds.setdefault(cluster_id, kind)
    return kinds


# --- fields ----------------------------------------------------------------------------------------------


def _id(row: Row, what: str) -> int:
    number = reference(row.get("id"))
    if number is None:
        raise PanelDataError(f"the panel's list of {what}s holds a row without an id: {_short(row)}")
    return number


def _name(row: Row, fallback: str) -> str:
    return text(row.get("name")) or fallback


def _virtualization_of(row: Row) -> str | None:
    kind = text(row.get("virtualization_type"))
    return kind.lower() if kind else None


def _first(row: Row, read: Callable[[object], int | None], *paths: tuple[str, ...]) -> int | None:
    """The first of the paths that leads to a usable number: newer names stand before older ones."""
    for path in paths:
        value: object = row
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        number = read(value)
        if number is not None:
            return number
    return None


def _filter(row: Row) -> str | None:
    """Never understood, only compared; so in a form that is the same for the same rule."""
    rule = row.get("host_filter")
    return json.dumps(rule, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if rule else None


def _word(value: object) -> str | None:
    """One of few words that stand in every row: thousands of rows share one text."""
    word = text(value)
    return None if word is None else sys.intern(word)


def _mode(value: object) -> str | None:
    if isinstance(value, bool):
        return "on" if value else "off"
    return _word(value)


def _change_pending(row: Row) -> bool:
    disk = row.get("disk")
    places = [(row, "cpu_number"), (row, "ram_mib")] + ([(disk, "disk_mib")] if isinstance(disk, dict) else [])
    for place, key in places:
        new = place.get(f"{key}_new")
        number = whole(new)
        nothing = new is None or (number is not None and number <= 0)
        # What cannot be read could be a change.
        if not nothing and (number is None or number != whole(place.get(key))):
            return True
    return False


def _restrictions(value: object) -> tuple[str, ...]:
    if isinstance(value, dict):
        return tuple(sorted(str(key) for key, forbids in value.items() if flag(forbids)))
    if isinstance(value, list):
        return tuple(sorted(text(item) or _short(item) for item in value))
    return ("vm5",) if flag(value) else ()


def _tags(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    names = (text(item.get("name") if isinstance(item, dict) else item) for item in items)
    return tuple(name for name in names if name)


def _either(one: bool | None, other: bool | None) -> bool | None:
    return one or other if one is not None and other is not None else (other if one is None else one)


def _both(one: bool | None, other: bool | None) -> bool | None:
    return one and other if one is not None and other is not None else (other if one is None else one)


def _sorted(what: str, items: list[Kind]) -> list[Kind]:
    items.sort(key=lambda item: item.id)
    for one, other in pairwise(items):
        if one.id == other.id:
            raise PanelDataError(f"the panel's list of {what}s holds {what} {one.id} twice")
    return items


def _short(value: object) -> str:
    return one_line(repr(value))[:80]
