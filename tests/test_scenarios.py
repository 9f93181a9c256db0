"""Every file of tests/scenarios is one case: its reason, its snapshot, the expected plan.

A scenario is a saved snapshot (docs/snapshot-format.md) with only the important values: missing values are healthy
(core_builders.py), the time is 12:00, and the strategy is smallest-first. ``rejections`` is the complete list in order,
as "subject id code", with the counts per target in brackets; ``cautions`` are codes (missing = none); ``choice`` is the
rule that chose the moves; ``params`` checks single reasons.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from core_builders import NOW, cluster, measured, node, vm

from balancer.formats.codec import SNAPSHOT_FORMAT, Saved, snapshot_from_dict
from balancer.model import Plan, Recent, Rejection
from balancer.moves import relieves_its_source
from balancer.planner import plan
from balancer.policy import SMALLEST_FIRST
from balancer.rules.constraints import check_move

FILES = sorted((Path(__file__).parent / "scenarios").glob("*.json"))


def load(path: Path) -> tuple[dict[str, Any], Saved]:
    case = json.loads(path.read_text("utf-8"))
    seen = case["snapshot"]
    document = {
        "format": SNAPSHOT_FORMAT,
        "taken_at": NOW.isoformat(),
        "clusters": [{**asdict(cluster()), **c} for c in seen.get("clusters", [{"id": 1}])],
        "nodes": [{**asdict(node(n["id"])), "computed": [], **n, "measured": as_measured(n)} for n in seen["nodes"]],
        "vms": [{**asdict(vm(v["id"])), "restrictions": [], "tags": [], **v} for v in seen["vms"]],
        "policy": {"strategy": SMALLEST_FIRST, **(case.get("policy") or {})},
        "recent": case.get("recent"),
    }
    return case, snapshot_from_dict(document)


def as_measured(seen: dict[str, Any]) -> dict[str, Any] | None:
    """The measurement of a node; ``measured_at``: its time, if it is not fresh."""
    if "measured" not in seen:
        return None
    return {**asdict(measured()), "taken_at": seen.get("measured_at", NOW.isoformat()), **seen["measured"]}


def as_text(rejection: Rejection) -> str:
    counts = ", ".join(f"{n} {reason.code.removeprefix('brief-')}" for reason, n in rejection.per_target)
    return f"{rejection.subject} {rejection.id} {rejection.reason.code}" + (f" ({counts})" if counts else "")


def params_of(result: Plan) -> dict[str, dict[str, Any]]:
    outcome: dict[str, dict[str, Any]] = {f"{r.subject} {r.id}": r.reason.as_dict() for r in result.rejections}
    for move in result.moves:
        outcome[f"move {move.vm_id}"] = {**move.reason.as_dict(), "cautions": [c.code for c in move.cautions]}
    return outcome


def test_scenarios_exist() -> None:
    assert len(FILES) >= 70


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_plan_matches_the_scenario(path: Path) -> None:
    case, saved = load(path)
    assert len(case["why"]) > 20
    result = plan(saved.snapshot, saved.policy_of(1), saved.recent)
    expected = case["expected"]
    assert [[m.vm_id, m.source_id, m.target_id] for m in result.moves] == expected["moves"]
    assert [as_text(r) for r in result.rejections] == expected["rejections"]
    assert list(result.overloaded_after) == expected["overloaded_after"]
    assert [caution.code for caution in result.cautions] == expected.get("cautions", [])
    if "choice" in expected:
        assert result.choice is not None
        assert f"{result.choice.strategy} {result.choice.reason.code}" == expected["choice"]
    outcome = params_of(result)
    for subject, params in expected.get("params", {}).items():
        assert outcome[subject] | params == outcome[subject]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_precheck_agrees_with_the_scenario(path: Path) -> None:
    """``check_move`` allows the planner's first move; without a plan it allows no move."""
    _, saved = load(path)
    policy, recent = saved.policy_of(1), saved.recent or Recent()
    result = plan(saved.snapshot, policy, recent)
    for first in result.moves[:1]:
        need = relieves_its_source(first)
        assert check_move(saved.snapshot, policy, recent, first.vm_id, first.target_id, need_overload=need) is None
    if result.moves or not result.overloaded:
        return
    for v in saved.snapshot.vms:
        for n in saved.snapshot.nodes:
            if n.id != v.node_id:
                assert check_move(saved.snapshot, policy, recent, v.id, n.id) is not None
