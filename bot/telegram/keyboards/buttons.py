"""Buttons and rows of them: what opens a page, what does something, pages of a list. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from aiogram.enums import ButtonStyle
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.rendering.catalog import Texts
from bot.telegram.keyboards.callbacks import DoButton, GoButton

T = TypeVar("T")
Row = list[InlineKeyboardButton]


def go(text: str, page: str, key: int = 0, part: int = 0, extra: str = "") -> InlineKeyboardButton:
    """Opens a page in this message."""
    data = GoButton(page=page, key=key, part=part, extra=extra).pack()
    return InlineKeyboardButton(text=text, callback_data=data)


def do(
    text: str, action: str, key: int = 0, *, part: int = 0, extra: str = "", style: ButtonStyle | None = None
) -> InlineKeyboardButton:
    """Does something."""
    data = DoButton(action=action, key=key, part=part, extra=extra).pack()
    return InlineKeyboardButton(text=text, callback_data=data, style=style)


def keyboard(rows: Sequence[Row]) -> InlineKeyboardMarkup | None:
    """Rows without a button are left out; without any there is no keyboard."""
    filled = [row for row in rows if row]
    return InlineKeyboardMarkup(inline_keyboard=filled) if filled else None


def paged(things: Sequence[T], part: int, size: int) -> tuple[Sequence[T], int, int]:
    """What one page shows, the page that it is (the nearest there is), and how many there are."""
    pages = max(1, -(-len(things) // size))
    part = min(max(part, 0), pages - 1)
    return things[part * size : (part + 1) * size], part, pages


def pager(texts: Texts, page: str, part: int, pages: int, *, key: int = 0, extra: str = "") -> Row:
    """Buttons to the pages before and behind this one, where there are such."""
    row = []
    if part > 0:
        row.append(go(texts.text("button-previous"), page, key, part - 1, extra))
    if part < pages - 1:
        row.append(go(texts.text("button-next"), page, key, part + 1, extra))
    return row
