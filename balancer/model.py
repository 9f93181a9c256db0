"""The values of the planner: its input (Snapshot) and its result (Plan).

Frozen values only, no rules. An unknown figure is ``None``, never 0. Names contain units: memory and disk in MiB,
``cpu_ratio`` in vCPUs per physical CPU, ``memory_percent`` 0-100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

DEVIATIONS = 2.0
"""A VM's load in ten minutes is probably not lower than its mean minus this many standard deviations."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is so, for any language: a code and its arguments.

    ``code`` names a message of the catalogues (``reason-<code>``); ``params`` are its arguments.
    """

    code: str
    params: tuple[tuple[str, Scalar], ...] = ()

    @staticmethod
    def of(code: str, **params: Scalar) -> Reason:
        """A reason with these arguments, sorted by name, so that equal reasons compare equal."""
        return Reason(code, tuple(sorted(params.items())))

    def as_dict(self) -> dict[str, Scalar]:
        """The arguments by name."""
        return dict(self.params)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster of VMmanager. VMs move only inside one."""

    id: int
    name: str
    virtualization: str | None = None
    """``kvm`` or ``lxd``; only KVM can migrate live."""
    vm_limit_per_node: int | None = None
    """The most VMs on each node; ``None`` = no limit."""
    placement_filter: str | None = None
    """The panel's placement rule, which is only compared; ``None`` = none."""
    local_storage: bool | None = None
    """Whether the disks are on the nodes, so that a migration copies them too; ``None`` = unknown, treated as no."""
    held: Reason | None = None
    """Why nothing may be planned here although the figures are known; ``None`` = planning is allowed."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The real load of a node at one moment, as its kernel reports it."""

    taken_at: datetime
    load1: float
    """Load average of one minute: threads that run or wait for a CPU. ``load5`` and ``load15``: the same."""
    load5: float
    load15: float
    cpus: int
    """CPUs that were online."""
    memory_available_mib: int
    """Memory that programs can still use without swapping."""
    memory_total_mib: int
    cpu_pressure: float | None = None
    """Percent of the last minute in which something waited for a CPU; ``None`` = the kernel does not give it."""
    memory_pressure: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A server that runs VMs, with the panel's own totals of what is allocated on it.

    ``vcpus_allocated``, ``memory_allocated_mib`` and ``vm_count`` are the panel's figures for all VMs of the node: they
    are allocations, not load.
    """

    id: int
    name: str
    cluster_id: int
    cpus: int | None = None
    vcpus_allocated: int | None = None
    memory_mib: int | None = None
    memory_allocated_mib: int | None = None
    vm_count: int | None = None
    vm_limit: int | None = None
    """The most VMs on this node; ``None`` = it has no limit."""
    state: str | None = None
    """``active`` is healthy; with any other word the node is left alone."""
    maintenance: bool | None = None
    creation_allowed: bool | None = None
    live_migration_allowed: bool | None = None
    qemu_version: str | None = None
    kernel_version: str | None = None
    placement_filter: str | None = None
    ssh_host: str | None = None
    ssh_port: int | None = None
    ssh_user: str | None = None
    measured: Measurement | None = None
    """The node's real load; ``None`` = not measured: only the allocation is known."""
    computed: tuple[str, ...] = ()
    """Which of ``vcpus`` and ``memory`` the panel did not report: the sum of the node's VMs replaces them."""
    held: Reason | None = None
    """Why no VM may leave or enter this node although its figures are known; ``None`` = there is no such reason."""


@dataclass(frozen=True, slots=True)
class VMLoad:
    """The real load of a VM: its busy CPUs as a mean over some time."""

    cpus: float
    measured_at: datetime
    """The end of that time."""
    span_s: float
    """How many seconds of that time were measured."""
    memory_mib: int | None = None
    """The VM's memory on the node at the end of that time."""
    source: str = "ssh"
    latest_cpus: float | None = None
    """The load between the last two readings; ``None`` = only ``cpus`` is known."""
    deviation_cpus: float | None = None
    """Standard deviation of the loads between readings within that time; ``None`` = there were too few readings."""

    @property
    def expected_cpus(self) -> float:
        """The expected load in the next minutes: the latest load, if it is known."""
        return self.cpus if self.latest_cpus is None else self.latest_cpus

    @property
    def dependable_cpus(self) -> float:
        """The load that very probably remains: the mean minus two deviations, but at most the latest load."""
        return max(0.0, min(self.cpus - DEVIATIONS * (self.deviation_cpus or 0.0), self.expected_cpus))


