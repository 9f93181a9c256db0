"""The words of the chat page: each has a Russian translation, and no translation is unused."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

PAGE = Path(__file__).parent.parent / "sandbox" / "page"
SPOKEN = ("aria-label", "title", "placeholder")
"""Attributes that people see or hear."""
OWN_ELEMENTS = {"title", "noscript", "style", "script"}
NOT_TRANSLATED = {"/", "OK"}


class Words(HTMLParser):
    """The words of index.html: text inside the body, and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.words: set[str] = set()
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        self.words |= {value for name, value in attrs if name in SPOKEN and value}

    def handle_endtag(self, tag: str) -> None:
        self._inside.pop()

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.words |= {value for name, value in attrs if name in SPOKEN and value}

    def handle_data(self, data: str) -> None:
        if data.strip() and not OWN_ELEMENTS & set(self._inside[-1:]):
            self.words.add(data.strip())


def words_of_the_page() -> set[str]:
    index = Words()
    index.feed((PAGE / "index.html").read_text("utf-8"))
    scripts = "".join(path.read_text("utf-8") for path in PAGE.glob("*.js") if path.name != "words.js")
    called = re.findall(r'\btr\(("[^"]+"|[^)"]+\? "[^"]+" : "[^"]+")', scripts)
    return {word for call in called for word in re.findall(r'"([^"]+)"', call)} | (index.words - NOT_TRANSLATED)


def translations() -> set[str]:
    table = re.search(r"const RUSSIAN = \{(.*?)\n\};", (PAGE / "words.js").read_text("utf-8"), re.DOTALL)
    assert table is not None
    return {a or b for a, b in re.findall(r'^  (?:"([^"]+)"|(\w+)):', table[1], re.MULTILINE)}


def test_every_word_of_the_page_has_one_russian_translation_that_is_used() -> None:
    assert translations() == words_of_the_page()
