"""Replays a plan move by move and measures its effect. It uses no figures of the planner itself.

`python -m benchmarks.referee INSTANCE.json [PLAN.json]` prints the report; exit code 1 when a move was rejected.
"""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.instance import Instance, State

MILESTONES = (1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""After how many moves the spread is written down."""


@dataclass(slots=True)
class PlanReport:
    """The effect of a plan. ``spread`` is J = std(CPU ratio) + std(memory fraction), by accepted moves in ``curve``."""

    overloaded_before: int
    overloaded_after: int
    accepted: int
    rejected: int
    gib: float
    spread_before: float
    spread_after: float
    cleared_after: int | None
    """Accepted moves until nothing was overloaded; ``None`` = never."""
    curve: dict[int, float] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)


def moves_of(document: Any) -> list[Mapping[str, Any]]:
    """A plan is a list of moves, or an object with that list under ``moves``."""
    return list(document["moves"] if isinstance(document, dict) else document)


def judge(
    instance: Instance, moves: Iterable[Mapping[str, Any]], milestones: Collection[int] = MILESTONES
) -> PlanReport:
    """Replays the moves. An illegal move is counted and not applied; the replay goes on with the next move."""
    state = State(instance)
    nodes = {own: i for i, own in enumerate(instance.node_ids)}
    vms = {own: i for i, own in enumerate(instance.vm_ids)}
    over = {n for n in instance.active if state.overloaded(n)}
    verdict = PlanReport(len(over), 0, 0, 0, 0.0, spread(state), 0.0, None if over else 0)
    reasons: Counter[str] = Counter()
    mib = 0
    for move in moves:
        vm, source, target = vms.get(move["vm"]), nodes.get(move["from"]), nodes.get(move["to"])
        why = _refusal(state, vm, source, target)
        if why is not None or vm is None or source is None or target is None:
            reasons[why or "unknown"] += 1
            continue
        state.apply(vm, target)
        mib += instance.vm_mib[vm]
        verdict.accepted += 1
        for node in (source, target):
            (over.add if state.overloaded(node) else over.discard)(node)
        if not over and verdict.cleared_after is None:
            verdict.cleared_after = verdict.accepted
        if verdict.accepted in milestones:
            verdict.curve[verdict.accepted] = spread(state)
    verdict.overloaded_after, verdict.spread_after = len(over), spread(state)
    verdict.gib, verdict.rejected, verdict.reasons = mib / 1024, sum(reasons.values()), dict(reasons)
    return verdict


def _refusal(state: State, vm: int | None, source: int | None, target: int | None) -> str | None:
    if vm is None or source is None or target is None:
        return "no such VM or node"
    if state.place[vm] != source:
        return "VM is elsewhere"
    return state.refusal(vm, target)


def spread(state: State) -> float:
    active = state.instance.active
    return deviation([state.cpu_ratio(n) for n in active]) + deviation([state.memory_percent(n) / 100 for n in active])


def deviation(figures: list[float]) -> float:
    """Population standard deviation."""
    mean = sum(figures) / len(figures)
    return math.sqrt(sum((x - mean) ** 2 for x in figures) / len(figures))


def main(arguments: list[str]) -> int:
    instance = Instance.read(arguments[0])
    text = sys.stdin.read() if arguments[1:] in ([], ["-"]) else Path(arguments[1]).read_text("utf-8")
    verdict = judge(instance, moves_of(json.loads(text)))
    print(json.dumps(asdict(verdict), indent=1))
    return 1 if verdict.rejected else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
