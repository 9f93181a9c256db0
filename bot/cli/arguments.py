"""The command line's options: one for every setting that may be on a command line, built from Settings itself.

Values stay text here. The loading checks them together with those from the environment and `.env`, so that all
problems are named at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from bot.cli.parsing import Parser
from bot.config.settings import Settings

SPELLINGS = {
    "vmmanager_host": "--host",
    "vmmanager_username": "--username",
    "vmmanager_password": "--password",
    "balance_interval": "--interval",
    "ssh_private_key_path": "--ssh-private-key",
    "telegram_notifications": "--notifications",
}
"""Options whose name in the seed differs from the name of the setting."""
ENVIRONMENT_ONLY = ("vmmanager_token", "telegram_bot_token", "telegram_proxy")
"""Secrets without an option: everybody on the machine can read a command line."""
OPTIONS: dict[str, str] = {
    field: SPELLINGS.get(field, "--" + field.replace("_", "-"))
    for field in Settings.model_fields
    if field not in ENVIRONMENT_ONLY
}
"""Field -> option."""
SETTINGS_HELP = (
    "Each setting is also an environment variable and a line of the settings file, named as in config.env.example. "
    "An option wins over the environment, the environment over the file. Without an option: "
    + ", ".join(field.upper() for field in ENVIRONMENT_ONLY)
    + "."
)


HELP_SETTINGS = "--help-settings"


class _HelpSettings(argparse.Action):
    """``--help-settings``: the help with every setting, then the end."""

    def __init__(self, option_strings: Sequence[str], dest: str, **details: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **details)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        if isinstance(parser, Parser):
            parser.show_settings()
        parser.print_help()
        parser.exit()


def add_settings(parser: Parser) -> None:
    """``--config`` and one option for each setting."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="settings file (default: .env in this folder); its relative paths count from its folder",
    )
    parser.add_argument(
        "--verbose", dest="log_level", action="store_const", const="DEBUG", help="the same as --log-level DEBUG"
    )
    parser.add_argument(HELP_SETTINGS, action=_HelpSettings, help="show the options for settings too, and exit")
    parser.settings_epilog = SETTINGS_HELP
    group = parser.add_argument_group("settings")
    for field, option in OPTIONS.items():
        action = group.add_argument(option, dest=field, help=argparse.SUPPRESS, **_details(field))
        parser.actions[field] = action
        parser.settings_help[action] = _help_text(field)


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """The settings among the options, as load_settings takes them."""
    return {field: getattr(given, field) for field in OPTIONS if getattr(given, field) is not None}


def _help_text(field: str) -> str:
    info = Settings.model_fields[field]
    text = (info.description or "").replace("%", "%%")
    default = info.get_default(call_default_factory=True)
    if default is None or isinstance(default, (tuple, dict)):
        return text
    return f"{text} Default: {str(default).lower() if isinstance(default, bool) else default}"


def _details(field: str) -> dict[str, Any]:
    """How argparse reads the option of a setting."""
    info = Settings.model_fields[field]
    if info.annotation is bool:
        return {"action": argparse.BooleanOptionalAction, "default": None}
    if info.annotation == tuple[int, ...] or info.annotation == tuple[str, ...]:
        metavar = "ID" if info.annotation == tuple[int, ...] else "NODE"
        return {"nargs": "+", "action": "extend", "metavar": metavar}
    return {"metavar": "SECONDS" if (info.description or "").startswith("Seconds") else "VALUE"}
