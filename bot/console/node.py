"""One node with its VMs, and why each of them stays."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from balancer.model import VM, Node
from bot.console import wording
from bot.console.backend import ViewState
from bot.console.drawing import cut, fit
from bot.console.grid import Grid, Row
from bot.console.views import View
from bot.domain.sanitize import one_line
from bot.rendering.catalog import Texts
from bot.rendering.phrases import busiest_first, load_figures

WIDE = 100


class NodeView(View):
    """One node: its facts, its VMs, the busiest or largest first, and below them the chosen VM's load and reasons."""

    def __init__(self, texts: Texts, *, id: str = "node") -> None:
        super().__init__(texts, id=id)
        self.node_id: int | None = None
        self.facts = Static(classes="facts", id="node-facts")
        self.grid = Grid(id="node-grid")
        self.reason = Static(classes="facts hidden", id="node-reason")
        self._view_state: ViewState | None = None

    def compose(self) -> ComposeResult:
        yield self.facts
        yield self.grid
        yield self.reason

    @property
    def first(self) -> Grid:
        return self.grid

    @property
    def vm_id(self) -> int | None:
        """The VM under the cursor."""
        kind, _, number = (self.grid.chosen or "").partition(":")
        return int(number) if kind == "v" else None

    def on_data_table_row_highlighted(self) -> None:
        if self._view_state is not None:
            self._show_reason(self._view_state)

    def show(self, view_state: ViewState) -> None:
        self._view_state = view_state
        self.facts.update(facts_of(self, view_state, self.node_id))
        texts, room = self.texts, self.app.size.width - 1
        wide, vms = room >= WIDE, busiest_first(vms_of(view_state, self.node_id))
        measured = any(vm.load is not None for vm in vms)
        columns = [
            (texts.text("console-column-vm"), 30 if wide else 20),
            (texts.text("console-column-vcpus"), 6),
            *([(texts.text("console-column-load"), 7)] if measured else []),
            _headed(texts.text("console-column-ram"), 9),
            *([_headed(texts.text("console-column-disk"), 9)] if wide else []),
            (texts.text("console-column-vm-state"), 16 if wide else 14),
        ]
        tail = max(8, room - sum(width for _, width in columns))
        columns.append((texts.text("console-column-remarks"), tail))
        self.grid.fill(columns, [self._row(vm, view_state, [width for _, width in columns], measured) for vm in vms])
        self._show_reason(view_state)

    def _show_reason(self, view_state: ViewState) -> None:
        """The load of the chosen VM with its age, and the whole reason, which its row may cut."""
        vm = next((vm for vm in vms_of(view_state, self.node_id) if vm.id == self.vm_id), None)
        remarks = [] if vm is None else self._remarks(vm, view_state)
        if vm is not None and vm.load is not None:
            words = self.texts.text("console-vm-load", **load_figures(self.texts, vm.load, vm.vcpus, view_state.now))
            remarks.insert(0, words)
        self.reason.set_class(not remarks, "hidden")
        self.reason.update(Text("" if vm is None else f"{one_line(vm.name)}: {'; '.join(remarks)}"))

    def _remarks(self, vm: VM, view_state: ViewState) -> list[str]:
        moving = any(g.move.vm_id == vm.id for g in view_state.stored.running)
        remarks = [self.texts.text("console-flag-moving")] if moving else []
        return remarks + [
            self.texts.reason(r.reason)
            for plan in view_state.world.plans
            for r in plan.rejections
            if r.subject == "vm" and r.id == vm.id
        ]

    def _row(self, vm: VM, view_state: ViewState, widths: Sequence[int], measured: bool) -> Row:
        """``measured``: there is a column for loads."""
        unknown, p = self.texts.text("table-unknown"), self.palette
        load = unknown if vm.load is None else format(vm.load.cpus, ".1f")
        state = self.texts.text("unknown-value") if vm.state is None else self.texts.text("vm-state", state=vm.state)
        disk = unknown if vm.disk_mib is None else format(vm.disk_mib / 1024, ".0f")
        cells = (
            Text(cut(vm.name, widths[0] - 1)),
            Text(f"{unknown if vm.vcpus is None else vm.vcpus:>4}"),
            *([Text(f"{load:>5}")] if measured else []),
            Text(f"{unknown if vm.memory_mib is None else format(vm.memory_mib / 1024, '.1f'):>7}"),
            *([Text(f"{disk:>7}")] if len(widths) == 6 + measured else []),
            Text("  " + cut(state, widths[-2] - 3), p.good if vm.state == "active" else p.dim),
            Text(cut(", ".join(self._remarks(vm, view_state)), widths[-1]), p.dim),
        )
        return Row(f"v:{vm.id}", cells)


def _headed(title: str, least: int) -> tuple[str, int]:
    """A column of figures, as wide as its title needs."""
    return title, max(least, cell_len(title) + 1)


def vm_lines(view: View, view_state: ViewState, node_id: int | None, width: int) -> list[Text]:
    """The VMs of a node, one short line each, the busiest first, then the largest."""
    unknown = view.texts.text("table-unknown")
    lines = []
    for vm in busiest_first(vms_of(view_state, node_id)):
        vcpus = unknown if vm.vcpus is None else str(vm.vcpus)
        gib = unknown if vm.memory_mib is None else format(vm.memory_mib / 1024, ".1f")
        size = f"{vcpus:>4}{gib:>8}"
        lines.append(Text(fit(vm.name, width - len(size)) + size, "" if vm.state == "active" else view.palette.dim))
    return lines


def vms_of(view_state: ViewState, node_id: int | None) -> Sequence[VM]:
    snapshot = view_state.world.snapshot
    return [] if snapshot is None else [vm for vm in snapshot.vms if vm.node_id == node_id]


def node_of(view_state: ViewState, node_id: int | None) -> Node | None:
    snapshot = view_state.world.snapshot
    return None if snapshot is None else next((n for n in snapshot.nodes if n.id == node_id), None)


def facts_of(view: View, view_state: ViewState, node_id: int | None) -> Text:
    node = node_of(view_state, node_id)
    if node is None:
        return Text(view.texts.text("console-no-node") if node_id is not None else "", view.palette.dim)
    reports = [(plan, r) for plan in view_state.world.plans for r in plan.nodes if r.node_id == node_id]
    plan, report = reports[0] if reports else (None, None)
    facts = wording.node_facts(
        view.texts,
        node,
        report,
        plan=plan,
        vms=vms_of(view_state, node_id),
        exclusions=view_state.stored.exclusions,
        now=view_state.now,
        palette=view.palette,
    )
    own = (r for r in view_state.stored.reservations if r.node_id == node.id)
    words = (Text(wording.reservation_words(view.texts, r, view_state.now), view.palette.warn) for r in own)
    return Text("\n").join([facts, *words])
