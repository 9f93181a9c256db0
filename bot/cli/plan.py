"""`vm-balancer plan FILE`: a plan from a saved snapshot, without any panel."""

from __future__ import annotations

from balancer.policy import OPTIMIZE_FOR, STRATEGIES
from bot.cli.arguments import Parser, make_parser
from bot.cli.given import understood
from bot.cli.output import OK, complain, print_all
from bot.errors import ConfigError


def parser() -> Parser:
    made = make_parser("vm-balancer plan", "Plans a saved snapshot, or an instance of the neutral benchmark format.")
    made.add_argument("file", help="made by `vm-balancer snapshot`; - reads standard input")
    made.add_argument("--json", action="store_true", help="print the plan as JSON")
    made.add_argument("--strategy", metavar="NAME", help=" or ".join(STRATEGIES))
    made.add_argument("--optimize-for", metavar="WHAT", help=" or ".join(OPTIMIZE_FOR))
    made.add_argument("--limit", type=int, help="most moves a cluster; 0 = no limit")
    wish = made.add_mutually_exclusive_group()
    wish.add_argument(
        "--drain", metavar="NODE", help="instead of balancing: everything off this node that may leave it"
    )
    wish.add_argument("--fill", metavar="NODE", help="instead: bring this node, after maintenance, to its share")
    wish.add_argument(
        "--place",
        nargs=2,
        type=float,
        metavar=("VCPUS", "GIB"),
        help="instead: where a new VM of this size fits best, and how many of them each cluster holds",
    )
    made.add_argument("--language", choices=("en", "ru"), default="en")
    return made


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    if problems:
        raise ConfigError(problems)
    from bot.cli.offline import plan_file
    from bot.cli.offline_requests import Wish
    from bot.rendering.catalog import texts_for

    texts = texts_for(given.language)
    wish = Wish(given.drain, given.fill, tuple(given.place) if given.place else None)
    planned = plan_file(
        given.file,
        strategy=given.strategy,
        optimize_for=given.optimize_for,
        limit=given.limit,
        as_json=given.json,
        texts=texts,
        wish=wish if any(part is not None for part in wish) else None,
    )
    complain(planned.stats)
    print_all(planned.document)
    return OK
