"""Reads a settings file (`.env`), and writes a value in its format. Reads names and lines, and checks no value.

A value is taken literally: `${NAME}` is not replaced, because a password may look like that.
"""

from __future__ import annotations

import difflib
import io
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from dotenv.parser import parse_stream

from bot.config.files import TooLarge, read_bytes
from bot.errors import ConfigError

LONGEST = 1024 * 1024
_PLAIN = re.compile(r"[^\s'\"#\\`$]+")


class Line(NamedTuple):
    """A value and the number of the line where it begins."""

    value: str
    number: int


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """The values of a file by name. ``problems``: lines that cannot be understood; ``notes``: probable mistakes."""

    path: Path
    values: dict[str, Line] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def place(self, name: str) -> str:
        return f"{self.path} line {self.values[name].number}"

    def place_of(self, name: str) -> str | None:
        """The place of a value; ``None`` if the file does not have it."""
        return self.place(name) if name in self.values else None


def read_config_file(path: Path, *, required: bool, known: Collection[str]) -> ConfigFile:
    """The file, or an empty one if it does not exist and is not required. It is read once: it may be a pipe.

    Raises:
        ConfigError: the file is missing, unreadable, a folder or not UTF-8.
    """
    try:
        text = read_bytes(path, LONGEST).decode("utf-8-sig")
    except FileNotFoundError:
        if not required:
            return ConfigFile(path)
        remedy = "name an existing one, or make one from config.env.example"
        raise ConfigError([f"the settings file {str(path)!r} does not exist: {remedy}"]) from None
    except OSError as error:
        problem = (
            f"the settings file {str(path)!r} cannot be read ({error.strerror}): correct its rights or name another"
        )
        raise ConfigError([problem]) from error
    except TooLarge as error:
        raise ConfigError([f"the settings file {str(path)!r} is refused: {error}; name another"]) from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"the settings file {str(path)!r} is not UTF-8 in line {line}: save it as UTF-8"]) from None
    return _parsed(path, text, known)


def _parsed(path: Path, text: str, known: Collection[str]) -> ConfigFile:
    values: dict[str, Line] = {}
    problems: list[str] = []
    notes: list[str] = []
    for binding in parse_stream(io.StringIO(text)):
        written, name = binding.original.string, binding.key
        number = binding.original.line + written[: len(written) - len(written.lstrip())].count("\n")
        if binding.error or (name is not None and binding.value is None):
            # Never the line itself: it may be a password without its closing quote.
            problems.append(f"{path} line {number} cannot be understood: write NAME=value and close every quote")
        elif name is not None and binding.value is not None:
            notes += _notes(path, name, number, values, known)
            values[name] = Line(binding.value, number)
    return ConfigFile(path, values, tuple(problems), tuple(notes))


def _notes(path: Path, name: str, number: int, before: dict[str, Line], known: Collection[str]) -> list[str]:
    if name in known:
        if name not in before:
            return []
        return [f"{name} is in {path} twice, in lines {before[name].number} and {number}: the last one counts"]
    near = difflib.get_close_matches(name.upper(), sorted(known), n=1, cutoff=0.8)
    if not near:
        return []
    return [f"{name} in {path} line {number} is not a setting and does nothing: {near[0]} is probably meant"]


def quoted(value: str) -> str:
    """A value in the format of the file: without quotes if that is safe, else in single quotes."""
    if not value or _PLAIN.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
