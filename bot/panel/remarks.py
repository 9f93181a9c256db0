"""Remarks for people about a snapshot that differs from the known shape. Pure; decides nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

from balancer.model import VM, Node, Reason, Remark
from bot.panel.vocabulary import VM_STATES, plain

Kind = TypeVar("Kind", Node, VM)

_NAMED = 5
"""How many names a remark lists."""
_SUM_TOLERANCE = 0.05
"""The part by which sums may differ, because the three lists are not read at the same moment."""


class Sums(NamedTuple):
    """On how many nodes a figure of the panel equals the sum of all VMs, of the active VMs, or neither."""

    every: int
    active: int
    neither: tuple[str, ...]
    missing: tuple[str, ...]
    """Nodes for which the panel reports no such figure."""


def remarks_of(
    nodes: Sequence[Node],
    vms: Sequence[VM],
    left_out: Mapping[tuple[int | None, str], Sequence[str]],
    words: Mapping[tuple[int | None, str, str], int],
) -> tuple[Remark, ...]:
    """The remarks about a snapshot, in a fixed order.

    Args:
        left_out: (cluster, ``node`` or ``vm``) -> the names of the odd rows that were left out. A person who sees only
            one cluster gets no names of other clusters.
        words: (cluster, field, word) -> in how many rows, for unknown words of nodes.
    """
    remarks = []
    for (of, what), out in sorted(left_out.items(), key=lambda item: (item[0][0] or 0, item[0][1])):
        count, names = len(out), _named(out)
        reason = Reason.of("remark-vm-left-out", count=count, names=names)
        if what == "node":
            reason = Reason.of("remark-node-left-out", count=count, names=names)
        remarks.append(Remark(reason, of))
    counted = Counter(dict(words))
    for vm in vms:
        if vm.balancer_mode not in (None, "on", "off"):
            counted[vm.cluster_id, "balancer_mode", vm.balancer_mode or ""] += 1
        if vm.state is not None and plain(vm.state) not in VM_STATES:
            counted[vm.cluster_id, "state", vm.state] += 1
    for (cluster_id, field, word), rows in sorted(counted.items(), key=lambda item: (item[0][0] or 0, item[0][1:])):
        remarks.append(Remark(Reason.of("remark-word", field=field, word=word, rows=rows), cluster_id))
    nodes_of, vms_of = _by_cluster(nodes), _by_cluster(vms)
    for cluster_id, own in sorted(nodes_of.items()):
        remarks += [Remark(reason, cluster_id) for reason in _of_cluster(own, vms_of.get(cluster_id, []))]
    return tuple(remarks)


def remark_of_one_cluster(remark: Remark) -> Reason:
    """The remark for people who may see only one cluster. A row without a cluster may belong to another one, so it is
    counted and not named."""
    values = remark.reason.as_dict()
    if remark.cluster_id is not None or "names" not in values:
        return remark.reason
    return Reason.of("remark-unplaced", count=values["count"])


def _by_cluster(items: Sequence[Kind]) -> dict[int, list[Kind]]:
    grouped: dict[int, list[Kind]] = {}
    for item in items:
        grouped.setdefault(item.cluster_id, []).append(item)
    return grouped


def _of_cluster(nodes: Sequence[Node], vms: Sequence[VM]) -> list[Reason]:
    reasons = []
    for figure in ("vcpus", "memory"):
        computed = [node.name for node in nodes if figure in node.computed]
        if computed:
            reasons.append(Reason.of("remark-computed", figure=figure, count=len(computed), names=_named(computed)))
        odd = sums_of(figure, nodes, vms).neither
        if odd:
            reasons.append(Reason.of("remark-sums", figure=figure, count=len(odd), names=_named(odd)))
    return reasons


def sums_of(figure: str, nodes: Sequence[Node], vms: Sequence[VM]) -> Sums:
    """Which sum of VM rows the panel's allocation of ``vcpus`` or ``memory`` equals, for each node."""
    sizes: dict[int, list[tuple[int, bool]]] = {node.id: [] for node in nodes}
    for vm in vms:
        size = vm.vcpus if figure == "vcpus" else vm.memory_mib
        if vm.node_id in sizes:
            sizes[vm.node_id].append((size or 0, vm.state == "active"))
    every = active = 0
    neither, missing = [], []
    for node in nodes:
        allocated = node.vcpus_allocated if figure == "vcpus" else node.memory_allocated_mib
        if allocated is None or figure in node.computed:
            missing.append(node.name)
            continue
        whole = sum(size for size, _ in sizes[node.id])
        running = sum(size for size, on in sizes[node.id] if on)
        every += _equal(allocated, whole)
        active += _equal(allocated, running)
        if not _equal(allocated, whole) and not _equal(allocated, running):
            neither.append(node.name)
    return Sums(every, active, tuple(neither), tuple(missing))


def _equal(allocated: int, computed: int) -> bool:
    return abs(allocated - computed) <= _SUM_TOLERANCE * max(allocated, computed)


def _named(names: Collection[str]) -> str:
    return ", ".join(list(names)[:_NAMED]) + (", …" if len(names) > _NAMED else "")
