"""Reads files in JSON or TOML strictly, and reports all problems at once.

Each message names the place in the file, the value and the remedy. The content of each file is described in its module.
"""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.config.files import TooLarge, read_bytes
from bot.config.parsing import LARGEST_ID, needed, without_repeated_keys
from bot.errors import ConfigError

SHOWN = 60
LONGEST = 16 * 1024 * 1024


class Strict(BaseModel):
    """An object in such a file: unknown keys and values of another type are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


Document = TypeVar("Document", bound=Strict)


def word(value: Any, need: str) -> Any:
    """A text of printable characters, without surrounding spaces.

    Raises:
        ValueError: the value is something else; the message is ``need``.
    """
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError(need)
    return value.strip()


def id_or_name(value: Any, what: str) -> Any:
    """An id or a name.

    Raises:
        ValueError: the value is neither; the message is ``what``.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_ID:
        return value
    return word(value, what)


def read_strictly(path: Path, model: type[Document], remedy: str) -> Document:
    """
    Raises:
        ConfigError: the file is not readable, neither JSON nor TOML, or has invalid values; all problems at once.
    """
    document = _read(path, remedy)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ConfigError([f"{path}: {_complaint(e, document, model)}" for e in error.errors()]) from None


def _read(path: Path, remedy: str) -> Any:
    kind = path.suffix.lower()
    if kind not in (".json", ".toml"):
        raise ConfigError([f"{path}: the name of the file must end in .json or .toml, as its content is"])
    try:
        text = read_bytes(path, LONGEST).decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=without_repeated_keys) if kind == ".json" else _toml(text)
    except OSError as error:
        raise ConfigError([f"{path} cannot be read ({error.strerror}): {remedy}"]) from error
    except TooLarge as error:
        raise ConfigError([f"{path} is refused: {error}: {remedy}"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path} is not UTF-8: save it as UTF-8"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError([f"{path} is not {kind[1:].upper()} ({error}): {remedy}"]) from error


def _toml(text: str) -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _complaint(error: Any, document: Any, model: type[Strict]) -> str:
    """A message with path, value and remedy for one error of pydantic."""
    loc = error["loc"]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc).lstrip(".") or "the file"
    if error["type"] == "extra_forbidden":
        keys = _keys_at(model, loc[:-1])
        near = difflib.get_close_matches(str(loc[-1]), keys, n=1, cutoff=0.6)
        known = f"{near[0]} is probably meant" if near else f"known are {', '.join(keys)}"
        return f"{place} is not known here: {known}"
    if error["type"] == "missing":
        return f"{place} is missing: {needed(error)}"
    value = document
    for part in loc:
        value = value[part]
    shown = json.dumps(value, ensure_ascii=False, default=str)
    return f"{place} is {shown if len(shown) <= SHOWN else shown[:SHOWN] + '…'}: {needed(error)}"


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that the object at this place may have: at the top level in the order of the file, else sorted."""
    kind: Any = model
    for part in loc:
        is_object = isinstance(kind, type) and issubclass(kind, BaseModel)
        kind = kind.model_fields[part].annotation if is_object else get_args(kind)[-1]
    return sorted(kind.model_fields) if loc else list(kind.model_fields)
