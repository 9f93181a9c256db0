"""Rights in the chat: roles by numeric id on every update, no anonymous senders, and floods that cost little."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiogram.filters.callback_data import CallbackData
from hypothesis import given
from hypothesis import strategies as st
from stack import ANNA, BORIS, GROUP, MALLORY, VERA, Stack, button, buttons, running_stack, world

from bot.config.chats_file import chats_of
from bot.config.settings import Settings
from bot.config.validation import check_people
from bot.domain.chats import GROUP_ANONYMOUS, SHARED_ACCOUNTS, Role, permissions_of
from bot.telegram.keyboards.callbacks import AllButton, DoButton, GoButton, MoveButton, PageButton, StrategyButton
from bot.telegram.middlewares.rate_limit import RateLimit

FORGED = (
    *("", "m", "m:", "m:1", "m:1:a:1", "m:-1:a", "m:1.5:a", "m:9007199254740992:a", "m:1:A", "M:1:a"),
    *(f"m:{10**40}:a", "all:x:a", "all:0:a", "pg:1:-1", "pg:1:999999999999", "pg:99:0"),
    *("x:2:target:0", "d:exclude:2:0:both-0", "d:exclude:2:0:nobody-0", "d:include:2:0:", "d:strategy:0:0:balance"),
    *(f"d:exclude:{10**20}:0:both-0", "d:nothing:1:0:", "d::0:0:", "g:nothing:1:0:", "g:node:-1:0:", "g:node:99:0:"),
    *(
        "g:nodes:1:-1:",
        "g:node:\u0661:0:",
        "g:exclude-how:99:0:",
        *(f"g:{page}:1:0:" for page in ("status", "nodes", "node", "options", "dryrun", "why-vm")),
        "n:1:0",
        "st:0:best",
        "st:1:best",
        "st:99:optimal",
        "drop table move",
        "%s%n",
        "\x1b[31m",
        "m:1:a\n",
    ),
)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, world(), migration_s=1, task_row_delay_s=0.1) as running:
        yield running


async def post(stack: Stack, path: str, **body: Any) -> Any:
    return await stack._json("POST", f"{stack.chat}/sandbox/{path}", json=body)


async def requests(stack: Stack, method: str) -> int:
    return len(await stack._json("GET", f"{stack.chat}/sandbox/requests?method={method}"))


def audit(stack: Stack, event: str) -> list[int | None]:
    """Who is behind each of these entries."""
    db = sqlite3.connect(stack.folder / "bot.db")
    try:
        return [row[0] for row in db.execute("SELECT by_id FROM audit WHERE event = ? ORDER BY id", (event,))]
    finally:
        db.close()


# Roles -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", sorted(SHARED_ACCOUNTS))
def test_shared_account_has_no_role_and_is_refused_in_the_settings(shared: int) -> None:
    for field in ("telegram_admin_ids", "telegram_viewer_ids"):
        settings = Settings(telegram_chat_id=GROUP, **{field: (1001, shared)})  # type: ignore[arg-type]
        chats = chats_of(settings)
        for place in (shared, GROUP):
            assert permissions_of(chats, shared, place).role is Role.STRANGER
        assert permissions_of(chats, 1001, GROUP).role is not Role.STRANGER
        [problem] = check_people(settings)
        assert f"names {shared}" in problem.text and "by their own ids" in problem.text


async def test_anonymous_sender_cannot_command(stack: Stack) -> None:
    bot = stack.start_program()
    report = await stack.message("small-a", buttons=True)
    await post(stack, "config", chats=[{"id": GROUP, "members": [ANNA, VERA, MALLORY, GROUP_ANONYMOUS]}])
    await stack.say("/pause", GROUP_ANONYMOUS)
    data = button(report, "✅ Approve 1")
    await post(
        stack, "press", chat_id=GROUP, message_id=report["message_id"], user_id=GROUP_ANONYMOUS, data=data, wait=0
    )
    assert "asks before it moves" in await stack.ask("/status", "VM Balancer")
    assert "Paused" not in await stack.ask("/status", "VM Balancer")
    assert await stack.starts() == [] and bot.exit_code() is None


async def test_forwarded_command_or_button_is_ignored(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    await post(stack, "send", chat_id=GROUP, user_id=ANNA, text="/pause", forward_from=MALLORY)
    await post(stack, "send", chat_id=ANNA, user_id=ANNA, text="/mode auto", forward_from=MALLORY)
    copied = await post(stack, "forward", chat_id=GROUP, user_id=ANNA, message_id=report["message_id"])
    data = button(report, "✅ Approve 1")
    assert "no longer works" in await stack.press(copied, data, forge=True)
    status = await stack.ask("/status", "VM Balancer")
    assert "Paused" not in status and "asks before it moves" in status
    assert audit(stack, "setting") == [] and await stack.starts() == []


async def test_removed_role_disables_buttons_of_sent_messages(stack: Stack) -> None:
    bot = stack.start_bot()
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ Approve 1")
    bot.kill()
    await bot.ended()
    stack.start_program(TELEGRAM_ADMIN_IDS="1002")
    assert await stack.press(report, data, wait=30) == "You may not use this button."
    await stack.say("/pause")
    assert "Paused" not in await stack.ask("/status", "VM Balancer", user_id=VERA)
    assert await stack.starts() == [] and audit(stack, "turned-away") == [ANNA]


async def test_press_in_another_group_is_refused(stack: Stack) -> None:
    elsewhere = -1001000000088
    await stack.configure_chat({"id": elsewhere})
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    await stack.say("/pause", ANNA, elsewhere)
    await stack.say("/status", ANNA, elsewhere)
    assert "Paused" not in await stack.ask("/status", "VM Balancer")
    assert await stack.messages(elsewhere) == []
    assert report["button_rows"]


# Forged presses --------------------------------------------------------------------------------------


async def test_forged_press_changes_nothing_and_logs_no_error(stack: Stack) -> None:
    bot = stack.start_program()
    report = await stack.message("small-a", buttons=True)
    for number, data in enumerate(FORGED):
        for person in (ANNA, VERA) if number % 3 == 0 else (ANNA,):  # a viewer is not listened to that often
            words = await stack.press(report, data, person, forge=True)
            refused = ("no longer works", "may look, but not decide")
            assert any(w in words for w in refused), (data, words)
    again = await stack.message("small-a", buttons=True)
    assert (again["text"], again["keyboard"]) == (report["text"], report["keyboard"])
    assert "No node is excluded" in await stack.ask("/exclusions")
    assert audit(stack, "setting") == [] and await stack.starts() == []
    assert not any("Traceback" in line or "could not be handled" in line for line in bot.lines), bot.lines


@given(st.text(max_size=64))
def test_unknown_callback_data_is_ignored(data: str) -> None:
    kinds: tuple[type[CallbackData], ...]
    kinds = (AllButton, DoButton, GoButton, MoveButton, PageButton, StrategyButton)
    for kind in kinds:
        try:
            read = kind.unpack(data)
        except (TypeError, ValueError):
            continue
        assert kind.unpack(read.pack()) == read


# Floods ----------------------------------------------------------------------------------------------


async def test_flood_from_a_stranger_is_dropped_cheaply(stack: Stack) -> None:
    bot = stack.start_program()
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ Approve 1")
    answered = await requests(stack, "answerCallbackQuery")
    sent = await requests(stack, "sendMessage")
    press = {"chat_id": GROUP, "message_id": report["message_id"], "user_id": MALLORY, "data": data, "wait": 0}
    for _ in range(10):
        await asyncio.gather(*(post(stack, "press", **press) for _ in range(15)))
        await asyncio.gather(*(stack.say("/status", MALLORY, MALLORY) for _ in range(15)))
    popup = await stack.press(report, data, wait=30)
    assert popup.startswith("Approved:"), "whoever may is not held up"
    await stack.message("done in")
    assert await requests(stack, "answerCallbackQuery") - answered <= 8
    assert await requests(stack, "sendMessage") == sent
    assert audit(stack, "turned-away") == [MALLORY]
    assert sum("Turned away" in line for line in bot.lines) == 1
    assert await stack.messages(MALLORY) == []


async def test_viewer_over_the_rate_limit_is_notified_and_the_panel_is_not_asked(stack: Stack) -> None:
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    data = button(report, "✅ Approve 1")
    words = [await stack.press(report, data, VERA) for _ in range(30)]
    assert words[0] == "You may look, but not decide."
    assert words[-1] == "Too many presses: wait a moment."
    assert len(audit(stack, "popup-viewer")) < 30
    assert (await stack.press(report, data)).startswith("Approved:")


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rate_limit_allows_again_after_a_while() -> None:
    clock = Seconds()
    limit = RateLimit(burst=2, every_s=10, clock=clock)
    assert [limit.allows(1) for _ in range(3)] == [True, True, False]
    assert limit.allows(2), "each has their own"
    clock.now = 9.9
    assert not limit.allows(1)
    clock.now = 10.1
    assert limit.allows(1) and not limit.allows(1)
    clock.now = 1000
    assert [limit.allows(1) for _ in range(3)] == [True, True, False], "never more than the burst"


@given(st.lists(st.tuples(st.integers(0, 50), st.floats(0, 5)), max_size=300))
def test_rate_limit_holds_and_its_memory_is_bounded(events: list[tuple[int, float]]) -> None:
    clock = Seconds()
    limit = RateLimit(burst=3, every_s=2, people=100, clock=clock)
    allowed: dict[int, int] = {}
    for person, pause in events:
        clock.now += pause
        allowed[person] = allowed.get(person, 0) + limit.allows(person)
    assert all(count <= 3 + clock.now / 2 + 1e-6 for count in allowed.values())
    small = RateLimit(burst=1, every_s=1, people=10, clock=clock)
    for person in range(200):
        small.allows(person)
    assert len(small) == 10


# Languages -------------------------------------------------------------------------------------------


async def test_each_person_gets_their_own_language(stack: Stack) -> None:
    """In private by the person's Telegram or choice; in a group by the settings or its choice; popups as in private."""
    await stack.speaks(BORIS, "ru-RU")
    stack.start_program()
    report = await stack.message("small-a", buttons=True)
    assert "asks before it moves" in await stack.ask("/status", "VM Balancer", user_id=BORIS)
    alone = await stack.ask("/status", "VM Balancer", user_id=BORIS, chat_id=BORIS)
    assert "ручной режим" in alone
    assert (
        await stack.press(report, "m:1:x", BORIS, forge=True)
        == "Эта кнопка больше не работает. Что ждёт решения: /proposals"
    )
    assert await stack.press(report, "m:1:a", VERA, forge=True) == "You may look, but not decide."
    shown = await stack.asked("/language", "🌐", user_id=BORIS, chat_id=BORIS)
    assert "Telegram" in shown["text"] and "• Авто" in buttons(shown)
    await stack.opened(shown, "English", "I speak English here", user_id=BORIS)
    assert "asks before it moves" in await stack.ask("/status", "VM Balancer", user_id=BORIS, chat_id=BORIS)
    assert "Only admins" in await stack.ask("/language ru", "admins", user_id=VERA)
    await stack.ask("/language ru", "по-русски")
    assert "ручной режим" in await stack.ask("/status", "VM Balancer", user_id=VERA)
    assert "asks before it moves" in await stack.ask("/status", "VM Balancer", user_id=VERA, chat_id=VERA)
    await stack.ask("/language auto", "🌐")
    assert "asks before it moves" in await stack.ask("/status", "VM Balancer")


async def test_command_menu_follows_the_language_of_telegram(stack: Stack) -> None:
    await stack.speaks(BORIS, "ru")
    stack.start_program()
    await stack.message("small-a", buttons=True)

    async def look() -> bool:
        return bool(await stack.descriptions(BORIS, GROUP)) and bool(await stack.descriptions(ANNA, ANNA))

    await stack.eventually(look, "menus")
    assert (await stack.descriptions(BORIS, GROUP))["status"] == "Состояние кластеров"
    assert (await stack.descriptions(ANNA, ANNA))["status"] == "Cluster overview"
