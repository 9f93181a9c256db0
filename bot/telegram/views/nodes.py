"""Nodes: a list to choose from, the table of a cluster, and the card of one node. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from balancer.model import VM, Node, NodeReport, Plan
from bot.domain.exclusions import Exclusion
from bot.domain.reservations import Reservation
from bot.rendering.catalog import Texts
from bot.rendering.phrases import busiest_first, load_figures
from bot.rendering.plan_summary import load_words
from bot.telegram.keyboards.buttons import Row, cluster_tabs, do, go, in_rows, keyboard, paged, pager
from bot.telegram.views import wording
from bot.telegram.views.exclusions import exclusion_line
from bot.telegram.views.proposals import rejections_of
from bot.telegram.views.reservations import reservation_lines
from bot.telegram.views.rich import nodes_message
from bot.telegram.views.view import View

WORST_NODES = 6
"""Nodes with a button of their own below the table."""
NODES_PER_PAGE = 20
PICKED_PER_PAGE = 8
LARGEST_VMS = 8
RELEASED_AT_ONCE = 3


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
    worst = [go(wording.short(r.node_name), "node", r.node_id) for r in shown[:WORST_NODES]]
    rows = in_rows(worst)
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
    reservations: Sequence[Reservation] = (),
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
    own = [r for r in reservations if r.node_id == node.id]
    lines += reservation_lines(texts, own, now)
    out = any(e.node_id == node.id for e in exclusions)
    rows = _node_rows(texts, node, len(vms), out, decides)
    released = own[:RELEASED_AT_ONCE] if decides else ()
    rows[-1:-1] = [[do(_release_words(texts, r), "release", r.id)] for r in released]
    return View(wording.fitted(lines, _vm_lines(texts, vms, now), texts), keyboard(rows))


def _release_words(texts: Texts, reservation: Reservation) -> str:
    return texts.text("row-release", node=wording.size(texts, reservation.vcpus, reservation.memory_mib))


def _node_rows(texts: Texts, node: Node, vms: int, out: bool, decides: bool) -> list[Row]:
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
    return rows


def _verdict_line(texts: Texts, report: NodeReport) -> Markup:
    reason = texts.reason(report.reason) if report.reason else ""
    if report.load is None:
        return texts.html("node-state-unknown", reason=reason)
    return texts.html("node-state-overloaded" if report.overloaded else "node-state-fine", reason=reason)


def _measured_lines(texts: Texts, node: Node, report: NodeReport, now: datetime) -> list[Markup | str]:
    """What the node itself says, where it was asked and the answer still counts."""
    measured, load = node.measured, report.load
    if measured is None or load is None or load.cpu_load is None:
        return []
    free, total = measured.memory_available_mib / 1024, measured.memory_total_mib / 1024
    lines: list[Markup | str] = [
        load_words(texts, load, now),
        texts.html(
            "node-averages", one=measured.load1, five=measured.load5, fifteen=measured.load15, free=free, total=total
        ),
    ]
    if measured.cpu_pressure is not None and measured.memory_pressure is not None:
        lines.append(texts.html("node-pressure", cpu=measured.cpu_pressure, memory=measured.memory_pressure))
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


def _vm_lines(texts: Texts, vms: Sequence[VM], now: datetime) -> list[Markup | str]:
    """The busiest VMs with their loads; where none is known, the largest."""
    if not vms:
        return []
    ranked = busiest_first(vms)[:LARGEST_VMS]
    title = "node-biggest" if ranked[0].load is None else "node-busiest"
    return [texts.html(title), *(_vm_line(texts, vm, now) for vm in ranked)]


def _vm_line(texts: Texts, vm: VM, now: datetime) -> Markup:
    """A VM with its load, or else its size; with its state unless it is active."""
    if vm.load is not None:
        return texts.html("node-vm-load", vm=vm.name, **load_figures(texts, vm.load, vm.vcpus, now))
    size = wording.size(texts, vm.vcpus or 0, vm.memory_mib or 0)
    if vm.state == "active":
        return texts.html("node-vm-line", vm=vm.name, size=size)
    return texts.html("node-vm-other-line", vm=vm.name, size=size, state=wording.vm_state(texts, vm))
