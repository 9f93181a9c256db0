"""Links that open the bot at a proposal: ``https://t.me/NAME?start=p12``. Who follows one is asked who they are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiogram import Bot
from aiogram.types import InlineKeyboardButton
from aiogram.utils.deep_linking import create_start_link

from bot.config.parsing import LARGEST_ID
from bot.domain.proposals import Proposal
from bot.rendering.catalog import Texts
from bot.telegram.keyboards.buttons import Row
from bot.telegram.views import wording

LINKED = 3
"""Most proposals that a message links to."""
_PAYLOAD = re.compile(r"p([1-9]\d{0,18})", re.ASCII)


def linked_proposal(payload: str) -> int | None:
    """The number of the proposal that a link was for; ``None``: it is no link of ours."""
    match = _PAYLOAD.fullmatch(payload.strip())
    number = 0 if match is None else int(match[1])
    return number if 0 < number <= LARGEST_ID else None


async def proposal_links(bot: Bot, texts: Texts, proposals: Sequence[Proposal]) -> list[Row]:
    """A button a row for the first proposals; they lead into everybody's own chat with the bot.

    Raises:
        AiogramError: the bot's name is not known yet, and Telegram does not tell it.
    """
    return [
        [
            InlineKeyboardButton(
                text=texts.text("open-proposal", cluster=wording.short(p.plan.cluster_name), count=len(p.pending)),
                url=await create_start_link(bot, f"p{p.id}"),
            )
        ]
        for p in proposals[:LINKED]
    ]
