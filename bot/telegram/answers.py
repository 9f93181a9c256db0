"""Puts a view into the chat: as an answer, or in the place of the one whose button was pressed; words of popups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from aiogram.exceptions import TelegramBadRequest
from aiogram.types import BufferedInputFile, CallbackQuery, InputMediaPhoto, Message

from bot.proposals import DecisionResult, Verdict
from bot.service import Service
from bot.telegram.views import PICTURE, View
from bot.texts import Texts
from bot.words import POPUP_LIMIT, popup

_AS_BEFORE = "not modified"


async def say(message: Message, view: View) -> None:
    """Answers in the same chat and topic."""
    if view.photo is None:
        await message.answer(str(view.text), reply_markup=view.keyboard)
    else:
        picture = BufferedInputFile(view.photo, PICTURE)
        await message.answer_photo(picture, caption=str(view.text), reply_markup=view.keyboard)


async def replace(query: CallbackQuery, view: View) -> None:
    """Shows the view where the button was. Telegram makes no plain text of a picture: that is said anew."""
    message = query.message
    if not isinstance(message, Message):
        return
    try:
        if view.photo is not None:
            picture = InputMediaPhoto(media=BufferedInputFile(view.photo, PICTURE), caption=str(view.text))
            await message.edit_media(picture, reply_markup=view.keyboard)
        elif message.photo:
            await say(message, view)
            await message.delete()
        else:
            await message.edit_text(str(view.text), reply_markup=view.keyboard)
    except TelegramBadRequest as error:
        if _AS_BEFORE not in error.message.lower():
            raise


async def reply(query: CallbackQuery, view: View) -> None:
    """A message of its own, as a reply to the one whose button was pressed."""
    message = query.message
    if not isinstance(message, Message):
        return
    if view.photo is None:
        await message.reply(str(view.text), reply_markup=view.keyboard, allow_sending_without_reply=True)
    else:
        await message.reply_photo(
            BufferedInputFile(view.photo, PICTURE),
            caption=str(view.text),
            reply_markup=view.keyboard,
            allow_sending_without_reply=True,
        )


async def close(query: CallbackQuery) -> None:
    """Takes the message away. Telegram keeps what is older than two days: then at least its buttons go."""
    if not isinstance(query.message, Message):
        return
    try:
        await query.message.delete()
    except TelegramBadRequest:
        await query.message.edit_reply_markup()


def has_button(query: CallbackQuery) -> bool:
    """Whether the message, as Telegram itself keeps it, is ours and has the button that was pressed."""
    message = query.message
    if not isinstance(message, Message) or message.reply_markup is None or query.bot is None:
        return False
    pressed = any(b.callback_data == query.data for row in message.reply_markup.inline_keyboard for b in row)
    return pressed and message.from_user is not None and message.from_user.id == query.bot.id


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
    text = popup(texts, results, verdict, service.clock(), service.skip_cooldown if rest is None else rest)
    if await service.paused_until() is not None and any(r.done and r.move.migration for r in results):
        text = texts.text("popup-paused", text=text)[:POPUP_LIMIT]
    return text
