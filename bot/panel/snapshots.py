"""Turns the panel's three lists into one Snapshot. Pure: no network, no clock.

One odd row does not stop the rest: it is left out, counted and named. Everything that it makes uncertain is held: a
node whose rows do not add up, a VM that is listed twice, and the whole cluster if more than 3 % of its rows are odd. An
incomplete list raises PanelDataError: an incomplete snapshot is not safe.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from balancer.model import VM, Cluster, Node, Reason, Snapshot
from bot.domain.sanitize import shorten
from bot.errors import NotFound, PanelDataError
from bot.panel import rows
from bot.panel.fields import reference
from bot.panel.lists import NAME_LENGTH, Odd, clusters, list_rows, placed_vms, seen_vms, usable_nodes
from bot.panel.node_hints import node_hints, with_hint
from bot.panel.remarks import remarks_of
from bot.panel.rows import SeenVM

ODD_ROWS_PERCENT = 3.0
"""A cluster with a larger part of odd rows is not planned. A single odd row never stops a cluster."""


@dataclass(frozen=True, slots=True)
class Read:
    """All rows of one list: the valid ones and the odd ones."""

    clusters: list[Cluster] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    vms: list[VM] = field(default_factory=list)
    odd_nodes: list[Odd] = field(default_factory=list)
    odd_vms: list[Odd] = field(default_factory=list)


def snapshot(
    cluster_list: object,
    node_list: object,
    vm_list: object,
    taken_at: datetime,
    cluster_ids: Collection[int] | None = None,
) -> Snapshot:
    """One snapshot from three list answers (or their rows), of these clusters only (``None`` = all).

    Raises NotFound if a requested cluster does not exist, and PanelDataError if the lists contradict each other.
    """
    cluster_rows, node_rows = list_rows(cluster_list, "cluster"), list_rows(node_list, "node")
    vm_rows = seen_vms(vm_list)
    known = clusters(cluster_rows)
    wanted = _wanted(known, cluster_ids)
    all_nodes, odd_nodes = usable_nodes(node_rows)
    all_vms, odd_vms = placed_vms(vm_rows, {n.id: n.cluster_id for n in all_nodes})
    _refuse_all_odd("node", len(all_nodes), odd_nodes)
    _refuse_all_odd("VM", len(all_vms), odd_vms)
    if (all_nodes and not known) or (all_vms and not all_nodes and not odd_nodes):
        counts = f"{len(known)} clusters, {len(all_nodes)} nodes, {len(all_vms)} VMs"
        raise PanelDataError(f"the panel's lists contradict each other: {counts}")
    hints = node_hints(vm_rows)
    all_nodes = [with_hint(node, hints.get(node.id)) for node in all_nodes]
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
    return _assembled(read, taken_at, _words(node_rows, vm_rows, wanted))


def _refuse_all_odd(what: str, usable: int, odd: Sequence[Odd]) -> None:
    """Raises PanelDataError if no row of a list is valid: then the answer has another shape."""
    if len(odd) > 1 and not usable:
        # Without the rows: this text goes to every chat.
        raise PanelDataError(f"none of the {len(odd)} rows of the panel's list of {what}s can be used")


# --- hold what is uncertain -------------------------------------------------------------------------------


def _held(nodes: list[Node], vms: list[VM], odd: Sequence[Odd]) -> tuple[list[Node], list[VM]]:
    """Holds nodes whose rows do not add up, so that no VM leaves or enters them: the nodes of a VM that is listed
    twice, and, if there are odd rows, nodes on which the panel counts more VMs than it lists."""
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
    """(Cluster, ``node`` or ``vm``) -> the odd rows; cluster ``None`` = the row names none."""
    known = {c.id for c in read.clusters}
    names: dict[tuple[int | None, str], list[str]] = {}
    for what, odd in (("node", read.odd_nodes), ("vm", read.odd_vms)):
        for row in odd:
            names.setdefault((row.cluster_id if row.cluster_id in known else None, what), []).append(row.shown)
    return names


def _odd_by_cluster(read: Read) -> Counter[int]:
    """Cluster -> its odd rows. A row that names neither cluster nor node counts in each cluster that may miss a VM."""
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


# --- figures that the panel does not report ---------------------------------------------------------------


def _with_their_vms(nodes: Iterable[Node], vms: Iterable[VM]) -> list[tuple[Node, list[VM]]]:
    placed: dict[int, list[VM]] = {}
    for vm in vms:
        placed.setdefault(vm.node_id or 0, []).append(vm)
    return [(node, placed.get(node.id, [])) for node in nodes]


def _computed(node: Node, own: Sequence[VM], odd: Sequence[Odd]) -> Node:
    """The node with the sums of its VMs if the panel reports no allocation. Stopped VMs count too, so the figure is
    rather too high. Without a sum if a VM's size is unknown, or if a VM of this node may be missing."""
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


def _virtualization(node_rows: Iterable[object]) -> dict[int, str]:
    """Cluster -> virtualization in its node rows."""
    kinds: dict[int, str] = {}
    for row in node_rows:
        of = row.get("cluster") if isinstance(row, dict) else None
        cluster_id = reference(of)
        kind = rows.virtualization(of) if isinstance(of, dict) else None
        if cluster_id is not None and kind is not None:
            kinds.setdefault(cluster_id, kind)
    return kinds


def _words(
    node_rows: Iterable[object], vm_rows: Iterable[SeenVM], wanted: Collection[int]
) -> dict[tuple[int | None, str, str], int]:
    """(Cluster, field, word) -> in how many rows, for unknown words of nodes."""
    words: Counter[tuple[int | None, str, str]] = Counter()
    for row in node_rows:
        cluster_id = reference(row.get("cluster")) if isinstance(row, dict) else None
        if isinstance(row, dict) and cluster_id in wanted:
            words.update((cluster_id, name, word) for name, word in rows.odd_words(row))
    for one in vm_rows:
        if one.hint is not None and one.hint.odd_word and one.vm is not None and one.vm.cluster_id in wanted:
            words[(one.vm.cluster_id, "node.maintenance_mode", one.hint.odd_word)] += 1
    return dict(words)


def _wanted(listed: list[Cluster], cluster_ids: Collection[int] | None) -> frozenset[int]:
    known = frozenset(c.id for c in listed)
    if not cluster_ids:
        return known
    missing = sorted(set(cluster_ids) - known)
    if missing:
        near = [f"{c.id} ({shorten(c.name, NAME_LENGTH)})" for c in listed]
        raise NotFound("cluster", ", ".join(map(str, missing)), near)
    return frozenset(cluster_ids)
