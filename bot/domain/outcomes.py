"""The ledger: the outcomes of finished migrations, compared with their promises. Pure.

A finished migration is compared three times (``CHECKPOINTS``), each time with the first check after that time. The
compared figure is the relief of the source node in one resource. Several moves of this program on one node share the
change of the node: each gets its own promise, and a part of the difference in proportion to its promise. A missing
figure is reported as missing, and never estimated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from balancer.model import NodeLoad
from balancer.promises import NodeFigures, Promise, Sight, VMFigures
from bot.domain.incidents import Resource

CHECKPOINTS = (timedelta(minutes=10), timedelta(hours=1), timedelta(days=1))
"""The times after its end at which a migration is compared."""
KEPT = 0.75
"""A move that brings less than this part of its promise needs an explanation."""
SETTLES_WITHIN = timedelta(minutes=5)
"""A load average of one minute still contains the load from before a move that ended within this time."""
_LEAST, _LEAST_OF_CPU = {Resource.MEMORY: 0.01}, 0.001
"""A smaller promised relief counts as none."""


class Missing(str, Enum):
    """Why a migration could not be compared."""

    NODE_GONE = "node-gone"
    NO_FIGURE = "no-figure"
    """The figure of the source node was unknown in the check."""
    VM_GONE = "vm-gone"
    VM_BACK = "vm-back"
    """The VM is back on its source node."""
    NOT_CHECKED = "not-checked"
    """No check was made in time: the program was off or paused, or the panel did not answer."""
    NOTHING_PROMISED = "nothing-promised"
    """The move was not expected to relieve its source."""


class Cause(str, Enum):
    """Why a node was relieved by less than promised: the cause of the largest part of the difference."""

    VMS_GREW = "vms-grew"
    """VMs that stayed on the node need more now."""
    OTHERS_MOVED = "others-moved"
    """Other VMs came to the node, not by a move of this program."""
    VM_CARRIES_LESS = "vm-carries-less"
    """The moved VM has less load than expected."""
    NOT_VMS = "not-vms"
    """The load of the node is not the load of its VMs."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StartedMove:
    """A migration that succeeded, with the promise that was stored at its start."""

    migration_id: int
    proposal_id: int
    cluster_id: int
    started_at: datetime
    finished_at: datetime
    resource: Resource
    """The resource by which its source node was overloaded, or is judged."""
    promise: Promise
    measured: frozenset[timedelta] = frozenset()
    """The checkpoints that are done."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One comparison. Figures of the resource are in its unit (see ``Resource``); relief is positive.

    ``source`` and ``target``: the loads of both nodes at the check; ``None`` = unknown, or the node is gone.
    ``vm_cpus``: the VM's own load then. ``moves``: how many moves of this program share the change of the source.
    """

    migration_id: int
    after: timedelta
    """Which of ``CHECKPOINTS``."""
    at: datetime
    resource: Resource
    promised: float
    relieved: float | None = None
    missing: Missing | None = None
    cause: Cause | None = None
    moves: int = 1
    source: NodeLoad | None = None
    target: NodeLoad | None = None
    vm_cpus: float | None = None

    @property
    def hit(self) -> float | None:
        """The part of the promise that was kept: 1 = all of it; ``None`` = it could not be compared."""
        return None if self.relieved is None else self.relieved / self.promised


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One comparison, with its migration."""

    move: StartedMove
    outcome: Outcome


def due_checkpoints(move: StartedMove, now: datetime) -> tuple[timedelta, ...]:
    """The checkpoints that are due and not done."""
    return tuple(c for c in CHECKPOINTS if c not in move.measured and move.finished_at + c <= now)


def is_late(move: StartedMove, checkpoint: timedelta, now: datetime, interval: timedelta) -> bool:
    """Whether this check is too late for the checkpoint, because the first check in time was missed."""
    return now - move.finished_at - checkpoint > max(checkpoint / 2, 2 * interval)


def compare(
    move: StartedMove, others: Iterable[StartedMove], sight: Sight, checkpoint: timedelta, *, late: bool = False
) -> Outcome:
    """Compares one migration with the figures of a check.

    Args:
        others: other migrations of the cluster.
        sight: the nodes of the move in the check.
        late: the check is too late for this checkpoint.
    """
    promise = move.promise
    promised = _relief_promised(move, promise.source.node_id, move.resource) or 0.0
    vm = sight.vms.get(promise.vm.vm_id)
    source, target = sight.nodes.get(promise.source.node_id), sight.nodes.get(promise.target.node_id)
    relieved, moves, cause = None, 1, None
    missing = Missing.NOT_CHECKED if late else _missing(move, promised, sight)
    if missing is None and source is not None:
        shared = sharing(move, others, sight.taken_at)
        moves, relieved = len(shared), _own_relief(move, shared, source)
        if relieved is None:
            missing = Missing.NO_FIGURE
        elif relieved < KEPT * promised:
            cause = _cause(move.resource, shared, source, sight)
    return Outcome(
        migration_id=move.migration_id,
        after=checkpoint,
        at=sight.taken_at,
        resource=move.resource,
        promised=promised,
        relieved=relieved,
        missing=missing,
        cause=cause,
        moves=moves,
        source=None if late or source is None else source.load,
        target=None if late or target is None else target.load,
        vm_cpus=None if late or vm is None or vm.load is None else vm.load.cpus,
    )


def sharing(move: StartedMove, others: Iterable[StartedMove], now: datetime) -> tuple[StartedMove, ...]:
    """The moves that share the change of the move's source node, with the move itself, in the order of their starts.

    These are the moves of this node that ended later, and the chain of moves that ended shortly before, while the load
    of the node had not settled.
    """
    node_id = move.promise.source.node_id
    touching = [
        m for m in others if m.migration_id != move.migration_id and node_id in _nodes(m) and m.finished_at <= now
    ]
    later = [m for m in touching if m.finished_at > move.started_at]
    chain, first = [move, *later], move.started_at
    for earlier in sorted((m for m in touching if m not in later), key=lambda m: m.finished_at, reverse=True):
        if first - earlier.finished_at > SETTLES_WITHIN:
            break
        chain.append(earlier)
        first = min(first, earlier.started_at)
    return tuple(sorted(chain, key=lambda m: (m.started_at, m.migration_id)))


def value_of(load: NodeLoad | None, resource: Resource) -> float | None:
    """The figure of a resource; ``None`` = unknown."""
    if load is None:
        return None
    if resource is Resource.MEMORY:
        return load.memory_percent
    return load.cpu_ratio if resource is Resource.CPU else load.cpu_load


def _missing(move: StartedMove, promised: float, sight: Sight) -> Missing | None:
    source_id = move.promise.source.node_id
    vm = sight.vms.get(move.promise.vm.vm_id)
    if source_id not in sight.nodes:
        return Missing.NODE_GONE
    if promised < _LEAST.get(move.resource, _LEAST_OF_CPU):
        return Missing.NOTHING_PROMISED
    if vm is None:
        return Missing.VM_GONE
    if vm.node_id == source_id:
        return Missing.VM_BACK
    return Missing.NO_FIGURE if sight.nodes[source_id] is None else None


def _nodes(move: StartedMove) -> tuple[int, int]:
    return move.promise.source.node_id, move.promise.target.node_id


def _figures(move: StartedMove, node_id: int) -> tuple[NodeFigures, NodeLoad]:
    """The figures of a node before a move, and its promised load after the move."""
    promise = move.promise
    if node_id == promise.source.node_id:
        return promise.source, promise.source_after
    return promise.target, promise.target_after


def _relief_promised(move: StartedMove, node_id: int, resource: Resource) -> float | None:
    """By how much the node's figure was promised to fall; negative for the target of the move."""
    before, after = _figures(move, node_id)
    was, becomes = value_of(before.load, resource), value_of(after, resource)
    return None if was is None or becomes is None else was - becomes


