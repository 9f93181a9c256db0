"""The plan as it would be now, the nodes that are taken out, and the live log."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import RichLog, Static

from bot.console import wording
from bot.console.backend import ViewState
from bot.console.drawing import cut, paragraphs
from bot.console.grid import Grid, Row
from bot.console.tail import LINES_KEPT
from bot.console.views import View
from bot.domain.exclusions import ExclusionRole
from bot.domain.lookup import matching
from bot.domain.sanitize import one_line
from bot.rendering.campaigns import campaign_lines, title_words
from bot.rendering.capacity import capacity_lines
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration, role, until

LOUD = ("WARNING", "ERROR", "CRITICAL")


class PlanView(View):
    """Open campaigns; what would be moved now, why, and why not more; when each cluster is full. No key acts here."""

    def __init__(self, texts: Texts, *, id: str = "plan") -> None:
        super().__init__(texts, id=id)
        self._text = Static(id="plan-text")
        self._scroll = VerticalScroll(self._text, id="plan-scroll")
        self._shown: list[tuple[int, Text]] = []

    def compose(self) -> ComposeResult:
        yield self._scroll

    @property
    def first(self) -> VerticalScroll:
        return self._scroll

    def show(self, view_state: ViewState) -> None:
        world, texts = view_state.world, self.texts
        lines: list[tuple[int, Text]] = []
        if world.snapshot is not None:
            age = duration(texts, view_state.now - world.snapshot.taken_at)
            lines.append((0, Text(texts.text("console-plan-note", duration=age), self.palette.dim)))
        for campaign, arrived in view_state.stored.campaigns:
            title = title_words(texts, campaign, view_state.now)
            lines += [(0, Text()), (0, Text(one_line(title), "bold"))]
            words = campaign_lines(texts, campaign, arrived, view_state.now)
            lines += [(2, Text(one_line(line))) for line in words]
        for plan in world.plans:
            lines += [(0, Text()), *wording.plan_lines(texts, plan, self.palette)]
        for report in world.capacity:
            title = texts.text("console-capacity", cluster=report.cluster_name)
            lines += [(0, Text()), (0, Text(title, "bold"))]
            lines += [(2, Text(line)) for line in capacity_lines(texts, report, view_state.now)]
        if world.snapshot is not None and not world.plans:
            lines.append((0, Text(texts.text("no-clusters"))))
        if lines != self._shown:
            self._shown = lines
            self._text.update(paragraphs(lines))


class ExclusionsView(View):
    """Who took which node out, as what, until when; those of the settings cannot be ended here."""

    def __init__(self, texts: Texts, *, id: str = "exclusions") -> None:
        super().__init__(texts, id=id)
        self.grid = Grid(id="exclusions-grid")

    def compose(self) -> ComposeResult:
        yield self.grid

    @property
    def first(self) -> Grid:
        return self.grid

    @property
    def node_id(self) -> int | None:
        kind, _, number = (self.grid.chosen or "").partition(":")
        return int(number.partition(":")[0]) if kind == "x" else None

    def show(self, view_state: ViewState) -> None:
        texts, room = self.texts, self.app.size.width - 1
        name, as_what, how_long = 26 if room < 100 else 36, 19, 24
        columns = [
            (texts.text("console-column-node"), name),
            (texts.text("console-column-role"), as_what),
            (texts.text("console-column-until"), how_long),
            (texts.text("console-column-who"), max(8, room - name - as_what - how_long)),
        ]
        rows = [
            self._row(
                f"x:{e.node_id}:{e.role.value}",
                (e.node_name, role(texts, e.role), until(texts, e.until, view_state.now), e.by.name),
                [w for _, w in columns],
            )
            for e in view_state.stored.exclusions
        ]
        rows += self._by_settings(view_state, [w for _, w in columns])
        if not rows:
            none = cut(texts.text("exclusions-none"), name)
            rows = [Row("h:none", (Text(none, self.palette.dim), Text(), Text(), Text()))]
        self.grid.fill(columns, rows)

    def _by_settings(self, view_state: ViewState, widths: Sequence[int]) -> list[Row]:
        texts, settings = self.texts, self.app.settings  # type: ignore[attr-defined]
        nodes = view_state.world.snapshot.nodes if view_state.world.snapshot else ()
        result = []
        for names, which in (
            (settings.exclude_source_nodes, ExclusionRole.SOURCE),
            (settings.exclude_target_nodes, ExclusionRole.TARGET),
        ):
            for name in names:
                known = ", ".join(n.name for n in matching(nodes, name)) or name
                cells = (known, role(texts, which), texts.text("console-for-ever"), texts.text("console-by-settings"))
                result.append(self._row(f"s:{which.value}:{name}", cells, widths))
        return result

    @staticmethod
    def _row(key: str, cells: Sequence[str], widths: Sequence[int]) -> Row:
        return Row(key, tuple(Text(cut(words, width - 1)) for words, width in zip(cells, widths, strict=True)))


class LogView(View):
    """The last lines of the log, following its end unless somebody scrolled up."""

    def __init__(self, texts: Texts, *, id: str = "log") -> None:
        super().__init__(texts, id=id)
        self._log = RichLog(id="log-lines", max_lines=LINES_KEPT, min_width=20, wrap=True, markup=False)
        self._lines: list[str] = []
        self.only_warnings = False

    def compose(self) -> ComposeResult:
        yield self._log

    @property
    def first(self) -> RichLog:
        return self._log

    def show(self, view_state: ViewState) -> None:
        """Lines come by ``add``."""

    def add(self, new: Sequence[str]) -> None:
        self._lines = [*self._lines, *new][-LINES_KEPT:]
        for line in new:
            self._write(line)

    def on_resize(self) -> None:
        self.call_after_refresh(self.redraw)

    def filter_warnings(self, only: bool) -> None:
        self.only_warnings = only
        self.redraw()

    def redraw(self) -> None:
        """Writes all lines again: for another width, another theme or another filter."""
        self._log.clear()
        for line in self._lines:
            self._write(line)

    def _write(self, line: str) -> None:
        level = next((word for word in (*LOUD, "INFO", "DEBUG") if f"[{word}]" in line or f'"{word}"' in line), "")
        if self.only_warnings and level not in LOUD:
            return
        styles = {"WARNING": self.palette.warn, "ERROR": self.palette.bad, "CRITICAL": self.palette.bad}
        indent = line[: len(line) - len(line.lstrip(" "))]
        # Somebody who reads further up must not be torn away from it.
        at_end = self._log.max_scroll_y - self._log.scroll_y <= 1
        self._log.write(Text(indent + one_line(line), styles.get(level, "")), scroll_end=at_end, expand=True)
