"""Keeping room free for a new VM: reserved by a person, ended by a person, by time or by the VM itself."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import timedelta

from balancer.model import VM, Reason, Snapshot
from balancer.requests.place import place
from bot.domain.proposals import Actor
from bot.domain.reservations import LONGEST, MOST_IN_CLUSTER, SHORTEST, Reservation, vms_of_size
from bot.errors import DryRunError, NotFound
from bot.service.context import ServiceContext, UseCase
from bot.service.observer import Observer
from bot.service.planning import Planning
from bot.service.rooms import Rooms
from bot.store.database import Access

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reserved:
    """The answer to a request for a reservation: the reservation, or why there is none."""

    reservation: Reservation | None = None
    refusal: Reason | None = None


class Reservations(UseCase):
    def __init__(self, context: ServiceContext, observer: Observer, planning: Planning, rooms: Rooms) -> None:
        super().__init__(context)
        self._observer = observer
        self._planning = planning
        self._rooms = rooms
        self._turn = asyncio.Lock()
        """Two requests at once must not get the same room."""

    async def reserve(self, cluster_id: int, vcpus: int, memory_mib: int, length: timedelta, actor: Actor) -> Reserved:
        """Reserves room for a VM of this size on the best node; where it fits nowhere, on the node for which moves
        make room. Other moves keep off it from now on.

        Args:
            length: 1 minute to 7 days; any other length is refused.
        Raises:
            PanelError: as ``observe``.
            NotFound: there is no such cluster.
            DryRunError: this is a dry run.
        """
        if self._settings.dry_run:
            raise DryRunError
        if not SHORTEST <= length <= LONGEST:
            return Reserved(refusal=Reason.of("reservation-length", days=LONGEST.days))
        async with self._turn:
            return await self._reserve(cluster_id, vcpus, memory_mib, length, actor)

    async def _reserve(self, cluster_id: int, vcpus: int, memory_mib: int, length: timedelta, actor: Actor) -> Reserved:
        snapshot = await self._observer.observe()
        node_id = await self._node(snapshot, cluster_id, vcpus, memory_mib)
        if node_id is None:
            return Reserved(refusal=Reason.of("room-no-plan"))
        node = next(n for n in snapshot.nodes if n.id == node_id)
        cluster = next(c for c in snapshot.clusters if c.id == cluster_id)
        now, known = self._clock(), vms_of_size(snapshot.vms, node_id, vcpus, memory_mib)
        wanted = Reservation(
            id=0,
            cluster_id=cluster_id,
            cluster_name=cluster.name,
            node_id=node_id,
            node_name=node.name,
            vcpus=vcpus,
            memory_mib=memory_mib,
            until=now + length,
            by=actor,
            created_at=now,
            known_vms=known,
        )
        reservation_id = await self._store.reservations.add(wanted, MOST_IN_CLUSTER)
        if reservation_id is None:
            return Reserved(refusal=Reason.of("reservation-most", most=MOST_IN_CLUSTER))
        log.info("%s reserved %d vCPU and %d MiB on node '%s'", actor.name, vcpus, memory_mib, node.name)
        return Reserved(next(r for r in await self.active() if r.id == reservation_id))

    async def _node(self, snapshot: Snapshot, cluster_id: int, vcpus: int, memory_mib: int) -> int | None:
        context = await self._planning.cluster_context(snapshot, cluster_id)
        if context is None:
            raise NotFound("cluster", str(cluster_id), [])
        placement = await asyncio.to_thread(place, context.snapshot, context.policy, vcpus, memory_mib)
        if placement.best:
            return placement.best[0].node_id
        made = await self._rooms.moves_for(cluster_id, vcpus, memory_mib, own=False)
        return None if made is None else made.node_id

    async def active(self) -> list[Reservation]:
        """Those in force, by id."""
        return await self._store.reservations.active(self._clock())

    async def release(self, reservation_id: int, actor: Actor) -> bool:
        """Ends a reservation; returns whether it was active.

        Raises:
            DryRunError: this is a dry run.
        """
        if self._settings.dry_run:
            raise DryRunError
        ended = await self._store.reservations.end(reservation_id, actor, self._clock())
        if ended:
            log.info("%s released reservation %d", actor.name, reservation_id)
        return ended

    async def end_over(self, snapshot: Snapshot) -> None:
        """Ends the reservations whose VM has come or whose time is over, with a notice for each."""
        if self._store.access is Access.GUEST:
            return
        now, told = self._clock(), False
        for reservation in await self._store.reservations.active(now):
            vm = reservation.filled_by(snapshot.vms)
            if vm is not None:
                told |= await self._end(reservation, _filled(reservation, vm))
        for reservation in await self._store.reservations.over(now):
            told |= await self._end(reservation, _over(reservation))
        if told:
            self._notifier.notices_waiting()

    async def _end(self, reservation: Reservation, why: Reason) -> bool:
        ended = await self._store.reservations.end_with_notice(reservation.id, why, self._clock())
        if ended:
            log.info("Reservation %d on node '%s' ended: %s", reservation.id, reservation.node_name, why.code)
        return ended


def _filled(reservation: Reservation, vm: VM) -> Reason:
    return Reason.of(
        "reservation-filled",
        cluster=reservation.cluster_name,
        node=reservation.node_name,
        vcpus=reservation.vcpus,
        memory_gib=reservation.memory_mib / 1024,
        vm=vm.name,
    )


def _over(reservation: Reservation) -> Reason:
    return Reason.of(
        "reservation-over",
        cluster=reservation.cluster_name,
        node=reservation.node_name,
        vcpus=reservation.vcpus,
        memory_gib=reservation.memory_mib / 1024,
    )
