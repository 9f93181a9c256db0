"""A rolling campaign empties nodes one by one, waits for the work, and takes them back. Values and steps. Pure.

    node    waiting ──▶ asked ──▶ emptying ──▶ empty ──▶ (working) ──▶ (away) ──▶ back ──▶ (filling) ──▶ done
               └──────── a person skips the node ──▶ skipped            a step fails ──▶ failed: the campaign pauses

One node at a time: the first that has not ended. ``campaign_steps.advance`` returns the next step, ``press`` the
change by a person's press. The node takes no VM of this program's plans while ``closed_nodes`` names it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from balancer.model import Reason
from bot.domain.proposals import Actor, same_person

REST = timedelta(minutes=30)
"""How long the balancer leaves a cluster alone after its campaign."""


class CampaignState(str, Enum):
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    STOPPED = "stopped"


class NodeState(str, Enum):
    WAITING = "waiting"
    ASKED = "asked"
    """A person has to approve that the node is emptied."""
    EMPTYING = "emptying"
    EMPTY = "empty"
    """The work on the node may begin."""
    WORKING = "working"
    """ROLL_COMMAND runs."""
    AWAY = "away"
    """In maintenance, or out of reach."""
    BACK = "back"
    """In service again; it is the last node, and VMs may come back to it."""
    FILLING = "filling"
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


ENDED = frozenset({NodeState.DONE, NodeState.SKIPPED})
WITH_MOVES = frozenset({NodeState.ASKED, NodeState.EMPTYING, NodeState.BACK, NodeState.FILLING})
"""States in which the node's proposal is in force."""
_CLOSED = frozenset({NodeState.EMPTYING, NodeState.EMPTY, NodeState.WORKING, NodeState.AWAY})


@dataclass(frozen=True, slots=True)
class CommandRun:
    """One run of ROLL_COMMAND. ``code`` ``None`` with ``ended_at``: its end is unknown, or it was stopped."""

    started_at: datetime
    ended_at: datetime | None = None
    code: int | None = None
    output: str = ""


@dataclass(frozen=True, slots=True)
class CampaignNode:
    """``proposal_id``: the moves that empty or fill the node now. ``emptied_at``: when the panel showed it empty.

    ``kernel``: the version of the node at that time; ``kernel_after``: the version with which it came back.
    """

    node_id: int
    name: str
    state: NodeState
    since: datetime
    proposal_id: int | None = None
    emptied_at: datetime | None = None
    kernel: str | None = None
    kernel_after: str | None = None
    reason: Reason | None = None
    told: bool = False
    """Whether people were told that the node stays away."""
    command: CommandRun | None = None


@dataclass(frozen=True, slots=True)
class Campaign:
    """``starts_at``: nothing happens before. ``ends_at``: no node is begun after it; in a maintenance of one node
    the node is taken back then. ``approved``: who approved all nodes at once; with TWO_PERSON_RULE two people have to.
    """

    id: int
    cluster_id: int
    cluster_name: str
    state: CampaignState
    by: Actor
    created_at: datetime
    nodes: tuple[CampaignNode, ...]
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    maintenance: bool = False
    """One node, with a date: `/drain birch sat 02:00`."""
    approved: tuple[Actor, ...] = ()
    reason: Reason | None = None
    """The reason of the pause."""
    ended_at: datetime | None = None
    version: int = 0

    @property
    def is_open(self) -> bool:
        return self.state in (CampaignState.RUNNING, CampaignState.PAUSED)

    @property
    def current(self) -> CampaignNode | None:
        """The node whose turn it is; ``None``: every node has ended."""
        return next((node for node in self.nodes if node.state not in ENDED), None)

    @property
    def is_last(self) -> bool:
        """Whether the current node is the last one."""
        return sum(node.state not in ENDED for node in self.nodes) == 1

    def has_begun(self, now: datetime) -> bool:
        return self.starts_at is None or self.starts_at <= now

    def holds(self, now: datetime) -> bool:
        """Whether the balancer leaves the cluster alone: from the start until ``REST`` after the end."""
        if not self.has_begun(now):
            return False
        return self.is_open or (self.ended_at is not None and now < self.ended_at + REST)


def waits_for_people(campaign: Campaign, now: datetime) -> CampaignNode | None:
    """The node at which the campaign stands still until a person acts; ``None``: it goes on by itself.

    A node that is away counts too: it needs a look.
    """
    if not campaign.is_open or not campaign.has_begun(now):
        return None
    node = campaign.current
    if node is None or campaign.state is CampaignState.PAUSED:
        return node
    stands = (NodeState.ASKED, NodeState.EMPTY, NodeState.AWAY, NodeState.BACK)
    return node if node.state in stands else None


class Press(str, Enum):
    """The buttons of a campaign."""

    APPROVE_ALL = "approve-all"
    PAUSE = "pause"
    RESUME = "resume"
    SKIP = "skip"
    READY = "ready"
    """The person states that the work on the node is done."""
    FINISH = "finish"
    """Leaves the last node empty: it is not filled."""
    STOP = "stop"


