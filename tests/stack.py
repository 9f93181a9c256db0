"""The panel, the chat and the program as three processes, for end-to-end tests.

Tests control them only from outside: over the control addresses of panel and chat, and by signals.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from bot_fixture import HOT_WORLD

ROOT = Path(__file__).resolve().parent.parent
GROUP = -1001000000001
ANNA, BORIS, VERA, MALLORY = 1001, 1002, 1003, 6666
TOKEN = "123456:SANDBOX-TOKEN"
PATIENCE_S = 60.0


def world(**changes: Any) -> dict[str, Any]:
    """The hot world with some top-level lists replaced."""
    return {**json.loads(json.dumps(HOT_WORLD)), **changes}


class Child:
    """A child process whose output goes to a file; how it is started is for the subclasses."""

    def __init__(self, output: Path) -> None:
        self._output = output

    pid: int

    @property
    def lines(self) -> list[str]:
        return self._output.read_text("utf-8", "replace").splitlines() if self._output.exists() else []

    def exit_code(self) -> int | None:
        raise NotImplementedError

    async def ended(self) -> int:
        """The exit code, once the process is over."""
        deadline = time.monotonic() + PATIENCE_S
        while (code := self.exit_code()) is None:
            assert time.monotonic() < deadline, "still running:\n" + "\n".join(self.lines[-20:])
            await asyncio.sleep(0.05)
        return code

    def send(self, sign: signal.Signals) -> None:
        os.kill(self.pid, sign)

    def kill(self) -> None:
        if self.exit_code() is None:
            self.send(signal.SIGKILL)


class Command(Child):
    """`python -m …`, as a person starts it."""

    def __init__(self, output: Path, *command: str, env: dict[str, str], cwd: Path) -> None:
        super().__init__(output)
        with output.open("wb") as file:
            self._child = subprocess.Popen(
                [sys.executable, "-m", *command],
                env=env,
                cwd=cwd,
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.pid = self._child.pid

    def exit_code(self) -> int | None:
        return self._child.poll()

    async def ready(self) -> str:
        """The address of a server, once it listens."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for line in self.lines:
                if " ready: " in line:
                    return line.split(" ready: ", 1)[1].strip()
            if self.exit_code() is not None:
                break
            await asyncio.sleep(0.02)
        raise AssertionError("not ready:\n" + "\n".join(self.lines))


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["bot.cli.run", "bot.app", "bot.cli.once", "bot.telegram.chat", "bot.ssh.monitor", "sandbox.panel.server"]
)


class Bot(Child):
    """The program as a process of its own, forked from one that has its libraries imported already.

    Importing the chat's library takes seconds; a test suite starts the program dozens of times.
    """

    def __init__(self, output: Path, *options: str, env: dict[str, str], cwd: Path) -> None:
        super().__init__(output)
        output.touch()
        self._child = FORKS.Process(target=_be_the_bot, args=(options, env, str(cwd), str(output)), daemon=True)
        self._child.start()
        self.pid = self._child.pid or 0

    def exit_code(self) -> int | None:
        return self._child.exitcode


def _be_the_bot(options: tuple[str, ...], env: dict[str, str], cwd: str, output: str) -> None:
    from bot.cli import main

    os.setsid()
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    file = os.open(output, os.O_WRONLY | os.O_APPEND)
    for number in (1, 2):
        os.dup2(file, number)
    sys.exit(main(options))


