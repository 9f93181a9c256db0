"""Reads values that people write: lists, mappings, addresses. Pure.

``ValueError`` says what is needed, without the value, which may contain a password.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.errors import ConfigError
from bot.panel.address import panel_address
from bot.ssh.address import parse_mapping

LARGEST_ID = 2**53 - 1
_SEPARATORS = re.compile(r"[,;\s]+")
_PROXY_SCHEMES = ("http", "https", "socks4", "socks5")
_BROKEN_SCHEME = re.compile(r"(?i)https?(:/?[^/]|/|:?$)")
"""https:/host, http//host: a slash or a colon is missing. Without this check the scheme would be the host's name."""


def ids(value: object) -> tuple[int, ...]:
    """Reads ``1,2,3``, ``1 2 3``, ``["1,", "2"]`` or numbers; each id once, in order."""
    return tuple(dict.fromkeys(map(_id, _items(value, _SEPARATORS.split))))


def names(value: object) -> tuple[str, ...]:
    """Reads names separated by commas; each once, in order. Names may contain spaces, and in double quotes commas."""
    return tuple(dict.fromkeys(_items(value, _comma_separated)))


def ssh_hosts(value: object) -> dict[str, str]:
    """Reads a JSON object or a mapping from a node's name or id to its address."""
    if isinstance(value, str):
        try:
            value = json.loads(value, object_pairs_hook=without_repeated_keys)
        except RepeatedKey:
            raise
        except (ValueError, RecursionError):
            value = None
    if not isinstance(value, Mapping) or not all(isinstance(v, str) and v.strip() for v in value.values()):
        raise ValueError('a JSON object from name to host is needed, such as {"node-1": "192.0.2.10"}')
    hosts = {str(k).strip(): v.strip() for k, v in value.items()}
    parse_mapping(hosts)
    return hosts


class RepeatedKey(ValueError):
    """A JSON object has a key twice, so one of the two values would be lost."""


def without_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these pairs, for ``json.loads``. Raises RepeatedKey if a key is repeated."""
    values: dict[str, Any] = {}
    for key, value in pairs:
        if key in values:
            raise RepeatedKey(f"{key!r} is in one object twice")
        values[key] = value
    return values


def chat_id(value: object) -> object:
    """Reads the id of a chat. People often write the name of a group, which Telegram accepts for public groups only."""
    if isinstance(value, str) and not re.fullmatch(r"[+-]?\d+", value.strip(), re.ASCII):
        raise ValueError("the numeric id of a person, or the negative id of a group, is needed, not a name")
    return value


def webhook_address(value: str) -> str:
    """Reads the address to which Telegram sends updates: https with a path; http only on this machine."""
    try:
        parts = urlsplit(value.strip())
        host, _port = parts.hostname, parts.port
    except ValueError:
        host = None
    else:
        plain = parts.scheme == "http" and host in ("localhost", "127.0.0.1", "::1")
        bare = not (parts.query or parts.fragment or parts.username or parts.password)
        if host and bare and parts.path.strip("/") and (parts.scheme == "https" or plain):
            return value.strip()
    raise ValueError("an https address with a path is needed, such as https://bot.example.com/telegram")


def address(value: str) -> str:
    """Reads an address: scheme, host, port and path; https if no scheme is written."""
    try:
        if _BROKEN_SCHEME.match(value.strip()):
            raise ConfigError(["a slash or a colon is missing"])
        return panel_address(value)
    except ConfigError:
        need = "an address such as https://host.example.com is needed, without user, password or query in it"
        raise ValueError(need) from None


def proxy(value: str) -> str:
    try:
        parts = urlsplit(value.strip())
        usable = parts.scheme in _PROXY_SCHEMES and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("an address such as socks5://user:password@host:1080 is needed")
    return value.strip()


def _items(value: object, split: Callable[[str], list[str]]) -> list[str]:
    """The items of a list in any form: one text with separators, several texts, or plain values."""
    many = [value] if isinstance(value, (str, int)) else value
    if not isinstance(many, Iterable):
        raise ValueError("values separated by commas are needed")
    parts = [part for item in many for part in split(str(item))]
    return [part.strip() for part in parts if part.strip()]


def _comma_separated(text: str) -> list[str]:
    try:
        return next(csv.reader([text], skipinitialspace=True, strict=True), [])
    except csv.Error:
        raise ValueError("names separated by commas are needed; close every double quote") from None


def _id(text: str) -> int:
    if not re.fullmatch("[0-9]{1,16}", text) or not 1 <= int(text) <= LARGEST_ID:
        raise ValueError("ids (whole numbers above 0) separated by commas are needed, such as 1,2,3")
    return int(text)


def needed(error: Any) -> str:
    """What is needed instead of a value that pydantic refused, in the words of this program."""
    context = error.get("ctx") or {}
    words = {
        "int_parsing": "a whole number is needed",
        "int_parsing_size": "a smaller whole number is needed",
        "int_from_float": "a whole number is needed",
        "int_type": "a whole number is needed",
        "float_parsing": "a number is needed",
        "float_type": "a number is needed",
        "finite_number": "a number is needed, not infinity",
        "bool_parsing": "true or false is needed",
        "bool_type": "true or false is needed",
        "literal_error": f"{_one_of(context)} is needed",
        "greater_than": f"a number above {context.get('gt')} is needed",
        "greater_than_equal": f"a number of at least {context.get('ge')} is needed",
        "missing": "it is required",
        "string_type": "a text in quotes is needed",
        "list_type": "a list is needed",
        "model_type": "a table of settings is needed",
        "model_attributes_type": "a table of settings is needed",
        "dict_type": "a table is needed",
        "less_than_equal": f"a number of at most {context.get('le')} is needed",
    }
    if error["type"] == "value_error":
        return str(context.get("error", error["msg"]))
    return words.get(error["type"], str(error["msg"]))


def _one_of(context: Mapping[str, Any]) -> str:
    return str(context.get("expected", "another value")).replace("'", "")
