"""Values that pictures need besides those of the core. Pure, and cheap to import."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from balancer.model import NodeLoad, NodeReport


@dataclass(frozen=True, slots=True)
class Arrow:
    """A proposed or running move, with the ids of its nodes."""

    source_id: int
    target_id: int
    running: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """Thresholds above which a node is overloaded."""

    cpu_ratio: float
    """vCPUs per physical CPU, for nodes without a measurement."""
    memory_percent: float
    """0-100."""
    cpu_load: float
    """Load of one minute per CPU; replaces ``cpu_ratio`` if it was measured."""


@dataclass(frozen=True, slots=True)
class Section:
    """One of several clusters."""

    title: str
    nodes: Sequence[NodeReport]
    limits: Limits

    @property
    def overloaded(self) -> int:
        return sum(report.overloaded for report in self.nodes)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a node that can overload it; ``kind`` is ``cpu``, ``load`` or ``memory``."""

    kind: str
    value: float
    limit: float

    @property
    def share(self) -> float:
        """Part of the threshold: above 1 it overloads the node."""
        return self.value / self.limit if self.limit > 0 else 0.0


def figures(load: NodeLoad, limits: Limits) -> tuple[Figure, Figure]:
    """CPU and memory; CPU is the measured load if there is one."""
    memory = Figure("memory", load.memory_percent, limits.memory_percent)
    if load.cpu_load is not None:
        return Figure("load", load.cpu_load, limits.cpu_load), memory
    return Figure("cpu", load.cpu_ratio, limits.cpu_ratio), memory


def worst_share(load: NodeLoad, limits: Limits) -> float:
    return max(figure.share for figure in figures(load, limits))
