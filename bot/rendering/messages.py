"""Formats the common kinds of messages without Fluent, which takes three times as long to import as Python to start.

What Fluent's syntax has besides (several lines of text, terms, references, escapes) is left to Fluent: ``parse``
returns ``None``, or ``write`` raises Unusual. A test compares both for every message of the catalogues.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

DIGITS: Mapping[str, tuple[int, int]] = {"CPU": (1, 1), "LOAD": (0, 2), "MEMORY": (0, 0)}
"""Least and most decimals of a node's figures for people: vCPUs per CPU, measured load per CPU, percent of memory."""
MOST_DIGITS = 3
LONGEST_PART = 2500
"""Characters of an argument; Fluent refuses longer ones."""
PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})
_NUMBER = {"minimumFractionDigits", "maximumFractionDigits", "useGrouping"}

_NAME = r"[a-zA-Z][a-zA-Z0-9_-]*"
_START = re.compile(rf" *{_NAME} *= *")
_TEXT = re.compile(r"[^{}\n]+")
_PLACEABLE = re.compile(
    rf"\{{ *(?:\"(?P<literal>[^\"\\\n]*)\"|\$(?P<name>{_NAME})"
    rf"|(?P<function>[A-Z]+)\(\$(?P<argument>{_NAME})(?:, *\$(?P<limit>{_NAME}))?"
    rf"(?P<options>(?:, *[a-zA-Z]+: *\d+)*)\)) *(?P<end>\}}|-> *\n)"
)
_OPTION = re.compile(r"([a-zA-Z]+): *(\d+)")
_VARIANT = re.compile(rf" +(?P<default>\*?)\[ *(?P<key>{_NAME}|\d+) *\] *")
_END_OF_VARIANTS = re.compile(r" *\}")
_REST = re.compile(r"\n(?:\n|#[^\n]*(?:\n|$))*$")
"""After the message: empty lines and comments."""


class Unusual(Exception):
    """These arguments, or this message, are left to Fluent."""


class Figure(NamedTuple):
    """A number and how it is written."""

    value: float
    least: int = 0
    most: int = MOST_DIGITS
    grouped: bool = True


