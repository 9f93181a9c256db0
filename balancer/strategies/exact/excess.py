"""How far nodes are above their thresholds: the figures that the searches compare, and lower bounds of them."""

from __future__ import annotations

from collections.abc import Iterable

DIGITS = 9
"""Excesses are rounded to this many digits; equal results are equal excesses."""
ROUNDING = 1e-12
"""Larger than the rounding error of a sum of fractions, and smaller than a difference in the last of ``DIGITS``."""


def least_above(nodes: Iterable[tuple[float, int, int]], room: int) -> float:
    """The least sum of excesses of one resource, in parts of the thresholds.

    Args:
        nodes: for each node its threshold, its use, and the use of the VMs that may still leave it.
        room: how much may leave all these nodes together.
    """
    total = 0.0
    for threshold, used, free in sorted(nodes):  # a unit counts most on the node with the lowest threshold
        above = max(0.0, used - threshold)
        part = min(above, free, room)
        room -= int(part)
        total += (above - part) / threshold
    return total


def largest_sum(start: int, sizes: Iterable[int], most: int, unit: int) -> int:
    """The largest sum of ``start`` and some of ``sizes`` that is at most ``most``; ``most`` if there is none.

    Args:
        start: the part that is always in the sum.
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
