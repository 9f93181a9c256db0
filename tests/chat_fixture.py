"""The whole program in this process, with a panel and a chat over HTTP, and with a clock that a test moves.

Tests read and change the chat's state directly; the program sees it only through the Bot API.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from bot_builders import Clock, until
from bot_fixture import running_panel, settings

from bot.app.program import VMBalancer
from bot.config.settings import Settings
from bot.service.deadlines import DIGEST_KEY
from bot.store.store import Store
from sandbox.chat.limits import Fault
from sandbox.chat.model import Message, Press, User
from sandbox.chat.server import RunningChat, start_chat
from sandbox.panel.server import RunningPanel

GROUP = -1001000000001
ANNA, BORIS = 1001, 1002
HELLO = re.compile(r"👋 VM Balancer \d")
"""How the first message of a new chat begins, in every language."""
PATIENCE_S = 60.0


class ChatFixture:
    """``start()`` the program, ``stop()`` or ``crash()`` it, and start it again on the same database."""

    def __init__(self, panel: RunningPanel, chat: RunningChat, folder: Path, **given: Any) -> None:
        self.panel = panel
        self.chat = chat
        chat.state.users[BORIS].language_code = "en"
        self.path = folder / "bot.db"
        self.clock = Clock(datetime.now(timezone.utc))
        self._given = given
        self.balancer: VMBalancer | None = None
        self._running: asyncio.Task[None] | None = None

    def settings(self, **more: Any) -> Settings:
        values = {
            "telegram_bot_token": self.chat.state.token,
            "telegram_api_url": self.chat.url,
            "telegram_chat_id": GROUP,
            "telegram_admin_ids": (ANNA, BORIS),
            "balance_interval": 3600,
            "task_poll_interval": 0.2,
            "digest": "",
            "database_path": self.path,
        }
        return settings(self.panel.url, **{**values, **self._given, **more})

    async def start(self, **more: Any) -> VMBalancer:
        self.balancer = VMBalancer(settings=self.settings(**more), clock=self.clock)
        await self.balancer.open()
        self._running = asyncio.create_task(self.balancer.run())
        return self.balancer

    async def stop(self) -> None:
        if self.balancer is not None and self._running is not None:
            self.balancer.stop()
            await self._running
            await self.balancer.close()
        self.balancer = self._running = None

    @property
    def store(self) -> Store:
        assert self.balancer is not None
        return self.balancer.store

    async def summaries_begun(self) -> None:
        """Lets the program store since when digests are due."""
        await self.tick()
        assert await self.store.settings.get(DIGEST_KEY) is not None

    async def pass_time(self, length: timedelta) -> None:
        """Moves the clock, and runs the steps that are due then."""
        self.clock.now += length
        await self.tick()

    async def tick(self) -> None:
        """Runs the steps that are due now instead of up to two seconds later."""
        assert self.balancer is not None
        await self.balancer.tick()

    async def all_sent(self) -> None:
        """Waits until no notice is left to send."""

        async def sent() -> bool:
            return not await self.store.notices.unsent()

        await until(sent, "every notice is sent")

    # The chat ---------------------------------------------------------------------------------

    def fault(self, kind: str, method: str | None = None, **fields: Any) -> None:
        self.chat.state.faults.waiting.append(Fault(kind, method, **fields))

    def cut(self) -> None:
        """The network is down: no request gets an answer."""
        self.fault("drop", count=1_000_000)
        self.fault("drop", "getUpdates", count=1_000_000)

    def mend(self) -> None:
        self.chat.state.faults.waiting.clear()

    def messages(self, chat_id: int = GROUP) -> list[Message]:
        """The bot's messages that are not deleted, oldest first, without the first one of a new chat (``hello``)."""
        return [m for m in self._sent(chat_id) if not HELLO.match(m.content.text)]

    def hello(self, chat_id: int = GROUP) -> list[Message]:
        """The first message of a new chat."""
        return [m for m in self._sent(chat_id) if HELLO.match(m.content.text)]

    def _sent(self, chat_id: int) -> list[Message]:
        state = self.chat.state
        results = [m for (c, _), m in sorted(state.messages.items()) if c == chat_id]
        return [m for m in results if m.sender is state.bot and not m.deleted]

    def texts(self, *parts: str, chat_id: int = GROUP) -> list[str]:
        texts = [m.content.text.replace("\u00a0", " ") for m in self.messages(chat_id)]
        return [t for t in texts if all(p in t for p in parts)]

    def calls(self, method: str, status: int | None = None) -> list[dict[str, Any]]:
        """The requests to Telegram, by its own log."""
        log = self.chat.state.requests
        return [e for e in log if e["method"].lower() == method.lower() and status in (None, e["status"])]

    async def message(self, *parts: str, chat_id: int = GROUP, buttons: bool | None = None) -> Message:
        """Waits for a message with these parts, and returns the newest one."""

        def look() -> Message | None:
            for m in reversed(self.messages(chat_id)):
                text = m.content.text.replace("\u00a0", " ")
                if all(p in text for p in parts) and buttons in (None, bool(m.content.button_rows())):
                    return m
            return None

        await self.until(look, f"a message with {parts}")
        result = look()
        assert result is not None
        return result

    async def until(self, holds: Callable[[], object], what: str = "") -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not holds():
            if self._running is not None and self._running.done():
                self._running.result()
            shown = "\n---\n".join(m.content.text for m in self.messages()[-5:])
            assert asyncio.get_running_loop().time() < deadline, f"never: {what or holds}\n{shown}"
            await asyncio.sleep(0.02)

    def press(self, message: Message, data: str, user_id: int = ANNA) -> Press:
        return self.chat.state.press(message.chat.id, message.message_id, user_id, data)

    async def pressed(self, message: Message, text: str, user_id: int = ANNA) -> str:
        """Presses the button with this text, and returns the text of the popup."""
        rows = message.content.button_rows()
        data = next(b["callback_data"] for row in rows for b in row if text in b["text"] and "callback_data" in b)
        press = self.press(message, data, user_id)
        await asyncio.wait_for(press.answered.wait(), PATIENCE_S)
        assert press.answer is not None
        return str(press.answer["text"])

    def people(self, count: int) -> list[int]:
        """Adds ``count`` people to the group; the bot knows all of them."""
        state, ids = self.chat.state, [20_000 + i for i in range(count)]
        for user_id in ids:
            state.add_user(User(user_id, f"Admin {user_id}", started=True))
            state.chats[GROUP].members[user_id] = "member"
        return ids


@asynccontextmanager
async def running(
    folder: Path,
    world: dict[str, Any] | None = None,
    *,
    limits: Any = "off",
    panel: Any = None,
    rich_buttons: bool = False,
    **given: Any,
) -> AsyncIterator[ChatFixture]:
    """A panel and a chat; the program is not started yet. A migration takes half a second unless ``panel`` says so."""
    options = {"speed": 60, "migration_s": 0.5, **(panel or {})}
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(running_panel(world, **options))
        chat = await stack.enter_async_context(
            await start_chat(limits=limits, conflict_delay_s=0.05, callback_timeout_s=60.0, rich_buttons=rich_buttons)
        )
        fixture = ChatFixture(server, chat, folder, **given)
        stack.push_async_callback(fixture.stop)
        yield fixture
