"""Why a VM or a node is left alone: the verdict, all reasons, and what would have to change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from core_builders import NOW, node, snapshot, vm
from core_worlds import World, worlds
from hypothesis import HealthCheck, given, settings
from hypothesis_profile import examples

from balancer.model import Recent, Snapshot
from balancer.planner import plan
from balancer.policy import BALANCE, OPTIMAL, SMALLEST_FIRST, Policy
from balancer.requests.results import WhyVerdict, WhyVM
from balancer.requests.why import why_node, why_vm

thorough = settings(
    max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)

PLAIN = Policy(strategy=SMALLEST_FIRST)


def seen(*vms: Any, vcpus: int = 75, **second: Any) -> Snapshot:
    return snapshot([node(1, vcpus_allocated=vcpus), node(2, **second), node(3, maintenance=True)], vms)


def why(what: Snapshot, vm_id: int = 11, policy: Policy | None = None, recent: Recent | None = None) -> WhyVM:
    return why_vm(what, policy or PLAIN, recent or Recent(), vm_id)


def test_a_vm_that_the_plan_moves_does_not_stay() -> None:
    answer = why(seen(vm(11)))
    assert (answer.verdict, answer.reason.code) == (WhyVerdict.PLANNED, "move-smallest")
    assert answer.move is not None
    assert answer.move.key == (11, 1, 2)


def test_why_lists_every_reason_of_a_vm_that_may_not_leave() -> None:
    what = seen(vm(11, iso_mounted=True, snapshot_count=2), vcpus=60)
    answer = why(what, recent=Recent(migrated={11: NOW - timedelta(minutes=10)}))
    assert answer.verdict is WhyVerdict.FORBIDDEN
    assert answer.reason.code == "vm-iso"
    assert [r.code for r in answer.refusals] == ["vm-iso", "vm-snapshots", "vm-cooldown"]
    assert [c.node_id for c in answer.open] == [2]


def test_a_vm_of_a_node_that_is_not_overloaded_is_not_needed() -> None:
    answer = why(seen(vm(11), vcpus=70))
    assert (answer.verdict, answer.reason.as_dict()) == (WhyVerdict.NOT_NEEDED, {"cpu": 7.0, "memory": 40.0})


def test_vm_of_a_calm_node_stays_when_the_cluster_is_even_enough() -> None:
    even = snapshot([node(1), node(2)], [vm(11), vm(21, node_id=2)])
    answer = why(even, policy=Policy(strategy=BALANCE))
    assert (answer.verdict, answer.reason.code) == (WhyVerdict.NOT_NEEDED, "why-even-enough")
    uneven = snapshot([node(1, vcpus_allocated=60), node(2, vcpus_allocated=10)], [vm(i) for i in range(11, 17)])
    verdicts = {why(uneven, i, Policy(strategy=BALANCE, max_moves=1)).verdict for i in range(11, 17)}
    assert verdicts == {WhyVerdict.PLANNED, WhyVerdict.BUDGET}


def test_a_smaller_vm_comes_first() -> None:
    what = seen(vm(11, vcpus=8), vm(12, vcpus=6))
    answer = why(what)
    assert (answer.verdict, answer.reason.code) == (WhyVerdict.OTHERS, "why-smaller-first")
    assert [m.vm_id for m in answer.instead] == [12]
    assert why(what, 12).verdict is WhyVerdict.PLANNED


def test_others_relieve_the_node_at_less_cost() -> None:
    what = seen(vm(11, memory_mib=16_000), vm(12))
    answer = why(what, policy=Policy(strategy=OPTIMAL))
    assert (answer.verdict, answer.reason.code) == (WhyVerdict.OTHERS, "why-others")


def test_nearest_target_is_listed_with_all_its_reasons() -> None:
    nodes = [node(1, vcpus_allocated=75), node(2, maintenance=True, creation_allowed=False), node(3, qemu_version="6")]
    answer = why(snapshot([*nodes, node(4, creation_allowed=False)], [vm(11)]))
    assert (answer.verdict, answer.reason.as_dict()) == (WhyVerdict.NO_TARGET, {"targets": 3})
    assert [(r.reason.code, r.ids) for r in answer.refused] == [
        ("brief-node-maintenance", (2,)),
        ("brief-pair-qemu-older", (3,)),
        ("brief-target-creation-blocked", (4,)),
    ]
    assert [(r.id, r.reason.code) for r in answer.nearest] == [(3, "pair-qemu-older")]


def test_nodes_with_the_same_reason_are_grouped_largest_first() -> None:
    nodes = [node(1, vcpus_allocated=75), node(2), *(node(i, maintenance=True) for i in (3, 4))]
    answer = why(snapshot([*nodes, node(5, state="error")], [vm(11)]))
    assert [(r.reason.code, r.names) for r in answer.refused] == [
        ("brief-node-maintenance", ("n3", "n4")),
        ("brief-node-state", ("n5",)),
    ]
    assert ([c.node_id for c in answer.open], answer.nearest) == ([2], ())


def test_a_vm_waits_for_the_next_check_where_the_budget_is_used_up() -> None:
    what = seen(vm(11, vcpus=3), vm(12, vcpus=4))
    assert why(what, 11).verdict is WhyVerdict.PLANNED
    answer = why(what, 12)
    assert (answer.verdict, answer.reason.code) == (WhyVerdict.BUDGET, "source-budget")


def test_vm_without_a_node_is_explained() -> None:
    answer = why(seen(vm(11, node_id=None)))
    assert (answer.verdict, answer.reason.code, answer.node_name) == (WhyVerdict.FORBIDDEN, "vm-place-unknown", None)
    with pytest.raises(ValueError, match="id 12"):
        why(seen(vm(11)), 12)


def test_why_shows_the_overload_of_a_node_and_the_vms_that_may_not_leave() -> None:
    what = seen(vm(11), vm(12, snapshot_count=1), vm(13, iso_mounted=True), vm(14, iso_mounted=True))
    answer = why_node(what, PLAIN, Recent(), 1)
    assert answer.overloaded
    assert [(level.resource, level.value, level.above) for level in answer.levels] == [
        ("cpu", 7.5, True),
        ("memory", 40.0, False),
    ]
    assert (answer.not_source, [r.code for r in answer.not_target]) == ((), ["target-overloaded", "target-score"])
    assert [(r.reason.code, r.ids) for r in answer.staying] == [("vm-iso", (13, 14)), ("vm-snapshots", (12,))]
    assert ([m.vm_id for m in answer.leaving], answer.vms, answer.stays_overloaded) == ([11], 4, None)
    taker = why_node(what, PLAIN, Recent(), 2)
    assert ([m.vm_id for m in taker.coming], taker.not_target) == ([11], ())


def test_a_node_in_maintenance_is_neither_source_nor_target() -> None:
    answer = why_node(seen(vm(11)), PLAIN, Recent(), 3)
    assert not answer.overloaded
    assert [r.code for r in answer.not_source] == ["node-maintenance"]
    assert [r.code for r in answer.not_target] == ["node-maintenance"]


def test_why_explains_a_node_that_stays_overloaded() -> None:
    answer = why_node(seen(vm(11, snapshot_count=1)), PLAIN, Recent(), 1)
    assert answer.stays_overloaded is not None
    assert answer.stays_overloaded.code == "source-no-movable-vm"
    held = why_node(seen(vm(11)), PLAIN, Recent(held={1: 2}), 1)
    assert held.stays_overloaded is not None
    assert held.stays_overloaded.code == "source-hold"
    unknown = why_node(snapshot([node(1, cpus=None)], []), PLAIN, Recent(), 1)
    assert (unknown.levels, unknown.load, unknown.not_source[0].code) == ((), None, "node-figure-unknown")


@thorough
@given(worlds)
@pytest.mark.slow
def test_every_answer_agrees_with_the_plan(world: World) -> None:
    what, policy, recent = world
    for own in (policy, replace(policy, strategy=OPTIMAL)):
        new_plan = plan(what, own, recent)
        moved = {m.vm_id for m in new_plan.moves}
        overloaded = {n.node_id for n in new_plan.nodes if n.overloaded}
        for v in what.vms[:5]:
            result = why_vm(what, own, recent, v.id)
            assert (result.verdict is WhyVerdict.PLANNED) == (v.id in moved)
            if result.verdict is WhyVerdict.OTHERS:
                assert result.instead or own.strategy == OPTIMAL
                assert v.node_id not in new_plan.overloaded_after
            if result.verdict is WhyVerdict.NOT_NEEDED:
                assert v.node_id not in overloaded
            if result.node_name is not None and v.vcpus and v.memory_mib:
                explained = [i for group in result.refused for i in group.ids] + [c.node_id for c in result.open]
                assert sorted(explained) == sorted(n.id for n in what.nodes if n.id != v.node_id)
        for n in what.nodes:
            answer = why_node(what, own, recent, n.id)
            assert answer.overloaded == (n.id in overloaded)
            assert (answer.stays_overloaded is not None) == (n.id in new_plan.overloaded_after)
            assert len(answer.leaving) == sum(m.source_id == n.id for m in new_plan.moves)
