"""Rows of buttons that a phone shows whole, and words of the chat in the reader's language."""

from __future__ import annotations

import pytest
from core_builders import vm

from bot.rendering.catalog import texts_for
from bot.telegram.commands import COMMANDS
from bot.telegram.handlers.help import help_line
from bot.telegram.keyboards.buttons import go, in_rows, keyboard, with_close
from bot.telegram.views import wording


@pytest.mark.parametrize(
    ("language", "keys", "rows"),
    [
        ("en", ["button-refresh", "button-dry-run"], [3]),
        ("ru", ["button-refresh", "button-dry-run"], [2, 1]),
        ("ru", ["button-why", "button-node"], [3]),
        ("ru", ["button-include"], [2]),
        ("ru", ["button-include", "button-node"], [2, 1]),
    ],
)
def test_close_is_in_a_row_of_its_own_where_a_phone_would_break_a_label(
    language: str, keys: list[str], rows: list[int]
) -> None:
    texts = texts_for(language)
    markup = with_close(texts, keyboard([[go(texts.text(key), "status") for key in keys]]))
    assert [len(row) for row in markup.inline_keyboard] == rows


@pytest.mark.parametrize(
    ("names", "sizes"),
    [
        (["amber", "birch", "cedar", "delta"], [3, 1]),
        (["⚠️ Production", "⚠️ Office & Dev", "Customers West"], [2, 1]),
        (["⚠️ amber-of-the-second-hall-of-prague"], [1]),
    ],
)
def test_tabs_are_in_rows_that_a_phone_shows_on_one_line(names: list[str], sizes: list[int]) -> None:
    assert [len(row) for row in in_rows([go(name, "status") for name in names])] == sizes


@pytest.mark.parametrize(("state", "words"), [("active", "активна"), ("stopped", "остановлена"), ("odd", "odd")])
def test_state_of_a_vm_is_in_russian_where_it_is_known(state: str, words: str) -> None:
    assert wording.vm_state(texts_for("ru"), vm(1, state=state)) == words
    assert wording.vm_state(texts_for("en"), vm(1, state=state)) == state


def test_help_names_arguments_in_the_readers_language() -> None:
    infos = {info.name: info for info in COMMANDS}
    russian = str(help_line(texts_for("ru"), infos["exclude"]))
    assert russian.startswith("/exclude [УЗЕЛ] [source|target] [2h|3d] — ")
    assert str(help_line(texts_for("en"), infos["exclude"])).startswith("/exclude [NODE] [source|target] [2h|3d] – ")
