"""The load of a node, and when a node is overloaded.

Each figure is ONE correctly rounded division of whole numbers. So equal loads are equal floats, and a load exactly at a
threshold equals the threshold. No tolerance is used.

A measured node (``NodeLoad.cpu_load``) is judged by its load per CPU instead of its vCPUs per CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from balancer.model import NodeLoad
from balancer.policy import Policy

DENSITY_CAP = 2
"""More VMs than this per physical CPU do not raise the score any further."""


@dataclass(frozen=True, slots=True)
class Term:
    """One resource that can overload a node."""

    name: str
    load: Callable[[NodeLoad], float]
    limit: Callable[[Policy], float]


ALLOCATED = Term("cpu", lambda load: load.cpu_ratio, lambda policy: policy.cpu_overload_ratio)


def _measured(load: NodeLoad) -> float:
    if load.pressed_load is not None:
        return load.pressed_load
    return load.cpu_ratio if load.cpu_load is None else load.cpu_load


MEASURED = Term(
    "load",
    _measured,
    lambda policy: policy.ssh_load_overload,
)
MEMORY = Term("memory", lambda load: load.memory_percent, lambda policy: policy.memory_overload_percent)

_OF_ALLOCATION = (ALLOCATED, MEMORY)
_OF_MEASUREMENT = (MEASURED, MEMORY)


def terms(load: NodeLoad) -> tuple[Term, ...]:
    """The terms that can overload this node: its CPU load (measured, else allocated), and its memory."""
    return _OF_ALLOCATION if load.cpu_load is None else _OF_MEASUREMENT


def cpu_ratio(vcpus: int, cpus: int) -> float:
    """Allocated vCPUs per physical CPU."""
    return vcpus / cpus


def memory_percent(used_mib: int, total_mib: int) -> float:
    """Allocated memory in percent of the physical memory."""
    return 100 * used_mib / total_mib


def most_vcpus(cpus: int, limit: float) -> int:
    """The largest whole number of vCPUs whose ``cpu_ratio`` is not above the limit."""
    ups, downs = limit.as_integer_ratio()
    return _largest(cpus * ups // downs, lambda most: cpu_ratio(most, cpus) <= limit)


def most_mib(total: int, limit: float) -> int:
    """The largest whole number of MiB whose ``memory_percent`` is not above the limit."""
    ups, downs = limit.as_integer_ratio()
    return _largest(total * ups // (100 * downs), lambda most: memory_percent(most, total) <= limit)


def _largest(guess: int, holds: Callable[[int], bool]) -> int:
    """The largest number for which ``holds`` is true. Steps double, because very large figures are rounded.

    Args:
        guess: near the answer.
        holds: true up to the answer, and false above it.
    """
    step = 1
    while not holds(guess):
        guess, step = guess - step, 2 * step
    step = 1
    while holds(guess + step):
        guess, step = guess + step, 2 * step
    while step > 1:
        step //= 2
        if holds(guess + step):
            guess += step
    return guess


def cpu_load_score(vcpus: int, cpus: int, vm_count: int, density_weight: float) -> float:
    """``vcpus / cpus + min(vm_count / cpus, 2.0) * density_weight`` (README, CPU Load Score)."""
    numerator, denominator = _weight(density_weight)
    return (vcpus * denominator + min(vm_count, DENSITY_CAP * cpus) * numerator) / (cpus * denominator)


def measured_score(load: float, cpus: int, vm_count: int, policy: Policy) -> float:
    """The score of a measured node, on the same scale as ``cpu_load_score``, so that both share one limit.

    ``load`` is per CPU. At its threshold (1.0) it counts as much as vCPUs at their threshold (7.0). The density has a
    smaller weight, 0.3 (README, SSH Load Monitoring): the load contains the cost of many VMs already.
    """
    density = min(vm_count / cpus, DENSITY_CAP)
    return load * policy.cpu_overload_ratio / policy.ssh_load_overload + density * policy.measured_density_weight


def node_load(
    *, cpus: int, vcpus: int, memory_mib: int, memory_allocated_mib: int, vm_count: int, density_weight: float
) -> NodeLoad:
    """The load of a node by its allocation. Memory is in MiB."""
    return NodeLoad(
        cpu_ratio=cpu_ratio(vcpus, cpus),
        memory_percent=memory_percent(memory_allocated_mib, memory_mib),
        vm_count=vm_count,
        score=cpu_load_score(vcpus, cpus, vm_count, density_weight),
    )


def above(load: NodeLoad, policy: Policy) -> tuple[Term, ...]:
    """The terms whose threshold the load exceeds. A load equal to the threshold does not exceed it."""
    return tuple(term for term in terms(load) if term.load(load) > term.limit(policy))


class Figure(NamedTuple):
    """One resource of a node and its threshold, in units for people."""

    name: str
    value: float
    limit: float


def figure(term: Term, load: NodeLoad, policy: Policy) -> Figure:
    """The term's figure; the pressure, if the pressure overloads a measured node."""
    if term is MEASURED and load.pressed_load is not None and load.cpu_pressure is not None:
        return Figure("pressure", load.cpu_pressure, policy.pressure_overload)
    return Figure(term.name, term.load(load), term.limit(policy))


def severity(load: NodeLoad, policy: Policy) -> float:
    """The worst resource as a part of its threshold: above 1 = overloaded."""
    return max(term.load(load) / term.limit(policy) for term in terms(load))


def worst_term(load: NodeLoad, policy: Policy) -> Term:
    """The worst resource, as a part of its threshold."""
    return max(terms(load), key=lambda term: term.load(load) / term.limit(policy))


@lru_cache(maxsize=64)
def _weight(density_weight: float) -> tuple[int, int]:
    """The weight as an exact fraction of the decimal number in the settings."""
    return Fraction(str(density_weight)).as_integer_ratio()
