"""Sends and edits one view in the best form that the server and the chat take: rich message, photo with caption, text.

A form that Telegram refuses gives way to the next one. Which form a message has is remembered only as long as the
program runs: after a restart an edit finds it out, because Telegram refuses an edit of the wrong kind.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any, TypeVar

from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramNotFound
from aiogram.types import (
    BufferedInputFile,
    InputMediaPhoto,
    InputRichBlockButtons,
    InputRichBlockPhoto,
    InputRichBlockUnion,
    InputRichMessage,
    Message,
    RichBlockPhoto,
)

from bot.telegram.views.view import PICTURE_FILE, Picture, View, fits

log = logging.getLogger(__name__)
K = TypeVar("K")
V = TypeVar("V")
REMEMBERED = 1000
"""Messages and pictures of which something is remembered."""
MESSAGE_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid")
"""A refusal with these words: the message cannot be edited in any form."""
UNCHANGED = "not modified"
PICTURE_REFUSED = ("image_process", "photo_", "media_", "file identifier", "file is too big", "failed to get http url")
"""A refusal with these words is of the picture, not of the message."""
Chat = int | str


class Form(Enum):
    RICH = "rich"
    PHOTO = "photo"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of a message. ``picture``: the key of the picture that it shows; empty: none."""

    form: Form
    picture: str = ""


