"""Answers that only the one who asks has use for: in a group nobody else sees them, where Telegram can do that."""

from __future__ import annotations

from pathlib import Path

import pytest
from chat_fixture import ANNA, BORIS, GROUP, ChatFixture, running

from sandbox.chat.model import Message
from sandbox.chat.state import NotAllowed


async def told(rig: ChatFixture, user_id: int, text: str, *parts: str, chat_id: int = GROUP) -> Message:
    """What the bot answers to somebody's words."""
    seen = len(rig.messages(chat_id))
    rig.chat.state.write(chat_id, user_id, text)
    await rig.until(lambda: len(rig.messages(chat_id)) > seen, f"an answer to {text}")
    answer = rig.messages(chat_id)[-1]
    assert all(part in answer.content.text for part in parts), answer.content.text
    return answer


def receiver(message: Message) -> int | None:
    return None if message.receiver is None else message.receiver.id


async def test_help_is_for_who_asks_and_the_state_for_all(tmp_path: Path) -> None:
    async with running(tmp_path, telegram_admin_ids=(ANNA,), telegram_viewer_ids=(BORIS,)) as rig:
        await rig.start()
        await rig.message("small-a", buttons=True)
        assert receiver(await told(rig, ANNA, "/help")) == ANNA
        assert receiver(await told(rig, BORIS, "/start", "VM Balancer")) == BORIS
        assert receiver(await told(rig, BORIS, "/pause", "admin")) == BORIS, "what somebody may not"
        assert receiver(await told(rig, ANNA, "/stauts", "/status")) == ANNA, "a slip of the finger"
        assert receiver(await told(rig, ANNA, "/node nowhere", "nowhere")) == ANNA
        assert receiver(await told(rig, ANNA, "/status", "Production")) is None
        assert receiver(await told(rig, ANNA, "/pause", "Paused")) is None, "what changes something, all see"
        assert receiver(await told(rig, ANNA, "/language ru", "по-русски")) is None
        assert receiver(await told(rig, ANNA, "/help", chat_id=ANNA)) is None, "alone with the bot there is nobody else"


async def test_its_buttons_work_and_it_stays_with_who_asked(tmp_path: Path) -> None:
    async with running(tmp_path) as rig:
        await rig.start()
        await rig.message("small-a", buttons=True)
        tour = await told(rig, ANNA, "/start", "1 of 4")
        with pytest.raises(NotAllowed):
            await rig.pressed(tour, "More", BORIS)
        await rig.pressed(tour, "More")
        await rig.until(lambda: "2 of 4" in tour.content.text, "the next page, in its place")
        await rig.pressed(tour, "Back")
        await rig.until(lambda: "1 of 4" in tour.content.text)
        await rig.pressed(tour, "Status")
        status = await rig.message("Production", "1 move waits", buttons=True)
        assert receiver(status) is None, "the state of the clusters is for all, and so is what is changed from there"
        assert "1 of 4" in tour.content.text and not tour.deleted


@pytest.mark.parametrize("server", ["older", "refusing", "switched off"])
async def test_where_telegram_cannot_all_see_it(tmp_path: Path, server: str) -> None:
    async with running(tmp_path, telegram_recent_features=server != "switched off") as rig:
        await rig.start()
        await rig.message("small-a", buttons=True)
        if server == "older":
            rig.chat.state.ephemeral = False
        elif server == "refusing":
            rig.fault("400", "sendMessage", count=1, description="EPHEMERAL_NOT_ALLOWED")
        tour = await told(rig, ANNA, "/start", "1 of 4")
        assert receiver(tour) is None
        await rig.pressed(tour, "More", BORIS)
        await rig.until(lambda: "2 of 4" in tour.content.text)