def closed_nodes(campaign: Campaign) -> frozenset[int]:
    """The nodes that take no VM now because of the campaign."""
    if not campaign.is_open:
        return frozenset()
    return frozenset(
        node.node_id
        for node in campaign.nodes
        if node.state in _CLOSED or (node.state is NodeState.FAILED and node.emptied_at is not None)
    )


def proposals_in_force(campaign: Campaign) -> frozenset[int]:
    """The proposals whose moves may go on."""
    if not campaign.is_open:
        return frozenset()
    return frozenset(n.proposal_id for n in campaign.nodes if n.state in WITH_MOVES and n.proposal_id is not None)


def with_node(campaign: Campaign, node: CampaignNode) -> Campaign:
    """The campaign with another value for one of its nodes."""
    return replace(campaign, nodes=tuple(node if n.node_id == node.node_id else n for n in campaign.nodes))


def entered(campaign: Campaign, node: CampaignNode, state: NodeState, now: datetime, **more: object) -> Campaign:
    """The campaign with the node in another state from now on."""
    changed = replace(node, state=state, since=now, reason=None, told=False)
    return with_node(campaign, replace(changed, **more))  # type: ignore[arg-type]


def staying(count: int, vm: str, reason: Reason) -> Reason:
    """Why a node is not emptied: ``count`` VMs cannot leave it; ``reason`` is that of the first one."""
    return Reason.of("campaign-stay", count=count, vm=vm, why=json.dumps([reason.code, reason.as_dict()]))


def inner_reason(reason: Reason) -> Reason:
    """The reason of the VM in a reason of ``staying``."""
    code, params = json.loads(str(reason.as_dict()["why"]))
    return Reason(str(code), tuple(sorted(params.items())))


def press(campaign: Campaign, what: Press, actor: Actor, now: datetime) -> Campaign | None:
    """The campaign after a press; ``None``: the press has no meaning (any more)."""
    if not campaign.is_open:
        return None
    if what is Press.STOP:
        left = tuple(n if n.state in ENDED else replace(n, state=NodeState.SKIPPED, since=now) for n in campaign.nodes)
        reason = Reason.of("stopped-by", who=actor.name)
        return replace(campaign, nodes=left, state=CampaignState.STOPPED, ended_at=now, reason=reason)
    if what is Press.APPROVE_ALL:
        known = any(same_person(actor, other) for other in campaign.approved)
        return None if known else replace(campaign, approved=(*campaign.approved, actor))
    if what is Press.PAUSE:
        return _pause(campaign, actor, now)
    if what is Press.RESUME:
        return _resume(campaign, now)
    return _press_node(campaign, what, now)


def _press_node(campaign: Campaign, what: Press, now: datetime) -> Campaign | None:
    node = campaign.current
    if node is None:
        return None
    if what is Press.SKIP and node.state not in (NodeState.BACK, NodeState.FILLING, NodeState.WORKING):
        skipped = entered(campaign, node, NodeState.SKIPPED, now)
        return replace(skipped, state=CampaignState.RUNNING, reason=None)
    if what is Press.READY and can_be_ready(node):
        state = NodeState.BACK if campaign.is_last else NodeState.DONE
        ready = entered(campaign, node, state, now, proposal_id=None)
        return replace(ready, state=CampaignState.RUNNING, reason=None) if node.state is NodeState.FAILED else ready
    if what is Press.FINISH and node.state in (NodeState.BACK, NodeState.FILLING):
        return entered(campaign, node, NodeState.DONE, now)
    return None


def can_be_ready(node: CampaignNode) -> bool:
    """Whether a person may say that the work on the node is done."""
    failed_work = node.state is NodeState.FAILED and node.emptied_at is not None
    return node.state in (NodeState.EMPTY, NodeState.AWAY) or failed_work


def _pause(campaign: Campaign, actor: Actor, now: datetime) -> Campaign | None:
    """Calls back moves that have not begun; after the pause the node is asked about again."""
    if campaign.state is not CampaignState.RUNNING:
        return None
    node = campaign.current
    if node is not None and node.state in (NodeState.ASKED, NodeState.EMPTYING):
        campaign = entered(campaign, node, NodeState.WAITING, now, proposal_id=None)
    elif node is not None and node.state in (NodeState.BACK, NodeState.FILLING):
        campaign = entered(campaign, node, NodeState.BACK, now, proposal_id=None)
    return replace(campaign, state=CampaignState.PAUSED, reason=Reason.of("campaign-paused-by", who=actor.name))


def _resume(campaign: Campaign, now: datetime) -> Campaign | None:
    """A command never runs again: a node on which it failed waits for a person to finish the work."""
    if campaign.state is not CampaignState.PAUSED:
        return None
    node = campaign.current
    if node is not None and node.state is NodeState.FAILED:
        worked_on = node.emptied_at is not None and node.command is not None
        state = NodeState.EMPTY if worked_on else NodeState.WAITING
        emptied_at = node.emptied_at if worked_on else None
        campaign = entered(campaign, node, state, now, proposal_id=None, emptied_at=emptied_at)
    begins = node is not None and node.state in (NodeState.WAITING, NodeState.FAILED)
    over = begins and campaign.ends_at is not None and campaign.ends_at <= now
    return replace(campaign, state=CampaignState.RUNNING, reason=None, ends_at=None if over else campaign.ends_at)
