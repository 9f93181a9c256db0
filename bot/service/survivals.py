"""Whether each cluster has room for a lost node: computed in a thread, at each check and when a person asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping

from balancer.model import Snapshot
from balancer.survival.survive import losses_of, survive
from balancer.survival.values import Survival
from bot.domain.proposals import POLICY_ACTOR
from bot.domain.survival_summary import SURVIVES_KEY, SurvivalSummary, summaries_of
from bot.errors import StoreError
from bot.service.context import ServiceContext, UseCase
from bot.service.planning_context import PlanningContext

log = logging.getLogger(__name__)


class Survivals(UseCase):
    """One per program: it keeps the answers of the last check for /status, the digest and the metrics."""

    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self._known: dict[int, Survival] = {}

    @property
    def known(self) -> Mapping[int, Survival]:
        """Cluster -> the answer of the last check, for each node alone; empty before the first check."""
        return self._known

    async def refresh(self, context: PlanningContext) -> None:
        """Computes the answer for each node of each cluster. A cluster whose computation fails has no answer."""
        known: dict[int, Survival] = {}
        for own in context.snapshot.split():
            cluster = own.clusters[0]
            policy = context.policies.get(cluster.id, context.general)
            try:
                known[cluster.id] = await asyncio.to_thread(survive, own, policy, context.recent)
            except Exception:  # other clusters and the check go on
                log.exception("Cluster '%s': room for a lost node could not be computed", cluster.name)
        self._known = known
        await self._store_summaries()

    async def _store_summaries(self) -> None:
        """Stores the summaries that changed, for /status, the digest and the console."""
        new = {f"{SURVIVES_KEY}{i}": SurvivalSummary.of(survival).as_text() for i, survival in self._known.items()}
        try:
            old = await self._store.settings.values_with_prefix((SURVIVES_KEY,))
            for key in sorted(old.keys() | new.keys()):
                if old.get(key) != new.get(key):
                    await self._store.settings.leave(key, new.get(key), POLICY_ACTOR, self._clock())
        except StoreError as error:
            log.error("Room for a lost node is missing in status and summaries: %s", error)

    async def summaries(self) -> Mapping[int, SurvivalSummary]:
        """Cluster -> the stored summary of the last check."""
        return summaries_of(await self._store.settings.values_with_prefix((SURVIVES_KEY,)))

    async def ask(
        self, context: PlanningContext, own: Snapshot, lost: Collection[int] = (), away: Collection[int] = ()
    ) -> Survival:
        """The answer for one cluster.

        Args:
            context: of all clusters.
            own: the part of its snapshot that is this cluster.
            lost: ids of nodes that are lost together; empty: each node alone.
            away: ids of nodes that are switched off at the same time; their VMs need room too.
        """
        policy = context.policies.get(own.clusters[0].id, context.general)
        return await asyncio.to_thread(survive, own, policy, context.recent, losses=losses_of(own, lost, away))
