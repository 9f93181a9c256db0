"""`vm-balancer config`: the settings in force and the source of each, also if some of them are wrong.

The output is an env file that can be read back. It contains no secret: a comment states whether it is set.
Settings that people changed while the program runs are in the database; they are printed as remarks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.cli.arguments import add_settings
from bot.cli.given import read_leniently
from bot.cli.output import BAD_SETTINGS, OK, complain, print_all
from bot.cli.parsing import Parser, make_parser, understood
from bot.config.env_file import quoted
from bot.config.loading import LoadedSettings
from bot.config.settings import Settings, env_name, is_secret, masked
from bot.domain.sanitize import Redactor, one_line
from bot.errors import StoreError
from bot.service.runtime_settings import KEYS
from bot.store.readonly import Changed, settings_of

HIDDEN = "••••"


def parser() -> Parser:
    parser = make_parser("vm-balancer config", "Prints the settings in force as an env file, without the secrets.")
    parser.add_argument("--origins", action="store_true", help="say of each where it comes from")
    parser.add_argument("--json", action="store_true", help="print them as JSON, with origins")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    loaded = read_leniently(given, problems)
    changed, notes = _changed(loaded)
    if given.json:
        print_all(_as_json(loaded, changed))
    else:
        redact = Redactor()
        print_all("\n".join(one_line(redact(line)) for line in as_env(loaded, origins=given.origins)))
    complain(*loaded.problems, *loaded.settings.notes, *notes)
    return BAD_SETTINGS if loaded.problems else OK


def _changed(loaded: LoadedSettings) -> tuple[dict[str, Changed], list[str]]:
    """The changes at run time: the names of the settings, and a line for each."""
    path = loaded.settings.database_path
    try:
        stored = settings_of(path)
    except StoreError as error:
        return {}, [str(error)]
    changed = {env_name(field): stored[key] for field, key in KEYS.items() if key in stored}
    return changed, [
        f"{name} is {change.value} while the program runs: "
        f"{change.who} changed it on {change.at[:16].replace('T', ' ')} UTC"
        for name, change in changed.items()
    ]


def _as_json(loaded: LoadedSettings, changed: dict[str, Changed]) -> str:
    settings = {
        row.name: {
            "value": row.value,
            "set": row.given,
            "secret": row.secret,
            "default": None if row.secret else row.default,
            "changed": row.changed,
            "origin": row.origin,
        }
        for row in rows(loaded)
    }
    at_run_time = {name: change._asdict() for name, change in changed.items()}
    document = {
        "settings": settings,
        "at_run_time": at_run_time,
        "problems": list(loaded.problems),
        "notes": list(loaded.settings.notes),
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


@dataclass(frozen=True, slots=True)
class Row:
    """One setting. ``value``: text as in the settings file; ``None`` for a secret and for a broken value.

    ``given``: for a secret, whether it exists; for other settings, whether any source sets it.
    """

    name: str
    value: str | None
    default: str
    origin: str
    secret: bool
    given: bool
    broken: bool

    @property
    def changed(self) -> bool:
        """Whether the value differs from the default."""
        return self.given if self.secret else not self.broken and self.value != self.default


def rows(loaded: LoadedSettings) -> list[Row]:
    """Every setting, in the order of config.env.example."""
    shown, usual = masked(loaded.settings), masked(Settings())
    return [_row(loaded, field, shown[env_name(field)], usual[env_name(field)]) for field in Settings.model_fields]


def _row(loaded: LoadedSettings, field: str, value: str, default: str) -> Row:
    settings, secret, broken = loaded.settings, is_secret(field), field in loaded.broken
    held: Any = getattr(settings, field)
    return Row(
        name=env_name(field),
        value=None if secret or broken else value,
        default=default,
        origin=settings.place(field),
        secret=secret,
        given=broken or held is not None if secret else settings.place(field) != "default",
        broken=broken,
    )


def as_env(loaded: LoadedSettings, *, origins: bool) -> Iterator[str]:
    """The lines of the file."""
    for row in rows(loaded):
        remarks = [row.origin] if origins else []
        if row.changed and not row.secret:
            remarks.append(f"default: {row.default or 'empty'}")
        yield _line(row, "; ".join(remarks))


def _line(row: Row, remark: str) -> str:
    comment = f"  # {remark}" if remark else ""
    if row.broken:
        return f"# {row.name} cannot be understood{comment}"
    if row.secret:
        return f"# {row.name}={HIDDEN} is set{comment}" if row.given else f"# {row.name} is not set{comment}"
    if row.value and not row.value.isprintable():
        return f"# {row.name} holds characters that cannot be shown{comment}"
    written = quoted(row.value or "")
    return f"{row.name}={written or (repr('') if comment else '')}{comment}"
