"""Incidents: a cluster's overload from the first check that saw it to its end. Pure.

    open ──▶ ended     the cluster is not overloaded, and no move of the incident is pending or running
      ▲        │
      └────────┘       overloaded again within REOPENS_WITHIN: the same incident

People are notified of an incident once: by one message per chat, which is edited until the incident ends. Reminders
and escalation count from ``waits_since``: the first question of the incident, or the last answer. A changed plan is not
an answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from balancer.model import Move, NodeLoad, NodeReport, Reason
from bot.domain.proposals import Actor, MigrationState, ProposedMove

LOOK_FOR = timedelta(hours=2)
"""How long "I'll look" stops the reminders."""
REOPENS_WITHIN = timedelta(hours=1)
"""An overload that comes back within this time is the same incident: its message is edited, without a sound."""


class Resource(str, Enum):
    """The resource by which a node is overloaded."""

    CPU = "cpu"
    """vCPUs per physical CPU."""
    LOAD = "load"
    """Measured load per CPU."""
    PRESSURE = "pressure"
    """Percent of time in which something waited for a CPU."""
    MEMORY = "memory"
    """Percent of the node's memory that is allocated."""


@dataclass(frozen=True, slots=True)
class NodeFigure:
    """The deciding figure of a node that was overloaded during the incident, in the unit of its resource.

    ``before``: the highest figure seen. ``after``: the figure of the last check; ``None``: unknown, or no such node.
    """

    node_id: int
    node_name: str
    resource: Resource
    limit: float
    before: float
    after: float | None
    overloaded: bool
    """Whether the last check saw it overloaded."""
    asked: bool = False
    """Whether people were asked about a plan while it was overloaded."""


@dataclass(frozen=True, slots=True)
class Looking:
    """A person looks into the incident: no reminder and no escalation until then."""

    by: Actor
    until: datetime


@dataclass(frozen=True, slots=True)
class PlanChange:
    """The last change of a plan that waited for people: when, and what has changed."""

    at: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Incident:
    """``nodes``: every node that was overloaded during the incident, worst first; empty where only the load was uneven.

    ``end_reason``: why it ended, if not by the end of the overload. ``reminded``: how many reminders were due and sent
    since ``waits_since``.
    """

    id: int
    cluster_id: int
    cluster_name: str
    opened_at: datetime
    ended_at: datetime | None
    nodes: tuple[NodeFigure, ...]
    waits_since: datetime
    reminded: int = 0
    escalated: bool = False
    change: PlanChange | None = None
    looking: Looking | None = None
    end_reason: Reason | None = None

    @property
    def overloaded(self) -> tuple[NodeFigure, ...]:
        """The nodes that the last check saw overloaded."""
        return tuple(n for n in self.nodes if n.overloaded)

    def looked_into(self, now: datetime) -> Looking | None:
        """The person who looks into it now; ``None``: nobody does, or the time is over."""
        return self.looking if self.looking is not None and now < self.looking.until else None


class OutcomeKind(str, Enum):
    """How an incident ended."""

    RELIEVED = "relieved"
    """Migrations of this program succeeded."""
    FAILED = "failed"
    """Migrations were tried and none succeeded; the overload ended anyway."""
    OVER = "over"
    """It ended by itself."""
    GONE = "gone"
    """The cluster is no longer checked."""


@dataclass(frozen=True, slots=True)
class IncidentOutcome:
    """The outcome of an incident.

    ``node``: the node in the headline: the worst of the relieved ones, else the worst of all. ``took``: the time of the
    successful migrations. ``lasted``: from the first check to the end.
    """

    kind: OutcomeKind
    node: NodeFigure | None
    more_nodes: int
    moved: int
    failed: int
    unknown: int
    took: timedelta
    lasted: timedelta


def outcome_of(incident: Incident, moves: Iterable[ProposedMove], now: datetime) -> IncidentOutcome:
    """The outcome of an incident, by its migrations."""
    migrations = [m.migration for m in moves if m.migration is not None]
    arrived = [m for m in migrations if m.state is MigrationState.SUCCEEDED]
    failed = sum(m.state is MigrationState.FAILED for m in migrations)
    unknown = sum(m.state is MigrationState.UNKNOWN for m in migrations)
    kind = OutcomeKind.OVER
    if incident.end_reason is not None:
        kind = OutcomeKind.GONE
    elif arrived:
        kind = OutcomeKind.RELIEVED
    elif failed or unknown:
        kind = OutcomeKind.FAILED
    left = {m.move.source_id for m in arrived}
    named = [n for n in incident.nodes if n.node_id in left] or list(incident.nodes)
    return IncidentOutcome(
        kind=kind,
        node=named[0] if named else None,
        more_nodes=max(0, len(named) - 1),
        moved=len(arrived),
        failed=failed,
        unknown=unknown,
        took=sum((m.duration or timedelta(0) for m in arrived), timedelta(0)),
        lasted=(incident.ended_at or now) - incident.opened_at,
    )


