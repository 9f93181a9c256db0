"""one_line: any name of a customer becomes one harmless line."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.sanitize import one_line, shorten

# More of the characters that break terminals and messengers.
NASTY = st.sampled_from(
    [
        "\x1b[31m",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
        "\x9b2J",
        "\x1bc",
        "\x1b",
        "\r\n",
        "\u2028",
        "\x85",
        "\x00",
        "\u202e",
        "\u2066",
        "\u200f",
        "\u061c",
        "\ufeff",
        "\ud800",
        "\t",
        "\u200d",
        "é",
        "имя",
        "👩\u200d💻",
        "<b>",
        "a b",
    ]
)
TEXTS = st.lists(NASTY | st.text(st.characters(), max_size=8), max_size=12).map("".join)


@given(TEXTS)
def test_the_result_is_one_line_without_controls(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert all(unicodedata.category(c) not in {"Cc", "Cs"} for c in line)
    assert all(
        unicodedata.bidirectional(c) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
        for c in line
    )
    line.encode("utf-8")  # no lone surrogate is left


@given(TEXTS)
def test_sanitizing_is_idempotent(text: str) -> None:
    assert one_line(one_line(text)) == one_line(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"])))
def test_plain_text_of_any_script_is_kept(text: str) -> None:
    assert one_line(text) == text.strip()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("web-1", "web-1"),
        ("  spaces at the ends ", "spaces at the ends"),
        ("two\nlines", "two lines"),
        ("two\r\n\tlines", "two lines"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;new title\x07prompt", "prompt"),
        ("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x9b31mred", "red"),
        ("open end \x1b]0;title", "open end 0;title"),
        ("txt.\u202egpj.exe", "txt.gpj.exe"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("nul\x00byte", "nulbyte"),
        ("\ud83d", ""),
        ("👩\u200d💻", "👩\u200d💻"),
        ("db «основная»", "db «основная»"),
        ("", ""),
    ],
)
def test_known_examples_are_sanitized(text: str, line: str) -> None:
    assert one_line(text) == line


@given(TEXTS, st.integers(min_value=1, max_value=20))
def test_shortened_text_fits(text: str, length: int) -> None:
    short = shorten(text, length)
    assert len(short) <= length
    assert short == one_line(text) or short.endswith("…")
