"""What the chats are called, for the log: people know a chat by its name, not by its number."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aiogram import Bot
from aiogram.exceptions import AiogramError

from bot.domain.sanitize import one_line, shorten
from bot.telegram.middlewares.retry import without_retries

log = logging.getLogger(__name__)

PATIENCE_S = 5
LONGEST = 40


async def chat_names(bot: Bot, chat_ids: Sequence[int]) -> list[str]:
    """Each chat's name with its id, in order; the id alone where Telegram does not answer within ``PATIENCE_S``."""
    return list(await asyncio.gather(*(_name(bot, chat_id) for chat_id in chat_ids)))


async def _name(bot: Bot, chat_id: int) -> str:
    try:
        with without_retries():
            chat = await bot.get_chat(chat_id, request_timeout=PATIENCE_S)
    except AiogramError as error:
        log.debug("The name of chat %d is not known: %s", chat_id, error)
        return str(chat_id)
    name = chat.title or chat.full_name or ""
    return f"{shorten(one_line(name), LONGEST)} ({chat_id})" if name.strip() else str(chat_id)
