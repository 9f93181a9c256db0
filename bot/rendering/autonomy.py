"""Words for assist mode: why a move asks, which rules allowed one, and the list of what is harmless. Pure."""

from __future__ import annotations

from balancer.harmless import Limits, RulesVerdict, refusals
from bot.domain.proposals import ASSIST_ACTOR, MoveState, ProposedMove
from bot.rendering.catalog import Texts


def why_asked(texts: Texts, proposed: ProposedMove) -> str | None:
    """The first reason why assist mode asks about a move; ``None``: it does not."""
    reasons = refusals(proposed.rules)
    return texts.reason(reasons[0]) if reasons and proposed.state is MoveState.PENDING else None


def allowed_by(texts: Texts, proposed: ProposedMove) -> str | None:
    """What each rule said of a move that assist mode started; ``None``: it did not start this one."""
    return rule_words(texts, proposed.rules) if proposed.decided_by == ASSIST_ACTOR and proposed.rules else None


def rule_words(texts: Texts, verdict: RulesVerdict) -> str:
    """What each rule says, in one line."""
    return "; ".join(texts.reason(result.reason) for result in verdict)


def harmless_lines(texts: Texts, limits: Limits, hours: str) -> list[str]:
    """What a move needs so that assist mode starts it without a person, with the values in force."""
    lines = [
        texts.text("harmless-size", gib=limits.max_memory_mib / 1024),
        texts.text("harmless-per-day", count=limits.max_per_day),
        texts.text("harmless-hours", hours=hours) if hours else texts.text("harmless-any-hour"),
        texts.text("harmless-thresholds"),
        texts.text("harmless-outcomes", count=limits.outcomes),
        texts.text("harmless-tag"),
        texts.text("harmless-odd"),
    ]
    return [*lines, texts.text("harmless-proven")] if limits.proven else lines
