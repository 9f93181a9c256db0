"""What another strategy would have done over the recorded checks. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from balancer.policy import STRATEGIES
from balancer.replay.simulation import ReplayResult
from bot.rendering.catalog import Texts
from bot.rendering.replays import assumptions, percent
from bot.service.what_if import COMPARED
from bot.telegram.handlers.base import Answer, Feature, Request
from bot.telegram.keyboards.buttons import go, keyboard
from bot.telegram.views import wording
from bot.telegram.views.view import View

DEFAULT_DAYS, MOST_DAYS = 7, 366


class WhatIfs(Feature):
    @property
    def commands(self) -> Mapping[str, Answer]:
        return {"whatif": self.what_if}

    async def what_if(self, request: Request) -> Sequence[View]:
        """`/whatif`, `/whatif 30`, `/whatif 30 optimal`: days, and a strategy."""
        texts = request.texts
        days, strategies = DEFAULT_DAYS, list[str]()
        for word in request.args.lower().split():
            if word.isascii() and word.isdecimal() and 1 <= int(word) <= MOST_DAYS:
                days = int(word)
            elif word in STRATEGIES:
                strategies += [word] if word not in strategies else []
            else:
                known = ", ".join(STRATEGIES)
                return [View(texts.html("whatif-usage", text=word, most=MOST_DAYS, known=known))]
        replayed = await self.service.what_if.replay(days, strategies or COMPARED)
        if replayed is None:
            return [View(texts.html("whatif-nothing", days=days))]
        head = texts.html("whatif-title", days=days, checks=replayed.checks)
        lines = [_line(texts, texts.text("replay-happened"), replayed.happened)]
        lines += [_line(texts, name, outcome) for name, outcome in replayed.variants]
        assumed = assumptions(texts, (outcome for _, outcome in replayed.variants))
        fold = Markup("<blockquote expandable>{}</blockquote>").format(wording.joined(assumed))
        return [View(wording.joined([head, *lines, fold]), keyboard([[go(texts.text("button-status"), "status")]]))]


def _line(texts: Texts, label: str, outcome: ReplayResult) -> Markup:
    total = outcome.total
    return texts.html(
        "whatif-line",
        label=label,
        percent=percent(total),
        moves=total.moves,
        gib=round(total.copied_mib / 1024),
        questions=total.questions,
    )
