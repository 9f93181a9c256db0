"""Telegram HTML, as the catalogues write it, turned into the texts of a rich message. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html.parser import HTMLParser

from aiogram.types import (
    InlineKeyboardButton,
    InputRichBlockButtons,
    InputRichBlockParagraph,
    RichMessageButton,
    RichTextBold,
    RichTextCode,
    RichTextDateTime,
    RichTextItalic,
    RichTextUnion,
)
from markupsafe import Markup, escape

from bot.rendering.catalog import Texts
from bot.telegram.views import wording

_STYLES = ("b", "i", "code")
_TIME = "tg-time"


def own_zone_moment(texts: Texts, when: datetime, now: datetime) -> Markup:
    """Words for a moment that ``rich_text`` makes a time in each reader's own zone.

    The reader's day may be another one than ours, so the date is shown too unless the moment is less than 12 h away.
    """
    wanted = "t" if abs((when - now).total_seconds()) < 12 * 3600 else "dt"
    words = wording.moment(texts, when, now)
    return Markup('<{0} unix="{1}" format="{2}">{3}</{0}>').format(_TIME, int(when.timestamp()), wanted, words)


def rich_text(line: Markup | str) -> RichTextUnion:
    """A line of a message. Plain strings stay as they are, also if they look like markup."""
    reader = _Reader()
    reader.feed(str(escape(line)))
    reader.close()
    return reader.text()


def paragraph(line: Markup | str) -> InputRichBlockParagraph:
    return InputRichBlockParagraph(text=rich_text(line))


def buttons(row: Sequence[InlineKeyboardButton]) -> InputRichBlockButtons:
    """A row of a keyboard as a row inside the message."""
    shown = [RichMessageButton(text=b.text, callback_data=b.callback_data, style=b.style) for b in row]
    return InputRichBlockButtons(buttons=shown)


class _Reader(HTMLParser):
    """Keeps a stack of open tags, each with the parts inside it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._open: list[tuple[str, dict[str, str | None], list[RichTextUnion]]] = [("", {}, [])]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _STYLES or tag == _TIME:
            self._open.append((tag, dict(attrs), []))

    def handle_endtag(self, tag: str) -> None:
        if tag != self._open[-1][0]:
            return
        _, attributes, parts = self._open.pop()
        self._open[-1][2].append(_styled(tag, attributes, _joined(parts)))

    def handle_data(self, data: str) -> None:
        self._open[-1][2].append(data)

    def text(self) -> RichTextUnion:
        while len(self._open) > 1:
            self.handle_endtag(self._open[-1][0])
        return _joined(self._open[0][2])


def _joined(parts: list[RichTextUnion]) -> RichTextUnion:
    return parts[0] if len(parts) == 1 else parts or ""


def _styled(tag: str, attributes: dict[str, str | None], text: RichTextUnion) -> RichTextUnion:
    if tag == _TIME:
        unix_time, wanted = int(attributes.get("unix") or 0), attributes.get("format") or ""
        return RichTextDateTime(text=text, unix_time=unix_time, date_time_format=wanted)
    if tag == "b":
        return RichTextBold(text=text)
    return RichTextItalic(text=text) if tag == "i" else RichTextCode(text=text)
