"""Signs of another balancer: VMs change their node in several checks without a migration of this program.

The API does not say whether VMmanager's own Balancer is on; only its moves are visible. Two balancers undo each
other's work, so people are notified once. This module decides nothing and plans nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from balancer.model import Reason, Snapshot
from bot.store.store import Store

log = logging.getLogger(__name__)

FOREIGN_KEY = "foreign-moves-"
"""Followed by the cluster's id: the key of its last notice."""
WITHIN = timedelta(days=1)
CHECKS = 2
"""The number of checks within ``WITHIN`` that must see foreign moves: a single one may be an admin's work."""
REMIND_AFTER = timedelta(days=7)


class ForeignMoves:
    """Compares each check with the one before it. After a restart it begins without a check to compare with."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._last: Snapshot | None = None
        self._seen_at: dict[int, list[datetime]] = {}

    async def check(self, snapshot: Snapshot) -> bool:
        """Records the moves since the last check. True if people have to be notified.

        Raises:
            StoreError: the database cannot be used.
        """
        last, self._last = self._last, snapshot
        if last is None:
            return False
        ours = await self._store.migrations.vms_since(last.taken_at)
        is_news = False
        for cluster in snapshot.clusters:
            vms = foreign_moves(last, snapshot, cluster.id) - ours
            if vms:
                is_news = await self._noted(cluster.id, cluster.name, len(vms)) or is_news
        return is_news

    async def _noted(self, cluster_id: int, name: str, count: int) -> bool:
        now = self._clock()
        times = [at for at in self._seen_at.get(cluster_id, ()) if now - at < WITHIN]
        self._seen_at[cluster_id] = [*times, now]
        if len(times) + 1 < CHECKS:
            return False
        key = f"{FOREIGN_KEY}{cluster_id}"
        known = await self._store.settings.get(key)
        if known is not None and now - known.at < REMIND_AFTER:
            return False
        log.warning("Cluster '%s': somebody else moves VMs here (%d since the last check)", name, count)
        await self._store.notices.note_outage(
            key, str(count), Reason.of("foreign-moves", cluster=name, count=count), now
        )
        return True


def foreign_moves(last: Snapshot, now: Snapshot, cluster_id: int) -> frozenset[int]:
    """The VMs of a cluster that are on another node than before, also those that this program moved.

    Without VMs that leave or enter a node in maintenance (the panel evacuates the node and brings VMs back), and
    without VMs that VMmanager's Balancer may not move.
    """
    resting = {n.id for snapshot in (last, now) for n in snapshot.nodes if n.maintenance}
    before = {vm.id: vm.node_id for vm in last.vms if vm.cluster_id == cluster_id}
    return frozenset(
        vm.id
        for vm in now.vms
        if vm.cluster_id == cluster_id
        and vm.node_id is not None
        and before.get(vm.id) not in (None, vm.node_id)
        and not {before[vm.id], vm.node_id} & resting
        and (vm.balancer_mode or "").strip().lower() != "off"
    )
