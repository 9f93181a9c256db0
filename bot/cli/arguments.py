"""The command line's options: one for every setting that is not secret to a chat, made from Settings itself.

Values stay text here; loading judges them together with those from the environment and `.env`, so that
all problems are named at once.
"""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
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
ENVIRONMENT_ONLY = ("vmmanager_token", "telegram_bot_token", "telegram_proxy")
"""Secrets that never had an option: what stands on a command line, everybody on the machine can read."""
OPTIONS: dict[str, str] = {
    field: SPELLINGS.get(field, "--" + field.replace("_", "-"))
    for field in Settings.model_fields
    if field not in ENVIRONMENT_ONLY
}
"""Field -> option."""
SHOWN = 40
"""Characters of a bad value that an error repeats."""
SETTINGS_HELP = (
    "Each setting is also an environment variable and a line of the settings file, named as in config.env.example. "
    "An option wins over the environment, the environment over the file. Without an option: "
    + ", ".join(field.upper() for field in ENVIRONMENT_ONLY)
    + "."
)


HELP_SETTINGS = "--help-settings"


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line and keeps the settings out of ``--help``."""

    def __init__(self, prog: str, description: str) -> None:
        self.actions: dict[str, argparse.Action] = {}
        """The parser's own arguments and the settings, by ``dest``. Arguments of other groups are not here."""
        self.settings_help: dict[argparse.Action, str] = {}
        """What ``show_settings()`` puts into the help."""
        super().__init__(  # adds --help, so the dictionaries come first
            prog, description=description, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        raise ConfigError([f"{message}; `{self.prog} --help` lists the options"])

    def add_argument(self, *names: str, **details: Any) -> argparse.Action:
        action = super().add_argument(*names, **details)
        self.actions[action.dest] = action
        return action

    def show_settings(self) -> None:
        """From now on, the help lists the settings too."""
        for action, text in self.settings_help.items():
            action.help = text
        if self.settings_help:
            self.epilog = textwrap.fill(SETTINGS_HELP, 100)


class _HelpSettings(argparse.Action):
    """``--help-settings``: the help with every setting, then the end."""

    def __init__(self, option_strings: Sequence[str], dest: str, **details: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, **details)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        if isinstance(parser, Parser):
            parser.show_settings()
        parser.print_help()
        parser.exit()


def make_parser(name: str, text: str) -> Parser:
    return Parser(name, text)


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
    group = parser.add_argument_group("settings")
    for field, option in OPTIONS.items():
        action = group.add_argument(option, dest=field, help=argparse.SUPPRESS, **_details(field))
        parser.actions[field] = action
        parser.settings_help[action] = _help_text(field)


def settings_of(given: argparse.Namespace) -> dict[str, Any]:
    """The settings among the options, as load_settings takes them."""
    return {field: getattr(given, field) for field in OPTIONS if getattr(given, field) is not None}


def whole_number(option: str, text: str, problems: list[str], *, highest: int = 2**31 - 1, remark: str = "") -> int:
    """A number from 0 to ``highest`` as a person wrote it for an option; a bad one is added to ``problems``."""
    if re.fullmatch(r"[0-9]{1,18}", text.strip(), re.ASCII) and int(text) <= highest:
        return int(text)
    problems.append(f"{option} is {text[:SHOWN]!r}: a whole number from 0 to {highest} is needed{remark}")
    return 0


def unknown(left: Sequence[str], parser: Parser, commands: Sequence[str]) -> list[str]:
    """One line for each argument that is unknown. Only options are repeated: another word may be a password."""
    lines = []
    parser.show_settings()
    options = sorted(set(re.findall(r"--[a-z][a-z-]+", parser.format_help())))
    for word in left:
        option = word.split("=", 1)[0]
        if word in commands:
            lines.append(f"{word} is a command: put it first, as in `vm-balancer {word}`")
        elif option.startswith("--"):
            near = difflib.get_close_matches(option, options, n=1, cutoff=0.7)
            hint = f"{near[0]} is probably meant" if near else f"`{parser.prog} --help` lists the options"
            lines.append(f"{option} is not an option: {hint}")
        elif option.startswith("-"):
            lines.append(f"{option[:2]} is not an option: `{parser.prog} --help` lists the options")
    if left and not lines:
        lines.append(f"{len(left)} too many words after the options: put a value with blanks in quotes")
    return lines


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
