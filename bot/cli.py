"""The command line: arguments to settings, settings to the program, errors to one line and an exit code.

The only place that prints and exits. Imports of the larger parts wait until a command needs them, so that
`--help` and `plan` answer at once. Exit codes: 0 fine, 1 the work failed, 2 settings that cannot work.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bot.arguments import OPTIONS, add_settings, make_parser, settings_of, unknown
from bot.config import Settings
from bot.config_checks import MEMORY, Check, Problem, check_chat, check_files, check_panel, check_ssh, said
from bot.config_load import load_settings
from bot.errors import BalancerError, ConfigError
from bot.redact import Redactor
from bot.sanitize import one_line

if TYPE_CHECKING:
    from bot.app import VMBalancer

OK, FAILED, BAD_SETTINGS = 0, 1, 2
PRINTED = ("bot.notify",)
"""With --once, plan and outcome are printed: the notifier that logs them stays out of the terminal."""
log = logging.getLogger(__name__)

COMMANDS = {
    "run": "watch the clusters for ever (the default), or --once",
    "snapshot": "print the live state as JSON",
    "plan": "plan a saved snapshot, offline",
    "demo": "a panel, a chat and the bot on this machine, nothing to configure",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no arrow gets a question mark, not a traceback
            stream.reconfigure(errors="replace")
    code = _outcome(arguments)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _to_nowhere(sys.stdout)
        code = code or _unwritten(error)
    return code


def _outcome(arguments: list[str]) -> int:
    """A command's exit code, with every failure said in one line each."""
    command = arguments.pop(0) if arguments and not arguments[0].startswith("-") else "run"
    try:
        if command not in COMMANDS:
            raise ConfigError([f"{command!r} is not a command: the commands are {', '.join(COMMANDS)}"])
        return {"run": _run, "snapshot": _snapshot, "plan": _plan, "demo": _demo}[command](arguments)
    except ConfigError as error:
        _complain(*error.problems)
        return BAD_SETTINGS
    except BalancerError as error:
        _complain(str(error))
        return FAILED
    except KeyboardInterrupt:
        return OK
    except SystemExit as exit_:  # argparse's, after --help and --version
        return exit_.code if isinstance(exit_.code, int) else OK
    except Exception:
        # A defect: its trace goes where the log goes, which knows the secrets.
        log.exception("The program failed; please report this")
        return FAILED


# Commands -----------------------------------------------------------------------------------------


def _run(arguments: list[str]) -> int:
    parser = make_parser("vm-balancer", "Balances VMmanager 6 clusters, and asks before it moves.")
    parser.usage = f"vm-balancer [{' | '.join(COMMANDS)}] [options]"
    parser.epilog = "commands: " + "; ".join(f"{name}: {text}" for name, text in COMMANDS.items())
    parser.add_argument("--once", action="store_true", help="one cycle, carried through to its end")
    parser.add_argument("--yes", action="store_true", help="with --once: approve everything")
    parser.add_argument("--version", action="version", version=f"vm-balancer {_version()}")
    add_settings(parser)
    given, problems = _understood(parser, arguments)
    if given.yes and not given.once:
        problems.append("--yes is given without --once: it approves one cycle; for every cycle set BALANCE_MODE=auto")
    settings = _settings(given, problems, lambda settings: _run_checks(settings, given))
    looking = given.once and settings.dry_run
    _log_to(settings, to_file=not looking, hushed=PRINTED if given.once else ())
    return asyncio.run(_running(_leaving_no_trace(settings) if looking else settings, given, looking))


def _run_checks(settings: Settings, given: argparse.Namespace) -> list[Check]:
    checks: list[Check] = [check_panel, check_chat, check_ssh]
    if given.yes:
        checks.append(_check_yes)
    if not (given.once and settings.dry_run):
        checks.append(check_files)
    return checks


def _check_yes(settings: Settings) -> list[Problem]:
    text = f"--yes is given, but {said(settings, 'dry_run')}: add --no-dry-run to act, or leave out --yes to look"
    return [Problem(("dry_run",), text)] if settings.dry_run else []


async def _running(settings: Settings, given: argparse.Namespace, looking: bool) -> int:
    from bot.app import VMBalancer
    from bot.once import Terminal, run_once
    from bot.prompt import Prompt

    balancer = VMBalancer(settings=settings, exclusive=not looking)
    _stop_on_signals(balancer)
    async with balancer:
        if given.once:
            typing = sys.stdin is not None and sys.stdin.isatty()
            ask = Prompt(sys.stdin, lambda question: _say(question, end="")).ask if typing else None
            return await run_once(balancer, Terminal(_say, ask, given.yes))
        await balancer.run()
        return FAILED if balancer.failed else OK


