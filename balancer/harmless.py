"""Which moves of a plan are harmless, so that assist mode starts them without a person. Pure.

Each rule answers for each move with the figure that decided. A move is harmless if every rule allows it. Any doubt
is a refusal: a person is then asked. The rules come on top of all rules that the planner follows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from balancer.groups import ASK_TAG
from balancer.model import VM, Move, Plan, Purpose, Reason
from balancer.moves import relieves_its_source
from balancer.policy import Policy
from balancer.scoring import above, figure, worst_term

_GIB = 1024
_PREFERENCES = frozenset({"caution-above-cpu-target", "caution-above-memory-target"})
"""Cautions about thresholds that are no hard limit: the rule about thresholds answers them."""


class RuleResult(NamedTuple):
    """What one rule says of one move. ``reason`` has the figure, also where the rule allows the move."""

    rule: str
    """One of ``RULE_NAMES``."""
    allowed: bool
    reason: Reason


RulesVerdict = tuple[RuleResult, ...]
"""One result for each rule, in the order of ``RULE_NAMES``."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the operator allows without a person."""

    max_memory_mib: float
    """Largest memory of a VM."""
    max_per_day: int
    """Most own starts in a cluster within 24 hours."""
    outcomes: int
    """How many of the cluster's last migrations must all have gone well; if fewer are known, people are asked."""
    proven: bool = True
    """Only moves that every plan needs."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a cluster besides the plan."""

    started: int
    """How many moves the program started here by itself in the last 24 hours, or has queued."""
    good: int
    """How many migrations in a row, up to the last one, went well."""
    bad: Reason | None = None
    """Why the migration before these does not count as good; ``None``: no earlier one is known."""
    hours: str = ""
    """The hours for starts without a person, as the operator wrote them; empty: always."""
    is_open: bool = True
    """Whether the migration would start in these hours."""
    odd: tuple[Reason, ...] = ()
    """Findings about the panel, or about what people did, that a person should judge."""


def judge(
    plan: Plan, vms: Sequence[VM], policy: Policy, limits: Limits, situation: Situation
) -> tuple[RulesVerdict, ...]:
    """One verdict for each move of the plan, in the order of the moves.

    The moves of a plan build on each other. So a move that shares a node with an earlier move that asks waits for it,
    and a move that only makes room for another one asks.

    Args:
        vms: of the cluster, as the plan's check saw them.
        policy: with which the plan was made.
    """
    by_id = {vm.id: vm for vm in vms}
    verdicts: list[RulesVerdict] = []
    asked: list[Move] = []
    for move in plan.moves:
        started = situation.started + len(verdicts) - len(asked)
        case = _Case(move, by_id.get(move.vm_id), plan, policy, limits, situation, started, tuple(asked))
        verdict = tuple(RuleResult(name, *rule(case)) for name, rule in _RULES)
        verdicts.append(verdict)
        if not is_harmless(verdict):
            asked.append(move)
    return tuple(verdicts)


def is_harmless(verdict: RulesVerdict) -> bool:
    """Whether every rule allows the move. An empty verdict allows nothing."""
    return bool(verdict) and all(result.allowed for result in verdict)


def refusals(verdict: RulesVerdict) -> tuple[Reason, ...]:
    """The reasons why a person is asked."""
    return tuple(result.reason for result in verdict if not result.allowed)


class _Case(NamedTuple):
    """One move and all that the rules look at."""

    move: Move
    vm: VM | None
    plan: Plan
    policy: Policy
    limits: Limits
    situation: Situation
    started: int
    asked: tuple[Move, ...]
    """Earlier moves of the plan that ask."""


Answer = tuple[bool, Reason]


def _size(case: _Case) -> Answer:
    """The memory of the VM: how long its migration takes, and how much depends on it."""
    memory, most = case.move.memory_mib, case.limits.max_memory_mib
    return memory <= most, Reason.of("auto-size", value=memory / _GIB, limit=most / _GIB)


def _per_day(case: _Case) -> Answer:
    """Own starts of a day: a plan that goes wrong again and again is noticed before it has moved everything."""
    number = case.started + 1
    return number <= case.limits.max_per_day, Reason.of("auto-per-day", value=number, limit=case.limits.max_per_day)


def _hours(case: _Case) -> Answer:
    """The hours in which the operator allows starts without a person."""
    hours = case.situation.hours
    if not case.situation.is_open:
        return False, Reason.of("auto-hours-closed", hours=hours)
    return True, Reason.of("auto-hours", hours=hours) if hours else Reason.of("auto-any-hour")


