"""The console's frame: header, tabs, pages, footer; and the loops that keep them true.

Nothing here waits in a key's handler: what takes time is a task of its own, and its end is said in the line above
the footer. Decisions go through the service, exactly as in the chat.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.driver import Driver
from textual.filter import LineFilter
from textual.widgets import ContentSwitcher, Static

from bot.config.settings import Settings
from bot.console.actions import Actions
from bot.console.ascii import AsciiFilter, is_utf8
from bot.console.desk import Desk, Seen, Stored, Trends, World, plan_again, read_panel, read_store
from bot.console.dialogs import Confirm, Help
from bot.console.drawing import Palette
from bot.console.header import head, tabs
from bot.console.keys import BINDINGS, KEYS, VIEWS, Items, Key, footer
from bot.console.moves import HistoryView, MovesView
from bot.console.nodes import NodesView, NodeView
from bot.console.pages import ExclusionsView, LogView, PlanView
from bot.console.tail import Lines, Tail
from bot.console.theme import CSS, DARK, LIGHT, PALETTES
from bot.console.views import View
from bot.domain.proposals import IN_FLIGHT, Actor
from bot.errors import BalancerError, InstanceRunning, NotFound
from bot.rendering.catalog import Texts
from bot.service.local_actor import at_the_terminal
from bot.store.changes import Version

log = logging.getLogger(__name__)

BEAT_S = 1.0
"""How often the store is asked whether anything changed, and clocks move on."""
PANEL_S = 10.0
"""Shortest pause between two looks at the panel; a slow panel gets ten times what it needs to answer."""
PATIENCE = 10.0
OLD = timedelta(seconds=5)
SAID_FOR = timedelta(seconds=20)


class Console(App[int]):
    """``run_async()`` returns the exit code. The program behind ``desk`` is opened and closed by the caller."""

    CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = BINDINGS
    ENABLE_COMMAND_PALETTE = False
    TITLE = "VM Balancer"

    def __init__(
        self,
        desk: Desk,
        texts: Texts,
        *,
        own_log: Lines | None = None,
        actor: Actor | None = None,
        utf8: bool | None = None,
    ) -> None:
        super().__init__()
        self.desk, self.texts = desk, texts
        self.actor = actor or at_the_terminal()
        self._ascii = AsciiFilter(enabled=not (is_utf8() if utf8 is None else utf8))
        self._own_log = own_log
        self._tail = Tail(desk.settings.log_file) if desk.attached else None
        self._world, self._stored, self._trends = World(), Stored(), Trends()
        self._holder: str | None = None
        self._version: Version | None = None
        self._said: tuple[str, str, float] | None = None
        self._fresh = asyncio.Event()
        self._front = "nodes"
        self._drawn = False
        self.acting = Actions(self)
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
        yield Static(id="said")
        yield Items(id="keys")

    async def on_mount(self) -> None:
        # Textual makes tasks begin at once where Python can; the balancer in this loop was not built for that.
        asyncio.get_running_loop().set_task_factory(None)
        self._drawn = True
        self.view.first.focus()
        self.show()
        self.run_worker(self._watch_store(), group="loops")
        self.run_worker(self._watch_panel(), group="loops")
        self.run_worker(self._watch_log(), group="loops")

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = list(super().get_line_filters())
        return [*filters, self._ascii] if self._ascii.enabled else filters

    @property
    def palette(self) -> Palette:
        return PALETTES.get(self.theme, PALETTES[DARK.name])

    @property
    def settings(self) -> Settings:
        return self.desk.settings

    @property
    def view(self) -> View:
        """The page in front."""
        return self.query_one(f"#{self._front}", View)

    @property
    def front(self) -> str:
        return self._front

    @property
    def seen(self) -> Seen:
        return Seen(
            now=self.desk.service.clock(),
            world=self._world,
            stored=self._stored,
            trends=self._trends,
            holder=self._holder,
            next_check=self.desk.next_check(),
        )

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        if os.name != "posix":
            return found
        from textual.drivers.linux_driver import LinuxDriver

        from bot.console.driver import PatientDriver

        return PatientDriver if found is LinuxDriver else found

    # Showing ----------------------------------------------------------------------------------

    def show(self) -> None:
        """Draws everything anew from what is known; cheap where nothing changed."""
        if not self.is_running or not self._drawn:
            return
        seen, base = self.seen, self.screen_stack[0]
        base.query_one("#head", Static).update(head(self.texts, seen, self.desk, self.palette, self.size.width))
        base.query_one("#tabs", Items).show(tabs(self.texts, seen, self._front, self.palette, self.size.width))
        base.query_one("#keys", Items).show(footer(self.keys, self._label, self.palette))
        base.query_one("#said", Static).update(self._saying())
        base.query_one(f"#{self._front}", View).show(seen)

    @property
    def keys(self) -> list[Key]:
        """What the page in front offers."""
        found = [k for k in KEYS if self._front in k.views]
        if self.desk.attached and self._holder is None and self.desk.take_over is not None:
            found.insert(0, next(k for k in KEYS if k.action == "take_over"))
        return found

    def _label(self, key: Key) -> str:
        if key.action == "pause" and self._stored.paused_until is not None:
            return self.texts.text("console-key-resume")
        return self.texts.text(f"console-key-{key.action}")

    def say(self, text: str, kind: str = "good") -> None:
        """A line above the footer, for a while. ``kind``: good, warn or bad."""
        self._said = (text, kind, asyncio.get_running_loop().time())
        self.show()

    def _saying(self) -> Text:
        if self._said is None:
            return Text()
        text, kind, since = self._said
        if asyncio.get_running_loop().time() - since > SAID_FOR.total_seconds():
            self._said = None
            return Text()
        return Text(text, f"bold {getattr(self.palette, kind)}")

    def on_resize(self) -> None:
        self.call_after_refresh(self.show)

    def bring(self, name: str) -> None:
        """Brings a page to the front."""
        self._front = name
        self.screen_stack[0].query_one("#body", ContentSwitcher).current = name
        self.show()
        self.view.first.focus()

    # Keeping it true --------------------------------------------------------------------------

    async def _watch_store(self) -> None:
        """What people and migrations do, here or anywhere, is seen within a second."""
        while True:
            await self._guarded(self.read_store)
            await asyncio.sleep(BEAT_S)

    async def read_store(self) -> None:
        if self.desk.attached:
            self._holder = await asyncio.to_thread(self.desk.holder)
        version = await self.desk.store.changes.version()
        if version != self._version:
            stored = await read_store(self.desk)
            if stored != self._stored:
                self._stored = stored
                await self._plan_again()
            self._version = version
        until = self._stored.paused_until
        if isinstance(until, datetime) and until <= self.desk.service.clock():
            self._stored = replace(self._stored, paused_until=None)  # ended by the clock, not by the store
        self.show()

    async def _plan_again(self) -> None:
        with suppress(BalancerError):  # the next look at the panel plans as well, and says what is wrong
            self._world = await plan_again(self.desk, self._world)

    async def _watch_panel(self) -> None:
        while True:
            started = asyncio.get_running_loop().time()
            await self._guarded(lambda: self.look(OLD))
            took = asyncio.get_running_loop().time() - started
            self._fresh.clear()
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._fresh.wait(), max(PANEL_S, PATIENCE * took))

    async def look(self, max_age: timedelta) -> None:
        """Reads the panel; an outage leaves what was seen before, with the problem."""
        self._world = await read_panel(self.desk, self._world, max_age)
        self._trends.add(self._world)
        self.show()

    async def _watch_log(self) -> None:
        while True:
            await self._guarded(self._read_log)
            await asyncio.sleep(BEAT_S)

    async def _read_log(self) -> None:
        new = [] if self._tail is None else await asyncio.to_thread(self._tail.read)
        new += self._own_log.taken() if self._own_log is not None else []
        if new:
            self.screen_stack[0].query_one("#log", LogView).add(new)

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """What goes wrong is said, never thrown: a defect in one thing must not take the screen down, and the
        balancer behind it."""
        try:
            await work()
        except NotFound as error:
            self.say(self.acting.not_found(error), "bad")
        except BalancerError as error:
            self.say(str(error), "bad")
        except Exception as error:
            log.exception("The console failed at something")
            self.say(self.texts.text("problem", problem=type(error).__name__), "bad")

    # Keys -------------------------------------------------------------------------------------

    def do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does something beside the screen, and shows what it changed."""

        async def done() -> None:
            await self._guarded(work)
            await self._guarded(self.read_store)

        self.run_worker(done(), group="actions")

    def action_view(self, name: str) -> None:
        if name in VIEWS:
            self.bring(name)

    def action_open(self) -> None:
        nodes = self.query_one("#nodes", NodesView)
        if self._front == "nodes" and nodes.node_id is not None:
            self.query_one("#node", NodeView).node_id = nodes.node_id
            self.bring("node")

    def on_data_table_row_selected(self) -> None:
        self.action_open()

    def action_leave(self) -> None:
        if self._front == "node":
            self.bring("nodes")

    def action_approve(self) -> None:
        self.acting.decide_one(approve=True)

    def action_skip(self) -> None:
        self.acting.decide_one(approve=False)

    def action_approve_all(self) -> None:
        self.acting.decide_all(approve=True)

    def action_skip_all(self) -> None:
        self.acting.decide_all(approve=False)

    def action_exclude(self) -> None:
        self.acting.exclude()

    def action_include(self) -> None:
        self.acting.include()

    def action_pause(self) -> None:
        self.acting.pause()

    def action_mode(self) -> None:
        self.acting.mode()

    def action_check(self) -> None:
        self.acting.check()

    def action_dry_run(self) -> None:
        self.acting.dry_run()

    def action_refresh(self) -> None:
        self._fresh.set()

    def action_warnings(self) -> None:
        if self._front == "log":
            page = self.query_one("#log", LogView)
            page.filter_warnings(not page.only_warnings)
            self.say(self.texts.text("console-warnings-only" if page.only_warnings else "console-warnings-all"))

    def action_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name
        self.query_one("#log", LogView).redraw()
        self.show()

    def action_help(self) -> None:
        accent = f"bold {self.palette.accent}"
        numbers = ((str(n), self.texts.text(f"console-tab-{name}")) for n, name in enumerate(VIEWS, start=1))
        rows = [*numbers, *((k.shown, self.texts.text(f"console-help-{k.action}")) for k in KEYS)]
        found = [Text.assemble((f"{shown:>6}  ", accent), said) for shown, said in rows]
        legend = Text(self.texts.text("console-legend"), self.palette.dim)
        self.push_screen(Help(self.texts.text("console-key-help"), [*found, Text(), legend]))

    def action_take_over(self) -> None:
        take_over = self.desk.take_over
        if not self.desk.attached or self._holder is not None or take_over is None:
            return

        async def work() -> None:
            try:
                self.desk = await take_over()
            except InstanceRunning:
                self.say(self.texts.text("console-take-over-late"), "warn")
                return
            self._tail, self._version = None, None
            self.say(self.texts.text("console-taken-over"))
            self._fresh.set()

        def answered(yes: bool | None) -> None:
            if yes:
                self.do(work)

        self.push_screen(
            Confirm(self.texts, self.texts.text("console-take-over-ask"), self.texts.text("console-key-take_over")),
            answered,
        )

    async def action_quit(self) -> None:
        """Ends the console; asks first where a migration runs that this program follows."""
        running = [g for g in self._stored.running if g.state in IN_FLIGHT]
        if self.desk.attached or not running or len(self.screen_stack) > 1:
            self.exit(0)
            return
        question = self.texts.text("console-quit-ask", count=len(running))
        self.push_screen(
            Confirm(self.texts, question, self.texts.text("console-key-quit")),
            lambda yes: self.exit(0) if yes else None,
        )

    def action_help_quit(self) -> None:
        """Textual's answer to Ctrl-C; ours is to end."""
        self.call_later(self.action_quit)

    def _fatal_error(self) -> None:
        """A defect: its trace goes to the log, which knows the secrets, not to the terminal with all variables."""
        log.critical("The console failed; please report this", exc_info=self._exception)
        self._close_messages_no_wait()
