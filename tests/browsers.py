"""Headless Chromium for tests; without one the tests are skipped with a warning."""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, ViewportSize, async_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}


def chromium() -> str | None:
    wanted = [os.environ.get("CHROMIUM"), "/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome"]
    return next((result for name in wanted if name and (result := shutil.which(name))), None)


@asynccontextmanager
async def running_browser() -> AsyncIterator[Browser]:
    """A browser. Without one the test is skipped with a clear line, and fails if CI is set."""
    program = chromium()
    if program is None and not os.environ.get("CI"):
        warnings.warn("THE CHAT PAGE IS NOT TESTED: no Chromium here (CHROMIUM=/path/to/it)", stacklevel=1)
        pytest.skip("no Chromium; set CHROMIUM to its path")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()
