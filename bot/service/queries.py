"""Questions of people: the state of everything, plans, nodes and VMs, where a new VM fits. Nothing is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from balancer.migration_time import Fitted
from balancer.model import VM, Node, Plan
from balancer.policy import Policy
from balancer.requests.place import place
from balancer.requests.results import Placement, WhyNode, WhyVM
from balancer.requests.why import why_node, why_vm
from bot.domain.load_history import PastMigration, Sample
from bot.domain.lookup import Named, matching, nearest
from bot.domain.proposals import UNSETTLED, Proposal, ProposedMove
from bot.errors import NotFound, PanelError
from bot.service.context import ServiceContext, UseCase
from bot.service.observer import FRESH, NOW, Observer
from bot.service.planning import Planning
from bot.service.values import Status

PAST_MOVES = 10
"""How many past moves of a VM its details show."""


@dataclass(frozen=True, slots=True)
class VMDetails:
    """A VM as last seen: where it is, what keeps it there or where it may go, and what was decided about it."""

    vm: VM
    node: Node | None
    why: WhyVM
    past: tuple[ProposedMove, ...]


class Queries(UseCase):
    def __init__(self, context: ServiceContext, observer: Observer, planning: Planning) -> None:
        super().__init__(context)
        self._observer = observer
        self._planning = planning

    async def plans(
        self,
        cluster: str | None = None,
        max_age: timedelta | None = NOW,
        strategy: str | None = None,
        *,
        outlook: bool = False,
    ) -> tuple[Plan, ...]:
        """What would be done now, for one cluster or all. Nothing is stored.

        Args:
            strategy: instead of the one that is set.
            outlook: as in ``Planning.plans``.
        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster is called so, or more than one.
        """
        # Who is content with an older snapshot is a person who waits.
        snapshot = await (self._observer.observe_soon(max_age) if max_age else self._observer.observe(max_age))
        wanted = None if cluster is None else self._one(snapshot.clusters, cluster, "cluster").id
        return await self._planning.plans(snapshot, wanted, strategy, outlook=outlook, asks_panel=max_age == NOW)

    async def _looks(self, cluster: str | None, max_age: timedelta) -> tuple[Plan, ...]:
        """As ``plans``, of the nodes alone: to even out many large clusters takes longer than a person waits."""
        snapshot = await self._observer.observe_soon(max_age)
        wanted = None if cluster is None else self._one(snapshot.clusters, cluster, "cluster").id
        return await self._planning.looks(snapshot, wanted)

    async def status(self, cluster: str | None = None, max_age: timedelta = FRESH) -> Status:
        """The state of everything; when the panel does not answer (soon), the last snapshot with the problem."""
        plans: tuple[Plan, ...] = ()
        with suppress(PanelError):  # nothing was ever seen: the problem below says why
            plans = await self._looks(cluster, max_age)
        now = self._clock()
        last, problem = self._observer.last, self._observer.problem
        return Status(
            taken_at=None if last is None else last.taken_at,
            plans=plans,
            mode=await self._runtime.mode(),
            paused_until=await self._runtime.paused_until(),
            waiting=tuple(await self._store.proposals.waiting()),
            running=tuple(await self._store.migrations.in_states(UNSETTLED)),
            exclusions=tuple(await self._store.exclusions.active(now)),
            problem=None if problem is None else str(problem),
        )

    async def node_details(self, node: Node) -> tuple[Node, Plan, list[VM]]:
        """A node as last seen, with the plan of its cluster and its VMs.

        Raises:
            NotFound: the node has gone meanwhile.
        """
        snapshot = await self._observer.observe_soon()
        latest = next((n for n in snapshot.nodes if n.id == node.id), None)
        if latest is None:
            raise NotFound("node", node.name, nearest(node.name, snapshot.nodes))
        [made] = await self._planning.plans(snapshot, latest.cluster_id, asks_panel=False)
        return latest, made, [vm for vm in snapshot.vms if vm.node_id == node.id]

    async def find_nodes(self, name: str, max_age: timedelta = FRESH) -> list[Node]:
        """The nodes with this name or id; more than one is for the person to choose from.

        Raises:
            NotFound: none; with the nearest names.
        """
        snapshot = await self._observer.observe_soon(max_age)
        found = matching(snapshot.nodes, name)
        if not found:
            raise NotFound("node", name, nearest(name, snapshot.nodes))
        return found

    async def load_history(
        self, since: datetime, until: datetime, *, cluster_id: int | None = None, node_id: int | None = None
    ) -> tuple[list[Sample], list[PastMigration]]:
        """The load of a node, or of a cluster's nodes together, and the migrations that went well meanwhile."""
        if node_id is not None:
            samples = await self._store.samples.of_node(node_id, since, until)
        else:
            samples = await self._store.samples.of_cluster(cluster_id, since, until)
        return samples, await self._store.migrations.past(since, until, cluster_id=cluster_id, node_id=node_id)

    async def policy_of(self, cluster_id: int) -> Policy:
        """What holds for a cluster; what holds in general where nobody has seen the cluster lately."""
        [policy] = await self.policies_of([cluster_id])
        return policy

    async def policies_of(self, cluster_ids: Sequence[int]) -> list[Policy]:
        """As ``policy_of``, of several in their order."""
        snapshot = await self._observer.observe(None)
        policies, general = await self._planning.policies(snapshot), await self._planning.policy(snapshot)
        return [policies.get(cluster_id, general) for cluster_id in cluster_ids]

    async def place(self, vcpus: int, memory_gib: float, cluster: str | None = None) -> tuple[Placement, ...]:
        """Where a new VM of this size would fit best, cluster by cluster, and how many each still holds.

        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster is called so.
            ValueError: a size is not above 0.
        """
        snapshot = await self._observer.observe_soon()
        wanted = None if cluster is None else self._one(snapshot.clusters, cluster, "cluster").id
        policies = await self._planning.policies(snapshot)
        memory_mib = round(memory_gib * 1024)
        seen = [s for s in snapshot.split() if wanted in (None, s.clusters[0].id)]
        return tuple(
            [await asyncio.to_thread(place, own, policies[own.clusters[0].id], vcpus, memory_mib) for own in seen]
        )

    async def why(self, name: str) -> tuple[WhyVM | WhyNode, ...]:
        """Why what has this name or id is left as it is: nodes first, then VMs; several may have one name.

        Raises:
            PanelError: as ``observe``.
            NotFound: nothing is called so; with the nearest names of both.
        """
        snapshot = await self._observer.observe_soon()
        nodes, vms = matching(snapshot.nodes, name), matching(snapshot.vms, name)
        if not nodes and not vms:
            raise NotFound("node-or-vm", name, nearest(name, [*snapshot.nodes, *snapshot.vms]))
        found: list[WhyVM | WhyNode] = []
        for node in nodes:
            judging = await self._planning.judging(snapshot, node.cluster_id)
            if judging is not None:
                found.append(await asyncio.to_thread(why_node, *judging, node.id))
        for vm in vms:
            judging = await self._planning.judging(snapshot, vm.cluster_id)
            if judging is not None:
                found.append(await asyncio.to_thread(why_vm, *judging, vm.id))
        return tuple(found)

    async def find_vms(self, name: str, max_age: timedelta = FRESH) -> list[VM]:
        """The VMs with this name or id; more than one is for the person to choose from.

        Raises:
            PanelError: as ``observe``.
            NotFound: none; with the nearest names.
        """
        snapshot = await self._observer.observe_soon(max_age)
        found = matching(snapshot.vms, name)
        if not found:
            raise NotFound("vm", name, nearest(name, snapshot.vms))
        return found

    async def vm_details(self, vm: VM) -> VMDetails:
        """A VM as last seen, why it is where it is, and its past moves.

        Raises:
            PanelError: as ``observe``.
            NotFound: it has gone meanwhile.
        """
        snapshot = await self._observer.observe_soon()
        latest = next((v for v in snapshot.vms if v.id == vm.id), None)
        judging = latest and await self._planning.judging(snapshot, latest.cluster_id)
        if not latest or not judging:
            raise NotFound("vm", vm.name, nearest(vm.name, snapshot.vms))
        why = await asyncio.to_thread(why_vm, *judging, vm.id)
        node = next((n for n in snapshot.nodes if n.id == latest.node_id), None)
        return VMDetails(latest, node, why, tuple(await self._store.decisions.of_vm(vm.id, PAST_MOVES)))

    def measured(self) -> dict[str, Fitted]:
        """Name of a cluster -> what its own migrations say of their duration."""
        names = {} if self._observer.last is None else {c.id: c.name for c in self._observer.last.clusters}
        return {names.get(i, str(i)): fitted for i, fitted in self._planning.measured().items()}

    async def proposed(self, move_id: int) -> tuple[Proposal, ProposedMove] | None:
        """A move with the proposal that it is part of."""
        found = await self._store.proposals.move(move_id)
        proposal = None if found is None else await self._store.proposals.get(found[0])
        return None if found is None or proposal is None else (proposal, found[1])

    @staticmethod
    def _one(things: Sequence[Named], name: str, what: str) -> Named:
        found = matching(things, name)
        if len(found) != 1:
            raise NotFound(what, name, nearest(name, things))
        return found[0]
