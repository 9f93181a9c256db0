"""What waits for a decision, what is being carried out, what ended lately; and the whole history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Static

from bot.console import wording
from bot.console.backend import ViewState
from bot.console.drawing import cut, pieces
from bot.console.grid import Grid, Row
from bot.console.views import View
from bot.domain.proposals import MoveState, Proposal, ProposedMove
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration, moment, size, until

LATELY = timedelta(minutes=15)


class _MovesTable(View):
    """A table of moves, and below it the chosen one in full."""

    def __init__(self, texts: Texts, *, id: str) -> None:
        super().__init__(texts, id=id)
        self.grid = Grid(id=f"{id}-grid")
        self.facts = Static(classes="facts", id=f"{id}-facts")
        self._moves: dict[int, ProposedMove] = {}
        self._view_state: ViewState | None = None

    @property
    def first(self) -> Grid:
        return self.grid

    @property
    def chosen(self) -> ProposedMove | None:
        """The move under the cursor."""
        kind, _, number = (self.grid.chosen or "").partition(":")
        return self._moves.get(int(number)) if kind == "m" else None

    def on_data_table_row_highlighted(self) -> None:
        if self._view_state is not None:
            self._show_facts(self._view_state)

    def _show_facts(self, view_state: ViewState) -> None:
        move, outcomes = self.chosen, view_state.stored.outcomes
        facts = Text()
        if move is not None:
            outcome = None if move.migration is None else outcomes.get(move.migration.id)
            facts = wording.move_facts(self.texts, move, view_state.now, self.palette, outcome)
        self.facts.update(facts)
        self.facts.set_class(move is None, "hidden")


class MovesView(_MovesTable):
    def __init__(self, texts: Texts, *, id: str = "moves") -> None:
        super().__init__(texts, id=id)
        self._buttons = Horizontal(
            Button(Text(texts.text("console-approve")), id="approve", variant="success", compact=True),
            Button(Text(texts.text("console-skip")), id="skip", compact=True),
            Button(Text(texts.text("console-approve-all")), id="approve_all", compact=True),
            Button(Text(texts.text("console-skip-all")), id="skip_all", compact=True),
            classes="buttons",
        )

    def compose(self) -> ComposeResult:
        yield self.grid
        yield self.facts
        yield self._buttons

    @property
    def proposal(self) -> Proposal | None:
        """The proposal of the chosen row, where it waits."""
        move, waiting = self.chosen, self._view_state.stored.waiting if self._view_state else ()
        if move is not None:
            return next((p for p in waiting if any(m.id == move.id for m in p.moves)), None)
        kind, _, number = (self.grid.chosen or "").partition(":")
        return next((p for p in waiting if kind == "p" and p.id == int(number)), None)

    @property
    def snoozed_cluster(self) -> int | None:
        """The cluster of the chosen row, where the row is a snooze."""
        kind, _, number = (self.grid.chosen or "").partition(":")
        return int(number) if kind == "z" else None

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        await self.app.run_action(f"act('{event.button.id}')")
        self.grid.focus()

    def show(self, view_state: ViewState) -> None:
        first = not self._moves
        self._view_state = view_state
        room = self.app.size.width - 1
        vm, what = (18, 16) if room < 100 else (28, 20)
        way = min(44, (room - vm - what - 3) // 2)
        widths = (3, vm, way, what, room - 3 - vm - way - what)
        columns = [
            ("", widths[0]),
            (self.texts.text("console-column-vm"), widths[1]),
            (self.texts.text("console-column-route"), widths[2]),
            (self.texts.text("console-column-size"), widths[3]),
            (self.texts.text("console-column-state"), widths[4]),
        ]
        self._moves = {}
        rows = list(self._rows(view_state, widths))
        pending = [f"m:{m.id}" for p in view_state.stored.waiting for m in p.pending]
        self.grid.fill(columns, rows, choose=pending[0] if first and pending else None)
        self._show_facts(view_state)

    def _show_facts(self, view_state: ViewState) -> None:
        super()._show_facts(view_state)
        chosen, proposal = self.chosen, self.proposal
        pending = proposal is not None and bool(proposal.pending)
        self._buttons.set_class(not pending, "hidden")
        for name in ("approve", "skip"):
            self._buttons.query_one(f"#{name}", Button).disabled = (
                chosen is None or chosen.state is not MoveState.PENDING
            )

    def _rows(self, view_state: ViewState, widths: tuple[int, ...]) -> Iterator[Row]:
        texts, stored = self.texts, view_state.stored
        if not stored.waiting:
            yield self._heading("h:none", texts.text("proposals-none"), widths, self.palette.dim)
        shown: set[int] = set()
        for proposal in stored.waiting:
            time = duration(texts, proposal.expires_at - view_state.now)
            title = texts.text("console-waits", cluster=proposal.plan.cluster_name, duration=time)
            yield self._heading(f"p:{proposal.id}", title, widths)
            for proposed in proposal.moves:
                shown.add(proposed.id)
                yield self._row(proposed, view_state, widths)
        for snooze in stored.snoozes:
            lasts = until(texts, snooze.until, view_state.now)
            words = texts.text("console-snoozed", cluster=snooze.cluster_name, until=lasts, who=snooze.by.name)
            yield self._heading(f"z:{snooze.cluster_id}", words, widths, self.palette.warn)
        lately = [m for m in stored.history if m.id not in shown]
        moving = {g.move_id for g in stored.running}
        running = [m for m in reversed(lately) if m.id in moving]
        if running:
            yield self._heading("h:running", texts.text("console-running"), widths)
            yield from (self._row(m, view_state, widths) for m in running)
        ended = [m for m in lately if m.id not in moving and view_state.now - _ended_at(m, view_state) < LATELY]
        if ended:
            yield self._heading("h:lately", texts.text("console-lately"), widths)
            yield from (self._row(m, view_state, widths) for m in ended)

    def _heading(self, key: str, text: str, widths: tuple[int, ...], style: str | None = None) -> Row:
        """A line across the columns: each cell shows its own part of it."""
        style = style or f"bold {self.palette.accent}"
        parts = pieces(cut(text, sum(widths[1:])), widths[1:])
        return Row(key, (Text("▸", style), *(Text(part, style) for part in parts)))

    def _row(self, proposed: ProposedMove, view_state: ViewState, widths: tuple[int, ...]) -> Row:
        self._moves[proposed.id] = proposed
        move, style = proposed.move, wording.state_style(proposed, self.palette)
        migration = proposed.migration
        words = wording.state_words(self.texts, proposed, view_state.now)
        state = Text(cut(words, widths[4]), style)
        if migration is not None and migration.finished_at is None:
            state = Text.assemble(wording.steps(migration, self.palette), " ", (cut(words, widths[4] - 5), style))
        cells = (
            Text(f"{proposed.position + 1:>2} "),
            Text(cut(move.vm_name, widths[1] - 1), "bold"),
            Text(cut(wording.route(move), widths[2] - 1)),
            Text(cut(size(self.texts, move.vcpus, move.memory_mib), widths[3] - 1), self.palette.dim),
            state,
        )
        return Row(f"m:{proposed.id}", cells)


class HistoryView(_MovesTable):
    """Every decision, newest first, with what became of it."""

    def __init__(self, texts: Texts, *, id: str = "history") -> None:
        super().__init__(texts, id=id)

    def compose(self) -> ComposeResult:
        yield self.grid
        yield self.facts

    def show(self, view_state: ViewState) -> None:
        self._view_state = view_state
        room = self.app.size.width - 1
        times = [self._time(m, view_state) for m in view_state.stored.history]
        when = max([7, *(cell_len(time) + 1 for time in times)])
        who, vm = (16, 16) if room < 100 else (24, 26)
        way = (room - when - who - vm) // 2
        texts = self.texts
        columns = [
            (texts.text("console-column-time"), when),
            (texts.text("console-column-vm"), vm),
            (texts.text("console-column-route"), way),
            (texts.text("console-column-state"), room - when - who - vm - way),
            (texts.text("console-column-who"), who),
        ]
        self._moves = {m.id: m for m in view_state.stored.history}
        self.grid.fill(columns, self._rows(view_state, [w for _, w in columns]))
        self._show_facts(view_state)

    def _time(self, proposed: ProposedMove, view_state: ViewState) -> str:
        return moment(self.texts, proposed.decided_at or view_state.now, view_state.now)

    def _rows(self, view_state: ViewState, widths: Sequence[int]) -> list[Row]:
        if not view_state.stored.history:
            parts = pieces(self.texts.text("history-none"), widths)
            return [Row("h:none", tuple(Text(part, self.palette.dim) for part in parts))]
        return [self._row(m, view_state, widths) for m in view_state.stored.history]

    def _row(self, proposed: ProposedMove, view_state: ViewState, widths: Sequence[int]) -> Row:
        move = proposed.move
        state = wording.state_words(self.texts, proposed, view_state.now)
        cells = (
            Text(self._time(proposed, view_state)),
            Text(cut(move.vm_name, widths[1] - 1), "bold"),
            Text(cut(wording.route(move), widths[2] - 1)),
            Text(cut(state, widths[3] - 1), wording.state_style(proposed, self.palette)),
            Text(cut(wording.decided_by(self.texts, proposed), widths[4])),
        )
        return Row(f"m:{proposed.id}", cells)


def _ended_at(proposed: ProposedMove, view_state: ViewState) -> datetime:
    migration = proposed.migration
    ended = migration.finished_at if migration is not None else None
    return ended or proposed.decided_at or view_state.now
