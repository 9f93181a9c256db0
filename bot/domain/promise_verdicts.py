"""What several comparisons of the ledger say together: the latest of each migration, the verdict on a cluster. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

from bot.domain.outcomes import Cause, Missing, Outcome

VERDICT_MOVES, VERDICT_KEPT = 5, 2 / 3
"""A cluster breaks its promises if the median of at least this many moves brings less than this part."""
VERDICT_TIME = timedelta(days=7)
"""Moves that ended longer ago do not count for this verdict."""


@dataclass(frozen=True, slots=True)
class BrokenPromises:
    """A cluster whose moves bring clearly less than promised.

    ``kept``: the median part of the promises that was kept. ``cause``: the most frequent cause.
    """

    cluster_id: int
    cluster_name: str
    moves: int
    kept: float
    cause: Cause


def broken_promises(cluster_id: int, name: str, outcomes: Iterable[Outcome]) -> BrokenPromises | None:
    """The verdict on a cluster by the latest comparison of each migration; ``None`` = it keeps its promises, or there
    are too few comparisons."""
    newest = latest(outcomes)
    hits = [o.hit for o in newest.values() if o.hit is not None]
    if len(hits) < VERDICT_MOVES:
        return None
    kept = median(hits)
    if kept >= VERDICT_KEPT:
        return None
    causes = Counter(o.cause for o in newest.values() if o.cause is not None)
    known = sorted((cause for cause in causes if cause is not Cause.UNKNOWN), key=lambda c: (causes[c], c.value))
    cause = known[-1] if known else Cause.UNKNOWN
    return BrokenPromises(cluster_id, name, len(hits), kept, cause)


def latest(outcomes: Iterable[Outcome]) -> dict[int, Outcome]:
    """Migration -> its latest comparison with a result; without migrations that have none."""
    newest: dict[int, Outcome] = {}
    for outcome in outcomes:
        known = newest.get(outcome.migration_id)
        if outcome.relieved is not None and (known is None or outcome.after > known.after):
            newest[outcome.migration_id] = outcome
    return newest


def newest(outcomes: Iterable[Outcome]) -> dict[int, Outcome]:
    """Migration -> its latest comparison with a result; else its latest comparison, which says why it has none."""
    known = list(outcomes)
    without = {o.migration_id: o for o in known if o.missing not in (None, Missing.NOTHING_PROMISED)}
    return without | latest(known)


def first(outcomes: Iterable[Outcome]) -> dict[int, Outcome]:
    """Migration -> its first comparison with a result."""
    oldest: dict[int, Outcome] = {}
    for outcome in outcomes:
        known = oldest.get(outcome.migration_id)
        if outcome.relieved is not None and (known is None or outcome.after < known.after):
            oldest[outcome.migration_id] = outcome
    return oldest
