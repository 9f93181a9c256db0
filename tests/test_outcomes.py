"""The promise of a move, and the comparison of finished migrations with it. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from core_builders import NOW, measured, node, snapshot, vm
from hypothesis import given
from hypothesis import strategies as st

from balancer.model import VM, Snapshot, VMLoad
from balancer.policy import Policy
from balancer.promises import promise_of, sight
from bot.domain.incidents import Resource
from bot.domain.outcomes import (
    CHECKPOINTS,
    Cause,
    Missing,
    Outcome,
    StartedMove,
    compare,
    due_checkpoints,
    is_late,
    sharing,
)
from bot.domain.promise_verdicts import VERDICT_MOVES, broken_promises, first, latest

POLICY = Policy()
TEN_MINUTES, HOUR, DAY = CHECKPOINTS
TOOK = timedelta(minutes=1)
SOURCE, TARGET, THIRD = 1, 2, 3


@dataclass(frozen=True)
class Guest:
    """A VM of a test: where it is, its size, and its own load if that is measured."""

    node: int
    vcpus: int = 4
    memory_mib: int = 4000
    cpus: float | None = None


@dataclass(frozen=True)
class World:
    """Three nodes of 10 CPUs; ``loads``: the measured load average of a node."""

    guests: Mapping[int, Guest]
    loads: Mapping[int, float] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    gone: frozenset[int] = frozenset()
    unknown: frozenset[int] = frozenset()

    def seen_at(self, moment: datetime) -> Snapshot:
        nodes = []
        for i in (SOURCE, TARGET, THIRD):
            own = [g for g in self.guests.values() if g.node == i]
            sums: dict[str, Any] = {
                "vcpus_allocated": None if i in self.unknown else sum(g.vcpus for g in own),
                "memory_allocated_mib": sum(g.memory_mib for g in own),
                "vm_count": len(own),
                "name": self.names.get(i, f"n{i}"),
            }
            if i in self.loads:
                sums["measured"] = measured(load1=self.loads[i], taken_at=moment)
            if i not in self.gone:
                nodes.append(node(i, **sums))
        return replace(snapshot(nodes, [self._vm(i, g, moment) for i, g in self.guests.items()]), taken_at=moment)

    @staticmethod
    def _vm(vm_id: int, guest: Guest, moment: datetime) -> VM:
        load = None if guest.cpus is None else VMLoad(guest.cpus, moment, 3600.0)
        return vm(vm_id, node_id=guest.node, vcpus=guest.vcpus, memory_mib=guest.memory_mib, load=load)

    def but(self, vm_id: int, **changes: Any) -> World:
        return replace(self, guests={**self.guests, vm_id: replace(self.guests[vm_id], **changes)})

    def without(self, vm_id: int) -> World:
        return replace(self, guests={i: g for i, g in self.guests.items() if i != vm_id})

    def joined_by(self, vm_id: int, guest: Guest) -> World:
        return replace(self, guests={**self.guests, vm_id: guest})

    def loaded(self, **loads: float) -> World:
        return replace(self, loads={**self.loads, **{int(k[1:]): load for k, load in loads.items()}})


ALLOCATED = World({11: Guest(SOURCE), 12: Guest(SOURCE), 13: Guest(SOURCE, vcpus=8), 21: Guest(TARGET)})
"""Nothing is measured: the vCPUs of a node count."""
OWN_LOADS = World(
    {11: Guest(SOURCE, cpus=3.0), 12: Guest(SOURCE, cpus=1.0), 13: Guest(SOURCE, vcpus=8, cpus=4.0)},
    {SOURCE: 8.0, TARGET: 1.0, THIRD: 1.0},
)
SHARES = World({i: replace(g, cpus=None) for i, g in OWN_LOADS.guests.items()}, OWN_LOADS.loads)


def started(
    world: World,
    vm_id: int,
    target: int = TARGET,
    *,
    at: datetime = NOW,
    number: int = 1,
    resource: Resource | None = None,
) -> StartedMove:
    """A migration of a minute that began in this world and succeeded."""
    promise = promise_of(world.seen_at(at), POLICY, vm_id, target)
    assert promise is not None
    judged_by = Resource.CPU if promise.source.load.cpu_load is None else Resource.LOAD
    return StartedMove(number, 100 + number, 1, at, at + TOOK, resource or judged_by, promise)


def after_move(world: World, vm_id: int, target: int = TARGET) -> World:
    """The world that the promise expects."""
    promise = promise_of(world.seen_at(NOW), POLICY, vm_id, target)
    assert promise is not None
    loads = dict(world.loads)
    if promise.source.load.cpu_load is not None:
        loads[promise.source.node_id] -= promise.carries
        loads[target] += promise.carries
    return replace(world.but(vm_id, node=target), loads=loads)


def judged(move: StartedMove, now: World, *others: StartedMove, checkpoint: timedelta = TEN_MINUTES) -> Outcome:
    moment = move.finished_at + checkpoint
    return compare(move, others, sight(now.seen_at(moment), POLICY, (SOURCE, TARGET, THIRD)), checkpoint)


# What is promised -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("world", "carries", "origin"),
    [(ALLOCATED, 4.0, "vcpus"), (OWN_LOADS, 3.0, "ssh"), (SHARES, 2.0, "share")],
)
def test_promise_says_what_the_vm_carries_and_how_that_is_known(world: World, carries: float, origin: str) -> None:
    promise = promise_of(world.seen_at(NOW), POLICY, 11, TARGET)
    assert promise is not None
    assert (promise.carries, promise.carries_from) == (carries, origin)
    assert {v.vm_id for v in promise.source.vms} == {11, 12, 13}
    assert promise.source.load.cpu_ratio - promise.source_after.cpu_ratio == pytest.approx(0.4)
    if world.loads:
        assert promise.source.load.cpu_load is not None and promise.source_after.cpu_load is not None
        assert promise.source.load.cpu_load - promise.source_after.cpu_load == pytest.approx(carries / 10)


@pytest.mark.parametrize(
    "world",
    [
        ALLOCATED.without(11),
        replace(ALLOCATED, gone=frozenset({TARGET})),
        replace(ALLOCATED, unknown=frozenset({SOURCE})),
    ],
    ids=["vm gone", "target gone", "figure unknown"],
)
def test_nothing_is_promised_without_the_figures(world: World) -> None:
    assert promise_of(world.seen_at(NOW), POLICY, 11, TARGET) is None


# One move -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", [ALLOCATED, OWN_LOADS, SHARES], ids=["allocated", "own loads", "shares"])
@pytest.mark.parametrize("checkpoint", CHECKPOINTS)
def test_move_that_brings_what_it_promised_hits_exactly(world: World, checkpoint: timedelta) -> None:
    outcome = judged(started(world, 11), after_move(world, 11), checkpoint=checkpoint)
    assert outcome.hit == pytest.approx(1.0)
    assert (outcome.missing, outcome.cause, outcome.moves, outcome.after) == (None, None, 1, checkpoint)
    assert outcome.source is not None and outcome.target is not None


@dataclass(frozen=True)
class Case:
    why: str
    begin: World
    now: World
    hit: float | None
    cause: Cause | None = None
    missing: Missing | None = None
    resource: Resource | None = None


MOVED, MOVED_SHARES, MOVED_OWN = after_move(ALLOCATED, 11), after_move(SHARES, 11), after_move(OWN_LOADS, 11)
CASES = [
    Case("moved back", ALLOCATED, MOVED.but(11, node=SOURCE), None, missing=Missing.VM_BACK),
    Case("moved on: the source stays relieved", ALLOCATED, MOVED.but(11, node=THIRD), 1.0),
    Case("moved VM resized: the source stays relieved", ALLOCATED, MOVED.but(11, vcpus=16), 1.0),
    Case("deleted", ALLOCATED, MOVED.without(11), None, missing=Missing.VM_GONE),
    Case("on no node", ALLOCATED, MOVED.but(11, node=0), 1.0),
    Case("source gone", ALLOCATED, replace(MOVED, gone=frozenset({SOURCE})), None, missing=Missing.NODE_GONE),
    Case("target gone", ALLOCATED, replace(MOVED, gone=frozenset({TARGET})), 1.0),
    Case("node renamed", ALLOCATED, replace(MOVED, names={SOURCE: "another name"}), 1.0),
    Case("figure unknown", ALLOCATED, replace(MOVED, unknown=frozenset({SOURCE})), None, missing=Missing.NO_FIGURE),
    Case("no longer measured", OWN_LOADS, replace(MOVED_OWN, loads={}), None, missing=Missing.NO_FIGURE),
    Case("VM that stayed was resized", ALLOCATED, MOVED.but(12, vcpus=8), 0.0, Cause.VMS_GREW),
    Case("VM that stayed shrank", ALLOCATED, MOVED.but(12, vcpus=2), 1.5),
    Case("another VM came", ALLOCATED, MOVED.joined_by(99, Guest(SOURCE, vcpus=2)), 0.5, Cause.OTHERS_MOVED),
    Case("another VM left", ALLOCATED, MOVED.without(12), 2.0),
    Case("memory", ALLOCATED, MOVED, 1.0, resource=Resource.MEMORY),
    Case(
        *("memory of a VM that stayed", ALLOCATED, MOVED.but(12, memory_mib=6000), 0.5, Cause.VMS_GREW),
        resource=Resource.MEMORY,
    ),
    Case("VM that stayed is busier", OWN_LOADS, MOVED_OWN.but(12, cpus=3.0).loaded(n1=7.0), 1 / 3, Cause.VMS_GREW),
    Case("moved VM is calmer", OWN_LOADS, MOVED_OWN.but(11, cpus=0.5).loaded(n1=7.5), 1 / 6, Cause.VM_CARRIES_LESS),
    Case("load is not of VMs", OWN_LOADS, MOVED_OWN.loaded(n1=8.0), 0.0, Cause.NOT_VMS),
    Case("loads of VMs unknown", SHARES, MOVED_SHARES.loaded(n1=8.0), 0.0, Cause.UNKNOWN),
    Case(
        *("busy VM came", OWN_LOADS, MOVED_OWN.joined_by(99, Guest(SOURCE, cpus=3.0)).loaded(n1=8.0), 0.0),
        Cause.OTHERS_MOVED,
    ),
    Case("more than promised", OWN_LOADS, MOVED_OWN.loaded(n1=2.0), 2.0),
    Case("worse than before", OWN_LOADS, MOVED_OWN.but(12, cpus=9.0).loaded(n1=11.0), -1.0, Cause.VMS_GREW),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.why)
def test_comparison(case: Case) -> None:
    outcome = judged(started(case.begin, 11, resource=case.resource), case.now)
    assert outcome.hit == (None if case.hit is None else pytest.approx(case.hit, abs=1e-9))
    assert (outcome.cause, outcome.missing) == (case.cause, case.missing)


def test_move_without_a_promised_relief_is_not_compared() -> None:
    idle = OWN_LOADS.but(11, cpus=0.0)
    outcome = judged(started(idle, 11), after_move(idle, 11))
    assert (outcome.hit, outcome.missing) == (None, Missing.NOTHING_PROMISED)


def test_check_that_comes_too_late_says_nothing() -> None:
    move, now = started(ALLOCATED, 11), sight(MOVED.seen_at(NOW + DAY), POLICY, (SOURCE, TARGET))
    outcome = compare(move, (), now, TEN_MINUTES, late=True)
    assert (outcome.missing, outcome.hit) == (Missing.NOT_CHECKED, None)
    assert (outcome.source, outcome.target, outcome.vm_cpus) == (None, None, None), "nothing is made up"


def test_figures_of_the_vm_and_the_nodes_are_those_of_the_check() -> None:
    outcome = judged(started(OWN_LOADS, 11), MOVED_OWN.but(11, cpus=2.5))
    assert outcome.vm_cpus == 2.5
    assert outcome.source is not None and outcome.source.cpu_load == pytest.approx(0.5)
    assert outcome.target is not None and outcome.target.cpu_load == pytest.approx(0.4)


# Several moves on one node --------------------------------------------------------------------------


def test_moves_on_one_node_share_its_change() -> None:
    """Two moves promised 0.4 each; a VM came that takes half of the sum."""
    one = started(ALLOCATED, 11)
    middle = after_move(ALLOCATED, 11)
    two = started(middle, 12, at=NOW + 2 * TOOK, number=2)
    now = after_move(middle, 12).joined_by(99, Guest(SOURCE, vcpus=4))
    outcomes = [judged(one, now, one, two), judged(two, now, one, two)]
    assert [o.hit for o in outcomes] == [pytest.approx(0.5)] * 2
    assert [o.moves for o in outcomes] == [2, 2]
    assert {o.cause for o in outcomes} == {Cause.OTHERS_MOVED}
    assert sum(o.relieved or 0.0 for o in outcomes) == pytest.approx(0.4), "the change of the node"


def test_move_to_the_node_is_taken_into_account() -> None:
    """A move of this program brought another VM of the same size: the node is as full as before."""
    one = started(ALLOCATED, 11)
    middle = after_move(ALLOCATED, 11)
    two = started(middle, 21, SOURCE, at=NOW + 2 * TOOK, number=2)
    outcome = judged(one, after_move(middle, 21, SOURCE), one, two)
    assert outcome.hit == pytest.approx(1.0)


def test_load_that_had_not_settled_is_credited_to_the_move_that_brought_it() -> None:
    """The load average of a minute still shows the first VM when the second one starts."""
    one = started(OWN_LOADS, 11)
    lagging = OWN_LOADS.but(11, node=TARGET)  # the load is still 8.0
    two = started(lagging, 12, at=NOW + 2 * TOOK, number=2)
    now = lagging.but(12, node=TARGET).loaded(n1=4.0, n2=5.0)
    assert judged(two, now, one, two).hit == pytest.approx(1.0)
    assert judged(one, now, one, two).hit == pytest.approx(1.0)


def test_moves_of_other_nodes_and_long_before_do_not_share() -> None:
    move = started(ALLOCATED, 11)
    elsewhere = started(ALLOCATED, 21, THIRD, number=2)
    before = started(ALLOCATED, 12, at=NOW - timedelta(hours=2), number=3)
    later = started(ALLOCATED, 13, at=NOW + timedelta(hours=2), number=4)
    others = (elsewhere, before, later)
    assert sharing(move, others, move.finished_at + TEN_MINUTES) == (move,)
    assert sharing(move, others, move.finished_at + DAY) == (move, later)


def test_moves_one_after_the_other_form_one_chain() -> None:
    moves = [started(ALLOCATED, 11, at=NOW + 3 * n * TOOK, number=n + 1) for n in range(5)]
    assert sharing(moves[4], moves, moves[4].finished_at) == tuple(moves)
    gap = [replace(m, started_at=m.started_at - HOUR, finished_at=m.finished_at - HOUR) for m in moves[:2]]
    assert sharing(moves[4], [*gap, *moves[2:]], moves[4].finished_at) == tuple(moves[2:])


# When -----------------------------------------------------------------------------------------------


def test_checkpoints_are_due_in_turn_and_once() -> None:
    move = started(ALLOCATED, 11)
    end = move.finished_at
    assert due_checkpoints(move, end + TEN_MINUTES - timedelta(seconds=1)) == ()
    assert due_checkpoints(move, end + TEN_MINUTES) == (TEN_MINUTES,)
    assert due_checkpoints(replace(move, measured=frozenset({TEN_MINUTES})), end + HOUR) == (HOUR,)
    assert due_checkpoints(move, end + DAY) == CHECKPOINTS
    assert due_checkpoints(move, end - DAY) == (), "the clock was set back"


@pytest.mark.parametrize(
    ("checkpoint", "late_by", "interval", "late"),
    [
        (TEN_MINUTES, timedelta(minutes=9), timedelta(minutes=5), False),
        (TEN_MINUTES, timedelta(minutes=11), timedelta(minutes=5), True),
        (TEN_MINUTES, timedelta(hours=3), timedelta(hours=2), False),
        (HOUR, timedelta(minutes=29), timedelta(minutes=5), False),
        (HOUR, timedelta(minutes=31), timedelta(minutes=5), True),
        (DAY, timedelta(hours=11), timedelta(minutes=5), False),
        (DAY, timedelta(hours=13), timedelta(minutes=5), True),
    ],
)
def test_check_that_is_late(checkpoint: timedelta, late_by: timedelta, interval: timedelta, late: bool) -> None:
    move = started(ALLOCATED, 11)
    assert is_late(move, checkpoint, move.finished_at + checkpoint + late_by, interval) is late


# Properties -----------------------------------------------------------------------------------------

sizes = st.integers(1, 16)
busy = st.floats(0.1, 8.0)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    own = draw(st.booleans())
    guests = {
        i: Guest(
            draw(st.sampled_from([SOURCE, TARGET, THIRD])), draw(sizes), 1000 * draw(sizes), draw(busy) if own else None
        )
        for i in range(20, 20 + draw(st.integers(0, 8)))
    }
    guests |= {i: Guest(SOURCE, draw(sizes), 4000, draw(busy) if own else None) for i in (11, 12, 13)}
    loads = {i: draw(st.floats(2.0, 12.0)) for i in (SOURCE, TARGET, THIRD)} if draw(st.booleans()) else {}
    return World(guests, loads)


@given(worlds(), st.sampled_from(CHECKPOINTS))
def test_world_that_follows_the_promise_hits_it(world: World, checkpoint: timedelta) -> None:
    move = started(world, 11)
    outcome = judged(move, after_move(world, 11), checkpoint=checkpoint)
    if outcome.missing is None and world.loads.get(SOURCE, 99.0) >= move.promise.carries:
        assert outcome.hit == pytest.approx(1.0, abs=1e-6) and outcome.cause is None


@given(worlds(), st.lists(st.floats(0.0, 20.0), min_size=3, max_size=3), st.permutations([11, 12, 13]))
def test_shared_reliefs_add_up_to_the_change_of_the_node(world: World, loads: list[float], order: list[int]) -> None:
    moves, now = [], world
    for n, vm_id in enumerate(order):
        moves.append(started(now, vm_id, at=NOW + 2 * n * TOOK, number=n + 1))
        now = now.but(vm_id, node=TARGET)
    now = replace(now, loads=dict(zip((SOURCE, TARGET, THIRD), loads, strict=True)) if world.loads else {})
    moment = moves[-1].finished_at + TEN_MINUTES
    seen = sight(now.seen_at(moment), POLICY, (SOURCE, TARGET))
    outcomes = [compare(m, moves, seen, TEN_MINUTES) for m in moves]
    if all(o.relieved is not None for o in outcomes):
        resource = outcomes[0].resource
        was, is_now = moves[0].promise.source.load, seen.nodes[SOURCE]
        assert is_now is not None
        before = was.cpu_ratio if resource is Resource.CPU else was.cpu_load
        after = is_now.load.cpu_ratio if resource is Resource.CPU else is_now.load.cpu_load
        assert before is not None and after is not None
        assert sum(o.relieved or 0.0 for o in outcomes) == pytest.approx(before - after, abs=1e-6)


@given(worlds(), worlds(), st.sampled_from(list(Resource)))
def test_any_two_worlds_can_be_compared(then: World, now: World, resource: Resource) -> None:
    outcome = judged(started(then, 11, resource=resource), now)
    assert (outcome.relieved is None) == (outcome.missing is not None)
    assert outcome.cause is None or (outcome.hit is not None and outcome.hit < 0.75)


# Clusters -------------------------------------------------------------------------------------------


def outcome(number: int, hit: float | None, cause: Cause | None = None, after: timedelta = HOUR) -> Outcome:
    missing = Missing.VM_GONE if hit is None else None
    return Outcome(number, after, NOW, Resource.LOAD, 2.0, None if hit is None else 2 * hit, missing, cause)


def test_cluster_that_brings_half_is_reported_with_the_main_cause() -> None:
    outcomes = [outcome(n, 0.5, Cause.NOT_VMS if n else Cause.VMS_GREW) for n in range(VERDICT_MOVES)]
    verdict = broken_promises(7, "c7", outcomes)
    assert verdict is not None
    assert (verdict.cluster_id, verdict.moves, verdict.kept, verdict.cause) == (7, VERDICT_MOVES, 0.5, Cause.NOT_VMS)


@pytest.mark.parametrize(
    "hits",
    [
        [0.5] * (VERDICT_MOVES - 1),
        [0.5] * (VERDICT_MOVES - 1) + [None] * 9,
        [0.1] * 4 + [0.9] * 5,
        [1.0] * 20,
        [],
    ],
)
def test_few_moves_or_a_good_median_are_no_verdict(hits: list[float | None]) -> None:
    assert broken_promises(1, "c1", [outcome(n, hit) for n, hit in enumerate(hits)]) is None


def test_each_move_counts_once_by_its_latest_result() -> None:
    outcomes = [outcome(n, 0.1, after=TEN_MINUTES) for n in range(9)] + [outcome(n, 1.0, after=HOUR) for n in range(9)]
    assert broken_promises(1, "c1", outcomes) is None
    gone = [outcome(n, None, after=DAY) for n in range(9)]
    assert latest(outcomes + gone)[0].after == HOUR and first(gone + outcomes)[0].after == TEN_MINUTES


def test_known_cause_comes_before_an_unknown_one() -> None:
    causes = [Cause.UNKNOWN] * 4 + [Cause.VMS_GREW]
    verdict = broken_promises(1, "c1", [outcome(n, 0.2, cause) for n, cause in enumerate(causes)])
    assert verdict is not None and verdict.cause is Cause.VMS_GREW
