"""The answers to "is there room for what runs on this node if the node is lost?". Values only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from balancer.model import Reason, Rejection


class Verdict(str, Enum):
    """The answer for one loss."""

    YES = "yes"
    """There is room: ``Loss.places`` is the plan."""
    NO = "no"
    """There is no room for all: ``Loss.proof`` says why, ``Loss.left_out`` which VMs stay out."""
    UNDECIDED = "undecided"
    """Neither is proven: ``Loss.proof`` says what is unknown, or how much was searched."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node that has room for one VM of a lost node."""

    vm_id: int
    vm_name: str
    node_id: int
    node_name: str


@dataclass(frozen=True, slots=True)
class Loss:
    """One node, or several nodes at once, that are lost, and whether the other nodes have room for their VMs."""

    node_ids: tuple[int, ...]
    node_names: tuple[str, ...]
    verdict: Verdict
    vms: int
    """How many VMs run on the lost nodes and need room."""
    places: tuple[Place, ...] = ()
    """By id of the VM: of all VMs where the answer is ``yes``, else of the best placement that was found."""
    left_out: tuple[Rejection, ...] = ()
    """The VMs without room in that placement, by id; ``per_target`` counts why the other nodes do not take them."""
    proof: Reason | None = None
    """Of ``no`` and ``undecided``. A reader can check it by hand, unless it is a complete search."""


@dataclass(frozen=True, slots=True)
class Survival:
    """The losses that were asked about, for one cluster."""

    cluster_id: int
    cluster_name: str
    up_to: str
    """``physical`` or ``overload``: how full a node may get."""
    losses: tuple[Loss, ...]
    cautions: tuple[Reason, ...] = ()
    """What a person should know besides the answer."""

    @property
    def verdict(self) -> Verdict:
        """Of all losses: ``yes`` only where each of them is ``yes``, ``no`` where one of them is ``no``."""
        return worst(loss.verdict for loss in self.losses)

    def having(self, verdict: Verdict) -> tuple[Loss, ...]:
        """The losses with this verdict."""
        return tuple(loss for loss in self.losses if loss.verdict is verdict)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """One verdict for several: the worst of them."""
    seen = frozenset(verdicts)
    if Verdict.NO in seen:
        return Verdict.NO
    return Verdict.UNDECIDED if Verdict.UNDECIDED in seen else Verdict.YES
