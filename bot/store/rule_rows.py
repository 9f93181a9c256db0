"""Reads and writes the verdicts of assist mode's rules as text, stored with a move. Pure; only the store uses it."""

from __future__ import annotations

import json

from balancer.harmless import RuleResult, RulesVerdict
from balancer.model import Reason


def verdict_to_text(verdict: RulesVerdict) -> str | None:
    """JSON; ``None`` where no rule was asked."""
    if not verdict:
        return None
    return json.dumps([rule_to_dict(result) for result in verdict], ensure_ascii=False)


def rule_to_dict(result: RuleResult) -> dict[str, object]:
    """One result, in the form that the audit trail uses too."""
    reason = result.reason
    return {"rule": result.rule, "allowed": result.allowed, "code": reason.code, "params": reason.as_dict()}


def verdict_of(text: str | None) -> RulesVerdict:
    """
    Raises:
        ValueError, LookupError, TypeError, AttributeError: the text is no verdict.
    """
    if text is None:
        return ()
    return tuple(
        RuleResult(str(raw["rule"]), raw["allowed"] is True, Reason.of(str(raw["code"]), **raw["params"]))
        for raw in json.loads(text)
    )
