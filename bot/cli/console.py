"""`vm-balancer console`: the full-screen terminal; runs the balancer itself, or attaches to the one that runs."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from bot.cli.arguments import Parser, add_settings, make_parser
from bot.cli.given import read_settings, understood
from bot.cli.output import FAILED, OK
from bot.config.chats_file import check_chats_file
from bot.config.clusters_file import check_clusters_file
from bot.config.settings import Settings
from bot.config.validation import MEMORY, Check, check_chat, check_files, check_panel, check_people, check_ssh
from bot.errors import BalancerError, ConfigError, InstanceRunning

if TYPE_CHECKING:
    from bot.app import VMBalancer
    from bot.console.app import Console
    from bot.console.desk import Desk
    from bot.console.tail import Lines

log = logging.getLogger(__name__)


def parser() -> Parser:
    made = make_parser("vm-balancer console", "Everything live on the terminal: nodes, plan, decisions, history.")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--attach", action="store_true", help="only attach; never run the balancer here")
    which.add_argument("--standalone", action="store_true", help="run the balancer here, or fail")
    made.add_argument("--ascii", action="store_true", help="draw with ASCII signs only")
    add_settings(made)
    return made


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    checks: list[Check] = [
        check_panel,
        check_chat,
        check_people,
        check_ssh,
        check_clusters_file,
        check_chats_file,
        check_files,
    ]
    settings = read_settings(given, problems, lambda _: checks)
    # Textual reads from standard input and draws on standard error.
    if not (_is_terminal(sys.__stdin__) and _is_terminal(sys.__stderr__)):
        raise ConfigError(["vm-balancer console needs a terminal: use `vm-balancer --once --dry-run` for a report"])
    if given.attach and str(settings.database_path) == MEMORY:
        raise ConfigError([f"--attach is given, but DATABASE_PATH is {MEMORY}: name the file of the running bot"])
    return asyncio.run(_running(settings, given))


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


async def _running(settings: Settings, given: argparse.Namespace) -> int:
    from bot.console.app import Console
    from bot.console.tail import Lines
    from bot.observability.gc_tuning import tune
    from bot.rendering.catalog import texts_for

    seat = _Seat(settings, Lines())
    try:
        desk = await seat.take(given)
        utf8 = False if given.ascii else None
        console = Console(desk, texts_for(settings.bot_language, settings.zone), own_log=seat.lines, utf8=utf8)
        seat.console = console
        _end_on_signals(console)
        tune()
        code = await console.run_async()
        return FAILED if code or console.return_code or seat.failed else OK
    finally:
        await seat.leave()


def _end_on_signals(console: Console) -> None:
    loop = asyncio.get_running_loop()
    for name in ("SIGTERM", "SIGHUP"):  # Ctrl-C is a key here
        with suppress(AttributeError, NotImplementedError):  # Windows has neither
            loop.add_signal_handler(getattr(signal, name), console.exit)


class _Seat:
    """The program behind the console, and its change from attached to running here."""

    def __init__(self, settings: Settings, lines: Lines) -> None:
        self._settings = settings
        self._balancer: VMBalancer | None = None
        self._attached: list[VMBalancer] = []
        self._work: asyncio.Task[None] | None = None
        self.lines = lines
        self.console: Console | None = None

    @property
    def failed(self) -> bool:
        return self._balancer is not None and self._balancer.failed

    async def take(self, given: argparse.Namespace) -> Desk:
        """Runs the balancer here unless somebody else does.

        Raises:
            InstanceRunning: ``--standalone`` is given, and somebody else does.
        """
        if not given.attach:
            try:
                return await self._run_here()
            except InstanceRunning:
                if given.standalone:
                    raise
        return await self._attach(may_take_over=not given.attach)

    async def _run_here(self) -> Desk:
        from bot.app import VMBalancer
        from bot.console.desk import Desk
        from bot.observability.logging_setup import set_up_logging

        balancer = VMBalancer(settings=self._settings, exclusive=True)
        await balancer.open()
        if self._balancer is not None:
            self._attached.append(self._balancer)  # the screen may be asking it something: closed at the end
        self._balancer = balancer
        set_up_logging(self._settings, instead=self.lines)
        self._say_notes()
        self._work = asyncio.create_task(self._working(balancer))
        return Desk(balancer.service, balancer.store, balancer.check_now, balancer.next_check)

    async def _attach(self, may_take_over: bool) -> Desk:
        from bot.app import VMBalancer
        from bot.console.desk import Desk
        from bot.observability.logging_setup import set_up_logging

        # The file belongs to the program that runs: two that rotate one file lose lines.
        set_up_logging(self._settings, to_file=False, instead=self.lines)
        # So does the chat: what is attached never speaks there.
        self._balancer = VMBalancer(
            settings=self._settings.model_copy(update={"telegram_bot_token": None}), exclusive=False
        )
        await self._balancer.open()
        take_over = self._run_here if may_take_over else None
        return Desk(self._balancer.service, self._balancer.store, take_over=take_over)

    def _say_notes(self) -> None:
        for note in self._settings.notes:
            log.warning("%s", note)

    async def _working(self, balancer: VMBalancer) -> None:
        """The balancer's own work; when it ends by a defect, half a program must not look alive."""
        try:
            await balancer.run(attended=True)
        except BalancerError as error:
            log.error("Stopping: %s", error)
            balancer.failed = True
        except Exception:
            log.exception("Stopping: a part of the program failed")
            balancer.failed = True
        if self.console is not None:
            self.console.exit(FAILED)

    async def leave(self) -> None:
        """Stops what runs here; a running migration stays recorded for the next start."""
        self.console = None
        if self._balancer is not None:
            self._balancer.stop()
            if self._work is not None:
                await self._work
            await self._balancer.close()
        for balancer in self._attached:
            await balancer.close()
