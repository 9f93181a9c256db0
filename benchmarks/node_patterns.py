"""Patterns of one node in a plan: whole VMs leave it and arrive. The cheapest pattern is a proven bound.

A pattern costs ``squares`` x loads^2 + ``linear`` x loads after it, and a price for each of its VMs. With a gradient
every VM gets a reduced price, and no pattern costs less than a constant plus its reduced prices (convex duality). So
only patterns with reduced prices below a limit are tried; the bound is the smaller of the cheapest tried pattern and
the least cost that the limit allows for the rest. Every gradient gives a valid bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

MOST_PATTERNS = 4000
"""The most patterns of one node; if more would have to be tried, the limit is lowered."""
GRID, ZOOMS, SHRINK = 9, 14, 0.4
KEPT = 10
EPSILON = 1e-9


@dataclass(frozen=True)
class Node:
    """An op is one VM that leaves (``sign`` -1) or arrives (1); ``most``: how many of its kind can."""

    start: Any
    """CPU ratio and memory fraction now; likewise the others."""
    lowest: Any
    """When all that may leave is gone."""
    cap: Any
    """A node that takes a VM ends at most here."""
    change: Any
    sign: Any
    most: Any
    places: int
    """VMs that its VM limit allows in addition."""


@dataclass(frozen=True)
class Patterns:
    """``value``: no pattern costs less. The cheapest patterns, as numbers of each op, and what their loads cost."""

    value: float
    counts: Any
    own: Any


def cheapest(node: Node, prices: Any, squares: Any, linear: Any) -> Patterns:
    """The cheapest patterns of a node; ``prices`` by op."""
    if not len(prices):
        own = float(squares @ node.start**2 + linear @ node.start)
        return Patterns(own, np.zeros((1, 0), dtype=np.int64), np.array([own]))
    gradient = _gradient(node, prices, squares, linear)
    reduced = prices + node.change @ gradient
    turned = reduced < 0  # all of these move, and an op takes one of them back
    base = np.where(turned, node.most, 0)
    floor = _floor(node, squares, linear, gradient[None, :])[0] + float(np.minimum(reduced, 0) @ node.most)
    known = min(_descend(node, counts, prices, squares, linear) for counts in (0 * base, _rounded(node, base)))
    limit = max(0.0, known - floor) + EPSILON
    while True:
        steps = _below(np.abs(reduced), node.most, limit)
        if steps is not None:
            break
        limit *= 0.6
    counts = np.where(turned, base - steps, steps)
    counts = counts[_allowed(node, counts)]
    counts = np.concatenate([counts, np.zeros((1, len(prices)), dtype=np.int64)])  # nothing moves: always allowed
    own = _own(node, counts, squares, linear)
    cost = own + counts @ prices
    order = np.append(np.argsort(cost, kind="stable")[:KEPT], len(cost) - 1)
    return Patterns(min(float(cost.min()), floor + limit), counts[order], own[order])


def _rounded(node: Node, base: Any) -> Any:
    """The pattern of all VMs that the gradient takes, if it is allowed; else no pattern."""
    return base if _allowed(node, base[None, :])[0] else 0 * base


def _descend(node: Node, counts: Any, prices: Any, squares: Any, linear: Any) -> float:
    """The cost of a good pattern: one VM more or less of some op, again and again, while that is cheaper."""
    units = np.eye(len(prices), dtype=np.int64)
    best = float(_cost(node, counts[None, :], prices, squares, linear)[0])
    while True:
        near = np.concatenate([counts + units, counts - units])
        near = near[((near >= 0) & (near <= node.most)).all(axis=1)]
        near = near[_allowed(node, near)]
        if not len(near):
            return best
        costs = _cost(node, near, prices, squares, linear)
        if costs.min() >= best - EPSILON:
            return best
        counts, best = near[costs.argmin()], float(costs.min())


def _own(node: Node, counts: Any, squares: Any, linear: Any) -> Any:
    loads = node.start + counts @ node.change
    return loads**2 @ squares + loads @ linear


def _cost(node: Node, counts: Any, prices: Any, squares: Any, linear: Any) -> Any:
    return _own(node, counts, squares, linear) + counts @ prices


def _allowed(node: Node, counts: Any) -> Any:
    loads = node.start + counts @ node.change
    arrives = (counts[:, node.sign > 0] > 0).any(axis=1)
    return ~arrives | ((loads <= node.cap + EPSILON).all(axis=1) & (counts @ node.sign <= node.places))


def _floor(node: Node, squares: Any, linear: Any, gradients: Any) -> Any:
    """By gradient, the least of the loads' cost less the gradient, over all loads that the node can have."""
    top = np.maximum(node.cap, node.start)
    best = np.clip((gradients - linear) / (2 * squares), node.lowest, top)
    return (squares * best**2 + linear * best - gradients * (best - node.start)).sum(axis=1)


def _gradient(node: Node, prices: Any, squares: Any, linear: Any) -> Any:
    """The gradient that bounds best: a grid, then finer grids around the best point of the last one."""
    top = np.maximum(node.cap, node.start)
    middle, half = (node.lowest + top) / 2, (top - node.lowest) * 0.75 + EPSILON
    steps = np.linspace(-1, 1, GRID)
    grid = np.array([(a, b) for a in steps for b in steps])
    for _ in range(ZOOMS):
        loads = middle + half * grid
        gradients = 2 * squares * loads + linear
        reduced = prices + gradients @ node.change.T
        values = _floor(node, squares, linear, gradients) + np.minimum(reduced, 0) @ node.most
        middle, half = loads[values.argmax()], half * SHRINK
    return 2 * squares * middle + linear


def _below(reduced: Any, most: Any, limit: float) -> Any:
    """All numbers of each op whose reduced prices add up to at most the limit; ``None`` where these are too many."""
    use = np.flatnonzero(reduced <= limit)
    use = use[np.argsort(-reduced[use])]
    counts, sums = np.zeros((1, len(reduced)), dtype=np.int64), np.zeros(1)
    for op in use:
        times = np.minimum(most[op], (limit - sums) // max(float(reduced[op]), EPSILON)).astype(np.int64)
        if int(times.sum()) + len(sums) > MOST_PATTERNS:
            return None if limit > EPSILON else counts[:1]
        rows = np.repeat(np.arange(len(sums)), times + 1)
        number = np.arange(len(rows)) - np.repeat(np.cumsum(times + 1) - (times + 1), times + 1)
        counts, sums = counts[rows], sums[rows] + number * reduced[op]
        counts[:, op] = number
    return counts
