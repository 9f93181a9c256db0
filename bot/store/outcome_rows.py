"""Rows of the ledger to and from its values. Pure; only the store uses it."""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from balancer.model import NodeLoad
from balancer.promises import NodeFigures, Promise, VMFigures
from bot.domain.incidents import Resource
from bot.domain.outcomes import Cause, Missing, Outcome, StartedMove
from bot.store import rows

_LOAD = ("cpu_ratio", "memory_percent", "vm_count", "score", "cpu_load")


def promise_to_texts(promise: Promise) -> tuple[str, str]:
    """The figures of a promise and the VMs of both nodes, as JSON."""
    figures = {
        "vm": asdict(promise.vm),
        "vm_name": promise.vm_name,
        "carries": promise.carries,
        "carries_from": promise.carries_from,
        "source": _node_to_dict(promise.source),
        "target": _node_to_dict(promise.target),
        "source_after": load_to_dict(promise.source_after),
        "target_after": load_to_dict(promise.target_after),
    }
    vms = [[[vm.vm_id, vm.vcpus, vm.memory_mib, vm.cpus] for vm in n.vms] for n in (promise.source, promise.target)]
    return json.dumps(figures), json.dumps(vms, separators=(",", ":"))


def started_move_of(row: sqlite3.Row) -> StartedMove:
    """The value of a row of promise with its migration, its move and the finished checkpoints."""
    raw = json.loads(row["figures"])
    source_vms, target_vms = json.loads(row["vms"]) if row["vms"] is not None else ([], [])
    promise = Promise(
        vm=_vm(raw["vm"]),
        vm_name=str(raw["vm_name"]),
        carries=_finite(raw["carries"]),
        carries_from=str(raw["carries_from"]),
        source=_node(raw["source"], source_vms),
        target=_node(raw["target"], target_vms),
        source_after=load_of(raw["source_after"]),
        target_after=load_of(raw["target_after"]),
    )
    return StartedMove(
        migration_id=row["migration_id"],
        proposal_id=row["proposal_id"],
        cluster_id=row["cluster_id"],
        started_at=rows.from_text(row["started_at"]),
        finished_at=rows.from_text(row["finished_at"]),
        resource=Resource(row["resource"]),
        promise=promise,
        measured=frozenset(timedelta(seconds=s) for s in json.loads(row["measured"])),
    )


def outcome_to_row(outcome: Outcome) -> tuple[object, ...]:
    """The columns of the table in order, without the id."""
    figures = {
        "source": None if outcome.source is None else load_to_dict(outcome.source),
        "target": None if outcome.target is None else load_to_dict(outcome.target),
        "vm_cpus": outcome.vm_cpus,
    }
    return (
        outcome.migration_id,
        round(outcome.after.total_seconds()),
        rows.to_text(outcome.at),
        outcome.promised,
        outcome.relieved,
        None if outcome.missing is None else outcome.missing.value,
        None if outcome.cause is None else outcome.cause.value,
        outcome.moves,
        json.dumps(figures),
    )


def outcome_of(row: sqlite3.Row) -> Outcome:
    """The value of a row of outcome with the resource of its promise."""
    raw = json.loads(row["figures"])
    promised, relieved = _finite(row["promised"]), _maybe(row["relieved"])
    if relieved is not None and promised <= 0:
        raise ValueError("a comparison with a promise of nothing")
    return Outcome(
        migration_id=row["migration_id"],
        after=timedelta(seconds=row["after_s"]),
        at=rows.from_text(row["at"]),
        resource=Resource(row["resource"]),
        promised=promised,
        relieved=relieved,
        missing=None if row["missing"] is None else Missing(row["missing"]),
        cause=None if row["cause"] is None else Cause(row["cause"]),
        moves=int(row["moves"]),
        source=None if raw["source"] is None else load_of(raw["source"]),
        target=None if raw["target"] is None else load_of(raw["target"]),
        vm_cpus=_maybe(raw["vm_cpus"]),
    )


def load_to_dict(load: NodeLoad) -> dict[str, Any]:
    """A load without the time of its measurement, which is not compared."""
    return {name: getattr(load, name) for name in _LOAD}


def load_of(raw: dict[str, Any]) -> NodeLoad:
    return NodeLoad(
        cpu_ratio=_finite(raw["cpu_ratio"]),
        memory_percent=_finite(raw["memory_percent"]),
        vm_count=int(raw["vm_count"]),
        score=_finite(raw["score"]),
        cpu_load=_maybe(raw["cpu_load"]),
    )


def _node_to_dict(node: NodeFigures) -> dict[str, Any]:
    return {
        "node_id": node.node_id,
        "node_name": node.node_name,
        "cpus": node.cpus,
        "memory_mib": node.memory_mib,
        "load": load_to_dict(node.load),
        "measured_cpus": node.measured_cpus,
    }


def _node(raw: dict[str, Any], vms: list[list[Any]]) -> NodeFigures:
    return NodeFigures(
        node_id=int(raw["node_id"]),
        node_name=str(raw["node_name"]),
        cpus=int(raw["cpus"]),
        memory_mib=int(raw["memory_mib"]),
        load=load_of(raw["load"]),
        vms=tuple(VMFigures(int(i), int(vcpus), int(mib), _maybe(cpus)) for i, vcpus, mib, cpus in vms),
        measured_cpus=None if raw["measured_cpus"] is None else int(raw["measured_cpus"]),
    )


def _vm(raw: dict[str, Any]) -> VMFigures:
    return VMFigures(int(raw["vm_id"]), int(raw["vcpus"]), int(raw["memory_mib"]), _maybe(raw["cpus"]))


def _maybe(figure: float | None) -> float | None:
    return None if figure is None else _finite(figure)


def _finite(figure: float) -> float:
    """
    Raises:
        ValueError: NaN or infinity, which no comparison takes.
    """
    value = float(figure)
    if not math.isfinite(value):
        raise ValueError(f"{figure!r} is no figure")
    return value
