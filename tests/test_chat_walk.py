"""A new admin with a phone and only the chat: sees the state, understands a proposal, approves it, follows it, undoes
it, excludes a node, and drains another. This walk also makes the pictures of docs/chat.md.

`make screenshots` walks in both languages, light and dark, on a phone and on a desktop; `make test-all` once.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from browsers import DESKTOP, PHONE, running_browser
from playwright.async_api import Browser, Error, Locator, Page, expect
from stack import ANNA, GROUP, Stack, running_stack

from balancer.model import NodeLoad, NodeReport, Plan
from balancer.requests.capacity import SizeCount, Totals
from bot.rendering.catalog import Texts, texts_for
from bot.store.store import Store
from bot.telegram.confirmations import DOUBLE_TAP

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.slow]

FOLDER = os.environ.get("SCREENSHOTS")
WALKS = (("en", "light", "phone"), ("ru", "dark", "phone"), ("en", "dark", "desktop"), ("ru", "light", "desktop"))
FORMS = ("rich", "plain")
"""Proposals as rich messages, and as pictures with a caption. The documents show the first, and one of the second."""
ATTEMPTS = 10
TEN_MINUTES, HOUR = timedelta(minutes=10), timedelta(hours=1)
DESKTOP_PICTURES = {
    "node-en-dark-desktop",
    "proposal-en-dark-desktop",
    "status-ru-light-desktop",
    "running-ru-light-desktop",
}
"""The pictures of a desktop that docs/chat.md shows."""
NODE = {"cpu_number": 16, "ram_mib": 131072}
WORLD: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}],
    "nodes": [{"id": i, "name": name, **NODE} for i, name in enumerate(("alder", "birch", "cedar", "fir"), start=1)],
    "vms": [
        *({"id": 10 + i, "name": f"web-{i}", "node": 1, "cpu_number": 8, "ram_mib": 8192} for i in range(13)),
        {"id": 30, "name": "mail", "node": 1, "cpu_number": 10, "ram_mib": 4096},
        *({"id": 40 + i, "name": f"shop-{i}", "node": 2, "cpu_number": 8, "ram_mib": 8192} for i in range(6)),
        *({"id": 50 + i, "name": f"db-{i}", "node": 3, "cpu_number": 8, "ram_mib": 12288} for i in range(4)),
    ],
}


@dataclass
class Walk:
    page: Page
    texts: Texts
    name: str
    device: str
    form: str = "rich"

    async def shoot(self, screen: str) -> None:
        wanted = self.device == "phone" and (self.form == "rich" or screen == "proposal")
        if FOLDER and (wanted or (self.form == "rich" and f"{screen}-{self.name}" in DESKTOP_PICTURES)):
            await expect(self.page.get_by_test_id("toast")).to_have_count(0, timeout=10_000)
            Path(FOLDER).mkdir(parents=True, exist_ok=True)
            await self.page.wait_for_timeout(600)  # until the page has scrolled: a picture of it, no condition
            form = "" if self.form == "rich" else f"-{self.form}"
            path = Path(FOLDER) / f"{screen}{form}-{self.name}.jpg"
            await self.page.screenshot(path=path, type="jpeg", quality=72)

    async def say(self, text: str) -> None:
        await self.page.get_by_test_id("composer").fill(text)
        await self.page.keyboard.press("Escape")
        await self.page.get_by_test_id("send").click()

    async def ask(self, command: str, screen: str) -> None:
        """Sends the text, and shows the answer, which is the last message."""
        messages = self.page.get_by_test_id("message")
        before = await messages.count()
        await self.say(command)
        await expect(messages.nth(before + 1)).to_be_visible(timeout=30_000)
        await self.show(messages.last)
        await self.shoot(screen)

    async def open(self, label: str, words: str, screen: str) -> None:
        """Taps a button of the last message, and shows the result."""
        await self.tap(label)
        await self.see(words)
        await self.shoot(screen)

    async def tap(self, label: str) -> None:
        await self.page.get_by_test_id("inline-button").filter(has_text=label).last.click()

    async def see(self, words: str) -> Locator:
        result = self.page.get_by_test_id("message").filter(has_text=words).last
        await self.show(result)
        return result

    @staticmethod
    async def show(found: Locator) -> None:
        """Scrolls it into view, also if it is drawn again: the message of a running migration is edited."""
        for _ in range(ATTEMPTS):
            await expect(found).to_be_visible(timeout=30_000)
            with suppress(Error):
                await found.scroll_into_view_if_needed(timeout=2_000)
                return
        raise AssertionError("it is never at rest")


async def walking(browser: Browser, stack: Stack, language: str, theme: str, device: str, form: str = "rich") -> Walk:
    context = await browser.new_context(
        viewport=PHONE if device == "phone" else DESKTOP,
        device_scale_factor=2 if device == "phone" else 1,
        color_scheme="dark" if theme == "dark" else "light",
    )
    page = await context.new_page()
    await page.goto(f"{stack.chat}/?user={ANNA}&chat={GROUP}&language={language}")
    return Walk(page, texts_for(language), f"{language}-{theme}-{device}", device, form)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("language", "theme", "device"), WALKS if FOLDER else WALKS[:1])
async def test_new_admin_finds_everything_in_the_chat(
    tmp_path: Path, language: str, theme: str, device: str, form: str
) -> None:
    async with (
        running_stack(
            tmp_path, WORLD, migration_s=8 if FOLDER else 4, task_row_delay_s=0.1, rich_buttons=form == "rich"
        ) as stack,
        running_browser() as browser,
    ):
        stack.start_bot(BOT_LANGUAGE=language, PICTURES="true", MIGRATION_OVERHEAD="6", MIGRATION_BANDWIDTH="10000")
        await stack.message("→ fir", buttons=True)
        walk = await walking(browser, stack, language, theme, device, form)
        text = walk.texts.text
        await walk.see("alder")
        await walk.shoot("proposal")
        await walk.say("/start")
        await walk.see("VMmanager")
        await walk.shoot("tour")
        # Two taps to the state of everything, and from there to a node, a VM, and why.
        await walk.tap(text("button-status"))
        await walk.see(text("status-title", mode="approve").replace("<b>", "").replace("</b>", ""))
        await walk.shoot("status")
        await walk.tap("alder")
        await walk.see("QEMU")
        await walk.shoot("node")
        await walk.tap(text("button-vms", count=14))
        await walk.tap("web-0")
        await walk.see("(ID 10)")
        await walk.shoot("vm")
        await walk.tap(text("button-why"))
        await walk.see("❓")
        await walk.shoot("why")
        # Decide, follow, take back.
        await walk.tap(text("button-more"))
        await walk.see("💤")
        await walk.shoot("more")
        await walk.tap(text("button-later"))
        await expect(walk.page.get_by_test_id("inline-button").filter(has_text="🕑").last).to_be_visible()
        await walk.shoot("later")
        await walk.tap(text("button-back"))
        await walk.tap(text("button-approve-one"))
        report = walk.page.get_by_test_id("message").filter(has_text=re.compile("[▰▱]")).last
        await walk.show(report)
        await walk.shoot("running")
        undo = walk.page.get_by_test_id("inline-button").filter(has_text=text("button-undo", number=1))
        await walk.show(undo.last)
        await walk.shoot("done")
        await undo.last.click()
        # The node was overloaded: the first press only warns.
        await walk.page.get_by_role("dialog").get_by_role("button").click()
        await walk.page.wait_for_timeout(1_000 * DOUBLE_TAP.total_seconds())  # a sooner press is a double tap
        await undo.last.click()
        await walk.see("↩️")
        await expect(undo).to_have_count(0, timeout=30_000)
        await walk.shoot("back")
        # Take a node out without typing its name; empty another.
        await walk.say("/exclude")
        await walk.see(text("exclude-pick").split("<b>")[0].strip())
        await walk.shoot("exclude")
        await walk.tap("fir")
        await walk.see(text("exclude-how", node="fir").split("</b>")[1])
        await walk.shoot("exclude-how")
        await walk.tap(text("row-exclude-both"))
        await walk.tap(text("duration-hours", hours=2))
        await walk.see("fir")
        await walk.say("/drain cedar")
        await walk.see("🚰")
        await walk.shoot("drain")
        await walk.say("/nodes")
        await walk.see(texts_for(language).html("nodes-title", cluster="Production", count=4).striptags())
        await expect(walk.page.locator(".rich table").last).to_be_visible()
        await walk.shoot("nodes")
        await walk.say("/place 8 16")
        await walk.see("📦")
        await walk.shoot("place")
        await walk.say("/settings")
        await walk.see("✎")
        await walk.shoot("settings")
        assert [start[1] for start in await stack.starts()] == [4, 1], "there and back"


CLUSTERS: dict[str, Any] = {
    "clusters": [{"id": i, "name": name} for i, name in enumerate(("Frankfurt", "Moscow", "Storage"), start=1)],
    "nodes": [
        {"id": 100 * cluster + i, "name": f"{name}-{i:02}", "cluster": cluster, **NODE}
        for cluster, name, count in ((1, "fra", 14), (2, "msk", 30), (3, "st", 5))
        for i in range(1, count + 1)
    ],
    "vms": [
        {"id": 1000 + 20 * node + i, "name": f"vm-{node}-{i}", "node": node, "cpu_number": 8, "ram_mib": 4096}
        for node, count in ((101, 15), (102, 13), (103, 12), (201, 14), (202, 13), (203, 6), (301, 3))
        for i in range(count)
    ],
}


@pytest.mark.parametrize(("language", "theme", "device"), WALKS[:2] if FOLDER else WALKS[:1])
async def test_status_shows_several_clusters_at_once(tmp_path: Path, language: str, theme: str, device: str) -> None:
    async with (
        running_stack(tmp_path, CLUSTERS, migration_s=1, rich_buttons=True) as stack,
        running_browser() as browser,
    ):
        stack.start_bot(BOT_LANGUAGE=language, PICTURES="true")
        await stack.message("Frankfurt", buttons=True)
        await stack.message("fra-01", buttons=True)
        walk = await walking(browser, stack, language, theme, device)
        await walk.say("/status")
        status = await walk.see("Storage")
        await expect(status.locator("img")).to_be_visible()
        await walk.shoot("clusters")


QUIET_WORLD: dict[str, Any] = {
    "clusters": [{"id": 1, "name": "Production"}],
    "nodes": WORLD["nodes"],
    "vms": [
        {"id": 10 * n + i, "name": f"shop-{n}-{i}", "node": n, "cpu_number": 2, "ram_mib": 4096}
        for n in range(1, 5)
        for i in range(3)
    ],
}


@pytest.mark.parametrize(("language", "theme", "device"), WALKS[:2] if FOLDER else WALKS[:1])
async def test_campaign_shows_a_tile_for_each_node(tmp_path: Path, language: str, theme: str, device: str) -> None:
    async with (
        running_stack(tmp_path, QUIET_WORLD, migration_s=1, rich_buttons=True) as stack,
        running_browser() as browser,
    ):
        stack.start_bot(BOT_LANGUAGE=language, PICTURES="true")
        walk = await walking(browser, stack, language, theme, device)
        empty, ready = (walk.texts.text(key, node="").strip() for key in ("row-roll-empty", "row-roll-ready"))
        await walk.say("/roll")
        await walk.tap(walk.texts.text("row-roll-ask"))
        await walk.tap(empty)
        await walk.tap(ready)  # the first node is done, and the second one is asked about
        await walk.tap(empty)
        buttons = walk.page.get_by_test_id("inline-button")
        await expect(buttons.filter(has_text=ready)).to_be_visible(timeout=30_000)
        message = walk.page.get_by_test_id("message").filter(has=buttons.filter(has_text=ready))
        await walk.show(message)
        await expect(message.locator("img")).to_be_visible()
        await walk.shoot("campaign")


async def a_day_ago(path: Path) -> None:
    """The samples of a day of checks: alder is fuller towards the evening, others have a low load."""
    store = Store(path)
    await store.open()
    now = datetime.now(timezone.utc)
    for number in range(150, 0, -1):
        at = now - number * TEN_MINUTES
        wave = math.sin(number / 23) ** 2
        reports = tuple(
            NodeReport(i, name, NodeLoad(cpu, memory, 12, cpu), cpu > 7)
            for i, name, cpu, memory in (
                (1, "alder", 4.2 + 3.4 * wave, 52 + 30 * wave),
                (2, "birch", 2.8 + 0.5 * wave, 38.0),
                (3, "cedar", 2.1, 38 - 3 * wave),
                (4, "fir", 0.4, 4.0),
            )
        )
        await store.samples.record([Plan(1, "Production", at, "smallest-first", reports, (), (), ())], at, TEN_MINUTES)
        await store.cycles.record(at, at, "done", {})
    for number in range(240, 0, -1):
        at = now - number * 6 * HOUR
        vcpus = 194 - round(number / 3.2) + round(4 * math.sin(number / 5))
        totals = Totals(4, 64, 4 * 131072, vcpus, 180_000 - 300 * number, 24 - number // 24)
        await store.capacity.record(1, totals, [SizeCount(8, 23 - number // 24, 200_000)], {}, at)
    await store.close()


@pytest.mark.parametrize(("language", "theme", "device"), WALKS[:2] if FOLDER else WALKS[:1])
async def test_remaining_screens_are_shown(tmp_path: Path, language: str, theme: str, device: str) -> None:
    await a_day_ago(tmp_path / "bot.db")
    async with (
        running_stack(tmp_path, WORLD, migration_s=1, task_row_delay_s=0.1, rich_buttons=True) as stack,
        running_browser() as browser,
    ):
        stack.start_bot(BOT_LANGUAGE=language, PICTURES="true", MIGRATION_OVERHEAD="6", MIGRATION_BANDWIDTH="10000")
        await stack.message("→ fir", buttons=True)
        walk = await walking(browser, stack, language, theme, device)
        text = walk.texts.text
        await walk.see("alder")
        await walk.ask("/dryrun optimal", "dryrun")
        await walk.tap(text("button-more"))
        await walk.see("💤")
        await walk.open(text("button-targets"), "🎯", "targets")
        await walk.tap(text("button-back"))
        await walk.tap(text("button-approve-one"))
        await stack.message("alder → fir", "✅")
        await walk.ask("/chart alder", "chart")
        await walk.ask("/capacity", "capacity")
        await walk.ask("/roll", "roll")
        await walk.ask("/digest", "digest")
        await walk.ask("/history", "history")
        await walk.ask("/fill fir", "fill")
        await walk.ask("/exclude fir target 2h", "excluded")
        await walk.ask("/exclusions", "exclusions")
        await walk.ask("/strategy", "strategy")
        await walk.ask("/mode", "mode")
        await walk.ask("/pause 2h", "pause")
        await walk.ask("/language", "language")
        await walk.ask("/help", "help")
        await walk.ask("/satus", "slip")
        await walk.say("/settings")
        await walk.see("✎")
        await walk.open(text("setting-balance_interval"), "BALANCE_INTERVAL", "setting")
