"""What the console says of nodes, moves and plans, as rich Text. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from balancer.model import VM, Move, Node, NodeReport, Plan
from bot.console.drawing import Palette, lines
from bot.domain.exclusions import Exclusion
from bot.domain.outcomes import Outcome
from bot.domain.proposals import ActorKind, Migration, MigrationState, MoveState, ProposedMove
from bot.domain.reservations import Reservation
from bot.rendering.autonomy import allowed_by, why_asked
from bot.rendering.catalog import Texts
from bot.rendering.outcomes import after_words, outcome_words
from bot.rendering.phrases import deciders, duration, moment, role, size, until
from bot.rendering.plan_summary import MoveSummary, load_words, move_summary, summarize

REASONS = 300
STEPS = (MigrationState.QUEUED, MigrationState.STARTING, MigrationState.RUNNING, MigrationState.SUCCEEDED)


def route(move: Move) -> str:
    return f"{move.source_name} → {move.target_name}"


def state_words(texts: Texts, proposed: ProposedMove, now: datetime) -> str:
    """Where a move stands, in a few words."""
    migration = proposed.migration
    if migration is not None:
        return migration_words(texts, migration, now)
    if proposed.state is MoveState.PENDING and proposed.first is not None:
        return texts.text("terminal-first", who=proposed.first.by.name)
    return texts.text(f"terminal-{proposed.state.value}")


def migration_words(texts: Texts, migration: Migration, now: datetime) -> str:
    if migration.called_back_by is not None:
        return texts.text("terminal-called-back", who=migration.called_back_by)
    started = migration.started_at or migration.queued_at
    length = duration(texts, (migration.finished_at or now) - started)
    reason = texts.reason(migration.reason) if migration.reason else ""
    if migration.state is MigrationState.SUCCEEDED and migration.reason is not None:
        return texts.text("console-migration-restarted", duration=length)
    return texts.text(f"console-migration-{migration.state.value}", duration=length, reason=reason)


def state_style(proposed: ProposedMove, palette: Palette) -> str:
    migration = proposed.migration
    if migration is None:
        return palette.warn if proposed.state is MoveState.PENDING else palette.dim
    if migration.state is MigrationState.SUCCEEDED:
        return palette.good
    bad = (MigrationState.FAILED, MigrationState.UNKNOWN, MigrationState.STALE)
    return palette.bad if migration.state in bad else palette.accent


def decided_by(texts: Texts, proposed: ProposedMove) -> str:
    """Who decided, and from where."""
    by = proposed.decided_by
    if by is None:
        return ""
    if by.kind is ActorKind.POLICY:
        return texts.text("console-by-policy")
    who = deciders(proposed)
    return texts.text("console-by-terminal" if by.kind is ActorKind.TERMINAL else "console-by-chat", who=who)


def steps(migration: Migration, palette: Palette) -> Text:
    """How far a migration is: queued, starting, running, done."""
    at = STEPS.index(migration.state) if migration.state in STEPS else len(STEPS) - 2
    return Text.assemble(("●" * (at + 1), palette.accent), ("○" * (len(STEPS) - at - 1), palette.dim))


def move_facts(
    texts: Texts, proposed: ProposedMove, now: datetime, palette: Palette, outcome: Outcome | None = None
) -> Text:
    """One move in full: what, effect on both nodes, why, where it stands, and what it brought (``outcome``)."""
    move, migration = proposed.move, proposed.migration
    title = Text.assemble(
        (texts.text("console-vm", vm=move.vm_name), "bold"), ("  " + size(texts, move.vcpus, move.memory_mib))
    )
    title.append("  " + texts.text("console-route", source=move.source_name, target=move.target_name), "bold")
    summary = move_summary(texts, proposed.position + 1, move)
    facts = [title, *(Text(line) for line in summary.effects), Text(summary.reason, palette.dim)]
    facts += [Text("! " + caution, palette.warn) for caution in summary.cautions]
    if proposed.decided_by is not None:
        when = moment(texts, proposed.decided_at, now) if proposed.decided_at else ""
        state = texts.text(f"terminal-{proposed.state.value}")
        facts.append(Text(f"{when} {state}, {decided_by(texts, proposed)}"))
    rules, asked = allowed_by(texts, proposed), why_asked(texts, proposed)
    if rules is not None:
        facts.append(Text(texts.text("console-rules", rules=rules), palette.dim))
    if asked is not None:
        facts.append(Text(texts.text("console-asks", reason=asked), palette.dim))
    if migration is not None:
        state = migration_words(texts, migration, now)
        facts.append(Text.assemble(steps(migration, palette), ("  " + state, state_style(proposed, palette))))
        if migration.error:
            facts.append(Text(texts.text("console-panel-words", error=migration.error), palette.bad))
    if outcome is not None:
        words = texts.text(
            "console-outcome",
            after=after_words(texts, outcome.after),
            words=outcome_words(texts, outcome, move.source_name),
        )
        facts.append(Text(words, palette.warn if outcome.cause is not None else ""))
    return lines(*facts)


def plan_lines(texts: Texts, plan: Plan, palette: Palette) -> list[tuple[int, Text]]:
    """A plan of one cluster, each line with its indent: moves with their reasons, and every rejection."""
    over = len(plan.overloaded)
    title = texts.text(
        "terminal-title", cluster=plan.cluster_name, id=plan.cluster_id, overloaded=over, nodes=len(plan.nodes)
    )
    lines = [(0, Text(title, f"bold {palette.bad if over else palette.good}"))]
    for report in plan.overloaded:
        reason = texts.reason(report.reason) if report.reason else ""
        sentence = texts.text("rejection-line", name=report.node_name, reason=reason)
        lines.append((2, Text.assemble(("! ", palette.bad), sentence)))
    if not plan.moves:
        lines.append((2, Text(texts.text("dryrun-nothing", overloaded=over))))
    summary = summarize(texts, plan, REASONS)
    lines += [(2, Text(line, palette.accent)) for line in summary.remarks]
    for each in summary.moves:
        lines += _planned(texts, each, palette)
    why = summary.why_not
    if why.count:
        lines.append((2, Text(texts.text("rejections-title", count=why.count), palette.accent)))
        lines += [(4, Text(line)) for line in why.lines]
    if why.hidden:
        lines.append((4, Text(texts.text("rejections-more", count=why.hidden))))
    return lines


def _planned(texts: Texts, summary: MoveSummary, palette: Palette) -> list[tuple[int, Text]]:
    move = summary.move
    title = Text.assemble(
        f"{summary.number}. ",
        (texts.text("console-vm", vm=move.vm_name), "bold"),
        f"  {size(texts, move.vcpus, move.memory_mib)}  ",
        (texts.text("console-route", source=move.source_name, target=move.target_name), "bold"),
    )
    lines = [(2, title), *((5, Text(line)) for line in summary.effects), (5, Text(summary.reason, palette.dim))]
    return [*lines, *((5, Text("! " + caution, palette.warn)) for caution in summary.cautions)]


def node_facts(
    texts: Texts,
    node: Node,
    report: NodeReport | None,
    *,
    plan: Plan | None,
    vms: Sequence[VM],
    exclusions: Sequence[Exclusion],
    now: datetime,
    palette: Palette,
) -> Text:
    """Everything known about a node, but for the list of its VMs."""
    title = Text(texts.text("console-node", node=node.name, id=node.id), "bold")
    if plan is not None:
        title.append("  " + texts.text("console-in-cluster", cluster=plan.cluster_name), palette.dim)
    facts = [title]
    if report is not None:
        facts.append(_verdict(texts, report, palette))
    facts += [Text(line) for line in _load_lines(texts, node, report, now)]
    active = [vm for vm in vms if vm.state == "active"]
    vcpus, gib = sum(vm.vcpus or 0 for vm in active), sum(vm.memory_mib or 0 for vm in active) / 1024
    facts.append(Text(texts.text("node-vms", count=len(vms), vcpus=vcpus, gib=gib)))
    unknown = texts.text("unknown-value")
    versions = texts.text("node-versions", qemu=node.qemu_version or unknown, kernel=node.kernel_version or unknown)
    facts.append(Text(versions, palette.dim))
    if plan is not None:
        refused = [r for r in plan.rejections if r.subject == "target" and r.id == node.id]
        facts += [Text(texts.text("node-no-target", reason=texts.reason(r.reason)), palette.dim) for r in refused]
    facts += [Text(line, palette.warn) for line in flags(texts, node)]
    for exclusion in exclusions:
        if exclusion.node_id == node.id:
            facts.append(Text(exclusion_words(texts, exclusion, now), palette.warn))
    return lines(*facts)


def _verdict(texts: Texts, report: NodeReport, palette: Palette) -> Text:
    reason = texts.reason(report.reason) if report.reason else ""
    if report.load is None:
        return Text(texts.text("console-unknown", reason=reason), palette.warn)
    if report.overloaded:
        return Text(texts.text("console-overloaded", reason=reason), palette.bad)
    return Text(texts.text("console-fine"), palette.good)


def _load_lines(texts: Texts, node: Node, report: NodeReport | None, now: datetime) -> list[str]:
    if report is None or report.load is None:
        return []
    load, measured = report.load, node.measured
    used, total = (node.memory_allocated_mib or 0) / 1024, (node.memory_mib or 0) / 1024
    parts = [
        texts.text("node-cpu", ratio=load.cpu_ratio, used=node.vcpus_allocated, cpus=node.cpus),
        texts.text("node-memory", percent=load.memory_percent, used=used, total=total),
    ]
    if measured is not None and load.cpu_load is not None:
        free, size_ = measured.memory_available_mib / 1024, measured.memory_total_mib / 1024
        parts.append(load_words(texts, load, now))
        parts.append(
            texts.text(
                "node-averages",
                one=measured.load1,
                five=measured.load5,
                fifteen=measured.load15,
                free=free,
                total=size_,
            )
        )
        if measured.cpu_pressure is not None and measured.memory_pressure is not None:
            parts.append(texts.text("node-pressure", cpu=measured.cpu_pressure, memory=measured.memory_pressure))
    return parts


def flags(texts: Texts, node: Node) -> list[str]:
    """What is special about a node, a few words each."""
    words = []
    if node.state != "active":
        words.append(texts.text("console-flag-state", state=node.state or texts.text("unknown-value")))
    if node.maintenance:
        words.append(texts.text("console-flag-maintenance"))
    if node.creation_allowed is False:
        words.append(texts.text("console-flag-creation"))
    return words


def reservation_words(texts: Texts, reservation: Reservation, now: datetime) -> str:
    return texts.text(
        "console-reserved",
        vcpus=reservation.vcpus,
        gib=reservation.memory_mib / 1024,
        until=until(texts, reservation.until, now),
        who=reservation.by.name,
    )


def exclusion_words(texts: Texts, exclusion: Exclusion, now: datetime) -> str:
    return texts.text(
        "console-excluded",
        role=role(texts, exclusion.role),
        until=until(texts, exclusion.until, now),
        who=exclusion.by.name,
    )
