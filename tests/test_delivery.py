"""Proposals as a picture with a caption, as a rich message, and as text: sent, edited, and refused by Telegram."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chat_fixture import ChatFixture, running

from sandbox.chat.model import Message


async def proposal(rig: ChatFixture) -> Message:
    await rig.start()
    return await rig.message("small-a", "is overloaded")


def form(message: Message) -> str:
    content = message.content
    return "rich" if content.rich else "photo" if content.media is not None else "text"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"rich_buttons": True, "pictures": True, "telegram_recent_features": False}, "photo"),
        ({"rich_buttons": False, "pictures": True}, "photo"),
        ({"rich_buttons": False, "pictures": False}, "text"),
    ],
)
async def test_settings_and_server_choose_the_form_and_edits_keep_it(
    tmp_path: Path, given: dict[str, Any], expected: str
) -> None:
    async with running(tmp_path, **given) as rig:
        message = await proposal(rig)
        assert form(message) == expected
        await rig.pressed(message, "Approve")
        await rig.until(lambda: "done in" in message.content.text, "the same message shows the result")
        assert form(message) == expected
        assert len(rig.calls("sendPhoto", 200)) + len(rig.calls("sendMessage", 200)) == (expected != "rich")
