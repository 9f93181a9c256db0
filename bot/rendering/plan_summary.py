"""A plan as plain lines: loads, effect of each move, proof, and why no more is moved. Pure.

Chat, terminal, console and log only lay these lines out; none of them words a plan by itself. Names from strangers
are on one line each; the caller adds HTML or terminal styles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from balancer.model import Bound, Effort, Move, NodeLoad, NodeReport, Plan, Rejection
from bot.rendering.catalog import Texts
from bot.rendering.phrases import duration

CAUTIONS_SHOWN = 3
VMS_IN_DETAIL = 3


@dataclass(frozen=True, slots=True)
class MoveSummary:
    """One move: its effect on both nodes, a line for each figure, its reason, and cautions."""

    number: int
    move: Move
    effects: tuple[str, ...]
    reason: str
    cautions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WhyNot:
    """Why no more is moved: the most useful reasons, and the number of the others."""

    lines: tuple[str, ...]
    hidden: int

    @property
    def count(self) -> int:
        """Reasons in total, the hidden ones included."""
        return len(self.lines) + self.hidden


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """A plan in words. ``remarks``: how much of it is shown, what is proven, the other strategy, broken rules."""

    remarks: tuple[str, ...]
    moves: tuple[MoveSummary, ...]
    why_not: WhyNot


def summarize(texts: Texts, plan: Plan, reasons: int) -> PlanSummary:
    """The whole plan; of the reasons why not more is moved at most so many."""
    moves = tuple(move_summary(texts, number, move) for number, move in enumerate(plan.moves, start=1))
    return PlanSummary(tuple(outlook_lines(texts, plan)), moves, why_not(texts, plan, reasons))


# Moves ---------------------------------------------------------------------------------------------


def move_summary(texts: Texts, number: int, move: Move) -> MoveSummary:
    """One move of a plan, counted from 1."""
    cautions = tuple(texts.reason(c) for c in move.cautions)
    return MoveSummary(number, move, _effect_lines(texts, move), texts.reason(move.reason), cautions)


def _effect_lines(texts: Texts, move: Move) -> tuple[str, ...]:
    """CPU and memory of the source, then of the target, before and after; measured load where there is one."""
    source = _effect(texts, move.source_name, move.source_before, move.source_after)
    return (*source, *_effect(texts, move.target_name, move.target_before, move.target_after))


def _effect(texts: Texts, node: str, before: NodeLoad, after: NodeLoad) -> list[str]:
    lines = [
        texts.text(
            "move-effect",
            node=node,
            before=before.cpu_ratio,
            after=after.cpu_ratio,
            memory_before=before.memory_percent,
            memory_after=after.memory_percent,
        )
    ]
    if before.cpu_load is not None:
        lines.append(texts.text("move-effect-load", node=node, before=before.cpu_load, after=after.cpu_load))
    return lines


@dataclass(frozen=True, slots=True)
class NodeChange:
    """One node before the first and after the last move that touches it; ``delta``: VMs more than before."""

    node_id: int
    name: str
    before: NodeLoad
    after: NodeLoad
    delta: int


def node_changes(moves: Sequence[Move]) -> list[NodeChange]:
    """The effect of the moves on each node, in the order in which the moves change the nodes."""
    changes: dict[int, NodeChange] = {}
    for move in moves:
        for node_id, name, before, after, delta in (
            (move.source_id, move.source_name, move.source_before, move.source_after, -1),
            (move.target_id, move.target_name, move.target_before, move.target_after, 1),
        ):
            old = changes.get(node_id)
            changes[node_id] = NodeChange(
                node_id, name, old.before if old else before, after, (old.delta if old else 0) + delta
            )
    return list(changes.values())


# Loads ---------------------------------------------------------------------------------------------


def load_words(texts: Texts, load: NodeLoad, now: datetime) -> str:
    """The CPU figure that decides for a node and its source: "load 0.62 per CPU, ssh, 12 s ago", "ratio 6.1, panel"."""
    if load.cpu_load is None or load.measured_at is None:
        return texts.text("load-panel", ratio=load.cpu_ratio)
    seconds = max(0, round((now - load.measured_at).total_seconds()))
    return texts.text("load-ssh", load=load.cpu_load, seconds=seconds)


def any_measured(reports: Iterable[NodeReport]) -> bool:
    """Whether the source of figures must be named: without measurements all figures come from the panel."""
    return any(r.load is not None and r.load.cpu_load is not None for r in reports)


# Outlook -------------------------------------------------------------------------------------------


def outlook_lines(texts: Texts, plan: Plan) -> list[str]:
    """What the plan as a whole achieves, one line each; an empty list where there is nothing to say."""
    lines = []
    if plan.total_moves > len(plan.moves) > 0:
        lines.append(texts.text("outlook-budget", shown=len(plan.moves), total=plan.total_moves))
    parts = (_choice, _certificate, _loads_by, _evenness, _alternative, _beyond_targets)
    for line in (words(texts, plan) for words in parts):
        if line is not None:
            lines.append(line)
    lines += [texts.text("outlook-caution", reason=texts.reason(c)) for c in plan.cautions[:CAUTIONS_SHOWN]]
    if len(plan.cautions) > CAUTIONS_SHOWN:
        lines.append(texts.text("outlook-cautions-more", count=len(plan.cautions) - CAUTIONS_SHOWN))
    return lines


def effort_words(texts: Texts, effort: Effort) -> str:
    """Moves, memory to copy, time."""
    length = duration(texts, timedelta(seconds=effort.seconds))
    return texts.text("outlook-effort", moves=effort.moves, gib=effort.memory_mib / 1024, duration=length)


def strategy_words(texts: Texts, plan: Plan) -> str:
    """What the plan of a strategy achieves, in one line that can stand beside another strategy's."""
    left = _left_overloaded(plan)
    if plan.effort is None or not plan.effort.moves:
        return texts.text("outlook-nothing", strategy=plan.strategy, left=left)
    effort, overloaded = effort_words(texts, plan.effort), len(plan.overloaded)
    return texts.text("outlook-strategy", strategy=plan.strategy, effort=effort, left=left, overloaded=overloaded)


