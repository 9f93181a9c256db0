"""Small pieces that every message needs: durations, moments, sizes, tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup, escape
from rich.cells import cell_len, set_cell_size

from balancer.model import NodeReport
from bot.proposals import ExclusionRole
from bot.sanitize import one_line
from bot.texts import Texts

TABLE_WIDTH = 34
"""What a phone shows of monospaced text without scrolling."""
_CPU, _MEMORY, _VMS = 5, 5, 4
_NAME = TABLE_WIDTH - 2 - (_CPU + 1) - (_MEMORY + 1) - (_VMS + 1)
SAFE_TEXT = 3800
"""Characters we fill of the 4096 that a message may have."""


def duration(texts: Texts, length: timedelta) -> str:
    """The length in the two largest units that say something: 43 s, 2 min 5 s, 3 h, 2 d 4 h."""
    seconds = max(0, round(length.total_seconds()))
    minutes, rest = divmod(seconds, 60)
    hours, minutes_rest = divmod(minutes, 60)
    days, hours_rest = divmod(hours, 24)
    if seconds < 60:
        return texts.text("duration-seconds", seconds=seconds)
    if minutes < 10 and rest:
        return texts.text("duration-minutes-seconds", minutes=minutes, seconds=rest)
    if hours < 1:
        return texts.text("duration-minutes", minutes=minutes)
    if days < 2:
        key = "duration-hours-minutes" if minutes_rest else "duration-hours"
        return texts.text(key, hours=hours, minutes=minutes_rest)
    return texts.text("duration-days-hours" if hours_rest else "duration-days", days=days, hours=hours_rest)


def moment(when: datetime, now: datetime) -> str:
    """A time of day in the zone of this machine, with the date when it is not today."""
    local, today = when.astimezone(), now.astimezone().date()
    return local.strftime("%H:%M" if local.date() == today else "%Y-%m-%d %H:%M")


def until(texts: Texts, when: datetime | str | None, now: datetime) -> str:
    """How long something lasts; ``None`` and words: until somebody ends it."""
    if not isinstance(when, datetime):
        return texts.text("until-ended")
    return texts.text("until-time", time=moment(when, now))


def size(texts: Texts, vcpus: int, memory_mib: int) -> str:
    return texts.text("size", vcpus=vcpus, gib=memory_mib / 1024)


def role(texts: Texts, which: ExclusionRole) -> str:
    return texts.text(f"role-{which.value}")


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
    cpu = _figure(f"{load.cpu_ratio:.1f}", f"{load.cpu_ratio:.0f}", width=_CPU)
    memory = _figure(f"{load.memory_percent:.0f}%", width=_MEMORY)
    return _row(mark, one_line(report.node_name), cpu, memory, _figure(str(load.vm_count), width=_VMS))


def _figure(*spellings: str, width: int) -> str:
    """The first spelling that fits its column, else "more than fits"."""
    return next((s for s in spellings if len(s) <= width), ">" + "9" * (width - 1))


def _row(mark: str, name: str, cpu: str, memory: str, vms: str) -> str:
    shown = name if cell_len(name) <= _NAME else set_cell_size(name, _NAME - 1).rstrip() + "…"
    return f"{mark} {set_cell_size(shown, _NAME)} {cpu:>{_CPU}} {memory:>{_MEMORY}} {vms:>{_VMS}}"


def joined(lines: Sequence[Markup | str]) -> Markup:
    """Lines of a message; plain strings among them are escaped."""
    return Markup("\n").join(escape(line) for line in lines)


def fitted(head: Sequence[Markup | str], body: Sequence[Markup | str], texts: Texts, room: int = SAFE_TEXT) -> Markup:
    """The head, and as many lines of the body as fit into one message; then how many are left out."""
    lines = list(head)
    used = sum(len(line) + 1 for line in lines)
    for index, line in enumerate(body):
        used += len(line) + 1
        if used > room:
            lines.append(texts.html("rejections-more", count=len(body) - index))
            break
        lines.append(line)
    return joined(lines)
