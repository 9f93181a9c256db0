"""`vm-balancer config`: the settings in force and where each came from, also where some of them are wrong.

What people changed while the program runs is stronger than that: it stands in the database, and is told besides.
"""

from __future__ import annotations

import json

from bot.cli.arguments import Parser, add_settings, make_parser
from bot.cli.given import read_leniently, understood
from bot.cli.output import BAD_SETTINGS, OK, complain, print_all
from bot.config.loading import Found
from bot.config.origins import as_env, rows
from bot.config.settings import env_name
from bot.domain.redact import Redactor
from bot.domain.sanitize import one_line
from bot.errors import StoreError
from bot.service.runtime_settings import KEYS
from bot.store.readonly import Changed, settings_of


def parser() -> Parser:
    made = make_parser("vm-balancer config", "Prints the settings in force as an env file, without the secrets.")
    made.add_argument("--origins", action="store_true", help="say of each where it comes from")
    made.add_argument("--json", action="store_true", help="print them as JSON, with origins")
    add_settings(made)
    return made


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    found = read_leniently(given, problems)
    changed, notes = _changed(found)
    if given.json:
        print_all(_as_json(found, changed))
    else:
        redact = Redactor()
        print_all("\n".join(one_line(redact(line)) for line in as_env(found, origins=given.origins)))
    complain(*found.problems, *found.settings.notes, *notes)
    return BAD_SETTINGS if found.problems else OK


def _changed(found: Found) -> tuple[dict[str, Changed], list[str]]:
    """What was changed at run time, by the names of the settings, and a line of words for each."""
    path = found.settings.database_path
    try:
        stored = settings_of(path)
    except StoreError as error:
        return {}, [str(error)]
    changed = {env_name(field): stored[key] for field, key in KEYS.items() if key in stored}
    return changed, [
        f"{name} is {made.value} while the program runs: {made.who} changed it on {made.at[:16].replace('T', ' ')} UTC"
        for name, made in changed.items()
    ]


def _as_json(found: Found, changed: dict[str, Changed]) -> str:
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
    at_run_time = {name: made._asdict() for name, made in changed.items()}
    document = {
        "settings": settings,
        "at_run_time": at_run_time,
        "problems": list(found.problems),
        "notes": list(found.settings.notes),
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
