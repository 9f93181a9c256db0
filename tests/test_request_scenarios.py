"""Every file of tests/scenarios/requests is one request, with the reason of its result; see test_scenarios.py.

``request`` is ``drain`` or ``fill`` with a node, or ``target`` or ``undo`` with a VM and a node.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from test_scenarios import as_text, load

from balancer.formats.codec import Saved
from balancer.model import Plan, Purpose, Recent, Rejection
from balancer.policy import STRATEGIES, Policy
from balancer.requests.drain import drain
from balancer.requests.fill import fill
from balancer.requests.move import single_move
from balancer.rules.constraints import check_planned

FILES = sorted((Path(__file__).parent / "scenarios" / "requests").glob("*.json"))


def plan_of(request: dict[str, object], saved: Saved, policy: Policy) -> Plan | Rejection:
    seen, recent = saved.snapshot, saved.recent or Recent()
    [(kind, of)] = request.items()
    if isinstance(of, int):
        return {"drain": drain, "fill": fill}[kind](seen, policy, recent, of)
    assert isinstance(of, list)
    return single_move(seen, policy, recent, vm_id=of[0], target_id=of[1], purpose=Purpose(kind))


def test_scenarios_exist() -> None:
    assert len(FILES) >= 30


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_request_matches_the_scenario(path: Path) -> None:
    case, saved = load(path)
    assert len(case["why"]) > 20
    new_plan = plan_of(case["request"], saved, saved.policy or Policy())
    moves, rejections = (new_plan.moves, new_plan.rejections) if isinstance(new_plan, Plan) else ((), (new_plan,))
    expected = case["expected"]
    assert [[m.vm_id, m.source_id, m.target_id] for m in moves] == expected["moves"]
    assert [as_text(r) for r in rejections] == expected["rejections"]
    assert [c.code for c in getattr(new_plan, "cautions", ())] == expected["cautions"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_request_does_not_depend_on_the_strategy(path: Path, strategy: str) -> None:
    case, saved = load(path)
    policy = saved.policy or Policy()
    new_plan = plan_of(case["request"], saved, policy)
    other = plan_of(case["request"], saved, replace(policy, strategy=strategy))
    assert other == new_plan
    if isinstance(new_plan, Plan) and new_plan.moves:
        assert check_planned(saved.snapshot, policy, saved.recent or Recent(), new_plan.moves[0], new_plan) is None
