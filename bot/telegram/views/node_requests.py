"""Emptying and filling a node, as it is planned and as it is carried out. Pure: values in, text out."""

from __future__ import annotations

from datetime import datetime, timedelta

from markupsafe import Markup

from balancer.model import Move, NodeLoad, Plan, Purpose
from bot.domain.proposals import IN_FLIGHT, Migration, MigrationState, MoveState, Proposal, ProposedMove
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration, moment
from bot.rendering.plan_summary import effort_words

DONE_SHOWN, WAITING_SHOWN, OTHERS_SHOWN = 4, 8, 6
"""VMs that a list shows one by one: arrived, waiting, and those that run or did not start or failed."""
NODES_SHOWN = 6
Lines = list[Markup | str]


def is_node_request(proposal: Proposal) -> bool:
    """Whether the proposal empties or fills a node."""
    return proposal.purpose in (Purpose.DRAIN, Purpose.FILL)


# Planned ------------------------------------------------------------------------------------------


def plan_lines(texts: Texts, plan: Plan) -> Lines:
    """What the moves cost, and how full they make the nodes; empty for a plan without moves."""
    if not plan.moves:
        return []
    lines: Lines = [] if plan.effort is None else [effort_words(texts, plan.effort)]
    effects = _effects(plan)
    for name, before, after, count in effects[:NODES_SHOWN]:
        lines.append(
            texts.html(
                "node-effect",
                node=name,
                count=count,
                before=before.cpu_ratio,
                after=after.cpu_ratio,
                memory_before=before.memory_percent,
                memory_after=after.memory_percent,
            )
        )
    if len(effects) > NODES_SHOWN:
        lines.append(texts.html("table-more", count=len(effects) - NODES_SHOWN))
    return lines


def _effects(plan: Plan) -> list[tuple[str, NodeLoad, NodeLoad, int]]:
    """Name, load before and after, and VMs of each node that takes VMs (fill: gives VMs), most VMs first.

    Each move starts from the state that the move before it left, so the last move of a node has its final load.
    """
    filling = plan.purpose is Purpose.FILL
    by_node: dict[int, list[Move]] = {}
    for move in plan.moves:
        by_node.setdefault(move.source_id if filling else move.target_id, []).append(move)
    effects = []
    for moves in sorted(by_node.values(), key=lambda own: -len(own)):
        first, last = moves[0], moves[-1]
        if filling:
            effects.append((first.source_name, first.source_before, last.source_after, len(moves)))
        else:
            effects.append((first.target_name, first.target_before, last.target_after, len(moves)))
    if filling:
        first, last = plan.moves[0], plan.moves[-1]
        effects.insert(0, (first.target_name, first.target_before, last.target_after, len(plan.moves)))
    return effects


# Carried out --------------------------------------------------------------------------------------


def progress_lines(texts: Texts, proposal: Proposal, now: datetime, opens_at: datetime | None = None) -> Lines:
    """The headline with the time that is left, who requested it, and one line a VM.

    Args:
        opens_at: when migrations may start; ``None`` = now.
    """
    lines: Lines = [_headline(texts, proposal, now)]
    if proposal.asked_by is not None:
        lines.append(texts.html("request-by", who=proposal.asked_by.name))
    if proposal.closed_reason is not None and not proposal.pending:
        lines.append(texts.html("proposal-closed", reason=texts.reason(proposal.closed_reason)))
    if opens_at is not None and not proposal.settled:
        lines.append(texts.html("migration-window", time=moment(texts, opens_at, now)))
    return [*lines, "", *_vm_lines(texts, proposal, now)]


def _headline(texts: Texts, proposal: Proposal, now: datetime) -> Markup:
    node = _node_name(proposal)
    kind = "drain" if proposal.purpose is Purpose.DRAIN else "fill"
    done, count = sum(_arrived(m) for m in proposal.moves), len(proposal.moves)
    left = time_left(proposal, now)
    if proposal.pending and not any(m.migration for m in proposal.moves):
        return texts.html(f"{kind}-waiting", node=node, count=count, duration=duration(texts, left))
    if not proposal.settled:
        return texts.html(f"{kind}-progress", node=node, done=done, count=count, duration=duration(texts, left))
    if not any(m.migration for m in proposal.moves):
        return texts.html(f"{kind}-nothing", node=node)
    empty = kind == "drain" and done == count and not proposal.plan.rejections
    key = "drain-empty" if empty else f"{kind}-ended"
    return texts.html(key, node=node, done=done, count=count, duration=duration(texts, _took(proposal)))


