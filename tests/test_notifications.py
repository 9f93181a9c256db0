"""`--notifications` and `--no-notifications`: the switch of the seed, for posting and listening."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from bot_fixture import HOT_WORLD
from stack import TOKEN, Stack, running_stack

from bot.app.program import VMBalancer
from bot.cli import OK, main
from bot.config.loading import load_settings
from bot.config.settings import Settings, env_name
from bot.config.validation import check_chat

PANEL = {"vmmanager_host": "http://127.0.0.1:9", "vmmanager_username": "me", "vmmanager_password": "x"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in map(env_name, Settings.model_fields):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with running_stack(tmp_path, HOT_WORLD, migration_s=0.5) as result:
        yield result


async def asked_of_telegram(stack: Stack) -> list[dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.chat}/sandbox/requests") as reply:
        document: list[dict[str, Any]] = await reply.json()
        return document


@pytest.mark.e2e
async def test_program_without_notifications_sends_nothing(stack: Stack) -> None:
    bot = stack.start_bot("--once", "--yes", "--no-notifications")
    assert await bot.ended() == OK, bot.lines
    assert len(await stack.starts()) == 1
    assert await asked_of_telegram(stack) == []


@pytest.mark.e2e
async def test_option_overrides_the_setting(stack: Stack) -> None:
    bot = stack.start_bot("--once", "--yes", "--notifications", TELEGRAM_NOTIFICATIONS="false")
    assert await bot.ended() == OK, bot.lines
    assert await stack.messages() != []


async def test_program_without_notifications_has_no_chat(folder: Path) -> None:
    token = {"telegram_bot_token": TOKEN, "telegram_chat_id": 7, "database_path": ":memory:"}
    for switch in (True, False):
        settings = load_settings({**PANEL, **token, "telegram_notifications": switch})
        async with VMBalancer(settings=settings) as balancer:
            assert (balancer.telegram is not None) is switch


def test_disabled_notifications_need_no_chat_settings() -> None:
    incomplete = {"telegram_bot_token": TOKEN}
    assert [p.fields[0] for p in check_chat(Settings(**incomplete))] == ["telegram_chat_id"]
    assert check_chat(Settings(telegram_notifications=False, **incomplete)) == []


def test_notifications_without_a_token_are_refused_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--host", "http://127.0.0.1:9", "--username", "me", "--password", "x"]
    assert main(["config", *words, "--notifications"]) == OK
    output = capsys.readouterr()
    assert "TELEGRAM_NOTIFICATIONS=true" in output.out
    [note] = output.err.splitlines()
    assert note == "TELEGRAM_NOTIFICATIONS=true (--notifications) has no effect: TELEGRAM_BOT_TOKEN is not set"
