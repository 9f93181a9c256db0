"""`vm-balancer init` against an emulated panel and chat: by options alone, and answered at a terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import stat
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from bot_fixture import running_panel
from processes import PATIENCE_S, ROOT
from stack import ANNA, BORIS, GROUP, TOKEN

from bot.cli import BAD_SETTINGS, OK, main
from bot.config.loading import load_settings
from bot.config.settings import Settings, env_name
from sandbox.chat.server import RunningChat, start_chat
from sandbox.panel.server import RunningPanel

PASSWORD = "it's \\ #1 ${HOME} ß"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
async def panel() -> AsyncIterator[RunningPanel]:
    async with running_panel(password=PASSWORD) as running:
        yield running


@pytest.fixture
async def chat() -> AsyncIterator[RunningChat]:
    async with await start_chat() as running:
        yield running


def login(panel: RunningPanel, chat: RunningChat, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", TOKEN)
    monkeypatch.setenv("TELEGRAM_API_URL", chat.url)
    return ["init", "--host", panel.url, "--username", "admin@example.com", "--password", PASSWORD]


async def test_options_alone_write_a_private_working_file(
    panel: RunningPanel, chat: RunningChat, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [*login(panel, chat, monkeypatch), "--telegram-chat-id", str(GROUP), "--telegram-admin-ids", "1001", "1002"]
    assert await asyncio.to_thread(main, [*words, "--dry-run"]) == OK
    file = folder / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for name in ("TELEGRAM_BOT_TOKEN", "TELEGRAM_API_URL"):
        monkeypatch.delenv(name)
    settings = load_settings()
    assert settings.vmmanager_password is not None and settings.vmmanager_password.get_secret_value() == PASSWORD
    assert settings.telegram_admin_ids == (ANNA, BORIS) and settings.dry_run
    assert settings.notes == ()


async def test_secret_of_a_file_is_not_copied(
    panel: RunningPanel, chat: RunningChat, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "password").write_text(PASSWORD, "utf-8")
    (folder / "password").chmod(0o600)
    words = [*login(panel, chat, monkeypatch)[:-2], "--vmmanager-password-file", "password", "--config", "c/bot.env"]
    (folder / "c").mkdir()
    assert await asyncio.to_thread(main, [*words, "--telegram-chat-id", str(ANNA)]) == OK
    text = (folder / "c" / "bot.env").read_text("utf-8")
    assert PASSWORD not in text and f"VMMANAGER_PASSWORD_FILE={folder / 'password'}\n" in text


def test_existing_file_is_not_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / ".env").write_text("DRY_RUN=true\n", "utf-8")
    assert main(["init", "--host", "https://h", "--username", "u", "--password", "p"]) == BAD_SETTINGS
    assert capsys.readouterr().err.startswith(".env exists: move it away, edit it, or name another file")
    assert (folder / ".env").read_text("utf-8") == "DRY_RUN=true\n"


def test_missing_values_without_a_terminal_are_named_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--host", "https://h", "--username", "u"]) == BAD_SETTINGS
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("VMMANAGER_PASSWORD is not set") and lines[-1].startswith(
        "in a terminal `vm-balancer init` asks"
    )
    assert main(["init", "--interval", "soon", "--config", "no/such/x.env"]) == BAD_SETTINGS
    lines = capsys.readouterr().err.splitlines()
    assert "there is no folder" in lines[0] and lines[1].startswith("BALANCE_INTERVAL is 'soon'")
    assert list(folder.iterdir()) == []


class Person:
    """Answers the program at a terminal."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.master, slave = pty.openpty()
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(folder), **settings}
        self._start = asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "init"),
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        self._slave = slave
        self.screen = ""

    async def __aenter__(self) -> Person:
        self.program = await self._start
        os.close(self._slave)
        os.set_blocking(self.master, False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.program.returncode is None:
            self.program.kill()
        await self.program.wait()
        os.close(self.master)

    async def sees(self, words: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while words not in self.screen:
            assert time.monotonic() < deadline, f"no {words!r} in:\n{self.screen}"
            await asyncio.sleep(0.05)
            try:
                self.screen += os.read(self.master, 65536).decode("utf-8", "replace")
            except BlockingIOError:
                continue

    async def answers(self, question: str, text: str) -> None:
        await self.sees(question)
        self.screen = ""
        os.write(self.master, f"{text}\n".encode())


async def test_every_answer_is_tested_before_the_next_question(
    panel: RunningPanel, chat: RunningChat, folder: Path
) -> None:
    async with Person(folder, TELEGRAM_API_URL=chat.url) as person:
        await person.answers("Language", "en")
        await person.answers("Address of VMmanager", "http://127.0.0.1:9")
        await person.sees("nothing listens at 127.0.0.1:9")
        await person.answers("Address of VMmanager", panel.url.removeprefix("http://"))
        await person.sees("does not speak TLS as it should")
        await person.answers("Address of VMmanager", panel.url)
        await person.answers("E-mail address", "admin@example.com")
        await person.answers("Password of the account", "wrong")
        await person.sees("FAIL Login")
        await person.answers("E-mail address", "admin@example.com")
        await person.answers("Password of the account", PASSWORD)
        await person.answers("Token of the bot", "1:not-a-token-of-this-server")
        await person.sees("Telegram does not know the token")
        await person.answers("Token of the bot", TOKEN)
        await person.sees("Listening for 60 s")
        chat.state.write(GROUP, ANNA, "/start")
        await person.sees(f"the group Ops has the id {GROUP}")
        await person.sees(f"Anna Admin has the id {ANNA}")
        await person.answers("Id of the chat", "")
        await person.answers("Ids of the people who may approve", f"{ANNA},{BORIS}")
        await person.answers("Only watch for the first week", "")
        await person.sees("Now the whole check")
        await person.sees("Everything works.")
        assert await asyncio.wait_for(person.program.wait(), PATIENCE_S) == OK
    settings = load_settings()
    assert (settings.telegram_chat_id, settings.telegram_admin_ids) == (GROUP, (ANNA, BORIS))
    assert settings.dry_run and settings.vmmanager_username == "admin@example.com"
    assert settings.vmmanager_password is not None and settings.vmmanager_password.get_secret_value() == PASSWORD


async def test_end_of_input_writes_nothing(folder: Path) -> None:
    async with Person(folder) as person:
        await person.answers("Language", "ru")
        await person.sees("Адрес VMmanager")
        os.write(person.master, b"\x04")
        await person.sees("nothing was written")
        assert await asyncio.wait_for(person.program.wait(), PATIENCE_S) == 1
    assert list(folder.iterdir()) == []
