"""The strategy `balance`: legal at every length, no more nodes overloaded than `optimal`, bound below brute force."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from balancer.formats import codec
from balancer.model import VM, Cluster, Node, Plan, Recent, Snapshot
from balancer.planner import plan
from balancer.policy import BALANCE, OPTIMAL, Policy
from balancer.rules.constraints import check_move
from balancer.state import WorkingState
from balancer.strategies.arrays import NodeArrays, VMArrays
from balancer.strategies.balance.bound import lower_bound
from balancer.strategies.balance.strategy import is_uneven

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
POLICY = Policy(strategy=BALANCE, max_moves=0, allow_unknown_versions=True)


def cluster(nodes: list[Node], vms: list[VM]) -> Snapshot:
    """The snapshot with totals of every node from its VMs, plus the values given for the node."""
    summed = []
    for node in nodes:
        own = [vm for vm in vms if vm.node_id == node.id]
        summed.append(
            replace(
                node,
                vcpus_allocated=sum(vm.vcpus or 0 for vm in own),
                memory_allocated_mib=(node.memory_allocated_mib or 0) + sum(vm.memory_mib or 0 for vm in own),
                vm_count=len(own),
            )
        )
    return Snapshot(NOW, (Cluster(1, "c", "kvm"),), tuple(summed), tuple(vms))


def node(i: int, cpus: int = 4, memory_mib: int = 65536, **more: object) -> Node:
    base = Node(i, f"n{i}", 1, cpus=cpus, memory_mib=memory_mib, state="active", creation_allowed=True)
    return replace(base, qemu_version="8.2.0", **more)  # type: ignore[arg-type]


def vm(i: int, on: int, vcpus: int, gib: int, **more: object) -> VM:
    base = VM(i, f"v{i}", 1, on, vcpus=vcpus, memory_mib=gib * 1024, state="active")
    return replace(base, iso_mounted=False, snapshot_count=0, **more)  # type: ignore[arg-type]


@st.composite
def snapshots(draw: st.DrawFn, most_nodes: int = 5, most_vms: int = 16) -> Snapshot:
    nodes = [
        replace(
            node(i, draw(st.sampled_from((2, 4, 6))), draw(st.sampled_from((32, 64))) * 1024),
            qemu_version=draw(st.sampled_from(("7.2.0", "8.2.0", "8.2.0"))),
            creation_allowed=draw(st.integers(0, 7)) != 0,
            maintenance=draw(st.integers(0, 11)) == 0,
            vm_limit=draw(st.sampled_from((None, None, 4))),
        )
        for i in range(1, draw(st.integers(2, most_nodes)) + 1)
    ]
    sizes = st.tuples(st.sampled_from((1, 2, 4, 8)), st.sampled_from((1, 4, 8, 16)))
    vms = [
        replace(
            vm(100 + i, draw(st.integers(1, len(nodes))), *draw(sizes)),
            snapshot_count=int(draw(st.integers(0, 9)) == 0),
        )
        for i in range(draw(st.integers(1, most_vms)))
    ]
    return cluster(nodes, vms)


def j_of(snapshot: Snapshot, policy: Policy = POLICY) -> float:
    """J by its definition, from the nodes of the VMs."""
    counted = [n for n in snapshot.nodes if not n.maintenance and n.id not in policy.exclude_sources]
    if not counted:
        return 0.0
    ratios = [n.vcpus_allocated / n.cpus for n in counted]  # type: ignore[operator]
    memory = [n.memory_allocated_mib / n.memory_mib for n in counted]  # type: ignore[operator]
    return sum(math.sqrt(sum((x - sum(v) / len(v)) ** 2 for x in v) / len(v)) for v in (ratios, memory))


def moved(snapshot: Snapshot, vm_id: int, target_id: int) -> Snapshot:
    """The snapshot after the move."""
    one = next(v for v in snapshot.vms if v.id == vm_id)
    assert one.vcpus is not None and one.memory_mib is not None
    changed = []
    for n in snapshot.nodes:
        sign = (n.id == target_id) - (n.id == one.node_id)
        assert n.vcpus_allocated is not None and n.memory_allocated_mib is not None and n.vm_count is not None
        changed.append(
            replace(
                n,
                vcpus_allocated=n.vcpus_allocated + sign * one.vcpus,
                memory_allocated_mib=n.memory_allocated_mib + sign * one.memory_mib,
                vm_count=n.vm_count + sign,
            )
        )
    vms = tuple(replace(v, node_id=target_id) if v.id == vm_id else v for v in snapshot.vms)
    return replace(snapshot, nodes=tuple(changed), vms=vms)


def carried_out(snapshot: Snapshot, made: Plan, policy: Policy) -> list[Snapshot]:
    """The cluster after every prefix of the plan; the executor's check must allow every move in its turn."""
    seen = [snapshot]
    for move in made.moves:
        refusal = check_move(
            seen[-1], policy, Recent(), move.vm_id, move.target_id, source_id=move.source_id, need_overload=False
        )
        assert refusal is None, (move.key, refusal)
        seen.append(moved(seen[-1], move.vm_id, move.target_id))
    return seen


