"""Reads the neutral benchmark format (``vmbal-1``) as a Snapshot, and writes plans with the file's own ids.

The format has no kernels, so unknown versions are allowed. It allows filling a target up to the threshold, as `optimal`
does. `smallest-first` stays below the threshold, which is stricter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple, TypeVar

from balancer.formats import reading as r
from balancer.formats.columns import OddRow, column, mapped_column, of_types, positions, whole_column
from balancer.formats.reading import FormatError
from balancer.model import VM, Cluster, Node, Plan, Recent, Scalar, Snapshot
from balancer.policy import TARGETS_PREFERRED, Policy

FORMAT = "vmbal-1"
EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)
"""The time of a snapshot: the format has no clock, and only differences of times matter."""

_STATES = {"running": "active", "stopped": "stopped"}
_LONG_AGO_S = 10 * 365 * 86_400
_CLUSTER_ID = 1
_CPU_RATIO, _MEMORY_PERCENT = 7.0, 70.0
"""The thresholds for a file without thresholds."""

T = TypeVar("T")


class Neutral(NamedTuple):
    """A neutral instance; ``node_ids[i]`` and ``vm_ids[i]`` are the file's ids of node i and VM i."""

    snapshot: Snapshot
    policy: Policy
    recent: Recent
    node_ids: tuple[Scalar, ...]
    vm_ids: tuple[Scalar, ...]


def is_neutral(document: Any) -> bool:
    """Whether the document says that it has the neutral format."""
    return isinstance(document, dict) and document.get("format") == FORMAT


def read(document: Any, *, max_moves: int = 0, taken_at: datetime = EPOCH) -> Neutral:
    """Reads a document of the neutral format.

    Raises:
        FormatError: the document does not follow the format.
    """
    obj = r.mapping(document)
    if not is_neutral(obj):
        raise r.wrong(obj.get("format"), f'"{FORMAT}"', ("format",))
    rows = r.field(obj, "nodes", r.many(r.mapping))
    vm_rows = r.field(obj, "vms", r.many(r.mapping))
    index = _index(rows, "nodes")
    vm_index = _index(vm_rows, "vms")
    vms = _vms(vm_rows, index)
    placed = _by_node(len(rows), vms)
    nodes = _each(rows, "nodes", lambda row, i: _node(row, i, placed[i]))
    name = r.field(obj, "name", r.text, FORMAT)
    snapshot = Snapshot(taken_at, (Cluster(_CLUSTER_ID, name, "kvm"),), tuple(nodes), tuple(vms))
    return Neutral(
        snapshot,
        _policy(obj, rows, max_moves),
        Recent(migrated=_migrated(vm_rows, taken_at)),
        tuple(index),
        tuple(vm_index),
    )


def moves_to_dicts(plan: Plan, neutral: Neutral) -> list[dict[str, Scalar]]:
    """The plan's moves in order, with the ids of the file."""
    return [
        {
            "vm": neutral.vm_ids[move.vm_id],
            "from": neutral.node_ids[move.source_id],
            "to": neutral.node_ids[move.target_id],
        }
        for move in plan.moves
    ]


def _each(rows: Sequence[Mapping[str, Any]], kind: str, read_row: Callable[[Mapping[str, Any], int], T]) -> list[T]:
    """The results of ``read_row`` for each row and its position. An error gets the place of its row."""
    result: list[T] = []
    try:
        for row in rows:
            result.append(read_row(row, len(result)))
    except FormatError as error:
        raise error.inside(len(result)).inside(kind) from error.__cause__
    return result


def _index(rows: Sequence[Mapping[str, Any]], kind: str) -> dict[Scalar, int]:
    """Id in the file -> position, which is the id in the snapshot."""
    with suppress(OddRow):
        return positions(rows, "id")
    index: dict[Scalar, int] = {}

    def add(row: Mapping[str, Any], i: int) -> None:
        own: Scalar = r.field(row, "id", r.scalar)
        if own in index:
            raise FormatError(f" is {own!r}, and so is {kind}[{index[own]}].id: give each its own", ("id",))
        index[own] = i

    _each(rows, kind, add)
    return index


def _by_node(count: int, vms: Sequence[VM]) -> list[list[VM]]:
    placed: list[list[VM]] = [[] for _ in range(count)]
    for vm in vms:
        if vm.node_id is not None:
            placed[vm.node_id].append(vm)
    return placed


def _vms(rows: Sequence[Mapping[str, Any]], nodes: Mapping[Scalar, int]) -> list[VM]:
    try:
        return _plain_vms(rows, nodes)
    except OddRow:
        return _each(rows, "vms", lambda row, i: _vm(row, i, nodes))


