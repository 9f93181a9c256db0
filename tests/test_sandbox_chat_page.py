"""The chat page in headless Chromium, as a person uses it. The test acts as the bot over plain HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from browsers import DESKTOP, PHONE, running_browser
from playwright.async_api import Browser, Page, ViewportSize, expect

from sandbox.chat.server import RunningChat, start_chat

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

ANNA, BORIS, VERA, MALLORY, OPS = 1001, 1002, 1003, 6666, -1001000000001


class Bot:
    """A minimal bot."""

    def __init__(self, chat: RunningChat, http: aiohttp.ClientSession) -> None:
        self.base, self.http = f"{chat.url}/bot{chat.state.token}/", http

    async def call(self, method: str, **params: Any) -> Any:
        async with self.http.post(self.base + method, json=params) as answer:
            body = await answer.json()
            assert body["ok"], body
            return body["result"]

    async def say(self, chat_id: int, text: str, *rows: list[tuple[str, str]], **extra: Any) -> int:
        keyboard = [[{"text": words, "callback_data": data} for words, data in row] for row in rows]
        markup = {"inline_keyboard": keyboard}
        sent = await self.call(
            "sendMessage", chat_id=chat_id, text=text, parse_mode="HTML", reply_markup=markup, **extra
        )
        return int(sent["message_id"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with running_browser() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def chat() -> AsyncIterator[RunningChat]:
    async with await start_chat(limits="off") as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def bot(chat: RunningChat) -> AsyncIterator[Bot]:
    async with aiohttp.ClientSession() as http:
        yield Bot(chat, http)


Opener = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="module")
async def opened(browser: Browser, chat: RunningChat) -> AsyncIterator[Opener]:
    """Opens the page and waits until it is drawn: `await opened(query, size)`. `problems(page)` has script errors."""
    contexts = []

    async def open_page(query: str, size: ViewportSize = DESKTOP, **options: Any) -> Page:
        contexts.append(await browser.new_context(viewport=size, **options))
        page = await contexts[-1].new_page()
        page.set_default_timeout(5000)
        results: list[str] = []
        page.on("pageerror", lambda error: results.append(str(error)))
        page.on("console", lambda line: results.append(line.text) if line.type == "error" else None)
        page.problems = results  # type: ignore[attr-defined]
        await page.goto(f"{chat.url}/?{query}")
        await page.wait_for_selector("body[data-ready]")
        return page

    yield open_page
    for context in contexts:
        await context.close()


def problems(page: Page) -> list[str]:
    return page.problems  # type: ignore[attr-defined, no-any-return]


async def test_press_spinner_popup_and_edit_in_place(opened: Opener, bot: Bot) -> None:
    message_id = await bot.say(ANNA, "<b>Overload</b>", [("Approve", "a:1"), ("Why?", "w:1")])
    page = await opened(f"user={ANNA}&chat={ANNA}", PHONE)
    button = page.locator('[data-testid="inline-button"][data-data="a:1"]')
    await button.click()
    await expect(button).to_have_attribute("aria-busy", "true")
    [update] = await bot.call("getUpdates", timeout=5)
    query = update["callback_query"]
    assert query["from"]["id"] == ANNA and query["message"]["message_id"] == message_id
    await bot.call("editMessageText", chat_id=ANNA, message_id=message_id, text="approved")
    await bot.call("answerCallbackQuery", callback_query_id=query["id"], text="queued")
    await expect(page.get_by_test_id("toast")).to_have_text("queued")
    message = page.locator(f'[data-testid="message"][data-message-id="{message_id}"]')
    await expect(message.locator(".text")).to_have_text("approved")
    await expect(message.locator(".edited")).to_be_visible()
    await expect(button).to_have_count(0)
    assert problems(page) == []


async def test_show_alert_is_a_dialog(opened: Opener, bot: Bot) -> None:
    await bot.say(ANNA, "x", [("Why?", "w:1")])
    page = await opened(f"user={ANNA}&chat={ANNA}")
    await page.get_by_test_id("inline-button").click()
    [update] = await bot.call("getUpdates", timeout=5)
    answer = {"callback_query_id": update["callback_query"]["id"], "text": "only admins", "show_alert": True}
    await bot.call("answerCallbackQuery", **answer)
    await expect(page.get_by_test_id("alert")).to_contain_text("only admins")
    await page.keyboard.press("Enter")
    await expect(page.get_by_test_id("alert")).to_be_hidden()
    await expect(page.get_by_test_id("inline-button")).not_to_have_attribute("aria-busy", "true")


async def test_writing_and_the_command_menu(opened: Opener, bot: Bot) -> None:
    commands = [{"command": name, "description": name.title()} for name in ("status", "dryrun", "start")]
    await bot.call("setMyCommands", commands=commands)
    page = await opened(f"user={VERA}&chat={VERA}", PHONE)
    await page.get_by_role("button", name="Start").click()
    await page.get_by_test_id("composer").fill("/st")
    await expect(page.get_by_test_id("command-item")).to_have_text(["/statusStatus", "/startStart"])
    await page.keyboard.press("Enter")
    await page.get_by_test_id("command-button").click()
    await page.locator('[data-command="dryrun"]').click()
    await expect(page.get_by_test_id("command-menu")).to_be_hidden()
    await page.get_by_test_id("composer").fill("two\nlines")
    await page.get_by_test_id("send").click()
    await expect(page.get_by_test_id("message")).to_have_count(4)
    heard = [update["message"] for update in await bot.call("getUpdates")]
    assert [message["text"] for message in heard] == ["/start", "/status", "/dryrun", "two\nlines"]
    assert {message["from"]["id"] for message in heard} == {VERA}
    assert problems(page) == []


async def test_hostile_names_and_texts_stay_text(opened: Opener, chat: RunningChat, bot: Bot) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    chat.state.users[MALLORY].first_name = evil
    chat.state.chats[OPS].title = evil
    written = chat.state.write(OPS, MALLORY, f"<script>document.title='owned'</script> {evil}")
    link = {"type": "text_link", "offset": 0, "length": 4, "url": "javascript:alert(1)"}
    await bot.call("sendMessage", chat_id=OPS, text="link", entities=[link])
    await bot.call("sendMessage", chat_id=OPS, text="x", reply_parameters={"message_id": written.message_id})
    page = await opened(f"user={ANNA}&chat={OPS}")
    await expect(page.get_by_test_id("message").first.locator(".author")).to_have_text(evil)
    await expect(page.get_by_test_id("message").first.locator(".text")).to_have_text(written.content.text)
    assert await page.locator("img[src=x], a[href^=javascript]").count() == 0
    assert await page.title() == f"{evil} · chat sandbox"
    assert problems(page) == []


async def test_each_person_sees_own_chats(opened: Opener, bot: Bot) -> None:
    await bot.say(BORIS, "for Boris only")
    await bot.say(OPS, "for all")
    page = await opened(f"user={ANNA}&chat={OPS}")
    await expect(page.locator("#log").get_by_text("for all")).to_be_visible()
    await expect(page.get_by_text("for Boris only")).to_have_count(0)
    await page.get_by_test_id("user-switch").get_by_role("radio", name="Boris").click()
    private = page.locator(f'[data-testid="chat-list-item"][data-chat-id="{BORIS}"]')
    await expect(private.locator(".unread")).to_have_text("1")
    await private.click()
    await expect(page.get_by_test_id("message")).to_have_count(1)
    await expect(private.locator(".unread")).to_have_count(0)
    await bot.say(OPS, "one more")
    await expect(page.locator(f'[data-chat-id="{OPS}"] .unread')).to_have_text("1")


async def test_scrolling_back_is_not_disturbed(opened: Opener, bot: Bot) -> None:
    for number in range(40):
        await bot.say(ANNA, f"line {number}")
    page = await opened(f"user={ANNA}&chat={ANNA}", PHONE)
    await expect(page.locator("#log").get_by_text("line 39", exact=True)).to_be_in_viewport()
    await page.locator("#scroll").evaluate("(node) => { node.scrollTop = 100; }")
    await asyncio.sleep(0.1)  # the scroll event comes with the next frame
    await bot.say(ANNA, "late")
    await expect(page.get_by_test_id("new-messages")).to_have_text("1 new message")
    assert await page.locator("#scroll").evaluate("(node) => node.scrollTop") == 100
    await page.get_by_test_id("new-messages").click()
    await expect(page.locator("#log").get_by_text("late", exact=True)).to_be_in_viewport()
    await expect(page.get_by_test_id("new-messages")).to_be_hidden()


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_wide_tables_scroll_inside_the_bubble(opened: Opener, bot: Bot, size: ViewportSize) -> None:
    table = "\n".join("node-name-1  " * 20 for _ in range(3))
    await bot.say(ANNA, f"Before\n<pre>{table}</pre>\nafter " + "x" * 300, [("A" * 60, "a"), ("B" * 60, "b")])
    page = await opened(f"user={ANNA}&chat={ANNA}&theme=dark", size)
    wider = "(node) => node.scrollWidth > node.clientWidth"
    assert await page.locator("pre").evaluate(wider)
    assert not await page.locator("#scroll").evaluate(wider)
    assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert await page.locator(".text").inner_text() == f"Before\n{table}\nafter " + "x" * 300


async def test_page_follows_the_language_of_its_address(opened: Opener, bot: Bot) -> None:
    page = await opened(f"user={ANNA}&chat={OPS}&language=ru")
    await bot.say(OPS, "hello")
    await expect(page.locator("#talk-status")).to_have_text("4 человека, бот")
    await expect(page.locator(".day")).to_have_text("Сегодня")
    await expect(page.get_by_test_id("composer")).to_have_attribute("placeholder", "Сообщение")
    assert await page.evaluate("document.documentElement.lang") == "ru"


async def test_typing_theme_and_reconnect_work(opened: Opener, chat: RunningChat, bot: Bot) -> None:
    page = await opened(f"user={ANNA}&chat={OPS}", color_scheme="dark")
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    await page.get_by_role("button", name="Switch between light and dark").click()
    assert await page.evaluate("document.documentElement.dataset.theme") == "light"
    await bot.call("sendChatAction", chat_id=OPS, action="typing")
    await expect(page.locator("#talk-status")).to_have_text("VM Balancer is typing")
    await bot.say(OPS, "done")
    await expect(page.locator("#talk-status")).to_have_text("4 people, bot")
    chat.state.feed.close()  # the page comes back by itself
    await bot.say(OPS, "meanwhile")
    await expect(page.locator("#log").get_by_text("meanwhile")).to_be_visible()
