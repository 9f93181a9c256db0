"""The request and the options on the command line of `vm-balancer plan`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from balancer.policy import Policy


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """A request other than balancing: one of the six, the others are ``None``."""

    drain: str | None = None
    """A node by name or id; likewise ``fill``."""
    fill: str | None = None
    place: tuple[int, int] | None = None
    """vCPUs and MiB of memory."""
    survive: tuple[str, ...] | None = None
    """Nodes that are lost together, by name or id; empty: each node alone."""
    room: bool = False
    """The room for the sizes of ROOM_SHAPES."""
    roll: tuple[str, ...] | None = None
    """Nodes that are emptied one after another, by name or id; empty: all of each cluster."""


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The options of the command line; ``None`` = the value of the file."""

    strategy: str | None = None
    optimize_for: str | None = None
    limit: int | None = None
    """Maximum moves per cluster, 0 = no limit. If the file has no value either, there is no limit."""
    request: PlanRequest | None = None
    without: str | None = None
    """A node that is treated as absent, by name or id."""

    def apply_to(self, policy: Policy) -> Policy:
        return replace(
            policy,
            strategy=self.strategy or policy.strategy,
            optimize_for=self.optimize_for or policy.optimize_for,
            max_moves=policy.max_moves if self.limit is None else self.limit,
        )
