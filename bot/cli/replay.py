"""`vm-balancer replay`: what another strategy or other thresholds would have done, from the recorded checks."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from balancer.policy import ADAPTIVE, OPTIMAL, SMALLEST_FIRST, STRATEGIES, Policy
from bot.cli.arguments import OPTIONS, add_settings, settings_of
from bot.cli.output import FAILED, OK, complain, print_all
from bot.cli.parsing import SHOWN, Parser, make_parser, understood, whole_number
from bot.cli.plan import one_of
from bot.config.loading import load_settings
from bot.config.settings import POLICY_FIELDS, Settings
from bot.errors import ConfigError

if TYPE_CHECKING:
    from bot.service.replays import Record

DEFAULT_DAYS = "30"
TRIED = {
    **POLICY_FIELDS,
    **{f.name: f.name for f in fields(Policy) if f.name in Settings.model_fields and f.name not in POLICY_FIELDS},
}
"""Settings that a replay can change -> the field of the policy."""


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
    changed = _assignments(given.set, problems)
    overrides = settings_of(given)
    settings = load_settings(overrides, given.config, options=OPTIONS, checks=_no_checks, problems=problems)
    values = _values({**overrides, **changed}, changed, given)
    from datetime import datetime, timezone

    from bot.service.replays import read_record, unreadable_checks, verify
    from bot.store.store import open_for_reading

    until = datetime.now(timezone.utc)

    async def read() -> Record:
        async with open_for_reading(settings.database_path) as store:
            return await read_record(store, until - timedelta(days=days or 1), until)

    record = asyncio.run(read())
    if not record.frames:
        raise ConfigError(
            [
                f"--days is {given.days}: no check of this time is recorded in {settings.database_path}. "
                "The program records each check while HISTORY_SNAPSHOTS_DAYS is above 0"
            ]
        )
    lost = unreadable_checks(record)
    if lost:
        complain(
            f"{lost} recorded checks of this time cannot be read and are left out; `vm-balancer db check` tests it"
        )
    if given.verify:
        return _tell_verified(verify(record))
    return _compare(record, given, values, settings)


def _no_checks(_settings: Settings) -> list[Any]:
    return []


def _assignments(given: Sequence[str], problems: list[str]) -> dict[str, str]:
    """Field of Settings -> value, as ``--set`` has them."""
    changed = {}
    for text in given:
        name, sign, value = text.partition("=")
        field = name.strip().lower()
        if not sign or field not in TRIED:
            known = ", ".join(sorted(name.upper() for name in TRIED))
            problems.append(f"--set is {text[:SHOWN]!r}: NAME=VALUE is needed, with one of {known}")
        else:
            changed[field] = value.strip()
    return changed


def _values(overrides: dict[str, Any], changed: dict[str, str], given: argparse.Namespace) -> dict[str, Any]:
    """Field of the policy -> the value to try, checked as a setting is."""
    if not changed:
        return {}
    options = {**OPTIONS, **{field: f"--set {field.upper()}" for field in changed}}
    policy = load_settings(overrides, given.config, options=options, checks=_no_checks, problems=[]).policy()
    return {TRIED[field]: getattr(policy, TRIED[field]) for field in changed}


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
