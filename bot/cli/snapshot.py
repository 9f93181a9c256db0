"""`vm-balancer snapshot`: the live state as JSON."""

from __future__ import annotations

import asyncio

from bot.arguments import add_settings, make_parser
from bot.cli.given import leaving_no_trace, log_to, read_settings, understood
from bot.cli.output import OK, print_all
from bot.config_checks import check_panel, check_ssh


def run(arguments: list[str]) -> int:
    from bot.app import VMBalancer
    from bot.offline import save_snapshot

    parser = make_parser("vm-balancer snapshot", "Prints the live state as JSON, with policy and recent events.")
    parser.usage = "vm-balancer snapshot [options] > FILE"
    add_settings(parser)
    given, problems = understood(parser, arguments)
    settings = leaving_no_trace(read_settings(given, problems, lambda _settings: [check_panel, check_ssh]))
    log_to(settings, to_file=False)

    async def work() -> None:
        async with VMBalancer(settings=settings, exclusive=False) as balancer:
            document = await save_snapshot(balancer)
        print_all(document)

    asyncio.run(work())
    return OK
