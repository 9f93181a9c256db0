"""A plan's rejections in few lines: what a person wants to know first, equal reasons counted. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from balancer.model import Plan, Rejection
from bot.rendering.catalog import Texts

VMS_IN_DETAIL = 3


@dataclass(frozen=True, slots=True)
class WhyNot:
    """The lines to show and how many more there are."""

    lines: tuple[str, ...]
    hidden: int

    @property
    def count(self) -> int:
        return len(self.lines) + self.hidden


def why_not(texts: Texts, plan: Plan, limit: int) -> WhyNot:
    """Plain sentences, most useful first: cluster, nodes that stay overloaded, VMs that fit nowhere, nodes
    that take nothing, then the other VMs counted by reason."""
    left = {m.source_id for m in plan.moves}
    named: dict[str, list[str]] = {"cluster": [], "source": [], "stuck": [], "target": []}
    counted: Counter[str] = Counter()
    for rejection in plan.rejections:
        if rejection.subject == "target" and rejection.id in left:
            continue  # that a node which VMs just left is no target goes without saying
        if rejection.subject != "vm":
            named[rejection.subject].append(_line(texts, rejection))
        elif rejection.per_target and len(named["stuck"]) < VMS_IN_DETAIL:
            named["stuck"].append(_line(texts, rejection))
        else:
            counted[texts.reason(rejection.reason)] += 1
    lines = [line for group in named.values() for line in group]
    lines += [texts.text("rejection-count", reason=reason, count=count) for reason, count in counted.most_common()]
    return WhyNot(tuple(lines[:limit]), max(0, len(lines) - limit))


def _line(texts: Texts, rejection: Rejection) -> str:
    sentence = texts.text("rejection-line", name=rejection.name, reason=texts.reason(rejection.reason))
    if not rejection.per_target:
        return sentence
    each = (texts.text("rejection-per-target", reason=texts.reason(r), count=n) for r, n in rejection.per_target)
    return f"{sentence}: {', '.join(each)}"
