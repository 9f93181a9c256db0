"""A sequence of moves that makes a cluster more even as fast as possible, at every length that a budget may have.

This is a beam search: of all ways to make k moves only the few most even ones are continued. At 1, 2, 5, 10, ...
moves only the best way is kept, so a plan that is cut there is as good as one made for that many moves. The work is
limited by counts, never by a clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from balancer.strategies.balance.imbalance import Loads, Moment, Step
from balancer.strategies.balance.options import Arrivals, Option, Options

BEAM_NODES = 192
"""Ways followed side by side x nodes: small clusters are searched more broadly, which costs no more."""
MAX_BEAM = 24
MAX_BRANCHES = 6
"""Next moves, and pairs of moves, taken from each way."""
BETTER, SELDOM = 1.5, 4
"""Where a single move is so many times better than each of a pair was, pairs are looked at only now and then."""


class Chain(NamedTuple):
    """Moves, newest first: they share their beginnings, and hold no loads, which are large."""

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
        margin: what each move must take off J, as a part of the J that it finds.
        relief: what overload counts beside J, as a multiple of one node's share of J.
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
            waiting.clear()  # ways that skip this length
        best = min([best, *beam], key=lambda branch: branch.j)
    return best.moves.parts() if best.moves else []


@dataclass
class _Expander:
    """What may come next on a way, and how much pairs have lately been worth."""

    arrivals: Arrivals
    weight: float
    margin: float
    most: int
    of_pairs: float = 0.0
    """The gain of each move of the best pair, when pairs were last looked at."""

    def expand(self, branch: BeamState, depth: int) -> list[Option]:
        """The moves and pairs of moves that are worth it. No pair skips a round length if a single move gets there."""
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
    """The best few, of those with equal J one: they are nearly always the same moves in another order."""
    chosen: dict[float, tuple[Option, BeamState]] = {}
    for option, branch in sorted(options, key=lambda o: round(o[0].j, 12)):
        chosen.setdefault(round(option.j, 12), (option, branch))
        if len(chosen) == most:
            break
    return [branch.after(option) for option, branch in chosen.values()]


def _is_round(moves: int) -> bool:
    """1, 2, 5, 10, 20, 50, 100, ..."""
    while moves >= 10 and moves % 10 == 0:
        moves //= 10
    return moves in (1, 2, 5)


def vm_rows(loads: Loads, parts: Sequence[Sequence[Step]]) -> list[list[tuple[int, int]]]:
    """The same parts with rows of the VMArrays instead of groups: of each group its VMs in turn."""
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
