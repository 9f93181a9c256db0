"""What the buttons carry: ids only, at most 64 bytes. The rows in the store decide what they mean."""

from __future__ import annotations

from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.config.parsing import LARGEST_ID
from bot.domain.proposals import Verdict

APPROVE, SKIP = "a", "s"
VERDICTS = {APPROVE: Verdict.APPROVE, SKIP: Verdict.SKIP}

# A press can be forged: what no button of ours says must not get as far as the store.
Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]
Page = Annotated[int, Field(ge=0, le=100_000)]
Name = Annotated[str, Field(pattern="^[a-z-]{1,16}$")]
Extra = Annotated[str, Field(pattern="^[A-Za-z0-9_.+-]{0,24}$")]


class MoveButton(CallbackData, prefix="m"):
    """Approve or skip one move."""

    move_id: Id
    verdict: str


class AllButton(CallbackData, prefix="all"):
    """Approve or skip every move of a proposal that still waits."""

    proposal_id: Id
    verdict: str


class PageButton(CallbackData, prefix="pg"):
    """Show another page of a proposal."""

    proposal_id: Id
    page: Page


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


class StrategyButton(CallbackData, prefix="st"):
    """Switch to the strategy that a proposal names as better."""

    proposal_id: Id
    strategy: str