def _left_overloaded(plan: Plan) -> int:
    """Nodes that are overloaded after the whole plan, moves beyond the budget included."""
    return len(plan.overloaded_after if plan.overloaded_after_all is None else plan.overloaded_after_all)


def _certificate(texts: Texts, plan: Plan) -> str | None:
    """The whole plan's cost and what is proven about any other plan."""
    effort, bound = plan.effort, plan.bound
    if effort is None or bound is None or plan.evenness is not None:
        return None  # the bound says nothing about moves that only even out
    if bound.optimal:
        return _proof(texts, plan, effort, bound)
    if not effort.moves:
        return None
    words = effort_words(texts, effort)
    if (bound.moves, bound.seconds) == (effort.moves, effort.seconds):
        return texts.text("outlook-proven", effort=words)
    limits = []
    if bound.moves is not None and bound.moves > 1:  # every plan that moves something has one move
        limits.append(texts.text("outlook-bound-moves", moves=bound.moves))
    if bound.seconds is not None:
        length = duration(texts, timedelta(seconds=bound.seconds))
        limits.append(texts.text("outlook-bound-time", duration=length))
    if bound.memory_mib is not None and not limits:
        limits.append(texts.text("outlook-bound-memory", gib=bound.memory_mib / 1024))
    if not limits:
        return None
    sentence = texts.text("outlook-certificate", effort=words, limits=texts.text("outlook-or").join(limits))
    if bound.moves == effort.moves and bound.fewest_moves_mib is not None:
        sentence += " " + texts.text("outlook-as-few", gib=bound.fewest_moves_mib / 1024)
    return sentence


def _proof(texts: Texts, plan: Plan, effort: Effort, bound: Bound) -> str:
    """What is proven of a plan that is optimal."""
    if not effort.moves:
        return texts.text("outlook-optimal-nothing")
    words = effort_words(texts, effort)
    if _left_overloaded(plan):
        return texts.text("outlook-optimal-left", effort=words)
    fewest, fastest = bound.moves == effort.moves, bound.seconds == effort.seconds
    goal = "moves-and-time" if fewest and fastest else "moves" if fewest else "time" if fastest else "memory"
    if goal == "memory" and bound.memory_mib != effort.memory_mib:
        goal = "once"  # a plan that moves a VM twice might do it at a lower cost
    return texts.text("outlook-optimal", effort=words, goal=goal)