def _snapshot(arguments: list[str]) -> int:
    from bot.app import VMBalancer
    from bot.offline import save_snapshot

    parser = make_parser("vm-balancer snapshot", "Prints the live state as JSON, with policy and recent events.")
    parser.usage = "vm-balancer snapshot [options] > FILE"
    add_settings(parser)
    given, problems = _understood(parser, arguments)
    settings = _leaving_no_trace(_settings(given, problems, lambda _settings: [check_panel, check_ssh]))
    _log_to(settings, to_file=False)

    async def work() -> None:
        async with VMBalancer(settings=settings, exclusive=False) as balancer:
            document = await save_snapshot(balancer)
        _print_all(document)

    asyncio.run(work())
    return OK


def _plan(arguments: list[str]) -> int:
    parser = make_parser("vm-balancer plan", "Plans a saved snapshot, or an instance of the neutral benchmark format.")
    parser.add_argument("file", help="made by `vm-balancer snapshot`; - reads standard input")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument("--strategy", help="smallest-first")
    parser.add_argument("--limit", type=int, help="most moves a cluster; 0 = no limit")
    parser.add_argument("--language", choices=("en", "ru"), default="en")
    given, problems = _understood(parser, arguments)
    if problems:
        raise ConfigError(problems)
    from bot.offline import plan_file
    from bot.texts import texts_for

    texts = texts_for(given.language)
    planned = plan_file(given.file, strategy=given.strategy, limit=given.limit, as_json=given.json, texts=texts)
    _complain(planned.stats)
    _print_all(planned.document)
    return OK


def _demo(arguments: list[str]) -> int:
    """The stand-ins start this program as their own child: nothing here knows more of them than the name."""
    if importlib.util.find_spec("sandbox") is None:
        _complain("The demo is not installed: take the source of the program and run `make demo`.")
        return FAILED
    command = [sys.executable, "-m", "sandbox", "demo", *arguments]
    if os.name == "posix":  # becomes the demo, so that every signal reaches the one who stops the parts
        os.execv(command[0], command)  # noqa: S606
    with subprocess.Popen(command) as child:  # noqa: S603
        while True:
            with suppress(KeyboardInterrupt):  # it got the Ctrl-C as well, and ends by itself
                return child.wait()


# Settings -----------------------------------------------------------------------------------------


def _understood(parser: argparse.ArgumentParser, arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The arguments, and a line for each that nobody understood."""
    given, left = parser.parse_known_args(arguments)
    return given, unknown(left, parser, list(COMMANDS))


def _settings(
    given: argparse.Namespace, problems: list[str], checks: Callable[[Settings], Iterable[Check]]
) -> Settings:
    return load_settings(settings_of(given), given.config, options=OPTIONS, checks=checks, problems=problems)


def _leaving_no_trace(settings: Settings) -> Settings:
    """For a command that only looks: no chat is spoken to, and no database made where there is none."""
    path = settings.database_path
    changes = {"telegram_bot_token": None, "database_path": path if path.exists() else Path(MEMORY)}
    return settings.model_copy(update=changes)


def _log_to(settings: Settings, *, to_file: bool, hushed: Sequence[str] = ()) -> None:
    from bot.logs import set_up_logging

    set_up_logging(settings, to_file=to_file, hushed=hushed)
    for note in settings.notes:
        log.warning("%s", note)


def _stop_on_signals(balancer: VMBalancer) -> None:
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(sign, balancer.stop)
        except NotImplementedError:  # Windows: the default handler raises KeyboardInterrupt, which main() takes
            return


# Output -------------------------------------------------------------------------------------------


def _say(text: str, end: str = "\n") -> None:
    """Prints; where nobody reads any more, the work goes on unseen."""
    try:
        print(text, end=end, flush=True)
    except OSError:
        _to_nowhere(sys.stdout)


def _print_all(document: str) -> None:
    """Prints what is the whole purpose of a command: cut short, the command has failed."""
    try:
        print(document, flush=True)
    except OSError as error:
        _to_nowhere(sys.stdout)
        raise SystemExit(_unwritten(error)) from None


def _unwritten(error: OSError) -> int:
    """Whoever closes a pipe early (`| head`) has what he wanted, and knows."""
    if not isinstance(error, BrokenPipeError):
        _complain(f"standard output cannot be written: {error.strerror}")
    return FAILED


def _complain(*lines: str) -> None:
    redact = Redactor()
    for line in lines:
        with suppress(OSError):
            print(one_line(redact(line)), file=sys.stderr, flush=True)


def _to_nowhere(stream: TextIO) -> None:
    """So that what is still in the buffer does not fail again when Python ends."""
    with open(os.devnull, "wb") as devnull:  # noqa: PTH123
        os.dup2(devnull.fileno(), stream.fileno())


def _version() -> str:
    try:
        return metadata.version("vm-balancer")
    except metadata.PackageNotFoundError:
        return "(not installed)"
