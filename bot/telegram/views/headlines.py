"""The first lines of a proposal: how things stand. Chat list, notification and quotes show nothing else. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from markupsafe import Markup

from balancer.model import Move, NodeLoad, NodeReport, Plan, Reason
from bot.domain.incidents import Resource, deciding
from bot.domain.proposals import MigrationState, MoveState, Proposal, ProposedMove
from bot.domain.sanitize import shorten
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration

NODES_NAMED = 3
STAYS_WORDS = 120
"""Characters of the reason why a node stays overloaded."""
ANOTHER_CHECK = "source-budget"
"""Code of the reason of a node that the moves of later checks relieve."""
_FAILED = (MigrationState.FAILED, MigrationState.UNKNOWN)
_UNDER_WAY = (MigrationState.QUEUED, MigrationState.STARTING, MigrationState.RUNNING)


class _Change(NamedTuple):
    """The figure that a node is overloaded by, before and after the moves that leave it."""

    node: NodeReport
    kind: str
    """``load``, ``memory`` or ``cpu``."""
    before: float
    after: float
    limit: float | None
    """Of this figure; ``None`` = the node is overloaded by another one."""


def headline(texts: Texts, proposal: Proposal) -> list[Markup]:
    """One line, and while several nodes are overloaded a line for each of the first."""
    cluster = proposal.plan.cluster_name
    if proposal.pending:
        return _open(texts, proposal)
    migrations = [m.migration for m in proposal.moves if m.migration is not None]
    done = sum(m.state is MigrationState.SUCCEEDED for m in migrations)
    if any(m.state in _UNDER_WAY for m in migrations):
        return [texts.html("headline-running", cluster=cluster, done=done, count=len(migrations))]
    failed = sum(m.state in _FAILED for m in migrations)
    if failed:
        return [texts.html("headline-failed", cluster=cluster, failed=failed, count=len(migrations))]
    if done:
        return [_done(texts, proposal)]
    if proposal.closed_reason is not None:
        return [texts.html("headline-closed", cluster=cluster, reason=texts.reason(proposal.closed_reason))]
    key = "headline-expired" if any(m.state is MoveState.EXPIRED for m in proposal.moves) else "headline-nothing"
    return [texts.html(key, cluster=cluster)]


def _open(texts: Texts, proposal: Proposal) -> list[Markup]:
    plan = proposal.plan
    over = plan.overloaded
    if len(over) == 1 and over[0].reason is not None:
        reason = texts.reason(over[0].reason)
        return [texts.html("headline-node", cluster=plan.cluster_name, node=over[0].node_name, reason=reason)]
    lines = [texts.html("report-title", cluster=plan.cluster_name, overloaded=len(over), nodes=len(plan.nodes))]
    lines += [_node_line(texts, node) for node in over[:NODES_NAMED]]
    if len(over) > NODES_NAMED:
        lines.append(texts.html("table-more", count=len(over) - NODES_NAMED))
    return lines


def _node_line(texts: Texts, node: NodeReport) -> Markup:
    reason = texts.reason(node.reason) if node.reason else ""
    return texts.html("rejection-line", name=node.node_name, reason=reason)


def _done(texts: Texts, proposal: Proposal) -> Markup:
    """What was reached: the figure of the node that was relieved, before and after, moves and time."""
    arrived = [m for m in proposal.moves if m.migration and m.migration.state is MigrationState.SUCCEEDED]
    starts = [m.migration.started_at for m in arrived if m.migration and m.migration.started_at]
    ends = [m.migration.finished_at for m in arrived if m.migration and m.migration.finished_at]
    took = max(ends) - min(starts) if starts and ends else timedelta(0)
    change = _relief(proposal, arrived)
    cluster, length = proposal.plan.cluster_name, duration(texts, took)
    if change is None:
        return texts.html("headline-done", cluster=cluster, count=len(arrived), duration=length)
    above = change.limit is not None and change.after > change.limit
    by_plan = len(arrived) == len(proposal.moves) and change.node.node_id in proposal.plan.overloaded_after
    key = "headline-eased" if above or by_plan else "headline-relieved"
    return texts.html(key, cluster=cluster, change=_words(texts, change), count=len(arrived), duration=length)


def change_words(texts: Texts, proposal: Proposal, moves: Sequence[ProposedMove]) -> str | None:
    """What these moves do to the most overloaded node: "amber CPU 7.7 → 6.9". ``None``: no node is relieved."""
    change = _relief(proposal, moves)
    return None if change is None else _words(texts, change)


def _relief(proposal: Proposal, moves: Sequence[ProposedMove]) -> _Change | None:
    """Of the most overloaded node that these moves leave."""
    for node in proposal.plan.overloaded:
        own = [m.move for m in moves if m.move.source_id == node.node_id]
        if own and node.load is not None:
            return _figures(node, node.load, own)
    return None


def _words(texts: Texts, change: _Change) -> str:
    return texts.text(f"change-{change.kind}", node=change.node.node_name, before=change.before, after=change.after)


def _figures(node: NodeReport, before: NodeLoad, moves: Sequence[Move]) -> _Change:
    """Of two figures that are too high, the one that is further above its limit."""
    after = moves[-1].source_after
    resource, limit = deciding(node)
    if resource is Resource.MEMORY:
        return _Change(node, "memory", before.memory_percent, after.memory_percent, limit)
    by_load = resource in (Resource.LOAD, Resource.PRESSURE)
    if by_load and before.cpu_load is not None and after.cpu_load is not None:
        known = limit if resource is Resource.LOAD else None
        return _Change(node, "load", before.cpu_load, after.cpu_load, known)
    return _Change(node, "cpu", before.cpu_ratio, after.cpu_ratio, None if by_load else limit)


def _brought_to(texts: Texts, proposal: Proposal) -> str | None:
    """The figure that the moves bring the only overloaded node to; ``None`` where several nodes are overloaded."""
    over = proposal.plan.overloaded
    own = [m.move for m in proposal.moves if over and m.move.source_id == over[0].node_id]
    if len(over) != 1 or not own or over[0].load is None:
        return None
    if over[0].reason is not None and over[0].reason.code == "overload-both":
        last = own[-1].source_after
        return texts.text("after-both", cpu=last.cpu_ratio, memory=last.memory_percent)
    change = _figures(over[0], over[0].load, own)
    return texts.text(f"after-{change.kind}", after=change.after)


def stays_line(texts: Texts, plan: Plan) -> Markup | None:
    """Which node no planned move relieves, and why; ``None``: the moves, or those of later checks, relieve all."""
    for node in _left(plan):
        reason = _why_it_stays(plan, node.node_id)
        if reason is not None:
            return texts.html("proposal-stays", node=node.node_name, reason=shorten(texts.reason(reason), STAYS_WORDS))
    return None


def later_line(texts: Texts, plan: Plan) -> Markup | None:
    """How many nodes the moves of later checks relieve; ``None``: none."""
    left = [node for node in _left(plan) if _why_it_stays(plan, node.node_id) is None]
    if not left:
        return None
    return texts.html("proposal-stays-later", left=len(left) if len(plan.overloaded) > 1 else 0)


def _left(plan: Plan) -> list[NodeReport]:
    """The nodes that are overloaded now, and still after the proposed moves."""
    return [node for node in plan.overloaded if node.node_id in plan.overloaded_after]


def _why_it_stays(plan: Plan, node_id: int) -> Reason | None:
    """``None``: the moves of later checks relieve it, or no reason is known."""
    if plan.overloaded_after_all is not None and node_id not in plan.overloaded_after_all:
        return None
    reasons = [r.reason for r in plan.rejections if r.subject == "source" and r.id == node_id]
    return next((r for r in reasons if r.code != ANOTHER_CHECK), None)


def summary_line(texts: Texts, proposal: Proposal, expires: str) -> Markup:
    """What waits: moves, what they reach, memory to copy, time, and until when they can be approved."""
    pending = proposal.pending
    parts: list[Markup | str] = []
    brought = _brought_to(texts, proposal)
    if brought is not None:
        parts.append(texts.html("proposal-brings", count=len(pending), after=brought))
    else:
        parts.append(texts.html("proposal-open", count=len(pending)))
        change = change_words(texts, proposal, proposal.moves)
        if change is not None:
            parts.append(change)
    parts.append(texts.text("proposal-memory", gib=sum(m.move.memory_mib for m in pending) / 1024))
    seconds = [m.move.seconds for m in pending]
    if all(s is not None for s in seconds):
        length = timedelta(seconds=sum(s for s in seconds if s is not None))
        parts.append(texts.text("proposal-time", duration=duration(texts, length)))
    parts.append(texts.html("proposal-until", time=expires))
    return Markup(" · ").join(parts)
