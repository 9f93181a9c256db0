"""Proposals as a picture with a caption, as a rich message, and as text: sent, edited, and refused by Telegram."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chat_fixture import ANNA, BORIS, GROUP, ChatFixture, running

from bot.domain.proposals import Actor, ActorKind, Verdict
from sandbox.chat.model import Message

LOCAL = Actor(ActorKind.CODE, "test")


async def proposal(fixture: ChatFixture) -> Message:
    await fixture.start()
    return await fixture.message("small-a", "is overloaded")


def form(message: Message) -> str:
    content = message.content
    return "rich" if content.rich else "photo" if content.media is not None else "text"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"rich_buttons": True, "pictures": True}, "rich"),
        ({"rich_buttons": True, "pictures": False}, "rich"),
        ({"rich_buttons": True, "pictures": True, "telegram_recent_features": False}, "photo"),
        ({"rich_buttons": False, "pictures": True}, "photo"),
        ({"rich_buttons": False, "pictures": False}, "text"),
    ],
)
async def test_settings_and_server_choose_the_form_and_edits_keep_it(
    tmp_path: Path, given: dict[str, Any], expected: str
) -> None:
    async with running(tmp_path, **given) as fixture:
        message = await proposal(fixture)
        assert form(message) == expected
        await fixture.pressed(message, "Approve")
        await fixture.until(lambda: "done in" in message.content.text, "the same message shows the result")
        assert form(message) == expected
        assert len(fixture.calls("sendPhoto", 200)) + len(fixture.calls("sendMessage", 200)) == (expected != "rich")


def inside(message: Message) -> list[str]:
    return [block["type"] for block in message.content.rich]


async def test_a_rich_proposal_has_picture_buttons_and_folded_details_in_one_message(tmp_path: Path) -> None:
    async with running(tmp_path, rich_buttons=True, pictures=True) as fixture:
        message = await proposal(fixture)
        headline, gain, still_overloaded, move = ["paragraph"] * 4
        assert inside(message)[:6] == ["photo", headline, gain, still_overloaded, move, "buttons"]
        assert inside(message)[6:] == ["details", "buttons", "buttons"]
        rows = [[button["text"] for button in row] for row in message.content.button_rows()]
        assert rows == [["✅ Approve", "⏭ Skip", "❓ Why"], ["💡 Compare with optimal"], ["⋯ More", "👀 I’ll look"]]
        summary = message.content.rich[2]["text"]
        [until] = [part for part in summary if isinstance(part, dict) and part["type"] == "date_time"]
        assert until["date_time_format"] == "t" and until["unix_time"] > fixture.clock().timestamp()
        uploaded = len(fixture.chat.state.files)
        await fixture.pressed(message, "Approve")
        await fixture.until(lambda: "done in" in message.content.text)
        assert len(fixture.chat.state.files) == uploaded, "edits name the picture that Telegram has"


async def test_the_first_of_two_approvals_shows_as_a_button_that_does_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, rich_buttons=True, two_person_rule=True) as fixture:
        message = await proposal(fixture)
        await fixture.pressed(message, "Approve")

        def disabled() -> list[str]:
            rows = message.content.button_rows()
            return [button["text"] for row in rows for button in row if "disabled" in button]

        await fixture.until(disabled, "a disabled button")
        assert disabled() == ["👥 Approved by Anna Admin, needs a second person"]
        await fixture.pressed(message, "Approve", BORIS)
        await fixture.until(lambda: "done in" in message.content.text)


@pytest.mark.parametrize("button", ["More", "Why"])
async def test_a_card_replaces_the_proposal_for_the_person_who_asks(tmp_path: Path, button: str) -> None:
    async with running(tmp_path, rich_buttons=True) as fixture:
        message = await proposal(fixture)
        await fixture.pressed(message, button)
        await fixture.until(lambda: len(fixture.messages()) == 2, "a card")
        card = fixture.messages()[-1]
        assert card.replaces == message.message_id and card.receiver is fixture.chat.state.users[ANNA]
        await fixture.pressed(card, "Close")
        await fixture.until(lambda: card.deleted)
        assert not message.deleted


async def test_a_card_closes_when_its_move_is_decided(tmp_path: Path) -> None:
    """The card of a cancelled move must not show the approval."""
    async with running(tmp_path, rich_buttons=True) as fixture:
        message = await proposal(fixture)
        await fixture.pressed(message, "More")
        await fixture.until(lambda: len(fixture.messages()) == 2, "a card")
        card = fixture.messages()[-1]
        await fixture.pressed(card, "Later")
        await fixture.until(lambda: "when?" in card.content.text)
        await fixture.pressed(card, "🕑")
        await fixture.until(lambda: card.deleted, "the card is gone")
        await fixture.until(lambda: "starts at" in message.content.text or "approved by" in message.content.text)
        await fixture.pressed(message, "Call back")
        await fixture.until(lambda: "called back by Anna Admin" in message.content.text)


async def test_a_chat_that_takes_no_rich_message_gets_the_plain_one_from_then_on(tmp_path: Path) -> None:
    async with running(tmp_path, rich_buttons=True, balance_interval=3600) as fixture:
        fixture.fault("400", "sendRichMessage", count=1, description="Bad Request: RICH_MESSAGES_FORBIDDEN")
        message = await proposal(fixture)
        assert form(message) == "text"
        fixture.chat.state.write(GROUP, ANNA, "/proposals")
        await fixture.until(lambda: len([m for m in fixture.messages() if "is overloaded" in m.content.text]) == 2)
        assert len(fixture.calls("sendRichMessage")) == 1


@pytest.mark.parametrize("pictures", [True, False])
@pytest.mark.parametrize("rich_buttons", [True, False])
async def test_after_a_restart_an_edit_finds_out_which_form_a_message_has(
    tmp_path: Path, pictures: bool, rich_buttons: bool
) -> None:
    async with running(tmp_path, rich_buttons=rich_buttons, pictures=pictures) as fixture:
        message = await proposal(fixture)
        before = form(message)
        await fixture.stop()
        await fixture.start()
        await fixture.pressed(message, "Approve")
        await fixture.until(lambda: "done in" in message.content.text, "the old message shows the result")
        assert form(message) == before
        assert len([m for m in fixture.messages() if "small-a" in m.content.text]) == 1


async def test_a_deleted_photo_is_posted_again(tmp_path: Path) -> None:
    async with running(tmp_path, pictures=True) as fixture:
        message = await proposal(fixture)
        fixture.chat.state.remove(GROUP, message.message_id)
        assert fixture.balancer is not None and fixture.balancer.telegram is not None
        move = (await fixture.store.proposals.waiting())[0].moves[0]
        await fixture.balancer.service.decisions.decide([move.id], Verdict.APPROVE, LOCAL)
        fixture.balancer.telegram.proposals_changed(1)
        again = await fixture.message("small-a", "done in")
        assert form(again) == "photo"


async def test_a_proposal_posted_again_speaks_the_language_chosen_meanwhile(tmp_path: Path) -> None:
    async with running(tmp_path) as fixture:
        await proposal(fixture)
        fixture.chat.state.write(GROUP, ANNA, "/language ru")
        await fixture.message("по-русски")
        fixture.chat.state.write(GROUP, ANNA, "/proposals")
        again = await fixture.message("small-a", "узел hot перегружен", "предложение до", buttons=True)
        assert "is overloaded" not in again.content.text
