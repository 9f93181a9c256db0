"""The room for common sizes of VMs (ROOM_SHAPES): computed in a thread, at each check and when a person asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from balancer.model import Snapshot
from balancer.requests.room_table import RoomTable, room_table
from bot.domain.proposals import POLICY_ACTOR
from bot.domain.room_tables import ROOM_KEY, as_text, parse_shapes, tables_of
from bot.errors import StoreError
from bot.service.context import ServiceContext, UseCase
from bot.service.planning_context import PlanningContext

log = logging.getLogger(__name__)


class RoomTables(UseCase):
    """One per program: it keeps the tables of the last check for the metrics."""

    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self._shapes = parse_shapes(context.settings.room_shapes)
        self._known: dict[int, RoomTable] = {}

    @property
    def known(self) -> Mapping[int, RoomTable]:
        """Cluster -> the table of the last check; empty before the first check."""
        return self._known

    async def refresh(self, context: PlanningContext) -> None:
        """Computes the table of each cluster. A cluster whose computation fails has no table."""
        known: dict[int, RoomTable] = {}
        for own in context.snapshot.split() if self._shapes else ():
            cluster = own.clusters[0]
            try:
                known[cluster.id] = await self.ask(context, own)
            except Exception:  # other clusters and the check go on
                log.exception("Cluster '%s': the room for new VMs could not be computed", cluster.name)
        self._known = known
        await self._store_tables()

    async def _store_tables(self) -> None:
        """Stores the tables that changed, for the digest and the console."""
        new = {f"{ROOM_KEY}{i}": as_text(table) for i, table in self._known.items()}
        try:
            old = await self._store.settings.values_with_prefix((ROOM_KEY,))
            for key in sorted(old.keys() | new.keys()):
                if old.get(key) != new.get(key):
                    await self._store.settings.leave(key, new.get(key), POLICY_ACTOR, self._clock())
        except StoreError as error:
            log.error("The room for new VMs is missing in summaries: %s", error)

    async def stored(self) -> Mapping[int, RoomTable]:
        """Cluster -> the stored table of the last check."""
        return tables_of(await self._store.settings.values_with_prefix((ROOM_KEY,)))

    async def ask(self, context: PlanningContext, own: Snapshot) -> RoomTable:
        """The table of one cluster.

        Args:
            context: of all clusters.
            own: the part of its snapshot that is this cluster.
        """
        policy = context.policies.get(own.clusters[0].id, context.general)
        return await asyncio.to_thread(room_table, own, policy, context.recent, self._shapes)
