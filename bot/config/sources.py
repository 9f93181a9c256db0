"""The sources of settings: an option, the environment, the settings file, a file with a secret.

Gathers the written values, each with its place. Does not parse values and has no defaults. The first source that has a
value is used. ``Settings`` (pydantic-settings) gets only these values, as arguments. The library's own sources replace
``${…}`` in a password and do not know the line of a file. A custom source would need a new class of settings at each
load, because the library asks the class for its sources.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from bot.config.env_file import ConfigFile
from bot.config.relative_paths import DEFAULT_FILES, PATH_FIELDS, base_folder, resolve_path
from bot.config.secret_files import Unusable, credential, exposure, read_secret
from bot.config.settings import SECRET_FILES, Settings, env_name, is_secret

OLD_LANGUAGE = "VM_BALANCER_LANG"


class Given(NamedTuple):
    """A written value, and its place."""

    value: Any
    place: str


class Gathered(NamedTuple):
    """``values`` by field; ``problems`` by field, about secrets that are not readable; ``notes`` for the person."""

    values: dict[str, Given]
    problems: dict[str, str]
    notes: list[str]


def gather(arguments: Mapping[str, Any], options: Mapping[str, str], file: ConfigFile, *, named_file: bool) -> Gathered:
    """All values that are given.

    Args:
        arguments: field name -> value; ``None`` = not given, an empty text = the default.
        options: field name -> the option that an argument came from, for its place.
        named_file: the file was named with ``--config``, so its relative paths start in its folder.
    """
    values = dict(_by_precedence(arguments, options, file))
    notes = _resolve_paths(values, file) if named_file else []
    problems, exposed = _read_secret_files(values)
    return Gathered(values, problems, [*file.notes, *notes, *exposed, *_exposed(file), *_quoted(values)])


def _by_precedence(
    arguments: Mapping[str, Any], options: Mapping[str, str], file: ConfigFile
) -> Iterator[tuple[str, Given]]:
    """Field -> the value of the first source that has one. An empty variable or line is no value; an empty argument
    is one."""
    for field in Settings.model_fields:
        name = env_name(field)
        if arguments.get(field) is not None:
            yield field, Given(arguments[field], options.get(field, "argument"))
        elif value := _text(field, os.environ.get(name, "")):
            yield field, Given(_one_line(value) if is_secret(field) else value, "environment")
        elif name in file.values and (value := _text(field, file.values[name].value)):
            yield field, Given(value, file.place(name))
        elif field == "bot_language" and (old := _language_of_version_2(file)) is not None:
            yield field, old


def _language_of_version_2(file: ConfigFile) -> Given | None:
    """The value of VM_BALANCER_LANG, the name of BOT_LANGUAGE in version 2. It may have a region: ru_RU.UTF-8."""
    if written := os.environ.get(OLD_LANGUAGE, "").strip():
        return Given(re.split("[_.-]", written)[0], f"environment, {OLD_LANGUAGE}")
    if OLD_LANGUAGE in file.values and (written := file.values[OLD_LANGUAGE].value.strip()):
        return Given(re.split("[_.-]", written)[0], f"{file.place(OLD_LANGUAGE)}, {OLD_LANGUAGE}")
    return None


def _one_line(secret: str) -> str:
    """A secret from the environment without a newline at its end, as from a file."""
    return secret.removesuffix("\n").removesuffix("\r")


def _quoted(values: Mapping[str, Given]) -> list[str]:
    """Notes about secrets in quotes: a shell removes the quotes, Docker's --env-file does not."""
    names = []
    for field, (value, place) in values.items():
        text = str(value) if is_secret(field) else ""
        if place == "environment" and len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
            names.append(f"{env_name(field)} ({place}) stands in quotes, which are taken as a part of it: remove them")
    return names


def _text(field: str, written: str) -> str:
    """The text of a value without surrounding spaces; a secret is not changed, because it may have spaces there."""
    return written if is_secret(field) else written.strip()


def _resolve_paths(values: dict[str, Given], file: ConfigFile) -> list[str]:
    """Makes the relative paths of a settings file absolute. Returns a note for each file in the current folder."""
    folder = base_folder(file.path)
    if folder is None:
        return []
    notes = []
    for field in PATH_FIELDS:
        default = str(Settings.model_fields[field].default) if field in DEFAULT_FILES else ""
        written = values.get(field, Given(default, "default"))
        if not written.value or written.place not in ("default", file.place_of(env_name(field))):
            continue
        path, in_current_folder = resolve_path(str(written.value).strip(), folder)
        values[field] = Given(path, written.place)
        if in_current_folder:
            notes.append(
                f"{env_name(field)} is {path}: a relative path counts from {folder}, the folder of the settings file, "
                f"but the file is in the current folder; write the whole path into {file.path}"
            )
    return notes


def _read_secret_files(values: dict[str, Given]) -> tuple[dict[str, str], list[str]]:
    """Adds the secrets of files to the values. Returns problems by field, and warnings about files that others can
    read.

    A secret with two sources is refused: the program does not guess which one is right.
    """
    problems: dict[str, str] = {}
    exposed: list[str] = []
    for field, setting in SECRET_FILES.items():
        files = _secret_files_of(field, values.get(setting))
        direct = values.get(field)
        places = [direct.place] if direct is not None and direct.value != "" else []
        places += [place for _, place in files]
        if len(places) > 1:
            problems[field] = f"{env_name(field)} is given {len(places)} times ({'; '.join(places)}): keep one"
            continue
        for path, place in files:
            try:
                values[field] = Given(read_secret(path), place)
            except Unusable as error:
                remedy = "name a file with the secret on its only line that this user may read"
                problems[field] = f"{place}: {error}; {remedy}"
            warning = exposure(path)
            exposed += [warning] if warning else []
    return problems, exposed


def _secret_files_of(field: str, named: Given | None) -> list[tuple[Path, str]]:
    """The files for a secret, each with its place. Settings refuses an invalid path."""
    files = []
    text = "" if named is None else str(named.value).strip()
    if named is not None and text and text.isprintable():
        with suppress(RuntimeError):  # ~nobody
            path = Path(text).expanduser()
            files.append((path, f"{env_name(SECRET_FILES[field])}={path} ({named.place})"))
    handed = credential(field)
    if handed is not None:
        files.append((handed, f"systemd credential {field}"))
    return files


def _exposed(file: ConfigFile) -> list[str]:
    """A warning about the settings file, if it holds secrets and others can read it."""
    held = any(name in file.values and file.values[name].value.strip() for name in map(env_name, SECRET_FILES))
    warning = exposure(file.path) if held else None
    return [warning] if warning else []
