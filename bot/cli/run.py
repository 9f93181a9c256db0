"""`vm-balancer run`, the default: runs the program until it is stopped, or one cycle with --once."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.cli.arguments import add_settings
from bot.cli.commands import COMMANDS
from bot.cli.given import leaving_no_trace, log_to, read_settings, reload_on_signal, stop_on_signals
from bot.cli.output import FAILED, OK, say
from bot.cli.parsing import Parser, make_parser, understood
from bot.config.chats_file import check_chats_file
from bot.config.clusters_file import check_clusters_file
from bot.config.settings import Settings
from bot.config.validation import (
    Check,
    Problem,
    as_given,
    check_chat,
    check_files,
    check_panel,
    check_people,
    check_ssh,
)
from bot.domain.version import VERSION
from bot.observability.gc_tuning import tune

if TYPE_CHECKING:
    from bot.app.program import VMBalancer
    from bot.rendering.rich_tables import RichReport

PRINTED = ("bot.service.notifier",)
"""With --once, plan and outcome are printed, so the notifier that logs them does not write to the terminal."""
REPORTED = ("bot.service.plan_log",)
"""The report of a dry run is its result; at level DEBUG the log has the analysis too."""


def parser() -> Parser:
    parser = make_parser(
        "vm-balancer", "Balances VMmanager 6 clusters, and asks before it moves a VM.\n\n" + _commands()
    )
    parser.usage = "vm-balancer [COMMAND] [OPTIONS]"
    parser.epilog = (
        "`vm-balancer COMMAND --help` describes a command; `vm-balancer --help-settings` lists the settings."
    )
    parser.add_argument("--once", action="store_true", help="make one check and carry it through to its end")
    parser.add_argument("--yes", action="store_true", help="with --once: approve every move")
    parser.add_argument(
        "--attended", action="store_true", help="end with standard input, and log to the file only (for the console)"
    )
    parser.add_argument("--version", action="version", version=f"vm-balancer {VERSION}")
    add_settings(parser)
    return parser


def _commands() -> str:
    width = max(map(len, COMMANDS))
    return "\n".join(["commands:", *(f"  {name:{width}}  {text}" for name, text in COMMANDS.items())])


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    if given.yes and not given.once:
        problems.append("--yes is given without --once: it approves one cycle; for every cycle set BALANCE_MODE=auto")
    settings = read_settings(given, problems, lambda settings: _checks(settings, given))
    looking = given.once and settings.dry_run
    hushed = (*PRINTED, *REPORTED) if looking else PRINTED if given.once else ()
    log_to(settings, to_file=not looking, hushed=hushed, to_terminal=not given.attended)
    return asyncio.run(_running(leaving_no_trace(settings) if looking else settings, given, looking))


def _checks(settings: Settings, given: argparse.Namespace) -> list[Check]:
    checks: list[Check] = [check_panel, check_chat, check_people, check_ssh, check_clusters_file, check_chats_file]
    if given.yes:
        checks.append(_check_yes)
    if not (given.once and settings.dry_run):
        checks.append(check_files)
    return checks


def _check_yes(settings: Settings) -> list[Problem]:
    problems = []
    if settings.dry_run:
        text = (
            f"--yes is given, but {as_given(settings, 'dry_run')}: add --no-dry-run to act, or leave out --yes to look"
        )
        problems.append(Problem(("dry_run",), text))
    if settings.two_person_rule:
        text = (
            f"--yes is given, but {as_given(settings, 'two_person_rule')}: one person cannot approve; leave out --yes"
        )
        problems.append(Problem(("two_person_rule",), text))
    return problems


async def _running(settings: Settings, given: argparse.Namespace, looking: bool) -> int:
    from bot.app.program import VMBalancer
    from bot.cli.once import Terminal, run_once
    from bot.cli.prompt import Prompt

    def read_again() -> Settings:
        return read_settings(given, [], lambda settings: _checks(settings, given))

    balancer = VMBalancer(settings=settings, exclusive=not looking, read_settings=read_again)
    stop_on_signals(balancer)
    reload_on_signal(balancer)
    async with balancer:
        if given.once:
            typing = sys.stdin is not None and sys.stdin.isatty()
            ask = Prompt(sys.stdin, lambda question: say(question, end="")).ask if typing else None
            return await run_once(balancer, Terminal(say, ask, given.yes, _tables()))
        tune()
        if given.attended:
            _stop_at_end_of_input(balancer)
        await balancer.run(attended=given.attended)
        return FAILED if balancer.failed else OK


def _stop_at_end_of_input(balancer: VMBalancer) -> None:
    """Stops the program when its standard input closes: the process that started it holds the other end."""
    loop = asyncio.get_running_loop()

    def wait() -> None:
        with suppress(OSError):
            while os.read(0, 4096):
                pass
        with suppress(RuntimeError):  # the program has ended by itself
            loop.call_soon_threadsafe(balancer.stop)

    threading.Thread(target=wait, name="end-of-input", daemon=True).start()


def _tables() -> RichReport | None:
    """Tables for a terminal; ``None`` if the output is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    from bot.rendering.rich_tables import rich_report

    return rich_report(sys.stdout)
