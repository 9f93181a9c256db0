"""Gathers the inputs of plans and makes the plans: each cluster's policy, how long overloads last, the alternative.

Dry run, cycle and precheck use the same object, so that they cannot disagree. The planner runs in a thread. Nothing is
stored or shown here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import NamedTuple

from balancer.check_inputs import CheckInputs
from balancer.model import Node, Plan, Snapshot
from balancer.policy import Policy
from bot.config.chats_file import chats_of
from bot.config.clusters_file import ClustersFile
from bot.config.settings import POLICY_FIELDS
from bot.domain.held_clusters import PREFIXES, held_clusters
from bot.domain.modes import AUTO
from bot.domain.times import WallTime, open_time, opens_at, parse_windows
from bot.service.cluster_plans import (
    hold,
    look_at,
    plans_of,
    remarks_of,
    rules_without_effect,
    uneven_clusters,
    with_reasons,
)
from bot.service.context import ServiceContext, UseCase
from bot.service.measured_durations import MeasuredDurations
from bot.service.modes import ClusterModes
from bot.service.overload_counters import OverloadCounters
from bot.service.panel_verdicts import PanelVerdicts
from bot.service.planning_context import ClusterContext, PlanningContext
from bot.service.protections import Protections
from bot.service.restarts import Restarts

log = logging.getLogger(__name__)

COUNTS_STAY_VALID = 2
"""For how many intervals between checks the overloads that were counted before a restart still count."""


class PlannedCheck(NamedTuple):
    """Plans, and their inputs."""

    inputs: CheckInputs
    plans: tuple[Plan, ...]


def _only(inputs: CheckInputs, clusters: Collection[int]) -> CheckInputs:
    """The inputs of these clusters only."""
    snapshot = inputs.snapshot
    return replace(
        inputs,
        snapshot=replace(
            snapshot,
            clusters=tuple(c for c in snapshot.clusters if c.id in clusters),
            nodes=tuple(n for n in snapshot.nodes if n.cluster_id in clusters),
            vms=tuple(v for v in snapshot.vms if v.cluster_id in clusters),
        ),
        policies={i: policy for i, policy in inputs.policies.items() if i in clusters},
    )


class Planning(UseCase):
    """One per program: it remembers its warnings, and the overloads of the last checks."""

    def __init__(
        self, context: ServiceContext, clusters: ClustersFile, verdicts: PanelVerdicts, restarts: Restarts
    ) -> None:
        super().__init__(context)
        self._verdicts = verdicts
        self._restarts = restarts
        self._clusters = clusters
        self.protections = Protections(context, clusters)
        self.modes = ClusterModes(context, clusters)
        self._warned: set[str] = set()
        self._counters = OverloadCounters(self._settings.overload_hold_cycles)
        self.durations = MeasuredDurations(context.store)
        self._chats_differ = any(chat.clusters is not None for chat in chats_of(self._settings))
        """Whether there is a chat that sees only some clusters."""
        self._counts_itself = self._settings.overload_hold_cycles == 1

    def use(self, clusters: ClustersFile) -> None:
        """Replaces the content of CLUSTERS_FILE."""
        self._clusters = clusters
        self.protections.use(clusters)
        self.modes.use(clusters)

    async def policy(self, snapshot: Snapshot, *, filling: int | None = None) -> Policy:
        """The general policy with every exclusion in force, resolved to the nodes of this snapshot.

        A node that is being drained is no target.

        Args:
            filling: a node that a person wants to fill: the exclusion by an earlier drain does not count.
        """
        await self.protections.load()
        sources = self._named_nodes(snapshot, self._settings.exclude_source_nodes)
        targets = self._named_nodes(snapshot, self._settings.exclude_target_nodes)
        stored = [
            e for e in await self._store.exclusions.active(self._clock()) if e.drain_id is None or e.node_id != filling
        ]
        draining = (await self._store.requests.claims()).draining
        policy = replace(
            (await self._runtime.current()).policy(),
            strategy=await self._runtime.strategy(),
            reservations=tuple(r.room for r in await self._store.reservations.active(self._clock())),
        )
        return policy.with_exclusions(
            sources | {e.node_id for e in stored if e.role.forbids_source()},
            targets | draining | {e.node_id for e in stored if e.role.forbids_target()},
        )

    async def policies(self, snapshot: Snapshot, *, filling: int | None = None) -> dict[int, Policy]:
        """Each cluster's policy: the general one with the measured durations and the values of CLUSTERS_FILE."""
        return await self._policies(snapshot, await self.policy(snapshot, filling=filling))

    async def _policies(self, snapshot: Snapshot, general: Policy) -> dict[int, Policy]:
        for name in self._clusters.unknown(snapshot.clusters):
            self._warn(f"CLUSTERS_FILE: no cluster is called '{name}': what it says about it has no effect")
        await self.durations.read(snapshot)
        known = [replace(c, name=self.protections.known_as(c)) for c in snapshot.clusters]
        self.modes.know(known)
        modes = await self.modes.of_all(known)
        policies = {c.id: self._clusters.policy_for(c, self.durations.applied(c, general)) for c in known}
        return {i: replace(policy, automatic=modes[i] == AUTO) for i, policy in policies.items()}

    def node_group(self, name: str, nodes: Sequence[Node]) -> list[Node]:
        """Those of these nodes that belong to this group of CLUSTERS_FILE; empty if there is no such group."""
        return self._clusters.node_group(name, nodes, self.modes.names)

    async def context(self, snapshot: Snapshot, *, filling: int | None = None) -> PlanningContext:
        """Reads everything that plans for this snapshot depend on. Arguments as ``policy``."""
        general = await self.policy(snapshot, filling=filling)
        policies = await self._policies(snapshot, general)
        snapshot = self.durations.added_to(snapshot, policies)
        recent = await self._store.recent_events.read(general, self._clock())
        claims = await self._store.requests.claims()
        lost, modes = self.protections.lost(snapshot, policies), await self.modes.of_all(snapshot.clusters)
        return PlanningContext(snapshot, general, policies, recent, claims, lost, modes)

    async def plans(
        self,
        context: PlanningContext,
        cluster_id: int | None = None,
        strategy: str | None = None,
        *,
        compare: bool = False,
        pass_targets: bool = False,
        asks_panel: bool = True,
    ) -> PlannedCheck:
        """The plans for one cluster or all, in the order of their ids, with their inputs.

        If a person allowed a waiting proposal to pass hard target thresholds, its cluster is planned the same way,
        unless automatic mode finds moves there that keep the thresholds.

        Args:
            strategy: used instead of each cluster's own strategy.
            pass_targets: moves may pass hard target thresholds, up to the overload thresholds.
            compare: add to a plan of ``smallest-first`` the result of its whole, and whether ``optimal`` would do
                clearly better, unless CLUSTERS_FILE sets the strategy. Planning takes three times as long.
            asks_panel: ask the panel for other people's work and for suitable nodes; ``False`` if a person waits,
                because the panel may hang.
        """
        inputs = await self._inputs(context, cluster_id, strategy, asks_panel=asks_panel)
        passing = await self._passing_targets(inputs.policies, strategy, pass_targets)
        if passing and not pass_targets:
            decides = passing & await self.automatic_clusters(context)
            plain = await asyncio.to_thread(plans_of, _only(inputs, decides), compare=False)
            passing -= {new_plan.cluster_id for new_plan in plain if new_plan.moves}
        policies = {i: policy.passing_targets() if i in passing else policy for i, policy in inputs.policies.items()}
        inputs = replace(inputs, policies=policies, passing=frozenset(passing & policies.keys()))
        plans = await asyncio.to_thread(plans_of, inputs, compare=compare)
        own_snapshots = list(inputs.snapshot.split())
        suitable = await self._verdicts.suitable(own_snapshots, policies, inputs.recent, plans) if asks_panel else {}
        if suitable:
            inputs = replace(inputs, recent=replace(inputs.recent, suitable=suitable))
            plans = await asyncio.to_thread(plans_of, inputs, compare=compare)
        return PlannedCheck(inputs, plans)

    async def _inputs(
        self, context: PlanningContext, cluster_id: int | None, strategy: str | None, *, asks_panel: bool
    ) -> CheckInputs:
        """The inputs of the plans, before the panel is asked for suitable nodes. Arguments as ``plans``."""
        snapshot, claims = context.snapshot, context.claims
        policies = {
            i: replace(policy, strategy=strategy or policy.strategy).with_exclusions(claims.draining, frozenset())
            for i, policy in context.policies.items()
        }
        await self._recall()
        ids = [c.id for c in snapshot.clusters if cluster_id is None or c.id == cluster_id]
        held = await self._verdicts.foreign_work(ids) if asks_panel else {}
        held = {**held, **await self._store.campaigns.holding(self._clock())}
        known = [replace(c, name=self.modes.names[c.id]) for c in snapshot.clusters]
        inputs = CheckInputs(
            snapshot=replace(snapshot, clusters=tuple(hold(c, held.get(c.id)) for c in snapshot.clusters)),
            policies=policies,
            recent=replace(context.recent, busy_vms=context.recent.busy_vms | claims.vms),
            hold_checks=self._counters.needed,
            overloaded=dict(self._counters.nodes),
            uneven=dict(self._counters.clusters),
            fixed=frozenset(c.id for c in known if self._clusters.sets(c, "balance_strategy")),
            restarted=await self._restarts.stopped(ids),
            one_cluster_remarks=self._chats_differ,
        )
        return inputs if cluster_id is None else _only(inputs, ids)

    async def _passing_targets(self, clusters: Iterable[int], strategy: str | None, all_of_them: bool) -> set[int]:
        """The clusters whose moves may pass hard target thresholds: their waiting proposal does."""
        if all_of_them or strategy is not None:
            return set(clusters) if all_of_them else set()
        return {p.cluster_id for p in await self._store.proposals.waiting() if p.plan.targets_passed}

    async def automatic_clusters(self, context: PlanningContext) -> frozenset[int]:
        """The clusters in automatic mode, where every move starts without an approval."""
        clusters = {cluster_id for cluster_id, mode in context.modes.items() if mode == AUTO}
        if not clusters:
            return frozenset()
        return frozenset(clusters - set(context.lost) - set(await self._restarts.stopped(clusters)))

    async def observed_plans(self, snapshot: Snapshot, cluster_id: int | None = None) -> tuple[Plan, ...]:
        """As ``plans``, but only with the state of the nodes, at once: no moves are planned."""
        policies = await self.policies(snapshot)
        own_snapshots = [s for s in snapshot.split() if cluster_id is None or s.clusters[0].id == cluster_id]

        def look_at_all() -> tuple[Plan, ...]:
            return tuple(
                look_at(own, policies[own.clusters[0].id], remarks_of(own, one_cluster=self._chats_differ))
                for own in own_snapshots
            )

        held = held_clusters(await self._store.settings.values_with_prefix(PREFIXES))
        plans = await asyncio.to_thread(look_at_all)
        return tuple(with_reasons(new_plan, held.get(new_plan.cluster_id, ())) for new_plan in plans)

    def opens_at(self, cluster_id: int, cluster_name: str, now: WallTime) -> WallTime | None:
        """When migrations of this cluster may start next by MIGRATION_WINDOW; ``None`` = now."""
        text = self.window_of(cluster_id, cluster_name)
        return opens_at(parse_windows(text), now, self._settings.zone)

    def open_time(self, cluster_id: int, cluster_name: str, since: WallTime, until: WallTime) -> timedelta:
        """The time between two moments during which MIGRATION_WINDOW allowed this cluster's migrations to start."""
        text = self.window_of(cluster_id, cluster_name)
        return open_time(parse_windows(text), since, until, self._settings.zone)

    def window_of(self, cluster_id: int, cluster_name: str) -> str:
        """MIGRATION_WINDOW of this cluster, as written."""
        name = self.modes.names.get(cluster_id, cluster_name)
        return self._clusters.window_of(cluster_id, name, self._settings.migration_window)

    async def cluster_context(
        self, snapshot: Snapshot, cluster_id: int, *, single: bool = False, filling: int | None = None
    ) -> ClusterContext | None:
        """The values by which a person's request is judged; ``None``: the cluster is not in the snapshot.

        Args:
            single: as in ``RecentEvents.read``.
            filling: as in ``policy``.
        """
        own = next((s for s in snapshot.split() if s.clusters[0].id == cluster_id), None)
        if own is None:
            return None
        policies = await self.policies(snapshot, filling=filling)
        own, policy = self.durations.added_to(own, policies), policies[cluster_id]
        return ClusterContext(own, policy, await self._store.recent_events.read(policy, self._clock(), single=single))

    def own_strategies(self) -> dict[str, str]:
        """Name or id of each cluster with its own strategy in CLUSTERS_FILE -> that strategy."""
        return self.own_values("balance_strategy")

    def own_values(self, field: str) -> dict[str, str]:
        """Name or id of each cluster with its own value of a setting in CLUSTERS_FILE -> that value."""
        own = self._clusters.all_of(field) if field in POLICY_FIELDS else {}
        return {cluster: str(value) for cluster, value in own.items()}

    async def record_check(self, context: PlanningContext, plans: Collection[Plan]) -> None:
        """After a check: counts overloads, stores what names match, and warns once of names that match nothing."""
        self._counts_itself = True
        snapshot, policies = context.snapshot, context.policies
        uneven = await asyncio.to_thread(uneven_clusters, snapshot, policies) if self._counters.needed > 1 else []
        self._counters.count([n.node_id for new_plan in plans for n in new_plan.overloaded], uneven)
        await self.protections.record(snapshot, policies)
        for rule, what in await asyncio.to_thread(rules_without_effect, snapshot, policies):
            self._warn(f"Rule '{rule}': nothing is called '{what}', so this part of it has no effect")

    @property
    def counters(self) -> dict[str, dict[int, int]]:
        """The counted overloads, for the record of a cycle: the next start of the program reads them."""
        if self._counters.needed == 1:
            return {"overloaded": {}, "uneven": {}}
        return {"overloaded": self._counters.nodes, "uneven": self._counters.clusters}

    async def _recall(self) -> None:
        """Before its first check: takes the counts of the program that ran before, or of another one on this
        database, if they are recent."""
        if self._counts_itself:
            return
        since = self._clock() - timedelta(seconds=COUNTS_STAY_VALID * (await self._runtime.current()).balance_interval)
        self._counters.nodes, self._counters.clusters = await self._store.cycles.overload_counts(since)

    def _named_nodes(self, snapshot: Snapshot, names: Collection[str]) -> frozenset[int]:
        """Every node that a setting names. A name that matches nothing is logged once."""
        node_ids: set[int] = set()
        for name in names:
            nodes = self.protections.nodes_called(snapshot.nodes, name)
            node_ids.update(nodes)
            if not nodes:
                self._warn(f"No node is called '{name}': its exclusion in the settings has no effect")
        return frozenset(node_ids)

    def _warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            log.warning("%s", text)
