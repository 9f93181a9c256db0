"""Plans and outcomes as plain text, for terminal and log. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from balancer.model import NodeReport, Plan
from bot.domain.proposals import MigrationState, MoveState, ProposedMove
from bot.domain.sanitize import one_line
from bot.rendering.catalog import Texts
from bot.rendering.plan_summary import MoveSummary, PlanSummary, any_measured, load_words, summarize

NODES_SHOWN = 10
REASONS_SHOWN = 20


def plan_lines(texts: Texts, plan: Plan) -> list[str]:
    """Report and plan of one cluster: loads, worst first; moves with their reasons; reasons for VMs that stay."""
    lines = [
        texts.text(
            "terminal-title",
            cluster=plan.cluster_name,
            id=plan.cluster_id,
            overloaded=len(plan.overloaded),
            nodes=len(plan.nodes),
        )
    ]
    summary = summarize(texts, plan, REASONS_SHOWN)
    measured = any_measured(plan.nodes)
    for report in plan.nodes[:NODES_SHOWN]:
        lines.append(_node_line(texts, report))
        if measured and report.load is not None:
            lines.append(" " * 6 + load_words(texts, report.load, plan.taken_at))
    if len(plan.nodes) > NODES_SHOWN:
        lines.append("  " + texts.text("table-more", count=len(plan.nodes) - NODES_SHOWN))
    lines += ["  " + line for line in summary.remarks]
    if not plan.moves:
        lines.append("  " + texts.text("dryrun-nothing", overloaded=len(plan.overloaded)))
    for summarized in summary.moves:
        lines += move_lines(texts, summarized)
    return [*lines, *_why_not(texts, summary)]


def move_lines(texts: Texts, summary: MoveSummary) -> list[str]:
    """One move: VM, nodes, effect on both nodes, reason, and cautions."""
    move = summary.move
    title = texts.text(
        "terminal-move",
        number=summary.number,
        vm=move.vm_name,
        source=move.source_name,
        target=move.target_name,
        vcpus=move.vcpus,
        gib=move.memory_mib / 1024,
    )
    details = [*summary.effects, summary.reason, *(f"! {caution}" for caution in summary.cautions)]
    return ["  " + title, *("     " + line for line in details)]


def outcome_line(texts: Texts, proposed: ProposedMove) -> str:
    """The outcome of a move, in one line."""
    move = proposed.move
    what = f"{one_line(move.vm_name)}: {one_line(move.source_name)} → {one_line(move.target_name)}: "
    return what + outcome_words(texts, proposed)


def outcome_words(texts: Texts, proposed: ProposedMove) -> str:
    """As above, without the names."""
    migration = proposed.migration
    if migration is None and proposed.state is MoveState.PENDING and proposed.first is not None:
        return texts.text("terminal-first", who=proposed.first.by.name)
    if migration is None:
        return texts.text(f"terminal-{proposed.state.value}")
    if migration.called_back_by is not None:
        return texts.text("terminal-called-back", who=migration.called_back_by)
    if migration.state is MigrationState.SKIPPED:
        return texts.text("terminal-not-needed", reason=texts.reason(migration.reason) if migration.reason else "")
    seconds = round(migration.duration.total_seconds()) if migration.duration else 0
    reason = texts.reason(migration.reason) if migration.reason else ""
    error = f" ({one_line(migration.error)})" if migration.error else ""
    if migration.state is MigrationState.SUCCEEDED and migration.reason is not None:
        return texts.text("terminal-restarted", seconds=seconds)
    return texts.text(f"terminal-{migration.state.value}", seconds=seconds, reason=reason) + error


def all_well(moves: Sequence[ProposedMove]) -> bool:
    """Whether no move failed and none has an unknown outcome."""
    bad = (MigrationState.FAILED, MigrationState.UNKNOWN, MigrationState.STALE)
    return not any(m.migration and m.migration.state in bad for m in moves)


def _node_line(texts: Texts, report: NodeReport) -> str:
    name = one_line(report.node_name)
    reason = texts.reason(report.reason) if report.reason else ""
    if report.load is None:
        return f"  ? {name:<24} {reason}"
    mark = "!" if report.overloaded else " "
    load = report.load
    cpu = texts.text("report-figure", value=load.cpu_ratio)
    memory = texts.text("report-percent", value=load.memory_percent)
    figures = f"CPU {cpu:>5}  {texts.text('table-memory')} {memory:>7}"
    return f"  {mark} {name:<24} {figures}  {load.vm_count:4d} {texts.text('table-vms')}  {reason}".rstrip()


def _why_not(texts: Texts, summary: PlanSummary) -> list[str]:
    why = summary.why_not
    if not why.count:
        return []
    lines = ["  " + texts.text("rejections-title", count=why.count), *(f"     {line}" for line in why.lines)]
    if why.hidden:
        lines.append("     " + texts.text("rejections-more", count=why.hidden))
    return lines
