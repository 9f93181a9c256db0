"""The command line: arguments to settings, settings to the program, errors to one line and an exit code.

The only package that prints and exits; one module for each command. Larger parts are imported when a command needs
them, so that `--help` and `plan` answer at once. Exit codes: 0 success, 1 the work failed, 2 settings that cannot
work.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

from bot.cli.commands import COMMANDS
from bot.cli.output import BAD_SETTINGS, FAILED, OK, complain, print_all, to_nowhere, unwritten
from bot.domain.version import VERSION
from bot.errors import BalancerError, ConfigError, PanelUnavailable

__all__ = ["BAD_SETTINGS", "COMMANDS", "FAILED", "OK", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal without arrows shows a question mark instead of an error
            stream.reconfigure(errors="replace")
    code = _print_version() if arguments == ["--version"] else _outcome(arguments)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        to_nowhere(sys.stdout)
        code = code or unwritten(error)
    return code


def _print_version() -> int:
    """Prints the version without the settings, whose import takes most of the time of a short command."""
    print_all(f"vm-balancer {VERSION}")
    return OK


def _unknown_command(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, COMMANDS, n=1, cutoff=0.7)
    if near:
        return f"{word!r} is not a command: {near[0]} is probably meant"
    return f"{word!r} is not a command: the commands are {', '.join(COMMANDS)}"


def _outcome(arguments: list[str]) -> int:
    """The exit code of a command. Each failure is printed as one line."""
    command = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "run"
    try:
        if command not in COMMANDS:
            raise ConfigError([_unknown_command(command)])
        run: Callable[[list[str]], int] = importlib.import_module(f"bot.cli.{command.replace('-', '_')}").run
        return run(arguments)
    except ConfigError as error:
        complain(*error.problems)
        return BAD_SETTINGS
    except BalancerError as error:
        remedy = "; check VMMANAGER_HOST and the network: `vm-balancer check` tests each step"
        complain(f"{error}{remedy if isinstance(error, PanelUnavailable) else ''}")
        return FAILED
    except KeyboardInterrupt:
        return OK
    except SystemExit as exit_:  # argparse's, after --help and --version
        return exit_.code if isinstance(exit_.code, int) else OK
    except Exception:
        # A defect: its traceback goes to the log, which removes secrets.
        import logging

        logging.getLogger(__name__).exception("The program failed; please report this")
        return FAILED
