"""A panel, a chat and the program between them, for end-to-end tests.

The program runs as a separate process, or in the test's process if the test needs no process. Tests control panel and
chat only over their control addresses.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from bot_fixture import HOT_WORLD
from in_process import Program, ShiftedClock
from processes import PATIENCE_S, ROOT, Bot, Child
from servers import Servers

GROUP = -1001000000001
ANNA, BORIS, VERA, MALLORY = 1001, 1002, 1003, 6666
TOKEN = "123456:SANDBOX-TOKEN"


def world(**changes: Any) -> dict[str, Any]:
    """The hot world with some top-level lists replaced."""
    return {**json.loads(json.dumps(HOT_WORLD)), **changes}


class Stack:
    """A panel and a chat, and the programs that a test starts. ``settings``: the program's environment."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, servers: Servers) -> None:
        self.folder = folder
        self.bots: list[Child | Program] = []
        self.clock = ShiftedClock()
        self._session = session
        self.panel, self.chat = servers.panel, servers.chat
        self.settings = {
            "VMMANAGER_HOST": self.panel,
            "VMMANAGER_USERNAME": "admin@example.com",
            "VMMANAGER_PASSWORD": "secret",
            "BALANCE_INTERVAL": "3600",
            "BALANCE_STRATEGY": "smallest-first",
            "TASK_POLL_INTERVAL": "0.2",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": self.chat,
            "TELEGRAM_CHAT_ID": str(GROUP),
            "TELEGRAM_ADMIN_IDS": f"{ANNA},{BORIS}",
            "TELEGRAM_VIEWER_IDS": str(VERA),
            "DATABASE_PATH": str(self.folder / "bot.db"),
            "PICTURES": "false",
            "LOG_FILE": str(self.folder / "bot.log"),
        }

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TZ", "SYSTEMROOT")}
        return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a program of this stack."""
        return self._environment() | self.settings

    def start_bot(self, *options: str, **settings: str) -> Bot:
        """Starts the program as a process: for its command line, its end, its files, and for killing it."""
        output = self.folder / f"bot-{len(self.bots)}.txt"
        bot = Bot(output, *options, env=self._environment() | self.settings | settings, cwd=self.folder)
        self.bots.append(bot)
        return bot

    def start_program(self, **settings: str) -> Program:
        """Starts the program in this process, with a clock that a test may set forward (``clock``)."""
        program = Program({**self.settings, **settings}, self.clock)
        self.bots.append(program)
        return program

    async def close(self) -> None:
        for bot in self.bots:
            if isinstance(bot, Program):
                await bot.close()
            else:
                bot.kill()

    # The panel's side -------------------------------------------------------------------------

    async def patch(self, *operations: dict[str, Any]) -> None:
        await self._json("POST", f"{self.panel}/sandbox/world", json=list(operations))

    async def panel_fault(self, kind: str, **fields: Any) -> None:
        await self._json("POST", f"{self.panel}/sandbox/faults", json={"kind": kind, **fields})

    async def clear_panel_faults(self) -> None:
        await self._json("DELETE", f"{self.panel}/sandbox/faults")

    async def starts(self) -> list[tuple[int, int]]:
        """VM and target of every migration request, in order."""
        log = await self._json("GET", f"{self.panel}/sandbox/requests?path=/vm/v3/host&method=POST")
        rows = log["requests"] if isinstance(log, dict) else log
        return [
            (int(row["path"].split("/")[4]), int(row["body"]["node"]))
            for row in rows
            if row["path"].endswith("/migrate")
        ]

    async def reads(self, path: str) -> int:
        """The number of such requests to the panel."""
        log = await self._json("GET", f"{self.panel}/sandbox/requests?path={path}&method=GET")
        rows = log["requests"] if isinstance(log, dict) else log
        return sum(row["path"] == path for row in rows)

    async def where(self, vm_id: int) -> int:
        """The node of a VM, by the panel's own world."""
        state = await self._json("GET", f"{self.panel}/sandbox/world")
        return next(int(vm["node"]) for vm in state["vms"] if vm["id"] == vm_id)

    # The chat's side --------------------------------------------------------------------------

    async def messages(self, chat_id: int = GROUP) -> list[dict[str, Any]]:
        """The bot's messages, without the first message of a new chat."""
        document = await self._json("GET", f"{self.chat}/sandbox/messages?chat_id={chat_id}")
        rows = document["messages"] if isinstance(document, dict) else document
        return [m | {"text": plain(m["text"])} for m in rows if m["from_bot"] and not HELLO.match(m["text"])]

    async def message(
        self, *parts: str, chat_id: int = GROUP, buttons: bool | None = None, within_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """Waits for a message of the bot with all these parts, and returns the newest one."""

        async def look() -> dict[str, Any] | None:
            for message in reversed(await self.messages(chat_id)):
                if all(p in message["text"] for p in parts) and buttons in (None, bool(message["button_rows"])):
                    return message
            return None

        return await self.eventually(look, f"a message with {parts}", within_s)

    async def eventually(self, look: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
        deadline = time.monotonic() + within_s
        while True:
            result = await look()
            if result:
                return result
            if time.monotonic() > deadline:
                texts = [m["text"] for m in await self.messages()]
                logs = [line for bot in self.bots for line in bot.lines[-25:]]
                raise AssertionError(f"no {what}\n\n" + "\n---\n".join(texts[-4:]) + "\n\n" + "\n".join(logs))
            await asyncio.sleep(0.1)

    async def press(self, message: dict[str, Any], data: str, user_id: int = ANNA, **options: Any) -> str:
        """Presses a button, and returns the text of the popup."""
        body = {
            "chat_id": message["chat_id"],
            "message_id": message["message_id"],
            "user_id": user_id,
            "data": data,
            "wait": 10,
            **options,
        }
        answer = await self._json("POST", f"{self.chat}/sandbox/press", json=body)
        assert answer["answered"], answer
        return plain(answer["text"] or "")

    async def tap(self, message: dict[str, Any], label: str, user_id: int = ANNA) -> str:
        """Presses the first button with these words, and returns the text of the popup."""
        result = {plain(text): data for text, data in buttons(message).items()}
        return await self.press(
            message, next((d for text, d in result.items() if label in text), f"no {label}"), user_id
        )

    async def say(self, text: str, user_id: int = ANNA, chat_id: int = GROUP) -> None:
        await self._json(
            "POST", f"{self.chat}/sandbox/send", json={"chat_id": chat_id, "user_id": user_id, "text": text}
        )

    async def ask(self, text: str, *parts: str, user_id: int = ANNA, chat_id: int = GROUP) -> str:
        """Sends a command, waits for a newer answer, and returns its text."""
        return str((await self.asked(text, *parts, user_id=user_id, chat_id=chat_id))["text"])

    async def asked(self, text: str, *parts: str, user_id: int = ANNA, chat_id: int = GROUP) -> dict[str, Any]:
        """As ``ask``, but returns the whole message."""
        before = max((m["message_id"] for m in await self.messages(chat_id)), default=0)
        await self.say(text, user_id, chat_id)

        async def look() -> dict[str, Any] | None:
            for message in reversed(await self.messages(chat_id)):
                if message["message_id"] > before and all(p in message["text"] for p in parts):
                    return message
            return None

        result: dict[str, Any] = await self.eventually(look, f"an answer to {text} with {parts}")
        return result

    async def opened(self, message: dict[str, Any], label: str, *parts: str, user_id: int = ANNA) -> dict[str, Any]:
        """Presses the button with these words, and waits until the message shows another page with all these parts.

        A page of words that replaces a picture is a new message.
        """
        await self.tap(message, label, user_id)

        async def look() -> dict[str, Any] | None:
            for now in await self.messages(message["chat_id"]):
                turned = (now["text"], now["button_rows"]) != (message["text"], message["button_rows"])
                anew = message["media"] is not None and now["message_id"] > message["message_id"]
                same = now["message_id"] == message["message_id"] or anew
                if same and turned and all(p in now["text"] for p in parts):
                    return now
            return None

        result: dict[str, Any] = await self.eventually(look, f"a page with {parts}")
        return result

    async def speaks(self, user_id: int, language: str) -> None:
        """Sets the language of this person's Telegram."""
        await self._json(
            "POST", f"{self.chat}/sandbox/config", json={"users": [{"id": user_id, "language_code": language}]}
        )

    async def chat_fault(self, kind: str, **fields: Any) -> None:
        await self._json("POST", f"{self.chat}/sandbox/faults", json={"kind": kind, **fields})

    async def configure_chat(self, chat: dict[str, Any]) -> None:
        """Adds another supergroup with all people in it."""
        result = {"type": "supergroup", "title": "Forum", "members": [ANNA, BORIS, VERA, MALLORY], **chat}
        await self._json("POST", f"{self.chat}/sandbox/config", json={"chats": [result]})

    async def menu(self, user_id: int, chat_id: int) -> list[str]:
        """The names of the commands that Telegram would offer this person in this chat."""
        return list(await self.descriptions(user_id, chat_id))

    async def descriptions(self, user_id: int, chat_id: int) -> dict[str, str]:
        """As ``menu``, with the description of each command."""
        document = await self._json("GET", f"{self.chat}/sandbox/commands?user_id={user_id}&chat_id={chat_id}")
        return {
            c["command"]: c["description"] for c in (document["commands"] if isinstance(document, dict) else document)
        }

    async def _json(self, method: str, url: str, **options: Any) -> Any:
        async with self._session.request(method, url, **options) as reply:
            assert reply.status < 400, f"{method} {url}: {reply.status} {await reply.text()}"
            return await reply.json(content_type=None)


HELLO = re.compile(r"👋 VM Balancer \d")
"""How the first message of a new chat begins, in every language."""


def plain(text: str) -> str:
    """The text with ordinary spaces instead of those that keep a figure and its unit on one line."""
    return text.replace("\u00a0", " ")


def buttons(message: dict[str, Any]) -> dict[str, str]:
    """Text -> callback data of every button of a message."""
    return {b["text"]: b["callback_data"] for row in message["button_rows"] for b in row if "callback_data" in b}


def button(message: dict[str, Any], start: str) -> str:
    """The callback data of the only button whose text begins with these words."""
    [data] = [data for text, data in buttons(message).items() if text.startswith(start)]
    return data


@asynccontextmanager
async def running_stack(
    folder: Path, data: dict[str, Any], *, rich_buttons: bool = False, **panel_options: Any
) -> AsyncIterator[Stack]:
    """A panel with this world and a chat; no program is started yet.

    Args:
        rich_buttons: whether the chat's server knows buttons inside messages (Bot API 10.3).
        panel_options: those of PanelOptions.
    """
    servers = Servers(data, rich_buttons=rich_buttons, **panel_options)
    try:
        async with aiohttp.ClientSession() as session:
            stack = Stack(folder, session, servers)
            try:
                await stack.speaks(BORIS, "en")
                yield stack
            finally:
                await stack.close()
    finally:
        servers.close()
