"""Requests of people in small worlds: drain, fill, place, other target, undo."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from core_builders import NOW, cluster, node, snapshot, vm

from balancer.model import Plan, Purpose, Recent, Rejection, Snapshot
from balancer.policy import STRATEGIES, Policy
from balancer.requests.drain import drain
from balancer.requests.fill import fill
from balancer.requests.move import best_targets, single_move
from balancer.requests.place import place
from balancer.rules.constraints import check_move, check_planned

HOUR_AGO = NOW - timedelta(minutes=10)


def small(*vms: Any, **first: Any) -> Snapshot:
    return snapshot([node(1, **first), node(2, vcpus_allocated=40), node(3, vcpus_allocated=20)], vms)


def codes(plan: Plan) -> dict[int, str]:
    return {r.id: r.reason.code for r in plan.rejections}


# --- drain ----------------------------------------------------------------------------------------------


def test_a_drain_moves_all_that_may_leave_to_where_there_is_room() -> None:
    seen = small(vm(11, vcpus=6), vm(12, vcpus=8), vm(13, iso_mounted=True))
    drain_plan = drain(seen, Policy(), Recent(), 1)
    assert [m.key for m in drain_plan.moves] == [(12, 1, 3), (11, 1, 2)]
    assert (drain_plan.purpose, drain_plan.strategy) == (Purpose.DRAIN, "drain")
    assert codes(drain_plan) == {13: "vm-iso"}
    assert drain_plan.effort is not None
    assert (drain_plan.effort.moves, drain_plan.effort.memory_mib) == (2, 8_000)


def test_drain_ignores_the_move_limit_and_needs_no_overload() -> None:
    seen = small(*(vm(i) for i in range(11, 16)))
    assert len(drain(seen, Policy(max_moves=1), Recent(), 1).moves) == 5
    held = Recent(held={1: 3})
    assert len(drain(small(vm(11), vcpus_allocated=75), Policy(), held, 1).moves) == 1


def test_cooldown_does_not_block_a_drain_but_quarantine_and_skip_do() -> None:
    recent = Recent(migrated={11: HOUR_AGO}, failed={12: HOUR_AGO}, skipped={13: HOUR_AGO})
    drain_plan = drain(small(vm(11), vm(12), vm(13)), Policy(), recent, 1)
    assert [m.vm_id for m in drain_plan.moves] == [11]
    assert codes(drain_plan) == {12: "vm-quarantine", 13: "vm-skipped"}


def test_a_drain_empties_an_excluded_source_and_says_so() -> None:
    policy = Policy(exclude_sources=frozenset({1}))
    drain_plan = drain(small(vm(11)), policy, Recent(), 1)
    assert len(drain_plan.moves) == 1
    assert [c.code for c in drain_plan.cautions] == ["caution-drain-excluded", "caution-drain-open"]
    assert not any(report.overloaded for report in drain_plan.nodes)
    closed = Policy(exclude_targets=frozenset({1}))
    assert drain(small(vm(11)), closed, Recent(), 1).cautions == ()


@pytest.mark.parametrize(
    ("first", "recent", "code"),
    [
        ({"maintenance": True}, Recent(), "node-maintenance"),
        ({"state": "error"}, Recent(), "node-state"),
        ({"vcpus_allocated": None}, Recent(), "node-figure-unknown"),
        ({}, Recent(busy_nodes=frozenset({1})), "node-busy"),
    ],
)
def test_a_node_that_nothing_may_leave_is_not_drained(first: dict[str, Any], recent: Recent, code: str) -> None:
    drain_plan = drain(small(vm(11), **first), Policy(), recent, 1)
    assert drain_plan.moves == ()
    assert [(r.subject, r.id, r.reason.code) for r in drain_plan.rejections] == [("source", 1, code)]


def test_a_cluster_without_live_migration_is_not_drained() -> None:
    seen = replace(small(vm(11)), clusters=(cluster(virtualization="lxd"),))
    assert codes(drain(seen, Policy(), Recent(), 1)) == {1: "cluster-virtualization"}


def test_vms_that_fit_nowhere_stay_and_their_reasons_are_counted() -> None:
    drain_plan = drain(small(vm(11, vcpus=60), vm(12)), Policy(), Recent(), 1)
    assert [m.vm_id for m in drain_plan.moves] == [12]
    [stays] = drain_plan.rejections
    assert (stays.id, stays.reason.code) == (11, "vm-fits-nowhere")
    assert [(r.code, n) for r, n in stays.per_target] == [("brief-fit-cpu", 2)]


def test_drain_packs_tightly_when_spreading_would_leave_a_vm() -> None:
    """4 and 3 free vCPUs for VMs of 3, 2 and 2: the largest must not take the place of the two."""
    nodes = [node(1), node(2, vcpus_allocated=66), node(3, vcpus_allocated=67)]
    seen = snapshot(nodes, [vm(11, vcpus=3), vm(12, vcpus=2), vm(13, vcpus=2)])
    drain_plan = drain(seen, Policy(), Recent(), 1)
    assert [m.key for m in drain_plan.moves] == [(11, 1, 3), (12, 1, 2), (13, 1, 2)]
    assert drain_plan.moves[0].reason.code == "move-drain-packed"


def test_an_affinity_group_leaves_to_one_node_or_stays() -> None:
    mates = [vm(i, vcpus=15, tags=("plb_affinity_web",)) for i in (11, 12, 13)]
    seen = snapshot([node(1), node(2, vcpus_allocated=25), node(3, vcpus_allocated=30), node(4)], mates)
    drain_plan = drain(seen, Policy(), Recent(), 1)
    assert [m.target_id for m in drain_plan.moves] == [2, 2, 2]
    assert {m.reason.code for m in drain_plan.moves} == {"move-drain-together"}
    crowded = replace(seen, nodes=tuple(replace(n, vcpus_allocated=40) for n in seen.nodes))
    assert codes(drain(crowded, Policy(), Recent(), 1)) == dict.fromkeys((11, 12, 13), "drain-together")


def test_group_member_that_may_not_leave_holds_its_group() -> None:
    mates = [vm(11, tags=("plb_affinity_web",)), vm(12, tags=("plb_affinity_web",), snapshot_count=1)]
    drain_plan = drain(small(*mates), Policy(), Recent(), 1)
    assert codes(drain_plan) == {11: "vm-fits-nowhere", 12: "vm-snapshots"}
    assert [(r.code, n) for r, n in drain_plan.rejections[0].per_target] == [("brief-fit-together", 2)]


def test_vms_kept_apart_leave_to_different_nodes() -> None:
    apart = [vm(i, tags=("plb_anti_affinity_db",)) for i in (11, 12)]
    drain_plan = drain(small(*apart), Policy(), Recent(), 1)
    assert sorted(m.target_id for m in drain_plan.moves) == [2, 3]
    three = drain(small(*apart, vm(13, tags=("plb_anti_affinity_db",))), Policy(), Recent(), 1)
    assert len(three.moves) == 2
    [stays] = three.rejections
    assert [(r.code, n) for r, n in stays.per_target] == [("brief-fit-apart", 2)]


def test_an_empty_node_is_drained_already() -> None:
    drain_plan = drain(small(), Policy(), Recent(), 1)
    assert (drain_plan.moves, drain_plan.rejections, drain_plan.effort) == ((), (), None)


def test_a_node_or_cluster_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="id 9"):
        drain(small(), Policy(), Recent(), 9)
    with pytest.raises(ValueError, match="2 clusters"):
        drain(replace(small(), clusters=(cluster(1), cluster(2))), Policy(), Recent(), 1)


# --- the check before a start ---------------------------------------------------------------------------


def test_precheck_of_a_drain_uses_the_rules_of_a_drain() -> None:
    seen = small(vm(11))
    policy, recent = Policy(exclude_sources=frozenset({1})), Recent(migrated={11: HOUR_AGO}, held={1: 2})
    drain_plan = drain(seen, policy, recent, 1)
    [move] = drain_plan.moves
    assert check_planned(seen, policy, recent, move, drain_plan) is None
    as_usual = check_move(seen, policy, recent, 11, move.target_id)
    assert as_usual is not None
    assert as_usual.code == "node-excluded"
    failed = check_planned(seen, policy, replace(recent, failed={11: HOUR_AGO}), move, drain_plan)
    assert failed is not None
    assert failed.code == "vm-quarantine"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_group_member_left_behind_stops_the_rest_of_its_group(strategy: str) -> None:
    mates = [vm(i, vcpus=3, tags=("plb_affinity_web",)) for i in (11, 12)]
    seen, policy = small(*mates), Policy(strategy=strategy)
    drain_plan = drain(seen, policy, Recent(), 1)
    assert check_planned(seen, policy, Recent(), drain_plan.moves[0], drain_plan) is None
    stuck = check_planned(seen, policy, Recent(failed={12: NOW}), drain_plan.moves[0], drain_plan)
    assert stuck is not None
    assert stuck.code == "fit-together"


# --- fill -----------------------------------------------------------------------------------------------


def uneven() -> Snapshot:
    """An empty node beside two with eight VMs each."""
    full = [node(i, vcpus_allocated=48, memory_allocated_mib=32_000, vm_count=8) for i in (2, 3)]
    vms = [vm(10 * i + k, node_id=i) for i in (2, 3) for k in range(8)]
    return snapshot([node(1, vcpus_allocated=0, memory_allocated_mib=0, vm_count=0), *full], vms)


def test_fill_takes_vms_from_the_fullest_nodes_until_the_share_is_reached() -> None:
    fill_plan = fill(uneven(), Policy(), Recent(), 1)
    assert {m.target_id for m in fill_plan.moves} == {1}
    assert sorted(m.source_id for m in fill_plan.moves) in ([2, 2, 3, 3, 3], [2, 2, 2, 3, 3])
    assert fill_plan.evenness is not None
    assert fill_plan.evenness.after < fill_plan.evenness.before / 4
    assert (fill_plan.purpose, fill_plan.overloaded_after) == (Purpose.FILL, ())


def test_a_node_with_its_share_gets_nothing() -> None:
    even = snapshot([node(1), node(2), node(3)], [vm(11), vm(12), vm(21, node_id=2), vm(31, node_id=3)])
    fill_plan = fill(even, Policy(), Recent(), 1)
    assert fill_plan.moves == ()
    assert codes(fill_plan) == {1: "fill-fair-share"}


@pytest.mark.parametrize(
    ("change", "code"),
    [({"maintenance": True}, "node-maintenance"), ({"creation_allowed": False}, "target-creation-blocked")],
)
def test_a_node_that_takes_nothing_is_not_filled(change: dict[str, Any], code: str) -> None:
    seen = uneven()
    seen = replace(seen, nodes=(replace(seen.nodes[0], **change), *seen.nodes[1:]))
    assert codes(fill(seen, Policy(), Recent(), 1)) == {1: code}


def test_fill_respects_cooldown_and_excluded_sources() -> None:
    recent = Recent(migrated={20 + k: HOUR_AGO for k in range(8)})
    assert {m.source_id for m in fill(uneven(), Policy(), recent, 1).moves} == {3}
    policy = Policy(exclude_sources=frozenset({1, 3}))
    assert {m.source_id for m in fill(uneven(), policy, Recent(), 1).moves} == {2}


# --- a place for a new VM -------------------------------------------------------------------------------


def test_place_prefers_the_emptiest_node_and_counts_all_that_fit() -> None:
    seen = small(vm(11), vcpus_allocated=68)
    placement = place(seen, Policy(), 8, 16_384)
    assert [(c.node_id, round(c.after.cpu_ratio, 1)) for c in placement.best] == [(3, 2.8), (2, 4.8)]
    assert [(r.node_id, r.vms) for r in placement.rooms] == [(2, 1), (3, 1), (1, 0)]
    assert placement.total == 2
    assert [(r.id, r.reason.code) for r in placement.rejections] == [(1, "fit-cpu")]


def test_a_place_needs_no_live_migration_but_a_node_that_takes_new_vms() -> None:
    seen = snapshot(
        [node(1, live_migration_allowed=False), node(2, creation_allowed=False), node(3, placement_filter="a")],
        [],
        [cluster(virtualization="lxd")],
    )
    placement = place(seen, Policy(), 1, 1024)
    assert [c.node_id for c in placement.best] == [1]
    assert [(r.id, r.reason.code) for r in placement.rejections] == [
        (2, "target-creation-blocked"),
        (3, "target-filter"),
    ]


def test_a_place_keeps_the_headroom_and_the_limit_of_vms() -> None:
    seen = snapshot([node(1, vcpus_allocated=60)], [])
    assert place(seen, Policy(), 1, 1).total == 10
    assert place(seen, Policy(target_headroom_percent=10), 1, 1).total == 3
    assert place(snapshot([node(1, vm_limit=9)], []), Policy(), 1, 1).total == 4


@pytest.mark.parametrize(("vcpus", "memory"), [(0, 1), (1, 0), (-1, 5)])
def test_size_must_be_positive(vcpus: int, memory: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        place(small(), Policy(), vcpus, memory)


# --- another target, and back ---------------------------------------------------------------------------


def test_the_best_targets_do_not_depend_on_the_strategy() -> None:
    seen = small(vm(11), vcpus_allocated=75)
    for strategy in STRATEGIES:
        targets = best_targets(seen, Policy(strategy=strategy), Recent(), 11)
        assert [(c.node_id, c.before.cpu_ratio, c.after.cpu_ratio) for c in targets] == [(3, 2.0, 2.6), (2, 4.0, 4.6)]
    assert [c.node_id for c in best_targets(seen, Policy(), Recent(), 11, count=1)] == [3]
    assert best_targets(small(vm(11, snapshot_count=2)), Policy(), Recent(), 11) == ()


def test_a_chosen_target_is_a_plan_of_one_move() -> None:
    seen = small(vm(11), vcpus_allocated=75)
    new_plan = single_move(seen, Policy(), Recent(), vm_id=11, target_id=2, purpose=Purpose.TARGET)
    assert isinstance(new_plan, Plan)
    assert [(m.key, m.reason.code) for m in new_plan.moves] == [((11, 1, 2), "move-chosen-relieve")]
    assert check_planned(seen, Policy(), Recent(), new_plan.moves[0], new_plan) is None
    relieved = small(vm(11), vcpus_allocated=70)
    stale = check_planned(relieved, Policy(), Recent(), new_plan.moves[0], new_plan)
    assert stale is not None
    assert stale.code == "source-relieved"


def test_chosen_target_without_overload_needs_no_overload_at_the_start() -> None:
    new_plan = single_move(small(vm(11)), Policy(), Recent(), vm_id=11, target_id=2, purpose=Purpose.TARGET)
    assert isinstance(new_plan, Plan)
    assert new_plan.moves[0].reason.code == "move-chosen"
    assert check_planned(small(vm(11)), Policy(), Recent(), new_plan.moves[0], new_plan) is None


@pytest.mark.parametrize(
    ("what", "target", "recent", "refusal"),
    [
        (small(vm(11)), 9, Recent(), ("target", "target-gone")),
        (small(vm(11)), 1, Recent(), ("vm", "already-there")),
        (small(vm(11, node_id=None)), 2, Recent(), ("vm", "vm-place-unknown")),
        (small(vm(11, rescue=True)), 2, Recent(), ("vm", "vm-rescue")),
        (small(vm(11), state="error"), 2, Recent(), ("source", "node-state")),
        (small(vm(11, vcpus=40)), 2, Recent(), ("target", "fit-cpu")),
        (small(vm(11)), 2, Recent(migrated={11: HOUR_AGO}), ("vm", "vm-cooldown")),
        (replace(small(vm(11)), clusters=(cluster(virtualization=None),)), 2, Recent(), None),
    ],
)
def test_a_chosen_target_is_refused_with_its_reason(
    what: Snapshot, target: int, recent: Recent, refusal: tuple[str, str] | None
) -> None:
    new_plan = single_move(what, Policy(), recent, vm_id=11, target_id=target, purpose=Purpose.TARGET)
    assert isinstance(new_plan, Rejection)
    assert (new_plan.subject, new_plan.reason.code) == (refusal or ("cluster", "cluster-virtualization-unknown"))


def test_undo_ignores_the_cooldown_of_its_migration() -> None:
    recent = Recent(migrated={11: HOUR_AGO, 12: HOUR_AGO})
    seen = small(vm(11), vm(12))
    new_plan = single_move(seen, Policy(), recent, vm_id=11, target_id=2, purpose=Purpose.UNDO)
    assert isinstance(new_plan, Plan)
    assert (new_plan.moves[0].reason.code, new_plan.purpose) == ("move-back", Purpose.UNDO)
    assert check_planned(seen, Policy(), recent, new_plan.moves[0], new_plan) is None
    failed = single_move(
        seen, Policy(), replace(recent, failed={11: HOUR_AGO}), vm_id=11, target_id=2, purpose=Purpose.UNDO
    )
    assert isinstance(failed, Rejection)
    assert failed.reason.code == "vm-quarantine"


def test_only_one_vm_moves_for_a_target_or_back() -> None:
    with pytest.raises(ValueError, match="'drain'"):
        single_move(small(vm(11)), Policy(), Recent(), vm_id=11, target_id=2, purpose=Purpose.DRAIN)
    with pytest.raises(ValueError, match="id 12"):
        single_move(small(vm(11)), Policy(), Recent(), vm_id=12, target_id=2, purpose=Purpose.TARGET)
