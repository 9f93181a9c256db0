"""What all searches of ``packing_bound.py`` over one cluster share: limits, and what the VMs that are left need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import gcd
from operator import itemgetter
from typing import NamedTuple

from balancer.strategies.exact.excess import largest_sum
from balancer.strategies.exact.model import NO_LIMIT, ExactModel

Limits = tuple[int, int]
"""Most vCPUs and most MiB."""
Pick = Callable[[list[int]], tuple[int, ...]]
"""The figures of some nodes, out of those of all nodes."""


class Region(NamedTuple):
    """What the VMs that are not placed yet, and can only be on some nodes, need together."""

    pick: Pick
    vcpus: int
    mib: int


class Rest(NamedTuple):
    """What the VMs that are not placed yet need."""

    regions: list[Region]
    """Those that something must go to; all nodes come last."""
    least_vcpus: int
    """The smallest need of each resource."""
    least_mib: int


@dataclass(frozen=True, slots=True)
class PackingCase:
    """One cluster, and the nodes that may stay overloaded. Lists are by the row of a node or of a VM."""

    model: ExactModel
    left: frozenset[int]
    others: list[int]
    """Rows of the other nodes; likewise ``counted``, of those with a limit of VMs."""
    counted: list[int]
    vcpus: list[int]
    """By node: what VMs that may not move have; likewise ``mib`` and ``count``."""
    mib: list[int]
    count: list[int]
    stay: list[Limits]
    """By node: what it may hold without arrivals, as sums that VMs can make; likewise ``fill``, with arrivals."""
    fill: list[Limits]
    most: list[Limits]
    """The larger of both."""
    domains: list[frozenset[int]]
    """By VM: where it can be in the end."""
    rows: list[int]
    """The VMs in the order in which they are placed."""
    grouped: list[int]
    """Those of ``rows`` that are in an anti-affinity group."""
    rest: list[Rest]
    """By number of placed VMs; likewise ``rest_of_left``."""
    rest_of_left: list[dict[int, Limits]]
    """Node of ``left`` -> vCPUs and MiB of its VMs that are not placed yet."""
    bit: dict[int, int]
    """VM -> its bit in the ``mask`` of its node."""
    mask: list[int]


def packing_case(model: ExactModel, left: frozenset[int], *, overloaded_first: bool = False) -> PackingCase:
    """``overloaded_first``: the VMs of overloaded nodes are placed before all others."""
    homes = model.at_home()
    vcpus = [n.vcpus - sum(model.vms[row].vcpus for row in homes[i]) for i, n in enumerate(model.nodes)]
    mib = [n.mib - sum(model.vms[row].mib for row in homes[i]) for i, n in enumerate(model.nodes)]
    others = [i for i in range(len(model.nodes)) if i not in left]
    stay, fill, most = _limits(model, vcpus, mib)
    domains = _domains(model, left, vcpus, mib)
    rows = sorted(range(len(model.vms)), key=_most_constrained_first(model, domains, overloaded_first))
    rest, rest_of_left = _rests(model, left, frozenset(others), domains, rows)
    return PackingCase(
        model=model,
        left=left,
        others=others,
        counted=[i for i in others if model.nodes[i].cap_count < NO_LIMIT],
        vcpus=vcpus,
        mib=mib,
        count=[n.count - len(homes[i]) for i, n in enumerate(model.nodes)],
        stay=stay,
        fill=fill,
        most=most,
        domains=domains,
        rows=rows,
        grouped=[row for row in rows if model.vms[row].apart],
        rest=rest,
        rest_of_left=rest_of_left,
        bit={row: 1 << i for own in homes for i, row in enumerate(own)},
        mask=[(1 << len(own)) - 1 for own in homes],
    )


def _limits(model: ExactModel, used_vcpus: list[int], used_mib: list[int]) -> tuple[list[Limits], ...]:
    """``stay``, ``fill`` and ``most`` of each node."""
    unit = 0
    for vm in model.vms:
        unit = gcd(unit, vm.mib)
    stays: list[Limits] = []
    fills: list[Limits] = []
    mosts: list[Limits] = []
    for i, node in enumerate(model.nodes):
        vms = [vm for vm in model.vms if vm.home == i or i in vm.targets]
        vcpus, mib = [vm.vcpus for vm in vms], [vm.mib for vm in vms]
        fill = (
            largest_sum(used_vcpus[i], vcpus, node.fill_vcpus, 1),
            largest_sum(used_mib[i], mib, node.fill_mib, max(1, unit)),
        )
        stay = (node.vcpus, node.mib)
        if node.overloaded:
            stay = (
                largest_sum(used_vcpus[i], vcpus, node.cap_vcpus, 1),
                largest_sum(used_mib[i], mib, node.cap_mib, max(1, unit)),
            )
        fills.append(fill)
        stays.append(stay)
        takes = any(i in vm.targets for vm in model.vms)
        mosts.append((max(fill[0], stay[0]), max(fill[1], stay[1])) if takes else stay)
    return stays, fills, mosts


def _domains(
    model: ExactModel, left: frozenset[int], used_vcpus: list[int], used_mib: list[int]
) -> list[frozenset[int]]:
    """Where each VM can be in the end."""
    nodes = model.nodes
    return [
        frozenset(
            [
                *(
                    t
                    for t in vm.targets
                    if t not in left
                    and used_vcpus[t] + vm.vcpus <= nodes[t].fill_vcpus
                    and used_mib[t] + vm.mib <= nodes[t].fill_mib
                ),
                vm.home,
            ]
        )
        for vm in model.vms
    ]


def _most_constrained_first(
    model: ExactModel, domains: list[frozenset[int]], overloaded_first: bool
) -> Callable[[int], tuple[bool, int, float, int, int, int]]:
    """The order in which VMs are placed: those with the fewest nodes to choose from, then the largest."""
    vms, nodes = model.vms, model.nodes
    vcpus = max(1, sum(node.cap_vcpus for node in nodes))
    mib = max(1, sum(node.cap_mib for node in nodes))

    def key(row: int) -> tuple[bool, int, float, int, int, int]:
        size = max(vms[row].vcpus / vcpus, vms[row].mib / mib)
        last = overloaded_first and not nodes[vms[row].home].overloaded
        return last, len(domains[row]), -size, -vms[row].vcpus, -vms[row].mib, row

    return key


def _rests(
    model: ExactModel,
    left: frozenset[int],
    every: frozenset[int],
    domains: list[frozenset[int]],
    rows: list[int],
) -> tuple[list[Rest], list[dict[int, Limits]]]:
    """By number of placed VMs: what the others need, and those of the nodes of ``left``."""
    regions = sorted({every, *(d for d in domains if d <= every)}, key=lambda d: (-len(d), sorted(d)))
    pickers = [_picker(region) for region in regions]
    least_vcpus = least_mib = NO_LIMIT
    of_left = dict.fromkeys(sorted(left), (0, 0))
    needs = [(0, 0)] * len(regions)
    rests, rests_of_left = [Rest(_needy(pickers, needs), 0, 0)], [of_left]
    for row in reversed(rows):
        vm = model.vms[row]
        least_vcpus, least_mib = min(least_vcpus, vm.vcpus), min(least_mib, vm.mib)
        if vm.home in left:
            of_left = {**of_left, vm.home: (of_left[vm.home][0] + vm.vcpus, of_left[vm.home][1] + vm.mib)}
        else:
            needs = [
                (c + vm.vcpus, m + vm.mib) if domains[row] <= region else (c, m)
                for region, (c, m) in zip(regions, needs, strict=True)
            ]
        rests.append(Rest(_needy(pickers, needs), least_vcpus, least_mib))
        rests_of_left.append(of_left)
    return rests[::-1], rests_of_left[::-1]


def _needy(pickers: Sequence[Pick], needs: Sequence[Limits]) -> list[Region]:
    regions = [Region(pick, *need) for pick, need in zip(pickers, needs, strict=True)]
    return [region for region in reversed(regions[1:]) if region.vcpus or region.mib] + regions[:1]


def _picker(nodes: Iterable[int]) -> Pick:
    rows = sorted(nodes)
    if len(rows) > 1:
        return itemgetter(*rows)
    return lambda figures: tuple(figures[row] for row in rows)