def time_left(proposal: Proposal, now: datetime) -> timedelta:
    """How long the moves that have not ended should still take, one after another, by their estimates."""
    return timedelta(seconds=sum(_seconds_left(proposed, now) for proposed in proposal.moves))


def _seconds_left(proposed: ProposedMove, now: datetime) -> float:
    migration, seconds = proposed.migration, proposed.move.seconds or 0.0
    if migration is None:
        return seconds if proposed.state is MoveState.PENDING else 0.0
    if migration.state in IN_FLIGHT and migration.started_at is not None:
        return max(0.0, seconds - (now - migration.started_at).total_seconds())
    return seconds if migration.state is MigrationState.QUEUED else 0.0


def _took(proposal: Proposal) -> timedelta:
    migrations = [m.migration for m in proposal.moves if m.migration is not None and m.migration.started_at]
    ends = [m.finished_at for m in migrations if m.finished_at is not None]
    starts = [m.started_at for m in migrations if m.started_at is not None]
    return max(ends) - min(starts) if starts and ends else timedelta(0)


def _vm_lines(texts: Texts, proposal: Proposal, now: datetime) -> Lines:
    """In the order of the plan. Of many that arrived the last are shown, of many that wait the first."""
    groups: dict[str, list[ProposedMove]] = {"done": [], "other": [], "waiting": []}
    for proposed in proposal.moves:
        groups[_group(proposed)].append(proposed)
    lines: Lines = []
    hidden = len(groups["done"]) - DONE_SHOWN
    if hidden > 0:
        lines.append(texts.html("request-arrived-more", count=hidden))
    shown = [*groups["done"][max(0, hidden) :], *groups["other"][:OTHERS_SHOWN]]
    lines += [_vm_line(texts, proposed, now) for proposed in shown]
    if len(groups["other"]) > OTHERS_SHOWN:
        lines.append(texts.html("table-more", count=len(groups["other"]) - OTHERS_SHOWN))
    lines += [_vm_line(texts, proposed, now) for proposed in groups["waiting"][:WAITING_SHOWN]]
    if len(groups["waiting"]) > WAITING_SHOWN:
        lines.append(texts.html("request-waiting-more", count=len(groups["waiting"]) - WAITING_SHOWN))
    return lines


def _group(proposed: ProposedMove) -> str:
    if _arrived(proposed):
        return "done"
    if proposed.migration is None:
        return "waiting" if proposed.state is MoveState.PENDING else "other"
    return "waiting" if proposed.migration.state is MigrationState.QUEUED else "other"


def _vm_line(texts: Texts, proposed: ProposedMove, now: datetime) -> Markup:
    migration, move = proposed.migration, proposed.move
    state = proposed.state.value if migration is None else _state(migration)
    length = timedelta(0)
    if migration is not None and migration.started_at is not None:
        length = (migration.finished_at or now) - migration.started_at
    reason = migration.reason if migration is not None else None
    return texts.html(
        f"request-vm-{state}",
        vm=move.vm_name,
        source=move.source_name,
        target=move.target_name,
        duration=duration(texts, length),
        reason="" if reason is None else texts.reason(reason),
    )


def _state(migration: Migration) -> str:
    if migration.called_back_by is not None:
        return "called-back"
    if migration.state is MigrationState.SUCCEEDED and migration.reason is not None:
        return "restarted"
    if migration.state is MigrationState.FAILED and migration.stays:
        return "failed-stays"
    return "not-needed" if migration.state is MigrationState.SKIPPED else migration.state.value


def _arrived(proposed: ProposedMove) -> bool:
    return proposed.migration is not None and proposed.migration.state is MigrationState.SUCCEEDED


def _node_name(proposal: Proposal) -> str:
    return next((r.node_name for r in proposal.plan.nodes if r.node_id == proposal.node_id), "")
