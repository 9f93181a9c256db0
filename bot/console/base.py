"""What pages and actions of the console work with: what is known, the line above the footer, work beside the screen.

The handler of a key never waits: work that takes time runs in its own task, and its result appears in the line above
the footer. Decisions go through the service, as in the chat.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from textual.app import App
from textual.widget import Widget

from bot.config.settings import Settings
from bot.console.backend import Backend, Stored, Trends, ViewState, World, plan_again, read_panel, read_store
from bot.console.dialogs import Confirm
from bot.console.drawing import Palette
from bot.console.theme import DARK, PALETTES
from bot.domain.clock import follow
from bot.domain.proposals import Actor
from bot.errors import BalancerError, DryRunError, NotFound
from bot.rendering.catalog import Texts
from bot.store.changes import Version
from bot.store.instance_lock import Holder

log = logging.getLogger(__name__)

ANSWER_SHOWN_S = 12.0
"""How long an answer stays; it also goes with the next page."""
Page = TypeVar("Page", bound=Widget)


class ConsoleBase(App[int]):
    """State and tasks of the console. The pages and keys are the Console's."""

    def __init__(self, backend: Backend, texts: Texts, actor: Actor) -> None:
        super().__init__()
        self.backend, self.texts, self.actor = backend, texts, actor
        self.front = "nodes"
        """The page in front."""
        self.world, self.stored, self.trends = World(), Stored(), Trends()
        self._holder: Holder | None = None
        self._version: Version | None = None
        self._shown: tuple[str, str, float] | None = None

    @property
    def settings(self) -> Settings:
        return self.backend.settings

    @property
    def palette(self) -> Palette:
        return PALETTES.get(self.theme, PALETTES[DARK.name])

    @property
    def view_state(self) -> ViewState:
        return ViewState(
            now=self.backend.service.clock(),
            world=self.world,
            stored=self.stored,
            trends=self.trends,
            holder=self._holder,
            started_here=self.backend.program.is_ours,
        )

    def page(self, kind: type[Page]) -> Page:
        """The page of this class, also while a dialog is in front of it."""
        return self.screen_stack[0].query_one(kind)

    def show(self) -> None:
        """Draws what is known."""
        raise NotImplementedError

    def show_page(self, name: str) -> None:
        """Brings a page to the front."""
        raise NotImplementedError

    # The line above the footer ----------------------------------------------------------------

    def say(self, text: str, kind: str = "good") -> None:
        """Shows an answer for a while. ``kind``: good, warn, bad or accent."""
        self._shown = (text, kind, asyncio.get_running_loop().time())
        self.show()

    def say_key(self, key: str, kind: str = "good") -> None:
        self.say(self.texts.text(key), kind)

    def forget_answer(self) -> None:
        self._shown = None

    def last_answer(self) -> tuple[str, str] | None:
        """The last answer and its kind, while it is new."""
        if self._shown is not None and asyncio.get_running_loop().time() - self._shown[2] > ANSWER_SHOWN_S:
            self._shown = None
        return None if self._shown is None else self._shown[:2]

    def confirm(self, question: str, yes: str, act: Callable[[], None]) -> None:
        """Asks, and acts on yes."""
        self.push_screen(Confirm(self.texts, question, yes), lambda answer: act() if answer else None)

    # Work beside the screen -------------------------------------------------------------------

    def do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Does something beside the screen, and shows what it changed."""

        async def done() -> None:
            await self.guarded(work)
            await self.guarded(self.read_store)

        self.run_worker(done(), group="actions")

    async def guarded(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Shows what goes wrong: a defect in one thing must not end the console."""
        try:
            await work()
        except DryRunError:
            self.say_key("popup-dry-run", "warn")
        except NotFound as error:
            self.say(self.not_found(error), "bad")
        except BalancerError as error:
            self.say(str(error), "bad")
        except Exception as error:
            log.exception("The console failed at something")
            self.say(self.texts.text("problem", problem=type(error).__name__), "bad")

    def not_found(self, error: NotFound) -> str:
        text = self.texts.text("console-no-such-node", name=error.name)
        return f"{text} {self.texts.text('console-near', names=', '.join(error.near))}" if error.near else text

    # What is known ----------------------------------------------------------------------------

    async def find_program(self) -> None:
        """Sees who carries out what is decided."""
        self._holder = await asyncio.to_thread(self.backend.program.holder)

    async def read_store(self) -> None:
        """Reads what people and migrations have changed."""
        follow(self.backend.service.clock)
        await self.find_program()
        version = await self.backend.store.changes.version()
        if version != self._version:
            stored = await read_store(self.backend)
            if stored != self.stored:
                self.stored = stored
                with suppress(BalancerError):  # the next look at the panel plans as well, and says what is wrong
                    self.world = await plan_again(self.backend, self.world)
            self._version = version
        until = self.stored.paused_until
        if isinstance(until, datetime) and until <= self.backend.service.clock():
            self.stored = replace(self.stored, paused_until=None)  # ended by the clock, not by the store
        self.show()

    async def look(self, max_age: timedelta) -> None:
        """Reads the panel; an outage leaves what was seen before, with the problem."""
        self.world = await read_panel(self.backend, self.world, max_age)
        self.trends.add(self.world)
        self.show()

    async def nobody_runs(self) -> bool:
        """Whether no program carries out what is decided."""
        return await asyncio.to_thread(self.backend.program.holder) is None
