"""The next step of a campaign, from the state of the panel and of the migrations. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from balancer.model import Reason
from bot.domain.campaigns import Campaign, CampaignNode, CampaignState, CommandRun, NodeState, entered, with_node

AWAY_TOLD_AFTER = timedelta(minutes=30)
"""People are told once about a node that stays away for this long."""
SHORTEST_ABSENCE = timedelta(minutes=1)
"""A node that was away for a shorter time and shows no other kernel was not restarted: the work may still come."""


@dataclass(frozen=True, slots=True)
class SeenNode:
    """A node as the panel shows it. ``running``: its VMs that are not known to be off."""

    in_service: bool
    running: int
    kernel: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of the moves of a proposal."""

    total: int
    arrived: int
    started: bool
    """Whether a move was approved and queued."""
    settled: bool
    failure: Reason | None = None
    """Why a move failed, or that its outcome is unknown."""
    in_flight: bool = False


class Deed(str, Enum):
    """Actions that ``advance`` cannot do by changing values."""

    EMPTY = "empty"
    FILL = "fill"
    COMMAND = "command"


@dataclass(frozen=True, slots=True)
class Step:
    """The changed campaign, and the action to take then. ``news``: the notices for people."""

    campaign: Campaign
    deed: Deed | None = None
    news: Reason | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """The facts on which ``advance`` decides.

    ``seen``: the current node on the panel; ``None``: the panel does not show it. ``progress``: of the node's proposal;
    ``None``: it has none. ``alone``: every node is approved, nobody has to be asked. ``has_command``: ROLL_COMMAND is
    set.
    """

    seen: SeenNode | None
    progress: Progress | None
    now: datetime
    alone: bool = False
    has_command: bool = False

    @property
    def is_here(self) -> bool:
        """Whether the node is in service."""
        return self.seen is not None and self.seen.in_service

    @property
    def kernel(self) -> str | None:
        return None if self.seen is None else self.seen.kernel


def needs_panel(campaign: Campaign, progress: Progress | None) -> bool:
    """Whether ``advance`` needs the panel's state of the current node."""
    node = campaign.current
    if node is None or campaign.state is not CampaignState.RUNNING:
        return False
    if node.state is NodeState.EMPTYING:
        return progress is None or progress.settled
    return node.state in (NodeState.WAITING, NodeState.EMPTY, NodeState.WORKING, NodeState.AWAY)


def failed(campaign: Campaign, node: CampaignNode, reason: Reason, now: datetime) -> Step:
    """The node failed: the campaign pauses until a person decides about it."""
    paused = replace(entered(campaign, node, NodeState.FAILED, now, reason=reason), state=CampaignState.PAUSED)
    news = Reason.of("campaign-paused", cluster=campaign.cluster_name, node=node.name)
    return Step(paused, news=news)


def advance(campaign: Campaign, look: Look) -> Step | None:
    """The next step; ``None``: nothing has to happen now."""
    if campaign.state is not CampaignState.RUNNING or not campaign.has_begun(look.now):
        return None
    node = campaign.current
    if node is None:
        done = sum(n.state is NodeState.DONE for n in campaign.nodes)
        news = Reason.of("campaign-done", cluster=campaign.cluster_name, done=done, count=len(campaign.nodes))
        return Step(replace(campaign, state=CampaignState.DONE, ended_at=look.now, reason=None), news=news)
    step = _STEPS.get(node.state)
    return None if step is None else step(campaign, node, look)


def _waiting(campaign: Campaign, node: CampaignNode, look: Look) -> Step:
    if _hours_over(campaign, look):
        reason = Reason.of("campaign-hours-over", cluster=campaign.cluster_name)
        return Step(replace(campaign, state=CampaignState.PAUSED, reason=reason), news=reason)
    if not look.is_here:
        return failed(campaign, node, Reason.of("campaign-node-away", node=node.name), look.now)
    if look.alone:
        return Step(campaign, Deed.EMPTY)
    news = Reason.of("campaign-asks", cluster=campaign.cluster_name, node=node.name)
    return Step(entered(campaign, node, NodeState.ASKED, look.now, proposal_id=None), news=news)


def _hours_over(campaign: Campaign, look: Look) -> bool:
    return campaign.ends_at is not None and campaign.ends_at <= look.now