class Stack:
    """Panel and chat, and the program as often as it is started; ``settings`` are its environment."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.settings: dict[str, str] = {}
        self.bots: list[Child] = []
        self._session = session
        self._servers: list[Command] = []
        self.panel = self.chat = ""

    async def start_servers(self, data: dict[str, Any], *panel_options: str) -> None:
        (self.folder / "world.json").write_text(json.dumps(data), encoding="utf-8")
        panel_command = ["sandbox", "panel", "--port", "0", "--world", str(self.folder / "world.json"), "--still"]
        servers = [[*panel_command, *panel_options], ["sandbox", "chat", "--port", "0"]]
        env = self._environment()
        self._servers = [Command(self.folder / f"{c[1]}.txt", *c, env=env, cwd=ROOT) for c in servers]
        self.panel, self.chat = [await server.ready() for server in self._servers]
        await self.speaks(BORIS, "en")
        self.settings |= {
            "VMMANAGER_HOST": self.panel,
            "VMMANAGER_USERNAME": "admin@example.com",
            "VMMANAGER_PASSWORD": "secret",
            "BALANCE_INTERVAL": "3600",
            "TASK_POLL_INTERVAL": "0.2",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "TELEGRAM_API_URL": self.chat,
            "TELEGRAM_CHAT_ID": str(GROUP),
            "TELEGRAM_ADMIN_IDS": f"{ANNA},{BORIS}",
            "TELEGRAM_VIEWER_IDS": str(VERA),
            "DATABASE_PATH": str(self.folder / "bot.db"),
            "LOG_FILE": str(self.folder / "bot.log"),
        }

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TZ", "SYSTEMROOT")}
        return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}

    @property
    def environment(self) -> dict[str, str]:
        """What a program of this stack is started with."""
        return self._environment() | self.settings

    def start_bot(self, *options: str, **settings: str) -> Bot:
        output = self.folder / f"bot-{len(self.bots)}.txt"
        bot = Bot(output, *options, env=self._environment() | self.settings | settings, cwd=self.folder)
        self.bots.append(bot)
        return bot

    def close(self) -> None:
        for process in [*self.bots, *self._servers]:
            process.kill()

    # The panel's side -------------------------------------------------------------------------

    async def patch(self, *operations: dict[str, Any]) -> None:
        await self._json("POST", f"{self.panel}/sandbox/world", json=list(operations))

    async def panel_fault(self, kind: str, **fields: Any) -> None:
        await self._json("POST", f"{self.panel}/sandbox/faults", json={"kind": kind, **fields})

    async def clear_panel_faults(self) -> None:
        await self._json("DELETE", f"{self.panel}/sandbox/faults")

    async def starts(self) -> list[tuple[int, int]]:
        """VM and target of every migration the panel was asked for, in order."""
        log = await self._json("GET", f"{self.panel}/sandbox/requests?path=/vm/v3/host&method=POST")
        rows = log["requests"] if isinstance(log, dict) else log
        return [
            (int(row["path"].split("/")[4]), int(row["body"]["node"]))
            for row in rows
            if row["path"].endswith("/migrate")
        ]

    async def reads(self, path: str) -> int:
        """How often the panel was asked for this."""
        log = await self._json("GET", f"{self.panel}/sandbox/requests?path={path}&method=GET")
        rows = log["requests"] if isinstance(log, dict) else log
        return sum(row["path"] == path for row in rows)

    async def where(self, vm_id: int) -> int:
        """The node that a VM is on, by the panel's own world."""
        state = await self._json("GET", f"{self.panel}/sandbox/world")
        return next(int(vm["node"]) for vm in state["vms"] if vm["id"] == vm_id)

    # The chat's side --------------------------------------------------------------------------

    async def messages(self, chat_id: int = GROUP) -> list[dict[str, Any]]:
        found = await self._json("GET", f"{self.chat}/sandbox/messages?chat_id={chat_id}")
        rows = found["messages"] if isinstance(found, dict) else found
        return [m | {"text": plain(m["text"])} for m in rows if m["from_bot"]]

    async def message(
        self, *parts: str, chat_id: int = GROUP, buttons: bool | None = None, within_s: float = PATIENCE_S
    ) -> dict[str, Any]:
        """The newest message of the bot that has all these parts, once there is one."""

        async def look() -> dict[str, Any] | None:
            for message in reversed(await self.messages(chat_id)):
                if all(p in message["text"] for p in parts) and buttons in (None, bool(message["keyboard"])):
                    return message
            return None

        return await self.eventually(look, f"a message with {parts}", within_s)

    async def eventually(self, look: Callable[[], Any], what: str, within_s: float = PATIENCE_S) -> Any:
        deadline = time.monotonic() + within_s
        while True:
            found = await look()
            if found:
                return found
            if time.monotonic() > deadline:
                texts = [m["text"] for m in await self.messages()]
                logs = [line for bot in self.bots for line in bot.lines[-25:]]
                raise AssertionError(f"no {what}\n\n" + "\n---\n".join(texts[-4:]) + "\n\n" + "\n".join(logs))
            await asyncio.sleep(0.1)

    async def press(self, message: dict[str, Any], data: str, user_id: int = ANNA, **options: Any) -> str:
        """Presses a button; the text of the popup."""
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
        """Presses the first button with these words; the text of the popup."""
        found = {plain(text): data for text, data in buttons(message).items()}
        return await self.press(
            message, next((d for text, d in found.items() if label in text), f"no {label}"), user_id
        )

    async def say(self, text: str, user_id: int = ANNA, chat_id: int = GROUP) -> None:
        await self._json(
            "POST", f"{self.chat}/sandbox/send", json={"chat_id": chat_id, "user_id": user_id, "text": text}
        )

    async def ask(self, text: str, *parts: str, user_id: int = ANNA, chat_id: int = GROUP) -> str:
        """Sends a command and waits for an answer newer than it; its text."""
        return str((await self.asked(text, *parts, user_id=user_id, chat_id=chat_id))["text"])

    async def asked(self, text: str, *parts: str, user_id: int = ANNA, chat_id: int = GROUP) -> dict[str, Any]:
        """As ``ask``; the whole message."""
        before = max((m["message_id"] for m in await self.messages(chat_id)), default=0)
        await self.say(text, user_id, chat_id)

        async def look() -> dict[str, Any] | None:
            for message in reversed(await self.messages(chat_id)):
                if message["message_id"] > before and all(p in message["text"] for p in parts):
                    return message
            return None

        found: dict[str, Any] = await self.eventually(look, f"an answer to {text} with {parts}")
        return found

    async def opened(self, message: dict[str, Any], label: str, *parts: str, user_id: int = ANNA) -> dict[str, Any]:
        """Presses the button with these words; the same message once it is another page and has all these parts.

        Words in the place of a picture are a message of their own.
        """
        await self.tap(message, label, user_id)

        async def look() -> dict[str, Any] | None:
            for now in await self.messages(message["chat_id"]):
                turned = (now["text"], now["keyboard"]) != (message["text"], message["keyboard"])
                anew = message["media"] is not None and now["message_id"] > message["message_id"]
                same = now["message_id"] == message["message_id"] or anew
                if same and turned and all(p in now["text"] for p in parts):
                    return now
            return None

        found: dict[str, Any] = await self.eventually(look, f"a page with {parts}")
        return found

    async def speaks(self, user_id: int, language: str) -> None:
        """What this person's Telegram is set to."""
        await self._json(
            "POST", f"{self.chat}/sandbox/config", json={"users": [{"id": user_id, "language_code": language}]}
        )

    async def chat_fault(self, kind: str, **fields: Any) -> None:
        await self._json("POST", f"{self.chat}/sandbox/faults", json={"kind": kind, **fields})

    async def configure_chat(self, chat: dict[str, Any]) -> None:
        """Makes another supergroup with everybody in it."""
        made = {"type": "supergroup", "title": "Forum", "members": [ANNA, BORIS, VERA, MALLORY], **chat}
        await self._json("POST", f"{self.chat}/sandbox/config", json={"chats": [made]})

    async def menu(self, user_id: int, chat_id: int) -> list[str]:
        """The names of the commands that Telegram would offer this person in this chat."""
        return list(await self.descriptions(user_id, chat_id))

    async def descriptions(self, user_id: int, chat_id: int) -> dict[str, str]:
        """As ``menu``, each with what is said of it."""
        found = await self._json("GET", f"{self.chat}/sandbox/commands?user_id={user_id}&chat_id={chat_id}")
        return {c["command"]: c["description"] for c in (found["commands"] if isinstance(found, dict) else found)}

    async def _json(self, method: str, url: str, **options: Any) -> Any:
        async with self._session.request(method, url, **options) as reply:
            assert reply.status < 400, f"{method} {url}: {reply.status} {await reply.text()}"
            return await reply.json(content_type=None)


def plain(text: str) -> str:
    """With ordinary blanks where figure and unit are kept on one line."""
    return text.replace("\u00a0", " ")


def buttons(message: dict[str, Any]) -> dict[str, str]:
    """Text -> callback data of every button of a message."""
    return {b["text"]: b["callback_data"] for row in message["keyboard"] or [] for b in row}


@asynccontextmanager
async def running_stack(folder: Path, data: dict[str, Any], *panel_options: str) -> AsyncIterator[Stack]:
    async with aiohttp.ClientSession() as session:
        stack = Stack(folder, session)
        try:
            await stack.start_servers(data, *panel_options)
            yield stack
        finally:
            stack.close()
