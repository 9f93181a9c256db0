"""`vm-balancer config`: the settings in force and where each came from, also where some of them are wrong."""

from __future__ import annotations

import json

from bot.arguments import Parser, add_settings, make_parser
from bot.cli.given import read_leniently, understood
from bot.cli.output import BAD_SETTINGS, OK, complain, print_all
from bot.config_load import Found
from bot.config_origins import as_env, rows
from bot.redact import Redactor
from bot.sanitize import one_line


def parser() -> Parser:
    made = make_parser("vm-balancer config", "Prints the settings in force as an env file, without the secrets.")
    made.add_argument("--origins", action="store_true", help="say of each where it comes from")
    made.add_argument("--json", action="store_true", help="print them as JSON, with origins")
    add_settings(made)
    return made


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    found = read_leniently(given, problems)
    if given.json:
        print_all(_as_json(found))
    else:
        redact = Redactor()
        print_all("\n".join(one_line(redact(line)) for line in as_env(found, origins=given.origins)))
    complain(*found.problems, *found.settings.notes)
    return BAD_SETTINGS if found.problems else OK


def _as_json(found: Found) -> str:
    settings = {
        row.name: {
            "value": row.value,
            "set": row.given,
            "secret": row.secret,
            "default": None if row.secret else row.default,
            "changed": row.changed,
            "origin": row.origin,
        }
        for row in rows(found)
    }
    document = {"settings": settings, "problems": list(found.problems), "notes": list(found.settings.notes)}
    return json.dumps(document, ensure_ascii=False, indent=2)
