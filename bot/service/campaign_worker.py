"""Takes the steps of campaigns: reads the panel and the migrations, and takes the next step. One for each program.

Each step is stored before it is taken, and its effect is read in the panel or in the database afterwards. So a program
that was killed goes on without doing anything twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from balancer.model import Node, Reason, Snapshot
from bot.domain.campaign_steps import Deed, Look, SeenNode, Step, advance, emptied, failed, needs_panel
from bot.domain.campaigns import Campaign, CampaignNode, CampaignState, CommandRun, NodeState, entered, with_node
from bot.domain.proposals import IN_FLIGHT, PROGRAM, Actor, Verdict
from bot.errors import PanelError, StoreError
from bot.service.campaigns import Campaigns, is_off
from bot.service.context import ServiceContext, UseCase
from bot.service.decisions import Decisions
from bot.service.observer import NOW, Observer
from bot.service.roll_command import RollCommand

log = logging.getLogger(__name__)

PART = "Campaigns"
STEP_S = 2.0
"""The time between two looks for steps that are due."""
LOOK = timedelta(seconds=10)
"""The largest age of what the panel said about a node that is worked on."""


class CampaignWorker(UseCase):
    def __init__(self, context: ServiceContext, campaigns: Campaigns, observer: Observer, decisions: Decisions) -> None:
        super().__init__(context)
        self._campaigns = campaigns
        self._observer = observer
        self._decisions = decisions
        self._command = RollCommand(context.settings)
        self._runs: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._ended: dict[tuple[int, int], tuple[int | None, str]] = {}
        """Commands that have ended and whose end is not stored yet."""
        self._versions: dict[int, int] = {}
        self._unseen = False

    async def run(self) -> None:
        """Takes every step when it is due. Ends only when it is cancelled."""
        while True:
            self._campaigns.changed.clear()
            try:
                await self.step()
            except StoreError as error:
                log.error("Campaigns wait: %s", error)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._campaigns.changed.wait(), STEP_S)

    async def step(self) -> bool:
        """Takes the steps that are due now; returns whether there was any."""
        moved = False
        campaigns = await self._store.campaigns.open()
        self._tell_changes(campaigns)
        await self._store_runs_after_stop({campaign.id for campaign in campaigns})
        for campaign in campaigns:
            async with self._defects.contained(PART, f"Campaign {campaign.id} cannot go on"):
                moved = await self._step(campaign) or moved
        return moved

    def _tell_changes(self, campaigns: Sequence[Campaign]) -> None:
        """Shows the changes of another program, such as a console."""
        versions = {campaign.id: campaign.version for campaign in campaigns}
        if versions != self._versions:
            self._versions = versions
            self._notifier.notices_waiting()

    async def _step(self, campaign: Campaign) -> bool:
        now = self._clock()
        node = campaign.current
        if campaign.state is not CampaignState.RUNNING or not campaign.has_begun(now):
            return False
        if await self._runtime.paused_until() is not None:
            return False
        if node is not None and node.state is NodeState.WORKING:
            campaign, node = await self._with_end_of_run(campaign, node), campaign.current
        progress = None if node is None else await self._campaigns.progress(node)
        approvers = await self._approvers(campaign)
        seen: SeenNode | None = None
        if node is not None and needs_panel(campaign, progress):
            snapshot = await self._look(node)
            if snapshot is None:
                return False
            seen = seen_node(snapshot, node.node_id, campaign.cluster_id)
        step = advance(campaign, Look(seen, progress, now, alone=bool(approvers), has_command=self._command.is_set))
        return step is not None and await self._take(campaign, step, approvers)

    async def _approvers(self, campaign: Campaign) -> Sequence[Actor]:
        """The people who approved all nodes and may still decide in this cluster; empty if they are too few."""
        may, needed = self._decisions.may_still_decide, 2 if self._settings.two_person_rule else 1
        approved = [a for a in campaign.approved if may(a, campaign.cluster_id, campaign.cluster_name)]
        return approved[:needed] if len(approved) >= needed else ()

    async def _look(self, node: CampaignNode) -> Snapshot | None:
        """The panel now; for a node that is worked on, the panel some moments ago. ``None``: it does not answer."""
        worked_on = node.state in (NodeState.EMPTY, NodeState.AWAY)
        try:
            snapshot = await self._observer.observe(LOOK if worked_on else NOW)
        except PanelError as error:
            if not self._unseen:
                log.warning("Campaigns wait: %s", error)
            self._unseen = True
            return None
        self._unseen = False
        return snapshot

    async def _take(self, campaign: Campaign, step: Step, approvers: Sequence[Actor]) -> bool:
        if step.deed in (Deed.EMPTY, Deed.FILL):
            return await self._begin(campaign, approvers)
        if not await self._campaigns.saved(campaign, step.campaign, PROGRAM, step.news):
            return False
        _log_step(campaign, step.campaign)
        if step.deed is Deed.COMMAND and step.campaign.current is not None:
            self._start_command(step.campaign, step.campaign.current)
        return True

    # Nodes that are approved together -------------------------------------------------------------

    async def _begin(self, campaign: Campaign, approvers: Sequence[Actor]) -> bool:
        """Empties or fills the current node because all nodes are approved together."""
        node = campaign.current
        if node is None or await self._still_moving(node):
            return False
        try:
            offer = await self._campaigns.offer(campaign, approvers[0])
        except PanelError as error:
            log.warning("Campaign %d waits: %s", campaign.id, error)
            return False
        if offer.proposal is None:
            return await self._without_moves(campaign, node, offer.refusal)
        if not await self._campaigns.attached(campaign, offer.proposal.id, approvers[0]):
            return False
        move_ids = [m.id for m in offer.proposal.pending]
        for actor in approvers:  # a large VM was confirmed with the approval of all nodes
            await self._decisions.decide(move_ids, Verdict.APPROVE, actor, confirmed=move_ids)
        return True

    async def _without_moves(self, campaign: Campaign, node: CampaignNode, refusal: Reason | None) -> bool:
        if node.state is NodeState.BACK:
            done = entered(campaign, node, NodeState.DONE, self._clock())
            return await self._campaigns.saved(campaign, done, PROGRAM)
        if refusal is None:
            return await self._nothing_to_move(campaign, node)
        step = failed(campaign, node, refusal, self._clock())
        return await self._campaigns.saved(campaign, step.campaign, PROGRAM, step.news)

    async def _nothing_to_move(self, campaign: Campaign, node: CampaignNode) -> bool:
        """Marks a node that no VM has to leave as empty, if the panel agrees."""
        snapshot = await self._look(node)
        seen = None if snapshot is None else seen_node(snapshot, node.node_id, campaign.cluster_id)
        if seen is None or seen.running:
            return False
        step = emptied(campaign, node, Look(seen, None, self._clock(), has_command=self._command.is_set))
        return await self._campaigns.saved(campaign, step.campaign, PROGRAM, step.news)

    async def go_on_without_moves(self, campaign: Campaign) -> bool:
        """Handles a person's press on a node that no VM has to leave, or to which no VM has to come."""
        node = campaign.current
        return node is not None and await self._without_moves(campaign, node, None)

    async def _still_moving(self, node: CampaignNode) -> bool:
        """Whether an earlier migration off this node, or to it, still runs."""
        running = await self._store.migrations.in_states(IN_FLIGHT)
        return any(node.node_id in (m.move.source_id, m.move.target_id) for m in running)

    # ROLL_COMMAND ---------------------------------------------------------------------------------

    def _start_command(self, campaign: Campaign, node: CampaignNode) -> None:
        """Runs the command for a node; its start is stored already."""
        key = (campaign.id, node.node_id)
        task = asyncio.create_task(self._run_command(*key, node.name), name=f"roll-command-{campaign.id}")
        self._runs[key] = task
        task.add_done_callback(lambda _: self._runs.pop(key, None))

    async def _run_command(self, campaign_id: int, node_id: int, name: str) -> None:
        log.info("ROLL_COMMAND begins for node '%s'", name)
        self._ended[campaign_id, node_id] = code, _ = await self._command.run(name)
        log.info("ROLL_COMMAND for node '%s' ended with code %s", name, code)
        self._campaigns.changed.set()

    async def _with_end_of_run(self, campaign: Campaign, node: CampaignNode) -> Campaign:
        """Stores how the command of a node ended.

        How a command of an earlier program ended is unknown, and it never runs again.
        """
        run, key = node.command, (campaign.id, node.node_id)
        if run is None or run.ended_at is not None or (key in self._runs and key not in self._ended):
            return campaign
        code, output = self._ended.get(key, (None, ""))
        ended = with_node(campaign, replace(node, command=CommandRun(run.started_at, self._clock(), code, output)))
        if not await self._campaigns.saved(campaign, ended, PROGRAM):
            return campaign
        self._ended.pop(key, None)
        return await self._store.campaigns.get(campaign.id) or campaign

    async def _store_runs_after_stop(self, open_ones: Collection[int]) -> None:
        """Stores how commands ended that went on after their campaign was stopped."""
        for campaign_id, node_id in [key for key in self._ended if key[0] not in open_ones]:
            campaign = await self._store.campaigns.get(campaign_id)
            node = None if campaign is None else next((n for n in campaign.nodes if n.node_id == node_id), None)
            if campaign is None or node is None or campaign.is_open:
                continue
            await self._with_end_of_run(campaign, node)

    async def close(self) -> None:
        """Stops waiting for running commands: they go on, and the next program asks a person how they ended."""
        tasks = list(self._runs.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def seen_node(snapshot: Snapshot, node_id: int, cluster_id: int) -> SeenNode | None:
    """The node as the panel shows it; ``None``: it is not in this cluster."""
    node = next((n for n in snapshot.nodes if n.id == node_id and n.cluster_id == cluster_id), None)
    if node is None:
        return None
    vms = [vm for vm in snapshot.vms if vm.node_id == node_id]
    off = sum(is_off(vm.state) for vm in vms)
    running = max(len(vms), node.vm_count or 0) - off
    return SeenNode(_in_service(node), running, node.kernel_version)


def _in_service(node: Node) -> bool:
    return node.state == "active" and node.maintenance is not True


def _log_step(old: Campaign, new: Campaign) -> None:
    for before, after in zip(old.nodes, new.nodes, strict=True):
        if before.state is not after.state:
            log.info("Campaign %d: node '%s' is %s", old.id, after.name, after.state.value)
    if old.state is not new.state:
        log.info("Campaign %d is %s", old.id, new.state.value)
