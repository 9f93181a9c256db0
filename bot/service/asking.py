"""Questions of people: where a new VM fits, why something stays as it is, all about one VM. Nothing is stored."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from balancer.model import VM, Node
from balancer.requests.place import place
from balancer.requests.results import Placement, WhyNode, WhyVM
from balancer.requests.why import why_node, why_vm
from bot.domain.lookup import matching, nearest
from bot.domain.proposals import ProposedMove
from bot.errors import NotFound
from bot.service.queries import FRESH, Seeing

PAST_MOVES = 10
"""How many past moves of a VM its details show."""


@dataclass(frozen=True, slots=True)
class VMDetails:
    """A VM as last seen: where it is, what keeps it there or where it may go, and what was decided about it."""

    vm: VM
    node: Node | None
    why: WhyVM
    past: tuple[ProposedMove, ...]


class Asking(Seeing):
    async def place(self, vcpus: int, memory_gib: float, cluster: str | None = None) -> tuple[Placement, ...]:
        """Where a new VM of this size would fit best, cluster by cluster, and how many each still holds.

        Raises:
            PanelError: as ``observe``.
            NotFound: no cluster is called so.
            ValueError: a size is not above 0.
        """
        snapshot = await self.observe(FRESH)
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
        snapshot = await self.observe(FRESH)
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
        snapshot = await self.observe(max_age)
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
        snapshot = await self.observe(FRESH)
        latest = next((v for v in snapshot.vms if v.id == vm.id), None)
        judging = latest and await self._planning.judging(snapshot, latest.cluster_id)
        if not latest or not judging:
            raise NotFound("vm", vm.name, nearest(vm.name, snapshot.vms))
        why = await asyncio.to_thread(why_vm, *judging, vm.id)
        node = next((n for n in snapshot.nodes if n.id == latest.node_id), None)
        return VMDetails(latest, node, why, tuple(await self._store.moves_of_vm(vm.id, PAST_MOVES)))
