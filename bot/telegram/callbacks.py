"""What the buttons carry: ids only, at most 64 bytes. The rows in the store decide what they mean."""

from __future__ import annotations

from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from pydantic import Field

from bot.config import LONGEST_S
from bot.config_values import LARGEST_ID
from bot.proposals import ExclusionRole, Verdict

APPROVE, SKIP = "a", "s"
VERDICTS = {APPROVE: Verdict.APPROVE, SKIP: Verdict.SKIP}

# A press can be forged: what no button of ours says must not get as far as the store.
Id = Annotated[int, Field(ge=0, le=LARGEST_ID)]
Page = Annotated[int, Field(ge=0, le=100_000)]


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


class NodesButton(CallbackData, prefix="n"):
    """Show another page of a cluster's nodes."""

    cluster_id: Id
    page: Page


class ExcludeButton(CallbackData, prefix="x"):
    """The answer to "which of these nodes?": exclude this one. ``seconds`` 0 = until someone ends it."""

    node_id: Id
    role: ExclusionRole
    seconds: Annotated[int, Field(ge=0, le=LONGEST_S)]


class IncludeButton(CallbackData, prefix="i"):
    """The answer to "which of these nodes?": include this one again."""

    node_id: Id


class StrategyButton(CallbackData, prefix="st"):
    """Switch to this strategy. ``proposal_id`` 0 = the button stands under no proposal."""

    proposal_id: Id
    strategy: str