def _plain_vms(rows: Sequence[Mapping[str, Any]], nodes: Mapping[Scalar, int]) -> list[VM]:
    """The results of ``_vm`` for all rows, if no row is odd."""
    columns = zip(
        of_types([row["name"] if "name" in row else str(row["id"]) for row in rows], str),
        mapped_column(rows, "node", nodes),
        whole_column(rows, "vcpus"),
        whole_column(rows, "ram_mib"),
        mapped_column(rows, "state", _STATES, "running"),
        column(rows, "has_iso", bool, default=False),
        column(rows, "has_snapshot", bool, default=False),
        column(rows, "balancer_enabled", bool, default=True),
        strict=True,
    )
    return [
        VM(i, name, _CLUSTER_ID, home, vcpus, mib, None, state, iso, int(snapshot), "on" if mode else "off")
        for i, (name, home, vcpus, mib, state, iso, snapshot, mode) in enumerate(columns)
    ]


def _vm(row: Mapping[str, Any], i: int, nodes: Mapping[Scalar, int]) -> VM:
    state = r.field(row, "state", r.text, "running")
    if state not in _STATES:
        raise r.wrong(state, '"running" or "stopped"', ("state",))
    home: Scalar = r.field(row, "node", r.scalar)
    if home not in nodes:
        raise r.wrong(home, "the id of one of the nodes", ("node",))
    return VM(
        id=i,
        name=r.field(row, "name", r.text, str(row["id"])),
        cluster_id=_CLUSTER_ID,
        node_id=nodes[home],
        vcpus=r.field(row, "vcpus", r.whole),
        memory_mib=r.field(row, "ram_mib", r.whole),
        state=_STATES[state],
        iso_mounted=r.field(row, "has_iso", r.truth, False),
        snapshot_count=int(r.field(row, "has_snapshot", r.truth, False)),
        balancer_mode="on" if r.field(row, "balancer_enabled", r.truth, True) else "off",
    )


def _node(row: Mapping[str, Any], i: int, vms: Sequence[VM]) -> Node:
    base = r.field(row, "ram_base_mib", r.whole, 0)
    return Node(
        id=i,
        name=r.field(row, "name", r.text, str(row["id"])),
        cluster_id=_CLUSTER_ID,
        cpus=r.field(row, "cpus", r.whole),
        vcpus_allocated=sum(vm.vcpus or 0 for vm in vms),
        memory_mib=r.field(row, "ram_mib", r.whole),
        memory_allocated_mib=base + sum(vm.memory_mib or 0 for vm in vms),
        vm_count=len(vms),
        vm_limit=r.field(row, "vm_limit", r.maybe(r.whole, "a whole number"), None) or None,
        state="active",
        maintenance=r.field(row, "maintenance", r.truth, False),
        creation_allowed=r.field(row, "creation_allowed", r.truth, True),
        qemu_version=r.field(row, "qemu", r.text, "0"),
    )


def _thresholds(value: Any) -> tuple[float, float]:
    obj = r.mapping(value)
    return r.field(obj, "cpu_ratio", r.number, _CPU_RATIO), r.field(obj, "mem_pct", r.number, _MEMORY_PERCENT)


def _policy(obj: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], max_moves: int) -> Policy:
    """A policy with the file's overload thresholds, and the other default limits in proportion to them."""
    cpu, memory = r.field(obj, "thresholds", _thresholds, (_CPU_RATIO, _MEMORY_PERCENT))
    marks = _each(rows, "nodes", lambda row, _: r.field(row, "excluded", r.truth, False))
    excluded = frozenset(i for i, mark in enumerate(marks) if mark)
    try:
        return Policy(
            cpu_overload_ratio=cpu,
            memory_overload_percent=memory,
            cpu_target_score=cpu * 6 / 7,
            memory_target_percent=min(100.0, memory * 80 / 70),
            target_thresholds=TARGETS_PREFERRED,  # the file does not set them
            density_weight=cpu * 0.5 / 7,
            max_moves=max_moves,
            exclude_sources=excluded,
            exclude_targets=excluded,
            allow_unknown_versions=True,
        )
    except ValueError as error:
        raise FormatError(f": {error}", ("thresholds",)) from error


def _migrated(rows: Sequence[Mapping[str, Any]], taken_at: datetime) -> dict[int, datetime]:
    try:
        ages = column(rows, "last_migrated_s", int, float, type(None), default=None)
        if any(ago is not None and not abs(ago) <= r.LARGEST for ago in ages):
            raise OddRow
    except OddRow:
        read_age = r.null_or(r.number)
        ages = _each(rows, "vms", lambda row, _: r.field(row, "last_migrated_s", read_age, None))
    return {i: taken_at - timedelta(seconds=ago) for i, ago in enumerate(ages) if ago is not None and ago < _LONG_AGO_S}
