"""The values of the core: what was seen (Snapshot) and what is proposed (Plan).

Frozen values only, no rule. An unknown figure is ``None``, never 0. Units are in the
names: memory and disk in MiB, ``cpu_ratio`` in vCPUs per physical CPU, ``memory_percent`` 0-100.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TypeAlias

Scalar: TypeAlias = str | int | float | bool | None

DEVIATIONS = 2.0
"""So many standard deviations below its mean, the load of a VM is still likely to be there in ten minutes."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, in a form that every language can word: a code and the figures that go with it.

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
    """Most VMs on any one node; ``None`` = no limit."""
    placement_filter: str | None = None
    """The panel's placement rule as it came, only compared; ``None`` = none."""
    local_storage: bool | None = None
    """Disks lie on the nodes, so that a migration copies them too; ``None`` = unknown, treated as no."""
    held: Reason | None = None
    """Why nothing may be planned here although the figures are known; ``None`` = nothing speaks against it."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The real load of a node at one moment, as its kernel reports it."""

    taken_at: datetime
    load1: float
    """Load average of one minute: threads that run or want to; likewise of five and of fifteen."""
    load5: float
    load15: float
    cpus: int
    """CPUs that were online."""
    memory_available_mib: int
    """Memory that programs can still use without swapping."""
    memory_total_mib: int
    cpu_pressure: float | None = None
    """Percent of the last minute in which something waited for a CPU; ``None`` = the kernel does not say."""
    memory_pressure: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A server that runs VMs, with the panel's own totals of what is allocated on it.

    ``vcpus_allocated``, ``memory_allocated_mib`` and ``vm_count`` count every VM of the node, as the
    panel reports them; they are allocations, not load.
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
    """Most VMs on this node; ``None`` = no limit of its own."""
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
    """The node's real load; ``None`` = not measured, the allocation is all that is known."""
    computed: tuple[str, ...] = ()
    """Which of ``vcpus`` and ``memory`` the panel did not report: the sum of the node's VMs stands in for them."""
    held: Reason | None = None
    """Why this node gives and takes no VM although its figures are known; ``None`` = nothing speaks against it."""


