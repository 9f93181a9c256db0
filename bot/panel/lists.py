"""The panel's three lists made into one Snapshot. Pure: no network, no clock.

One odd row blinds nothing else: a row that cannot be placed is left out, counted and named. What such a row makes
doubtful is held: a node whose rows do not add up, a VM that is listed twice, and the whole cluster when more than 3 %
of its rows are odd. A list that is not complete is a PanelDataError: half a snapshot is worse than none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from balancer.model import VM, Cluster, Node, Reason, Snapshot
from bot.domain.sanitize import shorten
from bot.errors import NotFound, PanelDataError
from bot.panel import rows
from bot.panel.fields import reference, whole
from bot.panel.remarks import remarks_of
from bot.panel.rows import UNPLACED, NodeHint, Row, SeenVM

Kind = TypeVar("Kind", Cluster, Node, VM)

ODD_ROWS_PERCENT = 3.0
"""A cluster with a larger part of odd rows is not planned. A single odd row never stops a cluster."""
_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Odd:
    """A row that was left out: which, and to what it belongs as far as the row tells."""

    shown: str
    cluster_id: int | None = None
    node_id: int | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """All rows of one list: those that make sense, and the odd ones."""

    clusters: list[Cluster] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    vms: list[VM] = field(default_factory=list)
    odd_nodes: list[Odd] = field(default_factory=list)
    odd_vms: list[Odd] = field(default_factory=list)


def list_rows(document: object, what: str) -> list[object]:
    """The rows of a list answer. PanelDataError when it is no list, or says that there are more rows."""
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
    """The nodes by id, without odd rows. What only VM rows tell about a node is missing; :func:`snapshot` has it."""
    return _nodes(list_rows(document, "node"))[0]


def vms(document: object, cluster_of_node: Mapping[int, int] | None = None) -> list[VM]:
    """The VMs by id, without odd rows; ``cluster_of_node`` places those whose row names no cluster."""
    return _vms([_seen(row) for row in list_rows(document, "VM")], cluster_of_node or {})[0]


def snapshot(
    cluster_list: object,
    node_list: object,
    vm_list: object,
    taken_at: datetime,
    cluster_ids: Collection[int] | None = None,
) -> Snapshot:
    """One snapshot of three list answers (or of their rows), of those clusters only (none given = all).

    NotFound when an asked cluster does not exist; PanelDataError when the lists contradict each other.
    """
    cluster_rows, node_rows = list_rows(cluster_list, "cluster"), list_rows(node_list, "node")
    seen = [_seen(row) for row in list_rows(vm_list, "VM")]
    known = clusters(cluster_rows)
    wanted = _wanted(known, cluster_ids)
    all_nodes, odd_nodes = _nodes(node_rows)
    all_vms, odd_vms = _vms(seen, {n.id: n.cluster_id for n in all_nodes})
    _refuse_all_odd("node", len(all_nodes), odd_nodes)
    _refuse_all_odd("VM", len(all_vms), odd_vms)
    if (all_nodes and not known) or (all_vms and not all_nodes and not odd_nodes):
        counts = f"{len(known)} clusters, {len(all_nodes)} nodes, {len(all_vms)} VMs"
        raise PanelDataError(f"the panel's lists contradict each other: {counts}")
    hints = node_hints(seen)
    all_nodes = [_with_hint(node, hints.get(node.id)) for node in all_nodes]
    all_nodes, all_vms = _held(all_nodes, all_vms, odd_vms)
    all_nodes = [_computed(node, own, odd_vms) for node, own in _with_their_vms(all_nodes, all_vms)]
    kinds = _virtualization(node_rows)
    read = Read(
        [replace(c, virtualization=c.virtualization or kinds.get(c.id)) for c in known if c.id in wanted],
        [n for n in all_nodes if n.cluster_id in wanted],
        [v for v in all_vms if v.cluster_id in wanted],
        odd_nodes,
        odd_vms,
    )
    return _assembled(read, taken_at, _words(node_rows, seen, wanted))


# --- which rows make sense --------------------------------------------------------------------------------


def _seen(row: object) -> SeenVM:
    return row if isinstance(row, SeenVM) else rows.seen_vm(row)


def _has_id(row: object) -> bool:
    return isinstance(row, dict) and reference(row.get("id")) is not None


def _nodes(listed: Iterable[object]) -> tuple[list[Node], list[Odd]]:
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


def _vms(seen: Iterable[SeenVM], cluster_of_node: Mapping[int, int]) -> tuple[list[VM], list[Odd]]:
    """A VM without a cluster has that of its node. One without a node, or on a node of another cluster, is left out."""
    vms, odd = [], []
    for one in seen:
        vm = one.vm
        if vm is None:
            odd.append(Odd(one.shown))
            continue
        of_node = cluster_of_node.get(vm.node_id or 0, UNPLACED)
        cluster_id = vm.cluster_id or of_node
        if vm.node_id is None or cluster_id == UNPLACED or of_node not in (UNPLACED, cluster_id):
            name = f"{shorten(vm.name, _NAME_LENGTH)} (ID {vm.id})"
            odd.append(Odd(name, cluster_id or None, vm.node_id))
        else:
            vms.append(vm if vm.cluster_id else replace(vm, cluster_id=cluster_id))
    return _once(vms, lambda one, other: one.node_id == other.node_id), odd


def _refuse_all_odd(what: str, usable: int, odd: Sequence[Odd]) -> None:
    """A list without a single usable row is no odd row, but an answer of another shape."""
    if len(odd) > 1 and not usable:
        # Without the rows themselves: this text goes to every chat.
        raise PanelDataError(f"none of the {len(odd)} rows of the panel's list of {what}s can be used")


def _called(row: Row) -> str:
    number = reference(row.get("id"))
    return f"{shorten(str(row.get('name') or ''), _NAME_LENGTH) or 'node'} (ID {number})"


def _once(items: Iterable[Kind], same: Callable[[Kind, Kind], bool]) -> list[Kind]:
    """Sorted by id, each id once; an id whose rows are not the ``same`` is held."""
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


# --- what is doubtful is held -----------------------------------------------------------------------------


def _held(nodes: list[Node], vms: list[VM], odd: Sequence[Odd]) -> tuple[list[Node], list[VM]]:
    """Nodes whose rows do not add up give and take nothing: those of a VM that is listed twice, and where odd rows
    exist those on which the panel counts more VMs than it lists."""
    doubtful: dict[int, Reason] = {}
    for vm in vms:
        if vm.held is not None:
            for place in ("one", "other"):
                number = vm.held.as_dict()[place]
                doubtful[int(number or 0)] = Reason.of("node-vm-twice", role="node", vm=vm.name)
    if odd:
        listed = Counter(vm.node_id for vm in vms)
        for node in nodes:
            if node.vm_count is not None and node.vm_count > listed[node.id]:
                reason = Reason.of("node-vms-missing", role="node", listed=listed[node.id], counted=node.vm_count)
                doubtful.setdefault(node.id, reason)
    return [replace(n, held=n.held or doubtful.get(n.id)) for n in nodes], vms


def _assembled(read: Read, taken_at: datetime, words: Mapping[tuple[int | None, str, str], int]) -> Snapshot:
    odd = _odd_by_cluster(read)
    listed = Counter(vm.cluster_id for vm in read.vms)
    held = [replace(c, held=c.held or _too_odd(odd[c.id], listed[c.id])) for c in read.clusters]
    remarks = remarks_of(
        read.nodes,
        read.vms,
        _left_out(read),
        words,
    )
    return Snapshot(taken_at, tuple(held), tuple(read.nodes), tuple(read.vms), remarks)


def _left_out(read: Read) -> dict[tuple[int | None, str], list[str]]:
    """(Cluster, ``node`` or ``vm``) -> the odd rows; ``None`` = the row does not tell its cluster."""
    known = {c.id for c in read.clusters}
    names: dict[tuple[int | None, str], list[str]] = {}
    for what, odd in (("node", read.odd_nodes), ("vm", read.odd_vms)):
        for row in odd:
            names.setdefault((row.cluster_id if row.cluster_id in known else None, what), []).append(row.shown)
    return names


def _odd_by_cluster(read: Read) -> Counter[int]:
    """A row that names neither cluster nor node counts in every cluster that may miss a VM."""
    place = {node.id: node.cluster_id for node in read.nodes}
    missing = {n.cluster_id for n in read.nodes if n.vm_count is None or (n.held and n.held.code == "node-vms-missing")}
    odd: Counter[int] = Counter()
    for row in read.odd_vms:
        cluster_id = row.cluster_id or place.get(row.node_id or 0)
        odd.update(missing if cluster_id is None else (cluster_id,))
    return odd


def _too_odd(odd: int, listed: int) -> Reason | None:
    every = odd + listed
    if odd <= 1 or 100 * odd <= ODD_ROWS_PERCENT * every:
        return None
    return Reason.of("cluster-odd-rows", odd=odd, rows=every)


# --- what VM rows tell about their node -------------------------------------------------------------------


def node_hints(seen: Iterable[SeenVM]) -> dict[int, NodeHint]:
    """Of several VMs on one node: maintenance where one row says so, because rows are not read at one instant; no live
    migration only where every row forbids it, because the flag may be about the VM alone."""
    hints: dict[int, NodeHint] = {}
    for one in seen:
        if one.vm is None or one.vm.node_id is None or one.hint is None:
            continue
        old = hints.get(one.vm.node_id)
        hints[one.vm.node_id] = one.hint if old is None else _merged(old, one.hint)
    return hints


def _merged(one: NodeHint, other: NodeHint) -> NodeHint:
    return NodeHint(
        maintenance=_either(one.maintenance, other.maintenance),
        live_migration_allowed=_agreed(one.live_migration_allowed, other.live_migration_allowed),
        odd_word=one.odd_word or other.odd_word,
    )


def _with_hint(node: Node, hint: NodeHint | None) -> Node:
    if hint is None:
        return node
    flags = (node.live_migration_allowed, hint.live_migration_allowed)
    return replace(
        node,
        maintenance=_either(node.maintenance, hint.maintenance),
        live_migration_allowed=False if False in flags else flags[0] if flags[0] is not None else flags[1],
    )


def _agreed(one: bool | None, other: bool | None) -> bool | None:
    """``False`` only where both say so; ``True`` where one does."""
    return one if one is other else (True in (one, other) or None)


def _either(one: bool | None, other: bool | None) -> bool | None:
    return one or other if one is not None and other is not None else (other if one is None else one)


def _virtualization(node_rows: Iterable[object]) -> dict[int, str]:
    """Cluster -> virtualization, as the node rows say it."""
    kinds: dict[int, str] = {}
    for row in node_rows:
        of = row.get("cluster") if isinstance(row, dict) else None
        cluster_id = reference(of)
        kind = rows.virtualization(of) if isinstance(of, dict) else None
        if cluster_id is not None and kind is not None:
            kinds.setdefault(cluster_id, kind)
    return kinds


# --- figures that the panel does not report ---------------------------------------------------------------


def _with_their_vms(nodes: Iterable[Node], vms: Iterable[VM]) -> list[tuple[Node, list[VM]]]:
    placed: dict[int, list[VM]] = {}
    for vm in vms:
        placed.setdefault(vm.node_id or 0, []).append(vm)
    return [(node, placed.get(node.id, [])) for node in nodes]


def _computed(node: Node, own: Sequence[VM], odd: Sequence[Odd]) -> Node:
    """The node with sums of its VMs where the panel reports no allocation. All VMs count, stopped ones too: so the
    figure is rather too high. Not where a VM's size is not known, nor where a VM of this node may be missing."""
    doubtful = any(row.node_id in (None, node.id) and row.cluster_id in (None, node.cluster_id) for row in odd)
    if doubtful and (node.vm_count is None or node.vm_count > len(own)):
        return node
    computed = {}
    for name, known, sizes in (
        ("vcpus", node.vcpus_allocated, [vm.vcpus for vm in own]),
        ("memory", node.memory_allocated_mib, [vm.memory_mib for vm in own]),
    ):
        if known is None and None not in sizes:
            computed[name] = sum(size or 0 for size in sizes)
    if not computed:
        return node
    return replace(
        node,
        vcpus_allocated=computed.get("vcpus", node.vcpus_allocated),
        memory_allocated_mib=computed.get("memory", node.memory_allocated_mib),
        computed=tuple(computed),
    )


