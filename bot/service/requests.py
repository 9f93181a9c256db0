"""Requests of people: drain a node, fill a node, choose another target, move a VM back.

Every request is planned on a fresh snapshot with every rule, stored as a proposal of its purpose, and checked again
right before each start. A dry run and an unconfirmed large move are refused.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from balancer.model import VM, Cluster, Node, NodeLoad, Plan, Purpose, Reason, Rejection
from balancer.requests.drain import drain
from balancer.requests.fill import fill
from balancer.requests.move import best_targets, single_move
from balancer.requests.results import TargetChoice
from balancer.survival.keep import with_warning
from bot.domain.campaigns import CampaignState, NodeState, can_be_ready, entered
from bot.domain.lookup import nearest
from bot.domain.proposals import Actor, DecisionResult, Migration, MigrationState, ProposedMove, Verdict
from bot.errors import NotFound
from bot.service.context import ServiceContext, UseCase
from bot.service.decisions import Decisions
from bot.service.observer import Observer
from bot.service.planning import Planning
from bot.service.planning_context import ClusterContext
from bot.service.values import Risk
from bot.store.values import RequestOrigin, Stopped, StoredRequest

log = logging.getLogger(__name__)

STILL_OPEN = "caution-drain-open"
ROOM_LOST = "caution-survive-lost"
FAIR_SHARE = "fill-fair-share"
"""The code of the only refusal of a fill that is no objection to the node."""


@dataclass(frozen=True, slots=True)
class RequestResult:
    """The result of a request.

    ``refusal`` says why there is no proposal. ``risks``: what the person has to confirm first; nothing was done.
    ``created`` is false if the same request was open already. ``result``: of the approval, if the request is also the
    approval (with TWO_PERSON_RULE it is recorded as the first, or it is the second for the same request).
    """

    plan: Plan | None = None
    proposal_id: int | None = None
    created: bool = False
    refusal: Rejection | None = None
    risks: frozenset[Risk] = frozenset()
    result: DecisionResult | None = None

    @property
    def needs_confirmation(self) -> bool:
        """Whether nothing was done because the person has to confirm the risks."""
        return bool(self.risks)


class Requests(UseCase):
    def __init__(self, context: ServiceContext, observer: Observer, planning: Planning, decisions: Decisions) -> None:
        super().__init__(context)
        self._observer = observer
        self._planning = planning
        self._decisions = decisions

    # Whole nodes ------------------------------------------------------------------------------

    async def plan_drain(self, node: Node) -> Plan:
        """The moves that would empty the node, and which VMs cannot leave and why. Nothing is stored.

        Raises:
            PanelError: as ``observe``.
            NotFound: the node no longer exists.
        """
        return await self._plan_node(node, Purpose.DRAIN)

    async def plan_fill(self, node: Node) -> Plan:
        """The moves that would fill the node, as if it was never drained. Stores nothing. Raises as ``plan_drain``."""
        return await self._plan_node(node, Purpose.FILL)

    async def drain(self, node: Node, actor: Actor) -> RequestResult:
        """Proposes to drain a node. Every move waits for people; one button approves all.

        From now on the node takes no VM, and the program's own plans do not move its VMs. After the first approval the
        node stays excluded as a target, also when it is empty, because work on it follows. The exclusion ends when a
        person stops the drain, includes the node, or fills it. Raises as ``plan_drain``, and:
            DryRunError: this is a dry run.
        """
        return await self._plan_and_publish_node(node, Purpose.DRAIN, actor)

    async def fill(self, node: Node, actor: Actor) -> RequestResult:
        """Proposes to bring VMs back to a node. The exclusion by an earlier drain ends at once. Raises as ``drain``.

        Refused while the node is being drained: stop the drain first.
        """
        self._decisions.refuse_dry_run()
        await self._end_maintenance(node, actor)
        if node.id in (await self._store.requests.claims()).draining:
            return RequestResult(refusal=Rejection("target", node.id, node.name, Reason.of("node-draining")))
        result = await self._plan_and_publish_node(node, Purpose.FILL, actor)
        if result.refusal is not None and result.refusal.reason.code == FAIR_SHARE:  # nothing has to come, and it may
            await self._store.requests.reopen_node(node.id, actor, self._clock())
        return result

    async def stop(self, proposal_id: int, actor: Actor) -> Stopped | None:
        """Stops a drain or a fill: withdraws pending moves and cancels queued ones. Running migrations go on.

        Returns ``None`` if there is no such request. The node of a drain takes VMs again.
        """
        stopped = await self._store.requests.stop(proposal_id, actor, self._clock())
        if stopped is not None:
            log.info(
                "%s stopped proposal %d: %d moves withdrawn, %d called back, %d go on",
                *(actor.name, proposal_id, len(stopped.withdrawn), len(stopped.called_back), len(stopped.running)),
            )
            self._notifier.proposals_changed(proposal_id)
        return stopped

    async def _end_maintenance(self, node: Node, actor: Actor) -> None:
        """Ends the campaign of this one node: whoever fills the node says that the work on it is done."""
        for campaign in await self._store.campaigns.open():
            current = campaign.current
            if not campaign.maintenance or current is None or current.node_id != node.id or not can_be_ready(current):
                continue
            now = self._clock()
            done = entered(campaign, current, NodeState.DONE, now)
            await self._store.campaigns.save(
                campaign, replace(done, state=CampaignState.DONE, ended_at=now, reason=None), actor, now
            )
            self._notifier.notices_waiting()

    async def _plan_node(self, node: Node, purpose: Purpose) -> Plan:
        context = await self._context_of_node(node, purpose)
        make = drain if purpose is Purpose.DRAIN else fill
        new_plan = await asyncio.to_thread(lambda: with_warning(*context, make(*context, node.id)))
        # The first approval excludes the node by itself.
        return replace(new_plan, cautions=tuple(c for c in new_plan.cautions if c.code != STILL_OPEN))

    async def _context_of_node(self, node: Node, purpose: Purpose) -> ClusterContext:
        snapshot = await self._observer.observe()
        latest = next((n for n in snapshot.nodes if n.id == node.id), None)
        filling = node.id if purpose is Purpose.FILL else None
        context = latest and await self._planning.cluster_context(snapshot, latest.cluster_id, filling=filling)
        if not context:
            raise NotFound("node", node.name, nearest(node.name, snapshot.nodes))
        return context

    async def _plan_and_publish_node(self, node: Node, purpose: Purpose, actor: Actor) -> RequestResult:
        self._decisions.refuse_dry_run()
        open_one = await self._store.requests.find_open(node.id, purpose)
        if open_one is not None:
            proposal = await self._store.proposals.get(open_one)
            return RequestResult(proposal.plan if proposal else None, open_one)
        busy = await self._campaign_of(node)
        if busy is not None:
            return RequestResult(refusal=Rejection("source", node.id, node.name, busy))
        new_plan = await self._plan_node(node, purpose)
        if not new_plan.moves:
            return RequestResult(
                new_plan, refusal=new_plan.rejections[0] if new_plan.rejections else _nothing(node, purpose)
            )
        stored = await self.publish(new_plan, RequestOrigin(actor, node_id=node.id), approve=False)
        refusal = None if stored.refused is None else Rejection("source", node.id, node.name, stored.refused)
        return RequestResult(new_plan, stored.proposal_id, stored.created, refusal)

    async def _campaign_of(self, node: Node) -> Reason | None:
        """Why a node is neither drained nor filled beside a campaign of its cluster."""
        open_ones = await self._store.campaigns.open()
        busy = any(c.cluster_id == node.cluster_id and c.has_begun(self._clock()) for c in open_ones)
        return Reason.of("cluster-campaign") if busy else None

    # One VM -----------------------------------------------------------------------------------

    async def least_move(self, among: Callable[[Cluster], bool] = lambda _: True) -> tuple[VM, TargetChoice] | None:
        """The smallest VM that may move now, with its best target; ``None``: no VM may move.

        Used for the first migration on a panel: nothing has to be overloaded.

        Args:
            among: True for the clusters to look in.
        Raises:
            PanelError: as ``observe``.
        """
        snapshot = await self._observer.observe()
        choices: list[tuple[VM, TargetChoice]] = []
        for cluster in filter(among, snapshot.clusters):
            context = await self._planning.cluster_context(snapshot, cluster.id, single=True)
            choice = await asyncio.to_thread(_least, context) if context is not None else None
            choices += [choice] if choice is not None else []
        return min(choices, key=lambda pair: (pair[0].memory_mib or 0, pair[0].vcpus or 0, pair[0].id), default=None)

    async def move(
        self, vm_id: int, target_id: int, actor: Actor, *, confirmed: Collection[Risk] = ()
    ) -> RequestResult:
        """Moves one VM to the node that a person chose; the request is the approval. Raises as ``retarget``."""
        self._decisions.refuse_dry_run()
        snapshot = await self._observer.observe()
        vm = next((v for v in snapshot.vms if v.id == vm_id), None)
        context = None if vm is None else await self._planning.cluster_context(snapshot, vm.cluster_id, single=True)
        if vm is None or context is None:
            raise NotFound("vm", str(vm_id))
        new_plan = await asyncio.to_thread(_single, context, vm_id, target_id, Purpose.TARGET)
        if isinstance(new_plan, Rejection):
            return RequestResult(refusal=new_plan)
        risks = self._risks(new_plan)
        if not risks <= set(confirmed):
            return RequestResult(new_plan, risks=risks)
        stored = await self.publish(new_plan, RequestOrigin(actor), approve=True)
        if stored.refused is not None:
            return RequestResult(new_plan, refusal=Rejection("vm", vm_id, vm.name, stored.refused))
        return RequestResult(new_plan, stored.proposal_id, stored.created, result=stored.results[0])

    async def propose(self, new_plan: Plan, actor: Actor) -> RequestResult:
        """Proposes moves that a person asked for; each of them waits for approval.

        Raises:
            DryRunError: this is a dry run.
        """
        self._decisions.refuse_dry_run()
        stored = await self.publish(new_plan, RequestOrigin(actor), approve=False)
        refusal = None
        if stored.refused is not None:
            refusal = Rejection("cluster", new_plan.cluster_id, new_plan.cluster_name, stored.refused)
        return RequestResult(new_plan, stored.proposal_id, stored.created, refusal)

    def _risks(self, new_plan: Plan) -> frozenset[Risk]:
        """The risks of the only move of this plan, which a person has to confirm."""
        move = new_plan.moves[0]
        large = {Risk.LARGE} if self._decisions.is_large(move) else set()
        overload = {Risk.OVERLOAD} if move.target_id in new_plan.overloaded_after else set()
        room = {Risk.ROOM} if any(c.code == ROOM_LOST for c in new_plan.cautions) else set()
        return frozenset(large | overload | room)

    async def best_targets(self, move_id: int) -> tuple[TargetChoice, ...]:
        """The three best other nodes for the VM of a pending move; empty if there is none.

        Raises:
            PanelError: as ``observe``.
            NotFound: there is no such move, or its VM or cluster no longer exists.
        """
        proposed, context = await self._of_move(move_id)
        source_id, planned = proposed.move.source_id, proposed.move.target_id
        choices = await asyncio.to_thread(best_targets, *context, proposed.move.vm_id, count=4)
        return tuple(c for c in choices if c.node_id not in (source_id, planned))[:3]

    async def retarget(
        self, move_id: int, target_id: int, actor: Actor, *, confirmed: Collection[Risk] = ()
    ) -> RequestResult:
        """Moves the VM of a pending move to another node instead; the request is the approval.

        The pending move is superseded in the same transaction: of two presses only one counts.

        Args:
            confirmed: the risks that the person has confirmed.
        Raises:
            PanelError, NotFound: as ``best_targets``.
            DryRunError: this is a dry run.
        """
        self._decisions.refuse_dry_run()
        proposed, context = await self._of_move(move_id)
        return await self._publish_move(
            context,
            proposed,
            target_id,
            Purpose.TARGET,
            origin=RequestOrigin(actor, instead_of=move_id),
            confirmed=confirmed,
        )

    async def retry_targets(self, migration_id: int) -> tuple[TargetChoice, ...]:
        """The three best nodes for the VM of a failed migration, without the target that it did not reach.

        Raises:
            PanelError: as ``observe``.
            NotFound: there is no such migration, or its VM or cluster no longer exists.
        """
        move, context = await self._of_failed(migration_id)
        choices = await asyncio.to_thread(best_targets, *context, move.move.vm_id, count=4)
        return tuple(c for c in choices if c.node_id != move.move.target_id)[:3]

    async def retry(
        self, migration_id: int, target_id: int, actor: Actor, *, confirmed: Collection[Risk] = ()
    ) -> RequestResult:
        """Moves the VM of a failed migration although the VM is in quarantine; the request is the approval.

        Every other rule applies. The quarantine is ignored for this request only: it goes on if the request ends
        without a migration, and begins again if the migration fails again. Raises as ``retarget``.
        """
        self._decisions.refuse_dry_run()
        move, context = await self._of_failed(migration_id)
        return await self._publish_move(
            context, move, target_id, Purpose.TARGET, origin=RequestOrigin(actor), confirmed=confirmed
        )

    async def _of_failed(self, migration_id: int) -> tuple[ProposedMove, ClusterContext]:
        migration = await self._store.migrations.get(migration_id)
        if migration is None or migration.state is not MigrationState.FAILED:
            raise NotFound("migration", str(migration_id))
        move, context = await self._of_move(migration.move_id)
        failed = {vm: at for vm, at in context.recent.failed.items() if vm != migration.move.vm_id}
        return move, context._replace(recent=replace(context.recent, failed=failed))

    def undo_until(self, migration: Migration) -> datetime | None:
        """Until when a migration can be undone; ``None``: it cannot. Does not ask whether it was undone already."""
        window = timedelta(seconds=self._settings.undo_window)
        if migration.state is not MigrationState.SUCCEEDED or migration.finished_at is None or not window:
            return None
        until = migration.finished_at + window
        return until if until > self._clock() and migration.purpose is not Purpose.UNDO else None

    async def can_undo(self, migration: Migration) -> bool:
        """Whether the migration can be undone: in time, not undone already, and the VM has not moved since."""
        if self.undo_until(migration) is None or migration.id in await self._store.migrations.undone([migration.id]):
            return False
        return await self._store.migrations.last_of(migration.move.vm_id) == migration.id

    async def undo(self, migration_id: int, actor: Actor, *, confirmed: Collection[Risk] = ()) -> RequestResult:
        """Moves the VM of a migration back to its source node; the request is the approval.

        Allowed once per migration, for UNDO_WINDOW after its end, and checked like any move; but the node may become
        as full again as it was before. Raises as ``retarget``.
        """
        self._decisions.refuse_dry_run()
        migration = await self._store.migrations.get(migration_id)
        if migration is None:
            raise NotFound("migration", str(migration_id))
        move = migration.move
        if self.undo_until(migration) is None:
            return RequestResult(refusal=Rejection("vm", move.vm_id, move.vm_name, Reason.of("undo-too-late")))
        proposed, context = await self._of_move(migration.move_id)
        at = next((vm.node_id for vm in context.snapshot.vms if vm.id == move.vm_id), None)
        if at != move.target_id:
            return RequestResult(refusal=Rejection("vm", move.vm_id, move.vm_name, Reason.of("undo-moved-since")))
        origin = RequestOrigin(actor, undoes=migration_id)
        result = await self._publish_move(
            context, proposed, move.source_id, Purpose.UNDO, origin=origin, confirmed=confirmed
        )
        if result.created:  # the message of the migration no longer offers the undo
            self._notifier.proposals_changed(migration.proposal_id)
        return result

    async def _of_move(self, move_id: int) -> tuple[ProposedMove, ClusterContext]:
        """A stored move, and the values by which a request about its VM is judged now."""
        stored = await self._store.proposals.move(move_id)
        if stored is None:
            raise NotFound("move", str(move_id))
        move = stored[1].move
        snapshot = await self._observer.observe(measure=(move.source_id, move.target_id))
        vm = next((v for v in snapshot.vms if v.id == move.vm_id), None)
        context = vm and await self._planning.cluster_context(snapshot, vm.cluster_id, single=True)
        if not context:
            raise NotFound("vm", move.vm_name)
        return stored[1], context

    async def _publish_move(
        self,
        context: ClusterContext,
        proposed: ProposedMove,
        target_id: int,
        purpose: Purpose,
        *,
        origin: RequestOrigin,
        confirmed: Collection[Risk],
    ) -> RequestResult:
        move = proposed.move
        before = move.source_before if purpose is Purpose.UNDO else None
        new_plan = await asyncio.to_thread(_single, context, move.vm_id, target_id, purpose, before)
        if isinstance(new_plan, Rejection):
            return RequestResult(refusal=new_plan)
        risks = self._risks(new_plan)
        if not risks <= set(confirmed):
            return RequestResult(new_plan, risks=risks)
        stored = await self.publish(new_plan, origin, approve=True)
        if stored.refused is not None:
            return RequestResult(new_plan, refusal=Rejection("vm", move.vm_id, move.vm_name, stored.refused))
        return RequestResult(new_plan, stored.proposal_id, stored.created, result=stored.results[0])

    async def publish(self, new_plan: Plan, origin: RequestOrigin, *, approve: bool) -> StoredRequest:
        now = self._clock()
        expires = now + timedelta(seconds=self._settings.proposal_ttl)
        counts = self._decisions.counts if approve else None
        stored = await self._store.requests.add(
            new_plan, origin, now=now, expires_at=expires, approve=approve, counts=counts
        )
        if stored.created:
            log.info(
                "%s asked for proposal %s (%s): %d moves",
                *(origin.by.name, stored.proposal_id, new_plan.purpose.value, len(new_plan.moves)),
            )
        self._decisions.decided_here.update(r.move.id for r in stored.results)
        self._decisions.announce(stored.results, Verdict.APPROVE)
        self._notifier.proposals_changed(*stored.changed)
        return stored


def _single(
    context: ClusterContext, vm_id: int, target_id: int, purpose: Purpose, up_to: NodeLoad | None = None
) -> Plan | Rejection:
    """The plan of one move, with a caution if the move uses the room for a lost node."""
    found = single_move(*context, vm_id=vm_id, target_id=target_id, purpose=purpose, up_to=up_to)
    return found if isinstance(found, Rejection) else with_warning(*context, found)


def _least(context: ClusterContext) -> tuple[VM, TargetChoice] | None:
    """The smallest VM of a cluster that may move to a node now, with that node."""
    for vm in sorted(context.snapshot.vms, key=lambda v: (v.memory_mib or 0, v.vcpus or 0, v.id)):
        if vm.node_id is not None and (choices := best_targets(*context, vm.id, count=1)):
            return vm, choices[0]
    return None


def _nothing(node: Node, purpose: Purpose) -> Rejection:
    """The rejection of a node for which there is nothing to do."""
    subject = "source" if purpose is Purpose.DRAIN else "target"
    return Rejection(subject, node.id, node.name, Reason.of("nothing-to-move"))
