"""Room for a new VM: which moves make it, and proposing them."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import replace

from balancer.model import Plan, Purpose, Reason, Rejection, Snapshot
from balancer.requests.make_room import make_room
from balancer.requests.place import place
from balancer.requests.results import RoomMade
from balancer.requests.room_plan import room_plan
from balancer.survival.keep import with_warning
from balancer.survival.restore import restore
from balancer.survival.survive import losses_of, survive
from balancer.survival.values import Restoration, Survival
from bot.domain.proposals import Actor, Proposal
from bot.errors import DryRunError, NotFound
from bot.service.context import ServiceContext, UseCase
from bot.service.observer import Observer
from bot.service.planning import Planning
from bot.service.planning_context import ClusterContext
from bot.service.requests import RequestResult, Requests


class Rooms(UseCase):
    def __init__(self, context: ServiceContext, observer: Observer, planning: Planning, requests: Requests) -> None:
        super().__init__(context)
        self._observer = observer
        self._planning = planning
        self._requests = requests

    async def moves_for(self, cluster_id: int, vcpus: int, memory_mib: int, *, own: bool = True) -> RoomMade | None:
        """The fewest moves after which a new VM of this size fits in the cluster; ``None``: none were found.

        Args:
            own: a reservation for a VM of this size, whose room moves still have to free, is meant for this VM.
        Raises:
            PanelError: as ``observe``.
        """
        context = await self._judged_by(await self._observer.observe_soon(), cluster_id)
        if context is None:
            return None
        if own:
            context = await asyncio.to_thread(_without_own, context, vcpus, memory_mib)
        return await asyncio.to_thread(make_room, *context, vcpus, memory_mib)

    async def propose(self, cluster_id: int, vcpus: int, memory_mib: int, actor: Actor) -> RequestResult:
        """Reads the panel and proposes the moves that make room for a new VM of this size.

        A VM with a move that waits for approval takes no part, and its move stays as it is.

        Raises:
            PanelError: as ``observe``.
            NotFound: there is no such cluster.
            DryRunError: this is a dry run.
        """
        if self._settings.dry_run:
            raise DryRunError
        context = await self._judged_by(await self._observer.observe(), cluster_id)
        if context is None:
            raise NotFound("cluster", str(cluster_id), [])
        known = _same(await self._store.proposals.waiting(), cluster_id, vcpus, memory_mib)
        if known is not None:
            return RequestResult(known.plan, known.id)
        context = await asyncio.to_thread(_without_own, context, vcpus, memory_mib)
        if (await asyncio.to_thread(place, *context[:2], vcpus, memory_mib)).total:
            return _refused(context, Reason.of("room-there-already"))
        room = await asyncio.to_thread(make_room, *context, vcpus, memory_mib)
        if room is None:
            return _refused(context, Reason.of("room-no-plan"))
        return await self._requests.propose(await asyncio.to_thread(_plan, context, room), actor)

    async def restoration(self, survival: Survival) -> Restoration | None:
        """The fewest moves after which the lost nodes of an answer have room; ``None``: each has it.

        Raises:
            PanelError: as ``observe``.
        """
        context = await self._judged_by(await self._observer.observe_soon(), survival.cluster_id)
        return None if context is None else await asyncio.to_thread(restore, *context, survival.losses)

    async def propose_restoration(self, cluster_id: int, lost: Collection[int], actor: Actor) -> RequestResult:
        """Proposes the moves after which lost nodes have room, found on a fresh look.

        What waits already stays as it is, as for ``propose``.

        Args:
            lost: ids of nodes that are lost together; empty: each node alone.
        Raises:
            PanelError, NotFound, DryRunError: as ``propose``.
        """
        if self._settings.dry_run:
            raise DryRunError
        context = await self._judged_by(await self._observer.observe(), cluster_id)
        if context is None or not set(lost) <= {node.id for node in context.snapshot.nodes}:
            raise NotFound("cluster", str(cluster_id), [])
        waiting = (p for p in await self._store.proposals.waiting() if p.cluster_id == cluster_id)
        known = next((p for p in waiting if p.moves[0].move.reason.code == "move-survive-room"), None)
        if known is not None:
            return RequestResult(known.plan, known.id)
        restoration = await asyncio.to_thread(_restored, context, lost)
        if restoration is None:
            return _refused(context, Reason.of("room-there-already"))
        if not restoration.moves:
            return _refused(context, restoration.proof or Reason.of("room-no-plan"))
        new_plan = await asyncio.to_thread(room_plan, *context, restoration.moves)
        return await self._requests.propose(new_plan, actor)

    async def _judged_by(self, snapshot: Snapshot, cluster_id: int) -> ClusterContext | None:
        """The context of the plan. VMs with a waiting move and nodes that are drained take no part."""
        context = await self._planning.cluster_context(snapshot, cluster_id)
        if context is None:
            return None
        draining = (await self._store.requests.claims()).draining
        waiting = [p for p in await self._store.proposals.waiting() if p.cluster_id == cluster_id]
        busy = context.recent.busy_vms | {m.move.vm_id for p in waiting for m in p.pending}
        return context._replace(
            policy=context.policy.with_exclusions(draining, frozenset()),
            recent=replace(context.recent, busy_vms=busy),
        )


def _without_own(context: ClusterContext, vcpus: int, memory_mib: int) -> ClusterContext:
    """The reservations without the one for a VM of this size, if moves still have to free its room."""
    nodes = {node.id for node in context.snapshot.nodes}
    every = context.policy.reservations
    own = next((r for r in every if r.node_id in nodes and (r.vcpus, r.memory_mib) == (vcpus, memory_mib)), None)
    if own is None:
        return context
    others = replace(context.policy, reservations=tuple(r for r in every if r is not own))
    free = context._replace(policy=others)
    return context if place(free.snapshot, free.policy, vcpus, memory_mib).total else free


def _restored(context: ClusterContext, lost: Collection[int]) -> Restoration | None:
    answer = survive(*context, losses=losses_of(context.snapshot, lost))
    return restore(*context, answer.losses)


def _plan(context: ClusterContext, room: RoomMade) -> Plan:
    return with_warning(*context, room_plan(*context, room.moves))


def _same(waiting: list[Proposal], cluster_id: int, vcpus: int, memory_mib: int) -> Proposal | None:
    """The proposal that waits and makes room for a VM of this size."""
    for proposal in waiting:
        asked = proposal.moves[0].move.reason
        if proposal.purpose is Purpose.ROOM and proposal.cluster_id == cluster_id and asked.code == "move-place-room":
            size = asked.as_dict()
            if (size.get("vcpus"), size.get("memory_gib")) == (vcpus, memory_mib / 1024):
                return proposal
    return None


def _refused(context: ClusterContext, reason: Reason) -> RequestResult:
    cluster = context.snapshot.clusters[0]
    return RequestResult(refusal=Rejection("cluster", cluster.id, cluster.name, reason))
