"""When a cluster is full: computes dates (forecast.py) from samples of months and the thresholds. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from balancer.forecast import Trend, forecast
from balancer.level_model import Point
from balancer.model import VM, Node, Snapshot
from balancer.policy import Policy
from balancer.requests.place import place
from balancer.scoring import most_mib, most_vcpus

DAY = timedelta(days=1)
CPU, MEMORY = "cpu", "memory"
SIZES = (1, 2, 4, 8, 16, 32)
"""The classes of vCPUs in which VMs are counted: up to 1, up to 2 … and larger ones."""


@dataclass(frozen=True, slots=True)
class SizeCount:
    """The number of VMs with ``vcpus`` vCPUs, and the sum of their memory."""

    vcpus: int
    vms: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Totals:
    """The allocation in a cluster at one moment, and the resources of its nodes in service."""

    nodes: int
    """Nodes in service: healthy and not in maintenance. The next two figures are only of these nodes."""
    cpus: int
    memory_mib: int
    vcpus: int
    """Allocated on all nodes, in service or not. ``allocated_mib`` and ``vms``: the same."""
    allocated_mib: int
    vms: int | None
    """``None`` = unknown."""


@dataclass(frozen=True, slots=True)
class CapacitySample:
    """The totals at a moment in the past."""

    at: datetime
    totals: Totals


@dataclass(frozen=True, slots=True)
class ServiceChange:
    """A change of the nodes in service at ``at``; figures are differences."""

    at: datetime
    nodes: int
    cpus: int
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Order:
    """A sudden change of the allocation at ``at``, much larger than usual, in vCPUs or MiB."""

    at: datetime
    change: float


@dataclass(frozen=True, slots=True)
class ResourceDate:
    """When the vCPUs (``cpu``) or the memory (``memory``, MiB) of a cluster reach its threshold.

    One of ten likely futures reaches it before ``first``, and one after ``last``. ``None``: later than ``horizon``. All
    three are ``None`` without a rising trend, or if the threshold is reached already.
    """

    resource: str
    trend: Trend
    reached: bool
    allocated: float
    limit: float
    """The largest allocation on the nodes in service that does not exceed the threshold."""
    threshold: float
    """The value in the policy: vCPUs per CPU, or percent of the memory."""
    growth: float | None
    """Growth per day without the orders below; ``None``: the history is too short."""
    orders: tuple[Order, ...]
    horizon: datetime
    first: datetime | None = None
    middle: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class SizeGrowth:
    """VMs with more than ``above`` and at most ``most`` vCPUs (``None``: no limit), then and now."""

    above: int
    most: int | None
    vms_before: int
    vms_now: int
    vcpus_before: int
    vcpus_now: int


@dataclass(frozen=True, slots=True)
class StandardVM:
    """The most common size of the cluster's VMs, and how many more of them fit below the thresholds."""

    vcpus: int
    memory_mib: int
    fit: int


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """The content of `/capacity` for one cluster."""

    cluster_id: int
    cluster_name: str
    samples: tuple[CapacitySample, ...] = ()
    """In the order of time."""
    dates: tuple[ResourceDate, ...] = ()
    changes: tuple[ServiceChange, ...] = ()
    growth: tuple[SizeGrowth, ...] = ()
    growth_since: datetime | None = None
    """The day of the older counts of ``growth``."""
    out_of_service: int = 0
    """Nodes that are in maintenance or not healthy; they do not count as capacity."""
    standard: StandardVM | None = None
    switch_off: tuple[tuple[str, ...], int] | None = None
    """Names of nodes that could be switched off, and the number of moves for it; ``None``: not computed."""


def in_service(node: Node) -> bool:
    """Whether a node counts as capacity."""
    return node.state == "active" and not node.maintenance


def totals(snapshot: Snapshot) -> Totals | None:
    """The sums of one cluster; ``None``: a figure is unknown; a sum without it would look like a change."""
    on_node: dict[int, list[VM]] = {node.id: [] for node in snapshot.nodes}
    for vm in snapshot.vms:
        on_node.setdefault(vm.node_id or 0, []).append(vm)
    serving = [node for node in snapshot.nodes if in_service(node)]
    sums = [
        _sum(node.cpus for node in serving),
        _sum(node.memory_mib for node in serving),
        _sum(_allocated(node.vcpus_allocated, on_node[node.id], lambda vm: vm.vcpus) for node in snapshot.nodes),
        _sum(
            _allocated(node.memory_allocated_mib, on_node[node.id], lambda vm: vm.memory_mib) for node in snapshot.nodes
        ),
    ]
    if not serving or None in sums:
        return None
    cpus, memory, vcpus, allocated = (value or 0 for value in sums)
    return Totals(len(serving), cpus, memory, vcpus, allocated, len(snapshot.vms))


