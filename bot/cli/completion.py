"""`vm-balancer completion SHELL`: a script that completes commands, options and their values.

shtab generates it from the commands' own parsers, so that a TAB does not start the program.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Literal, TypeAlias, get_args, get_origin

from bot.cli.commands import COMMANDS
from bot.cli.output import FAILED, OK, complain, print_all
from bot.cli.parsing import Parser, make_parser, understood
from bot.cli.run import parser as run_parser
from bot.config.settings import Settings
from bot.errors import ConfigError

Complete: TypeAlias = dict[str, str | dict[str, str]]
"""shtab's words for kinds of values."""
SHELLS = ("bash", "zsh", "fish", "powershell")
FILES = ("config", "file", "vmmanager_ca_file", "ssh_private_key_path", "database_path", "log_file")
"""Arguments whose value is a file."""


def parser() -> Parser:
    parser = make_parser("vm-balancer completion", "Prints a script for a shell. For bash: source it in ~/.bashrc.")
    parser.add_argument("shell", choices=SHELLS, help="the shell that reads it")
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    if problems:
        raise ConfigError(problems)
    try:
        import shtab
    except ImportError:
        complain("shtab is not installed: it comes with the program's other packages, see requirements/run.txt")
        return FAILED
    print_all(shtab.complete(_whole(shtab.FILE), shell=given.shell))
    return OK


def _whole(file: Complete) -> argparse.ArgumentParser:
    """One parser for everything: the options of `run`, the default command, and every command below them."""
    run = run_parser()
    _annotate(run, file)
    root = argparse.ArgumentParser("vm-balancer", parents=[run], add_help=False)
    commands = root.add_subparsers(metavar="command")
    for name, text in COMMANDS.items():
        parser = _parser_of(name)
        if parser is not None:
            _annotate(parser, file)
        commands.add_parser(name, help=text, parents=[parser] if parser else [], add_help=False)
    return root


def _parser_of(command: str) -> Parser | None:
    make = getattr(importlib.import_module(f"bot.cli.{command.replace('-', '_')}"), "parser", None)
    return None if make is None else make()


def _annotate(parser: Parser, file: Complete) -> None:
    """Gives shtab the values of an option. argparse has no choices for settings: the loading checks the values."""
    parser.show_settings()
    for field, action in parser.actions.items():
        info = Settings.model_fields.get(field)
        if field in FILES:
            action.complete = file  # type: ignore[attr-defined]
        elif info is not None and get_origin(info.annotation) is Literal and action.nargs is None:
            action.choices = get_args(info.annotation)