def _proven(case: _Case) -> Answer:
    """Whether every plan needs as many moves: a certificate proves it, or the one move relieves its node."""
    total, least = case.plan.total_moves, _fewest(case.plan)
    if _relieves_alone(case):
        return True, Reason.of("auto-relieves-alone", node=case.move.source_name)
    if least is not None and total <= least:
        return True, Reason.of("auto-proven", moves=total)
    return not case.limits.proven, Reason.of("auto-unproven", moves=total)


def _relieves_alone(case: _Case) -> bool:
    """Whether the source is overloaded before this move and not after it, so that one move fewer is too few."""
    node_id, of = case.move.source_id, [m for m in case.plan.moves if m.source_id == case.move.source_id]
    return _is_overloaded(case.plan, node_id) and of[0] is case.move and not above(case.move.source_after, case.policy)


def _fewest(plan: Plan) -> int | None:
    """The fewest moves that any plan needs; ``None`` = unknown, or this plan leaves a node overloaded."""
    left = plan.overloaded_after if plan.overloaded_after_all is None else plan.overloaded_after_all
    if left or plan.bound is None:
        return None
    return plan.total_moves if plan.bound.optimal else plan.bound.moves


def _thresholds(case: _Case) -> Answer:
    """The whole plan brings the source below its thresholds, and the target stays below its own."""
    plan, move = case.plan, case.move
    left = plan.overloaded_after if plan.overloaded_after_all is None else plan.overloaded_after_all
    if move.source_id in left or (above(move.source_after, case.policy) and not _is_overloaded(plan, move.source_id)):
        return False, Reason.of("auto-source-above", node=move.source_name)
    worst = figure(worst_term(move.target_after, case.policy), move.target_after, case.policy)
    name, value, limit = worst.name, worst.value, worst.limit
    if above(move.target_after, case.policy):
        node = move.target_name
        return False, Reason.of("auto-target-above", node=node, resource=name, value=value, limit=limit)
    source, target = move.source_name, move.target_name
    return True, Reason.of("auto-thresholds", source=source, target=target, resource=name, value=value, limit=limit)


def _is_overloaded(plan: Plan, node_id: int) -> bool:
    return any(node.node_id == node_id for node in plan.overloaded)


def _tag(case: _Case) -> Answer:
    """The tag with which the owner of a VM demands a question. A VM that the check did not see may have it."""
    if case.vm is None:
        return False, Reason.of("auto-vm-unseen")
    asks = any(tag.strip().casefold() == ASK_TAG for tag in case.vm.tags)
    return not asks, Reason.of("auto-tag") if asks else Reason.of("auto-no-tag")


def _outcomes(case: _Case) -> Answer:
    """How the cluster's last migrations went."""
    good, needed, bad = case.situation.good, case.limits.outcomes, case.situation.bad
    if good >= needed:
        return True, Reason.of("auto-outcomes", value=needed)
    if bad is None:
        return False, Reason.of("auto-outcomes-few", value=good, limit=needed)
    return False, bad


def _odd(case: _Case) -> Answer:
    """What a person should know, about the panel, the cluster or the move."""
    if case.plan.purpose is not Purpose.BALANCE:
        return False, Reason.of("auto-request")
    if case.plan.targets_passed:
        return False, Reason.of("auto-targets-passed")
    cautions = tuple(c for c in case.move.cautions if c.code not in _PREFERENCES)
    seen = (*case.situation.odd, *cautions, *case.plan.cautions)
    return (False, seen[0]) if seen else (True, Reason.of("auto-nothing-odd"))


def _order(case: _Case) -> Answer:
    """No move that asks has to go first, and the move has a use of its own."""
    if not relieves_its_source(case.move):
        return False, Reason.of("auto-makes-room")
    nodes = {case.move.source_id, case.move.target_id}
    for earlier in case.asked:
        if nodes & {earlier.source_id, earlier.target_id}:
            return False, Reason.of("auto-after", vm=earlier.vm_name)
    return True, Reason.of("auto-in-order")


_RULES: tuple[tuple[str, Callable[[_Case], Answer]], ...] = (
    ("odd", _odd),
    ("outcomes", _outcomes),
    ("tag", _tag),
    ("size", _size),
    ("thresholds", _thresholds),
    ("proven", _proven),
    ("order", _order),
    ("hours", _hours),
    ("per-day", _per_day),
)
"""The most telling refusal first: a message shows only that one."""

RULE_NAMES = tuple(name for name, _ in _RULES)
