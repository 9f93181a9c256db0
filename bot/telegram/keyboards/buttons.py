"""Buttons and rows of them: what opens a page, what does something, pages of a list. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from aiogram.enums import ButtonStyle
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from rich.cells import cell_len

from bot.domain.sanitize import shorten
from bot.rendering.catalog import Texts
from bot.telegram.keyboards.callbacks import DoButton, GoButton

T = TypeVar("T")
Row = list[InlineKeyboardButton]
ROOM = {1: 40.0, 2: 17.0, 3: 10.5}
"""Width of a label, in Latin letters, that a phone shows on one line with so many buttons in the row."""
WIDE_SIGN, CYRILLIC, SPACE = 2.4, 1.15, 0.55
"""Widths of an emoji, a Cyrillic letter and a space, in Latin letters."""
TABS_PER_PAGE, TAB_NAME = 9, 30


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


CLOSE = "close"
"""The action that takes a message away."""


def with_close(texts: Texts, markup: InlineKeyboardMarkup | None) -> InlineKeyboardMarkup:
    """The keyboard with a Close button: in the last row where there is room, else in a row of its own."""
    rows = [list(row) for row in markup.inline_keyboard] if markup is not None else []
    data = do("", CLOSE).callback_data
    if any(button.callback_data == data for row in rows for button in row):
        return InlineKeyboardMarkup(inline_keyboard=rows)
    close = do(texts.text("button-close"), CLOSE)
    if rows and fits_phone([*rows[-1], close]):
        rows[-1].append(close)
    else:
        rows.append([close])
    return InlineKeyboardMarkup(inline_keyboard=rows)


def fits_phone(row: Row) -> bool:
    """Whether a phone shows all labels of the row on one line each."""
    return len(row) in ROOM and all(_width(button.text) <= ROOM[len(row)] for button in row)


def _width(label: str) -> float:
    """The width of a label in Latin letters, roughly."""
    wide = sum(cell_len(sign) == 2 for sign in label)
    cyrillic = sum("\u0400" <= sign <= "\u04ff" for sign in label)
    spaces = label.count(" ") + label.count("\N{NO-BREAK SPACE}")
    others = len(label) - wide - cyrillic - spaces
    return WIDE_SIGN * wide + CYRILLIC * cyrillic + SPACE * spaces + others


def cluster_tabs(
    texts: Texts,
    page: str,
    clusters: Sequence[tuple[int, str]],
    shown: int,
    marks: Mapping[int, str] | None = None,
    *,
    extra: str = "",
) -> list[Row]:
    """A button for each cluster, where there are several; of many those around the one that is shown.

    Args:
        page: what a button opens, with the id of its cluster.
        shown: the cluster (by id) that the message shows now.
        marks: signs before the names of other clusters, by id.
        extra: what each button carries besides.
    """
    if len(clusters) < 2:
        return []
    places = [cluster_id for cluster_id, _ in clusters]
    near = places.index(shown) // TABS_PER_PAGE if shown in places else 0
    tabs, part, pages = paged(clusters, near, TABS_PER_PAGE)
    row = [go(_tab_mark(i, shown, marks) + shorten(name, TAB_NAME), page, i, extra=extra) for i, name in tabs]
    rows = in_rows(row)
    other: Row = []
    if part > 0:
        other.append(go(texts.text("button-previous"), page, places[(part - 1) * TABS_PER_PAGE], extra=extra))
    if part < pages - 1:
        other.append(go(texts.text("button-next"), page, places[(part + 1) * TABS_PER_PAGE], extra=extra))
    return [*rows, other]


def _tab_mark(cluster_id: int, shown: int, marks: Mapping[int, str] | None) -> str:
    return "• " if cluster_id == shown else (marks or {}).get(cluster_id, "")


def in_rows(buttons: Row) -> list[Row]:
    """Rows of three; of two or one where a phone would break a label."""
    size = next((n for n in sorted(ROOM, reverse=True) if all(_width(b.text) <= ROOM[n] for b in buttons)), 1)
    return [buttons[i : i + size] for i in range(0, len(buttons), size)]


def in_pairs(row: Row) -> list[Row]:
    """Two buttons a row: with three, a phone cuts words of Russian length."""
    return [row[i : i + 2] for i in range(0, len(row), 2)]


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
