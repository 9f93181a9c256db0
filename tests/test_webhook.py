"""Updates by webhook: only with the secret, each once, and none is lost while the program is stopped."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from chat_fixture import ANNA, GROUP, ChatFixture, running
from test_metrics import free_port

from bot.config.loading import find_settings
from bot.telegram.webhook import SECRET_HEADER

SECRET = "hook-secret-7f3a"


def hooked(port: int, **more: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/telegram"
    return {"telegram_webhook_url": url, "telegram_webhook_port": port, "telegram_webhook_secret": SECRET, **more}


async def posted(port: int, body: Any, headers: dict[str, str], path: str = "/telegram") -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://127.0.0.1:{port}{path}", json=body, headers=headers) as answer,
    ):
        assert "ersion" not in await answer.text()
        return answer.status


def webhook(fixture: ChatFixture) -> dict[str, Any]:
    return fixture.chat.state.updates.webhook


async def test_commands_and_presses_come_by_webhook(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    port = free_port()
    async with running(tmp_path) as fixture:
        await fixture.start(**hooked(port))
        report = await fixture.message("small-a", buttons=True)
        await fixture.until(lambda: webhook(fixture), "the webhook")
        assert webhook(fixture)["secret_token"] == SECRET
        fixture.chat.state.write(GROUP, ANNA, "/help")
        await fixture.message("/status")
        await fixture.pressed(report, "Approve")
        await fixture.message("done in")
        assert fixture.calls("getUpdates") == []
        # Other senders are refused without any information.
        forged = {"update_id": 999_999, "message": {}}
        for headers in ({}, {SECRET_HEADER: "wrong"}, {SECRET_HEADER: ""}):
            assert await posted(port, forged, headers) == 404
        assert await posted(port, forged, {SECRET_HEADER: SECRET}, "/other") == 404
        assert await posted(port, {"no": "update"}, {SECRET_HEADER: SECRET}) == 200, "else it would block all others"
        assert await posted(port, {"update_id": 5, "x": "y" * 2**21}, {SECRET_HEADER: SECRET}) == 413
    assert SECRET not in caplog.text


async def test_update_delivered_twice_is_handled_once(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path) as fixture:
        await fixture.start(**hooked(port))
        await fixture.message("small-a", buttons=True)
        await fixture.until(lambda: webhook(fixture), "the webhook")
        fixture.chat.state.write(GROUP, ANNA, "/help")
        await fixture.message("/status")
        update = {
            "update_id": 777_777,
            "message": {
                "message_id": 900,
                "date": 1,
                "text": "/help",
                "entities": [{"type": "bot_command", "offset": 0, "length": 5}],
                "chat": {"id": GROUP, "type": "supergroup", "title": "Ops"},
                "from": {"id": ANNA, "is_bot": False, "first_name": "Anna", "language_code": "en"},
            },
        }
        for _ in range(3):
            assert await posted(port, update, {SECRET_HEADER: SECRET}) == 200
        assert len(fixture.texts("/status", "/exclude")) == 2, "the one that Anna wrote, and one of these"


async def test_press_during_a_restart_is_handled_later(tmp_path: Path) -> None:
    port = free_port()
    async with running(tmp_path) as fixture:
        await fixture.start(**hooked(port))
        report = await fixture.message("small-a", buttons=True)
        await fixture.until(lambda: webhook(fixture), "the webhook")
        await fixture.stop()
        assert webhook(fixture), "it stays: updates wait at Telegram"
        data = next(b["callback_data"] for row in report.content.keyboard or [] for b in row if "Approve" in b["text"])
        press = fixture.press(report, data)
        await fixture.start(**hooked(port, telegram_webhook_secret=None))  # a new secret, which Telegram is told
        await fixture.message("done in")
        assert press.answer is not None
        assert webhook(fixture)["secret_token"] not in ("", SECRET)
        # Back to asking: the program takes away what it had set itself.
        await fixture.stop()
        await fixture.start()
        fixture.chat.state.write(GROUP, ANNA, "/help")
        await fixture.message("/status")
        assert not webhook(fixture) and fixture.calls("getUpdates", 200)


async def test_foreign_webhook_is_not_replaced(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        fixture.chat.state.updates.set_webhook({"url": "http://127.0.0.1:9/theirs", "secret_token": ""})
        await fixture.start()
        await fixture.until(lambda: fixture.calls("getUpdates", 409), "refused")
        assert webhook(fixture)["url"].endswith("/theirs")


async def test_removed_webhook_is_set_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.telegram.webhook.LOOK_S", 0.1)
    port = free_port()
    async with running(tmp_path) as fixture:
        await fixture.start(**hooked(port))
        await fixture.until(lambda: webhook(fixture), "the webhook")
        fixture.chat.state.updates.set_webhook({})
        await fixture.until(lambda: webhook(fixture), "again")
        assert webhook(fixture)["url"].endswith(f":{port}/telegram")


async def test_a_port_in_use_is_one_clear_error(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with running(tmp_path) as fixture:
            balancer = await fixture.start(**hooked(port))
            await fixture.until(lambda: balancer.failed, "it stops")
            fixture.balancer = fixture._running = None
            await balancer.close()
    assert f"TELEGRAM_WEBHOOK_PORT={port}" in caplog.text and "another program uses this port" in caplog.text


@pytest.mark.parametrize(
    "url",
    ["bot.example.com/x", "http://bot.example.com/x", "https://bot.example.com", "https://a:b@c.example/x"],
)
def test_bad_webhook_addresses_are_refused(url: str) -> None:
    [problem] = [p for p in find_settings({"telegram_webhook_url": url}).problems if "WEBHOOK" in p]
    assert problem.startswith("TELEGRAM_WEBHOOK_URL is ") and "https://bot.example.com/telegram" in problem


def test_bad_webhook_secret_is_not_shown() -> None:
    [problem] = [p for p in find_settings({"telegram_webhook_secret": "no good!"}).problems if "SECRET" in p]
    assert "no good" not in problem and "A-Z" in problem
