"""`vm-balancer completion SHELL`: a script that completes commands, options and their values.

Made by shtab from the commands' own parsers, so that no TAB has to start the program.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Literal, TypeAlias, get_args, get_origin

from bot.cli.arguments import Parser, make_parser
from bot.cli.commands import COMMANDS
from bot.cli.given import understood
from bot.cli.output import FAILED, OK, complain, print_all
from bot.cli.run import parser as run_parser
from bot.config.settings import Settings
from bot.errors import ConfigError

Complete: TypeAlias = dict[str, str | dict[str, str]]
"""How shtab says what a value is."""
SHELLS = ("bash", "zsh", "fish", "powershell")
FILES = ("config", "file", "vmmanager_ca_file", "ssh_private_key_path", "database_path", "log_file")
"""Arguments whose value is a file."""


def parser() -> Parser:
    made = make_parser("vm-balancer completion", "Prints a script for a shell. For bash: source it in ~/.bashrc.")
    made.add_argument("shell", choices=SHELLS, help="the shell that reads it")
    return made


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
    """One parser of everything: the options of `run`, which is the default, with the commands below them."""
    root = argparse.ArgumentParser("vm-balancer", parents=[run_parser()], add_help=False)
    commands = root.add_subparsers(metavar="command")
    for name, text in COMMANDS.items():
        made = _parser_of(name)
        _annotate(commands.add_parser(name, help=text, parents=[made] if made else [], add_help=False), file)
    _annotate(root, file)
    return root


def _parser_of(command: str) -> Parser | None:
    make = getattr(importlib.import_module(f"bot.cli.{command}"), "parser", None)
    return None if make is None else make()


def _annotate(parser: argparse.ArgumentParser, file: Complete) -> None:
    """Tells shtab what argparse does not know: loading judges the values, so the options have no choices."""
    for action in parser._actions:
        info = Settings.model_fields.get(action.dest)
        if action.dest in FILES:
            action.complete = file  # type: ignore[attr-defined]
        elif info is not None and get_origin(info.annotation) is Literal and action.nargs is None:
            action.choices = get_args(info.annotation)
