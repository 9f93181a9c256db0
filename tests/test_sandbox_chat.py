"""The emulated Telegram, used by a real aiogram bot and by plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.filters import Command
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BufferedInputFile,
    CallbackQuery,
    CopyTextButton,
    DisabledButton,
    InaccessibleMessage,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputMediaPhoto,
    LinkPreviewOptions,
    Message,
    MessageEntity,
    ReactionTypeEmoji,
    ReplyParameters,
)
from aiohttp import web

from sandbox.chat.server import RunningChat, start_chat

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANNA, BORIS, VERA, OPS = 1001, 1002, 1003, -1001000000001


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Control:
    """The control API over HTTP."""

    def __init__(self, chat: RunningChat, http: aiohttp.ClientSession) -> None:
        self.chat, self.http, self.url = chat, http, f"{chat.url}/sandbox/"

    async def post(self, name: str, **body: Any) -> Any:
        async with self.http.post(self.url + name, json=body) as answer:
            result = await answer.json()
            assert answer.status == 200, result
            return result

    async def get(self, name: str, **query: Any) -> Any:
        async with self.http.get(self.url + name, params=query) as answer:
            return await answer.json()

    async def raw(self, method: str, http_method: str = "POST", **kwargs: Any) -> tuple[int, Any]:
        url = f"{self.chat.url}/bot{self.chat.state.token}/{method}"
        async with self.http.request(http_method, url, **kwargs) as answer:
            return answer.status, await answer.json()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture(loop_scope="module")
async def chat(clock: Clock) -> AsyncIterator[RunningChat]:
    async with await start_chat(clock=clock, conflict_delay_s=0.05) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session() -> AsyncIterator[AiohttpSession]:
    """One for all tests, because aiogram takes a quarter of a second to close it."""
    async with AiohttpSession() as result:
        yield result


@pytest.fixture
def bot(chat: RunningChat, session: AiohttpSession) -> Bot:
    session.api = TelegramAPIServer.from_base(chat.url)
    return Bot(chat.state.token, session=session, default=DefaultBotProperties(parse_mode=ParseMode.HTML))


@pytest_asyncio.fixture(loop_scope="module")
async def control(chat: RunningChat) -> AsyncIterator[Control]:
    async with aiohttp.ClientSession() as http:
        yield Control(chat, http)


@contextlib.asynccontextmanager
async def polling(dispatcher: Dispatcher, bot: Bot) -> AsyncIterator[None]:
    task = asyncio.create_task(dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False))
    try:
        yield
    finally:
        await dispatcher.stop_polling()  # a cancelled start_polling would leave its poller running
        await task


async def until(condition: Callable[[], Any]) -> Any:
    for _ in range(500):
        if result := condition():
            return result
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen within 5 s")


def keys(*rows: list[tuple[str, str]]) -> InlineKeyboardMarkup:
    buttons = [[InlineKeyboardButton(text=text, callback_data=data) for text, data in row] for row in rows]
    return InlineKeyboardMarkup(inline_keyboard=buttons)


def png(width: int = 40, height: int = 30) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + struct.pack(">II", width, height) + b"\x08\x02\0\0\0"


async def refusal(call: Awaitable[Any], kind: type[Exception] = TelegramBadRequest) -> str:
    with pytest.raises(kind) as caught:
        await call
    return str(caught.value)


# a bot's day


async def test_report_press_edit_popup_with_a_polling_bot(chat: RunningChat, bot: Bot, control: Control) -> None:
    dispatcher = Dispatcher()

    @dispatcher.message(Command("status"))
    async def report(message: Message) -> None:
        await message.reply("<b>Overload</b>\n<pre>node  91%</pre>", reply_markup=keys([("Approve", "a:1")]))

    @dispatcher.callback_query()
    async def decide(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.message.edit_text(f"approved by {query.from_user.full_name}")
        await query.answer("queued", show_alert=True)

    async with polling(dispatcher, bot):
        sent = await control.post("send", chat_id=OPS, user_id=ANNA, text="/status@vm_balancer_demo_bot now")
        assert sent["entities"] == [{"type": "bot_command", "offset": 0, "length": 28}]
        shown = await until(lambda: chat.state.message(OPS, 2))
        assert shown.content.text == "Overload\nnode  91%"
        assert [entity["type"] for entity in shown.content.entities] == ["bold", "pre"]
        answer = await control.post("press", chat_id=OPS, message_id=2, user_id=BORIS, data="a:1", wait=5)
    assert answer["answered"] and answer["text"] == "queued" and answer["show_alert"]
    [view] = await control.get("messages", chat_id=OPS, since=1)
    assert view["text"] == "approved by Boris Backup" and view["edited"] and view["keyboard"] == []
    assert view["history"][0]["keyboard"][0][0]["callback_data"] == "a:1"
    assert view["reply_to"]["message_id"] == 1


async def test_aiogram_reads_every_object_of_bot_and_chats(bot: Bot) -> None:
    me = await bot.get_me()
    assert me.is_bot and me.username == "vm_balancer_demo_bot" and me.can_read_all_group_messages is False
    assert (await bot.get_chat(ANNA)).first_name == "Anna"
    assert (await bot.get_chat(OPS)).title == "Ops"
    statuses = [(await bot.get_chat_member(OPS, who)).status for who in (ANNA, BORIS, VERA, me.id)]
    assert statuses == ["creator", "administrator", "member", "member"]
    assert [admin.user.id for admin in await bot.get_chat_administrators(OPS)] == [ANNA, BORIS]
    assert "no administrators in the private chat" in await refusal(bot.get_chat_administrators(ANNA))
    assert await bot.send_chat_action(OPS, "typing")
    assert (await bot.get_webhook_info()).url == ""


# strictness


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "Bad Request: message text is empty"),
        (" \n ", "Bad Request: text must be non-empty"),
        ("x" * 4097, "Bad Request: message is too long"),
        ("😀" * 2049, "Bad Request: message is too long"),
        ("<b>x", "can't parse entities: Can't find end tag corresponding to start tag \"b\""),
        ("load < 5", 'can\'t parse entities: Unsupported start tag "" at byte offset 5'),
        ("ы <node>", 'can\'t parse entities: Unsupported start tag "node" at byte offset 3'),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("x</b>", "can't parse entities: Unexpected end tag at byte offset 1"),
        ("<b", "can't parse entities: Unclosed start tag at byte offset 0"),
        ('<span class="x">y</span>', 'Tag "span" must have class "tg-spoiler"'),
    ],
)
async def test_invalid_text_is_refused(control: Control, text: str, complaint: str) -> None:
    status, body = await control.raw("sendMessage", json={"chat_id": ANNA, "text": text, "parse_mode": "HTML"})
    assert status == body["error_code"] == 400 and complaint in body["description"]


async def test_text_is_measured_after_parsing(bot: Bot) -> None:
    sent = await bot.send_message(ANNA, "<b>" + "&lt;" * 4096 + "</b>  ")
    assert sent.text == "<" * 4096
    assert len((await bot.send_message(ANNA, "😀" * 2048)).text or "") == 2048


async def test_entities_are_normalized_and_detected(bot: Bot) -> None:
    sent = await bot.send_message(
        ANNA, "  <b>one <code>/two</code></b> /three https://a.example, <pre>http://b.example</pre>"
    )
    kinds = [(entity.type, entity.extract_from(sent.text or "")) for entity in sent.entities or []]
    assert kinds == [
        ("bold", "one "),
        ("code", "/two"),
        ("bot_command", "/three"),
        ("url", "https://a.example"),
        ("pre", "http://b.example"),
    ]
    given = [MessageEntity(type="italic", offset=0, length=2), MessageEntity(type="bold", offset=5, length=90)]
    sent = await bot.send_message(ANNA, "<b> &amp;", parse_mode=None, entities=given)
    assert sent.text == "<b> &amp;"
    assert [(entity.type, entity.length) for entity in sent.entities or []] == [("italic", 2), ("bold", 4)]


@pytest.mark.parametrize(
    ("button", "complaint"),
    [
        ({"callback_data": "x" * 65}, "BUTTON_DATA_INVALID"),
        ({"callback_data": "ж" * 33}, "BUTTON_DATA_INVALID"),
        ({"callback_data": ""}, "Text buttons are unallowed in the inline keyboard"),
        ({"url": "http://localhost:8080/"}, "is invalid: Wrong HTTP URL"),
        ({"callback_data": "x", "style": "pink"}, "invalid button style specified"),
        ({"copy_text": {"text": ""}}, "BUTTON_COPY_TEXT_INVALID"),
    ],
)
async def test_invalid_buttons_are_refused(control: Control, button: dict[str, Any], complaint: str) -> None:
    markup = {"inline_keyboard": [[{"text": "x", **button}]]}
    status, body = await control.raw("sendMessage", json={"chat_id": ANNA, "text": "x", "reply_markup": markup})
    assert status == 400 and complaint in body["description"]


async def test_buttons_of_all_kinds_are_returned(bot: Bot) -> None:
    row = [
        InlineKeyboardButton(text="Approve", callback_data="ж" * 32, style="success"),
        InlineKeyboardButton(text="Panel", url="https://10.0.0.5/vm"),
        InlineKeyboardButton(text="Done", disabled=DisabledButton()),
        InlineKeyboardButton(text="Copy", copy_text=CopyTextButton(text="vm-1")),
    ]
    sent = await bot.send_message(ANNA, "x", reply_markup=InlineKeyboardMarkup(inline_keyboard=[row]))
    assert sent.reply_markup
    back = [button.model_dump(exclude_none=True) for button in sent.reply_markup.inline_keyboard[0]]
    assert back == [button.model_dump(exclude_none=True) for button in row]


async def test_edits_are_checked(bot: Bot, control: Control) -> None:
    sent = await bot.send_message(ANNA, "<b>x</b>", reply_markup=keys([("a", "a")]))
    here: Any = {"chat_id": ANNA, "message_id": sent.message_id}
    same = bot.edit_message_text("<b>x</b>", **here, reply_markup=keys([("a", "a")]))
    assert "message is not modified: specified new message content and reply markup are" in await refusal(same)
    edited = await bot.edit_message_text("<b>x</b>", **here)
    assert isinstance(edited, Message) and edited.reply_markup is None and edited.edit_date
    assert "message is not modified" in await refusal(bot.edit_message_reply_markup(**here))
    assert "there is no caption in the message to edit" in await refusal(bot.edit_message_caption(**here, caption="x"))
    assert "message to edit not found" in await refusal(bot.edit_message_text("y", chat_id=ANNA, message_id=99))
    theirs = await control.post("send", chat_id=ANNA, user_id=ANNA, text="hi")
    attempt = bot.edit_message_text("y", chat_id=ANNA, message_id=theirs["message_id"])
    assert "message can't be edited" in await refusal(attempt)
    assert "chat not found" in await refusal(bot.send_message(4242, "x"))


async def test_messages_can_be_deleted(bot: Bot, control: Control, clock: Clock) -> None:
    sent, late = await bot.send_message(ANNA, "x"), await bot.send_message(ANNA, "y")
    assert await bot.delete_message(ANNA, sent.message_id)
    assert "message to delete not found" in await refusal(bot.delete_message(ANNA, sent.message_id))
    theirs = await control.post("send", chat_id=OPS, user_id=VERA, text="hi")
    assert "message can't be deleted" in await refusal(bot.delete_message(OPS, theirs["message_id"]))
    clock.now += 49 * 3600
    assert "message can't be deleted" in await refusal(bot.delete_message(ANNA, late.message_id))


async def test_callback_must_be_answered_once_and_in_time(
    chat: RunningChat, bot: Bot, control: Control, clock: Clock
) -> None:
    sent = await bot.send_message(ANNA, "x", reply_markup=keys([("a", "a")]))
    where: Any = {"chat_id": ANNA, "message_id": sent.message_id, "user_id": ANNA}
    first = await control.post("press", **where, row=0, col=0, wait=0)
    assert first["answered"] is False
    assert "MESSAGE_TOO_LONG" in await refusal(bot.answer_callback_query(first["callback_query_id"], "x" * 201))
    assert await bot.answer_callback_query(first["callback_query_id"], "x" * 200)
    old = "query is too old and response timeout expired or query ID is invalid"
    assert old in await refusal(bot.answer_callback_query(first["callback_query_id"]))
    assert old in await refusal(bot.answer_callback_query("12345"))
    second = await control.post("press", **where, data="a", wait=0)
    clock.now += 15.5
    assert old in await refusal(bot.answer_callback_query(second["callback_query_id"]))


async def test_press_of_a_missing_button_is_refused(bot: Bot, control: Control) -> None:
    sent = await bot.send_message(OPS, "x", reply_markup=keys([("a", "a")]))
    where: Any = {"chat_id": OPS, "message_id": sent.message_id, "user_id": VERA, "wait": 0}
    async with control.http.post(control.url + "press", json={**where, "data": "b"}) as answer:
        assert answer.status == 400 and "no button" in (await answer.json())["error"]
    await control.post("press", **where, data="b", forge=True)
    await control.post("delete_message", chat_id=OPS, message_id=sent.message_id, user_id=ANNA)
    await control.post("press", **where, data="a", forge=True)
    forged, late = await bot.get_updates()
    assert forged.callback_query and forged.callback_query.data == "b"
    assert late.callback_query and isinstance(late.callback_query.message, InaccessibleMessage)


@pytest.mark.parametrize(
    ("commands", "complaint"),
    [
        ([("Status", "x")], "BOT_COMMAND_INVALID"),
        ([("", "x")], "command must be non-empty"),
        ([("x" * 33, "x")], "command length must not exceed 32"),
        ([("x", "")], "command description must be non-empty"),
        ([("x", "x" * 257)], "command description length must not exceed 256"),
        ([(f"c{number}", "x") for number in range(101)], "BOT_COMMANDS_TOO_MUCH"),
    ],
)
async def test_invalid_commands_are_refused(control: Control, commands: list[tuple[str, str]], complaint: str) -> None:
    wish = [{"command": name, "description": words} for name, words in commands]
    status, body = await control.raw("setMyCommands", json={"commands": wish})
    assert status == 400 and complaint in body["description"]


async def test_command_lists_depend_on_scope_and_language(bot: Bot, control: Control) -> None:
    await bot.set_my_commands([BotCommand(command="help", description="Help")])
    await bot.set_my_commands(
        [BotCommand(command="help", description="Помощь")],
        scope=BotCommandScopeAllPrivateChats(),
        language_code="ru",
    )
    await bot.set_my_commands(
        [BotCommand(command="balance", description="Go")], scope=BotCommandScopeChat(chat_id=ANNA)
    )

    async def shown(user_id: int, chat_id: int) -> list[str]:
        return [entry["description"] for entry in await control.get("commands", user_id=user_id, chat_id=chat_id)]

    assert await shown(ANNA, ANNA) == ["Go"]
    assert await shown(BORIS, BORIS) == ["Помощь"]
    assert await shown(VERA, VERA) == await shown(BORIS, OPS) == ["Help"]
    await bot.delete_my_commands(scope=BotCommandScopeChat(chat_id=ANNA))
    assert await bot.get_my_commands(scope=BotCommandScopeChat(chat_id=ANNA)) == []
    assert await shown(ANNA, ANNA) == ["Help"]


# who may be written to


async def test_blocked_unstarted_and_kicked_bot_gets_errors(bot: Bot, control: Control) -> None:
    users = [{"id": ANNA, "blocked": True}, {"id": 2001, "first_name": "New", "started": False}]
    await control.post("config", users=users, chats=[{"id": OPS, "bot_status": "kicked"}])
    for chat_id, words in (
        (ANNA, "bot was blocked by the user"),
        (2001, "bot can't initiate conversation with a user"),
        (OPS, "bot was kicked from the supergroup chat"),
    ):
        assert f"Forbidden: {words}" in await refusal(bot.send_message(chat_id, "x"), TelegramForbiddenError)
    changes = [update.my_chat_member for update in await bot.get_updates()]
    assert [change.new_chat_member.status for change in changes if change] == ["kicked", "kicked"]
    await control.post("send", chat_id=2001, user_id=2001, text="/start")
    assert await bot.send_message(2001, "welcome")


async def test_a_migrated_group_names_its_new_id(bot: Bot, control: Control) -> None:
    await control.post("config", chats=[{"id": -500, "type": "group", "title": "Old", "members": [ANNA, BORIS]}])
    assert (await bot.send_message(-500, "x")).chat.type == "group"
    new_id = (await control.post("migrate_chat", chat_id=-500))["chat_id"]
    with pytest.raises(TelegramMigrateToChat) as caught:
        await bot.send_message(-500, "x")
    assert caught.value.migrate_to_chat_id == new_id
    assert (await bot.send_message(new_id, "x")).chat.type == "supergroup"
    service_messages = [update.message for update in await bot.get_updates() if update.message]
    assert [(m.migrate_to_chat_id, m.migrate_from_chat_id) for m in service_messages] == [(new_id, None), (None, -500)]


async def test_bot_in_a_group_gets_only_messages_for_it(bot: Bot, control: Control) -> None:
    mine = await bot.send_message(OPS, "x")
    for text, reply_to in (
        ("just talk", None),
        ("/help", None),
        ("/help@other_bot", None),
        ("an answer", mine.message_id),
        ("hey @vm_balancer_demo_bot", None),
    ):
        await control.post("send", chat_id=OPS, user_id=VERA, text=text, reply_to=reply_to)
    heard = [update.message.text for update in await bot.get_updates() if update.message]
    assert heard == ["/help", "an answer", "hey @vm_balancer_demo_bot"]
    await control.post("config", privacy_mode=False)
    await control.post("send", chat_id=OPS, user_id=VERA, text="just talk")
    assert (await bot.get_updates(offset=-1))[0].message.text == "just talk"  # type: ignore[union-attr]


async def test_anonymous_and_channel_senders_are_emulated(bot: Bot, control: Control) -> None:
    await control.post("send", chat_id=OPS, user_id=1087968824, text="/approve")
    await control.post("send", chat_id=BORIS, user_id=BORIS, text="/approve", forward_from=ANNA)
    source = await bot.send_message(ANNA, "x", reply_markup=keys([("a", "a")]))
    copy = await control.post("forward", chat_id=VERA, user_id=VERA, from_chat_id=ANNA, message_id=source.message_id)
    assert copy["keyboard"] == [] and copy["forwarded_from"] == "VM Balancer"
    anonymous, forwarded, copied = (update.message for update in await bot.get_updates())
    assert anonymous and anonymous.sender_chat and anonymous.sender_chat.id == OPS
    assert anonymous.from_user and anonymous.from_user.username == "GroupAnonymousBot"
    assert forwarded and forwarded.forward_origin and forwarded.from_user and forwarded.from_user.id == BORIS
    assert copied and copied.forward_origin
    await control.post("edit", chat_id=VERA, message_id=copy["message_id"], user_id=VERA, text="/new")
    assert (await bot.get_updates(offset=-1))[0].edited_message.text == "/new"  # type: ignore[union-attr]


# messages with more to them


async def test_topics_replies_and_silent_messages_work(chat: RunningChat, bot: Bot, control: Control) -> None:
    await control.post("config", chats=[{"id": OPS, "is_forum": True, "topics": {"7": "Alerts"}}])
    sent = await bot.send_message(
        OPS,
        "see https://a.example",
        message_thread_id=7,
        disable_notification=True,
        protect_content=True,
        link_preview_options=LinkPreviewOptions(is_disabled=True),
    )
    assert sent.message_thread_id == 7 and sent.is_topic_message and sent.has_protected_content
    assert sent.link_preview_options and sent.link_preview_options.is_disabled
    assert "message thread not found" in await refusal(bot.send_message(OPS, "x", message_thread_id=8))
    reply = await bot.send_message(OPS, "y", reply_parameters=ReplyParameters(message_id=sent.message_id))
    assert reply.reply_to_message and reply.reply_to_message.message_id == sent.message_id
    gone = ReplyParameters(message_id=99)
    assert "message to be replied not found" in await refusal(bot.send_message(OPS, "y", reply_parameters=gone))
    gone = ReplyParameters(message_id=99, allow_sending_without_reply=True)
    assert (await bot.send_message(OPS, "y", reply_parameters=gone)).reply_to_message is None
    assert "not enough rights" in await refusal(bot.pin_chat_message(OPS, sent.message_id))
    await control.post("config", chats=[{"id": OPS, "bot_status": "administrator"}])
    assert await bot.pin_chat_message(OPS, sent.message_id)
    assert await bot.set_message_reaction(OPS, sent.message_id, [ReactionTypeEmoji(emoji="👀")])
    view = (await control.get("messages", chat_id=OPS))[0]
    assert view["topic"] == "Alerts" and view["silent"] and view["reactions"] == ["👀"]
    assert chat.state.chats[OPS].pinned == sent.message_id


async def test_photos_and_documents_are_sent(bot: Bot, control: Control) -> None:
    sent = await bot.send_photo(ANNA, BufferedInputFile(png(), "load.png"), caption="<b>load</b>")
    assert sent.photo and (sent.photo[0].width, sent.photo[0].height) == (40, 30)
    again = await bot.send_photo(ANNA, sent.photo[0].file_id)
    assert again.photo and again.photo[0].file_unique_id == sent.photo[0].file_unique_id
    downloaded = await bot.download(sent.photo[0].file_id)
    assert downloaded and downloaded.read() == png()
    here: Any = {"chat_id": ANNA, "message_id": sent.message_id}
    assert "there is no text in the message to edit" in await refusal(bot.edit_message_text("x", **here))
    assert "message caption is too long" in await refusal(bot.edit_message_caption(**here, caption="x" * 1025))
    edited = await bot.edit_message_caption(**here, caption="x" * 1024)
    assert isinstance(edited, Message) and edited.caption == "x" * 1024
    new = InputMediaPhoto(media=BufferedInputFile(png(50, 50), "new.png"), caption="<i>new</i>")
    edited = await bot.edit_message_media(new, **here, reply_markup=keys([("a", "a")]))
    assert isinstance(edited, Message) and edited.caption == "new" and edited.photo and edited.photo[0].width == 50
    for data, words in ((b"text", "IMAGE_PROCESS_FAILED"), (b"", "non-empty"), (png(900, 20), "PHOTO_INVALID_DIM")):
        assert words in await refusal(bot.send_photo(ANNA, BufferedInputFile(data, "x.png")))
    file = await bot.send_document(ANNA, BufferedInputFile(b"a;b", "plan.csv"))
    assert file.document and file.document.file_name == "plan.csv" and file.document.file_size == 3


# limits and faults


async def test_rate_limits_are_emulated(bot: Bot, control: Control, clock: Clock) -> None:
    for _ in range(5):
        await refusal(bot.send_message(ANNA, ""))  # what is refused costs nothing
    for number in range(10):
        await bot.send_message(ANNA, str(number))
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(ANNA, "x")
    assert caught.value.retry_after == 1
    assert "Too Many Requests: retry after 1" in str(caught.value)
    sent = 0
    with pytest.raises(TelegramRetryAfter):
        while sent < 60:
            await bot.send_message(OPS, "x")
            sent += 1
            clock.now += 1.0  # the 20 a minute come back at one in three seconds
    assert 28 <= sent <= 31
    await control.post("config", limits="off")
    for _ in range(40):
        await bot.send_message(ANNA, "x")


async def test_error_answers_can_be_injected(bot: Bot, control: Control) -> None:
    await control.post("faults", kind="429", method="sendMessage", count=2, retry_after=7)
    assert await bot.get_me()
    for _ in range(2):
        with pytest.raises(TelegramRetryAfter) as caught:
            await bot.send_message(ANNA, "x")
        assert caught.value.retry_after == 7
    assert await bot.send_message(ANNA, "x")
    await control.post("faults", kind="502", method="sendMessage")
    assert "502" in await refusal(bot.send_message(ANNA, "x"), ClientDecodeError)
    await control.post("faults", kind="403", chat_id=BORIS)
    assert await bot.send_message(ANNA, "x")
    assert "blocked" in await refusal(bot.send_message(BORIS, "x"), TelegramForbiddenError)
    await control.post("faults", kind="409", method="getUpdates")
    await refusal(bot.get_updates(), TelegramConflictError)
    await control.post("faults", kind="429", count=9)
    async with control.http.delete(control.url + "faults"):
        assert await bot.send_message(ANNA, "x")


async def test_connection_faults_can_be_injected(bot: Bot, control: Control) -> None:
    await control.post("faults", kind="timeout", method="sendMessage")
    await refusal(bot.send_message(ANNA, "lost", request_timeout=1), TelegramNetworkError)
    await control.post("faults", kind="sent_then_timeout", method="sendMessage", seconds=0)
    await refusal(bot.send_message(ANNA, "arrived"), TelegramNetworkError)
    await control.post("faults", kind="drop", method="sendMessage")
    await refusal(bot.send_message(ANNA, "lost too"), TelegramNetworkError)
    await control.post("faults", kind="slow", method="sendMessage", seconds=0.2)
    began = time.monotonic()
    await bot.send_message(ANNA, "late")
    assert time.monotonic() - began >= 0.2
    assert [view["text"] for view in await control.get("messages", chat_id=ANNA)] == ["arrived", "late"]
    log = await control.get("requests", method="sendMessage")
    assert [(entry["fault"], entry["status"]) for entry in log] == [
        ("timeout", 0),
        ("sent_then_timeout", 0),
        ("drop", 0),
        ("slow", 200),
    ]


# updates


async def test_updates_stay_until_confirmed(chat: RunningChat, bot: Bot, control: Control) -> None:
    for text in ("/a", "/b", "/c"):
        await control.post("send", chat_id=ANNA, user_id=ANNA, text=text)
    first = await bot.get_updates(limit=2)
    assert [update.message.text for update in first if update.message] == ["/a", "/b"]
    assert len(await bot.get_updates()) == 3
    rest = await bot.get_updates(offset=first[-1].update_id + 1)
    assert [update.message.text for update in rest if update.message] == ["/c"]
    waiting = asyncio.create_task(bot.get_updates(offset=rest[-1].update_id + 1, timeout=20))
    await until(lambda: chat.state.updates.polling)
    await control.post("send", chat_id=ANNA, user_id=ANNA, text="/d")
    assert (await waiting)[0].message.text == "/d"  # type: ignore[union-attr]
    await bot.get_updates(offset=-1, allowed_updates=["callback_query"])
    await control.post("send", chat_id=ANNA, user_id=ANNA, text="/e")
    assert [update.message.text for update in await bot.get_updates() if update.message] == ["/d"]


async def test_second_poller_ends_the_first(chat: RunningChat, bot: Bot) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=20))
    await until(lambda: chat.state.updates.polling)
    second = asyncio.create_task(bot.get_updates(timeout=20))
    words = await refusal(first, TelegramConflictError)
    assert "terminated by other getUpdates request; make sure that only one bot instance is running" in words
    third = asyncio.create_task(bot.get_updates(timeout=1))
    await refusal(second, TelegramConflictError)
    assert await third == []


async def test_webhook_delivers_updates(chat: RunningChat, bot: Bot, control: Control) -> None:
    came: list[tuple[str | None, dict[str, Any]]] = []

    async def hook(request: web.Request) -> web.Response:
        came.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), await request.json()))
        return web.Response(status=500 if len(came) == 1 else 200)

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await bot.set_webhook(f"http://127.0.0.1:{runner.addresses[0][1]}/hook", secret_token="s3cret")
        assert "webhook is active" in await refusal(bot.get_updates(), TelegramConflictError)
        await control.post("send", chat_id=ANNA, user_id=ANNA, text="/a")
        await until(lambda: len(came) == 2 and not chat.state.updates.waiting)
    finally:
        await runner.cleanup()
    assert came[0] == came[1] and came[0][0] == "s3cret" and came[0][1]["message"]["text"] == "/a"
    assert "500" in ((await bot.get_webhook_info()).last_error_message or "")
    assert "unallowed characters" in await refusal(bot.set_webhook("https://a.example/", secret_token="ж"))
    await bot.delete_webhook()
    assert await bot.get_updates() == []


# the wire


async def test_parameters_are_read_in_every_encoding(control: Control) -> None:
    wish = {"chat_id": str(ANNA), "text": "x"}
    form = aiohttp.FormData(wish, default_to_multipart=True)
    for kwargs in ({"json": {"chat_id": ANNA, "text": "x"}}, {"data": wish}, {"data": form}, {"params": wish}):
        status, body = await control.raw("sendMessage", **kwargs)
        assert status == 200 and body["result"]["text"] == "x"
    status, body = await control.raw("SENDmessage", "GET", params=wish)
    assert status == 200 and body["ok"]


async def test_unknown_method_and_token_are_refused(chat: RunningChat, control: Control) -> None:
    assert await control.raw("sendNonsense") == (
        404,
        {"ok": False, "error_code": 404, "description": "Not Found: method not found"},
    )
    async with control.http.get(f"{chat.url}/botnonsense") as answer:
        assert answer.status == 404 and (await answer.json())["description"] == "Not Found"
    session = AiohttpSession(api=TelegramAPIServer.from_base(chat.url))
    async with Bot("123456:WRONG", session=session) as stranger:
        await refusal(stranger.get_me(), TelegramUnauthorizedError)


async def test_the_log_keeps_no_secret_and_no_bytes(chat: RunningChat, bot: Bot, control: Control) -> None:
    await bot.send_message(ANNA, f"oops {chat.state.token}")
    await bot.send_photo(ANNA, BufferedInputFile(png(), "load.png"))
    text, photo = [entry["params"] for entry in await control.get("requests")]
    assert text["text"] == "oops ***"
    assert "<load.png, 29 bytes>" in photo.values()
    state = await control.get("state")
    assert [len(state["chats"]), len(state["messages"])] == [5, 2]
    assert chat.state.token not in str(state["users"])


async def test_as_a_process_it_stops_within_a_second() -> None:
    command = (sys.executable, "-m", "sandbox", "chat", "--port", "0")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    line = (await asyncio.wait_for(process.stdout.readline(), 15)).decode()
    assert line.startswith("chat ready: http://127.0.0.1:")
    url = line.split()[-1]
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{url}/sandbox/health") as answer:
            assert (await answer.json())["ok"]
        events = await http.get(f"{url}/sandbox/events")
        poll = asyncio.create_task(http.get(f"{url}/bot123456:SANDBOX-TOKEN/getUpdates?timeout=30"))
        assert b"hello" in await events.content.readuntil(b"}")
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 5) == 0
        assert time.monotonic() - began < 1
        assert await process.stdout.read() == b""
        await asyncio.gather(poll, return_exceptions=True)
        events.close()
