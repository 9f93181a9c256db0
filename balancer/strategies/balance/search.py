"""Finds a sequence of moves that evens out a cluster as fast as possible, for every budget.

It is a beam search: of all sequences of k moves only the few most even ones are continued. At 1, 2, 5, 10, ... moves
only the best sequence is kept. So a plan that is cut there is as good as a plan for this number of moves. The work is
limited by counts, never by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from balancer.strategies.balance.imbalance import Loads, Moment, Step
from balancer.strategies.balance.options import Arrivals, Option, Options

BEAM_NODES = 192
"""Width of the beam x nodes: small clusters have a wider beam for the same work."""
MAX_BEAM = 24
MAX_BRANCHES = 6
"""The most next moves, and pairs of moves, for each sequence."""
BETTER, SELDOM = 1.5, 4
"""If a single move is ``BETTER`` times better than each move of a pair, pairs are tried only every ``SELDOM`` steps."""


class Chain(NamedTuple):
    """A linked list of moves, newest first. Sequences share their beginnings. Loads are too large to be stored."""

    newest: tuple[Step, ...]
    before: Chain | None

    def parts(self) -> list[tuple[Step, ...]]:
        """The single moves and pairs of moves, in order."""
        parts: list[tuple[Step, ...]] = []
        chain: Chain | None = self
        while chain is not None:
            parts.append(chain.newest)
            chain = chain.before
        return parts[::-1]


@dataclass(frozen=True)
class BeamState:
    """The loads after some moves, J, and the moves."""

    loads: Loads
    j: float
    moves: Chain | None = None

    def after(self, option: Option) -> BeamState:
        """The state after the moves of this option."""
        loads = self.loads.copy()
        for step in option.steps:
            loads.apply(step)
        return BeamState(loads, option.j, Chain(option.steps, self.moves))


def even_out(loads: Loads, margin: float, relief: float = 0.0) -> list[tuple[Step, ...]]:
    """Moves in order, each legal in its turn: single ones, and pairs that even out only together.

    Args:
        margin: how much each move must reduce J, as a part of the present J.
        relief: the weight of overload in addition to J, as a multiple of one node's share of J.
    """
    wide = max(1, min(MAX_BEAM, BEAM_NODES // max(1, len(loads.field.nodes))))
    weight = relief * Moment.of(loads).j / loads.field.counted
    expander = _Expander(Arrivals(loads.field), weight, margin, MAX_BRANCHES if wide > 1 else 1)
    best = BeamState(loads, Options(loads, expander.arrivals, weight).j)
    beam = [best]
    waiting: dict[int, list[tuple[Option, BeamState]]] = {}
    depth = 0
    while beam or waiting:
        for branch in beam:
            for option in expander.expand(branch, depth):
                waiting.setdefault(depth + len(option.steps), []).append((option, branch))
        depth += 1
        settled = _is_round(depth)
        beam = _best_few(waiting.pop(depth, ()), 1 if settled else wide)
        if settled and beam:
            waiting.clear()  # sequences that skip this length
        best = min([best, *beam], key=lambda branch: branch.j)
    return best.moves.parts() if best.moves else []


@dataclass
class _Expander:
    """Finds the next moves of a sequence, and remembers the last gain of pairs."""

    arrivals: Arrivals
    weight: float
    margin: float
    most: int
    of_pairs: float = 0.0
    """The gain per move of the best pair, when pairs were tried last."""

    def expand(self, branch: BeamState, depth: int) -> list[Option]:
        """The moves and pairs with enough gain. A pair does not skip a round length if a single move can reach it."""
        options = Options(branch.loads, self.arrivals, self.weight)
        singles = [o for o in options.singles(self.most) if branch.j - o.j > self.margin * branch.j]
        gain = branch.j - singles[0].j if singles else 0.0
        far_better = self.most == 1 and bool(singles) and gain > BETTER * self.of_pairs and depth % SELDOM != 0
        if singles and (far_better or _is_round(depth + 1)):
            return singles
        pairs = [o for o in options.pairs(self.most) if branch.j - o.j > 2 * self.margin * branch.j]
        self.of_pairs = (branch.j - pairs[0].j) / 2 if pairs else 0.0
        return singles + pairs


def _best_few(options: Iterable[tuple[Option, BeamState]], most: int) -> list[BeamState]:
    """The best states; only one of those with equal J: they nearly always have the same moves in another order."""
    chosen: dict[float, tuple[Option, BeamState]] = {}
    for option, branch in sorted(options, key=lambda o: round(o[0].j, 12)):
        chosen.setdefault(round(option.j, 12), (option, branch))
        if len(chosen) == most:
            break
    return [branch.after(option) for option, branch in chosen.values()]


def _is_round(moves: int) -> bool:
    """Whether the number is 1, 2, 5, 10, 20, 50, 100, ..."""
    while moves >= 10 and moves % 10 == 0:
        moves //= 10
    return moves in (1, 2, 5)


def vm_rows(loads: Loads, parts: Sequence[Sequence[Step]]) -> list[list[tuple[int, int]]]:
    """The parts with rows of the VMArrays instead of groups: the VMs of each group in turn."""
    field = loads.field
    taken: dict[int, int] = {}
    rows: list[list[tuple[int, int]]] = []
    for part in parts:
        rows.append([])
        for group, target in part:
            row = int(field.members[field.first[group] + taken.get(group, 0)])
            taken[group] = taken.get(group, 0) + 1
            rows[-1].append((row, target))
    return rows
