"""What the buttons carry: ids only, at most 64 bytes. The rows in the store decide what they mean."""

from __future__ import annotations

from aiogram.filters.callback_data import CallbackData

from bot.proposals import Verdict

APPROVE, SKIP = "a", "s"
VERDICTS = {APPROVE: Verdict.APPROVE, SKIP: Verdict.SKIP}


class MoveButton(CallbackData, prefix="m"):
    """Approve or skip one move."""

    move_id: int
    verdict: str


class AllButton(CallbackData, prefix="all"):
    """Approve or skip every move of a proposal that still waits."""

    proposal_id: int
    verdict: str


class PageButton(CallbackData, prefix="pg"):
    """Show another page of a proposal."""

    proposal_id: int
    page: int


class NodesButton(CallbackData, prefix="n"):
    """Show another page of a cluster's nodes."""

    cluster_id: int
    page: int


class ExcludeButton(CallbackData, prefix="x"):
    """The answer to "which of these nodes?": exclude this one. ``seconds`` 0 = until someone ends it."""

    node_id: int
    role: str
    seconds: int


class IncludeButton(CallbackData, prefix="i"):
    """The answer to "which of these nodes?": include this one again."""

    node_id: int
