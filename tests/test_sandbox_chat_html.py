"""Telegram's HTML parse mode: how the emulation reads markup, and what it refuses."""

from __future__ import annotations

import pytest

from sandbox.chat.html import HtmlError, parse_html


@pytest.mark.parametrize(
    ("source", "text", "entities"),
    [
        ("a & b &amp; &nbsp; &#1078;", "a & b & &nbsp; ж", []),
        ("<b>a<i>б</i></b>", "aб", [("italic", 1, 1), ("bold", 0, 2)]),
        ("😀<u>x</u>", "😀x", [("underline", 2, 1)]),
        ("<B>x</>", "x", [("bold", 0, 1)]),
        ("<s></s>x", "x", []),
        ('<pre><code class="language-sql">x</code></pre>', "x", [("pre", 0, 1)]),
        ("<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", 0, 1)]),
        ('<a href="https://vm.example/?a=1&amp;b=2">x</a>', "x", [("text_link", 0, 1)]),
        ("<a href='http://localhost/'>x</a>", "x", []),
    ],
)
def test_html_becomes_text_and_entities(source: str, text: str, entities: list[tuple[str, int, int]]) -> None:
    plain, result = parse_html(source)
    assert plain == text
    assert [(entity["type"], entity["offset"], entity["length"]) for entity in result] == entities


@pytest.mark.parametrize("source", ["<b x=>", "<a href='x>y</a>", "<a 'x'>y</a>", "<b>&#xd800;</b>", "</b", "<"])
def test_broken_html_is_refused(source: str) -> None:
    with pytest.raises(HtmlError):
        parse_html(source)
