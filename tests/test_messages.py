"""The formatter of common messages beside Fluent: the same text from every message of the catalogues."""

from __future__ import annotations

import random
import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rendering.catalog import LANGUAGES, message_sources
from bot.rendering.fluent_messages import FluentMessages
from bot.rendering.messages import LONGEST_PART, Unusual, parse, write

NUMBERS = (0, 1, 2, 3, 4, 5, 11, 21, 22, 25, 111, 1234, 1234567, 1.0, 0.5, 2.5, 0.125, 2.675, 999.9996, -0.04, -3, 1e14)
DRAWS = 4
_HEAD = "message = "


@cache
def by_fluent(language: str) -> FluentMessages:
    return FluentMessages(language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_messages_read_as_fluent_writes_them(language: str) -> None:
    draw = random.Random(1)
    for key, source in message_sources(language).items():
        pattern = parse(source)
        if pattern is None:
            continue
        names = sorted(set(re.findall(r"\$(\w+)", source)))
        words = ["?", "n <b>", *re.findall(r"\[([a-z-]+)\]", source)]
        for _ in range(DRAWS):
            args = {name: draw.choice(words if draw.random() < 0.4 else NUMBERS) for name in names}
            try:
                text = write(pattern, args, language)
            except Unusual:
                continue
            assert (text, []) == by_fluent(language).format(key, source, args), (key, args)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nearly_all_messages_are_written_without_fluent(language: str) -> None:
    sources = message_sources(language).values()
    assert sum(parse(source) is None for source in sources) <= len(sources) // 20


@pytest.mark.parametrize("language", LANGUAGES)
@given(value=st.one_of(st.integers(-(10**15), 10**15), st.floats(-1e15, 1e15)), least=st.integers(0, 2), data=st.data())
def test_numbers_read_as_fluent_writes_them(language: str, value: float, least: int, data: st.DataObject) -> None:
    most, grouped = data.draw(st.integers(least, 4)), data.draw(st.integers(0, 1))
    options = f"minimumFractionDigits: {least}, maximumFractionDigits: {most}, useGrouping: {grouped}"
    key = f"m{least}{most}{grouped}"
    source = f"{key} = {{ NUMBER($n, {options}) }} {{ $n }} {{ $n ->\n    [one] a\n    [few] b\n   *[many] c\n }}\n"
    pattern = parse(source)
    assert pattern is not None
    assert (write(pattern, {"n": value}, language), []) == by_fluent(language).format(key, source, {"n": value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "two\n    lines",
        "\n    a block",
        "{ -term }",
        "{ other-message }",
        "{ message.attribute }",
        '{ "\\u00a0" }',
        "{ $x",
        "}",
        "{ DATETIME($x) }",
        "{ CPU($x, maximumFractionDigits: 1) }",
        "{ NUMBER($x, currency: 1) }",
        "{ NUMBER(5) }",
        "text\n    .attribute = value",
        "{ $x ->\n    [one] no default\n }",
        "{ $x ->\n    [one]\n   *[other] empty\n }",
        "{ $x ->\n   *[other] two\n     lines\n }",
    ],
)
def test_unusual_message_is_left_to_fluent(text: str) -> None:
    assert parse(f"{_HEAD}{text}\n") is None


@pytest.mark.parametrize("args", [{}, {"x": None}, {"x": "n" * (LONGEST_PART + 1)}, {"x": "one", "y": 1}])
def test_unusual_arguments_are_left_to_fluent(args: dict[str, object]) -> None:
    pattern = parse(f"{_HEAD}{{ $x ->\n    [0] none\n   *[other] some {{ $y }}\n }}\n")
    assert pattern is not None
    with pytest.raises(Unusual):
        write(pattern, args, "en")


def test_comments_after_a_message_are_no_part_of_it() -> None:
    pattern = parse(f"{_HEAD}text  \n\n## Group\n\n# comment")
    assert pattern == ("text",)
