"""What the commands share: settings from the arguments, the log, signals."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from bot.cli.arguments import OPTIONS, settings_of
from bot.config.loading import LoadedSettings, find_settings, for_the_program, load_settings
from bot.config.settings import Settings
from bot.config.validation import Check

if TYPE_CHECKING:
    from bot.app.program import VMBalancer

log = logging.getLogger(__name__)


def read_settings(
    given: argparse.Namespace, problems: list[str], checks: Callable[[Settings], Iterable[Check]]
) -> Settings:
    return load_settings(settings_of(given), given.config, options=OPTIONS, checks=checks, problems=problems)


def read_leniently(
    given: argparse.Namespace,
    problems: list[str],
    checks: Callable[[Settings], Iterable[Check]] = for_the_program,
) -> LoadedSettings:
    """For commands that are useful with broken settings too."""
    return find_settings(settings_of(given), given.config, options=OPTIONS, checks=checks, problems=problems)


def leaving_no_trace(settings: Settings) -> Settings:
    """The settings without a chat, for a command that only reads."""
    return settings.model_copy(update={"telegram_bot_token": None})


def log_to(settings: Settings, *, to_file: bool, hushed: Sequence[str] = (), to_terminal: bool = True) -> None:
    from bot.observability.logging_setup import set_up_logging

    set_up_logging(settings, to_file=to_file, hushed=hushed, instead=None if to_terminal else logging.NullHandler())
    for note in settings.notes:
        log.warning("%s", note)


def stop_on_signals(balancer: VMBalancer) -> None:
    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(sign, balancer.stop)
        except NotImplementedError:  # Windows: the default handler raises KeyboardInterrupt, which main() handles
            return


def reload_on_signal(balancer: VMBalancer) -> None:
    """Reads the settings again at SIGHUP; Windows has no such signal."""
    if hasattr(signal, "SIGHUP"):
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, balancer.reload)
