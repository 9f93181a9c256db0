"""Finds moves that make room for a new VM that fits on no node: as few as possible, in a legal order.

First it tries sets of VMs of one node, smallest sets first: without them the new VM fits there, and other nodes take
them. Then it tries a VM whose target needs room itself. Every move obeys every rule, so no node becomes overloaded on
the way. The work is counted, so the same snapshot always gets the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from balancer.model import VM, Move, Purpose, Reason, Recent, Snapshot
from balancer.moves import make_move
from balancer.policy import Policy
from balancer.requests.plan_builder import only_cluster
from balancer.requests.results import RoomMade
from balancer.rules.constraints import (
    candidate,
    cluster_refusal,
    fit_refusal,
    load_refusal,
    placement_refusal,
    source_refusal,
    state_for,
)
from balancer.state import Candidate, WorkingNode, WorkingState
from balancer.strategies.targets import Targets

MOST_MOVES = 4
WORK = 60_000
"""The most sets of VMs, and pairs of VM and target, that are tried."""
_NEW = -1
Pair = tuple[Candidate, WorkingNode]
"""A VM and the node that takes it."""


def make_room(
    snapshot: Snapshot, policy: Policy, recent: Recent, vcpus: int, memory_mib: int, *, most: int = MOST_MOVES
) -> RoomMade | None:
    """The fewest moves after which a new VM of this size fits on a node; ``None`` = none found.

    Args:
        snapshot: of one cluster in which the VM fits on no node.
        policy: all its rules apply, also ``keep_survivable``.
        recent: events that forbid VMs to leave.
        vcpus: of the new VM.
        memory_mib: of the new VM.
        most: the most moves.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster.
    """
    return find_room(snapshot, policy, recent, vcpus, memory_mib, most=most).room


def find_room(
    snapshot: Snapshot,
    policy: Policy,
    recent: Recent,
    vcpus: int,
    memory_mib: int,
    *,
    most: int = MOST_MOVES,
    work: int = WORK,
) -> RoomSearch:
    """As ``make_room``, with the information whether "none" is proven. ``work``: instead of ``WORK``."""
    cluster = only_cluster(snapshot)
    state = state_for(Purpose.ROOM, snapshot, policy, recent, source_id=None)
    if cluster_refusal(cluster, state) is not None:
        return RoomSearch(None, decided=True)
    new = Candidate(VM(_NEW, "", cluster.id, None, vcpus, memory_mib), vcpus, memory_mib)
    search = _Search(state, new, work)
    for number in range(1, most + 1):
        for pairs, node in search.plans_of(number):
            moves = search.carried_out(pairs, node)
            if moves and not _takes_room_away(snapshot, policy, recent, moves):
                room = RoomMade(node.node.id, node.node.name, tuple(moves), search.proves_no_fewer(number))
                return RoomSearch(room, decided=True)
    return RoomSearch(None, search.proves_no_fewer(most + 1))


class RoomSearch(NamedTuple):
    """What was found; ``decided``: where nothing was, it is proven that there is nothing."""

    room: RoomMade | None
    decided: bool


class _Search:
    def __init__(self, state: WorkingState, new: Candidate, work: int) -> None:
        self._state, self._new, self._work = state, new, work
        self._targets = Targets(state)
        free = (n for n in state.working.values() if n.reserved is None)
        self._nodes = [n for n in free if placement_refusal(n.node, state) is None]
        self._able = {node.node.id: self._able_on(node) for node in state.working.values()}
        self._known_open: dict[int, list[WorkingNode]] = {}
        able = [vm.vm.id for vms in self._able.values() for vm in vms]
        self._exact = not any(state.groups.together.get(vm_id) for vm_id in able)

    def plans_of(self, number: int) -> Iterator[tuple[Sequence[Pair], WorkingNode]]:
        """Plans of ``number`` moves that may make room, and the node that gets the room."""
        for node in self._nodes:
            for vms in self._sets(self._able[node.node.id], number, node):
                pairs = self._placed(vms)
                if pairs is not None:
                    yield pairs, node
        if number == 2:
            yield from self._chains()

    def proves_no_fewer(self, number: int) -> bool:
        """Whether fewer moves are proven not to be enough: all were tried, or all sets of fewer VMs free too little."""
        if self._least() >= number:
            return True
        return number <= 3 and self._exact and self._work > 0

    def carried_out(self, pairs: Sequence[Pair], node: WorkingNode) -> list[Move]:
        """The moves, if each is legal in its turn and the VM fits afterwards; else an empty list."""
        state, mark = self._state, self._state.checkpoint()
        moves: list[Move] = []
        for vm, target in pairs:
            home = state.working[vm.vm.node_id or 0]
            there = state.working[target.node.id]
            if self._refused(vm, home, there):
                break
            moves.append(make_move(state, vm, home, there, self._reason(node)))
        whole = len(moves) == len(pairs) and self._fits(state.working[node.node.id])
        state.rollback(mark)
        return moves if whole else []

    def _reason(self, node: WorkingNode) -> Reason:
        gib = self._new.memory_mib / 1024
        return Reason.of("move-place-room", node=node.node.name, vcpus=self._new.vcpus, memory_gib=gib)

    def _open(self, vm: Candidate) -> list[WorkingNode]:
        """The nodes that can take the VM before any move."""
        if vm.vm.id not in self._known_open:
            source = self._state.nodes[vm.vm.node_id or 0]
            self._known_open[vm.vm.id] = self._targets.fitting(vm, self._targets.open_to(source))
        return self._known_open[vm.vm.id]

    def _refused(self, vm: Candidate, home: WorkingNode, there: WorkingNode) -> bool:
        state = self._state
        static = self._targets.pair(home.node, there.node)
        return bool(static or load_refusal(there, state) or fit_refusal(vm, there, state))

    def _fits(self, node: WorkingNode) -> bool:
        return load_refusal(node, self._state) is None and fit_refusal(self._new, node, self._state) is None

    def _able_on(self, node: WorkingNode) -> list[Candidate]:
        if source_refusal(node.node, self._state) is not None:
            return []
        verdicts = (candidate(vm, self._state) for vm in self._state.vms_on[node.node.id])
        return sorted((c for c in verdicts if isinstance(c, Candidate)), key=lambda c: c.size)

    def _sets(self, movable: Sequence[Candidate], number: int, node: WorkingNode) -> Iterator[Sequence[Candidate]]:
        """Sets of ``number`` VMs without which the new VM fits on the node."""
        if not self._enough(movable, node):
            return
        for vms in combinations(movable, number):
            self._work -= 1
            if self._work < 0:
                return
            if self._enough(vms, node):
                yield vms

    def _enough(self, vms: Sequence[Candidate], node: WorkingNode) -> bool:
        """Whether the new VM would fit without these VMs, by the sums only."""
        state, limit = self._state, self._state.policy.fill_limit
        vcpus = node.vcpus - sum(vm.vcpus for vm in vms) + self._new.vcpus
        mib = node.memory_allocated_mib - sum(vm.memory_mib for vm in vms) + self._new.memory_mib
        return vcpus / node.cpus <= limit(state.policy.cpu_overload_ratio) and 100 * mib / node.memory_mib <= limit(
            state.policy.memory_overload_percent
        )

    def _placed(self, vms: Sequence[Candidate]) -> list[Pair] | None:
        """A target for each of the VMs, largest VM first; all targets are tried, fullest first."""
        if not vms:
            return []
        state, vm, rest = self._state, vms[-1], vms[:-1]
        home = state.working[vm.vm.node_id or 0]
        fitting = [
            state.working[t.node.id] for t in self._open(vm) if not self._refused(vm, home, state.working[t.node.id])
        ]
        for target in sorted(fitting, key=lambda t: (-t.severity, t.node.id)):
            self._work -= 1
            if self._work < 0:
                return None
            if not rest:
                return [(vm, target)]
            mark = state.checkpoint()
            state.apply(vm, home.node.id, target.node.id)
            others = self._placed(rest)
            state.rollback(mark)
            if others is not None:
                return [(vm, target), *others]
        return None

    def _chains(self) -> Iterator[tuple[Sequence[Pair], WorkingNode]]:
        """Plans in which the target of a VM gets room by another move before."""
        for node in self._nodes:
            for vm in self._able[node.node.id]:
                if not self._enough([vm], node):
                    continue
                for via in self._state.working.values():
                    if via is node or self._targets.refusal(via.node.id) or self._targets.pair(node.node, via.node):
                        continue
                    for other in self._able[via.node.id]:
                        for target in self._open(other) if self._makes_room(other, vm, via) else ():
                            self._work -= 1
                            if self._work < 0:
                                return
                            yield [(other, target), (vm, via)], node

    def _makes_room(self, other: Candidate, vm: Candidate, via: WorkingNode) -> bool:
        """Whether the VM would fit on the node without the other VM, by the sums only."""
        limit, policy = self._state.policy.fill_limit, self._state.policy
        vcpus = via.vcpus - other.vcpus + vm.vcpus
        mib = via.memory_allocated_mib - other.memory_mib + vm.memory_mib
        return vcpus / via.cpus <= limit(policy.cpu_overload_ratio) and 100 * mib / via.memory_mib <= limit(
            policy.memory_overload_percent
        )

    def _least(self) -> int:
        """The least number of VMs that must leave a node before the new VM fits there, for any targets."""
        least = sum(map(len, self._able.values())) + 1
        for node in self._nodes:
            able = self._able[node.node.id]
            for number in range(1, min(len(able), least - 1) + 1):
                vcpus = sum(sorted((vm.vcpus for vm in able), reverse=True)[:number])
                mib = sum(sorted((vm.memory_mib for vm in able), reverse=True)[:number])
                if self._enough([Candidate(able[0].vm, vcpus, mib)], node):
                    least = number
                    break
        return least


def _takes_room_away(snapshot: Snapshot, policy: Policy, recent: Recent, moves: Sequence[Move]) -> bool:
    if not policy.keep_survivable:
        return False
    from balancer.survival.keep import refusal  # imports NumPy

    return refusal(snapshot, policy, recent, moves) is not None
