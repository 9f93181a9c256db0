"""The first message in a new chat. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from balancer.model import Plan
from bot.domain.version import VERSION
from bot.rendering.catalog import Texts
from bot.telegram.views import wording
from bot.telegram.views.view import View


def hello_view(texts: Texts, plans: Sequence[Plan], mode: str) -> View:
    """What the program looks after, how things stand, whether it asks before it moves, and where to go on.

    Args:
        plans: one for each cluster that the chat shows.
        mode: approve, auto, or dry-run.
    """
    nodes, overloaded = sum(len(plan.nodes) for plan in plans), sum(len(plan.overloaded) for plan in plans)
    lines: list[Markup | str] = [
        texts.html("hello", version=VERSION, clusters=len(plans), nodes=nodes),
        texts.html("hello-state", overloaded=overloaded),
        texts.html("dry-run-note") if mode == "dry-run" else texts.html("mode-now", mode=mode),
        texts.html("hello-commands"),
    ]
    return View(wording.joined(lines))
