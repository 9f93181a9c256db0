"""Answers for the person who asks: in a group only that person sees them, if Telegram supports it."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_fixture import ANNA, BORIS, GROUP, ChatFixture, running

from sandbox.chat.model import Message
from sandbox.chat.state import NotAllowed


async def reply(fixture: ChatFixture, user_id: int, text: str, *parts: str, chat_id: int = GROUP) -> Message:
    """The bot's answers to a message."""
    seen = len(fixture.messages(chat_id))
    fixture.chat.state.write(chat_id, user_id, text)
    await fixture.until(lambda: len(fixture.messages(chat_id)) > seen, f"an answer to {text}")
    answer = fixture.messages(chat_id)[-1]
    assert all(part in answer.content.text for part in parts), answer.content.text
    return answer


def receiver(message: Message) -> int | None:
    return None if message.receiver is None else message.receiver.id


async def test_help_is_shown_to_the_asker_alone_and_status_to_all(tmp_path: Path) -> None:
    async with running(tmp_path, telegram_admin_ids=(ANNA,), telegram_viewer_ids=(BORIS,)) as fixture:
        await fixture.start()
        await fixture.message("small-a", buttons=True)
        assert receiver(await reply(fixture, ANNA, "/help")) == ANNA
        assert receiver(await reply(fixture, BORIS, "/start", "VM Balancer")) == BORIS
        assert receiver(await reply(fixture, BORIS, "/pause", "admin")) == BORIS, "what somebody may not"
        assert receiver(await reply(fixture, ANNA, "/stauts", "/status")) == ANNA, "a slip of the finger"
        assert receiver(await reply(fixture, ANNA, "/node nowhere", "nowhere")) == ANNA
        assert receiver(await reply(fixture, ANNA, "/status", "Production")) is None
        assert receiver(await reply(fixture, ANNA, "/pause", "Paused")) is None, "what changes something, all see"
        assert receiver(await reply(fixture, ANNA, "/language ru", "по-русски")) is None
        assert receiver(await reply(fixture, ANNA, "/help", chat_id=ANNA)) is None, (
            "alone with the bot there is nobody else"
        )


async def test_buttons_of_a_private_answer_work_for_the_asker(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await fixture.start()
        await fixture.message("small-a", buttons=True)
        tour = await reply(fixture, ANNA, "/start", "1 of 4")
        with pytest.raises(NotAllowed):
            await fixture.pressed(tour, "Next", BORIS)
        await fixture.pressed(tour, "Next")
        await fixture.until(lambda: "2 of 4" in tour.content.text, "the next page, in its place")
        await fixture.pressed(tour, "Previous")
        await fixture.until(lambda: "1 of 4" in tour.content.text)
        await fixture.pressed(tour, "Status")
        status = await fixture.message("Production", "1 move waits", buttons=True)
        assert receiver(status) is None, "the state of the clusters is for all, and so is what is changed from there"
        assert "1 of 4" in tour.content.text and not tour.deleted


@pytest.mark.parametrize("server", ["older", "refusing", "switched off"])
async def test_private_answer_is_public_if_telegram_does_not_support_it(tmp_path: Path, server: str) -> None:
    async with running(tmp_path, telegram_recent_features=server != "switched off") as fixture:
        await fixture.start()
        await fixture.message("small-a", buttons=True)
        if server == "older":
            fixture.chat.state.ephemeral = False
        elif server == "refusing":
            fixture.fault("400", "sendMessage", count=1, description="EPHEMERAL_NOT_ALLOWED")
        tour = await reply(fixture, ANNA, "/start", "1 of 4")
        assert receiver(tour) is None
        await fixture.pressed(tour, "Next", BORIS)
        await fixture.until(lambda: "2 of 4" in tour.content.text)
