"""How far nodes are above their thresholds: figures that the searches compare, and the least that can remain."""

from __future__ import annotations

from collections.abc import Iterable

DIGITS = 9
"""Excesses that agree to so many digits are equal."""
ROUNDING = 1e-12
"""More than the order of a few additions changes a sum of fractions, and less than what ``DIGITS`` tell apart."""


def least_above(nodes: Iterable[tuple[float, int, int]], room: int) -> float:
    """The least sum of excesses of one resource, in parts of the thresholds.

    Args:
        nodes: for each node its threshold, its use, and the use of the VMs that may still leave it.
        room: how much may leave all of them together.
    """
    total = 0.0
    for threshold, used, free in sorted(nodes):  # a unit counts most where the threshold is lowest
        above = max(0.0, used - threshold)
        gone = min(above, free, room)
        room -= int(gone)
        total += (above - gone) / threshold
    return total


def largest_sum(start: int, sizes: Iterable[int], most: int, unit: int) -> int:
    """The largest value up to ``most`` that ``start`` plus some of ``sizes`` makes; ``most`` where there is none.

    Args:
        start: what is there already.
        sizes: multiples of ``unit``.
        most: the limit.
        unit: a common divisor of the sizes.
    """
    steps = (most - start) // unit
    if steps < 0:
        return most
    reached = 1
    for size in sizes:
        reached |= reached << size // unit
        reached &= (1 << steps + 1) - 1
    return start + (reached.bit_length() - 1) * unit
