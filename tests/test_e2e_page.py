"""A person at the chat page: sees the report of the real program, presses, and watches the VM arrive.

With SCREENSHOTS=FOLDER it leaves pictures of what it saw there (`make screenshots`).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from browsers import DESKTOP, PHONE, running_browser
from playwright.async_api import Page, expect
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
        running_stack(tmp_path, data, migration_s=6 if os.environ.get("SCREENSHOTS") else 2.5) as stack,
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
        await shoot(page, "report-phone")
        await page.get_by_test_id("inline-button").filter(has_text="Approve 1").click()
        await expect(page.get_by_test_id("toast")).to_contain_text("Approved: small-a goes to cool.")
        await expect(bubble).to_contain_text("of about", timeout=15_000)
        await shoot(page, "running-phone")
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
        await shoot(page, "stranger-desktop")
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
        answer = page.get_by_test_id("message").filter(has_text="с подтверждением").last
        await expect(answer).to_contain_text("Production", timeout=15_000)
        width = await answer.locator("pre").first.evaluate("e => e.scrollWidth - e.clientWidth")
        assert width <= 0, "a table of /status fits the phone without scrolling"
        await shoot(page, "status-phone-ru")
        await context.close()