def sizes(vms: Iterable[VM]) -> tuple[SizeCount, ...]:
    """The VMs by their number of vCPUs, without VMs of unknown size."""
    count: Counter[int] = Counter()
    memory: Counter[int] = Counter()
    for vm in vms:
        if vm.vcpus is not None and vm.memory_mib is not None:
            count[vm.vcpus] += 1
            memory[vm.vcpus] += vm.memory_mib
    return tuple(SizeCount(vcpus, count[vcpus], memory[vcpus]) for vcpus in sorted(count))


def capacity_report(
    cluster_id: int,
    cluster_name: str,
    samples: Sequence[CapacitySample],
    policy: Policy,
    *,
    counts: tuple[tuple[datetime, Sequence[SizeCount]], Sequence[SizeCount]] | None = None,
) -> CapacityReport:
    """The report of one cluster, without the parts that need a snapshot.

    Args:
        samples: in the order of time; the last one is the present state.
        counts: the VMs by size on a day in the past, and now.
    """
    if not samples:
        return CapacityReport(cluster_id, cluster_name)
    return CapacityReport(
        cluster_id,
        cluster_name,
        tuple(samples),
        tuple(_date(resource, samples, policy) for resource in (CPU, MEMORY)),
        _changes(samples),
        () if counts is None else _growth(counts[0][1], counts[1]),
        None if counts is None else counts[0][0],
    )


def standard_vm(snapshot: Snapshot, policy: Policy) -> StandardVM | None:
    """The most common size of a cluster's VMs and how many more fit; ``None``: no VM's size is known."""
    known = Counter((vm.vcpus, vm.memory_mib) for vm in snapshot.vms if vm.vcpus and vm.memory_mib)
    if not known:
        return None
    (vcpus, memory_mib), _ = min(known.items(), key=lambda item: (-item[1], item[0]))
    assert vcpus is not None and memory_mib is not None  # noqa: S101 - only known sizes are counted
    return StandardVM(vcpus, memory_mib, place(snapshot, policy, vcpus, memory_mib).total)


def _sum(values: Iterable[int | None]) -> int | None:
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def _allocated(reported: int | None, vms: Sequence[VM], size: Callable[[VM], int | None]) -> int | None:
    """The panel's figure of a node, else the sum of its VMs."""
    return _sum(size(vm) for vm in vms) if reported is None else reported


def _date(resource: str, samples: Sequence[CapacitySample], policy: Policy) -> ResourceDate:
    last, zero = samples[-1], samples[0].at
    if resource == CPU:
        threshold = policy.cpu_overload_ratio
        limit = most_vcpus(last.totals.cpus, threshold)
        values = [sample.totals.vcpus for sample in samples]
    else:
        threshold = policy.memory_overload_percent
        limit = most_mib(last.totals.memory_mib, threshold)
        values = [sample.totals.allocated_mib for sample in samples]
    points = [Point((s.at - zero) / DAY, float(v)) for s, v in zip(samples, values, strict=True)]
    counts = [s.totals.vms for s in samples]
    known = [float(count) for count in counts if count is not None]
    result = forecast(points, float(max(limit, 1)), known if len(known) == len(counts) else None)

    def day(days: float | None) -> datetime | None:
        return None if days is None else last.at + days * DAY

    return ResourceDate(
        resource,
        result.trend,
        values[-1] >= limit or result.reached,
        float(values[-1]),
        float(limit),
        threshold,
        result.slope,
        tuple(Order(zero + step.day * DAY, step.change) for step in result.steps),
        last.at + result.reach * DAY,
        day(result.first),
        day(result.middle),
        day(result.last),
    )


def _changes(samples: Sequence[CapacitySample]) -> tuple[ServiceChange, ...]:
    """The changes of the nodes in service that lasted longer than one sample; newest last."""
    changes = []
    steady = samples[0].totals
    for number, one in enumerate(samples):
        now, then = one.totals, samples[min(number + 1, len(samples) - 1)].totals
        size = (now.nodes, now.cpus, now.memory_mib)
        if size != (steady.nodes, steady.cpus, steady.memory_mib) and size == (then.nodes, then.cpus, then.memory_mib):
            changes.append(
                ServiceChange(
                    one.at, now.nodes - steady.nodes, now.cpus - steady.cpus, now.memory_mib - steady.memory_mib
                )
            )
            steady = now
    return tuple(changes)


def _growth(before: Sequence[SizeCount], now: Sequence[SizeCount]) -> tuple[SizeGrowth, ...]:
    """The growth of each class of size that has VMs then or now; smallest first."""
    rows = []
    for above, most in zip((0, *SIZES), (*SIZES, None), strict=True):

        def inside(count: SizeCount, above: int = above, most: int | None = most) -> bool:
            return above < count.vcpus and (most is None or count.vcpus <= most)

        old, new = [c for c in before if inside(c)], [c for c in now if inside(c)]
        if old or new:
            rows.append(
                SizeGrowth(
                    above,
                    most,
                    sum(c.vms for c in old),
                    sum(c.vms for c in new),
                    sum(c.vms * c.vcpus for c in old),
                    sum(c.vms * c.vcpus for c in new),
                )
            )
    return tuple(rows)
