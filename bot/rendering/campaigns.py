"""The state of a campaign in lines of plain text: for the chat, the terminal and the console."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from balancer.model import Reason
from bot.domain.campaigns import Campaign, CampaignNode, CampaignState, NodeState, inner_reason
from bot.domain.sanitize import one_line, shorten
from bot.rendering.catalog import Texts
from bot.rendering.phrases import moment

OUTPUT_LINES, OUTPUT_LENGTH = 6, 400
"""How many lines and characters of the end of ROLL_COMMAND's output are shown."""
LONGEST_NAME = 60
MARKS = {
    NodeState.WAITING: "⚪",
    NodeState.ASKED: "❓",
    NodeState.EMPTYING: "🔄",
    NodeState.EMPTY: "🔧",
    NodeState.WORKING: "🔧",
    NodeState.AWAY: "💤",
    NodeState.BACK: "✅",
    NodeState.FILLING: "🔄",
    NodeState.DONE: "✅",
    NodeState.SKIPPED: "⏭",
    NodeState.FAILED: "❌",
}
Arrived = Mapping[int, tuple[int, int]]
"""Node -> how many of its VMs have moved, and how many have to move."""


def title_words(texts: Texts, campaign: Campaign, now: datetime) -> str:
    """What the campaign is, how many nodes are done, and whether it waits."""
    done = sum(node.state is NodeState.DONE for node in campaign.nodes)
    state = campaign.state.value
    start = ""
    if campaign.state is CampaignState.RUNNING and campaign.starts_at is not None and campaign.starts_at > now:
        state, start = "planned", moment(texts, campaign.starts_at, now)
    return texts.text(
        "campaign-title",
        kind="maintenance" if campaign.maintenance else "roll",
        node=", ".join(node.name for node in campaign.nodes[:1]),
        cluster=campaign.cluster_name,
        state=state,
        done=done,
        count=len(campaign.nodes),
        time=start,
    )


def campaign_lines(
    texts: Texts, campaign: Campaign, arrived: Arrived, now: datetime, *, most: int | None = None
) -> list[str]:
    """Who started it, when it may run, why it is paused, and one line for each node.

    Args:
        most: the number of nodes, around the one whose turn it is; ``None`` = all.
    """
    lines = [texts.text("campaign-by", who=campaign.by.name, number=campaign.id)]
    if campaign.approved:
        lines.append(texts.text("campaign-approved", who=", ".join(actor.name for actor in campaign.approved)))
    if campaign.ends_at is not None and campaign.is_open:
        key = "campaign-back-at" if campaign.maintenance else "campaign-until"
        lines.append(texts.text(key, time=moment(texts, campaign.ends_at, now)))
    if campaign.reason is not None:
        lines.append(reason_words(texts, campaign.reason))
    lines.append("")
    numbered = _around_current(campaign, len(campaign.nodes) if most is None else most)
    lines += [node_line(texts, number, node, arrived) for number, node in numbered]
    if len(numbered) < len(campaign.nodes):
        lines.append(texts.text("campaign-more", count=len(campaign.nodes) - len(numbered)))
    return [*lines, *_hints(texts, campaign)]


def _around_current(campaign: Campaign, most: int) -> list[tuple[int, CampaignNode]]:
    """Nodes with their numbers: the one whose turn it is, some before it and some after it."""
    current = campaign.current
    at = len(campaign.nodes) if current is None else campaign.nodes.index(current)
    first = max(0, min(at - most // 2, len(campaign.nodes) - most))
    return list(enumerate(campaign.nodes[first : first + most], start=first + 1))


def node_line(texts: Texts, number: int, node: CampaignNode, arrived: Arrived) -> str:
    """One node: its place in the order, its state, and what is to be known of it."""
    done, total = arrived.get(node.node_id, (0, 0))
    words = texts.text("campaign-node", state=node.state.value, done=done, total=total)
    line = f"{MARKS[node.state]} {number}. {shorten(one_line(node.name), LONGEST_NAME)}: {words}"
    if node.kernel_after is not None and node.kernel is not None and node.kernel_after != node.kernel:
        line += " · " + texts.text("campaign-kernel", kernel=node.kernel_after, before=node.kernel)
    if node.reason is not None:
        line += " · " + reason_words(texts, node.reason)
    return line


def reason_words(texts: Texts, reason: Reason) -> str:
    """A reason of a campaign or one of its nodes."""
    words = texts.reason(reason)
    return words if reason.code != "campaign-stay" else f"{words}: {texts.reason(inner_reason(reason))}"


def _hints(texts: Texts, campaign: Campaign) -> list[str]:
    """The next action of a person, and the end of the command's output; after a stop, the command that still runs."""
    node = campaign.current
    if not campaign.is_open:
        return [
            line
            for left in campaign.nodes
            if left.command is not None and left.command.ended_at is None
            for line in ("", texts.text("campaign-command-left", node=left.name))
        ]
    if node is None:
        return []
    lines: list[str] = []
    if node.state in (NodeState.ASKED, NodeState.EMPTY, NodeState.AWAY, NodeState.BACK, NodeState.FAILED):
        lines += ["", texts.text("campaign-hint", state=node.state.value, node=node.name)]
    if node.command is not None and node.command.output:
        shown = node.command.output.splitlines()[-OUTPUT_LINES:]
        lines += [
            "",
            texts.text("campaign-output"),
            *(shorten(one_line(line), OUTPUT_LENGTH // OUTPUT_LINES) for line in shown),
        ]
    return lines
