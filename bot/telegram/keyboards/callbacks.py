"""What the buttons carry: ids only, at most 64 bytes. The rows in the store decide what they mean."""

from __future__ import annotations

from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.config.parsing import LARGEST_ID

# A press can be forged: what no button of ours says must not get as far as the store.
Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]
Page = Annotated[int, Field(ge=0, le=100_000)]
Name = Annotated[str, Field(pattern="^[a-z-]{1,16}$")]
Extra = Annotated[str, Field(pattern="^[A-Za-z0-9_.+-]{0,24}$")]


class GoButton(CallbackData, prefix="g"):
    """Show another page in this message. What ``key``, ``part`` and ``extra`` mean is the page's own affair."""

    page: Name
    key: Id = 0
    part: Page = 0
    extra: Extra = ""


class DoButton(CallbackData, prefix="d"):
    """Do something, by somebody who may."""

    action: Name
    key: Id = 0
    part: Page = 0
    extra: Extra = ""


# Buttons of messages that version 3.0 and older sent. Nothing makes them any more; they still parse.


class MoveButton(CallbackData, prefix="m"):
    """Approve (``a``) or skip (``s``) one move."""

    move_id: Id
    verdict: str

    def current(self) -> DoButton | None:
        """What a button carries today; ``None``: no version sent this."""
        action = {"a": "approve-move", "s": "skip-move"}.get(self.verdict)
        return None if action is None else DoButton(action=action, key=self.move_id)


class AllButton(CallbackData, prefix="all"):
    """Approve or skip every move of a proposal that still waits."""

    proposal_id: Id
    verdict: str

    def current(self) -> DoButton | None:
        """As ``MoveButton.current``."""
        action = {"a": "approve-all", "s": "skip-all"}.get(self.verdict)
        return None if action is None else DoButton(action=action, key=self.proposal_id)


class PageButton(CallbackData, prefix="pg"):
    """Show another page of a proposal."""

    proposal_id: Id
    page: Page

    def current(self) -> DoButton | None:
        """As ``MoveButton.current``."""
        return DoButton(action="turn", key=self.proposal_id, part=self.page)


class StrategyButton(CallbackData, prefix="st"):
    """Switch to the strategy that a proposal names as better."""

    proposal_id: Id
    strategy: Name

    def current(self) -> DoButton | None:
        """As ``MoveButton.current``."""
        return DoButton(action="use-strategy", key=self.proposal_id, extra=self.strategy)


LegacyButton = MoveButton | AllButton | PageButton | StrategyButton
LEGACY_BUTTONS: tuple[type[CallbackData], ...] = (MoveButton, AllButton, PageButton, StrategyButton)
PAGE_PREFIX = f"{GoButton.__prefix__}{GoButton.__separator__}"
"""How the data of every button that opens a page begins."""