def _own_relief(move: StartedMove, shared: Sequence[StartedMove], now: NodeFigures) -> float | None:
    node_id, resource = now.node_id, move.resource
    was = value_of(_figures(shared[0], node_id)[0].load, resource)
    is_now = value_of(now.load, resource)
    own = _relief_promised(move, node_id, resource)
    if was is None or is_now is None or own is None:
        return None
    promises = [_relief_promised(m, node_id, resource) or 0.0 for m in shared]
    difference = was - is_now - sum(promises)
    return own + difference * abs(own) / sum(abs(p) for p in promises)


# Why a promise was not kept ------------------------------------------------------------------------


def _cause(resource: Resource, shared: Sequence[StartedMove], now: NodeFigures, sight: Sight) -> Cause:
    """The cause of the largest part by which the node's figure is above the promise."""
    before = _figures(shared[0], now.node_id)[0]
    was, is_now = value_of(before.load, resource) or 0.0, value_of(now.load, resource) or 0.0
    shortfall = sum(_relief_promised(m, now.node_id, resource) or 0.0 for m in shared) - (was - is_now)
    expected = _expected_vms(before, shared)
    present = {vm.vm_id: vm for vm in now.vms}
    stayed = [(expected[i], vm) for i, vm in present.items() if i in expected]
    came = [vm for i, vm in present.items() if i not in expected]
    left = [vm for i, vm in expected.items() if i not in present]
    parts = {
        Cause.VMS_GREW: sum(_growth(old, new, resource, now) for old, new in stayed),
        Cause.OTHERS_MOVED: sum(_part(vm, resource, now) for vm in came)
        - sum(_part(vm, resource, before) for vm in left),
        Cause.VM_CARRIES_LESS: _carried_less(resource, shared, now, sight),
    }
    known = resource is Resource.LOAD and all(None not in (old.cpus, new.cpus) for old, new in stayed)
    rest = Cause.NOT_VMS if known else Cause.UNKNOWN
    parts[rest] = shortfall - sum(parts.values())
    return max(parts, key=lambda cause: parts[cause])