def _loads_by(texts: Texts, plan: Plan) -> str | None:
    """What the VMs of measured nodes count with, where something is moved or proven by it."""
    if plan.loads_by is None or not (plan.moves or plan.bound):
        return None
    return texts.text("outlook-loads", by=plan.loads_by)


def _evenness(texts: Texts, plan: Plan) -> str | None:
    """How even the moves make the cluster, and what is proven about any others."""
    even = plan.evenness
    if even is None or not even.moves:
        return None
    if even.bound is None:
        return texts.text("outlook-evenness", before=even.before, after=even.after, moves=even.moves)
    return texts.text(
        "outlook-evenness-proven", before=even.before, after=even.after, moves=even.moves, bound=even.bound
    )


def _choice(texts: Texts, plan: Plan) -> str | None:
    """Which rule chose the moves, and why that rule."""
    if plan.choice is None:
        return None
    key = "outlook-choice-passed" if plan.targets_passed else "outlook-choice"
    return texts.text(key, rule=plan.choice.strategy, reason=texts.reason(plan.choice.reason))


def _beyond_targets(texts: Texts, plan: Plan) -> str | None:
    """Says that hard target thresholds keep nodes overloaded, and what a plan that passes them once achieves."""
    other = plan.beyond_targets
    if other is None:
        return None
    kept = _left_overloaded(plan) - other.overloaded_left
    return texts.text("outlook-beyond-targets", kept=kept, moves=other.effort.moves, left=other.overloaded_left)


def _alternative(texts: Texts, plan: Plan) -> str | None:
    other = plan.alternative
    if other is None:
        return None
    name, moves, left = other.strategy, other.effort.moves, _left_overloaded(plan)
    if other.overloaded_left == left:
        return texts.text("outlook-fewer-moves", strategy=name, moves=moves, own=plan.total_moves)
    if other.overloaded_left == 0:
        overloaded = len(plan.overloaded)
        return texts.text("outlook-clears-all", strategy=name, moves=moves, overloaded=overloaded, left=left)
    remaining = other.overloaded_left
    return texts.text("outlook-clears-more", strategy=name, moves=moves, remaining=remaining, left=left)


# Why not more --------------------------------------------------------------------------------------


def why_not(texts: Texts, plan: Plan, limit: int) -> WhyNot:
    """Reasons, most useful first: cluster, nodes that stay overloaded, VMs that fit nowhere, nodes that take
    nothing, then the other VMs counted by reason."""
    left = {m.source_id for m in plan.moves}
    named: dict[str, list[str]] = {"cluster": [], "source": [], "stuck": [], "target": []}
    counted: Counter[str] = Counter()
    for rejection in plan.rejections:
        if rejection.subject == "target" and rejection.id in left:
            continue  # a node that VMs just left is no target; that needs no explanation
        if rejection.subject != "vm":
            named.setdefault(rejection.subject, []).append(_rejection_line(texts, rejection))
        elif rejection.per_target and len(named["stuck"]) < VMS_IN_DETAIL:
            named["stuck"].append(_rejection_line(texts, rejection))
        else:
            counted[texts.reason(rejection.reason)] += 1
    lines = [line for group in named.values() for line in group]
    lines += [texts.text("rejection-count", reason=reason, count=count) for reason, count in counted.most_common()]
    return WhyNot(tuple(lines[:limit]), max(0, len(lines) - limit))


def _rejection_line(texts: Texts, rejection: Rejection) -> str:
    sentence = texts.text("rejection-line", name=rejection.name, reason=texts.reason(rejection.reason))
    if not rejection.per_target:
        return sentence
    each = (texts.text("rejection-per-target", reason=texts.reason(r), count=n) for r, n in rejection.per_target)
    return f"{sentence}: {', '.join(each)}"
