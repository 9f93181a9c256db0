"""Answers to people's questions: status, plans, nodes and VMs, where a new VM fits. Nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from balancer.migration_time import Fitted, WritingVM
from balancer.model import VM, Cluster, Node, Plan, Snapshot
from balancer.policy import Policy
from balancer.requests.place import place
from balancer.requests.results import Placement, WhyNode, WhyVM
from balancer.requests.roll import roll
from balancer.requests.roll_plan import RollPlan
from balancer.requests.room_table import RoomTable
from balancer.requests.why import why_node, why_vm
from balancer.survival.values import Survival
from bot.domain.exclusions import Exclusion
from bot.domain.load_history import PastMigration, Sample
from bot.domain.lookup import Named, matching, nearest
from bot.domain.proposals import UNSETTLED, Proposal, ProposedMove
from bot.domain.reservations import Reservation
from bot.domain.vm_load import chart_samples
from bot.errors import NotFound, PanelError
from bot.service.context import ServiceContext, UseCase
from bot.service.observer import FRESH, NOW, Observer
from bot.service.planning import Planning
from bot.service.room_tables import RoomTables
from bot.service.survivals import Survivals
from bot.service.values import Status
from bot.store.values import DecisionGroup

Sees = Callable[[int, str], bool]
"""Whether a person may see a cluster, by its id and name."""
InCluster = TypeVar("InCluster", Node, VM)
PAST_MOVES = 10
"""How many past moves the details of a VM show."""


@dataclass(frozen=True, slots=True)
class VMDetails:
    """A VM in the last snapshot: where it is, what keeps it there or where it may go, and the decisions about it."""

    vm: VM
    node: Node | None
    why: WhyVM
    past: tuple[ProposedMove, ...]
    writing: WritingVM | None = None
    """How fast it writes to its memory, by its own migrations; ``None`` = unknown, or its disks are copied too."""


class Queries(UseCase):
    """The questions that one person, or everybody, may ask.

    Args:
        sees: whether this person may see a cluster (id, name); ``None`` = every cluster. No answer and no error
            contains names or figures of other clusters.
    """

    def __init__(
        self,
        context: ServiceContext,
        observer: Observer,
        planning: Planning,
        survivals: Survivals,
        *,
        room_tables: RoomTables,
        sees: Sees | None = None,
    ) -> None:
        super().__init__(context)
        self._observer = observer
        self._planning = planning
        self._survivals = survivals
        self._room_tables = room_tables
        self._sees = sees

    def seen_by(self, sees: Sees) -> Queries:
        """The same questions for a person who sees only these clusters."""
        return Queries(
            *(self._context, self._observer, self._planning, self._survivals),
            room_tables=self._room_tables,
            sees=sees,
        )

    def _clusters(self, snapshot: Snapshot) -> list[Cluster]:
        return [c for c in snapshot.clusters if self._sees is None or self._sees(c.id, c.name)]

    def _in_sight(self, things: Sequence[InCluster], snapshot: Snapshot) -> list[InCluster]:
        """The nodes or VMs of the clusters that this person sees."""
        shown = {c.id for c in self._clusters(snapshot)}
        return [thing for thing in things if thing.cluster_id in shown]

    def _in_sight_ids(self) -> list[int] | None:
        """Ids of the clusters that this person sees, by the last snapshot; ``None`` = all, also deleted ones."""
        if self._sees is None:
            return None
        return [c.id for c in self._observer.clusters_seen() if self._sees(c.id, c.name)]

    async def plans(
        self,
        cluster: str | None = None,
        max_age: timedelta | None = NOW,
        strategy: str | None = None,
        *,
        compare: bool = False,
    ) -> tuple[Plan, ...]:
        """The plans for one cluster or all, as a check would make them now. Nothing is stored.

        Args:
            strategy: used instead of the strategy in the settings.
            compare: as in ``Planning.plans``.
        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster has this name, or more than one.
        """
        # A caller that accepts an older snapshot is a person who waits.
        snapshot = await (self._observe_soon(max_age) if max_age else self._observer.observe(max_age))
        wanted = None if cluster is None else self._one(self._clusters(snapshot), cluster, "cluster").id
        context = await self._planning.context(snapshot)
        _, plans = await self._planning.plans(context, wanted, strategy, compare=compare, asks_panel=max_age == NOW)
        return self._plans_in_sight(plans)

    async def _observe_soon(self, max_age: timedelta = FRESH) -> Snapshot:
        """As ``Observer.observe_soon``, but a snapshot from before the end of a migration is not fresh enough.

        Raises:
            PanelError: the panel has never answered.
        """
        last = self._observer.last
        if last is not None and await self._store.migrations.ended_since(last.taken_at):
            max_age = NOW
        return await self._observer.observe_soon(max_age)

    def _plans_in_sight(self, plans: Sequence[Plan]) -> tuple[Plan, ...]:
        return tuple(p for p in plans if self._sees is None or self._sees(p.cluster_id, p.cluster_name))

    async def _observed_plans(self, cluster: str | None, max_age: timedelta) -> tuple[Plan, ...]:
        """As ``plans``, but only with the state of the nodes: planning many large clusters takes too long here."""
        snapshot = await self._observe_soon(max_age)
        wanted = None if cluster is None else self._one(self._clusters(snapshot), cluster, "cluster").id
        return self._plans_in_sight(await self._planning.observed_plans(snapshot, wanted))

    async def status(self, cluster: str | None = None, max_age: timedelta = FRESH) -> Status:
        """The status; if the panel does not answer soon, that of the last snapshot, with the problem."""
        plans: tuple[Plan, ...] = ()
        with suppress(PanelError):  # the panel has never answered: ``problem`` below says why
            plans = await self._observed_plans(cluster, max_age)
        last, problem = self._observer.last, self._observer.problem
        shown = None if self._sees is None and cluster is None else {p.cluster_id for p in plans}
        waiting, running = await self._store.proposals.waiting(), await self._store.migrations.in_states(UNSETTLED)
        snoozes = await self._store.snoozes.active(self._clock())
        planned = {p.cluster_id for p in plans}
        return Status(
            taken_at=None if last is None else last.taken_at,
            plans=plans,
            mode=await self._runtime.mode(),
            paused_until=await self._runtime.paused_until(),
            waiting=tuple(p for p in waiting if shown is None or p.cluster_id in shown),
            running=tuple(m for m in running if shown is None or m.cluster_id in shown),
            exclusions=tuple(await self.exclusions()),
            problem=None if problem is None else str(problem),
            snoozes=tuple(x for x in snoozes if shown is None or x.cluster_id in shown),
            survivals=tuple(s for i, s in (await self._survivals.summaries()).items() if i in planned),
            broken=await self._store.outcomes.broken(self._clock(), shown),
            reservations=tuple(r for r in await self._reservations() if shown is None or r.cluster_id in shown),
        )

    async def _reservations(self) -> list[Reservation]:
        return await self._store.reservations.active(self._clock())

    async def exclusions(self) -> list[Exclusion]:
        """The exclusions in force, of the nodes that this person sees."""
        active, last = await self._store.exclusions.active(self._clock()), self._observer.last
        if self._sees is None:
            return list(active)
        shown = set() if last is None else {n.id for n in self._in_sight(last.nodes, last)}
        return [exclusion for exclusion in active if exclusion.node_id in shown]

    async def decided_requests(self, limit: int, offset: int = 0) -> list[DecisionGroup]:
        """As the store's ``by_request``, of the clusters that this person sees."""
        return await self._store.decisions.by_request(limit, offset, self._in_sight_ids())

    async def history(self, limit: int) -> list[ProposedMove]:
        """The moves that were decided last, newest first, in the clusters that this person sees."""
        return await self._store.decisions.history(limit, self._in_sight_ids())

    async def node_details(self, node: Node) -> tuple[Node, Plan, list[VM]]:
        """A node of the last snapshot, with the plan of its cluster and its VMs.

        Raises:
            NotFound: the node no longer exists.
        """
        snapshot = await self._observe_soon()
        latest = next((n for n in snapshot.nodes if n.id == node.id), None)
        if latest is None:
            raise NotFound("node", node.name, nearest(node.name, self._in_sight(snapshot.nodes, snapshot)))
        context = await self._planning.context(snapshot)
        _, [new_plan] = await self._planning.plans(context, latest.cluster_id, asks_panel=False)
        return latest, new_plan, [vm for vm in snapshot.vms if vm.node_id == node.id]

    async def find_nodes(self, name: str, max_age: timedelta = FRESH) -> list[Node]:
        """The nodes with this name or id. If there are several, the person has to choose one.

        Raises:
            NotFound: no node has this name; the error has the nearest names.
        """
        snapshot = await self._observe_soon(max_age)
        nodes = self._in_sight(snapshot.nodes, snapshot)
        matches = matching(nodes, name)
        if not matches:
            raise NotFound("node", name, nearest(name, nodes))
        return matches

    async def load_history(
        self, since: datetime, until: datetime, *, cluster_id: int | None = None, node_id: int | None = None
    ) -> tuple[list[Sample], list[PastMigration]]:
        """The load of a node, or of all nodes of a cluster together, and the successful migrations in that time."""
        if node_id is not None:
            samples = await self._store.samples.of_node(node_id, since, until)
        else:
            samples = await self._store.samples.of_cluster(cluster_id, since, until)
        return samples, await self._store.migrations.past(since, until, cluster_id=cluster_id, node_id=node_id)

    async def vm_load_history(
        self, vm_id: int, since: datetime, until: datetime
    ) -> tuple[list[Sample], list[PastMigration]]:
        """The load of a VM in CPUs (``Sample.cpu_load``), and its successful migrations in that time."""
        samples = await self._store.vm_samples.of_vm(vm_id, since, until)
        return chart_samples(samples), await self._store.migrations.past(since, until, vm_id=vm_id)

    async def policy_of(self, cluster_id: int) -> Policy:
        """The policy of a cluster; the general policy if the last snapshot does not have the cluster."""
        [policy] = await self.policies_of([cluster_id])
        return policy

    async def policies_of(self, cluster_ids: Sequence[int]) -> list[Policy]:
        """As ``policy_of``, for several clusters in the same order."""
        snapshot = await self._observer.observe(None)
        context = await self._planning.context(snapshot)
        return [context.policies.get(cluster_id, context.general) for cluster_id in cluster_ids]

    async def place(self, vcpus: int, memory_gib: float, cluster: str | None = None) -> tuple[Placement, ...]:
        """Where a new VM of this size fits best, for each cluster, and for how many there is room.

        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster has this name.
            ValueError: a size is not above 0.
        """
        snapshot = await self._observe_soon()
        clusters = self._clusters(snapshot)
        wanted = {c.id for c in clusters} if cluster is None else {self._one(clusters, cluster, "cluster").id}
        policies = await self._planning.policies(snapshot)
        memory_mib = round(memory_gib * 1024)
        parts = [s for s in snapshot.split() if s.clusters[0].id in wanted]
        return tuple(
            [await asyncio.to_thread(place, own, policies[own.clusters[0].id], vcpus, memory_mib) for own in parts]
        )

    async def survive(self, name: str = "", without: str = "") -> tuple[Survival, ...]:
        """Whether there is room for the VMs of lost nodes, for each cluster.

        Args:
            name: a cluster: each of its nodes is lost alone. A group of nodes of CLUSTERS_FILE, or nodes separated by
                commas: they are lost together. Empty: each node of each cluster is lost alone.
            without: a node that is switched off at the same time.
        Raises:
            PanelError: as ``observe``.
            NotFound: nothing has this name, or several things have it, or the nodes are of several clusters.
        """
        snapshot = await self._observe_soon()
        context = await self._planning.context(snapshot)  # before node_group, which depends on it
        nodes = self._in_sight(snapshot.nodes, snapshot)
        away = [self._one(nodes, without, "node")] if without else []
        clusters = self._clusters(snapshot)
        lost: list[Node] = []
        if name and not matching(clusters, name):
            lost = self._planning.node_group(name, nodes) or [
                self._one(nodes, part, "node") for part in name.split(",") if part.strip()
            ]
            wanted = {node.cluster_id for node in lost}
            if len(wanted) != 1:
                raise NotFound("node", name, [])
        else:
            wanted = {c.id for c in clusters} if not name else {self._one(clusters, name, "cluster").id}
            wanted = wanted & {node.cluster_id for node in away} if away else wanted
        away_ids = [node.id for node in away]
        parts = [own for own in snapshot.split() if own.clusters[0].id in wanted]
        return tuple([await self._survivals.ask(context, own, [node.id for node in lost], away_ids) for own in parts])

    async def room(self, cluster: str | None = None) -> tuple[RoomTable, ...]:
        """The room for new VMs of common sizes, for one cluster or all.

        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster has this name.
        """
        snapshot = await self._observe_soon()
        context = await self._planning.context(snapshot)
        clusters = self._clusters(snapshot)
        wanted = {c.id for c in clusters} if cluster is None else {self._one(clusters, cluster, "cluster").id}
        parts = [own for own in snapshot.split() if own.clusters[0].id in wanted]
        return tuple([await self._room_tables.ask(context, own) for own in parts])

    async def roll_plan(self, name: str = "") -> RollPlan:
        """The plan for emptying nodes one after another. Nothing is stored.

        Args:
            name: a cluster, or nodes of one cluster separated by commas; empty: the only cluster in sight.
        Raises:
            PanelError: as ``observe``.
            NotFound: nothing has this name, or several things have it, or the nodes are of several clusters.
        """
        snapshot = await self._observe_soon()
        clusters, nodes = self._clusters(snapshot), self._in_sight(snapshot.nodes, snapshot)
        chosen: list[Node] = []
        if name and not matching(clusters, name):
            chosen = [self._one(nodes, part, "node") for part in name.split(",") if part.strip()]
        elif name:
            clusters = [self._one(clusters, name, "cluster")]
        wanted = {node.cluster_id for node in chosen} or {cluster.id for cluster in clusters}
        if len(wanted) != 1:
            raise NotFound("node" if chosen else "cluster", name, [])
        context = await self._planning.cluster_context(snapshot, wanted.pop())
        if context is None:
            raise NotFound("cluster", name, [])
        return await asyncio.to_thread(roll, *context, [node.id for node in chosen] or None)

    async def roll_plan_of(self, node: Node) -> RollPlan:
        """As ``roll_plan``, of one node."""
        snapshot = await self._observe_soon()
        context = await self._planning.cluster_context(snapshot, node.cluster_id)
        if context is None or all(n.id != node.id for n in context.snapshot.nodes):
            raise NotFound("node", node.name, nearest(node.name, self._in_sight(snapshot.nodes, snapshot)))
        return await asyncio.to_thread(roll, *context, [node.id])

    async def why(self, name: str) -> tuple[WhyVM | WhyNode, ...]:
        """Why nodes and VMs with this name or id are not moved: nodes first, then VMs.

        Raises:
            PanelError: as ``observe``.
            NotFound: nothing has this name; the error has the nearest names of nodes and VMs.
        """
        snapshot = await self._observe_soon()
        all_nodes, all_vms = self._in_sight(snapshot.nodes, snapshot), self._in_sight(snapshot.vms, snapshot)
        nodes, vms = matching(all_nodes, name), matching(all_vms, name)
        if not nodes and not vms:
            raise NotFound("node-or-vm", name, nearest(name, [*all_nodes, *all_vms]))
        answers: list[WhyVM | WhyNode] = []
        for node in nodes:
            context = await self._planning.cluster_context(snapshot, node.cluster_id)
            if context is not None:
                answers.append(await asyncio.to_thread(why_node, *context, node.id))
        for vm in vms:
            context = await self._planning.cluster_context(snapshot, vm.cluster_id)
            if context is not None:
                answers.append(await asyncio.to_thread(why_vm, *context, vm.id))
        return tuple(answers)

    async def find_vms(self, name: str, max_age: timedelta = FRESH) -> list[VM]:
        """The VMs with this name or id. If there are several, the person has to choose one.

        Raises:
            PanelError: as ``observe``.
            NotFound: no VM has this name; the error has the nearest names.
        """
        snapshot = await self._observe_soon(max_age)
        vms = self._in_sight(snapshot.vms, snapshot)
        matches = matching(vms, name)
        if not matches:
            raise NotFound("vm", name, nearest(name, vms))
        return matches

    async def vm_details(self, vm: VM) -> VMDetails:
        """A VM of the last snapshot, why it is on its node, and its past moves.

        Raises:
            PanelError: as ``observe``.
            NotFound: the VM no longer exists.
        """
        snapshot = await self._observe_soon()
        latest = next((v for v in snapshot.vms if v.id == vm.id), None)
        context = latest and await self._planning.cluster_context(snapshot, latest.cluster_id)
        if not latest or not context:
            raise NotFound("vm", vm.name, nearest(vm.name, self._in_sight(snapshot.vms, snapshot)))
        why = await asyncio.to_thread(why_vm, *context, vm.id)
        node = next((n for n in snapshot.nodes if n.id == latest.node_id), None)
        past = tuple(await self._store.decisions.of_vm(vm.id, PAST_MOVES))
        return VMDetails(latest, node, why, past, self._planning.durations.writing_of(latest, context.policy))

    def measured(self) -> dict[str, Fitted]:
        """Name of a cluster -> the duration fitted to its own migrations."""
        last = self._observer.last
        names = {} if last is None else {c.id: c.name for c in self._clusters(last)}
        fitted = self._planning.durations.known()
        shown = {i: own for i, own in fitted.items() if self._sees is None or i in names}
        return {names.get(i, str(i)): own for i, own in shown.items()}

    def own_values(self, field: str) -> dict[str, str]:
        """Name or id of a cluster -> its own value of a setting from CLUSTERS_FILE, of the clusters in sight."""
        last, own = self._observer.last, self._planning.own_values(field)
        if self._sees is None:
            return own
        words = {word for c in (self._clusters(last) if last else ()) for word in (str(c.id), c.name.casefold())}
        return {cluster: value for cluster, value in own.items() if cluster.casefold() in words}

    async def proposed(self, move_id: int) -> tuple[Proposal, ProposedMove] | None:
        """A move with its proposal."""
        stored = await self._store.proposals.move(move_id)
        proposal = None if stored is None else await self._store.proposals.get(stored[0])
        return None if stored is None or proposal is None else (proposal, stored[1])

    @staticmethod
    def _one(things: Sequence[Named], name: str, what: str) -> Named:
        matches = matching(things, name)
        if len(matches) != 1:
            raise NotFound(what, name, nearest(name, things))
        return matches[0]
