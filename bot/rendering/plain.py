"""Plans and outcomes as plain text, for terminal and log. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import Move, NodeReport, Plan
from bot.domain.proposals import MigrationState, MoveState, ProposedMove
from bot.domain.sanitize import one_line
from bot.rendering.catalog import Texts
from bot.rendering.load_phrases import any_measured, load_words
from bot.rendering.plan_summary import outlook_lines
from bot.rendering.why_not import why_not

NODES_SHOWN = 10
REASONS_SHOWN = 20


def plan_lines(texts: Texts, plan: Plan) -> list[str]:
    """Report and plan of one cluster: loads worst first, moves with their reasons, and why not more."""
    lines = [
        texts.text(
            "terminal-title",
            cluster=plan.cluster_name,
            id=plan.cluster_id,
            overloaded=len(plan.overloaded),
            nodes=len(plan.nodes),
        )
    ]
    measured = any_measured(plan.nodes)
    for report in plan.nodes[:NODES_SHOWN]:
        lines.append(_node_line(texts, report))
        if measured and report.load is not None:
            lines.append(" " * 6 + load_words(texts, report.load, plan.taken_at))
    if len(plan.nodes) > NODES_SHOWN:
        lines.append("  " + texts.text("table-more", count=len(plan.nodes) - NODES_SHOWN))
    lines += ["  " + line for line in outlook_lines(texts, plan)]
    if not plan.moves:
        lines.append("  " + texts.text("dryrun-nothing", overloaded=len(plan.overloaded)))
    for number, move in enumerate(plan.moves, start=1):
        lines += move_lines(texts, number, move)
    return [*lines, *_why_not(texts, plan)]


def move_lines(texts: Texts, number: int, move: Move) -> list[str]:
    """One move: what, effect on both nodes, why."""
    gib = move.memory_mib / 1024
    lines = [
        "  "
        + texts.text(
            "terminal-move",
            number=number,
            vm=move.vm_name,
            source=move.source_name,
            target=move.target_name,
            vcpus=move.vcpus,
            gib=gib,
        )
    ]
    sides = (
        (move.source_name, move.source_before, move.source_after),
        (move.target_name, move.target_before, move.target_after),
    )
    for name, before, after in sides:
        lines.append(
            "     "
            + texts.text(
                "move-effect",
                node=name,
                before=before.cpu_ratio,
                after=after.cpu_ratio,
                memory_before=before.memory_percent,
                memory_after=after.memory_percent,
            )
        )
        if before.cpu_load is not None:
            words = texts.text("move-effect-load", node=name, before=before.cpu_load, after=after.cpu_load)
            lines.append("     " + words)
    lines.append("     " + texts.reason(move.reason))
    lines += ["     ! " + texts.reason(c) for c in move.cautions]
    return lines


def outcome_line(texts: Texts, proposed: ProposedMove) -> str:
    """What became of a move, in one line."""
    move = proposed.move
    what = f"{one_line(move.vm_name)}: {one_line(move.source_name)} → {one_line(move.target_name)}: "
    return what + outcome_words(texts, proposed)


def outcome_words(texts: Texts, proposed: ProposedMove) -> str:
    """The same without its names."""
    migration = proposed.migration
    if migration is None and proposed.state is MoveState.PENDING and proposed.first is not None:
        return texts.text("terminal-first", who=proposed.first.by.name)
    if migration is None:
        return texts.text(f"terminal-{proposed.state.value}")
    if migration.state is MigrationState.SKIPPED:
        return texts.text("terminal-not-needed", reason=texts.reason(migration.reason) if migration.reason else "")
    seconds = round(migration.duration.total_seconds()) if migration.duration else 0
    reason = texts.reason(migration.reason) if migration.reason else ""
    said = f" ({one_line(migration.error)})" if migration.error else ""
    return texts.text(f"terminal-{migration.state.value}", seconds=seconds, reason=reason) + said


def all_well(moves: Sequence[ProposedMove]) -> bool:
    """Nothing failed and nothing is in doubt."""
    bad = (MigrationState.FAILED, MigrationState.UNKNOWN, MigrationState.STALE)
    return not any(m.migration and m.migration.state in bad for m in moves)


def _node_line(texts: Texts, report: NodeReport) -> str:
    name = one_line(report.node_name)
    reason = texts.reason(report.reason) if report.reason else ""
    if report.load is None:
        return f"  ? {name:<24} {reason}"
    mark = "!" if report.overloaded else " "
    load = report.load
    figures = f"CPU {load.cpu_ratio:5.2f}  {texts.text('table-memory')} {load.memory_percent:5.1f} %"
    return f"  {mark} {name:<24} {figures}  {load.vm_count:4d} {texts.text('table-vms')}  {reason}".rstrip()


def _why_not(texts: Texts, plan: Plan) -> list[str]:
    why = why_not(texts, plan, REASONS_SHOWN)
    if not why.count:
        return []
    lines = ["  " + texts.text("rejections-title", count=why.count), *(f"     {line}" for line in why.lines)]
    if why.hidden:
        lines.append("     " + texts.text("rejections-more", count=why.hidden))
    return lines