@dataclass(frozen=True, slots=True)
class VM:
    """A virtual machine (the panel's API calls it a host)."""

    id: int
    name: str
    cluster_id: int
    node_id: int | None
    vcpus: int | None = None
    memory_mib: int | None = None
    disk_mib: int | None = None
    """The main disk only."""
    state: str | None = None
    iso_mounted: bool | None = None
    snapshot_count: int | None = None
    balancer_mode: str | None = None
    disabled: bool = False
    rescue: bool = False
    change_pending: bool = False
    """A new CPU or memory size waits for a restart."""
    nested_virtualization: bool = False
    cpu_mode: str | None = None
    restrictions: tuple[str, ...] = ()
    """Remains of an import from VMmanager 5 that block a migration."""
    tags: tuple[str, ...] = ()
    live_migration_allowed: bool | None = None
    """``False`` if the panel forbids live migration for this VM but not for every VM of its node."""
    uptime: int | None = None
    """The panel's figure, probably in seconds; only compared with an earlier value of the same VM."""
    held: Reason | None = None
    """Why this VM may not move, besides the rules; ``None`` = there is no such reason."""
    load: VMLoad | None = None
    """Its measured load; ``None`` = not measured: its share by vCPUs of its node's load is used."""
    copied_again: float | None = None
    """The part of its memory that a migration copies again because the VM writes to it meanwhile, learnt from its own
    last migrations: 0.5 = half of it, 2.0 = twice all of it. ``None`` = unknown; it counts as 0."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A difference from the known behaviour of panels, for people. It decides nothing by itself."""

    reason: Reason
    cluster_id: int | None = None
    """``None`` = the remark belongs to no cluster, or to several."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The panel at one moment: clusters, nodes and VMs, each sorted by id."""

    taken_at: datetime
    clusters: tuple[Cluster, ...]
    nodes: tuple[Node, ...]
    vms: tuple[VM, ...]
    remarks: tuple[Remark, ...] = ()
    """Remarks about the panel's answers."""

    def split(self) -> tuple[Snapshot, ...]:
        """One snapshot per cluster, in the order of the clusters' ids."""
        nodes: dict[int, list[Node]] = {c.id: [] for c in self.clusters}
        vms: dict[int, list[VM]] = {c.id: [] for c in self.clusters}
        for node in self.nodes:
            if node.cluster_id in nodes:
                nodes[node.cluster_id].append(node)
        for vm in self.vms:
            if vm.cluster_id in vms:
                vms[vm.cluster_id].append(vm)
        return tuple(
            Snapshot(
                self.taken_at,
                (c,),
                tuple(nodes[c.id]),
                tuple(vms[c.id]),
                tuple(r for r in self.remarks if r.cluster_id in (None, c.id)),
            )
            for c in self.clusters
        )


@dataclass(frozen=True, slots=True)
class Recent:
    """Recent events that the rules need. Ids are the panel's.

    ``migrated``, ``failed`` and ``skipped`` map a VM to the time of its last finished migration, of its last failed
    one, and of a person's last "skip". ``busy_vms`` and ``busy_nodes`` take part in a migration that is queued or
    running, or whose outcome is unknown.
    """

    migrated: Mapping[int, datetime] = field(default_factory=dict)
    failed: Mapping[int, datetime] = field(default_factory=dict)
    skipped: Mapping[int, datetime] = field(default_factory=dict)
    busy_vms: frozenset[int] = frozenset()
    busy_nodes: frozenset[int] = frozenset()
    held: Mapping[int, int] = field(default_factory=dict)
    """Overloaded node that no VM leaves yet -> how many more checks must see it overloaded."""
    uneven_held: int = 0
    """How many more checks must see the load uneven before it is evened out."""
    ignored: Mapping[int, str] = field(default_factory=dict)
    """VM that is skipped permanently -> the person who skipped it."""
    left: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """VM that this program moved within the last day -> the nodes that it left."""
    suitable: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """VM -> the nodes that the panel's own migration form calls suitable; only VMs about which the panel was asked."""


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """The load of one node: vCPUs per physical CPU, memory in percent, VMs, and the CPU load score.

    ``cpu_load`` is the load average of one minute per CPU if it was measured (``measured_at``) and is fresh. It then
    replaces ``cpu_ratio`` as the CPU load, also in ``score``. After a move it is an estimate.
    """

    cpu_ratio: float
    memory_percent: float
    vm_count: int
    score: float
    cpu_load: float | None = None
    measured_at: datetime | None = None
    cpu_pressure: float | None = None
    """The measured percent of the last minute in which something waited for a CPU; moves do not change it."""
    pressed_load: float | None = None
    """The load per CPU that is used if the pressure overloads the node although the load does not."""

    @property
    def source(self) -> str:
        """The source of the CPU load: ``ssh`` or ``panel``."""
        return "panel" if self.cpu_load is None else "ssh"


@dataclass(frozen=True, slots=True)
class NodeReport:
    """The state of one node before the plan; ``load`` is ``None`` if a figure is unknown."""

    node_id: int
    node_name: str
    load: NodeLoad | None
    overloaded: bool
    reason: Reason | None = None
    """Why it is overloaded, or why its load is unknown."""


