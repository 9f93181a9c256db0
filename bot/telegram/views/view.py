"""What one message should look like, before anything is sent. Plain values."""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiogram.types import InlineKeyboardMarkup, InputRichBlockButtons, InputRichMessage
from markupsafe import Markup

CAPTION = 1024
"""UTF-16 units that Telegram takes under a picture, its tags not counted."""
PICTURE_FILE = "picture.png"
"""What the file of a view's photo is called."""
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that is drawn only when a message needs it.

    ``key``: two pictures with the same key are the same. ``draw``: returns a PNG, ``None`` if it cannot be drawn.
    """

    key: str
    draw: Callable[[], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class View:
    """A message as it should look.

    ``final``: it will never change again. ``photo``: a PNG; the text is its caption. ``picture``: the same, drawn when
    it is sent. ``rich``: the message for servers that know rich messages; if it has buttons inside, ``keyboard`` is
    left out there.
    """

    text: Markup
    keyboard: InlineKeyboardMarkup | None = None
    final: bool = False
    photo: bytes | None = None
    rich: InputRichMessage | None = None
    picture: Picture | None = None

    @property
    def digest(self) -> str:
        """Tells two views apart. Two views that look alike have the same digest."""
        keyboard = self.keyboard.model_dump_json(exclude_none=True) if self.keyboard else ""
        parts = [str(self.text), keyboard]
        if self.picture is not None:
            parts.append(self.picture.key)
        if self.rich is not None:
            parts.append(self.rich.model_dump_json(exclude_none=True))
        return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def rich_keyboard(self) -> InlineKeyboardMarkup | None:
        """The keyboard below the rich form: none if the buttons are inside."""
        blocks = (self.rich.blocks or ()) if self.rich is not None else ()
        return None if any(isinstance(b, InputRichBlockButtons) for b in blocks) else self.keyboard


def shown_length(text: Markup) -> int:
    """UTF-16 units of a text as Telegram counts them: without tags, entities as one character."""
    shown = html.unescape(_TAG.sub("", str(text)))
    return len(shown.encode("utf-16-le", "surrogatepass")) // 2


def fits(view: View) -> bool:
    """Whether Telegram takes the words under a picture."""
    return shown_length(view.text) <= CAPTION
