"""`vm-balancer replay`: the moves that another strategy or other thresholds would have made in the recorded checks."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from balancer.policy import ADAPTIVE, OPTIMAL, SMALLEST_FIRST, STRATEGIES
from bot.cli.arguments import OPTIONS, add_settings, settings_of
from bot.cli.output import FAILED, OK, complain, print_all
from bot.cli.parsing import Parser, make_parser, understood, whole_number
from bot.cli.plan import one_of
from bot.cli.tried_settings import assignments, no_checks, recorded_checks, tried_values
from bot.config.loading import load_settings
from bot.config.settings import Settings

if TYPE_CHECKING:
    from bot.service.replays import Record

DEFAULT_DAYS = "30"


def parser() -> Parser:
    parser = make_parser(
        "vm-balancer replay",
        "Says what another strategy or other thresholds would have done, beside what happened. It changes nothing.",
    )
    parser.add_argument("--days", default=DEFAULT_DAYS, metavar="DAYS", help="the last so many days (default: 30)")
    parser.add_argument(
        "--strategy",
        action="append",
        metavar="NAME",
        help=f"{', '.join(STRATEGIES)}; may be given several times (default: all but balance)",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="another value of a setting, for all variants"
    )
    parser.add_argument("--by-day", action="store_true", help="print a table for each day too")
    parser.add_argument("--verify", action="store_true", help="plan each recorded check again; compare stored plans")
    parser.add_argument("--json", action="store_true", help="for programs")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    days = whole_number("--days", given.days, problems)
    for name in given.strategy or ():
        one_of("--strategy", name, STRATEGIES, problems)
    changed = assignments(given.set, problems)
    settings = load_settings(settings_of(given), given.config, options=OPTIONS, checks=no_checks, problems=problems)
    values = tried_values(changed, given)
    record = recorded_checks(settings, days or 1)
    if given.verify:
        from bot.service.replays import verify

        return _tell_verified(verify(record))
    return _compare(record, given, values, settings)


def _compare(record: Record, given: argparse.Namespace, values: dict[str, Any], settings: Settings) -> int:
    from balancer.replay.simulation import Variant
    from bot.rendering.catalog import texts_for
    from bot.rendering.export import as_json
    from bot.rendering.replays import day_lines, replay_document, replay_lines
    from bot.service.replays import days_of, run_replays

    names = list(given.strategy or ())
    if not names and "strategy" not in values:
        names = [ADAPTIVE, OPTIMAL, SMALLEST_FIRST]
    own = {field: value for field, value in values.items() if field != "strategy" or not names}
    variants = [Variant((*own.items(), ("strategy", name))) for name in names] or [Variant(tuple(own.items()))]
    outcomes = run_replays(record, variants, settings.zone)
    labels = names or [str(values.get("strategy"))]
    texts = texts_for(settings.bot_language, settings.zone)
    if given.json:
        print_all(
            as_json([replay_document(label, o) for label, o in zip(["happened", *labels], outcomes, strict=True)])
        )
        return OK
    lines = replay_lines(texts, labels, outcomes, given.set)
    if given.by_day:
        lines += ["", *day_lines(texts, labels, days_of(outcomes))]
    print_all("\n".join(lines))
    return OK


def _tell_verified(verified: Any) -> int:
    if verified.different:
        numbers = ", ".join(f"#{i}" for i in verified.different)
        complain(f"the record gives another plan than the one stored for the proposals {numbers}")
    print_all(
        f"{len(verified.same)} stored plans come out again to the byte, {len(verified.different)} differ, "
        f"{len(verified.unrecorded)} were not made by a recorded check"
    )
    return FAILED if verified.different else OK
