"""Where a campaign is: a tile for each node in its order, with its state in words and by colour."""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain.campaigns import Campaign, CampaignNode, NodeState
from bot.rendering.catalog import Texts
from bot.rendering.charts.canvas import (
    CALM,
    DARK,
    FAINT,
    INK,
    MARGIN,
    MOVING,
    NEAR,
    NORMAL,
    OVER,
    SMALL,
    TRACK,
    UNKNOWN,
    WIDTH,
    Canvas,
)

COLUMNS = 3
MOST = 60
"""Nodes that are shown; of larger campaigns those around the node whose turn it is."""
GAP, TALL = 6.0, 40.0
COLOURS = {
    NodeState.WAITING: TRACK,
    NodeState.ASKED: NEAR,
    NodeState.EMPTYING: MOVING,
    NodeState.EMPTY: NEAR,
    NodeState.WORKING: NEAR,
    NodeState.AWAY: NEAR,
    NodeState.BACK: CALM,
    NodeState.FILLING: MOVING,
    NodeState.DONE: CALM,
    NodeState.SKIPPED: UNKNOWN,
    NodeState.FAILED: OVER,
}


def draw(texts: Texts, campaign: Campaign) -> bytes:
    canvas = Canvas()
    canvas.fit(MARGIN, 22, campaign.cluster_name, WIDTH - 2 * MARGIN, size=14, bold=True)
    first, nodes = _shown(campaign)
    wide = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
    y = 42.0
    for at, node in enumerate(nodes):
        x = MARGIN + (at % COLUMNS) * (wide + GAP)
        y = 42.0 + (at // COLUMNS) * (TALL + GAP)
        _tile(texts, canvas, node, first + at + 1, x=x, y=y, wide=wide)
    y += TALL + 14
    if len(nodes) < len(campaign.nodes):
        words = texts.text("picture-more", nodes=len(campaign.nodes) - len(nodes))
        canvas.text(MARGIN, y, words, colour=FAINT)
        y += 18
    return canvas.png(y)


def _shown(campaign: Campaign) -> tuple[int, Sequence[CampaignNode]]:
    """The nodes that are drawn, and the position of the first of them."""
    current = campaign.current
    at = len(campaign.nodes) if current is None else campaign.nodes.index(current)
    first = max(0, min(at - MOST // 2, len(campaign.nodes) - MOST))
    return first, campaign.nodes[first : first + MOST]


def _tile(texts: Texts, canvas: Canvas, node: CampaignNode, number: int, *, x: float, y: float, wide: float) -> None:
    colour = COLOURS[node.state]
    ink = INK if colour == TRACK else DARK
    if node.state is NodeState.FAILED:
        canvas.hatched(x, y, wide, TALL, colour)
        ink = INK
    else:
        canvas.box(x, y, wide, TALL, colour=colour)
    canvas.fit(x + 6, y + 13, f"{number}. {node.name}", wide - 12, size=NORMAL, bold=True, colour=ink)
    words = texts.text("picture-campaign", state=node.state.value)
    canvas.fit(x + 6, y + 29, words, wide - 12, size=SMALL, colour=ink)
