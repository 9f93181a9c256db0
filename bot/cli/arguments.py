"""The command line's options: one for every setting that is not secret to a chat, made from Settings itself.

Values stay text here; loading judges them together with those from the environment and `.env`, so that
all problems are named at once.
"""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from typing import Any, NoReturn

from bot.config.settings import Settings
from bot.errors import ConfigError

SPELLINGS = {
    "vmmanager_host": "--host",
    "vmmanager_username": "--username",
    "vmmanager_password": "--password",
    "balance_interval": "--interval",
    "ssh_private_key_path": "--ssh-private-key",
    "telegram_notifications": "--notifications",
}
"""Options that the seed calls otherwise than the setting."""
ENVIRONMENT_ONLY = ("telegram_bot_token", "telegram_proxy")
"""Secrets that never had an option: what stands on a command line, everybody on the machine can read."""
OPTIONS: dict[str, str] = {
    field: SPELLINGS.get(field, "--" + field.replace("_", "-"))
    for field in Settings.model_fields
    if field not in ENVIRONMENT_ONLY
}
"""Field -> option."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one line."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError([f"{message}; {self.prog} --help lists every option"])


def make_parser(name: str, text: str) -> Parser:
    return Parser(prog=name, description=text, allow_abbrev=False)


def add_settings(parser: argparse.ArgumentParser) -> None:
    """``--config`` and one option for each setting."""
    parser.add_argument("--config", metavar="FILE", help="settings file (default: .env of this folder)")
    parser.add_argument(
        "--verbose", dest="log_level", action="store_const", const="DEBUG", help="the same as --log-level DEBUG"
    )
    group = parser.add_argument_group(
        "settings",
        "Each is also an environment variable and a line of `.env`, called as in config.env.example; an option "
        "beats the environment, the environment beats the file. Only there: "
        + ", ".join(field.upper() for field in ENVIRONMENT_ONLY)
        + ".",
    )
    for field, option in OPTIONS.items():
        group.add_argument(option, dest=field, **_kind(field))


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """What the options say about settings, as load_settings takes it."""
    return {field: getattr(given, field) for field in OPTIONS if getattr(given, field) is not None}


def unknown(left: Sequence[str], parser: argparse.ArgumentParser, commands: Sequence[str]) -> list[str]:
    """A line for each argument that nobody understood. What is no option is never repeated: it may be a password."""
    lines = []
    written = [option for action in parser._actions for option in action.option_strings]
    for word in left:
        option = word.split("=", 1)[0]
        if word in commands:
            lines.append(f"{word} is a command: put it first, as in `vm-balancer {word}`")
        elif option.startswith("-") and not option.startswith("--"):
            lines.append(f"{option[:2]} is not an option: {parser.prog} --help lists every option")
        elif option.startswith("--"):
            near = difflib.get_close_matches(option, written, n=1, cutoff=0.7)
            hint = f"{near[0]} is probably meant" if near else f"{parser.prog} --help lists every option"
            lines.append(f"{option} is not an option: {hint}")
    if left and not lines:
        lines.append(
            f"{len(left)} too many after the options: write a value with blanks in quotes, a switch without one"
        )
    return lines


def _kind(field: str) -> dict[str, Any]:
    info = Settings.model_fields[field]
    text = (info.description or "").replace("%", "%%")
    default = info.get_default(call_default_factory=True)
    if default is not None and not isinstance(default, (tuple, dict)):
        text = f"{text} Default: {str(default).lower() if isinstance(default, bool) else default}"
    if info.annotation is bool:
        return {"action": argparse.BooleanOptionalAction, "default": None, "help": text}
    if info.annotation == tuple[int, ...] or info.annotation == tuple[str, ...]:
        metavar = "ID" if info.annotation == tuple[int, ...] else "NODE"
        return {"nargs": "+", "action": "extend", "metavar": metavar, "help": text}
    return {"metavar": "SECONDS" if text.startswith("Seconds") else "VALUE", "help": text}
