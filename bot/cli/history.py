"""`vm-balancer history`: the decisions and their results."""

from __future__ import annotations

import argparse
import asyncio

from bot.cli.arguments import add_settings
from bot.cli.given import read_settings
from bot.cli.output import OK, print_all, with_spaces
from bot.cli.parsing import Parser, make_parser, understood, whole_number
from bot.config.settings import Settings
from bot.domain.outcomes import LedgerEntry
from bot.domain.proposals import ProposedMove
from bot.rendering.catalog import Texts, texts_for
from bot.rendering.export import HISTORY_COLUMNS, as_csv, as_json, history_line, history_rows
from bot.rendering.outcomes import OUTCOME_COLUMNS, outcome_line, outcome_rows
from bot.store.store import open_for_reading

DEFAULT_LIMIT = "50"
ALL = 2**31 - 1


def parser() -> Parser:
    parser = make_parser("vm-balancer history", "Prints past decisions and their migrations, newest first.")
    parser.add_argument(
        "--outcomes", action="store_true", help="what migrations brought, 10 minutes, an hour and a day after their end"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="for a spreadsheet")
    form.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--limit", default=DEFAULT_LIMIT, metavar="ROWS", help="maximum rows, 0 = all (default: 50)")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    limit = whole_number("--limit", given.limit, problems, remark=", 0 = all")
    settings = read_settings(given, problems, lambda _settings: [])
    texts = texts_for(settings.bot_language, settings.zone)
    if given.outcomes:
        return _print_outcomes(asyncio.run(_outcomes(settings, limit or ALL)), texts, given)
    moves = asyncio.run(_read(settings, limit or ALL))
    if given.csv:
        print_all(as_csv(history_rows(moves, texts), HISTORY_COLUMNS))
    elif given.json:
        print_all(as_json(history_rows(moves, texts)))
    else:
        lines = [history_line(proposed, texts) for proposed in moves]
        print_all(with_spaces("\n".join(lines) or texts.text("terminal-no-history")))
    return OK


def _print_outcomes(entries: list[LedgerEntry], texts: Texts, given: argparse.Namespace) -> int:
    if given.csv:
        print_all(as_csv(outcome_rows(entries), OUTCOME_COLUMNS))
    elif given.json:
        print_all(as_json(outcome_rows(entries)))
    else:
        print_all("\n".join(outcome_line(texts, entry) for entry in entries) or texts.text("terminal-no-outcomes"))
    return OK


async def _outcomes(settings: Settings, limit: int) -> list[LedgerEntry]:
    async with open_for_reading(settings.database_path) as store:
        return await store.outcomes.entries(limit)


async def _read(settings: Settings, limit: int) -> list[ProposedMove]:
    async with open_for_reading(settings.database_path) as store:
        return await store.decisions.history(limit)