def least_j(snapshot: Snapshot, moves: int) -> float:
    """The best J of all legal sequences with at most this many moves, by trying all."""
    best = j_of(snapshot)
    if moves:
        for one, target in itertools.product(snapshot.vms, snapshot.nodes):
            if check_move(snapshot, POLICY, Recent(), one.id, target.id, need_overload=False) is None:
                best = min(best, least_j(moved(snapshot, one.id, target.id), moves - 1))
    return best


slow = settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@slow
@given(snapshots(), st.sampled_from((0, 1, 3)), st.sampled_from((0.0, 10.0)))
def test_every_move_is_legal_and_no_vm_moves_twice(snapshot: Snapshot, limit: int, headroom: float) -> None:
    policy = replace(POLICY, max_moves=limit, target_headroom_percent=headroom)
    new_plan = plan(snapshot, policy)
    seen = carried_out(snapshot, new_plan, policy)
    assert len({move.vm_id for move in new_plan.moves}) == len(new_plan.moves)
    assert not limit or len(new_plan.moves) <= limit
    if new_plan.evenness is not None:
        assert new_plan.evenness.before == pytest.approx(j_of(snapshot), abs=1e-9)
        assert new_plan.evenness.after == pytest.approx(j_of(seen[-1]), abs=1e-9)
        assert new_plan.evenness.bound is None or new_plan.evenness.bound <= new_plan.evenness.after + 1e-12


@slow
@given(snapshots(), st.sampled_from((0, 1, 2, 5)))
def test_balance_leaves_no_more_nodes_overloaded_than_optimal(snapshot: Snapshot, limit: int) -> None:
    policy = replace(POLICY, max_moves=limit)
    best = plan(snapshot, replace(policy, strategy=OPTIMAL))
    new_plan = plan(snapshot, policy)
    assert len(new_plan.overloaded_after) <= len(best.overloaded_after)


@slow
@given(snapshots(), st.sampled_from([1, 2, 3, 4, 7]))
def test_budget_never_splits_a_pair_of_moves(snapshot: Snapshot, limit: int) -> None:
    """Where nothing is overloaded, the moves that a budget keeps make the load more even than before."""
    new_plan = plan(snapshot, replace(POLICY, max_moves=limit))
    if new_plan.moves and not new_plan.overloaded:
        assert j_of(carried_out(snapshot, new_plan, POLICY)[-1]) < j_of(snapshot)
    if not new_plan.moves and not new_plan.overloaded:
        assert new_plan.effort is None or new_plan.effort.moves == 0, "a pair that no check has room for is no plan"


