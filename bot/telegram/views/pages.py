"""The answers to commands: status, nodes, history, exclusions, settings. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from aiogram.types import InlineKeyboardMarkup
from markupsafe import Markup

from balancer.migration_time import Fitted
from balancer.model import VM, Node, NodeReport, Plan
from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.domain.proposals import ActorKind, MigrationState, ProposedMove
from bot.rendering.catalog import Texts
from bot.rendering.phrases import deciders
from bot.rendering.plan_summary import load_words
from bot.service.values import Status
from bot.store.values import StoredSetting, Summary
from bot.telegram.keyboards.buttons import Row, cluster_tabs, do, go, keyboard, paged, pager
from bot.telegram.views import wording
from bot.telegram.views.history import vm_words
from bot.telegram.views.moves import bar, migration_words
from bot.telegram.views.outcomes import broken_lines
from bot.telegram.views.proposals import rejections_of
from bot.telegram.views.rich import nodes_message
from bot.telegram.views.view import View

STATUS_NODES = 6
NODES_PER_PAGE = 20
SNOOZES_SHOWN = 5
PICKED_PER_PAGE = 8
TABS_PER_PAGE, TABS_IN_A_ROW = 9, 3
LARGEST_VMS = 8
NODES_NAMED = 4
"""Overloaded nodes of a cluster that the words under a picture name."""
LISTED = 10
MORE_LINE = 80
"""Characters kept free for the line that says how many clusters are left out."""
SHORTEST_FOLD = 200
"""Characters that a folded block needs."""


def status_view(
    texts: Texts,
    status: Status,
    now: datetime,
    *,
    next_check: datetime | None,
    dry_run: bool,
    tabs: Tabs | None = None,
    room: int | None = None,
) -> View:
    """Everything at a glance: how old the data is, the worst nodes, the mode, what waits and runs.

    Args:
        room: for so many characters, under a picture that shows every node: the words name the overloaded ones only.
    """
    brief, room = room is not None, room or wording.SAFE_TEXT
    lines: list[Markup | str] = [texts.html("status-title", mode=status.mode)]
    if dry_run:
        lines.append(texts.html("status-dry-run"))
    if status.paused_until is not None:
        lines.append(texts.html("status-paused", until=wording.until(texts, status.paused_until, now)))
    if status.problem is not None:
        lines.append(texts.html("status-problem", problem=status.problem))
    lines.append(_age_line(texts, status, now, next_check))
    if status.taken_at is not None and not status.plans:
        lines.append(texts.html("no-clusters"))
    work = _work_lines(texts, status, now)
    work = ["", *work] if work else []
    # Of many clusters as many as fit, those with overloaded nodes before the others; what waits is always shown.
    shown = [p for p in status.plans if not brief or p.overloaded or rejections_of(p, "cluster")]
    clusters = [
        wording.joined(["", *_cluster_lines(texts, plan, brief)]) for plan in sorted(shown, key=_not_overloaded)
    ]
    if status.plans and not any(p.overloaded for p in status.plans) and brief:
        lines += ["", texts.html("status-calm")]
    left = room - MORE_LINE - min(room // 2, sum(len(line) + 1 for line in work))
    seen = wording.fitted(lines, clusters, texts, left, "status-more-clusters")
    return View(
        wording.fitted([seen], work, texts, room), None if tabs is None else _status_keyboard(texts, status, tabs)
    )


@dataclass(frozen=True, slots=True)
class Tabs:
    """The clusters to switch between, which of them is shown (0 = all), and which page of the tabs."""

    clusters: Sequence[tuple[int, str]]
    shown: int = 0
    part: int = 0


def _status_keyboard(texts: Texts, status: Status, tabs: Tabs) -> InlineKeyboardMarkup | None:
    """Clusters as tabs, the worst nodes, and the ways on."""
    over = {plan.cluster_id for plan in status.plans if plan.overloaded}
    rows: list[Row] = []
    if len(tabs.clusters) > 1:
        shown, part, pages = paged(tabs.clusters, tabs.part, TABS_PER_PAGE)
        sleeping = {s.cluster_id for s in status.snoozes}
        marks = {
            cluster_id: "• "
            if cluster_id == tabs.shown
            else "💤 "
            if cluster_id in sleeping
            else "⚠️ " * (cluster_id in over)
            for cluster_id, _ in shown
        }
        row = [go(marks[i] + wording.short(name), "status", i, part) for i, name in shown]
        rows += [row[i : i + TABS_IN_A_ROW] for i in range(0, len(row), TABS_IN_A_ROW)]
        rows.append(pager(texts, "status", part, pages, key=tabs.shown))
        if tabs.shown:
            rows.append([go(texts.text("button-all-clusters"), "status", 0, part)])
    if len(status.plans) == 1:
        plan = status.plans[0]
        worst = [go(("⚠️ " if r.overloaded else "") + wording.short(r.node_name), "node", r.node_id) for r in plan.nodes]
        worst = worst[:STATUS_NODES]
        rows += [worst[i : i + TABS_IN_A_ROW] for i in range(0, len(worst), TABS_IN_A_ROW)]
        chart = go(texts.text("button-chart"), "chart", plan.cluster_id, 1)
        rows.append([go(texts.text("button-nodes"), "nodes", plan.cluster_id), chart])
    if status.paused_until is not None:
        rows.append([do(texts.text("button-resume"), "resume")])
    rows += [
        [do(texts.text("button-wake", cluster=wording.short(s.cluster_name)), "wake", s.cluster_id, part=tabs.part)]
        for s in status.snoozes[:SNOOZES_SHOWN]
    ]
    refresh = go(texts.text("button-refresh"), "status", tabs.shown, tabs.part)
    rows.append([refresh, go(texts.text("button-dry-run"), "dryrun", tabs.shown)])
    return keyboard(rows)


def node_rows(texts: Texts, plans: Sequence[Plan], page: str, part: int, opens: str) -> list[Row]:
    """Nodes to choose from, worst first, each a button that opens its own page; and the pages of the list."""
    reports = [(plan, report) for plan in plans for report in plan.nodes]
    shown, part, pages = paged(reports, part, PICKED_PER_PAGE)
    rows: list[Row] = []
    for plan, report in shown:
        mark = "⚠️ " if report.overloaded else ""
        where = f" · {plan.cluster_name}" if len(plans) > 1 else ""
        rows.append([go(f"{mark}{wording.short(report.node_name + where)}", opens, report.node_id)])
    rows.append(pager(texts, page, part, pages))
    return rows


def _not_overloaded(plan: Plan) -> bool:
    return not plan.overloaded


def _age_line(texts: Texts, status: Status, now: datetime, next_check: datetime | None) -> Markup:
    if status.taken_at is None:
        parts = [texts.html("status-never")]
    else:
        parts = [texts.html("status-age", duration=wording.duration(texts, now - status.taken_at))]
    if next_check is not None and status.paused_until is None:
        when = texts.text("in-time", duration=wording.duration(texts, next_check - now))
        parts.append(texts.html("status-next", when=when))
    return Markup(" · ").join(parts)


def _cluster_lines(texts: Texts, plan: Plan, brief: bool) -> list[Markup | str]:
    over = len(plan.overloaded)
    nodes = [] if brief else list(plan.nodes)
    lines: list[Markup | str] = []
    if over or not brief:
        lines.append(texts.html("report-title", cluster=plan.cluster_name, overloaded=over, nodes=len(plan.nodes)))
    for refusal in rejections_of(plan, "cluster"):
        lines.append(texts.html("rejection-line", name=refusal.name, reason=texts.reason(refusal.reason)))
    if not brief:
        lines += [texts.html("outlook-caution", reason=texts.reason(c)) for c in plan.cautions[:LISTED]]
    if brief:
        named = plan.overloaded[:NODES_NAMED]
        lines += [
            texts.html("rejection-line", name=r.node_name, reason=texts.reason(r.reason)) for r in named if r.reason
        ]
        if over > NODES_NAMED:
            lines.append(texts.html("table-more", count=over - NODES_NAMED))
    if nodes:
        lines.append(wording.node_table(texts, nodes[:STATUS_NODES]))
    if len(nodes) > STATUS_NODES:
        lines.append(texts.html("table-more", count=len(nodes) - STATUS_NODES))
    return lines


def _work_lines(texts: Texts, status: Status, now: datetime) -> list[Markup | str]:
    pending = sum(len(p.pending) for p in status.waiting)
    lines: list[Markup | str] = [texts.html("status-waiting", count=pending)] if pending else []
    queued = [m for m in status.running if m.state is MigrationState.QUEUED]
    running = [m for m in status.running if m.state is not MigrationState.QUEUED]
    if running:
        lines.append(texts.html("status-running", count=len(running)))
    for migration in running[:LISTED]:
        move = migration.move
        lines.append(
            texts.html(
                "status-running-line",
                vm=move.vm_name,
                source=move.source_name,
                target=move.target_name,
                state=migration_words(texts, migration, now),
            )
        )
    if queued:
        lines.append(texts.html("status-queued", count=len(queued)))
    if status.exclusions:
        lines.append(texts.html("status-exclusions", count=len(status.exclusions)))
    lines += broken_lines(texts, status.broken)
    lines += [
        texts.html("status-snoozed", cluster=x.cluster_name, time=wording.moment(texts, x.until, now), who=x.by.name)
        for x in status.snoozes[:SNOOZES_SHOWN]
    ]
    return lines


def nodes_view(
    texts: Texts, plan: Plan, page: int = 0, *, rich: bool = False, clusters: Sequence[tuple[int, str]] = ()
) -> View:
    """Every node of a cluster, worst first, page by page.

    Args:
        rich: with a real table beside the words.
        clusters: id and name of those that the reader may see: a tab for each.
    """
    shown, page, pages = paged(plan.nodes, page, NODES_PER_PAGE)
    title = texts.html("nodes-title", cluster=plan.cluster_name, count=len(plan.nodes))
    text = wording.joined([title, wording.node_table(texts, shown)])
    worst = [go(wording.short(r.node_name), "node", r.node_id) for r in shown[:STATUS_NODES]]
    rows = [worst[i : i + TABS_IN_A_ROW] for i in range(0, len(worst), TABS_IN_A_ROW)]
    rows.append(pager(texts, "nodes", page, pages, key=plan.cluster_id))
    rows += cluster_tabs(texts, "nodes", clusters, plan.cluster_id)
    rows.append([go(texts.text("button-status"), "status", plan.cluster_id)])
    return View(text, keyboard(rows), rich=nodes_message(texts, title, shown) if rich else None)


def node_view(
    texts: Texts,
    node: Node,
    plan: Plan,
    vms: Sequence[VM],
    *,
    exclusions: Sequence[Exclusion],
    now: datetime,
    decides: bool = False,
) -> View:
    """One node: its load and where it comes from, its flags, its largest VMs."""
    report = next(r for r in plan.nodes if r.node_id == node.id)
    lines: list[Markup | str] = [texts.html("node-title", node=node.name, cluster=plan.cluster_name)]
    lines.append(_verdict_line(texts, report))
    lines += _measured_lines(texts, node, report, now)
    lines += _load_lines(texts, node, report, vms)
    lines += _flag_lines(texts, node)
    for refusal in rejections_of(plan, "target"):
        if refusal.id == node.id:
            lines.append(texts.html("node-no-target", reason=texts.reason(refusal.reason)))
    lines += [exclusion_line(texts, e, now, "node-excluded") for e in exclusions if e.node_id == node.id]
    out = any(e.node_id == node.id for e in exclusions)
    return View(
        wording.fitted(lines, _vm_lines(texts, vms), texts), _node_keyboard(texts, node, len(vms), out, decides)
    )


def _node_keyboard(texts: Texts, node: Node, vms: int, out: bool, decides: bool) -> InlineKeyboardMarkup | None:
    """The ways on from a node: its VMs, why it is as it is, and for those who decide in or out, empty or full."""
    rows: list[Row] = [
        [
            go(texts.text("button-vms", count=vms), "node-vms", node.id),
            go(texts.text("button-why"), "why-node", node.id),
        ]
    ]
    if decides:
        way = do(texts.text("button-include"), "include", node.id)
        rows.append([way if out else go(texts.text("button-exclude"), "exclude-how", node.id)])
        rows.append([go(texts.text("button-drain"), "drain", node.id), go(texts.text("button-fill"), "fill", node.id)])
    chart = go(texts.text("button-chart"), "chart", node.id)
    rows.append([chart, go(texts.text("button-nodes"), "nodes", node.cluster_id)])
    return keyboard(rows)


def _verdict_line(texts: Texts, report: NodeReport) -> Markup:
    reason = texts.reason(report.reason) if report.reason else ""
    if report.load is None:
        return texts.html("node-state-unknown", reason=reason)
    return texts.html("node-state-overloaded" if report.overloaded else "node-state-fine", reason=reason)


def _measured_lines(texts: Texts, node: Node, report: NodeReport, now: datetime) -> list[Markup | str]:
    """What the node itself says, where it was asked and the answer still counts."""
    seen, load = node.measured, report.load
    if seen is None or load is None or load.cpu_load is None:
        return []
    free, total = seen.memory_available_mib / 1024, seen.memory_total_mib / 1024
    lines: list[Markup | str] = [
        load_words(texts, load, now),
        texts.html("node-averages", one=seen.load1, five=seen.load5, fifteen=seen.load15, free=free, total=total),
    ]
    if seen.cpu_pressure is not None and seen.memory_pressure is not None:
        lines.append(texts.html("node-pressure", cpu=seen.cpu_pressure, memory=seen.memory_pressure))
    return lines


def _load_lines(texts: Texts, node: Node, report: NodeReport, vms: Sequence[VM]) -> list[Markup | str]:
    lines: list[Markup | str] = []
    if report.load is not None:
        load = report.load
        used, total = (node.memory_allocated_mib or 0) / 1024, (node.memory_mib or 0) / 1024
        lines += [
            texts.html("node-cpu", ratio=load.cpu_ratio, used=node.vcpus_allocated, cpus=node.cpus),
            texts.html("node-memory", percent=load.memory_percent, used=used, total=total),
        ]
    active = [vm for vm in vms if vm.state == "active"]
    vcpus = sum(vm.vcpus or 0 for vm in active)
    gib = sum(vm.memory_mib or 0 for vm in active) / 1024
    lines.append(texts.html("node-vms", count=len(vms), vcpus=vcpus, gib=gib))
    unknown = texts.text("unknown-value")
    lines.append(texts.html("node-versions", qemu=node.qemu_version or unknown, kernel=node.kernel_version or unknown))
    return lines


def _flag_lines(texts: Texts, node: Node) -> list[Markup | str]:
    lines: list[Markup | str] = []
    if node.state != "active":
        lines.append(texts.html("node-flag-state", state=node.state or texts.text("unknown-value")))
    if node.maintenance:
        lines.append(texts.html("node-flag-maintenance"))
    if node.creation_allowed is False:
        lines.append(texts.html("node-flag-creation"))
    return lines


def _vm_lines(texts: Texts, vms: Sequence[VM]) -> list[Markup | str]:
    if not vms:
        return []
    ranked = sorted(vms, key=lambda vm: (-(vm.vcpus or 0), -(vm.memory_mib or 0), vm.id))[:LARGEST_VMS]
    unknown = texts.text("unknown-value")
    return [
        texts.html("node-biggest"),
        *(
            texts.html(
                "node-vm-line",
                vm=vm.name,
                size=wording.size(texts, vm.vcpus or 0, vm.memory_mib or 0),
                state=vm.state or unknown,
            )
            for vm in ranked
        ),
    ]


def history_line(texts: Texts, proposed: ProposedMove, now: datetime) -> Markup:
    """A past move of a VM: when, from where to where, what became of it, and who decided."""
    by = proposed.decided_by
    return texts.html(
        "history-line",
        time=wording.moment(texts, proposed.decided_at or now, now),
        state=vm_words(texts, proposed, now),
        source=proposed.move.source_name,
        target=proposed.move.target_name,
        who=texts.text("history-automatic") if by is None or by.kind is ActorKind.POLICY else deciders(proposed),
    )


def digest_text(texts: Texts, summary: Summary, *, pictured: bool = False) -> Markup:
    """A day or a week in a few lines: how bad it was, what was done, what nobody answered, which nodes were worst.

    Args:
        pictured: the nodes are in a picture above the text.
    """
    days = max(1, round((summary.until - summary.since).total_seconds() / 86_400))
    lines: list[Markup | str] = [texts.html("digest-title", days=days), ""]
    if summary.quiet:
        lines.append(texts.html("digest-quiet"))
        return wording.joined(lines)
    lines += [
        texts.html("digest-overload", hours=summary.overload_hours, nodes=summary.overloaded_nodes),
        texts.html("digest-migrations", count=summary.succeeded, failed=summary.failed),
    ]
    if summary.restarted:
        lines.append(texts.html("digest-restarted", count=summary.restarted))
    if summary.kept is not None:
        lines.append(texts.html("digest-kept", count=summary.compared, percent=round(100 * summary.kept)))
    lines += broken_lines(texts, summary.broken)
    if summary.unanswered:
        lines.append(texts.html("digest-unanswered", count=summary.unanswered))
    if summary.waiting:
        lines.append(texts.html("status-waiting", count=summary.waiting))
    if pictured or not summary.busiest:
        return wording.joined(lines)
    lines += ["", texts.html("digest-busiest")]
    for node in summary.busiest:
        percent = round(100 * node.overloaded / node.watched) if node.watched else 0
        share = bar(percent, 100)
        lines.append(
            texts.html(
                "digest-node",
                node=node.name,
                bar=share,
                hours=node.overload_hours,
                ratio=node.cpu_ratio_max,
                memory=node.memory_percent_max,
            )
        )
    return wording.joined(lines)


def exclusion_line(texts: Texts, exclusion: Exclusion, now: datetime, key: str = "exclusion-line") -> Markup:
    return texts.html(
        key,
        node=exclusion.node_name,
        role=wording.role(texts, exclusion.role),
        until=wording.until(texts, exclusion.until, now),
        who=exclusion.by.name,
    )


def exclusions_view(
    texts: Texts, exclusions: Sequence[Exclusion], sources: Sequence[str], targets: Sequence[str], now: datetime
) -> View:
    """Those set in the chat with who and until when, then those of the settings."""
    lines: list[Markup | str] = [exclusion_line(texts, e, now) for e in exclusions]
    for names, role in ((sources, ExclusionRole.SOURCE), (targets, ExclusionRole.TARGET)):
        lines += [texts.html("exclusion-setting", node=n, role=wording.role(texts, role)) for n in names]
    if not lines:
        return View(texts.html("exclusions-none"))
    return View(wording.fitted([texts.html("exclusions-title")], lines, texts))


def settings_view(
    texts: Texts,
    settings: Mapping[str, str],
    defaults: Mapping[str, str],
    stored: Mapping[str, StoredSetting],
    measured: Mapping[str, Fitted] | None = None,
) -> View:
    """Every setting in force, secrets masked: what differs from the default first, the rest folded.

    Args:
        defaults: the default of each setting, as text.
        measured: what each cluster's migrations say of their duration.
    """
    lines: list[Markup | str] = [
        texts.html("settings-stored", name=name, value=setting.value, who=setting.by.name)
        for name, setting in stored.items()
    ]
    lines += [
        texts.html(
            "settings-measured",
            cluster=name,
            seconds=fitted.overhead_s,
            mbit=fitted.bandwidth_mbit,
            count=fitted.migrations,
        )
        for name, fitted in (measured or {}).items()
    ]
    differ = {name: value for name, value in settings.items() if value != defaults.get(name)}
    if differ:
        lines += ["", texts.html("settings-differ"), *_setting_lines(texts, differ)]
    same = {name: value for name, value in settings.items() if name not in differ}
    head = wording.fitted([texts.html("settings-title")], lines, texts)
    room = wording.SAFE_TEXT - len(head)
    if not same or room < SHORTEST_FOLD:
        return View(head)
    block = wording.fitted([texts.html("settings-default")], _setting_lines(texts, same), texts, room)
    return View(Markup("{}\n<blockquote expandable>{}</blockquote>").format(head, block))


def _setting_lines(texts: Texts, settings: Mapping[str, str]) -> list[Markup | str]:
    return [texts.html("settings-line", name=name, value=value or "–") for name, value in settings.items()]
