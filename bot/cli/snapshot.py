"""`vm-balancer snapshot`: the live state as JSON."""

from __future__ import annotations

import asyncio

from bot.cli.arguments import add_settings
from bot.cli.given import leaving_no_trace, log_to, read_settings
from bot.cli.output import OK, print_all
from bot.cli.parsing import Parser, make_parser, understood
from bot.config.clusters_file import check_clusters_file
from bot.config.validation import check_panel, check_ssh


def parser() -> Parser:
    parser = make_parser("vm-balancer snapshot", "Prints the live state as JSON, with policy and recent events.")
    parser.usage = "vm-balancer snapshot [options] > FILE"
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    from bot.app.program import VMBalancer
    from bot.cli.offline import save_snapshot

    given, problems = understood(parser(), arguments)
    settings = leaving_no_trace(
        read_settings(given, problems, lambda _settings: [check_panel, check_ssh, check_clusters_file])
    )
    log_to(settings, to_file=False)

    async def work() -> None:
        async with VMBalancer(settings=settings, dry_run=True, exclusive=False) as balancer:
            document = await save_snapshot(balancer)
        print_all(document)

    asyncio.run(work())
    return OK
