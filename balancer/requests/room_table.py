"""Which of some common sizes a new VM may have: how many fit now, and how many moves make room for one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from balancer.model import Recent, Snapshot
from balancer.policy import Policy
from balancer.requests.make_room import find_room
from balancer.requests.place import place
from balancer.requests.plan_builder import only_cluster

TABLE_WORK = 10_000
"""As ``make_room.WORK``, for each shape."""


@dataclass(frozen=True, slots=True)
class ShapeRoom:
    """The room for VMs of one shape in a cluster."""

    vcpus: int
    memory_mib: int
    vms: int
    """How many VMs of this shape fit now."""
    moves: int | None
    """The fewest moves after which one fits: 0 where it fits now; ``None`` = no plan was found."""
    decided: bool
    """Whether ``None`` is proven: no plan of up to the tried number of moves makes room."""

    @property
    def size(self) -> tuple[int, int]:
        """Larger shapes have larger sizes: by memory, then by vCPUs."""
        return (self.memory_mib, self.vcpus)


@dataclass(frozen=True, slots=True)
class RoomTable:
    """The room for all shapes in one cluster, in the order in which the shapes were given."""

    cluster_id: int
    cluster_name: str
    shapes: tuple[ShapeRoom, ...]

    def largest(self, moves: int) -> ShapeRoom | None:
        """The largest shape of which one fits after at most so many moves."""
        fitting = (shape for shape in self.shapes if shape.moves is not None and shape.moves <= moves)
        return max(fitting, key=lambda shape: shape.size, default=None)


def room_table(
    snapshot: Snapshot, policy: Policy, recent: Recent, shapes: Iterable[tuple[int, int]], work: int = TABLE_WORK
) -> RoomTable:
    """The table of one cluster.

    Args:
        snapshot: of one cluster.
        shapes: vCPUs and MiB of each shape.
        work: for the search of moves of each shape.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster, or a size is not above 0.
    """
    cluster = only_cluster(snapshot)
    rows = tuple(_shape(snapshot, policy, recent, shape, work) for shape in shapes)
    return RoomTable(cluster.id, cluster.name, rows)


def _shape(snapshot: Snapshot, policy: Policy, recent: Recent, shape: tuple[int, int], work: int) -> ShapeRoom:
    vms = place(snapshot, policy, *shape).total
    if vms:
        return ShapeRoom(*shape, vms=vms, moves=0, decided=True)
    search = find_room(snapshot, policy, recent, *shape, work=work)
    moves = None if search.room is None else len(search.room.moves)
    return ShapeRoom(*shape, vms=0, moves=moves, decided=search.decided)
