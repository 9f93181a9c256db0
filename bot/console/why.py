"""Why a VM or a node is left as it is, as rich Text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from balancer.model import Move
from balancer.requests.results import Refused, TargetChoice, WhyNode, WhyVM
from bot.console.drawing import Palette
from bot.domain.sanitize import one_line
from bot.rendering.catalog import Texts
from bot.rendering.phrases import load_figures

SHOWN = 5
"""Moves, nodes and names of a list that are shown."""


def why_lines(texts: Texts, why: WhyVM | WhyNode, palette: Palette, now: datetime) -> list[Text]:
    """The answer, and below it what it follows from."""
    return _vm_lines(texts, why, palette, now) if isinstance(why, WhyVM) else _node_lines(texts, why, palette)


def _vm_lines(texts: Texts, why: WhyVM, palette: Palette, now: datetime) -> list[Text]:
    node = why.node_name or texts.text("unknown-value")
    lines = [
        Text(texts.text("console-why-vm", vm=why.vm_name, node=node), "bold"),
        Text(texts.reason(why.reason), palette.accent),
    ]
    if why.load is not None:
        lines.append(Text(texts.text("why-load", **load_figures(texts, why.load, why.vcpus, now)), palette.dim))
    lines += [Text(f"- {texts.reason(reason)}") for reason in why.refusals]
    lines += _listed(texts.text("why-instead"), [_move(texts, move) for move in why.instead[:SHOWN]])
    lines += _listed(texts.text("why-open"), [_choice(texts, choice) for choice in why.open[:SHOWN]])
    refused = [_refused(texts, refused) for refused in why.refused]
    refused += [texts.text("rejection-line", name=r.name, reason=texts.reason(r.reason)) for r in why.nearest]
    return lines + _listed(texts.text("console-why-closed"), refused)


def _node_lines(texts: Texts, why: WhyNode, palette: Palette) -> list[Text]:
    state = texts.text("console-why-overloaded" if why.overloaded else "console-why-fine", node=why.node_name)
    lines = [Text(state, f"bold {palette.bad if why.overloaded else palette.good}")]
    for level in why.levels:
        lines.append(Text(texts.text("why-level", resource=level.resource, value=level.value, limit=level.limit)))
    if why.stays_overloaded is not None:
        lines.append(Text(texts.reason(why.stays_overloaded), palette.accent))
    lines += [Text(texts.text("console-why-not-source", reason=texts.reason(r))) for r in why.not_source]
    lines += [Text(texts.text("console-why-not-target", reason=texts.reason(r))) for r in why.not_target]
    lines += _listed(texts.text("why-leaving"), [_move(texts, move) for move in why.leaving[:SHOWN]])
    lines += _listed(texts.text("why-coming"), [_move(texts, move) for move in why.coming[:SHOWN]])
    return lines + _listed(texts.text("console-why-staying"), [_refused(texts, r) for r in why.staying])


def _listed(title: str, entries: Sequence[str]) -> list[Text]:
    return [Text(), Text(title), *(Text(f"- {entry}") for entry in entries)] if entries else []


def _move(texts: Texts, move: Move) -> str:
    return texts.text("why-move", vm=move.vm_name, source=move.source_name, target=move.target_name)


def _choice(texts: Texts, choice: TargetChoice) -> str:
    before, after = choice.before, choice.after
    return texts.text(
        "move-effect",
        node=choice.node_name,
        before=before.cpu_ratio,
        after=after.cpu_ratio,
        memory_before=before.memory_percent,
        memory_after=after.memory_percent,
    )


def _refused(texts: Texts, refused: Refused) -> str:
    names = ", ".join(map(one_line, refused.names[:SHOWN])) + (", …" if len(refused.names) > SHOWN else "")
    return texts.text("why-refused", count=len(refused.ids), names=names, reason=texts.reason(refused.reason))
