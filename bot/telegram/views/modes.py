"""The question before automatic mode is switched on. Pure."""

from __future__ import annotations

from aiogram.enums import ButtonStyle

from bot.rendering.catalog import Texts
from bot.telegram.keyboards.buttons import do, keyboard
from bot.telegram.views.view import View


def automatic_mode_question(texts: Texts) -> View:
    """Only the button in it switches: a typed command alone must not."""
    yes = do(texts.text("button-mode-yes"), "mode", extra="auto", style=ButtonStyle.DANGER)
    return View(texts.html("mode-ask"), keyboard([[yes], [do(texts.text("button-close"), "close")]]))
