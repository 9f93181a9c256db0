"""Reads one list of the panel: its valid rows, each id once. Pure: no network, no clock.

Other rows are returned as odd rows; snapshots.py decides what they make uncertain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from balancer.model import VM, Cluster, Node, Reason
from bot.domain.sanitize import shorten
from bot.errors import PanelDataError
from bot.panel import rows
from bot.panel.fields import reference, whole
from bot.panel.rows import UNPLACED, Row, SeenVM

Kind = TypeVar("Kind", Cluster, Node, VM)

NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Odd:
    """A row that was left out: its name, and the cluster and node that it names, if any."""

    shown: str
    cluster_id: int | None = None
    node_id: int | None = None


def list_rows(document: object, what: str) -> list[object]:
    """The rows of a list answer. Raises PanelDataError if it is no list, or says that there are more rows."""
    value: object = document
    if isinstance(document, dict):
        value = document.get("list")
        size = whole(document.get("size"))
        if isinstance(value, list) and size is not None and size > len(value):
            raise PanelDataError(f"the panel's list of {what}s is incomplete: {len(value)} of {size}")
    if not isinstance(value, list):
        raise PanelDataError(f"the panel's answer holds no list of {what}s")
    return value


def clusters(document: object) -> list[Cluster]:
    """The clusters by id, without odd rows."""
    listed = list_rows(document, "cluster")
    parsed = (rows.cluster(row) for row in listed if isinstance(row, dict) and _has_id(row))
    return _once(parsed, lambda one, other: one == other)


def nodes(document: object) -> list[Node]:
    """The nodes by id, without odd rows. Facts about a node in VM rows are missing; :func:`snapshot` has them."""
    return usable_nodes(list_rows(document, "node"))[0]


def vms(document: object, cluster_of_node: Mapping[int, int] | None = None) -> list[VM]:
    """The VMs by id, without odd rows. A row without a cluster gets the one of its node in ``cluster_of_node``."""
    return placed_vms(seen_vms(document), cluster_of_node or {})[0]


def seen_vms(document: object) -> list[SeenVM]:
    """The rows of a VM list; rows that were reduced during reading stay as they are."""
    return [row if isinstance(row, SeenVM) else rows.seen_vm(row) for row in list_rows(document, "VM")]


def _has_id(row: object) -> bool:
    return isinstance(row, dict) and reference(row.get("id")) is not None


def usable_nodes(listed: Iterable[object]) -> tuple[list[Node], list[Odd]]:
    """The nodes that have an id and a cluster, and the other rows."""
    nodes, odd = [], []
    for row in listed:
        if not isinstance(row, dict) or not _has_id(row):
            odd.append(Odd(rows.shown(row)))
        elif reference(row.get("cluster")) is None:
            odd.append(Odd(_called(row)))
        else:
            nodes.append(rows.node(row))
    kept = _once(nodes, lambda one, other: one == other)
    return kept, odd


def placed_vms(rows: Iterable[SeenVM], cluster_of_node: Mapping[int, int]) -> tuple[list[VM], list[Odd]]:
    """The VMs with their clusters, and the odd rows. A VM without a cluster gets the cluster of its node. A VM without
    a node, or on a node of another cluster, is odd."""
    vms, odd = [], []
    for one in rows:
        vm = one.vm
        if vm is None:
            odd.append(Odd(one.shown))
            continue
        of_node = cluster_of_node.get(vm.node_id or 0, UNPLACED)
        cluster_id = vm.cluster_id or of_node
        if vm.node_id is None or cluster_id == UNPLACED or of_node not in (UNPLACED, cluster_id):
            name = f"{shorten(vm.name, NAME_LENGTH)} (ID {vm.id})"
            odd.append(Odd(name, cluster_id or None, vm.node_id))
        else:
            vms.append(vm if vm.cluster_id else replace(vm, cluster_id=cluster_id))
    return _once(vms, lambda one, other: one.node_id == other.node_id), odd


def _called(row: Row) -> str:
    number = reference(row.get("id"))
    return f"{shorten(str(row.get('name') or ''), NAME_LENGTH) or 'node'} (ID {number})"


def _once(items: Iterable[Kind], same: Callable[[Kind, Kind], bool]) -> list[Kind]:
    """The items by id, each id once. If the rows of an id are not the ``same``, the item is held."""
    kept: dict[int, Kind] = {}
    for item in items:
        old = kept.get(item.id)
        if old is None or (old.held is None and same(old, item)):
            kept[item.id] = item
        else:
            kept[item.id] = replace(old, held=old.held or _twice(old, item))
    return [kept[number] for number in sorted(kept)]


def _twice(one: Cluster | Node | VM, other: Cluster | Node | VM) -> Reason:
    if isinstance(one, VM) and isinstance(other, VM):
        return Reason.of("vm-twice", one=one.node_id, other=other.node_id)
    return Reason.of("node-twice", role="node") if isinstance(one, Node) else Reason.of("cluster-twice")