def with_figures(known: Sequence[NodeFigure], nodes: Collection[NodeReport]) -> tuple[NodeFigure, ...]:
    """The figures of an incident after a check with these nodes."""
    reports = {r.node_id: r for r in nodes}
    figures = [_updated_figure(figure, reports.get(figure.node_id)) for figure in known]
    new = [r for r in nodes if r.overloaded and r.node_id not in {f.node_id for f in known}]
    figures += [figure for figure in map(_first_figure, new) if figure is not None]
    return tuple(sorted(figures, key=lambda f: (-f.before / f.limit if f.limit else 0.0, f.node_id)))


def _first_figure(report: NodeReport) -> NodeFigure | None:
    resource, limit = deciding(report)
    value = _value(report.load, resource)
    if value is None:
        return None
    return NodeFigure(report.node_id, report.node_name, resource, limit, value, value, True)


def _updated_figure(figure: NodeFigure, report: NodeReport | None) -> NodeFigure:
    if report is None:
        return replace(figure, after=None, overloaded=False)
    value = _value(report.load, figure.resource)
    if report.overloaded and (value is None or value <= figure.limit):  # overloaded by another resource now
        first = _first_figure(report)
        if first is not None:
            return replace(first, asked=figure.asked)
    highest = figure.before if value is None else max(figure.before, value)
    return replace(figure, node_name=report.node_name, before=highest, after=value, overloaded=report.overloaded)


_ALONE = {
    "overload-memory": Resource.MEMORY,
    "overload-load": Resource.LOAD,
    "overload-pressure": Resource.PRESSURE,
}
_WITH_MEMORY = {
    "overload-both": Resource.CPU,
    "overload-load-memory": Resource.LOAD,
    "overload-pressure-memory": Resource.PRESSURE,
}
"""Code of a reason -> the resource besides memory that it names."""


def deciding(report: NodeReport) -> tuple[Resource, float]:
    """The resource by which a node is overloaded, and its limit. Of two resources: the one further above its limit."""
    reason = report.reason
    params = {} if reason is None else reason.as_dict()
    code = "" if reason is None else reason.code
    if code in _WITH_MEMORY:
        first = _WITH_MEMORY[code]
        limit, memory_limit = _number(params.get(f"{first.value}_limit")), _number(params.get("memory_limit"))
        above = _number(params.get(first.value)) / (limit or 1.0)
        return (
            (first, limit)
            if above * (memory_limit or 1.0) >= _number(params.get("memory"))
            else (
                Resource.MEMORY,
                memory_limit,
            )
        )
    return _ALONE.get(code, Resource.CPU), _number(params.get("limit"))


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _value(load: NodeLoad | None, resource: Resource) -> float | None:
    if load is None:
        return None
    if resource is Resource.MEMORY:
        return load.memory_percent
    if resource is Resource.PRESSURE:
        return load.cpu_pressure
    return load.cpu_ratio if resource is Resource.CPU else load.cpu_load


def plan_change(old: Sequence[Move], new: Sequence[Move]) -> Reason | None:
    """How a new plan differs from the waiting one, in one sentence; ``None``: it does not.

    If there are several differences, the most important one for the decision: another VM, then another size, then
    another target, then another number of moves.
    """
    before, after = {m.vm_id: m for m in old}, {m.vm_id: m for m in new}
    added = [m for m in new if m.vm_id not in before]
    removed = [m for m in old if m.vm_id not in after]
    if added and removed:
        return Reason.of("plan-other-vm", vm=added[0].vm_name, instead=removed[0].vm_name)
    both = [(before[m.vm_id], m) for m in new if m.vm_id in before]
    for was, now in both:
        if (was.vm_name, was.vcpus, was.memory_mib) != (now.vm_name, now.vcpus, now.memory_mib):
            return Reason.of("plan-vm-changed", vm=now.vm_name)
    for was, now in both:
        if was.source_id != now.source_id:
            return Reason.of("plan-vm-moved", vm=now.vm_name, source=now.source_name)
        if was.target_id != now.target_id:
            return Reason.of("plan-other-target", vm=now.vm_name, target=now.target_name, instead=was.target_name)
    if len(old) != len(new):
        return Reason.of("plan-other-count", count=len(new), before=len(old))
    return Reason.of("plan-other-order") if [m.key for m in old] != [m.key for m in new] else None
