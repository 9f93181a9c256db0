"""The ways to relieve one node: sets of VMs whose departure brings it below its thresholds, cheapest first.

VMs of equal size are exchangeable, so a set is a set of sizes with the first VMs of each size. All small sets are
listed (up to a limit). If a node must lose many VMs, only the cheapest set and similar sets are listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement

import numpy as np

from balancer.strategies.arrays import Bools, Ints
from balancer.strategies.optimal.covering import Case, cheapest, cheapest_of_each

MOST = 3
"""All sets of up to this many VMs are listed."""
MAX_COMBINATIONS = 6000
"""The most combinations in a list; a node has about 20 sizes of VMs."""
MAX_PATTERNS = 400


@dataclass(frozen=True)
class Pattern:
    """One set: rows of VMs, and its cost."""

    cost: int
    vms: tuple[int, ...]


class Relief:
    """A node that must lose VMs, and the VMs that may leave it."""

    def __init__(self, node: int, rows: Ints, case: Case) -> None:
        """``rows``: the VMs of the case: those that may leave the node and that another node could take."""
        self.node, self.rows, self.case = node, rows, case
        self.best: Pattern | None = None
        self._pool: list[Pattern] | None = None

    def cheapest_of(self, allowed: Ints) -> Pattern | None:
        """The cheapest set of these VMs only, given by their positions in the case."""
        own = self.case
        cover = cheapest(own._replace(vcpus=own.vcpus[allowed], mib=own.mib[allowed], costs=own.costs[allowed]))
        return None if cover is None else Pattern(cover[0], tuple(self.rows[allowed[cover[1]]].tolist()))

    @property
    def pool(self) -> list[Pattern]:
        """The sets to try, cheapest first."""
        if self._pool is None:
            self._pool = self._patterns()
        return self._pool

    def _patterns(self) -> list[Pattern]:
        if self.best is None:
            return []
        sizes, of_size = self._sizes()
        patterns = {self.best.vms: self.best}
        for chosen in self._small_sets(sizes, of_size):
            patterns.setdefault(chosen.vms, chosen)
        for row in self.best.vms:  # sets without one of its sizes, in case this size has no room
            k = int(np.flatnonzero(self.rows == row)[0])
            unlike = (self.case.vcpus != self.case.vcpus[k]) | (self.case.mib != self.case.mib[k])
            other = self.cheapest_of(np.flatnonzero(unlike))
            if other is not None:
                patterns.setdefault(other.vms, other)
        return sorted(patterns.values(), key=lambda p: (p.cost, p.vms))[:MAX_PATTERNS]

    def _sizes(self) -> tuple[list[tuple[int, int]], list[list[int]]]:
        """The sizes, and the VMs of each size, cheapest first."""
        groups: dict[tuple[int, int], list[int]] = {}
        for k in np.argsort(self.case.costs, kind="stable").tolist():
            groups.setdefault((int(self.case.vcpus[k]), int(self.case.mib[k])), []).append(k)
        sizes = sorted(groups)
        return sizes, [groups[size] for size in sizes]

    def _small_sets(self, sizes: list[tuple[int, int]], of_size: list[list[int]]) -> list[Pattern]:
        fewest = 1 if self.best is None else len(self.best.vms)
        c, m = (np.array([s[i] for s in sizes], dtype=np.int64) for i in (0, 1))
        most = np.array([len(entries) for entries in of_size], dtype=np.int64)
        result: list[Pattern] = []
        for k in range(1, min(MOST, fewest + 1) + 1):
            combos = _combinations(len(sizes), k)
            if not len(combos):
                break
            spare_c = c[combos].sum(axis=1) - self.case.need_vcpus
            spare_m = m[combos].sum(axis=1) - self.case.need_mib
            could_stay = ((c[combos] <= spare_c[:, None]) & (m[combos] <= spare_m[:, None])).any(axis=1)
            combos = combos[(spare_c >= 0) & (spare_m >= 0) & ~could_stay]
            for combo in combos[_there(combos, most)].tolist():
                chosen = _first_of(combo, of_size)
                rows = tuple(sorted(self.rows[chosen].tolist()))
                result.append(Pattern(int(self.case.costs[chosen].sum()), rows))
        return result


def find_best(reliefs: Sequence[Relief]) -> None:
    """Finds the cheapest set of each node, if there is one."""
    for relief, cover in zip(reliefs, cheapest_of_each([r.case for r in reliefs]), strict=True):
        if cover is not None:
            relief.best = Pattern(cover[0], tuple(relief.rows[cover[1]].tolist()))


@lru_cache(maxsize=256)
def _combinations(sizes: int, k: int) -> Ints:
    combos = list(combinations_with_replacement(range(sizes), k)) if sizes**k <= 8 * MAX_COMBINATIONS else []
    return np.array(combos, dtype=np.int64).reshape(-1, k)


def _there(combos: Ints, most: Ints) -> Bools:
    """Whether the node has enough VMs of each size. Combinations are sorted, so equal sizes are neighbours."""
    runs = np.ones_like(combos)
    for i in range(1, combos.shape[1]):
        runs[:, i] = np.where(combos[:, i] == combos[:, i - 1], runs[:, i - 1] + 1, 1)
    return np.asarray((runs <= most[combos]).all(axis=1), dtype=np.bool_)


def _first_of(combo: list[int], of_size: list[list[int]]) -> list[int]:
    used: dict[int, int] = {}
    chosen = []
    for size in combo:
        at = used.get(size, 0)
        used[size] = at + 1
        chosen.append(of_size[size][at])
    return chosen
