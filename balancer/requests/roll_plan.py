"""The plan of a rolling campaign, as values. Apart from roll.py so that who only shows a plan imports no NumPy."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.model import Move, Reason, Rejection
from balancer.survival.values import Verdict


@dataclass(frozen=True, slots=True)
class RollStep:
    """Nodes that are emptied together: their VMs move, the work is done, then they take VMs again."""

    node_ids: tuple[int, ...]
    node_names: tuple[str, ...]
    moves: tuple[Move, ...]
    stay: tuple[Rejection, ...]
    """VMs that cannot leave, and why; a rejection of a node or the cluster where no VM may leave."""
    to_open: int
    """Moves to nodes that are still to be emptied: these VMs move again."""
    survives: Verdict | None = None
    """Whether, while these nodes are away, the VMs of any other node have room on the rest; ``None``: not asked."""

    @property
    def seconds(self) -> float:
        """How long the migrations take, one after another."""
        return sum(move.seconds or 0.0 for move in self.moves)


@dataclass(frozen=True, slots=True)
class RollPlan:
    """The campaign of one cluster."""

    cluster_id: int
    cluster_name: str
    steps: tuple[RollStep, ...]
    bound: int
    """No campaign that empties these nodes takes fewer moves; proven in ``roll._bound``."""
    cautions: tuple[Reason, ...] = ()

    @property
    def moves(self) -> tuple[Move, ...]:
        """All moves in their order."""
        return tuple(move for step in self.steps for move in step.moves)

    @property
    def seconds(self) -> float:
        """How long all migrations take, one after another, without the work on the nodes."""
        return sum(step.seconds for step in self.steps)
