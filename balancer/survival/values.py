"""The answers to "do other nodes have room for the VMs of this node if it is lost?". Values only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from balancer.model import Move, Reason, Rejection


class SurvivalVerdict(str, Enum):
    """The answer for one loss."""

    YES = "yes"
    """There is room: ``Loss.places`` is the plan."""
    NO = "no"
    """There is no room for all: ``Loss.proof`` says why, ``Loss.left_out`` has the VMs without room."""
    UNDECIDED = "undecided"
    """Neither is proven: ``Loss.proof`` says what is unknown, or how far the search went."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node that has room for one VM of a lost node."""

    vm_id: int
    vm_name: str
    node_id: int
    node_name: str


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of one node or of several nodes together, and whether other nodes have room for their VMs."""

    node_ids: tuple[int, ...]
    node_names: tuple[str, ...]
    verdict: SurvivalVerdict
    vms: int
    """How many VMs run on the lost nodes and need room."""
    places: tuple[Place, ...] = ()
    """The places, by id of the VM: of all VMs if the answer is ``yes``, else of the best placement."""
    left_out: tuple[Rejection, ...] = ()
    """The VMs without room in that placement, by id; ``per_target`` counts the reasons of the other nodes."""
    proof: Reason | None = None
    """For ``no`` and ``undecided``. A reader can check it by hand, except a complete search."""


@dataclass(frozen=True, slots=True)
class Survival:
    """The judged losses of one cluster."""

    cluster_id: int
    cluster_name: str
    up_to: str
    """``physical`` or ``overload``: how full a node may get."""
    losses: tuple[Loss, ...]
    cautions: tuple[Reason, ...] = ()
    """Facts besides the answer that a person should know."""

    @property
    def verdict(self) -> SurvivalVerdict:
        """The verdict on all losses: ``yes`` only if each is ``yes``, ``no`` if one is ``no``."""
        return worst(loss.verdict for loss in self.losses)

    def having(self, verdict: SurvivalVerdict) -> tuple[Loss, ...]:
        """The losses with this verdict."""
        return tuple(loss for loss in self.losses if loss.verdict is verdict)


@dataclass(frozen=True, slots=True)
class Restoration:
    """The moves after which lost nodes have room."""

    node_ids: tuple[int, ...]
    """The nodes that could not be lost before the moves and can be lost after them."""
    node_names: tuple[str, ...]
    moves: tuple[Move, ...]
    """In their order; empty = none were found."""
    proven: bool
    """No plan of fewer moves does this. Without moves: no moves can do it, and ``proof`` says why."""
    proof: Reason | None = None


def worst(verdicts: Iterable[SurvivalVerdict]) -> SurvivalVerdict:
    """One verdict for several: the worst of them."""
    kinds = frozenset(verdicts)
    if SurvivalVerdict.NO in kinds:
        return SurvivalVerdict.NO
    return SurvivalVerdict.UNDECIDED if SurvivalVerdict.UNDECIDED in kinds else SurvivalVerdict.YES
