"""The first log line: version, mode, panel, and the names of the chats."""

from __future__ import annotations

from bot.config.settings import Settings
from bot.service.start_line import start_line
from bot.telegram.chat_names import chat_names
from bot.telegram.session import make_bot
from sandbox.chat.server import start_chat

GROUP, ANNA = -1001000000001, 1001


async def test_chats_are_named_and_unknown_ones_keep_their_ids() -> None:
    async with await start_chat(limits="off") as chat:
        chat.state.chats[GROUP].title = "Ops\n\x1b[31m" + "x" * 200
        bot = make_bot(chat.state.token, api_url=chat.url)
        try:
            group, person, unknown = await chat_names(bot, [GROUP, ANNA, -100999])
        finally:
            await bot.session.close()
    assert group.startswith("Ops") and group.endswith(f"({GROUP})") and "\x1b" not in group and "\n" not in group
    assert len(group) < 70 and person == f"Anna Admin ({ANNA})" and unknown == "-100999"


async def test_name_falls_back_to_the_id_when_telegram_is_out_of_reach() -> None:
    bot = make_bot("123456:SANDBOX-TOKEN", api_url="http://127.0.0.1:9")
    try:
        assert await chat_names(bot, [GROUP]) == [str(GROUP)]
    finally:
        await bot.session.close()


def test_start_line_says_what_runs_where() -> None:
    line = start_line(Settings(vmmanager_host="https://vm.example.com"), "approve", ["Ops (-1001)"], None)
    assert " · approve mode · panel https://vm.example.com · chat Ops (-1001) · checks now and every 600 s · " in line
