"""Tables as tables, for servers that know rich messages (Bot API 10.1). What a table shows, the words show as well."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram.types import (
    InputRichBlockParagraph,
    InputRichBlockTable,
    InputRichMessage,
    RichBlockTableCell,
    RichTextBold,
)
from markupsafe import Markup

from balancer.model import NodeReport
from bot.domain.sanitize import one_line
from bot.rendering.catalog import Texts
from bot.rendering.plan_summary import any_measured


def nodes_message(texts: Texts, title: Markup, reports: Sequence[NodeReport]) -> InputRichMessage:
    """Nodes with their load. Names are whole; the overloaded have a sign and are bold."""
    measured = any_measured(reports)
    head = [texts.text("table-head"), texts.text("table-cpu"), texts.text("table-memory"), texts.text("table-vms")]
    if measured:
        head.insert(2, texts.text("table-load"))
    rows = [[_cell(word, number > 0, header=True) for number, word in enumerate(head)]]
    for report in reports:
        words = [("⚠️ " if report.overloaded else "") + one_line(report.node_name), *_figures(texts, report, measured)]
        rows.append([_cell(word, number > 0, bold=report.overloaded) for number, word in enumerate(words)])
    return InputRichMessage(
        blocks=[
            InputRichBlockParagraph(text=RichTextBold(text=title.striptags())),
            InputRichBlockTable(cells=rows, is_striped=True, is_compact=True),
        ]
    )


def _figures(texts: Texts, report: NodeReport, measured: bool) -> list[str]:
    load, unknown = report.load, texts.text("table-unknown")
    if load is None:
        return [unknown] * (4 if measured else 3)
    ratio = texts.text("table-ratio", value=load.cpu_ratio)
    memory = texts.text("table-percent", value=load.memory_percent)
    measured_load = unknown if load.cpu_load is None else texts.text("table-load-value", value=load.cpu_load)
    return [ratio, *([measured_load] if measured else []), memory, str(load.vm_count)]


def _cell(words: str, figure: bool, *, bold: bool = False, header: bool = False) -> RichBlockTableCell:
    return RichBlockTableCell(
        text=RichTextBold(text=words) if bold else words,
        align="right" if figure else "left",
        valign="middle",
        is_header=True if header else None,
    )
