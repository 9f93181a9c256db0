"""Plans and starts rolling campaigns, carries out presses, and proposes the moves of each node.

A campaign moves nothing by itself: each node is emptied by a drain whose moves people approve, one by one or all nodes
at once, and the executor carries it out as any other. ``CampaignWorker`` takes the steps between.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict
from dataclasses import dataclass, replace

from balancer.model import Plan, Purpose, Reason
from balancer.requests.fill import fill
from balancer.requests.roll import next_drain
from balancer.requests.roll_plan import RollPlan
from bot.domain.campaign_steps import Progress
from bot.domain.campaigns import (
    ENDED,
    WITH_MOVES,
    Campaign,
    CampaignNode,
    CampaignState,
    NodeState,
    Press,
    press,
    staying,
    with_node,
)
from bot.domain.dates import When
from bot.domain.proposals import IN_FLIGHT, Actor, MigrationState, Proposal
from bot.panel.vocabulary import OFF_STATES, plain
from bot.service.context import ServiceContext, UseCase
from bot.service.decisions import Decisions
from bot.service.observer import Observer
from bot.service.planning import Planning
from bot.service.planning_context import ClusterContext
from bot.service.requests import Requests
from bot.store.store import Store
from bot.store.values import RequestOrigin

log = logging.getLogger(__name__)

DRAFTS_KEPT = 200
"""How many plans that were shown are kept so that they may still be started."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A planned campaign that was shown and is not started yet."""

    cluster_id: int
    cluster_name: str
    nodes: tuple[tuple[int, str], ...]
    when: When | None
    maintenance: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """The moves that the current node of a campaign waits for; ``refusal``: why there are none."""

    proposal: Proposal | None = None
    refusal: Reason | None = None


class Campaigns(UseCase):
    def __init__(
        self, context: ServiceContext, observer: Observer, planning: Planning, decisions: Decisions, requests: Requests
    ) -> None:
        super().__init__(context)
        self._observer = observer
        self._planning = planning
        self._decisions = decisions
        self._requests = requests
        self._drafts: OrderedDict[int, Draft] = OrderedDict()
        self.changed = asyncio.Event()
        """Set when there may be a step to take."""

    # Plans --------------------------------------------------------------------------------------

    def draft_of(self, plan: RollPlan, when: When | None, *, maintenance: bool = False) -> int:
        """Keeps a plan that may be started; returns its number, for the button. A restart of the program forgets it."""
        nodes = tuple(pair for step in plan.steps for pair in zip(step.node_ids, step.node_names, strict=True))
        number = secrets.randbits(40)
        self._drafts[number] = Draft(plan.cluster_id, plan.cluster_name, nodes, when, maintenance)
        while len(self._drafts) > DRAFTS_KEPT:
            self._drafts.popitem(last=False)
        return number

    def draft(self, number: int) -> Draft | None:
        return self._drafts.get(number)

    async def start(self, draft: Draft, actor: Actor, *, approve_all: bool) -> Campaign | None:
        """Starts a campaign; ``None``: one is open in its cluster already.

        Args:
            approve_all: the person approves that all nodes are emptied; else each node waits for an approval.
        Raises:
            DryRunError: this is a dry run.
        """
        self._decisions.refuse_dry_run()
        now, when = self._clock(), draft.when
        new = Campaign(
            id=0,
            cluster_id=draft.cluster_id,
            cluster_name=draft.cluster_name,
            state=CampaignState.RUNNING,
            by=actor,
            created_at=now,
            nodes=tuple(CampaignNode(node_id, name, NodeState.WAITING, now) for node_id, name in draft.nodes),
            starts_at=None if when is None else when.start,
            ends_at=None if when is None else when.end,
            maintenance=draft.maintenance,
            approved=(actor,) if approve_all else (),
        )
        stored = await self._store.campaigns.create(new)
        if stored is not None:
            log.info("%s started campaign %d in cluster '%s'", actor.name, stored.id, stored.cluster_name)
            self._tell()
        return stored

    # Presses ------------------------------------------------------------------------------------

    async def press(
        self, campaign_id: int, what: Press, actor: Actor, *, at_node: int | None = None
    ) -> Campaign | None:
        """The campaign after a press; ``None``: the press has no meaning any more.

        Args:
            at_node: the node that the press is about; if it is another node's turn now, the press has no meaning.
        Raises:
            DryRunError: this is a dry run.
        """
        self._decisions.refuse_dry_run()
        while True:
            campaign = await self._store.campaigns.get(campaign_id)
            if campaign is None or (at_node is not None and _current_id(campaign) != at_node):
                return None
            changed = press(campaign, what, actor, self._clock())
            if changed is None:
                return None
            if await self.saved(campaign, changed, actor):
                log.info("%s: %s campaign %d", actor.name, what.value, campaign.id)
                return await self._store.campaigns.get(campaign_id)

    async def saved(self, old: Campaign, new: Campaign, actor: Actor, news: Reason | None = None) -> bool:
        """Stores a change and shows it; returns whether the campaign was still as ``old``."""
        changed = await self._store.campaigns.save(old, new, actor, self._clock(), news=news)
        if changed is None:
            return False
        self._notifier.proposals_changed(*changed)
        self._tell()
        return True

    def _tell(self) -> None:
        self._notifier.notices_waiting()
        self.changed.set()

    # Moves --------------------------------------------------------------------------------------

    async def offer(self, campaign: Campaign, actor: Actor) -> Offer:
        """Proposes the moves that the current node waits for, unless they are proposed already.

        If no VM has to leave the node, there is neither a proposal nor a refusal.

        Raises:
            PanelError: as ``observe``.
            DryRunError: this is a dry run.
        """
        self._decisions.refuse_dry_run()
        node = campaign.current
        if node is None:
            return Offer()
        purpose = Purpose.FILL if node.state is NodeState.BACK else Purpose.DRAIN
        known = await self._store.requests.find_open(node.node_id, purpose)
        if known is not None:
            proposal = await self._store.proposals.get(known)
            own = proposal is not None and proposal.campaign_id == campaign.id
            return Offer(proposal) if own else Offer(refusal=Reason.of("campaign-other-request", node=node.name))
        context = await self._judged_by(campaign, node, purpose)
        if context is None:
            return Offer(refusal=Reason.of("campaign-node-away", node=node.name))
        new_plan = await asyncio.to_thread(_planned, context, campaign, node, purpose)
        refusal = None if purpose is Purpose.FILL else refused(context, new_plan)
        if refusal is not None or not new_plan.moves:
            return Offer(refusal=refusal)
        origin = RequestOrigin(actor, node_id=node.node_id, campaign_id=campaign.id)
        stored = await self._requests.publish(new_plan, origin, approve=False)
        if stored.refused is not None or stored.proposal_id is None:
            return Offer(refusal=stored.refused)
        return Offer(await self._store.proposals.get(stored.proposal_id))

    async def attached(self, campaign: Campaign, proposal_id: int, actor: Actor) -> bool:
        """Stores that the current node waits for these moves; returns whether that was still possible."""
        node = campaign.current
        if node is None or node.proposal_id == proposal_id:
            return node is not None
        state = NodeState.BACK if node.state is NodeState.BACK else NodeState.ASKED
        waits = replace(node, state=state, since=self._clock(), proposal_id=proposal_id)
        return await self.saved(campaign, with_node(campaign, waits), actor)

    async def _judged_by(self, campaign: Campaign, node: CampaignNode, purpose: Purpose) -> ClusterContext | None:
        snapshot = await self._observer.observe()
        if all(n.id != node.node_id or n.cluster_id != campaign.cluster_id for n in snapshot.nodes):
            return None
        filling = node.node_id if purpose is Purpose.FILL else None
        return await self._planning.cluster_context(snapshot, campaign.cluster_id, filling=filling)

    # What is known ------------------------------------------------------------------------------

    async def progress(self, node: CampaignNode) -> Progress | None:
        """The progress of a node's moves; ``None``: it has none now."""
        if node.proposal_id is None:
            return None
        proposal = await self._store.proposals.get(node.proposal_id)
        return None if proposal is None else progress_of(proposal)


