"""The nodes, worst first, by cluster, with their load as bars and trends."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from balancer.model import Node, NodeReport, Plan
from balancer.policy import Policy
from balancer.survival.values import SurvivalVerdict
from bot.console import wording
from bot.console.backend import ViewState, cpu_of
from bot.console.drawing import bar, cut, fit, lines, pieces, sparkline
from bot.console.grid import Grid, Row
from bot.console.node import facts_of, vm_lines
from bot.console.views import View
from bot.domain.exclusions import ExclusionRole
from bot.rendering.catalog import Texts
from bot.rendering.survival_rows import short_line

WIDE = 110
SIDE = 44
MEASURED_WIDTH = 9


class NodesView(View):
    def __init__(self, texts: Texts, *, id: str = "nodes") -> None:
        super().__init__(texts, id=id)
        self.grid = Grid(id="nodes-grid")
        self.facts = Static(classes="facts", id="nodes-facts")
        self._view_state: ViewState | None = None

    def compose(self) -> ComposeResult:
        yield self.grid
        yield self.facts

    @property
    def first(self) -> Grid:
        return self.grid

    @property
    def node_id(self) -> int | None:
        """The node under the cursor; a cluster's heading is none."""
        kind, _, number = (self.grid.chosen or "").partition(":")
        return int(number) if kind == "n" else None

    def on_resize(self) -> None:
        self.set_class(self.app.size.width >= WIDE, "wide")
        if self._view_state is not None:
            self.call_after_refresh(self.show, self._view_state)

    def on_data_table_row_highlighted(self) -> None:
        if self._view_state is not None:
            self._show_facts(self._view_state)

    def show(self, view_state: ViewState) -> None:
        first = self._view_state is None or not self._view_state.world.plans
        self._view_state = view_state
        wide = self.has_class("wide")
        room = (self.app.size.width - SIDE if wide else self.app.size.width) - 1
        table = _Table(self, view_state, room)
        rows = table.rows()
        nodes = [row.key for row in rows if row.key.startswith("n:")]
        self.grid.fill(table.columns, rows, choose=nodes[0] if first and nodes else None)
        self._show_facts(view_state)

    def _show_facts(self, view_state: ViewState) -> None:
        if self.has_class("wide"):
            facts = facts_of(self, view_state, self.node_id)
            vms = vm_lines(self, view_state, self.node_id, SIDE - 2)
            title = Text(self.texts.text("console-side-vms"), self.palette.dim)
            self.facts.update(lines(facts, Text(), title, *vms) if vms else facts)


class _Table:
    """The rows of the nodes at one width."""

    def __init__(self, view: View, view_state: ViewState, room: int) -> None:
        self._texts, self._palette, self._view_state = view.texts, view.palette, view_state
        reports = [r for plan in view_state.world.plans for r in plan.nodes]
        measured = any(r.load is not None and r.load.cpu_load is not None for r in reports)
        self._value = MEASURED_WIDTH if measured else 5
        self._bar = 8 if room < 70 else 10 if room < 100 else 16
        self._trend = 8 if room < 100 else 16
        rest = room - (2 + 1 + 2 * self._bar + self._value + 5 + 1 + 5 + 2 + 1 + self._trend + 1)
        self._name = max(10, min(34, rest * 3 // 5))
        self._flags = max(0, rest - self._name)
        texts = self._texts
        self.columns = [
            ("", 2),
            (texts.text("console-column-node"), self._name + 1),
            (texts.text("console-column-cpu"), self._bar + self._value + 1),
            (texts.text("console-column-memory"), self._bar + 6 + 1),
            (texts.text("console-column-vms"), 5),
            (texts.text("console-column-trend"), self._trend + 1),
            (texts.text("console-column-state"), self._flags),
        ]

    def rows(self) -> list[Row]:
        result = []
        nodes = {n.id: n for n in self._view_state.world.snapshot.nodes} if self._view_state.world.snapshot else {}
        for plan in self._view_state.world.plans:
            result.append(self._heading(plan))
            policy = self._view_state.world.policy(plan.cluster_id)
            result += [self._row(r, nodes.get(r.node_id), policy) for r in plan.nodes]
        return result

    def _heading(self, plan: Plan) -> Row:
        over, p = len(plan.overloaded), self._palette
        count = Text(f"{over}/{len(plan.nodes)}", p.bad if over else p.good)
        rest: Sequence[Text] = (Text(),) * 4
        name = Text(cut(plan.cluster_name, self._name), f"bold {p.accent}")
        overloaded = self._texts.text("console-cluster-over", overloaded=over)
        summary = self._view_state.stored.survivals.get(plan.cluster_id)
        if summary is not None:
            row, style = short_line(summary), p.good if summary.verdict is SurvivalVerdict.YES else p.warn
            widths = [width for _, width in self.columns[3:]]
            parts = pieces(cut(self._texts.text(row.key, **row.args), sum(widths)), widths)
            rest = [Text(part, style) for part in parts]
        return Row(f"c:{plan.cluster_id}", (Text("▸", p.accent), name, count + Text(" " + overloaded), *rest))

    def _row(self, report: NodeReport, node: Node | None, policy: Policy) -> Row:
        p = self._palette
        name = Text(cut(report.node_name, self._name))
        state = Text(cut(", ".join(self._flag_words(report, node, policy)), self._flags), p.warn)
        if report.load is None:
            unknown = Text(fit(self._texts.text("console-unknown-load"), self._bar), p.dim)
            none = Text()
            return Row(f"n:{report.node_id}", (Text("?", p.warn), name, unknown, none, none, none, state))
        load = report.load
        value, limit = cpu_of(load, policy)
        shown = self._load(value, load.cpu_load is not None)
        cpu = self._gauge(value, limit, shown, self._value)
        memory_limit = policy.memory_overload_percent
        memory = self._gauge(
            load.memory_percent, memory_limit, self._texts.text("table-percent", value=load.memory_percent), 5
        )
        mark = Text("!", f"bold {p.bad}") if report.overloaded else Text(" ")
        trend = sparkline(self._view_state.trends.cpu(report.node_id), 1.0, self._trend, p.dim, p.bad)
        vms = Text(f"{load.vm_count:>4} ")
        return Row(f"n:{report.node_id}", (mark, name, cpu, memory, vms, trend, state))

    def _load(self, value: float, measured: bool) -> str:
        if measured:
            return self._texts.text("table-load-value", value=value) + " ssh"
        return self._texts.text("table-ratio", value=value) if value < 1000 else ">999"

    def _gauge(self, value: float, limit: float, shown: str, width: int) -> Text:
        p = self._palette
        style = p.bad if value > limit else p.warn if value > limit * 0.85 else p.good
        return Text.assemble(bar(value, limit, self._bar, style, p.dim), (f"{shown:>{width}}", style))

    def _flag_words(self, report: NodeReport, node: Node | None, policy: Policy) -> list[str]:
        words = [] if node is None else wording.flags(self._texts, node)
        busy = {n for g in self._view_state.stored.running for n in (g.move.source_id, g.move.target_id)}
        if report.node_id in busy:
            words.append(self._texts.text("console-flag-moving"))
        if any(r.node_id == report.node_id for r in policy.reservations):
            words.append(self._texts.text("console-flag-reserved"))
        source, target = report.node_id in policy.exclude_sources, report.node_id in policy.exclude_targets
        if source or target:
            which = (
                ExclusionRole.BOTH if source and target else ExclusionRole.SOURCE if source else ExclusionRole.TARGET
            )
            words.append(self._texts.text(f"console-flag-out-{which.value}"))
        return words
