"""What migrations brought, in words and as rows for other programs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from balancer.model import NodeLoad
from bot.domain.incidents import Resource
from bot.domain.outcomes import CHECKPOINTS, LedgerEntry, Outcome
from bot.domain.promise_verdicts import BrokenPromises
from bot.domain.proposals import ProposedMove
from bot.rendering.catalog import Texts
from bot.rendering.export import Row, iso

AFTER = dict(zip(CHECKPOINTS, ("ten-minutes", "hour", "day"), strict=True))
"""Checkpoint -> its word in the catalogues."""
SHORT = dict(zip(CHECKPOINTS, ("10m", "1h", "1d"), strict=True))
"""Checkpoint -> its word for other programs."""
_FIGURES = ("cpu_ratio", "cpu_load", "memory_percent")
_NODE_COLUMNS = tuple(
    f"{node}_{figure}_{when}"
    for node in ("source", "target")
    for figure in _FIGURES
    for when in ("before", "promised", "measured")
)
OUTCOME_COLUMNS = (
    *("migration_id", "cluster_id", "finished_at", "after", "measured_at", "vm_id", "vm", "vcpus", "memory_mib"),
    *("source_id", "source", "target_id", "target", "resource", "promised", "relieved", "kept", "moves"),
    *("missing", "cause", "vm_cpus_promised", "vm_cpus_from", "vm_cpus_measured", *_NODE_COLUMNS),
)


@dataclass(frozen=True, slots=True)
class Relief:
    """What moves brought to one node together, in the unit of the resource."""

    node: str
    resource: Resource
    promised: float
    relieved: float


def reliefs(moves: Iterable[ProposedMove], outcomes: Mapping[int, Outcome]) -> list[Relief]:
    """One entry for each node that was relieved, in the order of the moves. Moves without a result are left out."""
    sums: dict[tuple[int, Resource], Relief] = {}
    for proposed in moves:
        outcome = None if proposed.migration is None else outcomes.get(proposed.migration.id)
        if outcome is None or outcome.relieved is None:
            continue
        key = (proposed.move.source_id, outcome.resource)
        known = sums.get(key, Relief(proposed.move.source_name, outcome.resource, 0.0, 0.0))
        sums[key] = Relief(
            known.node, outcome.resource, known.promised + outcome.promised, known.relieved + outcome.relieved
        )
    return list(sums.values())


def relief_words(texts: Texts, relief: Relief) -> str:
    """Plain text: "relieved alder by 1.8 of 1.9 promised", or "relieved alder by 2, 1.9 was promised"."""
    resource, node, promised = relief.resource.value, relief.node, _rounded(relief.promised, relief.resource)
    relieved = _rounded(relief.relieved, relief.resource)
    if relieved < 0:
        return texts.text("outcome-no-relief", resource=resource, node=node, rise=-relieved, promised=promised)
    key = "outcome-more-relief" if relieved > promised else "outcome-relief"
    return texts.text(key, resource=resource, node=node, relieved=relieved, promised=promised)


def outcome_words(texts: Texts, outcome: Outcome, node: str) -> str:
    """What one comparison says of the source node, with the cause of a shortfall; plain text."""
    if outcome.relieved is None:
        missing = "not-checked" if outcome.missing is None else outcome.missing.value
        return texts.text(f"outcome-missing-{missing}")
    words = relief_words(texts, Relief(node, outcome.resource, outcome.promised, outcome.relieved))
    if outcome.cause is None:
        return words
    cause = texts.text(f"outcome-cause-{outcome.cause.value}")
    return texts.text("outcome-with-cause", words=words, cause=cause)


def after_words(texts: Texts, after: timedelta) -> str:
    """How long after the end of the migration: "10 min"."""
    return texts.text("outcome-after", after=AFTER[after])


def broken_line(texts: Texts, broken: BrokenPromises) -> str:
    """That a cluster's moves bring less than they promise, and why; plain text."""
    cause = texts.text(f"outcomes-broken-{broken.cause.value}")
    percent = round(100 * broken.kept)
    return texts.text("outcomes-broken", cluster=broken.cluster_name, percent=percent, moves=broken.moves, cause=cause)


def _rounded(figure: float, resource: Resource) -> float:
    """Rounded as it is shown, so that a relief of -0.001 does not appear as a rise."""
    return round(figure, 1 if resource is Resource.MEMORY else 2) + 0.0


# For other programs --------------------------------------------------------------------------------


def outcome_line(texts: Texts, entry: LedgerEntry) -> str:
    """One comparison as a line for people."""
    promise = entry.move.promise
    return texts.text(
        "terminal-outcome",
        after=after_words(texts, entry.outcome.after),
        vm=promise.vm_name,
        source=promise.source.node_name,
        target=promise.target.node_name,
        words=outcome_words(texts, entry.outcome, promise.source.node_name),
    )


def outcome_rows(entries: Sequence[LedgerEntry]) -> list[Row]:
    """One row for each comparison; times are ISO 8601 in UTC, a figure that is missing is empty."""
    return [_row(entry) for entry in entries]


def _row(entry: LedgerEntry) -> Row:
    move, outcome, promise = entry.move, entry.outcome, entry.move.promise
    row: dict[str, object] = {
        "migration_id": outcome.migration_id,
        "cluster_id": move.cluster_id,
        "finished_at": iso(move.finished_at),
        "after": SHORT[outcome.after],
        "measured_at": iso(outcome.at),
        "vm_id": promise.vm.vm_id,
        "vm": promise.vm_name,
        "vcpus": promise.vm.vcpus,
        "memory_mib": promise.vm.memory_mib,
        "source_id": promise.source.node_id,
        "source": promise.source.node_name,
        "target_id": promise.target.node_id,
        "target": promise.target.node_name,
        "resource": outcome.resource.value,
        "promised": _figure(outcome.promised),
        "relieved": _figure(outcome.relieved),
        "kept": _figure(outcome.hit),
        "moves": outcome.moves,
        "missing": None if outcome.missing is None else outcome.missing.value,
        "cause": None if outcome.cause is None else outcome.cause.value,
        "vm_cpus_promised": _figure(promise.carries),
        "vm_cpus_from": promise.carries_from,
        "vm_cpus_measured": _figure(outcome.vm_cpus),
    }
    nodes = {
        "source": (promise.source.load, promise.source_after, outcome.source),
        "target": (promise.target.load, promise.target_after, outcome.target),
    }
    for node, loads in nodes.items():
        for when, load in zip(("before", "promised", "measured"), loads, strict=True):
            row |= {f"{node}_{figure}_{when}": _of(load, figure) for figure in _FIGURES}
    return row


def _of(load: NodeLoad | None, figure: str) -> float | None:
    return None if load is None else _figure(getattr(load, figure))


def _figure(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 4)