async def arrived_of(store: Store, campaign: Campaign) -> dict[int, tuple[int, int]]:
    """For nodes that are emptied or filled now: node -> how many VMs have moved, and how many have to move."""
    arrived = {}
    for node in campaign.nodes:
        if node.proposal_id is not None and node.state in WITH_MOVES:
            proposal = await store.proposals.get(node.proposal_id)
            if proposal is not None:
                progress = progress_of(proposal)
                arrived[node.node_id] = (progress.arrived, progress.total)
    return arrived


def progress_of(proposal: Proposal) -> Progress:
    migrations = [m.migration for m in proposal.moves if m.migration is not None]
    bad = (MigrationState.FAILED, MigrationState.UNKNOWN)
    broken = next((m for m in migrations if m.state in bad), None)
    failure = None
    if broken is not None:
        failure = Reason.of("campaign-move-failed", vm=broken.move.vm_name, target=broken.move.target_name)
    return Progress(
        total=len(proposal.moves),
        arrived=sum(m.state is MigrationState.SUCCEEDED for m in migrations),
        started=bool(migrations),
        settled=proposal.settled,
        failure=failure,
        in_flight=any(m.state in IN_FLIGHT for m in migrations),
    )


def refused(context: ClusterContext, new_plan: Plan) -> Reason | None:
    """Why a node is not begun: a running VM cannot leave it. A VM that is off may stay."""
    off = {vm.id for vm in context.snapshot.vms if is_off(vm.state)}
    stays = [r for r in new_plan.rejections if r.subject != "vm" or r.id not in off]
    if not stays:
        return None
    if stays[0].subject != "vm":
        return stays[0].reason
    return staying(len(stays), stays[0].name, stays[0].reason)


def is_off(state: str | None) -> bool:
    """Whether the panel's word for the state of a VM means that it does not run."""
    return state is not None and plain(state) in OFF_STATES


def _planned(context: ClusterContext, campaign: Campaign, node: CampaignNode, purpose: Purpose) -> Plan:
    if purpose is Purpose.FILL:
        return fill(*context, node.node_id)
    later = [n.node_id for n in campaign.nodes if n.state not in ENDED and n.node_id != node.node_id]
    return next_drain(*context, node.node_id, later)


def _current_id(campaign: Campaign) -> int | None:
    return None if campaign.current is None else campaign.current.node_id
