"""Targets of large clusters by arrays, compared with the rules for one node at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from core_worlds import World, worlds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.policy import OPTIMAL, SMALLEST_FIRST
from balancer.reasons import brief
from balancer.rules.constraints import candidate, fit_refusal
from balancer.state import Candidate, WorkingState
from balancer.strategies.target_arrays import TargetArrays
from balancer.strategies.targets import Targets


@settings(max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds, st.sampled_from([SMALLEST_FIRST, OPTIMAL]), st.sampled_from([0.0, 10.0]))
def test_arrays_and_rules_agree_on_targets(world: World, strategy: str, headroom: float) -> None:
    snapshot, policy, recent = world
    policy = replace(policy, strategy=strategy, target_headroom_percent=headroom)
    state = WorkingState(snapshot, policy, recent)
    targets = Targets(state)
    arrays = TargetArrays(state, [targets.refusal(node_id) is None for node_id in state.working])
    for source in (working.node for working in state.working.values()):
        open_targets = targets.open_to(source)
        reach = arrays.rows_of(target.node.id for target in open_targets)
        vms = (candidate(vm, state) for vm in state.vms_on[source.id])
        for vm in (vm for vm in vms if isinstance(vm, Candidate)):
            refusals = [(target, fit_refusal(vm, target, state)) for target in open_targets]
            fitting = [target for target, refusal in refusals if refusal is None]
            best = min(fitting, key=lambda target: target.rank, default=None)
            assert arrays.best(vm, source.id, reach) == (best, len(fitting))
            by_arrays = arrays.refusals(vm, source.id, reach)
            if not fitting and by_arrays is not None:
                counts = Counter({brief(reason): number for reason, number in by_arrays})
                assert counts == Counter(brief(refusal) for _, refusal in refusals if refusal is not None)
