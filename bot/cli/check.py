"""`vm-balancer check`: tests a configuration, and prints one line for each check, with a remedy. Changes nothing."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.arguments import add_settings
from bot.cli.given import log_to, read_leniently, read_settings, stop_on_signals
from bot.cli.output import FAILED, OK, print_all, say
from bot.cli.parsing import Parser, make_parser, understood, whole_number
from bot.cli.prompt import ask
from bot.config.chats_file import check_chats_file
from bot.config.clusters_file import check_clusters_file
from bot.config.loading import LoadedSettings
from bot.config.settings import Settings, secrets
from bot.config.validation import Check, check_chat, check_panel, check_people, check_ssh
from bot.config.validation import check_files as check_db_files
from bot.domain.sanitize import Redactor, one_line, with_parts
from bot.errors import ConfigError
from bot.rendering.catalog import Texts, texts_for

if TYPE_CHECKING:
    from bot.cli.checks.sheet import Line
    from bot.cli.record import Migrate
    from bot.cli.record_migration import RecordedMigration

LISTEN_S = 60
SKIPPED_SHOWN = 3
"""How many titles the line of skipped checks shows."""
MARKS = {"ok": "ok  ", "warn": "warn", "fail": "FAIL", "skip": "--  "}
SIGNS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red"), "skip": ("–", "dim")}


def parser() -> Parser:
    parser = make_parser(
        "vm-balancer check",
        "Tests the settings against VMmanager, the nodes and Telegram. Nothing is written, moved or sent, "
        "unless you ask for a recording.",
    )
    parser.add_argument("--send-test", action="store_true", help="post a test message to the chat, silently")
    parser.add_argument(
        "--record", metavar="FILE", help="write what VMmanager answers to a new file, without names; test nothing else"
    )
    parser.add_argument(
        "--record-migration",
        nargs=2,
        metavar=("VM", "NODE"),
        help="with --record: after a question, migrate this test VM to this node, and record that too",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.add_argument(
        "--listen",
        metavar="SECONDS",
        default=str(LISTEN_S),
        help=f"without TELEGRAM_CHAT_ID: how long to listen for who writes to the bot (default: {LISTEN_S}; 0 = not)",
    )
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    listen_s = whole_number("--listen", given.listen, problems, highest=600)
    if given.record_migration is not None:
        problems += _unfit_for_a_migration(given)
    if problems:  # the arguments are wrong, not the settings
        raise ConfigError(problems)
    if given.record is not None:
        return _record(given)
    from bot.cli.checks.run import run_checks

    loaded = read_leniently(given, [], _checks)
    texts = texts_for(loaded.settings.bot_language)
    show = _hidden(loaded) if given.json else _shower(loaded)
    lines = asyncio.run(_test(run_checks(loaded, texts, send_test=given.send_test, listen_s=listen_s), show))
    failed = sum(line.status == "fail" for line in lines)
    if given.json:
        print_all(_as_json(loaded, lines, failed == 0))
    else:
        say(_summary(texts, lines, failed))
    return FAILED if failed else OK


def _record(given: argparse.Namespace) -> int:
    """Only reads, unless a migration is requested. Prints the content of the file before a person shares it."""
    from bot.cli.record import record

    checks = (check_panel,) if given.record_migration is None else (check_panel, check_clusters_file, check_db_files)
    settings = read_settings(given, [], lambda _: checks)
    texts, file = texts_for(settings.bot_language), Path(given.record)
    migrate = None if given.record_migration is None else _migrating(given, settings)
    document = asyncio.run(record(settings, file, migrate))
    for entry in document["requests"]:
        rows = "" if entry["rows"] is None else f", {entry['rows']} of {entry['size']} rows"
        say(f"{entry['status']} {entry['method']} {entry['path']}: {entry['bytes']} bytes, {entry['seconds']} s{rows}")
    say(texts.text("check-recorded", file=str(file), requests=len(document["requests"])))
    return OK


def _unfit_for_a_migration(given: argparse.Namespace) -> list[str]:
    problems = []
    if given.record is None:
        problems.append("--record-migration needs a file: add --record FILE")
    if not sys.stdin.isatty():
        problems.append("--record-migration asks before it moves a VM, and nobody can answer here: use a terminal")
    return problems


def _migrating(given: argparse.Namespace, settings: Settings) -> Migrate:
    """Migrates a test VM, with the database locked like in every program that moves VMs."""
    from bot.app.program import VMBalancer
    from bot.cli.record_migration import record_migration

    vm, node = given.record_migration
    log_to(settings, to_file=True)
    update = {"telegram_notifications": False, "dry_run": False, "balance_mode": "approve"}

    async def migrate() -> RecordedMigration | None:
        async with VMBalancer(settings=settings.model_copy(update=update), exclusive=True) as balancer:
            stop_on_signals(balancer)
            return await record_migration(balancer, vm, node, ask)

    return migrate


def _checks(_settings: Settings) -> Sequence[Check]:
    """The checks of the settings, without database and log file, which have lines of their own."""
    return (check_panel, check_chat, check_people, check_ssh, check_clusters_file, check_chats_file)


async def _test(checks: AsyncIterator[Line], show: Callable[[Line], None]) -> list[Line]:
    lines: list[Line] = []
    held: list[Line] = []
    async for line in checks:
        lines.append(line)
        if held and (line.status is not held[0].status or line.text != held[0].text):
            show(_merge(held))
            held.clear()
        if line.status.value == "skip":  # checks that were skipped because of one fault share one line
            held.append(line)
        else:
            show(line)
    if held:
        show(_merge(held))
    return lines


def _merge(lines: Sequence[Line]) -> Line:
    """One line for checks that were skipped for the same reason."""
    titles = [line.title for line in lines]
    more = f" +{len(titles) - SKIPPED_SHOWN}" if len(titles) > SKIPPED_SHOWN else ""
    return replace(lines[0], title=", ".join(titles[:SKIPPED_SHOWN]) + more)


def _redactor(loaded: LoadedSettings) -> Redactor:
    return Redactor(part for secret in secrets(loaded.settings) for part in with_parts(secret))


def _hidden(_found: LoadedSettings) -> Callable[[Line], None]:
    return lambda line: None


def _shower(loaded: LoadedSettings) -> Callable[[Line], None]:
    """Signs and colours at a terminal, words elsewhere."""
    redact = _redactor(loaded)
    if not sys.stdout.isatty():
        return lambda line: say(f"{MARKS[line.status.value]} {one_line(redact(f'{line.title}: {line.text}'))}")
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)

    def show(line: Line) -> None:
        sign, style = SIGNS[line.status.value]
        row = Table.grid(padding=(0, 1))
        words = Text.assemble((one_line(line.title), "bold"), ": ", one_line(redact(line.text)))
        row.add_row(Text(sign, style=style), words)
        console.print(row)

    return show


def _summary(texts: Texts, lines: Sequence[Line], failed: int) -> str:
    warned = sum(line.status == "warn" for line in lines)
    if failed:
        return texts.text("check-summary-failed", faults=failed)
    if any(line.check == "readiness" and line.status.value == "warn" for line in lines):
        return texts.text("check-summary-nothing-moves")
    return texts.text("check-summary-warned", warnings=warned) if warned else texts.text("check-summary-fine")


def _as_json(loaded: LoadedSettings, lines: Sequence[Line], fine: bool) -> str:
    redact = _redactor(loaded)
    rows = [
        {
            "check": line.check,
            "result": line.status.value,
            "title": line.title,
            "text": one_line(redact(line.text)),
            "settings": list(line.settings),
        }
        for line in lines
    ]
    return json.dumps({"ok": fine, "checks": rows}, ensure_ascii=False, indent=2)
