"""What all views share: they show the state, name the keys they offer, and never decide anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical

from bot.console.backend import ViewState
from bot.console.drawing import Palette
from bot.rendering.catalog import Texts

if TYPE_CHECKING:
    from textual.widget import Widget


class View(Vertical):
    """One of the pages. ``palette`` follows the theme."""

    def __init__(self, texts: Texts, *, id: str) -> None:
        super().__init__(id=id)
        self.texts = texts

    @property
    def palette(self) -> Palette:
        return self.app.palette  # type: ignore[attr-defined,no-any-return]

    def show(self, view_state: ViewState) -> None:
        """Draws the state; called about once a second while the page is in front."""
        raise NotImplementedError

    @property
    def first(self) -> Widget:
        """What has the keyboard when the page comes to the front."""
        raise NotImplementedError