class Delivery:
    """
    Args:
        rich: whether rich messages are tried at all.
        pictures: ``False``: the pictures of views are left out.
    """

    def __init__(self, bot: Callable[[], Bot], *, rich: bool = False, pictures: bool = True) -> None:
        self._bot = bot
        self._rich = rich
        self._pictures = pictures
        self._plain: set[Chat] = set()
        """Chats where a rich message was refused and another form was taken."""
        self._sent: OrderedDict[tuple[Chat, int], Sent] = OrderedDict()
        self._files: OrderedDict[str, str] = OrderedDict()
        """Telegram's ids of pictures that were uploaded, by key."""
        self._refused: OrderedDict[str, bool] = OrderedDict()
        """Keys of pictures that Telegram refuses: their messages go without them."""

    # Sending ----------------------------------------------------------------------------------

    async def send(self, chat: Chat, view: View, **options: Any) -> Message:
        """
        Args:
            options: parameters that every method for sending has.

        Raises:
            AiogramError: Telegram does not answer, or takes the view in no form.
        """
        refused = False
        for form, send in ((Form.RICH, self._send_rich), (Form.PHOTO, self._send_photo)):
            if form is Form.RICH and not self._may_be_rich(chat, view):
                continue
            try:
                message = await self._without_bad_picture(view, partial(send, chat, view, options))
            except (TelegramBadRequest, TelegramNotFound) as error:
                log.debug("%s was refused, so the next simpler form: %s", form.value, error.message)
                refused = refused or form is Form.RICH
                if isinstance(error, TelegramNotFound):
                    self._rich = False
                continue
            if message is not None:
                break
        else:
            message, form = await self._send_text(chat, view, options), Form.TEXT
        if refused:
            self._plain.add(chat)
        self._note(chat, message.message_id, form, view.picture, message)
        return message

    def _may_be_rich(self, chat: Chat, view: View) -> bool:
        return self._rich and view.rich is not None and chat not in self._plain

    async def _send_rich(self, chat: Chat, view: View, options: dict[str, Any]) -> Message | None:
        rich = await self._with_picture(view)
        return await self._bot().send_rich_message(chat, rich, reply_markup=view.rich_keyboard, **options)

    async def _send_photo(self, chat: Chat, view: View, options: dict[str, Any]) -> Message | None:
        """``None``: the view has no picture, or more words than a caption holds."""
        media = await self._media(view) if fits(view) else None
        if media is None:
            return None
        return await self._bot().send_photo(chat, media, caption=str(view.text), reply_markup=view.keyboard, **options)

    async def _send_text(self, chat: Chat, view: View, options: dict[str, Any]) -> Message:
        return await self._bot().send_message(chat, str(view.text), reply_markup=view.keyboard, **options)

    # Editing ----------------------------------------------------------------------------------

    async def edit(self, chat: Chat, message_id: int, view: View) -> None:
        """Makes a message show the view. A photo stays a photo; its picture is replaced if the view has another one.

        Raises:
            TelegramBadRequest: the message is gone, cannot be edited, or shows the view already (``UNCHANGED``).
            AiogramError: Telegram does not answer.
        """
        edits = self._edits(chat, message_id, view)
        for number, (form, edit) in enumerate(edits, start=1):
            try:
                answer = await self._without_bad_picture(view, partial(edit, chat, message_id, view))
            except TelegramBadRequest as error:
                problem = error.message.lower()
                if UNCHANGED in problem:
                    self._note(chat, message_id, form, view.picture, None)
                    raise
                if number == len(edits) or any(words in problem for words in MESSAGE_GONE):
                    raise
                log.debug("Message %d takes no edit as %s: %s", message_id, form.value, error.message)
                continue
            self._note(chat, message_id, form, view.picture, answer if isinstance(answer, Message) else None)
            return

    async def edited(self, chat: Chat, message_id: int, view: View) -> bool:
        """Edits a message as ``edit``; whether it shows the view now. ``False``: it is gone, or too old for an edit.

        Raises:
            AiogramError: Telegram does not answer, or refuses for another reason.
        """
        try:
            await self.edit(chat, message_id, view)
        except TelegramBadRequest as error:
            problem = error.message.lower()
            if any(words in problem for words in MESSAGE_GONE):
                return False
            if UNCHANGED not in problem:
                raise
        return True

    async def retire(self, chat: Chat, message_id: int, view: View) -> None:
        """Takes the buttons off a message that another one replaces. Raises as ``edit``."""
        rich = view.rich
        if rich is not None and rich.blocks is not None:
            kept: list[InputRichBlockUnion] = [b for b in rich.blocks if not isinstance(b, InputRichBlockButtons)]
            rich = InputRichMessage(blocks=kept)
        await self.edit(chat, message_id, replace(view, keyboard=None, rich=rich))

    def _edits(
        self, chat: Chat, message_id: int, view: View
    ) -> list[tuple[Form, Callable[[Chat, int, View], Awaitable[Message | bool]]]]:
        """The ways to edit the message, the likeliest first."""
        known = self._sent.get((chat, message_id))
        as_rich = [(Form.RICH, self._edit_rich)] if self._may_be_rich(chat, view) else []
        caption, text = (Form.PHOTO, self._edit_caption), (Form.TEXT, self._edit_text)
        media = [(Form.PHOTO, self._edit_media)] if self._pictures and view.picture and fits(view) else []
        if known is None:
            return [*as_rich, *media, caption, text]
        if known.form is Form.RICH:
            return [*as_rich, text]
        if known.form is Form.TEXT:
            return [text]
        if view.picture is None or view.picture.key == known.picture:
            return [caption]
        return [*media, caption]

    async def _edit_rich(self, chat: Chat, message_id: int, view: View) -> Message | bool:
        rich = await self._with_picture(view)
        return await self._bot().edit_message_text(
            rich_message=rich, chat_id=chat, message_id=message_id, reply_markup=view.rich_keyboard
        )

    async def _edit_media(self, chat: Chat, message_id: int, view: View) -> Message | bool:
        media = await self._media(view)
        if media is None:
            return await self._edit_caption(chat, message_id, view)
        photo = InputMediaPhoto(media=media, caption=str(view.text))
        return await self._bot().edit_message_media(
            photo, chat_id=chat, message_id=message_id, reply_markup=view.keyboard
        )

    async def _edit_caption(self, chat: Chat, message_id: int, view: View) -> Message | bool:
        return await self._bot().edit_message_caption(
            chat_id=chat, message_id=message_id, caption=str(view.text), reply_markup=view.keyboard
        )

    async def _edit_text(self, chat: Chat, message_id: int, view: View) -> Message | bool:
        return await self._bot().edit_message_text(
            str(view.text), chat_id=chat, message_id=message_id, reply_markup=view.keyboard
        )

    # Pictures ---------------------------------------------------------------------------------

    async def _without_bad_picture(self, view: View, call: Callable[[], Awaitable[V]]) -> V:
        """What the call returns. If Telegram refuses the picture of the view, once more: a picture that Telegram knew
        is uploaded again, any other one is left out.

        Raises:
            TelegramBadRequest: the refusal is not of the picture.
        """
        while True:
            try:
                return await call()
            except TelegramBadRequest as error:
                if view.picture is None or not any(words in error.message.lower() for words in PICTURE_REFUSED):
                    raise
                if view.picture.key in self._refused:
                    raise
                log.warning("Telegram refuses a picture: %s", error.message)
                if self._files.pop(view.picture.key, None) is None:
                    _remember(self._refused, view.picture.key, True)

    async def _with_picture(self, view: View) -> InputRichMessage:
        media = await self._media(view)
        blocks = list(view.rich.blocks or ()) if view.rich is not None else []
        if media is None:
            return InputRichMessage(blocks=blocks)
        return InputRichMessage(blocks=[InputRichBlockPhoto(photo=InputMediaPhoto(media=media)), *blocks])

    async def _media(self, view: View) -> str | BufferedInputFile | None:
        """The id of the view's picture if Telegram has it, else the picture itself."""
        if view.photo is not None:
            return BufferedInputFile(view.photo, PICTURE_FILE)
        if view.picture is None or not self._pictures or view.picture.key in self._refused:
            return None
        if (file_id := self._files.get(view.picture.key)) is not None:
            return file_id
        drawn = await view.picture.draw()
        return None if drawn is None else BufferedInputFile(drawn, PICTURE_FILE)

    def _note(self, chat: Chat, message_id: int, form: Form, picture: Picture | None, message: Message | None) -> None:
        key = picture.key if picture is not None else self._sent.get((chat, message_id), Sent(form)).picture
        _remember(self._sent, (chat, message_id), Sent(form, key))
        file_id = None if message is None else _photo_id(message)
        if picture is not None and file_id is not None:
            _remember(self._files, picture.key, file_id)


def _photo_id(message: Message) -> str | None:
    """Telegram's id of the photo that a message shows, in its largest size."""
    if message.photo:
        return message.photo[-1].file_id
    blocks = message.rich_message.blocks if message.rich_message is not None else []
    return next((block.photo[-1].file_id for block in blocks if isinstance(block, RichBlockPhoto)), None)


def _remember(things: OrderedDict[K, V], key: K, value: V) -> None:
    """Keeps the newest ``REMEMBERED``."""
    things[key] = value
    things.move_to_end(key)
    if len(things) > REMEMBERED:
        things.popitem(last=False)
