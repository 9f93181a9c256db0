"""`vm-balancer init`: asks for the needed settings, tests each answer, writes the settings file and runs `check`.

Everything can be given by options and environment variables instead; then no terminal is needed. Nothing is written
before the last answer, and no file is replaced.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

from bot.cli import check
from bot.cli.arguments import OPTIONS, add_settings, settings_of
from bot.cli.output import OK, say
from bot.cli.parsing import Parser, make_parser, understood
from bot.cli.questions import is_interactive
from bot.config.env_file import quoted
from bot.config.loading import DEFAULT_ENV_FILE, find_settings, for_the_program
from bot.config.relative_paths import MEMORY, PATH_FIELDS
from bot.config.settings import SECRET_FILES, Settings, env_name
from bot.errors import ConfigError

HEADER = "# Settings of vm-balancer. All of them, with their meaning: config.env.example, or `vm-balancer config`.\n"


def parser() -> Parser:
    parser = make_parser("vm-balancer init", "Asks for the settings, tests them, writes them to .env and runs `check`.")
    add_settings(parser)
    parser.actions["config"].help = "settings file to make (default: .env in this folder)"
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    target = Path(given.config or DEFAULT_ENV_FILE)
    if target.exists():
        problems.append(f"{target} exists: move it away, edit it, or name another file with --config")
    elif not target.absolute().parent.is_dir():
        problems.append(f"{target} cannot be made: there is no folder {target.absolute().parent}")
    values = _as_givens(given)
    loaded = find_settings(values, os.devnull, options=OPTIONS, checks=lambda _settings: (), problems=problems)
    if loaded.problems:
        raise ConfigError(loaded.problems)
    from bot.cli.init_steps import Setup

    setup = Setup(values)
    if is_interactive():
        setup.ask_for_the_rest(target)
    elif setup.lacks_chat():
        setup.show_chats()
    _check_complete(setup.values)
    _write(target, setup.values)
    say(setup.texts.text("init-written", file=str(target)))
    code = check.run(["--config", str(target), "--listen", "0"])
    if code == OK:
        say(setup.texts.text("init-next"))
    return code


def _as_givens(given: argparse.Namespace) -> dict[str, str]:
    """Field -> text, from options and environment. Paths become absolute, because in a file they are relative to it."""
    values = {}
    options = settings_of(given)
    for field in Settings.model_fields:
        value = options.get(field, os.environ.get(env_name(field), ""))
        text = ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else value
        if field in PATH_FIELDS and text and text != MEMORY and text.isprintable() and not text.startswith("~"):
            text = str(Path(text).absolute())
        if text:
            values[field] = text
    return values


def _check_complete(values: Mapping[str, str]) -> None:
    """Refuses answers that do not suffice to start the program, because without a terminal no person can be asked."""
    loaded = find_settings(values, os.devnull, options=OPTIONS, checks=for_the_program)
    if loaded.problems:
        remedy = (
            "in a terminal `vm-balancer init` asks for the rest; without one, give it as environment variables or as "
            "options, which `vm-balancer init --help-settings` lists"
        )
        raise ConfigError([*loaded.problems, remedy])


def _write(target: Path, values: Mapping[str, str]) -> None:
    """Creates a file that only this user can read.

    Raises:
        ConfigError: the file cannot be written, or it was created meanwhile.
    """
    kept = {field for field, file in SECRET_FILES.items() if file in values}  # the secret stays in its own file
    lines = [f"{env_name(field)}={quoted(text)}\n" for field, text in values.items() if field not in kept]
    try:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="\n") as file:
            file.write("".join([HEADER, *lines]))
    except OSError as error:
        raise ConfigError(
            [f"{target} cannot be written ({error.strerror}): name another file with --config"]
        ) from error
