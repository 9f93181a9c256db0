"""Small pieces that every message needs: durations, moments, sizes, tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape
from rich.cells import cell_len, set_cell_size

from balancer.model import VM, NodeReport
from bot.domain.sanitize import one_line, shorten
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration, moment, role, rough_duration, size, until
from bot.rendering.survival_rows import Row

__all__ = ["duration", "fitted", "joined", "moment", "node_table", "role", "rough_duration", "short", "size", "until"]

TABLE_WIDTH = 34
"""What a phone shows of monospaced text without scrolling."""
_CPU, _MEMORY, _VMS = 5, 6, 4
_NAME = TABLE_WIDTH - 2 - (_CPU + 1) - (_MEMORY + 1) - (_VMS + 1)
BUTTON_NAME = 30
"""What a button as wide as the chat shows of a name on a phone."""
SAFE_TEXT = 3800
"""Characters we fill of the 4096 that a message may have."""


def node_table(texts: Texts, reports: Sequence[NodeReport]) -> Markup:
    """Nodes with their load, monospaced, no line wider than a phone's. ``!`` marks the overloaded."""
    head = _row(
        " ", texts.text("table-head"), texts.text("table-cpu"), texts.text("table-memory"), texts.text("table-vms")
    )
    return Markup("<pre>{}</pre>").format("\n".join([head, *(_node_row(texts, r) for r in reports)]))


def _node_row(texts: Texts, report: NodeReport) -> str:
    unknown = texts.text("table-unknown")
    if report.load is None:
        return _row("?", one_line(report.node_name), unknown, unknown, unknown)
    load = report.load
    mark = "!" if report.overloaded else " "
    cpu = _figure(texts.text("table-ratio", value=load.cpu_ratio), f"{load.cpu_ratio:.0f}", width=_CPU)
    memory = _figure(texts.text("table-percent", value=load.memory_percent), width=_MEMORY)
    return _row(mark, one_line(report.node_name), cpu, memory, _figure(str(load.vm_count), width=_VMS))


def _figure(*spellings: str, width: int) -> str:
    """The first spelling that fits its column, else "more than fits"."""
    return next((s for s in spellings if len(s) <= width), ">" + "9" * (width - 1))


def _row(mark: str, name: str, cpu: str, memory: str, vms: str) -> str:
    shown = name if cell_len(name) <= _NAME else set_cell_size(name, _NAME - 1).rstrip() + "…"
    return f"{mark} {set_cell_size(shown, _NAME)} {cpu:>{_CPU}} {memory:>{_MEMORY}} {vms:>{_VMS}}"


def vm_state(texts: Texts, vm: VM) -> str:
    """The state that the panel reports, in the reader's language where it is known."""
    return texts.text("unknown-value") if vm.state is None else texts.text("vm-state", state=vm.state)


def short(name: str) -> str:
    """A name that fits a button; Telegram shows no markup there, so nothing is escaped."""
    return shorten(name, BUTTON_NAME)


def joined(lines: Sequence[Markup | str]) -> Markup:
    """Lines of a message; plain strings among them are escaped."""
    return Markup("\n").join(escape(line) for line in lines)


def row(texts: Texts, line: Row) -> Markup:
    """A row of ``survival_rows`` with its indent."""
    return escape("\N{NO-BREAK SPACE}" * 4 * line.depth) + texts.html(line.key, **line.args)


def fitted(
    head: Sequence[Markup | str],
    body: Sequence[Markup | str],
    texts: Texts,
    room: int = SAFE_TEXT,
    more: str = "rejections-more",
) -> Markup:
    """As many lines of head and body as fit into one message; then, by ``more``, how many are left out."""
    lines: list[Markup | str] = []
    used, every = 0, [*head, *body]
    for index, line in enumerate(every):
        used += length(escape(line)) + 1
        if used > room:
            lines.append(texts.html(more, count=len(every) - index))
            break
        lines.append(line)
    return joined(lines)


def length(text: Markup) -> int:
    """Characters as Telegram counts them, markup included: never less than what it will count."""
    return len(str(text).encode("utf-16-le", "surrogatepass")) // 2