def _asked(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    progress = look.progress
    if progress is not None and progress.started:
        return Step(entered(campaign, node, NodeState.EMPTYING, look.now))
    # The moves were not approved in time, or were withdrawn; or no node is begun at this hour.
    if (progress is not None and progress.settled) or (progress is None and _hours_over(campaign, look)):
        return Step(entered(campaign, node, NodeState.WAITING, look.now, proposal_id=None))
    return Step(campaign, Deed.EMPTY) if look.alone else None


def _emptying(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    progress = look.progress
    if progress is not None and progress.failure is not None:
        return failed(campaign, node, progress.failure, look.now)
    if progress is not None and not progress.settled:
        return None
    if look.seen is None:
        return failed(campaign, node, Reason.of("campaign-node-away", node=node.name), look.now)
    if look.seen.running:
        reason = Reason.of("campaign-vms-stay", node=node.name, count=look.seen.running)
        return failed(campaign, node, reason, look.now)
    return emptied(campaign, node, look)


def emptied(campaign: Campaign, node: CampaignNode, look: Look) -> Step:
    """The panel shows no running VM on the node, so the work may begin. ROLL_COMMAND starts without a person."""
    news = Reason.of("campaign-empty", cluster=campaign.cluster_name, node=node.name)
    empty = entered(campaign, node, NodeState.EMPTY, look.now, emptied_at=look.now, kernel=look.kernel)
    return Step(empty, news=None if look.has_command else news)


def _empty(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    if not look.is_here:
        return Step(entered(campaign, node, NodeState.AWAY, look.now))
    came = _with_vms(campaign, node, look)
    if came is not None:
        return came
    if look.has_command and node.command is None:
        started = entered(campaign, node, NodeState.WORKING, look.now, command=CommandRun(look.now))
        return Step(started, Deed.COMMAND)
    over = campaign.maintenance and _hours_over(campaign, look)
    return returned(campaign, node, look) if over or _another_kernel(node, look) else None


def _another_kernel(node: CampaignNode, look: Look) -> bool:
    """Whether the node was restarted with another kernel between two looks."""
    return node.kernel is not None and look.kernel is not None and node.kernel != look.kernel


def _away(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    if look.is_here:
        return _lost_for_a_moment(campaign, node, look) or returned(campaign, node, look)
    if node.told or look.now - node.since < AWAY_TOLD_AFTER:
        return None
    minutes = int((look.now - node.since).total_seconds() // 60)
    news = Reason.of("campaign-stays-away", cluster=campaign.cluster_name, node=node.name, minutes=minutes)
    return Step(with_node(campaign, replace(node, told=True)), news=news)


def _lost_for_a_moment(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    """The node is still empty and waits for the work; ``None``: it was away for long enough, or was worked on."""
    short = look.now - node.since < SHORTEST_ABSENCE and not _another_kernel(node, look)
    if not short or node.command is not None:
        return None
    return _with_vms(campaign, node, look) or Step(entered(campaign, node, NodeState.EMPTY, look.now))


def _with_vms(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    """The failure that VMs run on the node after it was emptied."""
    if look.seen is None or not look.seen.running:
        return None
    reason = Reason.of("campaign-vms-came", node=node.name, count=look.seen.running)
    return failed(campaign, node, reason, look.now)


def returned(campaign: Campaign, node: CampaignNode, look: Look) -> Step:
    """The node is in service again. VMs of later nodes come to it; the last node may be filled."""
    state = NodeState.BACK if campaign.is_last else NodeState.DONE
    return Step(entered(campaign, node, state, look.now, proposal_id=None, kernel_after=look.kernel))


def _working(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    run = node.command
    if run is None or run.ended_at is None:
        return None
    if run.code is None:
        return failed(campaign, node, Reason.of("campaign-command-unknown", node=node.name), look.now)
    if run.code != 0:
        return failed(
            campaign, node, Reason.of("campaign-command-failed", node=node.name, exit_code=run.code), look.now
        )
    return returned(campaign, node, look) if look.is_here else Step(entered(campaign, node, NodeState.AWAY, look.now))


def _back(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    progress = look.progress
    if progress is not None and progress.started:
        return Step(entered(campaign, node, NodeState.FILLING, look.now))
    if progress is not None and progress.settled:
        return Step(with_node(campaign, replace(node, proposal_id=None)))
    return Step(campaign, Deed.FILL) if look.alone else None


def _filling(campaign: Campaign, node: CampaignNode, look: Look) -> Step | None:
    """Only the migration reports the failure; the node is in service, so the campaign does not wait for it."""
    failure = None if look.progress is None else look.progress.failure
    if look.progress is not None and failure is None and not look.progress.settled:
        return None
    return Step(entered(campaign, node, NodeState.DONE, look.now, reason=failure))


_STEPS: Mapping[NodeState, Callable[[Campaign, CampaignNode, Look], Step | None]] = {
    NodeState.WAITING: _waiting,
    NodeState.ASKED: _asked,
    NodeState.EMPTYING: _emptying,
    NodeState.EMPTY: _empty,
    NodeState.WORKING: _working,
    NodeState.AWAY: _away,
    NodeState.BACK: _back,
    NodeState.FILLING: _filling,
}
