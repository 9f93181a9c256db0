"""`vm-balancer console`: the full-screen terminal. It uses the running program, or starts one."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from bot.cli.arguments import add_settings
from bot.cli.given import read_settings
from bot.cli.output import FAILED, OK, complain, say
from bot.cli.parsing import Parser, make_parser, understood
from bot.config.chats_file import check_chats_file
from bot.config.clusters_file import check_clusters_file
from bot.config.settings import Settings, secrets
from bot.config.validation import MEMORY, Check, check_chat, check_files, check_panel, check_people, check_ssh
from bot.domain.sanitize import Redactor, with_parts
from bot.errors import ConfigError, InstanceRunning
from bot.rendering.catalog import texts_for

if TYPE_CHECKING:
    from bot.console.app import Console
    from bot.console.program import Program

END_S = 10.0
"""How long the console may take to end after a signal."""
OWN_OPTIONS = ("--attach", "--standalone", "--ascii")
STREAMS = {"__stdin__": "standard input", "__stderr__": "standard error"}
"""Textual reads from the first stream and draws on the second."""


def parser() -> Parser:
    parser = make_parser("vm-balancer console", "Shows nodes, plan, decisions and history live on the whole terminal.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--attach", action="store_true", help="only attach to the program that runs; start none")
    which.add_argument("--standalone", action="store_true", help="start the program, or fail where one runs")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    checks: list[Check] = [check_panel, check_chat, check_people, check_ssh, check_clusters_file, check_chats_file]
    settings = read_settings(given, problems, lambda _: [*checks, check_files])
    missing = [words for name, words in STREAMS.items() if not _is_terminal(getattr(sys, name))]
    if missing:
        remedy = "use `vm-balancer --once --dry-run` for a report"
        raise ConfigError([f"vm-balancer console needs a terminal for {' and '.join(missing)}: {remedy}"])
    if str(settings.database_path) == MEMORY:
        raise ConfigError([f"DATABASE_PATH is {MEMORY}: the console and the program share a file, so set it to a file"])
    return asyncio.run(_running(settings, given, [word for word in arguments if word not in OWN_OPTIONS]))


def _is_terminal(stream: TextIO | None) -> bool:
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


async def _running(settings: Settings, given: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Uses the running program or starts one, and shows it until the person quits. A program started here ends then."""
    from bot.console.program import Program

    program = Program(settings, None if given.attach else arguments)
    work = asyncio.ensure_future(_show(settings, given, program))
    _end_on_signals(program, work)
    try:
        return await work
    except asyncio.CancelledError:
        return OK
    finally:
        await program.stop()


def _end_on_signals(program: Program, work: asyncio.Future[int]) -> None:
    """Ends the console even if its terminal does not accept output and Textual waits for it in the event loop."""
    loop = asyncio.get_running_loop()

    def end(_number: int, _frame: object) -> None:
        program.release()
        loop.call_soon_threadsafe(work.cancel)
        last_resort = threading.Timer(END_S, os._exit, (OK,))
        last_resort.daemon = True
        last_resort.start()

    for name in ("SIGTERM", "SIGHUP"):  # Ctrl-C is a key of the console
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), end)


async def _show(settings: Settings, given: argparse.Namespace, program: Program) -> int:
    from bot.app.program import VMBalancer
    from bot.console.app import Console
    from bot.console.backend import Backend
    from bot.console.tail import Lines
    from bot.observability.logging_setup import set_up_logging

    texts = texts_for(settings.bot_language, settings.zone)
    if not given.attach:
        await _start_unless_running(program, texts.text("console-starting"), fail=given.standalone)
    lines = Lines()
    # The log file and the chat belong to the program: if two processes rotate one file, lines are lost.
    set_up_logging(settings, to_file=False, instead=lines)
    own = settings.model_copy(update={"telegram_bot_token": None})
    async with VMBalancer(settings=own, exclusive=False) as balancer:
        backend = Backend(balancer.service, balancer.store, program)
        console = Console(backend, texts, own_log=lines, utf8=False if given.ascii else None)
        return await _run(console, settings)


async def _start_unless_running(program: Program, words: str, *, fail: bool) -> None:
    """Raises InstanceRunning if ``fail`` is set and the program runs."""
    holder = await asyncio.to_thread(program.holder)
    if holder is not None and not fail:
        return
    say(words)
    try:
        await program.start()
    except InstanceRunning:
        if fail:
            raise


async def _run(console: Console, settings: Settings) -> int:
    """The exit code. Textual's output about a defect contains variables, so secrets are removed from it."""
    printed = io.StringIO()
    with contextlib.redirect_stderr(printed):
        code = await console.run_async()
    if printed.getvalue():
        redact = Redactor(part for secret in secrets(settings) for part in with_parts(secret))
        complain("The console failed; please report this", *redact(printed.getvalue()).splitlines())
    return FAILED if code or console.return_code else OK
