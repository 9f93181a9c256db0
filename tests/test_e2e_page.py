"""A person at the chat page: sees the proposal of the real program, presses Approve, and sees the VM arrive.

With SCREENSHOTS=FOLDER it writes pictures for the documentation there (`make screenshots`).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from browsers import DESKTOP, PHONE, running_browser
from playwright.async_api import Locator, Page, expect
from stack import ANNA, GROUP, MALLORY, running_stack, world

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]

HOSTILE = "<b>x</b>&\"'\u202egpj.exe\x1b[31m"


async def shoot(page: Page, name: str) -> None:
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        await expect(page.get_by_test_id("toast")).to_have_count(0, timeout=10_000)
        Path(folder).mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=Path(folder) / f"{name}.png")


async def test_approval_on_the_page_migrates_the_vm(tmp_path: Path) -> None:
    data = world()
    data["vms"][1]["name"] = HOSTILE
    async with (
        running_stack(tmp_path, data, migration_s=2.5) as stack,
        running_browser() as browser,
    ):
        stack.start_bot(MAX_MIGRATIONS_PER_CYCLE="2")
        report = await stack.message("small-a", buttons=True)
        context = await browser.new_context(viewport=PHONE, device_scale_factor=2)
        page = await context.new_page()
        await page.goto(f"{stack.chat}/?user={ANNA}&chat={GROUP}")
        bubble = page.locator(f'[data-testid="message"][data-message-id="{report["message_id"]}"]')
        await expect(bubble).to_contain_text("hot is overloaded")
        await expect(bubble).to_contain_text("<b>x</b>&\"'gpj.exe"), "names are shown, not obeyed"
        await page.get_by_test_id("inline-button").filter(has_text="✅ 1").click()
        await expect(page.get_by_test_id("toast")).to_contain_text("Approved: small-a goes to cool.")
        await expect(bubble).to_contain_text("of ≈", timeout=15_000)
        await expect(bubble).to_contain_text("done in", timeout=15_000)
        left = [await button.inner_text() for button in await page.get_by_test_id("inline-button").all()]
        waits = [text.split(" 2")[0] for text in left if " 2" in text]
        assert waits == ["✅ Approve", "⏭ Skip"], "the other move still waits"
        assert await stack.starts() == [(11, 2)]
        await context.close()

        context = await browser.new_context(viewport=DESKTOP, color_scheme="dark")
        page = await context.new_page()
        await page.goto(f"{stack.chat}/?user={MALLORY}&chat={GROUP}")
        await page.get_by_test_id("inline-button").filter(has_text="Approve 2").click()
        await expect(page.get_by_test_id("toast")).to_contain_text("You may not use this button.")
        await context.close()
        assert await stack.starts() == [(11, 2)]


async def test_composer_sends_commands(tmp_path: Path) -> None:
    async with running_stack(tmp_path, world()) as stack, running_browser() as browser:
        stack.start_bot(BOT_LANGUAGE="ru")
        await stack.message("small-a", buttons=True)
        context = await browser.new_context(viewport=PHONE, device_scale_factor=2, color_scheme="dark")
        page = await context.new_page()
        await page.goto(f"{stack.chat}/?user={ANNA}&chat={GROUP}")
        await page.get_by_test_id("composer").fill("/status")
        await page.keyboard.press("Escape")
        await page.get_by_test_id("send").click()
        answer = page.get_by_test_id("message").filter(has_text="ручной режим").last
        await expect(answer).to_contain_text("Production", timeout=15_000)
        width = await answer.locator("pre").first.evaluate("e => e.scrollWidth - e.clientWidth")
        assert width <= 0, "a table of /status fits the phone without scrolling"
        await shoot(page, "status-phone-ru")
        await context.close()


TWELVE: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}],
    "nodes": [
        {"id": i, "name": name, "cpu_number": 16, "ram_mib": 262144}
        for i, name in enumerate(("amber", "birch", "cedar", "delta"), start=1)
    ],
    "vms": [
        {"id": 10 + i, "name": f"web-{i:02}", "node": 1, "cpu_number": 4, "ram_mib": 1024 + 64 * i} for i in range(41)
    ],
}


async def bring_into_view(line: Locator, button: Locator) -> None:
    """Scrolls to the line and its button; again if the page scrolls to a new message meanwhile."""
    for _ in range(10):
        await line.evaluate("line => line.scrollIntoView({ block: 'center' })")
        with suppress(AssertionError):
            await expect(line).to_be_in_viewport(ratio=1, timeout=1_000)
            await expect(button).to_be_in_viewport(ratio=1, timeout=1_000)
            return
    raise AssertionError("line and button are never in view together")


@pytest.mark.parametrize("form", ["plain", "rich"])
async def test_twelve_moves_take_twelve_presses_on_a_phone(tmp_path: Path, form: str) -> None:
    """Plain: every button is visible without scrolling. Rich: a move's line is visible together with its buttons."""
    async with (
        running_stack(tmp_path, TWELVE, migration_s=1, rich_buttons=form == "rich") as stack,
        running_browser() as browser,
    ):
        stack.start_program(MAX_MIGRATIONS_PER_CYCLE="12", PICTURES="true")
        report = await stack.message("web-", "amber is overloaded", buttons=True)
        context = await browser.new_context(viewport=PHONE, device_scale_factor=2)
        page = await context.new_page()
        await page.goto(f"{stack.chat}/?user={ANNA}&chat={GROUP}")
        bubble = page.locator(f'[data-testid="message"][data-message-id="{report["message_id"]}"]')
        await expect(bubble.locator("img")).to_be_visible(timeout=30_000)
        rows = [button.get("callback_data", "") for row in report["button_rows"] for button in row]
        first = min(int(data.split(":")[2]) for data in rows if data.startswith("d:approve-move:"))
        for move_id in range(first, first + 12):
            button = bubble.locator(f'[data-data="d:approve-move:{move_id}:0:"]')
            await expect(button).to_be_visible(timeout=30_000)
            if form == "rich":
                line = bubble.locator(".rich > p", has_text=re.compile(rf"^{move_id - first + 1}\. web-"))
                await bring_into_view(line, button)
            await expect(button).to_be_in_viewport(ratio=1)
            await button.click()
            await expect(page.get_by_test_id("toast").last).to_contain_text("Approved: web-")
        await expect(bubble.locator('[data-data^="d:approve-move:"]')).to_have_count(0, timeout=30_000)
        await context.close()
