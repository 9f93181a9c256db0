"""The answer of survive() as rows: message keys with arguments, for the chat, the terminal and the console. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from balancer.survival.values import Loss, Place, Survival, SurvivalVerdict
from bot.domain.survival_summary import SurvivalSummary
from bot.rendering.catalog import Texts

LOSSES_SHOWN = 10
NAMES_SHOWN = 5
REASONS_SHOWN = 3
TARGETS_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a message, its arguments, and how far it is indented."""

    key: str
    args: dict[str, object] = field(default_factory=dict)
    depth: int = 0


def survival_rows(texts: Texts, survival: Survival) -> list[Row]:
    """The answer for the cluster, then each loss without room or undecided; a single loss with its plan."""
    if len(survival.losses) == 1:
        [loss] = survival.losses
        rows = [*_loss_rows(texts, loss, 0, f"{survival.cluster_name} · "), *_place_rows(loss.places)]
    else:
        rows = [headline(SurvivalSummary.of(survival))]
        losses = [*survival.having(SurvivalVerdict.NO), *survival.having(SurvivalVerdict.UNDECIDED)]
        rows += [row for loss in losses[:LOSSES_SHOWN] for row in _loss_rows(texts, loss, 1)]
        if len(losses) > LOSSES_SHOWN:
            rows.append(Row("table-more", {"count": len(losses) - LOSSES_SHOWN}, 1))
    return [*rows, *(Row("survive-caution", {"reason": texts.reason(caution)}, 1) for caution in survival.cautions)]


def headline(summary: SurvivalSummary) -> Row:
    """One line for the whole cluster."""
    args: dict[str, object] = {
        "cluster": summary.cluster_name,
        "losses": summary.losses,
        "no": summary.no,
        "undecided": summary.undecided,
        "upto": summary.up_to,
    }
    return Row(f"survive-{summary.verdict.value}", args)


def short_line(summary: SurvivalSummary) -> Row:
    """The same in a few words, where the cluster is named already."""
    args: dict[str, object] = {"losses": summary.losses, "no": summary.no, "undecided": summary.undecided}
    return Row(f"survive-short-{summary.verdict.value}", args)


def _loss_rows(texts: Texts, loss: Loss, depth: int, cluster: str = "") -> Iterator[Row]:
    nodes = cluster + names_of(loss.node_names)
    if loss.verdict is SurvivalVerdict.YES:
        yield Row("survive-loss-yes", {"nodes": nodes, "vms": loss.vms}, depth)
        return
    names = names_of([rejection.name for rejection in loss.left_out])
    left = len(loss.left_out)
    args: dict[str, object] = {"nodes": nodes, "left": left, "vms": loss.vms, "names": names}
    yield Row(f"survive-loss-{loss.verdict.value}", args, depth)
    if loss.proof is not None:
        yield Row("survive-proof", {"reason": texts.reason(loss.proof)}, depth + 1)
    for rejection in loss.left_out[:1]:
        for reason, count in rejection.per_target[:REASONS_SHOWN]:
            yield Row("survive-why", {"vm": rejection.name, "reason": texts.reason(reason), "count": count}, depth + 1)


def _place_rows(places: Sequence[Place]) -> Iterator[Row]:
    by_node: dict[tuple[int, str], list[str]] = {}
    for place in places:
        by_node.setdefault((place.node_id, place.node_name), []).append(place.vm_name)
    for (_, node), names in sorted(by_node.items())[:TARGETS_SHOWN]:
        yield Row("survive-place", {"node": node, "vms": len(names), "names": names_of(names)}, 1)
    if len(by_node) > TARGETS_SHOWN:
        yield Row("table-more", {"count": len(by_node) - TARGETS_SHOWN}, 1)


def names_of(names: Sequence[str]) -> str:
    """A few of the names; a number stands for the others."""
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" (+{more})" if more > 0 else "")
