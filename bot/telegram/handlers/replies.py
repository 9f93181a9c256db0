"""Puts a view into the chat: as an answer, or in the place of the one whose button was pressed; words of popups."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiogram.enums import ChatType
from aiogram.exceptions import TelegramBadRequest, TelegramNotFound
from aiogram.types import (
    BufferedInputFile,
    CallbackQuery,
    EphemeralMessageParameters,
    InputMediaPhoto,
    Message,
    RichBlockButtons,
    RichBlockDetails,
    RichBlockUnion,
)

from bot.domain.proposals import DecisionResult, Verdict
from bot.rendering.catalog import Texts
from bot.rendering.phrases import POPUP_LIMIT, popup
from bot.service.service import Service
from bot.telegram.keyboards.callbacks import PAGE_PREFIX
from bot.telegram.views.view import PICTURE_FILE, View

log = logging.getLogger(__name__)

_AS_BEFORE = "not modified"


async def say(message: Message, view: View, *, only_to: int | None = None) -> None:
    """Answers in the same chat and topic.

    Args:
        only_to: the member of a group who alone is to see it. Where Telegram cannot do that, all see it.
    """
    if only_to is not None:
        to_one = {"ephemeral_message_parameters": EphemeralMessageParameters(receiver_user_id=only_to)}
        try:
            await _send(message, view, to_one)
        except TelegramBadRequest as error:
            log.debug("Not to be shown to one person alone, so to all: %s", error.message)
        else:
            return
    await _send(message, view, {})


async def _send(message: Message, view: View, options: dict[str, Any]) -> None:
    if view.photo is not None:
        picture = BufferedInputFile(view.photo, PICTURE_FILE)
        await message.answer_photo(picture, caption=str(view.text), reply_markup=view.keyboard, **options)
        return
    if view.rich is not None:
        try:
            await message.answer_rich(view.rich, reply_markup=view.keyboard, **options)
        except (TelegramBadRequest, TelegramNotFound) as error:
            log.debug("No rich message here, so plain words: %s", error.message)
        else:
            return
    await message.answer(str(view.text), reply_markup=view.keyboard, **options)


async def replace(query: CallbackQuery, view: View) -> None:
    """Shows the view where the button was. Telegram makes no plain text of a picture: that is said anew."""
    message = query.message
    if not isinstance(message, Message):
        return
    try:
        if view.photo is not None:
            picture = InputMediaPhoto(media=BufferedInputFile(view.photo, PICTURE_FILE), caption=str(view.text))
            await message.edit_media(picture, reply_markup=view.keyboard)
        elif message.photo:
            await say(message, view)
            await message.delete()
        else:
            await _reworded(message, view)
    except TelegramBadRequest as error:
        if _AS_BEFORE not in error.message.lower():
            raise


async def _reworded(message: Message, view: View) -> None:
    edit_text = message.edit_text if message.ephemeral_message_id is None else message.edit_ephemeral_text
    if view.rich is not None:
        try:
            await edit_text(rich_message=view.rich, reply_markup=view.keyboard)
        except TelegramBadRequest as error:
            if _AS_BEFORE in error.message.lower():
                return
            log.debug("No rich message here, so plain words: %s", error.message)
        else:
            return
    await edit_text(str(view.text), reply_markup=view.keyboard)


async def reply(query: CallbackQuery, view: View) -> None:
    """A message of its own, as a reply to the one whose button was pressed, if all see that one."""
    message = query.message
    if not isinstance(message, Message):
        return
    if is_ephemeral(query):
        await say(message, view)
    elif view.photo is None:
        await message.reply(str(view.text), reply_markup=view.keyboard, allow_sending_without_reply=True)
    else:
        await message.reply_photo(
            BufferedInputFile(view.photo, PICTURE_FILE),
            caption=str(view.text),
            reply_markup=view.keyboard,
            allow_sending_without_reply=True,
        )


async def reply_in_place(query: CallbackQuery, view: View) -> None:
    """Shows the view to the one who pressed, in place of the message; the others still see the message.

    Where Telegram cannot do that the view is a reply that all see.
    """
    message = query.message
    if not isinstance(message, Message):
        return
    if message.chat.type in (ChatType.GROUP, ChatType.SUPERGROUP) and not is_ephemeral(query):
        in_place = EphemeralMessageParameters(
            receiver_user_id=query.from_user.id, callback_query_id=query.id, replace_callback_query_message=True
        )
        try:
            await _send(message, view, {"ephemeral_message_parameters": in_place})
        except TelegramBadRequest as error:
            log.debug("Not to be shown in place of the message, so below it: %s", error.message)
        else:
            return
    await reply(query, view)


async def close(query: CallbackQuery) -> None:
    """Takes the message away. Telegram keeps what is older than two days: then at least its buttons go."""
    if not isinstance(query.message, Message):
        return
    if is_ephemeral(query):
        await query.message.delete_ephemeral()
        return
    try:
        await query.message.delete()
    except TelegramBadRequest:
        await query.message.edit_reply_markup()


def is_ephemeral(query: CallbackQuery) -> bool:
    """Whether only the one who pressed sees the message."""
    return isinstance(query.message, Message) and query.message.ephemeral_message_id is not None


def has_button(query: CallbackQuery) -> bool:
    """Whether the message, as Telegram itself keeps it, is ours and has the button that was pressed."""
    return query.data is not None and query.data in _own_buttons(query)


def is_page(query: CallbackQuery) -> bool:
    """Whether the message is ours and has a button that opens a page. A proposal's message has none: no press, forged
    ones included, may put a page in its place."""
    return any(data.startswith(PAGE_PREFIX) for data in _own_buttons(query))


def _own_buttons(query: CallbackQuery) -> list[str]:
    """What the buttons of the message carry, below it and inside it; nothing if the message is not ours."""
    message = query.message
    if not isinstance(message, Message) or query.bot is None:
        return []
    if message.from_user is None or message.from_user.id != query.bot.id:
        return []
    below = message.reply_markup.inline_keyboard if message.reply_markup is not None else []
    buttons = [b.callback_data or "" for row in below for b in row]
    return buttons + (_inner_buttons(message.rich_message.blocks) if message.rich_message is not None else [])


def _inner_buttons(blocks: Sequence[RichBlockUnion]) -> list[str]:
    buttons: list[str] = []
    for block in blocks:
        if isinstance(block, RichBlockButtons):
            buttons += [b.callback_data or "" for b in block.buttons]
        elif isinstance(block, RichBlockDetails):
            buttons += _inner_buttons(block.blocks)
    return buttons


async def decided_words(
    service: Service,
    texts: Texts,
    results: Sequence[DecisionResult],
    verdict: Verdict,
    rest: timedelta | None = None,
) -> str:
    """What a press on a proposal did, and that nothing starts while the balancer is paused.

    Args:
        rest: for how long what was skipped is left alone; ``None`` = as the settings say.
    """
    text = popup(texts, results, verdict, service.clock(), service.decisions.skip_cooldown if rest is None else rest)
    if await service.runtime.paused_until() is not None and any(r.done and r.move.migration for r in results):
        text = texts.text("popup-paused", text=text)[:POPUP_LIMIT]
    return text
