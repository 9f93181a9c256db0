"""Proofs that there is no room for all items. Each proof is a count that a reader can repeat by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from balancer.model import Reason
from balancer.strategies.arrays import Bools, Ints
from balancer.survival.arrays import BILLION, RESOURCES, UNBOUNDED
from balancer.survival.items import Items

MAX_PAIRS = 400
_SHOWN = {"load": BILLION, "memory": 1024, "available": 1024}
"""Resource -> the units of the arrays in one unit of the text: MiB become GiB."""


def proof_of_no(items: Items, room: Ints) -> Reason | None:
    """The simplest proof that at least one item has no node; ``None`` = none of these proofs applies."""
    for region, rows in _regions(items):
        proof = (
            _without_node(items, room, rows)
            or _too_much(items, room, region, rows)
            or _too_large(items, room, region, rows)
        )
        if proof is not None:
            return proof
    return _too_many_apart(items, room)


def _regions(items: Items) -> Iterator[tuple[Bools, Ints]]:
    """Sets of nodes, each with the items that fit only there: first all nodes, then the allowed nodes of items."""
    everything: Bools = np.asarray(items.allowed.any(axis=0))
    yield everything, np.arange(len(items), dtype=np.int64)
    visited = {everything.tobytes()}
    for allowed in items.allowed:
        if allowed.tobytes() not in visited:
            visited.add(allowed.tobytes())
            yield allowed, np.flatnonzero(~(items.allowed & ~allowed).any(axis=1))


def total_proof(items: Items, room: Ints) -> Reason | None:
    """Why the items have no room however the other VMs are spread.

    Args:
        items: the VMs of the lost nodes.
        room: node x resource, of all other nodes that take VMs. A move to one of them adds nothing to their sum.
    """
    for resource, name in enumerate(RESOURCES):
        need, free = int(items.needs[:, resource].sum()), sum(np.maximum(room[:, resource], 0).tolist())
        if need > free:
            return Reason.of(
                "survive-sum",
                resource=name,
                need=_shown(name, need),
                free=_shown(name, free),
                vms=items.vms,
                nodes=len(room),
            )
    return None


def _without_node(items: Items, room: Ints, rows: Ints) -> Reason | None:
    for item in rows.tolist():
        if not (items.allowed[item] & (room >= items.needs[item]).all(axis=1)).any():
            group = items.groups[item]
            return Reason.of("survive-no-node", vm=group.vms[0].vm.name, vms=len(group.vms))
    return None


def _too_much(items: Items, room: Ints, region: Bools, rows: Ints) -> Reason | None:
    """The items together need more than the nodes have that could take the smallest item."""
    needs, free = items.needs[rows], room[region]
    usable = free[(free >= needs.min(axis=0, initial=UNBOUNDED)).all(axis=1)]
    for resource, name in enumerate(RESOURCES):
        need, have = int(needs[:, resource].sum()), sum(usable[:, resource].tolist())
        if need > have:
            return Reason.of(
                "survive-sum",
                resource=name,
                need=_shown(name, need),
                free=_shown(name, have),
                vms=_vms(items, rows),
                nodes=int(region.sum()),
            )
    return None


def _too_large(items: Items, room: Ints, region: Bools, rows: Ints) -> Reason | None:
    """There are more items of at least some size than the nodes can take."""
    needs, free = items.needs[rows], room[region]
    for vcpus, mib in _sizes(needs):
        large = (needs[:, 0] >= vcpus) & (needs[:, 1] >= mib)
        number = int(large.sum())
        least = needs[large].min(axis=0, initial=UNBOUNDED)
        holds = np.where(least > 0, np.maximum(free, 0) // np.maximum(least, 1), np.where(free >= 0, UNBOUNDED, 0))
        places = sum(holds.min(axis=1).tolist())
        if number > places:
            gib, nodes = int(least[1]) / 1024, int(region.sum())
            return Reason.of(
                "survive-large", vms=number, vcpus=int(least[0]), memory_gib=gib, places=places, nodes=nodes
            )
    return None


def _sizes(needs: Ints) -> Iterator[tuple[int, int]]:
    """The least sizes (vCPUs, MiB) to count: each size of one resource, and all pairs if they are few."""
    vcpus, mib = sorted(set(needs[:, 0].tolist())), sorted(set(needs[:, 1].tolist()))
    yield from ((size, 0) for size in vcpus)
    yield from ((0, size) for size in mib)
    if len(vcpus) * len(mib) <= MAX_PAIRS:
        yield from ((c, m) for c in vcpus for m in mib)


def _too_many_apart(items: Items, room: Ints) -> Reason | None:
    """There are more items that may not share a node than nodes that could take one of them."""
    for item, others in enumerate(items.apart):
        clique = [item]
        for other in sorted(others):
            if all(other in items.apart[member] for member in clique):
                clique.append(other)
        fits = items.allowed[clique] & (room[None] >= items.needs[clique][:, None]).all(axis=2)
        able = int(fits.any(axis=0).sum())
        if len(clique) > able:
            return Reason.of("survive-apart", vms=len(clique), nodes=able)
    return None


def _vms(items: Items, rows: Ints) -> int:
    return sum(len(items.groups[row].vms) for row in rows.tolist())


def _shown(resource: str, figure: int) -> float:
    return figure / _SHOWN.get(resource, 1)
