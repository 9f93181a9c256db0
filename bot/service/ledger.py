"""The ledger: stores what each migration promises at its start, and compares it with the checks afterwards.

It never stops a check or a migration: a failure here is logged, and the comparison is missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from balancer.model import Plan, Snapshot
from balancer.policy import Policy
from balancer.promises import Promise, Sight, promise_of, sight
from bot.domain.incidents import Resource, deciding
from bot.domain.outcomes import (
    Outcome,
    StartedMove,
    compare,
    due_checkpoints,
    is_late,
)
from bot.domain.proposals import Migration
from bot.errors import StoreError
from bot.service.context import ServiceContext, UseCase

log = logging.getLogger(__name__)

SHARED_WITHIN = timedelta(days=2)
"""Moves that ended within this time before a comparison may have caused a part of the change on its node."""


class StartContext(NamedTuple):
    """The values that the precheck of a start used: snapshot of the cluster, policy, and the approved plan."""

    snapshot: Snapshot
    policy: Policy
    plan: Plan


class Ledger(UseCase):
    """One per program: it remembers for which clusters it has logged a warning."""

    def __init__(self, context: ServiceContext) -> None:
        super().__init__(context)
        self._warned: dict[int, str] = {}
        """Cluster -> its name."""

    async def promise(self, migration: Migration, context: StartContext) -> tuple[Promise, Resource] | None:
        """The promise of a migration that starts now; ``None`` = a figure is unknown."""
        move = migration.move
        try:
            promise = await asyncio.to_thread(promise_of, context.snapshot, context.policy, move.vm_id, move.target_id)
        except Exception:  # a defect here must not keep a VM from being moved
            log.exception("What the move of VM '%s' promises cannot be computed", move.vm_name)
            return None
        return None if promise is None else (promise, _resource(context.plan, promise))

    async def compare(self, snapshot: Snapshot, policies: Mapping[int, Policy]) -> None:
        """Compares the migrations that are due with the figures of this check."""
        try:
            outcomes = await self._compared(snapshot, policies)
            if outcomes:
                await self._warn(snapshot.taken_at)
        except StoreError as error:
            log.error("What migrations brought cannot be compared now: %s", error)
        except Exception:  # a defect here must not fail the check
            log.exception("What migrations brought cannot be compared")

    async def _compared(self, snapshot: Snapshot, policies: Mapping[int, Policy]) -> list[Outcome]:
        now = snapshot.taken_at
        due = await self._store.outcomes.due(now)
        if not due:
            return []
        interval = timedelta(seconds=(await self._runtime.current()).balance_interval)
        clusters = {move.cluster_id for move in due}
        since = min(move.started_at for move in due) - SHARED_WITHIN
        known = await self._store.outcomes.of_clusters(clusters, since)
        outcomes = await asyncio.to_thread(_outcomes, due, known, snapshot, policies, interval)
        await self._store.outcomes.record(outcomes, now)
        for outcome in outcomes:
            log.debug("Migration %d after %s: %s", outcome.migration_id, outcome.after, outcome)
        compared = {outcome.migration_id for outcome in outcomes if outcome.relieved is not None}
        self._notifier.proposals_changed(*sorted({m.proposal_id for m in due if m.migration_id in compared}))
        return outcomes

    async def _warn(self, now: datetime) -> None:
        """Logs once when the moves of a cluster bring less than promised, and once when they no longer do."""
        broken = {verdict.cluster_id: verdict for verdict in await self._store.outcomes.broken(now)}
        for verdict in (v for i, v in broken.items() if i not in self._warned):
            log.warning(
                "Cluster '%s': its last %d moves brought %.0f %% of what they promised (median). Main cause: %s",
                *(verdict.cluster_name, verdict.moves, 100 * verdict.kept, verdict.cause.value),
            )
        for cluster_id, name in self._warned.items():
            if cluster_id not in broken:
                log.info("Cluster '%s': its moves no longer bring less than they promise", name)
        self._warned = {i: verdict.cluster_name for i, verdict in broken.items()}


def _resource(plan: Plan, promise: Promise) -> Resource:
    """The resource by which the source was overloaded; else the resource that stands for its CPU load."""
    report = next((r for r in plan.nodes if r.node_id == promise.source.node_id), None)
    resource = Resource.CPU if report is None or not report.overloaded else deciding(report)[0]
    measured = None not in (promise.source.load.cpu_load, promise.source_after.cpu_load)
    if resource is Resource.MEMORY:
        return resource
    return Resource.LOAD if measured else Resource.CPU


def _outcomes(
    due: Sequence[StartedMove],
    known: Sequence[StartedMove],
    snapshot: Snapshot,
    policies: Mapping[int, Policy],
    interval: timedelta,
) -> list[Outcome]:
    own = {part.clusters[0].id: part for part in snapshot.split()}
    outcomes = []
    for cluster_id in sorted({move.cluster_id for move in due}):
        moves = [move for move in due if move.cluster_id == cluster_id]
        others = [move for move in known if move.cluster_id == cluster_id]
        view = Sight(snapshot.taken_at, {}, {})
        if cluster_id in own and cluster_id in policies:
            nodes = {node.node_id for m in moves for node in (m.promise.source, m.promise.target)}
            view = sight(own[cluster_id], policies[cluster_id], nodes)
        for move in moves:
            for checkpoint in due_checkpoints(move, snapshot.taken_at):
                late = is_late(move, checkpoint, snapshot.taken_at, interval)
                outcomes.append(compare(move, others, view, checkpoint, late=late))
    return outcomes
