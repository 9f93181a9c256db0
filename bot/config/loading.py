"""Reads the settings. Arguments come before the environment, this before the settings file, this before defaults.

All problems are reported at once: values, missing settings, contradictions, unreadable lines. Each is one line with
setting, value, place and remedy, and never with a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from bot.config.chats_file import check_chats_file
from bot.config.clusters_file import check_clusters_file
from bot.config.env_file import read_config_file
from bot.config.parsing import needed
from bot.config.settings import Settings, env_name, is_secret
from bot.config.sources import Given, gather
from bot.config.validation import REQUIRED, Check, Problem, check_chat, check_panel, check_people, check_ssh, notes
from bot.domain.sanitize import Redactor, with_parts
from bot.errors import ConfigError

DEFAULT_ENV_FILE = ".env"
HIDDEN = "(hidden)"
SHOWN = 100
NAMES = tuple(env_name(field) for field in Settings.model_fields)
_ADDRESSES = frozenset({"vmmanager_host", "telegram_api_url", "ssh_hosts_mapping"})


def for_the_program(_settings: Settings) -> Iterable[Check]:
    """The checks for every program that talks to VMmanager, and to the chat if there is one."""
    return (check_panel, check_chat, check_people, check_ssh, check_clusters_file, check_chats_file)


class LoadedSettings(NamedTuple):
    """The readable settings, and the problems of the others."""

    settings: Settings
    problems: tuple[str, ...]
    broken: frozenset[str]
    """Fields with an invalid value; ``settings`` has their default instead."""


def load_settings(
    arguments: Mapping[str, Any] | None = None,
    env_file: str | Path | None = None,
    *,
    options: Mapping[str, str] | None = None,
    checks: Callable[[Settings], Iterable[Check]] = for_the_program,
    problems: Sequence[str] = (),
) -> Settings:
    """Settings from arguments, environment and settings file.

    Args:
        arguments: field name -> value; ``None`` = not given, an empty text = the default.
        env_file: a settings file that must exist; ``None`` reads `.env` in the current folder if there is one.
        options: field name -> the option that an argument came from, for messages.
        checks: the checks that the settings must pass.
        problems: problems that the caller has already found.

    Raises:
        ConfigError: all problems, one per line.
    """
    loaded = find_settings(arguments, env_file, options=options, checks=checks, problems=problems)
    if loaded.problems:  # a note about a typo may explain a missing setting
        raise ConfigError([*loaded.problems, *loaded.settings.notes])
    return loaded.settings


def find_settings(
    arguments: Mapping[str, Any] | None = None,
    env_file: str | Path | None = None,
    *,
    options: Mapping[str, str] | None = None,
    checks: Callable[[Settings], Iterable[Check]] = for_the_program,
    problems: Sequence[str] = (),
) -> LoadedSettings:
    """Like ``load_settings``, but returns the problems together with the readable settings.

    Raises:
        ConfigError: the settings file cannot be read.
    """
    path = Path(env_file) if env_file is not None else Path(DEFAULT_ENV_FILE)
    try:
        file = read_config_file(path, required=env_file is not None, known=NAMES)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    given, unreadable, remarks = gather(arguments or {}, options or {}, file, named_file=env_file is not None)
    settings, refused = _read(given, unreadable)
    wrong = {**unreadable, **refused}
    places = {field: value.place for field, value in given.items() if value.value != "" and field not in unreadable}
    settings = settings.with_origin(places, remarks)
    failed = [p for check in checks(settings) for p in check(settings) if wrong.keys().isdisjoint(p.fields)]
    missing = None if env_file is not None or path.exists() else path
    everything = (*problems, *file.problems, *wrong.values(), *_explain_missing_file(failed, missing))
    if not everything:
        settings = settings.with_origin(places, (*remarks, *notes(settings)))
    return LoadedSettings(settings, everything, frozenset(wrong))


def understand(field: str, text: str, place: str) -> Any:
    """The value of a text that a person wrote, read like a value of the settings file.

    Raises:
        ConfigError: the value is not valid; the text has the setting, the value and what is needed.
    """
    values: dict[str, Any] = {field: text.strip()}
    try:
        return getattr(Settings(**values), field)
    except ValidationError as error:
        raise ConfigError([_problem(Given(text, place), error.errors()[0], Redactor([]))]) from None


def _read(given: Mapping[str, Given], unreadable: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """The settings, with the default instead of each invalid value; and the problems by field."""
    values = {field: g.value for field, g in given.items() if g.value != "" and field not in unreadable}
    try:
        return Settings(**values), {}
    except ValidationError as error:
        redact = Redactor(_secrets(given))
        refused = {str(e["loc"][0]): _problem(given[str(e["loc"][0])], e, redact) for e in error.errors()}
    return Settings(**{field: value for field, value in values.items() if field not in refused}), refused


def _explain_missing_file(problems: Sequence[Problem], missing: Path | None) -> list[str]:
    """The problems as text. If nothing is set and there is no settings file, one line replaces three."""
    unset = [
        p for p in problems if p.fields[0] in REQUIRED and p.text.startswith(f"{env_name(p.fields[0])} is not set")
    ]
    if missing is None or len(unset) < len(REQUIRED):
        return [p.text for p in problems]
    remedy = "run `vm-balancer init`, copy config.env.example there, or name a settings file with --config"
    first = f"there is no {missing.name} in {missing.absolute().parent}: {remedy}"
    return [first, *(p.text for p in problems if p not in unset)]


def _problem(given: Given, error: Any, redact: Redactor) -> str:
    field = str(error["loc"][0])
    return f"{env_name(field)} is {_shown(field, given.value, redact)} ({given.place}): {needed(error)}"


def _shown(field: str, value: Any, redact: Redactor) -> str:
    """The value for a message; hidden if it is a secret or may hold one."""
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    if is_secret(field) or (field in _ADDRESSES and re.search("[@?#]", text)):
        return HIDDEN
    text = redact(text)
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def _secrets(given: Mapping[str, Given]) -> list[str]:
    return [part for field, g in given.items() if is_secret(field) for part in with_parts(_plain(g.value))]


def _plain(value: Any) -> str:
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
