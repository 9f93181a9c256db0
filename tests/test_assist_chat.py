"""Assist mode in the chat: one message shows what started by itself and what asks; `/mode` and its buttons."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from bot_builders import ANNA as ANNA_ACTOR
from bot_builders import until
from chat_fixture import ANNA, GROUP, ChatFixture, running
from test_assist import HOT, hot_nodes

from bot.domain.proposals import MigrationState
from sandbox.chat.model import Message

GIVEN = {"auto_after_outcomes": 1, "max_migrations_per_cycle": 1, "timezone": "UTC"}
BOTH_FORMS = pytest.mark.parametrize("rich", [False, True], ids=["plain", "rich"])


async def say(fixture: ChatFixture, text: str) -> None:
    fixture.chat.state.write(GROUP, ANNA, text)


async def first_by_hand(fixture: ChatFixture) -> None:
    """A person approves one migration, and it goes well."""
    report = await fixture.message("1. small-", buttons=True)
    await fixture.pressed(report, "Approve")

    async def arrived() -> bool:
        return bool(await fixture.store.migrations.in_states((MigrationState.SUCCEEDED,)))

    await until(arrived)


async def checked(fixture: ChatFixture) -> None:
    assert fixture.balancer is not None and fixture.balancer.telegram is not None
    balancer = fixture.balancer
    fixture.clock.now += timedelta(minutes=10)

    async def over() -> bool:
        return (await balancer.check_now()).outcome == "done"

    await until(over)
    await balancer.telegram.flush()


def words(message: Message) -> str:
    return message.content.text.replace("\u00a0", " ")


@BOTH_FORMS
async def test_one_message_shows_what_started_by_itself_and_what_asks(tmp_path: Path, rich: bool) -> None:
    async with running(tmp_path, hot_nodes(vm13={"tags": ["ask"]}), rich_buttons=rich, **GIVEN) as fixture:
        balancer = await fixture.start()
        await first_by_hand(fixture)
        [report] = fixture.messages()
        await balancer.service.admin.set_value("MAX_MIGRATIONS_PER_CYCLE", "3", ANNA_ACTOR)
        await say(fixture, "/mode assist")
        question = await fixture.message("Switch to assist mode?", buttons=True)
        await fixture.pressed(question, "Yes, assist")
        await checked(fixture)
        await fixture.until(lambda: words(report).count("done in") == HOT - 1)
        text = words(report)
        assert "🤝 by itself" in text
        assert "asks: the VM has the tag “ask”" in text
        assert "by itself, because: nothing odd seen; good migrations in a row: 1; " in text
        approve = [b["text"] for row in report.content.button_rows() for b in row if "Approve" in b["text"]]
        assert len(approve) == 1, "only what asks has a button"


@pytest.mark.parametrize(
    ("language", "now", "question", "rule"),
    [
        ("en", "Approve mode", "Switch to assist mode?", "the VM has no tag “ask”"),
        ("ru", "Ручной режим", "Включить полуавтоматический режим?", "у ВМ нет тега «ask»"),
    ],
)
async def test_mode_shows_the_list_of_what_is_harmless_and_asks_back(
    tmp_path: Path, language: str, now: str, question: str, rule: str
) -> None:
    async with running(tmp_path, hot_nodes(), bot_language=language, **GIVEN) as fixture:
        balancer = await fixture.start()
        fixture.chat.state.users[ANNA].language_code = language
        await say(fixture, "/mode")
        shown = await fixture.message(now, buttons=True)
        assert rule in words(shown) and "AUTO_MAX_GIB" in words(shown)
        buttons = [b["text"] for row in shown.content.button_rows() for b in row]
        assert len(buttons) >= 2
        await fixture.pressed(shown, buttons[0])
        await fixture.until(lambda: question in words(shown))
        assert await balancer.service.runtime.mode() == "approve"
        await fixture.pressed(shown, next(b["text"] for row in shown.content.button_rows() for b in row))
        assert await balancer.service.runtime.mode() == "assist"