@slow
@given(snapshots(), st.randoms(use_true_random=False))
def test_plan_does_not_depend_on_the_order_of_rows(snapshot: Snapshot, random: object) -> None:
    nodes, vms = list(snapshot.nodes), list(snapshot.vms)
    random.shuffle(nodes)  # type: ignore[attr-defined]
    random.shuffle(vms)  # type: ignore[attr-defined]
    again = plan(replace(snapshot, nodes=tuple(nodes), vms=tuple(vms)), POLICY)
    new_plan = plan(snapshot, POLICY)
    assert new_plan.moves == again.moves
    assert new_plan.evenness == again.evenness


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots(most_nodes=3, most_vms=5), st.integers(1, 2))
def test_bound_is_below_what_brute_force_reaches(snapshot: Snapshot, moves: int) -> None:
    state = WorkingState(snapshot, POLICY, Recent())
    nodes = NodeArrays.of(state)
    bound = lower_bound(nodes, VMArrays.of(state, nodes), moves)
    assert bound is None or bound <= least_j(snapshot, moves) + 1e-12


@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(snapshots(most_nodes=3, most_vms=6))
def test_the_first_move_without_a_budget_is_the_most_even_one(snapshot: Snapshot) -> None:
    """Except if overload needs room first, or only pairs help: then the first move need not even out."""
    new_plan = plan(snapshot, replace(POLICY, balance_deadband=0.0, balance_margin=0.0))
    if new_plan.moves and all(move.reason.code == "move-even" for move in new_plan.moves):
        first = new_plan.moves[0]
        after = j_of(moved(snapshot, first.vm_id, first.target_id))
        least = least_j(snapshot, 1)
        assert after == pytest.approx(least, abs=1e-9) or after > j_of(snapshot)


def test_bound_equals_the_known_best_plan() -> None:
    """One node has more VMs than the others: moving half of the difference is best, and whole VMs allow it."""
    snapshot = cluster([node(1), node(2)], [vm(i, 1, 2, 4) for i in range(100, 104)])
    state = WorkingState(snapshot, POLICY, Recent())
    nodes = NodeArrays.of(state)
    bound = lower_bound(nodes, VMArrays.of(state, nodes), 1)
    assert bound == pytest.approx(least_j(snapshot, 1), rel=0.01)


def test_swap_where_no_single_move_helps() -> None:
    """Both nodes are full: one of vCPUs, the other of memory. Only an exchange evens this out."""
    nodes = [node(1, 4, 32768), node(2, 4, 32768), node(3, 4, 32768)]
    vms = [vm(101, 1, 12, 4), vm(102, 1, 12, 4), vm(201, 2, 2, 11), vm(202, 2, 2, 11), vm(301, 3, 14, 15)]
    snapshot = cluster(nodes, vms)
    assert least_j(snapshot, 1) == pytest.approx(j_of(snapshot))
    new_plan = plan(snapshot, POLICY)
    seen = carried_out(snapshot, new_plan, POLICY)
    assert len(new_plan.moves) >= 2
    assert j_of(seen[-1]) < j_of(snapshot) / 2


def test_cluster_that_is_even_enough_is_left_alone() -> None:
    """Both nodes are within a tenth of the threshold of the mean: 0.25 of 7 vCPUs per CPU."""
    snapshot = cluster([node(1), node(2)], [vm(101, 1, 1, 1), vm(102, 1, 1, 1), vm(103, 2, 1, 1)])
    assert plan(snapshot, POLICY).moves == ()
    assert plan(snapshot, replace(POLICY, balance_deadband=0.0, balance_margin=0.0)).moves == ()
    wide_apart = cluster([node(1), node(2)], [vm(i, 1, 2, 4) for i in range(100, 104)])
    assert len(plan(wide_apart, POLICY).moves) == 2
    assert plan(wide_apart, replace(POLICY, balance_deadband=0.9)).moves == ()


def test_imbalance_must_last_as_many_checks_as_overload() -> None:
    nodes = [node(1), node(2)]
    wide_apart = cluster(nodes, [vm(i, 1, 2, 4) for i in range(100, 104)])
    calm = cluster(nodes, [vm(101, 1, 1, 1), vm(102, 1, 1, 1), vm(103, 2, 1, 1)])
    assert (is_uneven(wide_apart, POLICY), is_uneven(calm, POLICY)) == (True, False)
    assert plan(wide_apart, POLICY, Recent(uneven_held=1)).moves == ()
    assert len(plan(wide_apart, POLICY, Recent(uneven_held=0)).moves) == 2


