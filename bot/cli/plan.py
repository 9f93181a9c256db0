"""`vm-balancer plan FILE`: a plan from a saved snapshot, without a panel."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Sequence

from balancer.policy import OPTIMIZE_FOR, STRATEGIES
from bot.cli.output import OK, complain, print_all, with_spaces
from bot.cli.parsing import SHOWN, Parser, make_parser, understood, whole_number
from bot.cli.plan_options import PlanOptions, PlanRequest
from bot.errors import ConfigError

MOST_VCPUS, MOST_GIB = 100_000, 1_000_000
"""The largest VM for --place: larger than every real machine."""


def parser() -> Parser:
    parser = make_parser("vm-balancer plan", "Plans a saved snapshot, or an instance of the neutral benchmark format.")
    parser.add_argument("file", help="made by `vm-balancer snapshot`; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument("--strategy", metavar="NAME", help=" or ".join(STRATEGIES))
    parser.add_argument("--optimize-for", metavar="WHAT", help=" or ".join(OPTIMIZE_FOR))
    parser.add_argument("--limit", metavar="MOVES", help="maximum moves per cluster; 0 = no limit")
    request = parser.add_mutually_exclusive_group()
    request.add_argument("--drain", metavar="NODE", help="plan how to empty this node, instead of balancing")
    request.add_argument("--fill", metavar="NODE", help="plan how to bring this node back to its share of VMs")
    request.add_argument(
        "--place",
        nargs=2,
        metavar=("VCPUS", "GIB"),
        help="find the best nodes for a new VM of this size, and how many of them each cluster holds",
    )
    request.add_argument(
        "--survive", action="store_true", help="for each node: is there room on the others if it is lost"
    )
    request.add_argument("--room", action="store_true", help="for common sizes: how many new VMs fit")
    request.add_argument("--roll", action="store_true", help="plan how to empty node after node, for updates")
    parser.add_argument(
        "--nodes", metavar="A,B", help="with --survive: these nodes are lost together; with --roll: only these nodes"
    )
    parser.add_argument("--without", metavar="NODE", help="plan as if this node were away")
    parser.add_argument("--language", choices=("en", "ru"), default="en", help="en or ru; default: en")
    parser.add_argument("--stats", action="store_true", help="print the planner's own time to standard error")
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    one_of("--strategy", given.strategy, STRATEGIES, problems)
    one_of("--optimize-for", given.optimize_for, OPTIMIZE_FOR, problems)
    limit = None if given.limit is None else whole_number("--limit", given.limit, problems, remark=", 0 = no limit")
    request = _request(given, problems)
    if problems:
        raise ConfigError(problems)
    from bot.cli.offline import plan_file

    options = PlanOptions(given.strategy, given.optimize_for, limit, request, given.without)
    gc.disable()  # there is no garbage before the end, and the search for it takes a tenth of the time
    try:
        planned = plan_file(given.file, options, language=None if given.json else given.language)
    finally:
        gc.enable()
    if given.stats:
        complain(planned.stats)
    print_all(planned.document if given.json else with_spaces(planned.document))
    return OK


def one_of(option: str, value: str | None, choices: Sequence[str], problems: list[str]) -> None:
    """Adds a line to ``problems`` when the value of an option is none of the choices."""
    if value is not None and value not in choices:
        problems.append(f"{option} is {value[:SHOWN]!r}: {' or '.join(choices)} is needed")


def _request(given: argparse.Namespace, problems: list[str]) -> PlanRequest | None:
    names = _names(given.nodes, problems) if given.nodes is not None else ()
    if given.survive:
        return PlanRequest(survive=names)
    if given.roll:
        return PlanRequest(roll=names)
    if names:
        problems.append("--nodes is given without --survive or --roll: add one of them, or leave --nodes out")
    if given.room:
        return PlanRequest(room=True)
    if given.place is not None:
        return PlanRequest(place=_size(given.place, problems))
    if given.drain is None and given.fill is None:
        return None
    return PlanRequest(given.drain, given.fill)


def _names(text: str, problems: list[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        problems.append(f"--nodes is {text[:SHOWN]!r}: names or ids of nodes are needed, as in --nodes birch,oak")
    return names


def _size(words: Sequence[str], problems: list[str]) -> tuple[int, int]:
    """vCPUs and MiB of memory, from vCPUs and GiB as a person wrote them."""
    try:
        vcpus, gib = map(float, words)
    except ValueError:
        vcpus = gib = 0.0
    if 1 <= vcpus <= MOST_VCPUS and vcpus.is_integer() and 1 / 1024 <= gib <= MOST_GIB:
        return int(vcpus), round(gib * 1024)
    shown = " ".join(word[:SHOWN] for word in words)
    problems.append(
        f"--place is {shown!r}: a whole number of vCPUs (1 to {MOST_VCPUS}) and GiB of memory (up to {MOST_GIB}) "
        "are needed, as in --place 8 16"
    )
    return 0, 0
