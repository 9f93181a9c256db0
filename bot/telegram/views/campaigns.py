"""The message of a campaign, and the buttons under a plan that may be started. Pure: values in, text out."""

from __future__ import annotations

from datetime import datetime

from aiogram.enums import ButtonStyle
from markupsafe import Markup, escape

from bot.domain.campaigns import Campaign, CampaignState, NodeState, Press, can_be_ready
from bot.domain.dates import When
from bot.domain.sanitize import shorten
from bot.rendering.campaigns import Arrived, campaign_lines, title_words
from bot.rendering.catalog import Texts
from bot.telegram.keyboards.buttons import Row, do, keyboard
from bot.telegram.views import wording
from bot.telegram.views.view import Picture, View, fits

NODES_BELOW_PICTURE = 5
NAME_ON_BUTTON = 18
ASK, ALL = "ask", "all"
"""What a button to start carries: each node is asked for, or all are approved at once."""


def start_rows(texts: Texts, draft: int, when: When | None, now: datetime, *, maintenance: bool) -> list[Row]:
    """The buttons that start what was planned."""
    time = "" if when is None else wording.moment(texts, when.start, now)
    if maintenance:
        label = texts.text("row-maintenance-start", time=time)
        return [[do(label, "roll-start", draft, extra=ALL, style=ButtonStyle.PRIMARY)]]
    return [
        [do(texts.text("row-roll-ask"), "roll-start", draft, extra=ASK, style=ButtonStyle.PRIMARY)],
        [do(texts.text("row-roll-all"), "roll-start", draft, extra=ALL)],
    ]


def when_line(texts: Texts, when: When, now: datetime, *, maintenance: bool) -> Markup:
    """When it begins, and what happens at the end of the hours."""
    start = wording.moment(texts, when.start, now)
    if when.end is None:
        return texts.html("roll-from", start=start)
    end = wording.moment(texts, when.end, now)
    return texts.html("maintenance-hours" if maintenance else "roll-hours", start=start, end=end)


def campaign_view(
    texts: Texts,
    campaign: Campaign,
    arrived: Arrived,
    now: datetime,
    *,
    two_person: bool,
    picture: Picture | None = None,
) -> View:
    """How the campaign stands, with what can be pressed now.

    Args:
        picture: shows all nodes; the words below it are about as many as they have room for. ``None`` = words alone.
    """
    rows = _rows(texts, campaign, two_person=two_person) if campaign.is_open else []
    buttons, final = keyboard(rows), not campaign.is_open
    for most in (None, NODES_BELOW_PICTURE) if picture is not None else ():
        view = View(_words(texts, campaign, arrived, now, most=most), buttons, final, picture=picture)
        if fits(view):
            return view
    return View(_words(texts, campaign, arrived, now), buttons, final)


def _words(texts: Texts, campaign: Campaign, arrived: Arrived, now: datetime, *, most: int | None = None) -> Markup:
    lines = [escape(line) for line in campaign_lines(texts, campaign, arrived, now, most=most)]
    title = texts.html("campaign-bold", text=title_words(texts, campaign, now))
    return wording.fitted([title], lines, texts, more="table-more")


def _rows(texts: Texts, campaign: Campaign, *, two_person: bool) -> list[Row]:
    rows = _node_rows(texts, campaign)
    if len(campaign.approved) < (2 if two_person else 1):
        rows.append([do(texts.text("row-roll-all"), "roll", campaign.id, extra=Press.APPROVE_ALL.value)])
    return [*rows, _last_row(texts, campaign)]


def _node_rows(texts: Texts, campaign: Campaign) -> list[Row]:
    """What can be pressed about the node whose turn it is."""
    node = campaign.current
    if node is None:
        return []
    name, position, rows = shorten(node.name, NAME_ON_BUTTON), campaign.nodes.index(node), list[Row]()
    if campaign.state is CampaignState.RUNNING and node.state in (NodeState.ASKED, NodeState.BACK):
        words = texts.text("row-roll-empty" if node.state is NodeState.ASKED else "row-roll-fill", node=name)
        rows.append([do(words, "roll-moves", campaign.id, part=position, style=ButtonStyle.SUCCESS)])
    if node.state in (NodeState.BACK, NodeState.FILLING):
        rows.append(_press(texts.text("row-roll-finish"), campaign.id, Press.FINISH, position))
    if can_be_ready(node):
        rows.append(_press(texts.text("row-roll-ready", node=name), campaign.id, Press.READY, position))
    if node.state in (NodeState.WAITING, NodeState.ASKED, NodeState.FAILED, NodeState.EMPTY, NodeState.AWAY):
        rows.append(_press(texts.text("row-roll-skip", node=name), campaign.id, Press.SKIP, position))
    return rows


def _press(words: str, campaign_id: int, what: Press, position: int) -> Row:
    return [do(words, "roll", campaign_id, part=position, extra=what.value)]


def _last_row(texts: Texts, campaign: Campaign) -> Row:
    paused = campaign.state is CampaignState.PAUSED
    words = texts.text("button-roll-resume" if paused else "button-roll-pause")
    what = Press.RESUME if paused else Press.PAUSE
    return [
        do(words, "roll", campaign.id, extra=what.value),
        do(texts.text("button-stop"), "roll", campaign.id, extra=Press.STOP.value, style=ButtonStyle.DANGER),
    ]
