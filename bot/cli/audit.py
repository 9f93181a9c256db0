"""`vm-balancer audit`: shows who did what, and proves that the entries were not edited."""

from __future__ import annotations

import asyncio
import re

from bot.cli.arguments import add_settings
from bot.cli.given import read_settings
from bot.cli.output import FAILED, OK, complain, print_all
from bot.cli.parsing import Parser, make_parser, understood, whole_number
from bot.config.settings import Settings
from bot.rendering.export import AUDIT_COLUMNS, as_csv, as_json, audit_line, audit_rows
from bot.store.audit_chain import Verified
from bot.store.store import open_for_reading
from bot.store.values import AuditEntry

DEFAULT_LIMIT = "50"
ALL = 2**31 - 1


def parser() -> Parser:
    parser = make_parser("vm-balancer audit", "Prints the audit trail, newest first; `verify` proves that it is whole.")
    parser.add_argument("deed", nargs="?", choices=("show", "verify"), default="show")
    parser.add_argument("--head", metavar="HASH", help="verify: this seal of an earlier run, as logged, must be in it")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="for a spreadsheet")
    form.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument(
        "--limit", default=DEFAULT_LIMIT, metavar="ENTRIES", help="maximum entries, 0 = all (default: 50)"
    )
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    limit = whole_number("--limit", given.limit, problems, remark=", 0 = all")
    if given.head is not None and not re.fullmatch("[0-9a-f]{64}", given.head):
        problems.append("--head is not a seal: 64 digits of 0-9 and a-f are needed, as the log has them")
    settings = read_settings(given, problems, lambda _settings: [])
    if given.deed == "verify":
        return _tell(asyncio.run(_verify(settings, given.head)), given.head)
    entries = asyncio.run(_read(settings, limit or ALL))
    if given.csv:
        print_all(as_csv(audit_rows(entries), AUDIT_COLUMNS))
    elif given.json:
        print_all(as_json(audit_rows(entries)))
    else:
        print_all("\n".join(map(audit_line, entries)))
    return OK


def _tell(verified: Verified, head: str | None) -> int:
    complain(*verified.problems)
    missing = head is not None and not verified.holds_noted
    if missing:
        complain(
            "--head is not in the audit trail: the trail was written again, or this is the seal of another database"
        )
    if verified.problems or missing:
        return FAILED
    before = f", {verified.unsealed} of them from before the chain" if verified.unsealed else ""
    print_all(f"undamaged: {verified.entries} entries{before}; head {verified.head}")
    return OK


async def _read(settings: Settings, limit: int) -> list[AuditEntry]:
    async with open_for_reading(settings.database_path) as store:
        return await store.audit.entries(limit=limit)


async def _verify(settings: Settings, noted: str | None) -> Verified:
    async with open_for_reading(settings.database_path) as store:
        return await store.audit.verify(noted)
