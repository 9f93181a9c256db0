"""The plan of a rolling campaign, as values. Separate from roll.py, so that showing a plan does not import NumPy."""

from __future__ import annotations

from dataclasses import dataclass

from balancer.model import Move, Reason, Rejection
from balancer.survival.values import SurvivalVerdict


@dataclass(frozen=True, slots=True)
class RollStep:
    """Nodes that are emptied together: their VMs leave, people do their work, then the nodes take VMs again."""

    node_ids: tuple[int, ...]
    node_names: tuple[str, ...]
    moves: tuple[Move, ...]
    stay: tuple[Rejection, ...]
    """VMs that cannot leave, and why; or a rejection of a node or the cluster if no VM may leave."""
    to_open: int
    """The number of moves to nodes that will be emptied later: these VMs move again."""
    survives: SurvivalVerdict | None = None
    """Whether the VMs of any other node have room on the rest while these nodes are empty; ``None``: not computed."""

    @property
    def seconds(self) -> float:
        """The time of the migrations, one after another."""
        return sum(move.seconds or 0.0 for move in self.moves)


@dataclass(frozen=True, slots=True)
class RollPlan:
    """The campaign of one cluster."""

    cluster_id: int
    cluster_name: str
    steps: tuple[RollStep, ...]
    bound: int
    """A proven lower bound for the moves of a campaign that empties these nodes; see ``roll._bound``."""
    cautions: tuple[Reason, ...] = ()

    @property
    def moves(self) -> tuple[Move, ...]:
        """All moves, in order."""
        return tuple(move for step in self.steps for move in step.moves)

    @property
    def seconds(self) -> float:
        """The time of all migrations, one after another, without the work of people on the nodes."""
        return sum(step.seconds for step in self.steps)
