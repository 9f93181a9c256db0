"""Moves that make room for a new VM, compared with a complete search over all short plans."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from core_builders import after, node, snapshot, vm
from survival_oracle import draw

from balancer.model import Plan, Purpose, Recent, Snapshot
from balancer.policy import Policy
from balancer.requests.make_room import make_room
from balancer.requests.move import single_move
from balancer.requests.place import place


def shortest(seen: Snapshot, policy: Policy, size: tuple[int, int], most: int) -> int | None:
    """The fewest moves, by trying all sequences of legal moves."""
    states = [seen]
    for number in range(most + 1):
        if any(place(state, policy, *size).total for state in states):
            return number
        states = (
            []
            if number == most
            else list(itertools.chain.from_iterable(map(neighbours, states, [policy] * len(states))))
        )
    return None


def neighbours(seen: Snapshot, policy: Policy) -> list[Snapshot]:
    plans = (
        single_move(seen, policy, Recent(), vm_id=v.id, target_id=n.id, purpose=Purpose.TARGET)
        for v in seen.vms
        for n in seen.nodes
    )
    return [after(seen, plan.moves[0]) for plan in plans if isinstance(plan, Plan)]


def world(seed: int) -> tuple[Snapshot, Policy]:
    seen, policy = draw(seed, nodes=4, vms=12)
    nodes = tuple(replace(n, measured=None) for n in seen.nodes)
    return replace(seen, nodes=nodes), replace(policy, allow_unknown_versions=True, placement_filters="equal")


@pytest.mark.parametrize("seed", range(60))
def test_moves_are_as_few_as_a_complete_search_finds(seed: int) -> None:
    seen, policy = world(seed)
    for size in ((2, 1024), (5, 4096), (9, 9216)):
        if place(seen, policy, *size).total:
            continue
        made, fewest = make_room(seen, policy, Recent(), *size, most=2), shortest(seen, policy, size, 2)
        assert (None if made is None else len(made.moves)) == fewest, size
        if made is not None:
            now = seen
            for move in made.moves:
                plan = single_move(
                    now, policy, Recent(), vm_id=move.vm_id, target_id=move.target_id, purpose=Purpose.TARGET
                )
                assert isinstance(plan, Plan), "each move is legal in its turn"
                now = after(now, move)
            assert any(room.vms for room in place(now, policy, *size).rooms if room.node_id == made.node_id)


def test_two_moves_are_named_and_proven() -> None:
    nodes = [
        node(1, vcpus_allocated=64, vm_count=4),
        node(2, vcpus_allocated=62, vm_count=0),
        node(3, vcpus_allocated=62, vm_count=0),
    ]
    seen = snapshot(nodes, [vm(i, vcpus=6) for i in (11, 12, 13)])
    made = make_room(seen, Policy(), Recent(), 16, 1024)
    assert made is not None and made.proven and made.node_name == "n1"
    assert sorted((m.vm_id, m.target_id) for m in made.moves) == [(11, 3), (12, 2)]
    assert make_room(seen, Policy(), Recent(), 60, 1024) is None


def test_vm_whose_target_needs_room_first_is_found() -> None:
    """Only node 1 has the memory. Its VM fits on node 2 once the VM there has gone to node 3."""
    nodes = [
        node(1, vcpus_allocated=70, memory_allocated_mib=10_000, vm_count=1),
        node(2, vcpus_allocated=66, vm_count=1),
        node(3, vcpus_allocated=58, vm_count=0),
    ]
    seen = snapshot(nodes, [vm(11, vcpus=16), vm(12, node_id=2, vcpus=12)])
    made = make_room(seen, Policy(), Recent(), 16, 50_000)
    assert made is not None and made.proven
    assert [m.key for m in made.moves] == [(12, 2, 3), (11, 1, 2)]
