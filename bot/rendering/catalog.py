"""The message catalogues: every sentence that a person reads, by language. Reads locales/ once per language.

``text`` gives a message as plain text, ``html`` as Telegram HTML with every argument escaped: only
this file puts names from strangers into markup. Rendering never raises: arguments are cut to a length that a
message can hold, and a message that cannot be formatted is shown as its key and logged.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import datetime, timezone, tzinfo
from functools import cached_property, lru_cache
from importlib import resources
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from balancer.model import Reason
from bot.domain import times
from bot.domain.sanitize import shorten
from bot.rendering.messages import Pattern, Unusual, parse, write

if TYPE_CHECKING:
    from bot.rendering.fluent_messages import FluentMessages

log = logging.getLogger(__name__)

LANGUAGES: tuple[str, ...] = ("en", "ru")
FALLBACK = "en"

NAMES = frozenset({"cluster", "instead", "name", "node", "source", "target", "vm", "who"})
"""Arguments that are names written by people. One message can contain many of them."""
LONGEST_NAME = 64
LONGEST_ARGUMENT = 480
"""Characters of any other argument. Escaped, each can become five; Fluent refuses arguments above 2,500."""
LONGEST_MARKUP = 2400
LARGEST_NUMBER = 1e15
NO_BREAK = "\N{NO-BREAK SPACE}"
REASON_TIME = "%Y-%m-%d %H:%M UTC"
_KEY = re.compile(r"^([a-zA-Z][\w-]*) *=", re.MULTILINE | re.ASCII)
_UNITS = "%|s|min|h|d|GiB|vCPU|vCPUs|Mbit/s|с|мин|ч|д|ГиБ|Мбит/с|ВМ"
_UNIT_AFTER_FIGURE = re.compile(rf"(?<=[\d}}])(?: (?=(?:{_UNITS})(?!\w))|(?=%))")
_FIGURE_AFTER_WORD = re.compile(r"(?:(?<=\bиз)|(?<=\bпорог)|(?<=≈)) (?=\d|\{ \$\w+ \}|\{ NUMBER)")
MISSING = "?"
"""Shown for ``None``, for a value that is not a number, and for unreadably large numbers."""


class Texts:
    """The messages of one language. Safe to use with any argument: see the module."""

    def __init__(self, language: str, zone: tzinfo | None = None) -> None:
        if language not in LANGUAGES:
            raise KeyError(language)
        self.language = language
        self.zone = zone
        """The reader's time zone; ``None`` = the zone of this machine."""
        self._messages = _messages(language)
        self._reported: set[str] = set()

    def text(self, key: str, /, **args: object) -> str:
        """A message as plain text. Strings among the arguments become one line without control characters."""
        formatted = self._format(key, {name: _argument(name, value) for name, value in args.items()})
        return shorten(key, LONGEST_NAME) if formatted is None else formatted

    def html(self, key: str, /, **args: object) -> Markup:
        """A message as Telegram HTML. ``Markup`` arguments keep their tags, all other strings are escaped."""
        formatted = self._format(key, {name: _html_argument(name, value) for name, value in args.items()})
        if formatted is None:
            return escape(shorten(key, LONGEST_NAME))
        return Markup(formatted)  # noqa: S704 - every argument was escaped above

    def reason(self, reason: Reason) -> str:
        """A reason of the core as a plain sentence."""
        return self.text(f"reason-{reason.code}", **{k: self._local_time(v) for k, v in reason.as_dict().items()})

    def _local_time(self, value: object) -> object:
        """A moment that a reason carries as text in UTC, in the reader's zone; anything else as it is."""
        if not isinstance(value, str) or not value.endswith(" UTC"):
            return value
        try:
            moment = datetime.strptime(value, REASON_TIME).replace(tzinfo=timezone.utc)
        except ValueError:
            return value
        return times.local(moment, self.zone).strftime("%Y-%m-%d %H:%M")

    def reason_html(self, reason: Reason) -> Markup:
        """The same, escaped for Telegram HTML."""
        return escape(self.reason(reason))

    def has(self, key: str) -> bool:
        """Whether this language has the message."""
        return key in self._messages.sources

    def _format(self, key: str, args: Mapping[str, object]) -> str | None:
        """The formatted message; ``None`` where that fails, which is logged once for each key."""
        try:
            value, errors = self._messages.format(key, args)
        except Exception as error:  # one message that fails must not stop the program
            self._report(key, error)
            return None
        if errors:
            self._report(key, errors[0])
            return None
        return value

    def _report(self, key: str, error: Exception) -> None:
        if key not in self._reported:
            self._reported.add(key)
            what = shorten(f"{type(error).__name__}: {error}", LONGEST_ARGUMENT)
            log.error("The message %s cannot be formatted in '%s': %s", shorten(key, LONGEST_NAME), self.language, what)


def _argument(name: str, value: object) -> object:
    """The argument, cut so that the name of a VM cannot make a message too long to send."""
    if value is None:
        return MISSING
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if abs(value) < LARGEST_NUMBER else MISSING
    return shorten(str(value), LONGEST_NAME if name in NAMES else LONGEST_ARGUMENT)


def _html_argument(name: str, value: object) -> object:
    if isinstance(value, Markup):
        return str(value if len(value) <= LONGEST_MARKUP else escape(shorten(value.striptags(), LONGEST_ARGUMENT)))
    shown = _argument(name, value)
    return str(escape(shown)) if isinstance(shown, str) else shown


@lru_cache(maxsize=16)
def texts_for(language: str, zone: tzinfo | None = None) -> Texts:
    """The catalogue of a language for readers in this time zone; English if there is no such language."""
    return Texts(language if language in LANGUAGES else FALLBACK, zone)


class _Messages:
    """The messages of one language. Each is parsed when it is first used: all of them take a tenth of a second."""

    def __init__(self, language: str) -> None:
        self.sources = message_sources(language)
        self._language = language
        self._patterns: dict[str, Pattern | None] = {}

    def format(self, key: str, args: Mapping[str, object]) -> tuple[str, list[Exception]]:
        """The formatted message and what went wrong in it.

        Raises:
            LookupError: there is no such message.
        """
        if key not in self._patterns:
            self._patterns[key] = parse(self.sources[key])
        pattern = self._patterns[key]
        if pattern is not None:
            try:
                return write(pattern, args, self._language), []
            except Unusual:
                pass
        return self._fluent.format(key, self.sources[key], args)

    @cached_property
    def _fluent(self) -> FluentMessages:
        from bot.rendering.fluent_messages import FluentMessages  # slow to import, and most messages do without it

        return FluentMessages(self._language)


@lru_cache(maxsize=len(LANGUAGES))
def _messages(language: str) -> _Messages:
    return _Messages(language)


def message_sources(language: str) -> dict[str, str]:
    """By key, the text of each message. No message refers to another one, so each can be parsed alone."""
    sources = {}
    folder = resources.files("bot.rendering") / "locales" / language
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".ftl"):
            text = file.read_text("utf-8")
            starts = [(match[1], match.start()) for match in _KEY.finditer(text)]
            ends = [start for _, start in starts[1:]] + [len(text)]
            sources.update({key: _bound(text[start:end]) for (key, start), end in zip(starts, ends, strict=True)})
    return sources


def _bound(source: str) -> str:
    """The message with non-breaking spaces where a line must not break: "12 GiB", "85 %", "из 4", "порог 7"."""
    return _FIGURE_AFTER_WORD.sub(NO_BREAK, _UNIT_AFTER_FIGURE.sub(NO_BREAK, source))
