"""When clusters are full, as pages. Pure: values in, views out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aiogram.types import InlineKeyboardMarkup
from markupsafe import Markup, escape

from balancer.requests.capacity import CapacityReport
from bot.rendering.capacity import capacity_lines, date_line, first_full
from bot.rendering.catalog import Texts
from bot.telegram.keyboards.buttons import Row, go, keyboard, paged, pager
from bot.telegram.views import wording
from bot.telegram.views.view import View

CLUSTERS_PER_PAGE = 8


def capacity_view(texts: Texts, report: CapacityReport, now: datetime) -> View:
    """One cluster."""
    lines: list[Markup | str] = [texts.html("capacity-title", cluster=report.cluster_name), ""]
    lines += [escape(line) for line in capacity_lines(texts, report, now)]
    return View(wording.joined(lines), _back(texts))


def capacities_view(texts: Texts, reports: Sequence[CapacityReport], now: datetime, part: int = 0) -> View:
    """A line for each of several clusters, and a button to each."""
    shown, part, pages = paged(reports, part, CLUSTERS_PER_PAGE)
    lines: list[Markup | str] = [texts.html("capacity-choose"), ""]
    for report in shown:
        soonest = first_full(report) or next(iter(report.dates), None)
        when = texts.text("capacity-nothing") if soonest is None else date_line(texts, soonest, now)
        lines.append(texts.html("capacity-line", cluster=report.cluster_name, when=when))
    rows: list[Row] = [[go(wording.short(r.cluster_name), "capacity", r.cluster_id)] for r in shown]
    rows.append(pager(texts, "capacities", part, pages))
    return View(wording.joined(lines), keyboard(rows))


def _back(texts: Texts) -> InlineKeyboardMarkup | None:
    return keyboard([[go(texts.text("button-status"), "status")]])
