"""Plans and outcomes as tables with bars, for people at a terminal. The words come from ``plan_summary``.

Returns text with the terminal's colours and prints nothing. Names come from strangers: they are put into ``Text``
only, which has no markup.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TextIO

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.table import Table
from rich.text import Text

from balancer.model import Move, NodeLoad, NodeReport, Plan
from balancer.policy import Policy
from bot.domain.proposals import MigrationState, MoveState, ProposedMove
from bot.domain.sanitize import one_line
from bot.rendering.catalog import Texts
from bot.rendering.plain import NODES_SHOWN, REASONS_SHOWN, outcome_words
from bot.rendering.plan_summary import MoveSummary, PlanSummary, WhyNot, any_measured, load_words, summarize

WIDEST = 200
"""Wider lines are hard to follow from the name to the figures."""
NOTES_FROM = 120
"""From this width on remarks are beside the figures, else below them."""
LIMIT_AT = 0.75
"""The position of the limit in a bar, unless a node is far above it."""
GOOD, WARM, BAD, QUIET = "green", "yellow", "red", "dim"
OUTCOMES = {
    MigrationState.SUCCEEDED: ("✔", GOOD),
    MigrationState.FAILED: ("✘", BAD),
    MigrationState.UNKNOWN: ("?", BAD),
    MigrationState.STALE: ("–", WARM),
}


class RichReport:
    """Reports for one terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        ascii_only = console.options.ascii_only
        self._signs = ("#", ".", "|") if ascii_only else ("█", "░", "│")
        self._bar_width = max(8, min(24, (console.width - 52) // 2))
        self._wide = console.width >= NOTES_FROM

    def plan(self, texts: Texts, plan: Plan, policy: Policy) -> str:
        """Report and plan of one cluster; its ``policy`` gives the limits in the bars."""
        title = texts.text(
            "terminal-title",
            cluster=plan.cluster_name,
            id=plan.cluster_id,
            overloaded=len(plan.overloaded),
            nodes=len(plan.nodes),
        )
        parts: list[RenderableType] = [Text(title, style=f"bold {BAD if plan.overloaded else GOOD}")]
        parts += self._nodes(texts, plan, policy)
        summary = summarize(texts, plan, REASONS_SHOWN)
        parts += [Padding(Text(line), (0, 0, 0, 2)) for line in summary.remarks]
        parts += self._moves(texts, plan, summary)
        parts += self._why_not(texts, summary.why_not)
        return self._rendered(Group(*parts, ""))

    def outcomes(self, texts: Texts, moves: Sequence[ProposedMove]) -> str:
        """The outcome of each move."""
        table = Table.grid(padding=(0, 1))
        for proposed in moves:
            sign, colour = _sign(proposed)
            move = proposed.move
            route = f"{one_line(move.source_name)} → {one_line(move.target_name)}"
            words = Text(outcome_words(texts, proposed), style=colour)
            table.add_row(Text(sign, style=colour), Text(one_line(move.vm_name), style="bold"), Text(route), words)
        return self._rendered(table)

    def _rendered(self, what: RenderableType) -> str:
        with self._console.capture() as captured:
            self._console.print(what)
        return "\n".join(line.rstrip() for line in captured.get().rstrip().split("\n"))

    # Nodes ------------------------------------------------------------------------------------

    def _nodes(self, texts: Texts, plan: Plan, policy: Policy) -> Iterable[RenderableType]:
        shown = plan.nodes[:NODES_SHOWN]
        notes = self._notes(texts, plan, shown)
        beside = self._wide and any(notes.values())
        heads = (texts.text("table-head"), "", texts.text("table-cpu"), "", texts.text("table-memory"))
        table = _table("", *heads, folding=(1,))
        table.columns[2].justify = table.columns[4].justify = "right"
        table.add_column(Text(texts.text("table-vms")), justify="right")
        if beside:
            table.add_column(Text(texts.text("report-why")), ratio=1, overflow="fold")
        scale = _Scale(policy, [r.load for r in plan.nodes if r.load is not None])
        for report in shown:
            cells = self._node(texts, report, scale)
            table.add_row(*cells, *([Text(notes[report.node_id])] if beside else []))
        yield table
        if not beside:
            yield from (
                Padding(_named(report.node_name, notes[report.node_id]), (0, 0, 0, 2))
                for report in shown
                if notes[report.node_id]
            )
        if len(plan.nodes) > len(shown):
            yield Text("  " + texts.text("table-more", count=len(plan.nodes) - len(shown)), style=QUIET)

    def _node(self, texts: Texts, report: NodeReport, scale: _Scale) -> list[Text]:
        name = Text(one_line(report.node_name), style="bold" if report.overloaded else "")
        load = report.load
        if load is None:
            unknown = Text(texts.text("table-unknown"), style=WARM)
            return [unknown, name, unknown, Text(), unknown, Text(), unknown]
        cpu, memory = scale.cpu(load), scale.memory(load)
        return [
            Text("!" if report.overloaded else " ", style=f"bold {BAD}"),
            name,
            Text(_cpu(texts, load), style=cpu.colour),
            self._bar(cpu),
            Text(texts.text("report-percent", value=load.memory_percent), style=memory.colour),
            self._bar(memory),
            Text(str(load.vm_count)),
        ]

    def _bar(self, figure: _Figure) -> Text:
        full, empty, limit = self._signs
        filled = min(self._bar_width, round(figure.part * self._bar_width))
        at = min(self._bar_width - 1, round(figure.limit * self._bar_width))
        bar = Text(full * filled, style=figure.colour) + Text(empty * (self._bar_width - filled), style=QUIET)
        return bar[:at] + Text(limit, style="bold") + bar[at + 1 :]

    @staticmethod
    def _notes(texts: Texts, plan: Plan, shown: Sequence[NodeReport]) -> dict[int, str]:
        measured = any_measured(plan.nodes)
        notes = {}
        for report in shown:
            words = [texts.reason(report.reason)] if report.reason else []
            if measured and report.load is not None:
                words.append(load_words(texts, report.load, plan.taken_at))
            notes[report.node_id] = "; ".join(words)
        return notes

    # Moves and why not ------------------------------------------------------------------------

    def _moves(self, texts: Texts, plan: Plan, summary: PlanSummary) -> Iterable[RenderableType]:
        if not plan.moves:
            yield Text("  " + texts.text("dryrun-nothing", overloaded=len(plan.overloaded)))
            return
        names = (texts.text("report-vm"), texts.text("table-head"), texts.text("table-cpu"), texts.text("table-memory"))
        table = _table("", *names, folding=(1, 2))
        if self._wide:
            table.add_column(Text(texts.text("report-why")), ratio=1, overflow="fold")
        for each in summary.moves:
            reasons = [_reasons(each)] if self._wide else []
            table.add_row(Text(str(each.number)), *self._move(texts, each.move), *reasons)
        yield ""
        yield table
        if not self._wide:
            yield from (Padding(_numbered(each.number, _reasons(each)), (0, 0, 0, 2)) for each in summary.moves)

    @staticmethod
    def _move(texts: Texts, move: Move) -> list[Text]:
        size = texts.text("report-size", vcpus=move.vcpus, gib=move.memory_mib / 1024)
        sides = ((move.source_before, move.source_after), (move.target_before, move.target_after))
        return [
            Text(one_line(move.vm_name), style="bold") + Text(f"\n{size}", style=QUIET),
            Text(f"{one_line(move.source_name)}\n→ {one_line(move.target_name)}"),
            Text("\n".join(_change(_cpu(texts, before), _cpu(texts, after)) for before, after in sides)),
            Text("\n".join(_change(_memory(texts, before), _memory(texts, after)) for before, after in sides)),
        ]

    def _why_not(self, texts: Texts, why: WhyNot) -> Iterable[RenderableType]:
        if not why.count:
            return
        yield ""
        yield Text("  " + texts.text("rejections-title", count=why.count), style="bold")
        lines = [*why.lines, *([texts.text("rejections-more", count=why.hidden)] if why.hidden else [])]
        table = Table.grid(padding=(0, 1))
        for line in lines:
            table.add_row(Text("-" if self._signs[0] == "#" else "•", style=QUIET), Text(line))
        yield Padding(table, (0, 0, 0, 2))


class _Figure:
    """One bar: its length and its limit as parts of 1, and its colour."""

    def __init__(self, value: float, limit: float, warm_from: float, longest: float) -> None:
        scale = max(limit / LIMIT_AT, longest)
        self.part, self.limit = value / scale, limit / scale
        self.colour = BAD if value > limit else WARM if value >= warm_from else GOOD


class _Scale:
    """One scale for all nodes of a plan, so that bars can be compared."""

    def __init__(self, policy: Policy, loads: Sequence[NodeLoad]) -> None:
        self._policy = policy
        self._ratio = max((x.cpu_ratio for x in loads), default=0.0)
        self._load = max((x.cpu_load for x in loads if x.cpu_load is not None), default=0.0)

    def cpu(self, load: NodeLoad) -> _Figure:
        p = self._policy
        share = p.cpu_target_score / p.cpu_overload_ratio
        if load.cpu_load is not None:
            return _Figure(load.cpu_load, p.ssh_load_overload, p.ssh_load_overload * share, self._load)
        return _Figure(load.cpu_ratio, p.cpu_overload_ratio, p.cpu_target_score, self._ratio)

    def memory(self, load: NodeLoad) -> _Figure:
        limit = self._policy.memory_overload_percent
        warm = min(limit, self._policy.memory_target_percent) * 0.9
        return _Figure(load.memory_percent, limit, warm, max(100.0, load.memory_percent))


def rich_report(stream: TextIO) -> RichReport:
    """A console for the terminal of a stream: its width, and its colours unless NO_COLOR is set."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    console.width = min(console.width, WIDEST)
    return RichReport(console)


def _table(*heads: str, folding: Collection[int]) -> Table:
    """Names may go over several lines, figures and bars may not."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style=Style(bold=True), padding=(0, 1))
    for index, head in enumerate(heads):
        table.add_column(Text(head), overflow="fold", no_wrap=index not in folding)
    return table


def _named(name: str, words: str) -> RenderableType:
    return Text.assemble((one_line(name), "bold"), ": ", words)


def _numbered(number: int, words: Text) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_row(Text(f"{number}."), words)
    return grid


def _reasons(summary: MoveSummary) -> Text:
    words = Text(summary.reason)
    for caution in summary.cautions:
        words += Text(f"\n! {caution}", style=WARM)
    return words


def _change(before: str, after: str) -> str:
    return f"{before} → {after}"


def _cpu(texts: Texts, load: NodeLoad) -> str:
    if load.cpu_load is None:
        return texts.text("report-figure", value=load.cpu_ratio)
    return texts.text("report-figure", value=load.cpu_load) + " ssh"


def _memory(texts: Texts, load: NodeLoad) -> str:
    return texts.text("report-percent", value=load.memory_percent)


def _sign(proposed: ProposedMove) -> tuple[str, str]:
    if proposed.migration is None:
        return ("…", WARM) if proposed.state is MoveState.PENDING else ("–", QUIET)
    return OUTCOMES.get(proposed.migration.state, ("–", QUIET))