def test_vm_in_cooldown_is_not_moved_to_even_out() -> None:
    """After its cool-down the VM may move to relieve an overloaded node."""
    wide_apart = cluster([node(1), node(2)], [vm(i, 1, 2, 4) for i in range(100, 104)])
    for hours, moves in ((2, 0), (25, 2)):
        lately = dict.fromkeys(range(100, 104), wide_apart.taken_at - timedelta(hours=hours))
        assert len(plan(wide_apart, POLICY, Recent(migrated=lately)).moves) == moves
    overloaded = cluster([node(1, 4), node(2, 4)], [vm(i, 1, 2, 4) for i in range(100, 120)])
    lately = dict.fromkeys(range(100, 120), overloaded.taken_at - timedelta(hours=2))
    new_plan = plan(overloaded, POLICY, Recent(migrated=lately))
    assert new_plan.overloaded and new_plan.moves and not new_plan.overloaded_after


def test_margin_ends_the_plan() -> None:
    """Large VMs make the difference; two small VMs more on node 3 than on node 4 have little effect."""
    large = [vm(i, 1, 8, 8) for i in range(100, 103)]
    small = [vm(200 + i, 3 if i < 9 else 4, 1, 1) for i in range(16)]
    snapshot = cluster([node(i, 8) for i in (1, 2, 3, 4)], large + small)
    whole = plan(snapshot, replace(POLICY, balance_margin=0.0))
    some = plan(snapshot, replace(POLICY, balance_margin=1.0))
    assert plan(snapshot, replace(POLICY, balance_margin=3.9)).moves == ()
    assert 0 < len(some.moves) < len(whole.moves)
    seen = carried_out(snapshot, some, replace(POLICY, balance_margin=1.0))
    assert all(j_of(later) < j_of(before) * (1 - 1.0 / 4) for before, later in itertools.pairwise(seen))


def test_with_a_budget_overload_comes_first() -> None:
    """VMs of node 2 would even out more on the empty node 3, but node 1 is overloaded by memory."""
    nodes = [node(1, 16, 32768), node(2, 4, 65536), node(3, 4, 65536)]
    vms = [vm(101, 1, 1, 12), vm(102, 1, 1, 12), *(vm(200 + i, 2, 4, 2) for i in range(6))]
    snapshot = cluster(nodes, vms)
    new_plan = plan(snapshot, replace(POLICY, max_moves=1))
    assert [move.source_id for move in new_plan.moves] == [1]
    assert new_plan.overloaded_after == ()
    assert new_plan.total_moves > 1
    rest = plan(snapshot, replace(POLICY, max_moves=3))
    assert rest.moves[0] == new_plan.moves[0]
    assert {move.source_id for move in rest.moves[1:]} == {2}


def test_placement_rules_hold_while_evening_out() -> None:
    snapshot = cluster([node(1), node(2)], [vm(i, 1, 2, 4, tags=("plb_affinity_web",)) for i in range(100, 104)])
    assert plan(snapshot, POLICY).moves == ()


def test_planned_move_passes_the_precheck() -> None:
    """Its source need not be overloaded."""
    snapshot = cluster([node(1), node(2)], [vm(i, 1, 2, 4) for i in range(100, 104)])
    new_plan = plan(snapshot, POLICY)
    for move in new_plan.moves:
        assert check_move(snapshot, POLICY, Recent(), move.vm_id, move.target_id, source_id=move.source_id) is None


def test_plan_survives_json() -> None:
    snapshot = cluster([node(1), node(2)], [vm(i, 1, 2, 4) for i in range(100, 104)])
    new_plan = plan(snapshot, POLICY)
    assert new_plan.evenness is not None
    assert codec.plan_from_dict(codec.plan_to_dict(new_plan)) == new_plan


@pytest.mark.parametrize("field", ["balance_margin", "balance_deadband"])
def test_policy_refuses_negative_values(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        replace(POLICY, **{field: -0.1})
