"""Drains and places in random small worlds: legal move by move, repeatable, and as good as brute force.

An oracle judges every rule (core_worlds.py)."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from core_builders import after, node, snapshot, vm
from core_worlds import World, build_world, worlds
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples
from test_optimal import Filling

from balancer.formats.codec import plan_from_dict, plan_to_dict
from balancer.model import VM, Purpose, Recent, Rejection
from balancer.planner import plan
from balancer.policy import Policy
from balancer.requests.drain import drain
from balancer.requests.fill import fill
from balancer.requests.move import best_targets, single_move
from balancer.requests.place import place
from balancer.rules.constraints import check_planned

thorough = settings(
    max_examples=examples(200), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
tiny = st.builds(build_world, st.integers(0, 10**9), st.integers(3, 5), st.integers(1, 7), st.integers(0, 3))
tiny_measured = st.builds(
    build_world, st.integers(0, 10**9), st.integers(3, 4), st.integers(1, 6), st.integers(0, 3), st.just(True)
)


class Draining(Filling):
    """The rules of a drain: no rest after a migration, and the node may be excluded as a source."""

    def __init__(self, world: World, node_id: int) -> None:
        seen, policy, recent = world
        policy = replace(policy, migration_cooldown=timedelta(0), exclude_sources=policy.exclude_sources - {node_id})
        super().__init__(seen, policy, recent)
        self.node_id = node_id

    def leavers(self) -> list[int]:
        own = [v for v in self.vms.values() if v.node_id == self.node_id]
        return sorted(v.id for v in own if self.movable(v))

    def most_that_leave(self) -> int:
        """The most VMs that can leave, by trying every target for every VM."""
        return self._most(self.leavers())

    def _most(self, left: list[int]) -> int:
        if not left:
            return 0
        best, vm_id = self._most(left[1:]), left[0]
        for target in sorted(self.sums):
            if best == len(left):
                break
            if self.legal(vm_id, self.node_id, target):
                kept = {i: replace(self.sums[i]) for i in (self.node_id, target)}, self.vms[vm_id]
                self.apply(vm_id, self.node_id, target)
                best = max(best, 1 + self._most(left[1:]))
                self.sums.update(kept[0])
                self.vms[vm_id] = kept[1]
        return best


class Apart(Draining):
    """A world in which VMs with a tag may not share a node."""

    def legal(self, vm_id: int, source: int, target: int) -> bool:
        there = (v for v in self.vms.values() if v.node_id == target and v.tags)
        return super().legal(vm_id, source, target) and not (self.vms[vm_id].tags and any(there))


def crowded(seed: int) -> World:
    """Large VMs and little room, so that they only fit if they are packed well."""
    r = random.Random(seed)
    vms = [vm(10 + k, vcpus=r.choice([2, 3, 4, 5, 7]), memory_mib=r.choice([100, 200, 300, 500])) for k in range(6)]
    nodes = [node(1, vcpus_allocated=sum(v.vcpus or 0 for v in vms), memory_allocated_mib=2_000, vm_count=6)]
    for i in range(2, r.choice([3, 4, 5]) + 1):
        free, mib = r.choice([4, 6, 8, 11]), r.choice([300, 500, 900])
        limits = {"vm_limit": r.choice([None, None, 2, 3]), "vm_count": 0}
        nodes.append(node(i, vcpus_allocated=20 - free, memory_allocated_mib=70_000 - mib, **limits))
    return snapshot(nodes, vms), Policy(cpu_overload_ratio=2.0), Recent()


@thorough
@given(worlds, st.integers(1, 8))
def test_every_prefix_of_a_drain_is_legal(world: World, node_id: int) -> None:
    seen = world[0]
    node_id = min(node_id, len(seen.nodes))
    drain_plan = drain(*world, node_id)
    opinion = Draining(world, node_id)
    movable = opinion.leavers()
    for move in drain_plan.moves:
        assert move.source_id == node_id
        assert opinion.legal(move.vm_id, node_id, move.target_id)
        opinion.apply(move.vm_id, node_id, move.target_id)
        assert not opinion.above(move.target_id)
    moved = [m.vm_id for m in drain_plan.moves]
    stay = {v.id for v in seen.vms if v.node_id == node_id} - set(moved)
    rejected = {r.id for r in drain_plan.rejections}
    assert len(set(moved)) == len(moved)
    assert set(moved) <= set(movable)
    if {r.subject for r in drain_plan.rejections} <= {"vm"}:
        assert rejected == stay
    else:
        assert (len(drain_plan.rejections), moved) == (1, [])
    assert plan_from_dict(plan_to_dict(drain_plan)) == drain_plan


@thorough
@given(st.one_of(tiny, st.integers(0, 10**9).map(crowded)))
def test_drain_moves_as_many_vms_as_possible(world: World) -> None:
    """A node that can be emptied is emptied."""
    drain_plan = drain(*world, 1)
    assert len(drain_plan.moves) == Draining(world, 1).most_that_leave()


@thorough
@given(tiny_measured)
def test_drain_moves_as_many_vms_as_possible_with_measured_loads(world: World) -> None:
    """Loads are no whole numbers, so a tiny part stays free."""
    seen, policy, recent = world
    hair = seen, replace(policy, ssh_load_overload=policy.ssh_load_overload * (1 - 1e-7)), recent
    most = Draining(world, 1).most_that_leave()
    if Draining(hair, 1).most_that_leave() == most:
        assert len(drain(*world, 1).moves) == most


def tied(world: World, r: random.Random) -> World:
    """A world with affinity rules, anti-affinity rules and pins."""
    seen, policy, recent = world
    tags = ["plb_affinity_a", "plb_affinity_b", "plb_anti_affinity_c", "plb_anti_affinity_d", "plb_pin_n2"]
    vms = tuple(replace(v, tags=(r.choice(tags),) if r.random() < 0.5 else ()) for v in seen.vms)
    return replace(seen, vms=vms), policy, recent


def mates(vms: Iterable[VM], tag: str) -> list[VM]:
    return [v for v in vms if tag in v.tags]


@thorough
@given(st.one_of(worlds, tiny), st.randoms(use_true_random=False))
def test_a_drain_breaks_no_rule_of_the_operator(world: World, r: random.Random) -> None:
    world = tied(world, r)
    drain_plan = drain(*world, 1)
    opinion = Draining(world, 1)
    movable = set(opinion.leavers())
    for move in drain_plan.moves:
        assert opinion.legal(move.vm_id, 1, move.target_id)
        there = [v for v in opinion.vms.values() if v.node_id == move.target_id]
        for tag in opinion.vms[move.vm_id].tags:
            assert tag != "plb_pin_n2" or move.target_id == 2
            assert not ("anti" in tag and mates(there, tag))
        opinion.apply(move.vm_id, 1, move.target_id)
    for tag in ("plb_affinity_a", "plb_affinity_b"):
        own = [v for v in mates(world[0].vms, tag) if v.node_id == 1]
        left = [opinion.vms[v.id].node_id for v in own if v.id in movable]
        if len(own) > 1:
            assert len(set(left)) <= 1
        if len(left) < len(own) and left and left[0] != 1:  # one stays for its own reasons: only to more mates
            assert len(mates((v for v in world[0].vms if v.node_id == left[0]), tag)) > len(own) - len(left)
    assert {r.id for r in drain_plan.rejections if r.subject == "vm"}.isdisjoint({m.vm_id for m in drain_plan.moves})


@thorough
@given(tiny, st.randoms(use_true_random=False))
def test_drain_moves_as_many_vms_as_possible_with_anti_affinity(world: World, r: random.Random) -> None:
    seen, policy, recent = world
    vms = tuple(replace(v, tags=("plb_anti_affinity_x",) if r.random() < 0.5 else ()) for v in seen.vms)
    world = replace(seen, vms=vms), policy, recent
    assert len(drain(*world, 1).moves) == Apart(world, 1).most_that_leave()


@thorough
@given(worlds, st.integers(1, 3), st.randoms(use_true_random=False))
def test_precheck_agrees_with_a_plan_of_affinity_groups(world: World, node_id: int, r: random.Random) -> None:
    seen, policy, recent = tied(world, r)
    drain_plan = drain(seen, policy, recent, node_id)
    for move in drain_plan.moves:
        assert check_planned(seen, policy, recent, move, drain_plan) is None
        seen = after(seen, move)


def test_thirty_thousand_vms_on_a_thousand_nodes_are_drained() -> None:
    """Also if not all VMs have room: every VM is in the plan or has a rejection."""
    r = random.Random(1)
    sizes = [r.choice([1, 2, 4]) if i % 1000 == 0 else 2 for i in range(30_000)]  # no node has more than its total
    vms = [vm(i, node_id=1 + i % 1000, vcpus=sizes[i], memory_mib=r.choice([1, 2])) for i in range(30_000)]
    own = sum(v.vcpus or 0 for v in vms if v.node_id == 1)
    full = [node(i, vcpus_allocated=70 - (i < 12), vm_count=30) for i in range(2, 1001)]
    drain_plan = drain(snapshot([node(1, vcpus_allocated=own), *full], vms), Policy(), Recent(), 1)
    assert len(drain_plan.moves) == min(10, sum(v.vcpus == 1 for v in vms if v.node_id == 1))
    assert len(drain_plan.rejections) == 30 - len(drain_plan.moves)


@thorough
@given(worlds, st.randoms(use_true_random=False))
def test_drain_does_not_depend_on_the_order_of_rows(world: World, shuffler: random.Random) -> None:
    seen, policy, recent = world
    nodes, vms = list(seen.nodes), list(seen.vms)
    shuffler.shuffle(nodes)
    shuffler.shuffle(vms)
    mixed = replace(seen, nodes=tuple(nodes), vms=tuple(vms))
    assert drain(mixed, policy, recent, 1) == drain(seen, policy, recent, 1)
    assert fill(mixed, policy, recent, 2) == fill(seen, policy, recent, 2)
    assert place(mixed, policy, 2, 50) == place(seen, policy, 2, 50)


@thorough
@given(worlds, st.integers(1, 3))
def test_precheck_agrees_with_a_drain_and_a_fill(world: World, node_id: int) -> None:
    """The executor's check before each move allows the planned move after the earlier ones."""
    for wish in (drain, fill):
        seen, policy, recent = world
        result = wish(seen, policy, recent, node_id)
        for move in result.moves:
            assert check_planned(seen, policy, recent, move, result) is None
            seen = after(seen, move)


