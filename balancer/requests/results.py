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
    """The worst of its resources afterwards, as a part of the overload threshold: at most 1."""
    cautions: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeRoom:
    """How many VMs of one size a node still holds."""

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
    """The best node and the two next, as far as there are any."""
    rooms: tuple[NodeRoom, ...]
    """Every node that takes new VMs, also those that hold none more of this size; most first."""
    rejections: tuple[Rejection, ...]
    """Why other nodes take none, whatever the size, and why those with room for none do not; by id."""

    @property
    def total(self) -> int:
        """How many such VMs the whole cluster still holds."""
        return sum(room.vms for room in self.rooms)


@dataclass(frozen=True, slots=True)
class RoomMade:
    """Moves, in order, after which a new VM fits on a node."""

    node_id: int
    node_name: str
    moves: tuple[Move, ...]
    proven: bool
    """No plan makes room with fewer moves."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Nodes (of a VM) or VMs (of a node), by id, that the same reason forbids; for nodes it is the brief form."""

    reason: Reason
    ids: tuple[int, ...]
    names: tuple[str, ...]


class Verdict(str, Enum):
    """Why a VM stays where it is, in one word; the first that is true."""

    PLANNED = "planned"
    """It does not stay: the plan of this moment moves it (``WhyVM.move``)."""
    FORBIDDEN = "forbidden"
    """It may not leave (``WhyVM.refusals``)."""
    NOT_NEEDED = "not-needed"
    """Its node is not overloaded, and with ``balance`` its move would not even out enough."""
    OTHERS = "others"
    """Its node is relieved without it (``WhyVM.instead``)."""
    NO_TARGET = "no-target"
    """No node may take it (``WhyVM.refused``)."""
    BUDGET = "budget"
    """Other moves come first, and the plan may make no more."""
    NOT_ENOUGH = "not-enough"
    """It could move, but its node stays overloaded whatever the plan, and the strategy finds no use in it."""


@dataclass(frozen=True, slots=True)
class WhyVM:
    """Why a VM was not moved, by the rules and the strategy of this moment."""

    vm_id: int
    vm_name: str
    node_id: int | None
    node_name: str | None
    verdict: Verdict
    reason: Reason
    """The verdict with its figures."""
    refusals: tuple[Reason, ...]
    """All that keeps it from leaving, each of which would have to change: of the cluster, its node, itself."""
    move: Move | None
    """What the plan of this moment does with it."""
    instead: tuple[Move, ...]
    """What the plan moves off its node instead."""
    open: tuple[TargetChoice, ...]
    """Nodes that may take it now, best first, whether it may leave or not."""
    refused: tuple[Refused, ...]
    """The other nodes by the first reason why it may not go there, most first."""
    nearest: tuple[Rejection, ...]
    """Where no node is open: the node with the fewest reasons, all of which would have to change."""
    load: VMLoad | None = None
    """Its own load, by which the plan judges it; ``None`` = by its share of the load of its node."""
    vcpus: int | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """One resource of a node beside its overload threshold; above it = overloaded by it."""

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
    """What a node is to the plan of this moment, and why."""

    node_id: int
    node_name: str
    overloaded: bool
    """It counts as overloaded. One in maintenance or excluded as a source does not, whatever its levels."""
    levels: tuple[Level, ...]
    """Empty where a figure is unknown."""
    load: NodeLoad | None
    not_source: tuple[Reason, ...]
    """All that keeps every VM from leaving, the overload aside."""
    not_target: tuple[Reason, ...]
    """All that keeps every VM from coming."""
    leaving: tuple[Move, ...]
    """What the plan moves off it, and ``coming`` to it."""
    coming: tuple[Move, ...]
    stays_overloaded: Reason | None
    """Why the plan does not relieve it."""
    vms: int
    staying: tuple[Refused, ...]
    """Its VMs that may not leave, by reason, most first."""
