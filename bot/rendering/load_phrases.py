"""Where a node's CPU load comes from, in words: "load 0.62 per CPU, ssh, 12 s ago" or "ratio 6.1, panel". Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from balancer.model import NodeLoad, NodeReport
from bot.rendering.catalog import Texts


def load_words(texts: Texts, load: NodeLoad, now: datetime) -> str:
    """What decides for this node, and how old it is."""
    if load.cpu_load is None or load.measured_at is None:
        return texts.text("load-panel", ratio=load.cpu_ratio)
    seconds = max(0, round((now - load.measured_at).total_seconds()))
    return texts.text("load-ssh", load=load.cpu_load, seconds=seconds)


def any_measured(reports: Iterable[NodeReport]) -> bool:
    """Whether it needs saying: where nothing is measured, every figure is the panel's."""
    return any(r.load is not None and r.load.cpu_load is not None for r in reports)
