"""Rich messages of the emulated Telegram: requests of aiogram, the returned messages, and every refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import (
    BufferedInputFile,
    DisabledButton,
    EphemeralMessageParameters,
    InputMediaPhoto,
    InputRichBlockButtons,
    InputRichBlockDetails,
    InputRichBlockParagraph,
    InputRichBlockPhoto,
    InputRichMessage,
    Message,
    RichBlockButtons,
    RichBlockPhoto,
    RichMessageButton,
    RichTextDateTime,
)

from sandbox.chat.server import RunningChat, start_chat

ANNA, BORIS, OPS = 1001, 1002, -1001000000001
NOW = 1_800_000_000
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x08\x00\x00\x00\x08\x08\x02\x00\x00\x00K"
    b"m)\xdc\x00\x00\x00\x0bIDATx\x9cc`\x18Z\x00\x00\x00\xc8\x00\x01\x00\x00\x00\x00IEND\xaeB`\x82"
)
WORDS = {"type": "paragraph", "text": "words"}


@pytest_asyncio.fixture
async def chat() -> AsyncIterator[RunningChat]:
    async with await start_chat(limits="off", clock=lambda: float(NOW)) as running:
        yield running


@pytest_asyncio.fixture
async def bot(chat: RunningChat) -> AsyncIterator[Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(chat.url))
    bot = Bot(chat.state.token, session=session)
    yield bot
    await bot.session.close()


def message_with_buttons() -> InputRichMessage:
    return InputRichMessage(
        blocks=[
            InputRichBlockPhoto(photo=InputMediaPhoto(media=BufferedInputFile(PNG, "picture.png"))),
            InputRichBlockParagraph(
                text=["until ", RichTextDateTime(text="17:28", unix_time=NOW, date_time_format="t")]
            ),
            InputRichBlockButtons(
                buttons=[
                    RichMessageButton(text="Approve", callback_data="yes", style="success"),
                    RichMessageButton(text="needs a second", disabled=DisabledButton()),
                ]
            ),
            InputRichBlockDetails(
                summary="Details",
                blocks=[
                    InputRichBlockParagraph(text="inside"),
                    InputRichBlockButtons(buttons=[RichMessageButton(text="Why", callback_data="why", style="link")]),
                ],
            ),
        ]
    )


async def test_aiogram_sends_photo_and_buttons_and_reads_them_back(chat: RunningChat, bot: Bot) -> None:
    sent = await bot.send_rich_message(OPS, message_with_buttons())
    assert sent.rich_message is not None
    photo, _, buttons, _ = sent.rich_message.blocks
    assert isinstance(photo, RichBlockPhoto) and photo.photo[0].width == 8
    assert isinstance(buttons, RichBlockButtons) and buttons.buttons[0].callback_data == "yes"
    shown = chat.state.messages[OPS, sent.message_id].content
    assert shown.text == "until 17:28\nDetails\ninside"
    assert [[b["text"] for b in row] for row in shown.button_rows()] == [["Approve", "needs a second"], ["Why"]]
    again = InputRichBlockPhoto(photo=InputMediaPhoto(media=photo.photo[-1].file_id))
    edited = await bot.edit_message_text(
        rich_message=InputRichMessage(blocks=[again, InputRichBlockParagraph(text="done")]),
        chat_id=OPS,
        message_id=sent.message_id,
    )
    assert isinstance(edited, Message)
    assert chat.state.messages[OPS, sent.message_id].content.text == "done"


async def test_button_inside_the_message_works_like_one_below(chat: RunningChat, bot: Bot) -> None:
    sent = await bot.send_rich_message(OPS, message_with_buttons())
    chat.state.press(OPS, sent.message_id, ANNA, "why")
    [update] = await bot.get_updates()
    assert update.callback_query is not None and update.callback_query.data == "why"
    assert isinstance(update.callback_query.message, Message) and update.callback_query.message.rich_message


def button(**fields: Any) -> dict[str, Any]:
    return {"type": "buttons", "buttons": [{"text": "x", **fields}]}


REFUSED: dict[str, tuple[list[Any], str]] = {
    "no blocks": ([], "blocks are needed"),
    "unknown block": ([{"type": "map"}], "knows no block"),
    "unknown field": ([{**WORDS, "colour": "red"}], 'unknown field "colour"'),
    "missing field": ([{"type": "details", "summary": "x"}], 'field "blocks" is needed'),
    "empty message": ([button(callback_data="a")], "message text is empty"),
    "empty details": ([{"type": "details", "summary": "x", "blocks": []}], "non-empty"),
    "unknown style of text": ([{"type": "paragraph", "text": {"type": "blink", "text": "x"}}], "no RichText"),
    "long text": ([{"type": "paragraph", "text": "x" * 32_769}], "32768"),
    "long text in UTF-16": ([{"type": "paragraph", "text": "\N{PILE OF POO}" * 16_385}], "32768"),
    "many blocks": ([WORDS] * 501, "500"),
    "many rows": ([{"type": "table", "cells": [[{"align": "left", "valign": "top"}]] * 500}, WORDS], "500"),
    "many columns": ([{"type": "table", "cells": [[{"align": "left", "valign": "top"}] * 21]}, WORDS], "columns"),
    "cell without align": ([{"type": "table", "cells": [[{"valign": "top"}]]}, WORDS], '"align" is needed'),
    "nine buttons": (
        [WORDS, {"type": "buttons", "buttons": [{"text": "x", "callback_data": "a"}] * 9}],
        "1 to 8 buttons",
    ),
    "no buttons": ([WORDS, {"type": "buttons", "buttons": []}], "1 to 8 buttons"),
    "two kinds": ([WORDS, button(callback_data="a", url="https://example.com")], "exactly one field"),
    "no kind": ([WORDS, button()], "exactly one field"),
    "long data": ([WORDS, button(callback_data="x" * 65)], "BUTTON_DATA_INVALID"),
    "empty data": ([WORDS, button(callback_data="")], "BUTTON_DATA_INVALID"),
    "link for a URL": ([WORDS, button(url="https://example.com", style="link")], "invalid style"),
    "unknown style": ([WORDS, button(callback_data="a", style="gold")], "invalid style"),
    "disabled with fields": ([WORDS, button(disabled={"text": "x"})], "no fields"),
    "bold on a button": (
        [WORDS, {"type": "buttons", "buttons": [{"text": {"type": "bold", "text": "x"}, "callback_data": "a"}]}],
        "no RichText",
    ),
    "time format": (
        [{"type": "paragraph", "text": {"type": "date_time", "text": "x", "unix_time": NOW, "date_time_format": "rt"}}],
        "date_time_format",
    ),
    "time too far": (
        [
            {
                "type": "paragraph",
                "text": {"type": "date_time", "text": "x", "unix_time": NOW + 1099 * 86_400, "date_time_format": "t"},
            }
        ],
        "unix_time",
    ),
    "photo without file": (
        [WORDS, {"type": "photo", "photo": {"type": "photo", "media": "attach://no"}}],
        "wrong file",
    ),
}


def nested(depth: int) -> dict[str, Any]:
    block: dict[str, Any] = WORDS
    for _ in range(depth):
        block = {"type": "details", "summary": "x", "blocks": [block]}
    return block


REFUSED["deep"] = ([nested(16)], "nested deeper")


async def sent_raw(chat: RunningChat, blocks: list[Any]) -> tuple[int, dict[str, Any]]:
    url = f"{chat.url}/bot{chat.state.token}/sendRichMessage"
    body = {"chat_id": OPS, "rich_message": {"blocks": blocks}}
    async with aiohttp.ClientSession() as http, http.post(url, json=body) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("case", REFUSED)
async def test_invalid_rich_message_is_refused(chat: RunningChat, case: str) -> None:
    blocks, reason = REFUSED[case]
    status, body = await sent_raw(chat, blocks)
    assert status == 400 and reason in body["description"], body
    assert not chat.state.messages


async def test_the_largest_allowed_message_is_taken(chat: RunningChat) -> None:
    row = {"type": "buttons", "buttons": [{"text": "x", "callback_data": "x" * 64}] * 8}
    blocks = [nested(15), *[row] * 400, {"type": "paragraph", "text": "x" * 20_000}]
    status, body = await sent_raw(chat, blocks)
    assert status == 200, body


@pytest.mark.parametrize("server", ["no rich messages", "no buttons inside"])
async def test_older_server_refuses_rich_messages(chat: RunningChat, bot: Bot, server: str) -> None:
    if server == "no buttons inside":
        chat.state.rich_buttons = False
        with pytest.raises(TelegramBadRequest, match="knows no block 'buttons'"):
            await bot.send_rich_message(OPS, message_with_buttons())
    else:
        chat.state.rich = False
        with pytest.raises(Exception, match="method not found"):
            await bot.send_rich_message(OPS, message_with_buttons())


async def pressed(chat: RunningChat, bot: Bot, user_id: int) -> tuple[int, str]:
    sent = await bot.send_rich_message(OPS, message_with_buttons())
    return sent.message_id, chat.state.press(OPS, sent.message_id, user_id, "yes").id


async def test_one_person_sees_an_answer_in_place_of_the_message(chat: RunningChat, bot: Bot) -> None:
    message_id, query_id = await pressed(chat, bot, ANNA)
    to_anna = EphemeralMessageParameters(
        receiver_user_id=ANNA, callback_query_id=query_id, replace_callback_query_message=True
    )
    card = await bot.send_message(OPS, "card", ephemeral_message_parameters=to_anna)
    assert card.ephemeral_message_id is not None
    shown = chat.state.messages[OPS, card.ephemeral_message_id]
    assert shown.replaces == message_id and shown.receiver is chat.state.users[ANNA]
    await bot.delete_ephemeral_message(OPS, ANNA, card.ephemeral_message_id)
    assert shown.deleted


@pytest.mark.parametrize("wrong", ["another person", "unknown query", "no query", "an ephemeral message"])
async def test_only_who_pressed_gets_an_answer_in_place(chat: RunningChat, bot: Bot, wrong: str) -> None:
    _, query_id = await pressed(chat, bot, ANNA)
    to_anna = EphemeralMessageParameters(
        receiver_user_id=ANNA, callback_query_id=query_id, replace_callback_query_message=True
    )
    if wrong == "another person":
        to_anna = to_anna.model_copy(update={"receiver_user_id": BORIS})
    elif wrong == "unknown query":
        to_anna = to_anna.model_copy(update={"callback_query_id": "1"})
    elif wrong == "no query":
        to_anna = to_anna.model_copy(update={"callback_query_id": None})
    else:
        rich = message_with_buttons()
        card = await bot.send_rich_message(OPS, rich, ephemeral_message_parameters=to_anna)
        assert card.ephemeral_message_id is not None
        pressed_again = chat.state.press(OPS, card.ephemeral_message_id, ANNA, "yes").id
        to_anna = to_anna.model_copy(update={"callback_query_id": pressed_again})
    with pytest.raises(TelegramBadRequest):
        await bot.send_message(OPS, "card", ephemeral_message_parameters=to_anna)
