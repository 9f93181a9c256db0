"""The results of requests, besides plans. Values only; the catalogues word the reasons."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from balancer.model import Move, NodeLoad, Reason, Rejection, VMLoad


@dataclass(frozen=True, slots=True)
class TargetChoice:
    """A node that may take a VM now, with its load before and after. The best has the lowest ``fullness``."""

    node_id: int
    node_name: str
    before: NodeLoad
    after: NodeLoad
    fullness: float
    """Its worst resource with the VM, as a part of the overload threshold: at most 1."""
    cautions: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeRoom:
    """For how many more VMs of one size a node has room."""

    node_id: int
    node_name: str
    vms: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a new VM of this size fits in one cluster."""

    cluster_id: int
    cluster_name: str
    vcpus: int
    memory_mib: int
    best: tuple[TargetChoice, ...]
    """The three best nodes, or fewer."""
    rooms: tuple[NodeRoom, ...]
    """Every node that takes new VMs, also those without room for this size; most room first."""
    rejections: tuple[Rejection, ...]
    """Why other nodes take no VM of any size, and why nodes without room do not; by id."""

    @property
    def total(self) -> int:
        """For how many more of these VMs the whole cluster has room."""
        return sum(room.vms for room in self.rooms)


@dataclass(frozen=True, slots=True)
class RoomMade:
    """Moves, in order, after which a new VM fits on a node."""

    node_id: int
    node_name: str
    moves: tuple[Move, ...]
    proven: bool
    """Whether it is proven that no plan makes room with fewer moves."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Ids of nodes (for a VM) or VMs (for a node) with the same reason; for nodes in its brief form."""

    reason: Reason
    ids: tuple[int, ...]
    names: tuple[str, ...]


class WhyVerdict(str, Enum):
    """Why a VM stays where it is, in one word; the first that is true."""

    PLANNED = "planned"
    """It does not stay: the present plan moves it (``WhyVM.move``)."""
    FORBIDDEN = "forbidden"
    """It may not leave (``WhyVM.refusals``)."""
    NOT_NEEDED = "not-needed"
    """Its node is not overloaded, and with ``balance`` its move would not gain enough."""
    OTHERS = "others"
    """Its node is relieved without it (``WhyVM.instead``)."""
    NO_TARGET = "no-target"
    """No node may take it (``WhyVM.refused``)."""
    BUDGET = "budget"
    """Other moves come first, and the plan may make no more."""
    NOT_ENOUGH = "not-enough"
    """It could move, but its node stays overloaded with every plan, so the strategy does not move it."""


@dataclass(frozen=True, slots=True)
class WhyVM:
    """Why a VM was not moved, by the present rules and strategy."""

    vm_id: int
    vm_name: str
    node_id: int | None
    node_name: str | None
    verdict: WhyVerdict
    reason: Reason
    """The reason of the verdict, with figures."""
    refusals: tuple[Reason, ...]
    """All reasons why it may not leave, of the cluster, its node and itself; each of them would have to change."""
    move: Move | None
    """Its move in the present plan; ``None`` = it has none."""
    instead: tuple[Move, ...]
    """The moves of other VMs from its node in the plan."""
    open: tuple[TargetChoice, ...]
    """Nodes that may take it now, best first, also if it may not leave."""
    refused: tuple[Refused, ...]
    """The other nodes by the first reason why it may not go there, most frequent first."""
    nearest: tuple[Rejection, ...]
    """If no node may take it: the node with the fewest reasons; all of them would have to change."""
    load: VMLoad | None = None
    """Its measured load, which the plan uses; ``None`` = the plan uses its share of its node's load."""
    vcpus: int | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One resource of a node and its overload threshold; above it = overloaded by it."""

    resource: str
    """``cpu`` (vCPUs per CPU), ``load`` (measured, per CPU) or ``memory`` (percent)."""
    value: float
    limit: float

    @property
    def above(self) -> bool:
        """Whether the value exceeds the limit."""
        return self.value > self.limit


@dataclass(frozen=True, slots=True)
class WhyNode:
    """The role of a node in the present plan, and why."""

    node_id: int
    node_name: str
    overloaded: bool
    """Whether it counts as overloaded. A node in maintenance or excluded as a source never does."""
    levels: tuple[Level, ...]
    """Empty if a figure is unknown."""
    load: NodeLoad | None
    not_source: tuple[Reason, ...]
    """All reasons why no VM may leave, except that it is not overloaded."""
    not_target: tuple[Reason, ...]
    """All reasons why no VM may come."""
    leaving: tuple[Move, ...]
    """The moves from this node in the plan. ``coming``: the moves to it."""
    coming: tuple[Move, ...]
    stays_overloaded: Reason | None
    """Why the plan does not relieve it."""
    vms: int
    staying: tuple[Refused, ...]
    """Its VMs that may not leave, by reason, most frequent first."""