@thorough
@given(worlds, st.integers(1, 8))
def test_every_prefix_of_a_fill_is_legal_and_makes_the_cluster_more_even(world: World, node_id: int) -> None:
    node_id = min(node_id, len(world[0].nodes))
    fill_plan = fill(*world, node_id)
    opinion = Filling(*world)
    for move in fill_plan.moves:
        assert move.target_id == node_id
        assert opinion.legal(move.vm_id, move.source_id, node_id)
        opinion.apply(move.vm_id, move.source_id, node_id)
        assert not opinion.above(node_id)
    assert bool(fill_plan.moves) == (not fill_plan.rejections)
    if fill_plan.evenness is not None:
        assert fill_plan.evenness.after < fill_plan.evenness.before


@thorough
@given(worlds, st.integers(1, 6), st.integers(1, 200))
def test_count_of_a_place_equals_placing_vms_one_by_one(world: World, vcpus: int, memory_mib: int) -> None:
    placement = place(*world[:2], vcpus, memory_mib)
    opinion = Filling(*world)
    for room in placement.rooms:
        sums, placed = opinion.sums[room.node_id], 0
        while _takes(opinion, room.node_id, vcpus, memory_mib):
            placed += 1
            sums.vcpus, sums.memory, sums.vms = sums.vcpus + vcpus, sums.memory + memory_mib, sums.vms + 1
            sums.load, sums.available = sums.load + vcpus, sums.available - memory_mib
        assert room.vms == placed
    assert placement.total == sum(room.vms for room in placement.rooms)
    covered = {r.id for r in placement.rejections} | {r.node_id for r in placement.rooms if r.vms}
    assert covered == {n.id for n in world[0].nodes}
    assert [c.node_id for c in placement.best] == [c.node_id for c in sorted(placement.best, key=lambda c: c.fullness)]