# --- the rest ---------------------------------------------------------------------------------------------


def _words(
    node_rows: Iterable[object], seen: Iterable[SeenVM], wanted: Collection[int]
) -> dict[tuple[int | None, str, str], int]:
    """(Cluster, field, word) -> in how many rows, of words of nodes that are not known."""
    words: Counter[tuple[int | None, str, str]] = Counter()
    for row in node_rows:
        cluster_id = reference(row.get("cluster")) if isinstance(row, dict) else None
        if isinstance(row, dict) and cluster_id in wanted:
            words.update((cluster_id, name, word) for name, word in rows.odd_words(row))
    for one in seen:
        if one.hint is not None and one.hint.odd_word and one.vm is not None and one.vm.cluster_id in wanted:
            words[(one.vm.cluster_id, "node.maintenance_mode", one.hint.odd_word)] += 1
    return dict(words)


def _wanted(listed: list[Cluster], cluster_ids: Collection[int] | None) -> frozenset[int]:
    known = frozenset(c.id for c in listed)
    if not cluster_ids:
        return known
    missing = sorted(set(cluster_ids) - known)
    if missing:
        near = [f"{c.id} ({shorten(c.name, _NAME_LENGTH)})" for c in listed]
        raise NotFound("cluster", ", ".join(map(str, missing)), near)
    return frozenset(cluster_ids)
