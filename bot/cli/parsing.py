"""Arguments of a command, without the settings, which are in arguments.py and take a second to import.

``plan`` needs no settings, so it starts with this module alone.
"""

from __future__ import annotations

import argparse
import difflib
import re
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from bot.cli.commands import COMMANDS
from bot.errors import ConfigError

SHOWN = 40
"""Characters of a bad value that an error repeats."""


class Parser(argparse.ArgumentParser):
    """A parser that reports an error in one line and keeps the settings out of ``--help``."""

    def __init__(self, prog: str, description: str) -> None:
        self.actions: dict[str, argparse.Action] = {}
        """The parser's own arguments and the settings, by ``dest``. Arguments of other groups are not here."""
        self.settings_help: dict[argparse.Action, str] = {}
        """What ``show_settings()`` puts into the help, and ``settings_epilog`` below it."""
        self.settings_epilog = ""
        super().__init__(  # adds --help, so the dictionaries come first
            prog, description=description, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        raise ConfigError([f"{plain_error(message, self)}; `{self.prog} --help` lists the options"])

    def add_argument(self, *names: str, **details: Any) -> argparse.Action:
        action = super().add_argument(*names, **details)
        self.actions[action.dest] = action
        return action

    def show_settings(self) -> None:
        """Adds the settings to the help."""
        for action, text in self.settings_help.items():
            action.help = text
        if self.settings_help:
            self.epilog = textwrap.fill(self.settings_epilog, 100)


_MISSING = re.compile(r"the following arguments are required: (.*)")
_UNKNOWN = re.compile(r"argument [^:]*: invalid choice: (.*) \(choose from (.*)\)")
_TOGETHER = re.compile(r"argument (\S+): not allowed with argument (\S+)")
_NO_VALUE = re.compile(r"argument (\S+): expected .*")


def plain_error(message: str, parser: Parser) -> str:
    """Turns an error of argparse into a sentence that names the wrong word and the expected value."""
    if found := _MISSING.fullmatch(message):
        return "; ".join(_missing(name, parser) for name in found[1].split(", "))
    if found := _UNKNOWN.fullmatch(message):
        choices = [choice.strip("'") for choice in found[2].split(", ")]
        return f"{found[1][:SHOWN]} is not known: {_one_of(choices)} is needed"
    if found := _TOGETHER.fullmatch(message):
        return f"{found[1]} and {found[2]} cannot be used together: leave one of them out"
    if found := _NO_VALUE.fullmatch(message):
        return f"{found[1]} has no value: put one after it"
    return message


def _missing(name: str, parser: Parser) -> str:
    action = next((a for a in parser.actions.values() if name in (a.dest, a.metavar)), None)
    if action is None or not action.choices:
        return f"{name.upper()} is missing"
    return f"a word is missing: {_one_of([str(choice) for choice in action.choices])} is needed"


def _one_of(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def make_parser(name: str, text: str) -> Parser:
    return Parser(name, text)


def understood(parser: Parser, arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and a line for each unknown one."""
    given, left = parser.parse_known_args(arguments)
    return given, unknown(left, parser, list(COMMANDS))


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
        count = "1 word" if len(left) == 1 else f"{len(left)} words"
        lines.append(f"{count} too many after the options: put a value with blanks in quotes")
    return lines
