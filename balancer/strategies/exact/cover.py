"""The cheapest VMs that must leave a node: a covering knapsack over few VMs; every result is cached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from balancer.strategies.exact.model import ExactModel, ExactVM

INFEASIBLE = 2**62


class Leaving(Protocol):
    """A VM that may leave its node, with its size and the cost of its move."""

    @property
    def vcpus(self) -> int:
        """Virtual CPUs."""

    @property
    def mib(self) -> int:
        """Memory."""

    @property
    def cost(self) -> int:
        """The cost of its move, a whole number."""


class Sized(NamedTuple):
    """A ``Leaving`` that has only these values."""

    vcpus: int
    mib: int
    cost: int


class Covers:
    """The least costs of leaving for each node. VMs are bits of a mask, in the order of ``ExactModel.at_home``."""

    def __init__(self, model: ExactModel) -> None:
        self._vms: list[list[ExactVM]] = [[model.vms[row] for row in rows] for rows in model.at_home()]
        self._known: dict[tuple[int, int, int, int, int], int] = {}

    def least(self, node: int, mask: int, vcpus: int, mib: int, count: int) -> int:
        """The least cost of VMs of ``mask`` that together free these vCPUs, MiB and places, or INFEASIBLE."""
        key = (node, mask, vcpus, mib, count)
        known = self._known.get(key)
        if known is None:
            vms = [vm for i, vm in enumerate(self._vms[node]) if mask >> i & 1]
            known = self._known[key] = least_cost(vms, max(0, vcpus), max(0, mib), max(0, count))
        return known


def least_cost(vms: Sequence[Leaving], vcpus: int, mib: int, count: int) -> int:
    """The least cost of VMs that together free this much, or INFEASIBLE. VMs must be sorted, cheapest first.

    Dynamic programming over the remaining need.
    """
    if not (vcpus or mib or count):
        return 0
    if sum(vm.vcpus for vm in vms) < vcpus or sum(vm.mib for vm in vms) < mib or len(vms) < count:
        return INFEASIBLE
    open_needs = {(vcpus, mib, count): 0}
    best = INFEASIBLE
    rest_vcpus, rest_mib = sum(vm.vcpus for vm in vms), sum(vm.mib for vm in vms)
    for i, vm in enumerate(vms):
        rest_vcpus, rest_mib, rest_count = rest_vcpus - vm.vcpus, rest_mib - vm.mib, len(vms) - i - 1
        after: dict[tuple[int, int, int], int] = {}
        for (c, m, n), cost in open_needs.items():
            if c <= rest_vcpus and m <= rest_mib and n <= rest_count:
                after[c, m, n] = min(cost, after.get((c, m, n), INFEASIBLE))
            taken, then = cost + vm.cost, (max(0, c - vm.vcpus), max(0, m - vm.mib), max(0, n - 1))
            if then == (0, 0, 0):
                best = min(best, taken)
            elif taken + vm.cost < best and then[0] <= rest_vcpus and then[1] <= rest_mib and then[2] <= rest_count:
                after[then] = min(taken, after.get(then, INFEASIBLE))
        open_needs = after
    return best
