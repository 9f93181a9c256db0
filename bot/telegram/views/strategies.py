"""The strategies in the chat: which one is on, with buttons for admins, and two plans side by side. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from markupsafe import Markup

from balancer.model import Plan
from balancer.policy import STRATEGIES
from bot.rendering.catalog import Texts
from bot.rendering.plan_summary import strategy_words
from bot.store.values import StoredSetting
from bot.telegram.keyboards.buttons import do, keyboard
from bot.telegram.views import wording
from bot.telegram.views.proposals import plan_view
from bot.telegram.views.view import View


def strategy_view(
    texts: Texts, current: str, stored: StoredSetting | None, own: Mapping[str, str], may_change: bool
) -> View:
    """The strategy that is on, who set it, which clusters have their own, and a button for each other one."""
    lines: list[Markup | str] = [texts.html("strategy-now", strategy=current)]
    if stored is not None:
        lines.append(texts.html("strategy-set-by", who=stored.by.name))
    lines += [texts.html("strategy-of-cluster", cluster=name, strategy=s) for name, s in own.items()]
    if not may_change:
        return View(wording.joined(lines))
    others = [s for s in STRATEGIES if s != current]
    rows = [[do(texts.text("switch-strategy", strategy=s), "strategy", extra=s)] for s in others]
    return View(wording.joined(lines), keyboard(rows))


def comparison_view(texts: Texts, current: Plan, other: Plan, *, once: bool = False, switch: bool = False) -> View:
    """The plan of another strategy, under both in one line each.

    Args:
        once: the reader may propose this plan; the settings stay.
        switch: the reader may change the strategy of all clusters.
    """
    view = plan_view(texts, other, beside=[strategy_words(texts, current), strategy_words(texts, other)])
    strategy, rows = other.strategy, []
    if once and other.moves:
        label = texts.text("button-once", strategy=strategy)
        rows.append([do(label, "propose", other.cluster_id, extra=strategy)])
    if switch:
        rows.append([do(texts.text("switch-strategy", strategy=strategy), "strategy", extra=strategy)])
    text = wording.joined([view.text, texts.html("strategy-reach")]) if rows else view.text
    return replace(view, text=text, keyboard=keyboard(rows))
