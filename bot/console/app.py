"""The console's frame: header, tabs, pages, footer, keys; and the loops that keep the screen up to date."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.filter import LineFilter
from textual.widgets import ContentSwitcher, Static

from bot.console.actions import aborts, moves, nodes, program, requests, room, settings, what_if
from bot.console.ascii import AsciiFilter, is_utf8
from bot.console.backend import Backend
from bot.console.base import ConsoleBase
from bot.console.dialogs import Help
from bot.console.header import head, tabs
from bot.console.keys import BINDINGS, KEYS, VIEWS, Items, Key, footer
from bot.console.moves import HistoryView, MovesView
from bot.console.node import NodeView
from bot.console.nodes import NodesView
from bot.console.pages import ExclusionsView, LogView, PlanView
from bot.console.settings_page import SettingsView
from bot.console.tail import Lines, Tail
from bot.console.theme import CSS, DARK, LIGHT
from bot.console.views import View
from bot.domain.proposals import IN_FLIGHT, Actor
from bot.rendering.catalog import Texts
from bot.service.local_actor import at_the_terminal

BEAT_S = 1.0
"""How often the store is asked whether anything changed, and clocks move on."""
PANEL_S = 10.0
"""Shortest pause between two looks at the panel; a slow panel gets ten times what it needs to answer."""
PATIENCE = 10.0
OLD = timedelta(seconds=5)
ACTIONS: Mapping[str, Callable[[ConsoleBase], None]] = {
    "approve": moves.approve,
    "skip": moves.skip,
    "approve_all": moves.approve_all,
    "skip_all": moves.skip_all,
    "open": nodes.open_node,
    "leave": nodes.leave,
    "exclude": nodes.exclude,
    "include": nodes.include,
    "drain": requests.drain,
    "fill": requests.fill,
    "stop": requests.stop,
    "abort": aborts.abort,
    "why": requests.why,
    "strategy": settings.strategy,
    "change": settings.change,
    "reset": settings.reset,
    "snooze": settings.snooze,
    "wake": settings.wake,
    "pause": program.pause,
    "mode": program.mode,
    "dry_run": program.dry_run,
    "pass_targets": program.pass_targets,
    "check": program.check,
    "start": program.start,
    "what_if": what_if.what_if,
    "room": room.room,
}
"""Actions of keys that change something outside of the screen."""
ANYWHERE = frozenset(("dry_run", "check", "mode", "pause", "strategy", "start", "what_if", "room"))
"""Actions whose key works on every page, also where the footer has no room for it."""
STORING = frozenset(
    (
        "exclude",
        "include",
        "stop",
        "abort",
        "strategy",
        "change",
        "reset",
        "snooze",
        "wake",
        "pause",
        "mode",
        "approve",
        "skip",
        "pass_targets",
    )
)
"""Actions that change what is stored. A dry run works on a copy of the database, where nobody would see the change."""


class Console(ConsoleBase):
    """``run_async()`` returns the exit code. The caller opens and closes what is behind ``backend``."""

    CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = BINDINGS
    ENABLE_COMMAND_PALETTE = False
    VERTICAL_BREAKPOINTS = [(0, "-low"), (14, "-high")]  # noqa: RUF012 - Textual types it as the instance's
    """A low terminal shows one line of keys, so that the page keeps some rows; ``?`` lists all keys."""
    TITLE = "VM Balancer"

    def __init__(
        self,
        backend: Backend,
        texts: Texts,
        *,
        own_log: Lines | None = None,
        actor: Actor | None = None,
        utf8: bool | None = None,
    ) -> None:
        super().__init__(backend, texts, actor or at_the_terminal())
        self._ascii = AsciiFilter(enabled=not (is_utf8() if utf8 is None else utf8))
        self._own_log = own_log
        self._tail = Tail(backend.settings.log_file)
        self._fresh = asyncio.Event()
        self._drawn = False
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name

    # What it is made of -----------------------------------------------------------------------

    def compose(self) -> ComposeResult:
        texts = self.texts
        yield Static(id="head")
        yield Items(id="tabs")
        with ContentSwitcher(initial="nodes", id="body"):
            yield NodesView(texts)
            yield NodeView(texts)
            yield PlanView(texts)
            yield MovesView(texts)
            yield HistoryView(texts)
            yield ExclusionsView(texts)
            yield LogView(texts)
            yield SettingsView(texts)
        yield Static(id="said")
        yield Items(id="keys")

    async def on_mount(self) -> None:
        await self.find_program()
        self._drawn = True
        self.view.first.focus()
        self.show()
        for loop in (self._watch_store, self._watch_panel, self._watch_log):
            self.run_worker(loop(), group="loops")

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = list(super().get_line_filters())
        return [*filters, self._ascii] if self._ascii.enabled else filters

    @property
    def view(self) -> View:
        """The page in front."""
        return self.query_one(f"#{self.front}", View)

    # Showing ----------------------------------------------------------------------------------

    def show(self) -> None:
        """Draws everything again from what is known; cheap where nothing changed."""
        if not self.is_running or not self._drawn:
            return
        state, base, palette, width = self.view_state, self.screen_stack[0], self.palette, self.size.width
        base.query_one("#head", Static).update(head(self.texts, state, self.settings, palette, width))
        base.query_one("#tabs", Items).show(tabs(self.texts, state, self.front, palette, width))
        base.query_one("#keys", Items).show(footer(self.keys, self._label, palette))
        base.query_one("#said", Static).update(self._answer())
        base.query_one(f"#{self.front}", View).show(state)

    @property
    def keys(self) -> list[Key]:
        """What the page in front offers."""
        offered = [k for k in KEYS if self.front in k.views]
        if self.backend.program.may_start and self.view_state.holder is None:
            offered.insert(0, next(k for k in KEYS if k.action == "start"))
        return offered

    def _label(self, key: Key) -> str:
        if key.action == "pause" and self.stored.paused_until is not None:
            return self.texts.text("console-key-resume")
        return self.texts.text(f"console-key-{key.action}")

    def _answer(self) -> Text:
        status = self.last_answer()
        return Text() if status is None else Text(status[0], f"bold {getattr(self.palette, status[1])}")

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    def show_page(self, name: str) -> None:
        self.front = name
        self.forget_answer()
        self.screen_stack[0].query_one("#body", ContentSwitcher).current = name
        self.show()
        self.view.first.focus()

    # Keeping the screen up to date ------------------------------------------------------------

    async def _watch_store(self) -> None:
        """What people and migrations do, here or anywhere, shows within a second."""
        while True:
            await self.guarded(self.read_store)
            await asyncio.sleep(BEAT_S)

    async def _watch_panel(self) -> None:
        while True:
            started = asyncio.get_running_loop().time()
            await self.guarded(lambda: self.look(OLD))
            took = asyncio.get_running_loop().time() - started
            self._fresh.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._fresh.wait(), max(PANEL_S, PATIENCE * took))

    async def _watch_log(self) -> None:
        while True:
            await self.guarded(self._read_log)
            await asyncio.sleep(BEAT_S)

    async def _read_log(self) -> None:
        new = await asyncio.to_thread(self._tail.read)
        new += self._own_log.taken() if self._own_log is not None else []
        if new:
            self.page(LogView).add(new)

    # Keys -------------------------------------------------------------------------------------

    def action_act(self, name: str) -> None:
        """What a key or a click does, where the page in front offers it or it works anywhere."""
        if name in ANYWHERE or name in {key.action for key in self.keys}:
            self.forget_answer()
            if self.settings.dry_run and name in STORING:
                self.say_key("popup-dry-run", "warn")
            elif self.settings.dry_run and name == "check":
                program.dry_run(self)
            else:
                ACTIONS[name](self)

    def action_view(self, name: str) -> None:
        if name in VIEWS:
            self.show_page(name)

    def on_data_table_row_selected(self) -> None:
        self.action_act("change" if self.front == "settings" else "open")

    def action_refresh(self) -> None:
        self._fresh.set()

    def action_warnings(self) -> None:
        if self.front == "log":
            page = self.page(LogView)
            page.filter_warnings(not page.only_warnings)
            self.say_key("console-warnings-only" if page.only_warnings else "console-warnings-all")

    def action_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
        self.page(LogView).redraw()
        self.show()

    def action_help(self) -> None:
        accent = f"bold {self.palette.accent}"
        numbers = ((str(n), self.texts.text(f"console-tab-{name}")) for n, name in enumerate(VIEWS, start=1))
        rows = [*numbers, *((k.shown, self.texts.text(f"console-help-{k.action}")) for k in KEYS)]
        lines = [Text.assemble((f"{shown:>6}  ", accent), words) for shown, words in rows]
        legend = Text(self.texts.text("console-legend"), self.palette.dim)
        self.push_screen(Help(self.texts.text("console-key-help"), [*lines, Text(), legend]))

    async def action_quit(self) -> None:
        """Ends the console; asks first where a migration runs that the program started here follows."""
        running = [g for g in self.stored.running if g.state in IN_FLIGHT]
        if not self.backend.program.is_ours or not running or len(self.screen_stack) > 1:
            self.exit(0)
            return
        question = self.texts.text("console-quit-ask", count=len(running))
        self.confirm(question, self.texts.text("console-key-quit"), lambda: self.exit(0))

    def action_help_quit(self) -> None:
        """Textual's answer to Ctrl-C; ours is to end."""
        self.call_later(self.action_quit)