@dataclass(frozen=True, slots=True)
class VMLoad:
    """The real load of a VM: how many CPUs it kept busy, as a mean over some time."""

    cpus: float
    measured_at: datetime
    """The end of that time."""
    span_s: float
    """How many seconds of it were measured."""
    memory_mib: int | None = None
    """What the VM took of the node's memory at the end of it."""
    source: str = "ssh"
    latest_cpus: float | None = None
    """The load between the last two readings; ``None`` = not known apart from ``cpus``."""
    deviation_cpus: float | None = None
    """Standard deviation of the loads between readings within that time; ``None`` = there were too few readings."""

    @property
    def expected_cpus(self) -> float:
        """The load that the next minutes are expected to have: the latest one."""
        return self.cpus if self.latest_cpus is None else self.latest_cpus

    @property
    def dependable_cpus(self) -> float:
        """The load that very probably remains: two deviations below the mean, and no more than the latest."""
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
    """What was left over from an import from VMmanager 5 and blocks a migration."""
    tags: tuple[str, ...] = ()
    live_migration_allowed: bool | None = None
    """``False`` where the panel forbids live migration for this VM but not for every VM of its node."""
    uptime: int | None = None
    """As the panel tells it, probably seconds; only compared with an earlier value of the same VM."""
    held: Reason | None = None
    """Why this VM stays although nothing else speaks against a move; ``None`` = nothing."""
    load: VMLoad | None = None
    """Its own load; ``None`` = not measured, then it has its share by vCPUs of the load of its node."""
    copied_again: float | None = None
    """The part of its memory that a migration copies again because the VM writes to it meanwhile, learnt from its own
    last migrations: 0.5 = half of it, 2.0 = twice all of it. ``None`` = unknown; it counts as 0."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that differs from what this program knows of a panel, for people; it decides nothing by itself."""

    reason: Reason
    cluster_id: int | None = None
    """``None`` = it belongs to no cluster, or to several."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything seen at one moment: clusters, nodes and VMs, each sorted by id."""

    taken_at: datetime
    clusters: tuple[Cluster, ...]
    nodes: tuple[Node, ...]
    vms: tuple[VM, ...]
    remarks: tuple[Remark, ...] = ()
    """What was odd in the panel's answers."""

    def split(self) -> tuple[Snapshot, ...]:
        """One snapshot a cluster, in the order of the clusters' ids."""
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

    ``migrated``, ``failed`` and ``skipped`` map a VM to the moment of its last finished migration, of
    its last failed one, and of a person's last "skip". ``busy_vms`` and ``busy_nodes`` take part in a
    migration that is queued, running, or whose outcome is not known.
    """

    migrated: Mapping[int, datetime] = field(default_factory=dict)
    failed: Mapping[int, datetime] = field(default_factory=dict)
    skipped: Mapping[int, datetime] = field(default_factory=dict)
    busy_vms: frozenset[int] = frozenset()
    busy_nodes: frozenset[int] = frozenset()
    held: Mapping[int, int] = field(default_factory=dict)
    """Overloaded nodes that no VM leaves yet, and in how many more checks they have to be seen so."""
    uneven_held: int = 0
    """In how many more checks the load has to be seen uneven before it is evened out."""
    ignored: Mapping[int, str] = field(default_factory=dict)
    """VMs that a person skipped for good, until someone takes that back: who it was."""
    left: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """VMs that the balancer itself moved within the last day: the nodes that they left."""
    suitable: Mapping[int, frozenset[int]] = field(default_factory=dict)
    """VM -> the nodes that the panel's own migration form calls suitable for it; only VMs that were asked about."""


@dataclass(frozen=True, slots=True)
class NodeLoad:
    """The load of one node: vCPUs per physical CPU, memory in percent, VMs, and the CPU load score.

    ``cpu_load`` is the load average of one minute per CPU where it was measured (``measured_at``) and is
    fresh; it then stands for the CPU load instead of ``cpu_ratio``, in ``score`` too. After a move: an estimate.
    """

    cpu_ratio: float
    memory_percent: float
    vm_count: int
    score: float
    cpu_load: float | None = None
    measured_at: datetime | None = None
    cpu_pressure: float | None = None
    """Percent of the last minute in which something waited for a CPU, as measured; moves leave it."""
    pressed_load: float | None = None
    """The load per CPU that counts where the pressure overloads the node although the load does not."""

    @property
    def source(self) -> str:
        """Where the CPU load comes from: ``ssh`` or ``panel``."""
        return "panel" if self.cpu_load is None else "ssh"


@dataclass(frozen=True, slots=True)
class NodeReport:
    """One node as the planner found it; ``load`` is ``None`` where a figure is unknown."""

    node_id: int
    node_name: str
    load: NodeLoad | None
    overloaded: bool
    reason: Reason | None = None
    """Why it is overloaded, or why its load is unknown."""


@dataclass(frozen=True, slots=True)
class Move:
    """One VM from one node to another, why, and what it does to both."""

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
    """What a person should know although it does not forbid the move."""
    seconds: float | None = None
    """How long the migration is estimated to take; ``None`` in plans of versions that did not store it."""

    @property
    def key(self) -> tuple[int, int, int]:
        """What makes two moves the same move: VM, source, target."""
        return (self.vm_id, self.source_id, self.target_id)


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why something was not done. ``subject`` is ``cluster``, ``source``, ``target`` or ``vm``.

    ``source``: an overloaded node that stays overloaded. ``target``: a node that may take nothing.
    ``vm``: a VM of an overloaded node that may not leave, or that fits nowhere; then ``per_target``
    counts the reasons of the targets.
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
    """A proven lower bound for plans that leave no more nodes overloaded; ``None`` = nothing is known.

    Each figure is a bound of its own; one plan need not reach all of them.
    """

    moves: int | None = None
    seconds: float | None = None
    memory_mib: int | None = None
    fewest_moves_mib: int | None = None
    """What a plan with no more than ``moves`` copies at least."""
    optimal: bool = False
    """The whole plan is proven optimal: no plan that moves each VM at most once leaves fewer nodes overloaded, or as
    few with less excess, or the same at a lower cost by the policy's ``optimize_for``."""


