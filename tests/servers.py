"""The panel and the chat in a thread of this process, on loopback addresses.

The thread has its own event loop: both also answer while a test blocks and waits for a program.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from datetime import datetime, timezone
from functools import cache
from typing import Any, TypeVar

from sandbox.chat.server import RunningChat, start_chat
from sandbox.panel.server import RunningPanel, start_panel
from sandbox.world.world import World

T = TypeVar("T")
PATIENCE_S = 60.0


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="servers", daemon=True).start()
    return loop


def call(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine in the servers' thread; blocks until it returns."""
    return asyncio.run_coroutine_threadsafe(work, _loop()).result(PATIENCE_S)


class Servers:
    """A chat, and a panel with this world, which changes only by the test and by migrations."""

    def __init__(self, data: dict[str, Any], *, rich_buttons: bool = False, **panel_options: Any) -> None:
        self._running: list[RunningPanel | RunningChat] = []
        world = World.from_dict(data, epoch=datetime.now(timezone.utc))
        world.churn = None
        panel = call(start_panel(world, **panel_options))
        self._running.append(panel)
        chat = call(start_chat(rich_buttons=rich_buttons))
        self._running.append(chat)
        self.panel, self.chat = panel.url, chat.url

    def close(self) -> None:
        for server in self._running:
            call(server.close())
        self._running.clear()
