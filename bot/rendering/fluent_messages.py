"""Messages by Fluent: its whole syntax, and what is wrong with a message or its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fluent.runtime import FluentBundle, FluentResource
from fluent.runtime.types import fluent_number

from bot.rendering.messages import DIGITS, digits_apart


class FluentMessages:
    """The messages of one language that were asked for."""

    def __init__(self, language: str) -> None:
        self._bundle = FluentBundle([language], functions=dict(FUNCTIONS), use_isolating=False)

    def format(self, key: str, source: str, args: Mapping[str, object]) -> tuple[str, list[Exception]]:
        """The formatted message and what went wrong in it.

        Raises:
            LookupError: the source has no such message.
        """
        if not self._bundle.has_message(key):
            self._bundle.add_resource(FluentResource(source))
        pattern = self._bundle.get_message(key).value
        if pattern is None:  # it has attributes only
            raise KeyError(key)
        value, errors = self._bundle.format_pattern(pattern, dict(args))
        return str(value), errors


def _figure(least: int, most: int) -> Callable[..., Any]:
    """A function of the catalogues that rounds one kind of figure, the same everywhere."""

    def rounded(value: Any, limit: Any = None) -> Any:
        if isinstance(value, str):
            return value
        digits = most
        if limit is not None and not isinstance(limit, str):
            digits = digits_apart(float(value), float(limit), most)
        return fluent_number(value, minimumFractionDigits=least, maximumFractionDigits=digits)

    return rounded


def _number(value: Any, **options: Any) -> Any:
    """NUMBER of the catalogues: a figure that is missing or no number is shown as it is."""
    return value if isinstance(value, str) else fluent_number(value, **options)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "NUMBER": _number,
    **{name: _figure(*digits) for name, digits in DIGITS.items()},
}
"""What the catalogues may call."""
