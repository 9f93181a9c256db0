"""The two lines on top, and the tabs: what must be in sight on every page. Pure."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text

from bot.config.settings import Settings
from bot.console.backend import ViewState
from bot.console.drawing import Palette, cut
from bot.console.keys import VIEWS
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration, moment, until

SEPARATOR = " · "
WIDE = 100


def head(texts: Texts, view_state: ViewState, settings: Settings, palette: Palette, width: int) -> Text:
    """Who carries out and how; then how things are, the worst first."""
    room = width - 2
    clock = view_state.now.astimezone(texts.zone).strftime("%H:%M:%S")
    first = _joined(_who(texts, view_state, settings, palette), room - len(clock) - 1)
    first.append(" " * max(1, room - cell_len(first.plain) - len(clock)))
    first.append(clock, palette.dim)
    return Text("\n").join([first, _joined(_how(texts, view_state, palette), room)])


def _who(texts: Texts, view_state: ViewState, settings: Settings, palette: Palette) -> list[tuple[str, str]]:
    parts = [("VM Balancer", f"bold {palette.accent}")]
    holder = view_state.holder
    if settings.dry_run:
        parts.append((texts.text("console-dry-run"), f"bold {palette.warn}"))
    if holder is None:
        parts.append((texts.text("console-nobody-runs"), f"bold {palette.bad}"))
    automatic = view_state.stored.mode != "approve"
    parts.append((texts.text("console-mode", mode=view_state.stored.mode), palette.warn if automatic else ""))
    if holder is not None:
        key = "console-started-here" if view_state.started_here else "console-attached"
        parts.append((texts.text(key, pid=str(holder.pid or "?")), palette.good))
    return parts


def _how(texts: Texts, view_state: ViewState, palette: Palette) -> list[tuple[str, str]]:
    parts = []
    world, stored = view_state.world, view_state.stored
    age = None if world.snapshot is None else duration(texts, view_state.now - world.snapshot.taken_at)
    if stored.paused_until is not None:
        lasts = until(texts, stored.paused_until, view_state.now)
        parts.append((texts.text("console-paused", until=lasts), f"bold {palette.warn}"))
    if world.problem is not None:
        if age is not None:
            parts.append((texts.text("console-age", duration=age), palette.bad))
        parts.append((texts.text("console-problem", problem=world.problem), f"bold {palette.bad}"))
        return parts
    if age is None:
        parts.append((texts.text("console-reading"), palette.dim))
    else:
        nodes = sum(len(p.nodes) for p in world.plans)
        style = palette.bad if world.overloaded else palette.good
        parts.append((texts.text("console-overloaded-of", overloaded=world.overloaded, nodes=nodes), style))
    pending = sum(len(p.pending) for p in stored.waiting)
    if pending:
        parts.append((texts.text("console-waiting", count=pending), palette.warn))
    if stored.running:
        parts.append((texts.text("console-moving", count=len(stored.running)), palette.accent))
    if age is not None:
        parts.append((texts.text("console-age", duration=age), palette.dim))
    if stored.last_cycle is not None:
        parts.append(
            (texts.text("console-last", time=moment(texts, stored.last_cycle.started_at, view_state.now)), palette.dim)
        )
    return parts


def _joined(parts: list[tuple[str, str]], width: int) -> Text:
    """As many parts as fit; the one that does not is cut."""
    line = Text(no_wrap=True)
    for text, style in parts:
        left = width - cell_len(line.plain) - (len(SEPARATOR) if line.plain else 0)
        if left < 4:
            break
        if line.plain:
            line.append(SEPARATOR)
        line.append(cut(text, left), style)
    return line


def tabs(texts: Texts, view_state: ViewState, front: str, palette: Palette, width: int) -> list[tuple[Text, str]]:
    """The pages with their numbers, and how many entries wait on a page."""
    counts = {
        "moves": sum(len(p.pending) for p in view_state.stored.waiting),
        "exclusions": len(view_state.stored.exclusions),
    }
    labels = []
    for number, name in enumerate(VIEWS, start=1):
        here = front == name or (front == "node" and name == "nodes")
        label = texts.text(f"console-tab-{name}")
        count = f" ({counts[name]})" if counts.get(name) else ""
        style = f"bold reverse {palette.accent}" if here else ""
        gap = " " if width >= WIDE else ""
        labels.append((Text.assemble((f" {number} {label}{count} ", style), gap), f"view('{name}')"))
    return labels
