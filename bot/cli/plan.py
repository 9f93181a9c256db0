"""`vm-balancer plan FILE`: a plan from a saved snapshot, without any panel."""

from __future__ import annotations

from bot.arguments import make_parser
from bot.cli.given import understood
from bot.cli.output import OK, complain, print_all
from bot.errors import ConfigError


def run(arguments: list[str]) -> int:
    parser = make_parser("vm-balancer plan", "Plans a saved snapshot, or an instance of the neutral benchmark format.")
    parser.add_argument("file", help="made by `vm-balancer snapshot`; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument("--strategy", help="smallest-first")
    parser.add_argument("--limit", type=int, help="most moves a cluster; 0 = no limit")
    parser.add_argument("--language", choices=("en", "ru"), default="en")
    given, problems = understood(parser, arguments)
    if problems:
        raise ConfigError(problems)
    from bot.offline import plan_file
    from bot.texts import texts_for

    texts = texts_for(given.language)
    planned = plan_file(given.file, strategy=given.strategy, limit=given.limit, as_json=given.json, texts=texts)
    complain(planned.stats)
    print_all(planned.document)
    return OK