def _takes(opinion: Filling, node_id: int, vcpus: int, memory_mib: int) -> bool:
    limits = (opinion.nodes[node_id].vm_limit, opinion.cluster.vm_limit_per_node)
    if opinion.above(node_id) or any(opinion.sums[node_id].vms >= x for x in limits if x is not None):
        return False
    fits = opinion.ratio(node_id, vcpus) <= opinion.cpu_line
    fits = fits and opinion.percent(node_id, memory_mib) <= opinion.memory_line
    if opinion.sums[node_id].live:
        fits = fits and opinion.load(node_id, vcpus) <= opinion.policy.ssh_load_overload
        fits = fits and memory_mib <= opinion.sums[node_id].available
    return fits


@thorough
@given(worlds)
def test_best_targets_are_legal_and_can_be_chosen(world: World) -> None:
    seen, policy, recent = world
    opinion = Filling(*world)
    for v in seen.vms[:4]:
        targets = best_targets(seen, policy, recent, v.id, count=99)
        if v.node_id not in opinion.nodes:
            assert targets == ()
            continue
        legal = {t for t in opinion.nodes if opinion.legal(v.id, v.node_id, t)}
        assert {c.node_id for c in targets} == legal
        for target in opinion.nodes:
            new_plan = single_move(seen, policy, recent, vm_id=v.id, target_id=target, purpose=Purpose.TARGET)
            assert isinstance(new_plan, Rejection) == (target not in legal)
            if not isinstance(new_plan, Rejection):
                choice = next(c for c in targets if c.node_id == target)
                assert (new_plan.moves[0].target_before, new_plan.moves[0].target_after) == (
                    choice.before,
                    choice.after,
                )


@pytest.mark.parametrize("strategy", ["smallest-first", "optimal", "balance"])
def test_vm_moved_by_the_balancer_returns_only_on_request(strategy: str) -> None:
    seen = snapshot([node(1, vcpus_allocated=75), node(2)], [vm(11)])
    policy, came_from_there = Policy(strategy=strategy), Recent(left={11: frozenset({2})})
    assert [m.key for m in plan(seen, policy, Recent()).moves] == [(11, 1, 2)]
    assert plan(seen, policy, came_from_there).moves == ()
    assert [m.key for m in drain(seen, policy, came_from_there, 1).moves] == [(11, 1, 2)]