@dataclass(frozen=True, slots=True)
class Evenness:
    """How even a plan makes a cluster: J = std(vCPUs per CPU) + std(memory fraction) over the nodes that count."""

    before: float
    after: float
    moves: int
    """After how many moves."""
    bound: float | None = None
    """No plan of so many moves gets J lower; proven, ``None`` = nothing is known."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """What the whole plan of another strategy would achieve."""

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
    """The purpose of a plan, which selects the rules for its moves (purposes.py)."""

    BALANCE = "balance"
    """Made by a strategy, on its own or as a dry run."""
    TARGET = "target"
    """A person chose where one VM goes."""
    UNDO = "undo"
    """A migration is taken back."""
    DRAIN = "drain"
    """A person wants a node empty."""
    FILL = "fill"
    """A person wants a node to carry its share again."""
    ROOM = "room"
    """A person wants room for a new VM, or for the VMs of a node that is lost."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered moves for one cluster, and for what was not moved the rejections that say why."""

    cluster_id: int
    cluster_name: str
    taken_at: datetime
    strategy: str
    """Which one made it; the purpose, where a person asked for the plan."""
    nodes: tuple[NodeReport, ...]
    """Every node of the cluster before the plan, worst first."""
    moves: tuple[Move, ...]
    rejections: tuple[Rejection, ...]
    overloaded_after: tuple[int, ...]
    """Ids of the nodes that are still overloaded when every move is done."""
    cautions: tuple[Reason, ...] = ()
    """Rules about VMs that are broken already: the plan does not mend them, but a person should know."""

    effort: Effort | None = None
    """Of the whole plan, of which ``moves`` may be only the first; ``None`` = the strategy plans no further."""
    bound: Bound | None = None
    """The certificate of the whole plan; ``None`` = the strategy has none."""
    overloaded_after_all: tuple[int, ...] | None = None
    """Ids of the nodes that the whole plan leaves overloaded; ``None`` = as ``overloaded_after``."""
    groups: tuple[int, ...] = ()
    """For each move the number of its group, from 0: moves of one group share no node, so they may run at once
    when those of earlier groups are done."""
    evenness: Evenness | None = None
    """Of ``moves``; ``None`` = the strategy does not compute it."""
    alternative: Alternative | None = None
    """Another strategy that would do clearly better; ``None`` = none would, or no strategy was compared."""
    purpose: Purpose = Purpose.BALANCE
    beyond_targets: Alternative | None = None
    """If hard target thresholds keep nodes overloaded: what a plan that passes them would achieve."""
    targets_passed: bool = False
    """Whether a person let this one plan pass hard target thresholds."""
    choice: Choice | None = None
    """Which rule chose the moves; ``None`` where nothing was chosen: nothing is overloaded, or a person asked."""
    loads_by: str | None = None
    """What the VMs of the overloaded measured nodes count with: ``own`` loads, ``shares`` by vCPUs, or ``mixed``;
    ``None`` = no overloaded node is measured."""

    @property
    def total_moves(self) -> int:
        """Moves of the whole plan; ``moves`` are its first."""
        return self.effort.moves if self.effort is not None else len(self.moves)

    @property
    def overloaded(self) -> tuple[NodeReport, ...]:
        """The nodes that are overloaded before the plan."""
        return tuple(n for n in self.nodes if n.overloaded)