@dataclass(frozen=True, slots=True)
class Move:
    """One VM from one node to another, the reason, and the effect on both nodes."""

    vm_id: int
    vm_name: str
    source_id: int
    source_name: str
    target_id: int
    target_name: str
    vcpus: int
    memory_mib: int
    reason: Reason
    source_before: NodeLoad
    source_after: NodeLoad
    target_before: NodeLoad
    target_after: NodeLoad
    cautions: tuple[Reason, ...] = ()
    """Facts that do not forbid the move, but that a person should know."""
    seconds: float | None = None
    """The estimated time of the migration; ``None`` in plans of versions that did not store it."""

    @property
    def key(self) -> tuple[int, int, int]:
        """Two moves with the same VM, source and target are the same move."""
        return (self.vm_id, self.source_id, self.target_id)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something was not done. ``subject`` is ``cluster``, ``source``, ``target`` or ``vm``.

    ``source``: a node that stays overloaded. ``target``: a node that may take no VM. ``vm``: a VM of an overloaded node
    that may not leave, or that fits on no node; then ``per_target`` counts the reasons of the targets.
    """

    subject: str
    id: int
    name: str
    reason: Reason
    per_target: tuple[tuple[Reason, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Effort:
    """The cost of moves: number, memory, and estimated time one after another."""

    moves: int
    seconds: float
    memory_mib: int


@dataclass(frozen=True, slots=True)
class Bound:
    """Proven lower bounds for all plans that leave at most as many nodes overloaded; ``None`` = unknown.

    Each figure is a separate bound; a single plan may not reach all of them.
    """

    moves: int | None = None
    seconds: float | None = None
    memory_mib: int | None = None
    fewest_moves_mib: int | None = None
    """The least MiB that a plan with at most ``moves`` moves copies."""
    optimal: bool = False
    """Whether the whole plan is proven optimal: no plan that moves each VM at most once leaves fewer nodes overloaded,
    or as many with less excess, or the same at a lower cost by the policy's ``optimize_for``."""


@dataclass(frozen=True, slots=True)
class Evenness:
    """How even a cluster is before and after a plan: J = std(vCPUs per CPU) + std(memory fraction) over its nodes."""

    before: float
    after: float
    moves: int
    """The number of moves."""
    bound: float | None = None
    """A proven lower bound of J for plans with this many moves; ``None`` = unknown."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """The result of the whole plan of another strategy."""

    strategy: str
    effort: Effort
    overloaded_left: int
    """How many nodes it would leave overloaded."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The rule that chose the moves of a plan, and why."""

    strategy: str
    """``smallest-first``, ``optimal`` or ``balance``: ``adaptive`` decides between the first two at each check."""
    reason: Reason


class Purpose(str, Enum):
    """The purpose of a plan. It selects the rules for the moves (purposes.py)."""

    BALANCE = "balance"
    """The plan of a strategy, in a check or a dry run."""
    TARGET = "target"
    """A person chose the target of one VM."""
    UNDO = "undo"
    """A person moves a VM back."""
    DRAIN = "drain"
    """A person wants to empty a node."""
    FILL = "fill"
    """A person wants a node to get its share of VMs again."""
    ROOM = "room"
    """A person wants room for a new VM, or for the VMs of a node that is lost."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered moves for one cluster, and rejections that say why other VMs and nodes are not moved."""

    cluster_id: int
    cluster_name: str
    taken_at: datetime
    strategy: str
    """The strategy that made the plan; the purpose, if a person requested it."""
    nodes: tuple[NodeReport, ...]
    """Every node of the cluster before the plan, worst first."""
    moves: tuple[Move, ...]
    rejections: tuple[Rejection, ...]
    overloaded_after: tuple[int, ...]
    """Ids of the nodes that are still overloaded after all moves."""
    cautions: tuple[Reason, ...] = ()
    """Rules about VMs that are broken already: the plan does not correct this, but a person should know."""

    effort: Effort | None = None
    """The cost of the whole plan; ``moves`` may be only its first moves. ``None`` = the strategy has no longer plan."""
    bound: Bound | None = None
    """The bound for the whole plan; ``None`` = the strategy has none."""
    overloaded_after_all: tuple[int, ...] | None = None
    """Ids of the nodes that the whole plan leaves overloaded; ``None`` = as ``overloaded_after``."""
    groups: tuple[int, ...] = ()
    """Move by move the number of its group, from 0. Moves of one group share no node, so they may run at the same time
    after the moves of earlier groups."""
    evenness: Evenness | None = None
    """The evenness for ``moves``; ``None`` = the strategy does not compute it."""
    alternative: Alternative | None = None
    """Another strategy with a clearly better result; ``None`` = there is none, or no strategy was compared."""
    purpose: Purpose = Purpose.BALANCE
    beyond_targets: Alternative | None = None
    """If hard target thresholds keep nodes overloaded: the result of a plan that passes them."""
    targets_passed: bool = False
    """Whether a person allowed this plan to pass hard target thresholds."""
    choice: Choice | None = None
    """The rule that chose the moves; ``None`` = nothing is overloaded, or a person requested the plan."""
    loads_by: str | None = None
    """The loads that are used for VMs of overloaded measured nodes: ``own`` loads, ``shares`` by vCPUs, or ``mixed``;
    ``None`` = no overloaded node is measured."""

    @property
    def total_moves(self) -> int:
        """The number of moves of the whole plan; ``moves`` are its first ones."""
        return self.effort.moves if self.effort is not None else len(self.moves)

    @property
    def overloaded(self) -> tuple[NodeReport, ...]:
        """The nodes that are overloaded before the plan."""
        return tuple(n for n in self.nodes if n.overloaded)
