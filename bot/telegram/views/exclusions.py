"""Nodes that are excluded, by whom and until when. Pure: values in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from bot.domain.exclusions import Exclusion, ExclusionRole
from bot.rendering.catalog import Texts
from bot.telegram.views import wording
from bot.telegram.views.view import View


def exclusion_line(texts: Texts, exclusion: Exclusion, now: datetime, key: str = "exclusion-line") -> Markup:
    return texts.html(
        key,
        node=exclusion.node_name,
        role=wording.role(texts, exclusion.role),
        until=wording.until(texts, exclusion.until, now),
        who=exclusion.by.name,
    )


def exclusions_view(
    texts: Texts, exclusions: Sequence[Exclusion], sources: Sequence[str], targets: Sequence[str], now: datetime
) -> View:
    """Those set in the chat with who and until when, then those of the settings."""
    lines: list[Markup | str] = [exclusion_line(texts, e, now) for e in exclusions]
    for names, role in ((sources, ExclusionRole.SOURCE), (targets, ExclusionRole.TARGET)):
        lines += [texts.html("exclusion-setting", node=n, role=wording.role(texts, role)) for n in names]
    if not lines:
        return View(texts.html("exclusions-none"))
    return View(wording.fitted([texts.html("exclusions-title")], lines, texts))