def _expected_vms(before: NodeFigures, shared: Sequence[StartedMove]) -> Mapping[int, VMFigures]:
    """The VMs that would be on the node if there had been no other changes than the shared moves."""
    expected = {vm.vm_id: vm for vm in before.vms}
    for move in shared:
        vm = move.promise.vm
        if move.promise.source.node_id == before.node_id:
            expected.pop(vm.vm_id, None)
        else:
            expected[vm.vm_id] = vm
    return expected


def _growth(old: VMFigures, new: VMFigures, resource: Resource, node: NodeFigures) -> float:
    if resource is Resource.MEMORY:
        return 100 * (new.memory_mib - old.memory_mib) / node.memory_mib
    if resource is Resource.CPU:
        return (new.vcpus - old.vcpus) / node.cpus
    if old.cpus is None or new.cpus is None:
        return 0.0
    return (new.cpus - old.cpus) / (node.measured_cpus or node.cpus)


def _part(vm: VMFigures, resource: Resource, node: NodeFigures) -> float:
    """The part of a node's figure that one of its VMs causes; without a measured load its share by vCPUs."""
    if resource is Resource.MEMORY:
        return 100 * vm.memory_mib / node.memory_mib
    if resource is Resource.CPU:
        return vm.vcpus / node.cpus
    if vm.cpus is not None:
        return vm.cpus / (node.measured_cpus or node.cpus)
    vcpus = node.load.cpu_ratio * node.cpus
    return (node.load.cpu_load or 0.0) * vm.vcpus / vcpus if vcpus else 0.0


def _carried_less(resource: Resource, shared: Sequence[StartedMove], node: NodeFigures, sight: Sight) -> float:
    """How much less load than expected the moved VMs have (how much more, if they came to the node)."""
    if resource is not Resource.LOAD:
        return 0.0
    less = 0.0
    for move in shared:
        vm = sight.vms.get(move.promise.vm.vm_id)
        if vm is not None and vm.load is not None:
            missing = move.promise.carries - vm.load.cpus
            less += missing if move.promise.source.node_id == node.node_id else -missing
    return less / (node.measured_cpus or node.cpus)
