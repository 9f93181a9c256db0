"""What a campaign looks like in the chat: every state, both languages, hostile names, Telegram's limits, pictures."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from bot_builders import ANNA, NOW
from test_views import HOSTILE, LANGUAGES

from balancer.model import Reason
from bot.domain.campaigns import Campaign, CampaignNode, CampaignState, CommandRun, NodeState, staying
from bot.rendering.catalog import texts_for
from bot.rendering.charts import campaign_picture
from bot.telegram.keyboards.buttons import fits_phone
from bot.telegram.views.campaigns import campaign_view
from bot.telegram.views.pictures import picture_of_campaign
from bot.telegram.views.view import View, fits
from sandbox.chat.html import parse_html


def campaign(state: NodeState, count: int = 3, name: str = "node") -> Campaign:
    """The second node is in this state; the first is done, the others wait."""
    nodes = [CampaignNode(n, f"{name}-{n}", NodeState.WAITING, NOW) for n in range(1, count + 1)]
    nodes[0] = replace(nodes[0], state=NodeState.DONE, kernel="6.1", kernel_after="6.8")
    run = CommandRun(NOW, NOW, 3, HOSTILE * 20)
    reason = staying(2, name, Reason.of("vm-iso")) if state is NodeState.FAILED else None
    nodes[1] = replace(nodes[1], state=state, reason=reason, command=run, emptied_at=NOW)
    running = CampaignState.PAUSED if state is NodeState.FAILED else CampaignState.RUNNING
    ends = NOW + timedelta(hours=4)
    return Campaign(7, 1, name, running, ANNA, NOW, tuple(nodes), ends_at=ends, approved=(ANNA,))


def checked(view: View) -> None:
    """The message is within Telegram's limits, and a phone shows each button on one line."""
    text, _entities = parse_html(str(view.text))
    assert 0 < len(text.encode("utf-16-le")) // 2 <= 4096
    assert "\x1b" not in text and "\u202e" not in text
    for row in view.keyboard.inline_keyboard if view.keyboard else []:
        assert fits_phone(row), [button.text for button in row]
        assert all(len(str(button.callback_data).encode()) <= 64 for button in row)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("state", NodeState)
def test_message_of_every_state_is_valid_with_hostile_names(state: NodeState, language: str) -> None:
    for name, count in (("node", 3), (HOSTILE, 3), (HOSTILE, 80)):
        shown = campaign(state, count, name)
        checked(campaign_view(texts_for(language), shown, {2: (1, 4)}, NOW, two_person=True))
        stopped = replace(shown, state=CampaignState.STOPPED, ended_at=NOW)
        assert campaign_view(texts_for(language), stopped, {}, NOW, two_person=False).keyboard is None


@pytest.mark.parametrize("count", [2, 3, 32, 80])
@pytest.mark.parametrize("language", LANGUAGES)
def test_words_fit_under_the_picture_whatever_the_number_of_nodes(language: str, count: int) -> None:
    texts, shown = texts_for(language), campaign(NodeState.EMPTYING, count)
    shown = replace(shown, nodes=tuple(replace(n, command=None) for n in shown.nodes))
    picture = picture_of_campaign(texts, shown)
    view = campaign_view(texts, shown, {2: (1, 4)}, NOW, two_person=False, picture=picture)
    assert view.picture is picture and fits(view)
    assert "node-2" in view.text


@pytest.mark.parametrize("state", [NodeState.EMPTYING, NodeState.FAILED])
def test_picture_is_drawn_with_hostile_names_and_many_nodes(state: NodeState) -> None:
    for language in LANGUAGES:
        assert campaign_picture(texts_for(language), campaign(state, 90, HOSTILE)).startswith(b"\x89PNG")


def test_picture_changes_with_a_state_and_not_with_each_vm() -> None:
    texts = texts_for("en")
    one, other = campaign(NodeState.EMPTYING), campaign(NodeState.EMPTY)
    assert picture_of_campaign(texts, one).key != picture_of_campaign(texts, other).key