@dataclass(frozen=True, slots=True)
class Value:
    """One argument of a message, and the function that gives its number a form."""

    name: str
    function: str = ""
    limit: str = ""
    """The argument from which a figure must differ to the reader."""
    options: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several texts, by the value of an argument."""

    by: Value
    variants: tuple[tuple[str | int, Pattern], ...]
    default: int


Pattern = tuple["str | Value | Choice", ...]
"""A message, or a variant of one."""


# --- reading ---------------------------------------------------------------------------------------------------


def parse(source: str) -> Pattern | None:
    """The message of this source (``key = text``); ``None`` = Fluent has to read it."""
    start = _START.match(source)
    if start is None:
        return None
    try:
        pattern, at = _pattern(source, start.end())
    except Unusual:
        return None
    return pattern if pattern and (at == len(source) or _REST.match(source, at)) else None


def _pattern(source: str, at: int) -> tuple[Pattern, int]:
    """Text and placeables up to the end of the line, and where that is."""
    parts: list[str | Value | Choice] = []
    while at < len(source) and source[at] != "\n":
        text = _TEXT.match(source, at)
        if text is not None:
            parts.append(text[0])
            at = text.end()
        else:
            part, at = _placeable(source, at)
            parts.append(part)
    if parts and isinstance(parts[-1], str) and source[at - 1] != "}":
        parts[-1] = parts[-1].rstrip(" ")
    return tuple(parts), at


def _placeable(source: str, at: int) -> tuple[str | Value | Choice, int]:
    found = _PLACEABLE.match(source, at)
    if found is None:
        raise Unusual
    if found["literal"] is not None:
        if found["end"] != "}":
            raise Unusual
        return found["literal"], found.end()
    options = {name: int(value) for name, value in _OPTION.findall(found["options"] or "")}
    value = Value(found["name"] or found["argument"], found["function"] or "", found["limit"] or "", options)
    if not _is_known(value):
        raise Unusual
    return (value, found.end()) if found["end"] == "}" else _choice(source, found.end(), value)


def _is_known(value: Value) -> bool:
    if value.function == "NUMBER":
        return not value.limit and value.options.keys() <= _NUMBER
    return not value.options and (not value.function or value.function in DIGITS)


def _choice(source: str, at: int, by: Value) -> tuple[Choice, int]:
    """The variants, one on each line."""
    variants: list[tuple[str | int, Pattern]] = []
    default = None
    while (found := _VARIANT.match(source, at)) is not None:
        if found["default"]:
            default = len(variants)
        pattern, at = _pattern(source, found.end())
        if not pattern:
            raise Unusual
        variants.append((int(found["key"]) if found["key"].isdigit() else found["key"], pattern))
        at += 1  # the line's end
    end = _END_OF_VARIANTS.match(source, at)
    if end is None or default is None:
        raise Unusual
    return Choice(by, tuple(variants), default), end.end()


# --- writing ---------------------------------------------------------------------------------------------------


def write(pattern: Pattern, args: Mapping[str, object], language: str) -> str:
    """The text of a message.

    Raises:
        Unusual: an argument is missing or too long, or its kind is not known here.
    """
    return "".join([part if isinstance(part, str) else _written(part, args, language) for part in pattern])


def _written(part: Value | Choice, args: Mapping[str, object], language: str) -> str:
    if isinstance(part, Value):
        value = _value(part, args)
        return value if isinstance(value, str) else number(value, language)
    return write(_variant(part, _value(part.by, args), language), args, language)


def _value(value: Value, args: Mapping[str, object]) -> str | Figure:
    given = args.get(value.name)
    if isinstance(given, str):
        if len(given) > LONGEST_PART:
            raise Unusual
        return given
    if not isinstance(given, int | float):
        raise Unusual
    if value.function in DIGITS:
        least, most = DIGITS[value.function]
        limit = args.get(value.limit)
        return Figure(given, least, digits_apart(given, limit, most) if isinstance(limit, int | float) else most)
    options = value.options
    least, most = options.get("minimumFractionDigits", 0), options.get("maximumFractionDigits", MOST_DIGITS)
    return Figure(given, least, most, bool(options.get("useGrouping", 1)))


def digits_apart(value: float, limit: float, digits: int) -> int:
    """So many decimals, or more, that the two figures differ to the reader; no more where they are equal.

    A node with CPU 7.04 is above a limit of 7, so it is not shown as 7.0.
    """
    if value == limit:
        return digits
    apart = (n for n in range(digits, MOST_DIGITS + 1) if round(value, n) != round(limit, n))
    return next(apart, digits)


def _variant(choice: Choice, value: str | Figure, language: str) -> Pattern:
    if isinstance(value, str):
        if value in PLURALS and any(isinstance(key, int) for key, _ in choice.variants):
            raise Unusual
        keys: tuple[object, ...] = (value,)
    else:
        keys = (value.value, _plural(value.value, language))
    return next((text for key, text in choice.variants if key in keys), choice.variants[choice.default][1])


def _plural(value: float, language: str) -> str:
    """The plural category of Unicode's tables: only whole numbers have another one than ``other``."""
    whole = abs(int(value))
    if whole != abs(value):
        return "other"
    if language == "en":
        return "one" if whole == 1 else "other"
    ones, tens = whole % 10, whole % 100 // 10
    if ones == 1 and tens != 1:
        return "one"
    return "few" if ones in (2, 3, 4) and tens != 1 else "many"


def number(figure: Figure, language: str) -> str:
    """The number as the language writes it, rounded half to even."""
    value = Decimal(str(figure.value))
    digits = f"{abs(value):.{figure.most}f}"
    whole, _, fraction = digits.partition(".")
    fraction = fraction.rstrip("0").ljust(figure.least, "0") if figure.most else ""
    group, point = (",", ".") if language == "en" else ("\N{NO-BREAK SPACE}", ",")
    if figure.grouped:
        whole = f"{int(whole):,}".replace(",", group)
    return ("-" if value.is_signed() else "") + whole + (point + fraction if fraction else "")
