"""The state of everything in one message: what needs somebody, and the ways on. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aiogram.types import InlineKeyboardMarkup
from markupsafe import Markup

from balancer.model import Plan
from balancer.survival.values import SurvivalVerdict
from bot.domain.proposals import MigrationState
from bot.domain.survival_summary import SurvivalSummary
from bot.rendering.catalog import Texts
from bot.rendering.survival_rows import headline
from bot.service.values import Status
from bot.telegram.keyboards.buttons import TABS_PER_PAGE, Row, do, go, in_rows, keyboard, paged, pager
from bot.telegram.views import wording
from bot.telegram.views.moves import migration_words
from bot.telegram.views.outcomes import broken_lines
from bot.telegram.views.proposals import rejections_of
from bot.telegram.views.reservations import reservation_lines
from bot.telegram.views.view import View

STATUS_NODES = 6
SNOOZES_SHOWN = 5
NODES_NAMED = 4
"""Overloaded nodes of a cluster that the words under a picture name."""
LISTED = 10
MORE_LINE = 80
"""Characters kept free for the line that says how many clusters are left out."""


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
        room: characters below a picture that shows every node; the words then name the overloaded nodes only.
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
    survivals = {s.cluster_id: s for s in status.survivals if not brief or s.verdict is not SurvivalVerdict.YES}
    shown = [
        p for p in status.plans if not brief or p.overloaded or rejections_of(p, "cluster") or p.cluster_id in survivals
    ]
    clusters = [
        wording.joined(
            ["", *_cluster_lines(texts, plan, brief), *_survival_line(texts, survivals.get(plan.cluster_id))]
        )
        for plan in sorted(shown, key=_not_overloaded)
    ]
    if status.plans and not any(p.overloaded for p in status.plans) and brief:
        lines += ["", texts.html("status-calm")]
    left = room - MORE_LINE - min(room // 2, sum(len(line) + 1 for line in work))
    cluster_lines = wording.fitted(lines, clusters, texts, left, "status-more-clusters")
    return View(
        wording.fitted([cluster_lines], work, texts, room),
        None if tabs is None else _status_keyboard(texts, status, tabs),
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
        rows += in_rows(row)
        rows.append(pager(texts, "status", part, pages, key=tabs.shown))
        if tabs.shown:
            rows.append([go(texts.text("button-all-clusters"), "status", 0, part)])
    if len(status.plans) == 1:
        plan = status.plans[0]
        worst = [go(("⚠️ " if r.overloaded else "") + wording.short(r.node_name), "node", r.node_id) for r in plan.nodes]
        worst = worst[:STATUS_NODES]
        rows += in_rows(worst)
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


def _not_overloaded(plan: Plan) -> bool:
    return not plan.overloaded


def _survival_line(texts: Texts, summary: SurvivalSummary | None) -> list[Markup | str]:
    return [] if summary is None else [wording.row(texts, headline(summary))]


def _age_line(texts: Texts, status: Status, now: datetime, next_check: datetime | None) -> Markup:
    if status.taken_at is None:
        parts = [texts.html("status-never")]
    else:
        parts = [texts.html("status-age", duration=wording.rough_duration(texts, now - status.taken_at))]
    if next_check is not None and status.paused_until is None:
        parts.append(texts.html("status-next", time=wording.moment(texts, next_check, now)))
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
    lines += reservation_lines(texts, status.reservations, now)
    lines += broken_lines(texts, status.broken)
    lines += [
        texts.html("status-snoozed", cluster=x.cluster_name, time=wording.moment(texts, x.until, now), who=x.by.name)
        for x in status.snoozes[:SNOOZES_SHOWN]
    ]
    return lines
