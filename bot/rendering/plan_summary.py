"""What a plan comes to, in a few plain lines for chat and terminal: how much of it is shown, what is proven of it,
what the other strategy would do, which rules are broken already. Pure."""

from __future__ import annotations

from datetime import timedelta

from balancer.model import Effort, Plan
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration

CAUTIONS_SHOWN = 3


def outlook_lines(texts: Texts, plan: Plan) -> list[str]:
    """Plain text, a line each; nothing where there is nothing to say."""
    lines = []
    if plan.total_moves > len(plan.moves) > 0:
        lines.append(texts.text("outlook-budget", shown=len(plan.moves), total=plan.total_moves))
    for line in (_certificate(texts, plan), _evenness(texts, plan), _alternative(texts, plan)):
        if line is not None:
            lines.append(line)
    lines += [texts.text("outlook-caution", reason=texts.reason(c)) for c in plan.cautions[:CAUTIONS_SHOWN]]
    if len(plan.cautions) > CAUTIONS_SHOWN:
        lines.append(texts.text("outlook-cautions-more", count=len(plan.cautions) - CAUTIONS_SHOWN))
    return lines


def effort_words(texts: Texts, effort: Effort) -> str:
    """Moves, memory, time."""
    length = duration(texts, timedelta(seconds=effort.seconds))
    return texts.text("outlook-effort", moves=effort.moves, gib=effort.memory_mib / 1024, duration=length)


def _certificate(texts: Texts, plan: Plan) -> str | None:
    """The whole plan's cost and what is proven of any other."""
    effort, bound = plan.effort, plan.bound
    if effort is None or bound is None or not effort.moves or plan.evenness is not None:
        return None  # moves that only even out are no part of what the bound is about
    words = effort_words(texts, effort)
    if (bound.moves, bound.seconds) == (effort.moves, effort.seconds):
        return texts.text("outlook-proven", effort=words)
    limits = []
    if bound.moves is not None:
        limits.append(texts.text("outlook-bound-moves", moves=bound.moves))
    if bound.seconds is not None:
        length = duration(texts, timedelta(seconds=bound.seconds))
        limits.append(texts.text("outlook-bound-time", duration=length))
    if bound.memory_mib is not None and not limits:
        limits.append(texts.text("outlook-bound-memory", gib=bound.memory_mib / 1024))
    if not limits:
        return None
    said = texts.text("outlook-certificate", effort=words, limits=texts.text("outlook-or").join(limits))
    if bound.moves == effort.moves and bound.fewest_moves_mib is not None:
        said += " " + texts.text("outlook-as-few", gib=bound.fewest_moves_mib / 1024)
    return said


def _evenness(texts: Texts, plan: Plan) -> str | None:
    """How even the moves shown make the cluster, and what is proven of any others."""
    even = plan.evenness
    if even is None or not even.moves:
        return None
    if even.bound is None:
        return texts.text("outlook-evenness", before=even.before, after=even.after, moves=even.moves)
    return texts.text(
        "outlook-evenness-proven", before=even.before, after=even.after, moves=even.moves, bound=even.bound
    )


def _alternative(texts: Texts, plan: Plan) -> str | None:
    other = plan.alternative
    if other is None:
        return None
    after = plan.overloaded_after if plan.overloaded_after_all is None else plan.overloaded_after_all
    name, moves, left = other.strategy, other.effort.moves, len(after)
    if other.overloaded_left == left:
        return texts.text("outlook-fewer-moves", strategy=name, moves=moves, own=plan.total_moves)
    if other.overloaded_left == 0:
        overloaded = len(plan.overloaded)
        return texts.text("outlook-clears-all", strategy=name, moves=moves, overloaded=overloaded, left=left)
    remaining = other.overloaded_left
    return texts.text("outlook-clears-more", strategy=name, moves=moves, remaining=remaining, left=left)


def strategy_words(texts: Texts, plan: Plan) -> str:
    """What the whole plan of a strategy comes to, in one line that can stand beside another's."""
    after = plan.overloaded_after if plan.overloaded_after_all is None else plan.overloaded_after_all
    if plan.effort is None or not plan.effort.moves:
        return texts.text("outlook-nothing", strategy=plan.strategy, left=len(after))
    effort, overloaded = effort_words(texts, plan.effort), len(plan.overloaded)
    return texts.text("outlook-strategy", strategy=plan.strategy, effort=effort, left=len(after), overloaded=overloaded)
