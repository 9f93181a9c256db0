"""`vm-balancer health`: whether the program of this database works. For containers, systemd, monitoring.

Reads only the database, and imports nothing slow.
"""

from __future__ import annotations

import json
import os
import socket
from datetime import datetime, timedelta, timezone

from bot.cli.arguments import add_settings
from bot.cli.given import read_leniently
from bot.cli.output import FAILED, OK, print_all, with_spaces
from bot.cli.parsing import Parser, make_parser, understood
from bot.config.settings import Settings
from bot.config.validation import MEMORY
from bot.domain.health import Health, judge
from bot.domain.heartbeat import Heartbeat
from bot.errors import ConfigError, StoreError
from bot.rendering.catalog import Texts, texts_for
from bot.rendering.phrases import duration
from bot.store.readonly import heartbeat_of


def parser() -> Parser:
    parser = make_parser("vm-balancer health", "Tells whether the program on DATABASE_PATH lives: exit 0 or 1.")
    parser.add_argument("--strict", action="store_true", help="exit 1 also while VMmanager or Telegram is out of reach")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    add_settings(parser)
    return parser


def run(arguments: list[str]) -> int:
    given, problems = understood(parser(), arguments)
    loaded = read_leniently(given, problems)
    if problems or "database_path" in loaded.broken:  # other broken settings do not matter for health
        raise ConfigError(loaded.problems)
    texts = texts_for(loaded.settings.bot_language)
    try:
        beat = _beat(loaded.settings)
    except (StoreError, ValueError) as error:
        return _say(given.json, "unreadable", texts.text("health-unreadable", problem=str(error)), 0, FAILED)
    health = judge(beat, datetime.now(timezone.utc), process_gone=beat is not None and _is_gone(beat))
    fine = health.state.alive and not (given.strict and health.state.degraded)
    return _say(
        given.json, health.state.value, _describe(texts, health, loaded.settings), health.for_s, OK if fine else FAILED
    )


def _beat(settings: Settings) -> Heartbeat | None:
    path = settings.database_path
    if str(path) == MEMORY:
        raise StoreError("DATABASE_PATH is :memory:, which no other process can read: set it to a file")
    try:
        return heartbeat_of(path)
    except OSError as error:  # a parent folder may not be read
        raise StoreError(f"the database {path} cannot be read: {error.strerror}") from error


def _is_gone(beat: Heartbeat) -> bool:
    """Whether the process certainly does not exist. Only POSIX can tell, and only on the machine of the process."""
    if os.name != "posix" or beat.host != socket.gethostname():
        return False
    try:
        os.kill(beat.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _say(as_json: bool, state: str, words: str, seconds: int, code: int) -> int:
    text = with_spaces(words)
    if as_json:
        print_all(json.dumps({"healthy": code == OK, "state": state, "seconds": seconds, "text": text}))
    else:
        print_all(text)
    return code


def _describe(texts: Texts, health: Health, settings: Settings) -> str:
    ago = duration(texts, timedelta(seconds=health.for_s))
    path = str(settings.database_path.absolute())
    return texts.text(f"health-{health.state.value}", ago=ago, problem=health.problem or "-", path=path)
