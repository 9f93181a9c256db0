"""The message catalogues: every sentence a person reads, by language. Reads locales/ once per language.

``text`` words a message as plain text, ``html`` as Telegram HTML with every argument escaped: that is the
one place where names from strangers meet markup.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from functools import lru_cache
from importlib import resources
from typing import Any

from fluent.runtime import FluentBundle, FluentResource
from markupsafe import Markup, escape

from balancer.model import Reason
from bot.domain.sanitize import one_line, shorten

LANGUAGES: tuple[str, ...] = ("en", "ru")
FALLBACK = "en"

NAMES = frozenset({"cluster", "name", "node", "source", "target", "vm", "who"})
"""Arguments that people wrote and that stand many times in one message."""
LONGEST_NAME = 64


class Texts:
    """One language. Unknown message ids raise ``KeyError``: a missing sentence is a defect, found by tests."""

    def __init__(self, language: str, zone: tzinfo | None = None) -> None:
        if language not in LANGUAGES:
            raise KeyError(language)
        self.language = language
        self.zone = zone
        """Where the reader's clocks are; ``None`` = as this machine's."""
        self._bundle = _bundle(language)

    def text(self, key: str, /, **args: object) -> str:
        """Plain text; names among the arguments are made one line without control characters."""
        return self._format(key, {k: _shown(k, v) if isinstance(v, str) else v for k, v in args.items()})

    def html(self, key: str, /, **args: object) -> Markup:
        """Telegram HTML. Arguments that are ``Markup`` go in as they are, all other strings escaped."""
        safe = {k: str(v) if isinstance(v, Markup) else self._escaped(k, v) for k, v in args.items()}
        return Markup(self._format(key, safe))  # noqa: S704 - every argument was escaped above

    def reason(self, reason: Reason) -> str:
        """A reason of the core as a plain sentence."""
        return self.text(f"reason-{reason.code}", **reason.as_dict())

    def reason_html(self, reason: Reason) -> Markup:
        return escape(self.reason(reason))

    def has(self, key: str) -> bool:
        return bool(self._bundle.has_message(key))

    @staticmethod
    def _escaped(name: str, value: object) -> object:
        return str(escape(_shown(name, value))) if isinstance(value, str) else value

    def _format(self, key: str, args: Mapping[str, object]) -> str:
        message = self._bundle.get_message(key)
        if message.value is None:
            raise KeyError(key)
        value, errors = self._bundle.format_pattern(message.value, dict(args))
        if errors:
            raise KeyError(f"{key}: {errors[0]}")
        return str(value)


def _shown(name: str, value: str) -> str:
    """An argument fit to be shown. Who writes a VM's name must not be able to make a message too long to be sent."""
    return shorten(value, LONGEST_NAME) if name in NAMES else one_line(value)


@lru_cache(maxsize=16)
def texts_for(language: str, zone: tzinfo | None = None) -> Texts:
    """The catalogue of a language, or English where there is none, for readers in this time zone."""
    return Texts(language if language in LANGUAGES else FALLBACK, zone)


@lru_cache(maxsize=len(LANGUAGES))
def _bundle(language: str) -> Any:
    bundle = FluentBundle([language], use_isolating=False)
    folder = resources.files("bot.rendering") / "locales" / language
    for file in sorted(folder.iterdir(), key=lambda f: f.name):
        if file.name.endswith(".ftl"):
            bundle.add_resource(FluentResource(file.read_text("utf-8")))
    return bundle
