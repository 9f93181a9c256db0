"""Where settings come from: arguments over environment over a `.env` file over defaults, in one place.

Everything that is wrong is said at once: values, missing settings, contradictions, unreadable lines; each
in one line with setting, value, place and remedy, and never with a secret.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from bot.config.chats_file import check_chats_file
from bot.config.clusters_file import check_clusters_file
from bot.config.env_file import ConfigFile, read_config_file
from bot.config.parsing import needed
from bot.config.relative_paths import DEFAULT_FILES, PATH_FIELDS, base_folder, resolve_path
from bot.config.secret_files import Unusable, credential, exposure, read_secret
from bot.config.settings import SECRET_FILES, Settings, env_name, is_secret
from bot.config.validation import REQUIRED, Check, Problem, check_chat, check_panel, check_people, check_ssh, notes
from bot.domain.redact import Redactor, with_parts
from bot.errors import ConfigError

DEFAULT_ENV_FILE = ".env"
HIDDEN = "(hidden)"
SHOWN = 100
NAMES = tuple(env_name(field) for field in Settings.model_fields)
_ADDRESSES = frozenset({"vmmanager_host", "telegram_api_url", "ssh_hosts_mapping"})


def for_the_program(_settings: Settings) -> Iterable[Check]:
    """What every program that talks to VMmanager, and to the chat if there is one, has to pass."""
    return (check_panel, check_chat, check_people, check_ssh, check_clusters_file, check_chats_file)


class Given(NamedTuple):
    """A value as somebody wrote it, and where."""

    value: Any
    place: str


class Found(NamedTuple):
    """Settings as far as they can be understood, and what is wrong with the rest."""

    settings: Settings
    problems: tuple[str, ...]
    broken: frozenset[str]
    """Fields whose value makes no sense; ``settings`` has their default instead."""


def load_settings(
    arguments: Mapping[str, Any] | None = None,
    env_file: str | Path | None = None,
    *,
    options: Mapping[str, str] | None = None,
    checks: Callable[[Settings], Iterable[Check]] = for_the_program,
    problems: Sequence[str] = (),
) -> Settings:
    """Settings from arguments, environment and `.env`.

    Raises:
        ConfigError: everything that does not fit, one line each.
    """
    found = find_settings(arguments, env_file, options=options, checks=checks, problems=problems)
    if found.problems:  # a typo may explain what is missing
        raise ConfigError([*found.problems, *found.settings.notes])
    return found.settings


def find_settings(
    arguments: Mapping[str, Any] | None = None,
    env_file: str | Path | None = None,
    *,
    options: Mapping[str, str] | None = None,
    checks: Callable[[Settings], Iterable[Check]] = for_the_program,
    problems: Sequence[str] = (),
) -> Found:
    """As ``load_settings``, for those who show what is wrong beside what is right.

    Args:
        arguments: field name -> value; ``None`` stands for "not given", an empty text for the default.
        env_file: a file that must exist; ``None`` reads `.env` of the current folder where there is one.
        options: field name -> the option that an argument came from, for messages.
        checks: what settings like these must be fit for.
        problems: what the caller found wrong already.
    Raises:
        ConfigError: the file cannot be read, so nothing is known.
    """
    path = Path(env_file) if env_file is not None else Path(DEFAULT_ENV_FILE)
    try:
        file = read_config_file(path, required=env_file is not None, known=NAMES)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    given = dict(_given(arguments or {}, options or {}, file))
    moved = [] if env_file is None else _resolve_paths(given, file)
    wrong, exposed = _take_from_files(given)
    values = {field: g.value for field, g in given.items() if g.value != "" and field not in wrong}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        redact = Redactor(_secrets(given))
        for found_wrong in error.errors():
            field = str(found_wrong["loc"][0])
            wrong[field] = _problem(field, given[field], found_wrong, redact)
        settings = Settings(**{field: value for field, value in values.items() if field not in wrong})
    places = {field: given[field].place for field in values}
    seen = (*file.notes, *moved, *exposed, *_exposed(file))
    settings = settings.came_from(places, seen)
    against = [p for check in checks(settings) for p in check(settings) if wrong.keys().isdisjoint(p.fields)]
    found = _explain_missing_file(against, None if env_file is not None or path.exists() else path)
    everything = (*problems, *file.problems, *wrong.values(), *found)
    if not everything:
        settings = settings.came_from(places, (*seen, *notes(settings)))
    return Found(settings, everything, frozenset(wrong))


def _explain_missing_file(problems: Sequence[Problem], missing: Path | None) -> list[str]:
    """The problems as text. Where nothing is set and there is no settings file, one line says so instead of three."""
    unset = [
        p for p in problems if p.fields[0] in REQUIRED and p.text.startswith(f"{env_name(p.fields[0])} is not set")
    ]
    if missing is None or len(unset) < len(REQUIRED):
        return [p.text for p in problems]
    remedy = "run `vm-balancer init`, copy config.env.example there, or name a settings file with --config"
    first = f"there is no {missing.name} in {missing.absolute().parent}: {remedy}"
    return [first, *(p.text for p in problems if p not in unset)]


def understand(field: str, text: str, place: str) -> Any:
    """One value as a person wrote it, judged as in the settings file.

    Raises:
        ConfigError: it makes no sense; setting, value and what is needed.
    """
    try:
        values: dict[str, Any] = {field: text.strip()}
        return getattr(Settings(**values), field)
    except ValidationError as error:
        problem = _problem(field, Given(text, place), error.errors()[0], Redactor([]))
        raise ConfigError([problem]) from None


def _given(arguments: Mapping[str, Any], options: Mapping[str, str], file: ConfigFile) -> Iterator[tuple[str, Given]]:
    """The order of precedence. An empty line or variable is as good as none; an empty argument is not."""
    for field in Settings.model_fields:
        name = env_name(field)
        verbatim = is_secret(field)
        if arguments.get(field) is not None:
            yield field, Given(arguments[field], options.get(field, "argument"))
        elif value := _text(os.environ.get(name, ""), verbatim):
            yield field, Given(value, "environment")
        elif name in file.values and (value := _text(file.values[name].value, verbatim)):
            yield field, Given(value, file.place(name))


def _resolve_paths(given: dict[str, Given], file: ConfigFile) -> list[str]:
    """Makes the relative paths of a settings file absolute; a note for each file that is in the current folder."""
    folder = base_folder(file.path)
    if folder is None:
        return []
    notes = []
    for field in PATH_FIELDS:
        default = str(Settings.model_fields[field].default) if field in DEFAULT_FILES else ""
        written = given.get(field, Given(default, "default"))
        if not written.value or written.place not in ("default", file.place_of(env_name(field))):
            continue
        path, in_current_folder = resolve_path(str(written.value).strip(), folder)
        given[field] = Given(path, written.place)
        if in_current_folder:
            notes.append(
                f"{env_name(field)} is {path}: a relative path counts from {folder}, the folder of the settings file, "
                f"but the file is in the current folder; write the whole path into {file.path}"
            )
    return notes


def _take_from_files(given: dict[str, Given]) -> tuple[dict[str, str], list[str]]:
    """Puts the secrets that stand in files among the values; what is wrong, by secret, and who else can read them.

    A secret given in two ways: none of them is guessed to be the right one.
    """
    wrong: dict[str, str] = {}
    exposed: list[str] = []
    for field, setting in SECRET_FILES.items():
        sources = _sources(field, given.get(setting))
        direct = given.get(field)
        places = [direct.place] if direct is not None and direct.value != "" else []
        places += [said for _, said in sources]
        if len(places) > 1:
            wrong[field] = f"{env_name(field)} is given {len(places)} times ({'; '.join(places)}): keep one"
            continue
        for path, said in sources:
            try:
                given[field] = Given(read_secret(path), said)
            except Unusable as error:
                wrong[field] = f"{said}: {error}; name a file with the secret on its only line that this user may read"
            warning = exposure(path)
            exposed += [warning] if warning else []
    return wrong, exposed


def _sources(field: str, named: Given | None) -> list[tuple[Path, str]]:
    """The files that are to hold a secret, each with its place. A path that makes no sense is Settings' to refuse."""
    found = []
    text = "" if named is None else str(named.value).strip()
    if named is not None and text and text.isprintable():
        with suppress(RuntimeError):  # ~nobody
            path = Path(text).expanduser()
            found.append((path, f"{env_name(SECRET_FILES[field])}={path} ({named.place})"))
    handed = credential(field)
    if handed is not None:
        found.append((handed, f"systemd credential {field}"))
    return found


def _exposed(file: ConfigFile) -> list[str]:
    """The same for the settings file itself, where it holds secrets."""
    held = any(name in file.values and file.values[name].value.strip() for name in map(env_name, SECRET_FILES))
    warning = exposure(file.path) if held else None
    return [warning] if warning else []


def _text(written: str, verbatim: bool) -> str:
    return written if verbatim else written.strip()


def _problem(field: str, given: Given, error: Any, redact: Redactor) -> str:
    return f"{env_name(field)} is {_shown(field, given.value, redact)} ({given.place}): {needed(error)}"


def _shown(field: str, value: Any, redact: Redactor) -> str:
    """The value for a message; hidden where it is a secret or may hold one."""
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    if is_secret(field) or (field in _ADDRESSES and re.search("[@?#]", text)):
        return HIDDEN
    text = redact(text)
    return repr(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


def _secrets(given: Mapping[str, Given]) -> list[str]:
    return [part for field, g in given.items() if is_secret(field) for part in with_parts(_plain(g.value))]


def _plain(value: Any) -> str:
    return str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
