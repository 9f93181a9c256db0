"""The plan of a rolling campaign, in lines of plain text: for the chat and the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from balancer.reasons import brief
from balancer.requests.roll_plan import RollPlan, RollStep
from balancer.survival.values import SurvivalVerdict
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration

STAYING_SHOWN = 5
"""Reasons why VMs of one node cannot leave."""


def roll_lines(texts: Texts, plan: RollPlan) -> list[str]:
    """The sums, the steps in their order, and what the rules force."""
    if not plan.steps:
        return [texts.text("roll-nothing")]
    lines = [
        texts.text("roll-moves", count=len(plan.moves), bound=plan.bound),
        texts.text("roll-duration", duration=duration(texts, timedelta(seconds=plan.seconds))),
        _survival_line(texts, plan.steps),
    ]
    for number, step in enumerate(plan.steps, start=1):
        lines += _step_lines(texts, number, step)
    return [*lines, *(texts.reason(caution) for caution in plan.cautions)]


def _survival_line(texts: Texts, steps: Sequence[RollStep]) -> str:
    bad = [step for step in steps if step.survives is not SurvivalVerdict.YES]
    if not bad:
        return texts.text("roll-survives")
    names = ", ".join(name for step in bad for name in step.node_names)
    return texts.text("roll-survives-not", nodes=names)


def _step_lines(texts: Texts, number: int, step: RollStep) -> list[str]:
    line = texts.text(
        "roll-step",
        number=number,
        nodes=", ".join(step.node_names),
        count=len(step.moves),
        duration=duration(texts, timedelta(seconds=step.seconds)),
    )
    if step.to_open:
        line += " " + texts.text("roll-again", count=step.to_open)
    counted = Counter(texts.reason(brief(rejection.reason)) for rejection in step.stay)
    return [
        line,
        *(
            "  " + texts.text("roll-stay", count=count, reason=reason)
            for reason, count in counted.most_common(STAYING_SHOWN)
        ),
    ]
