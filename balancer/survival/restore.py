"""Which moves give the cluster room for a lost node again, as few as can be found, in a legal order.

Plans of one move are tried first, then of two, up to ``MOST_MOVES``. Each move obeys every rule at its turn, and none
uses the room for a node that could be lost before. The work is limited by counts, so one snapshot always gets one
answer. How a plan is proven to be the shortest: every shorter plan was tried, or counting excludes it. A node cannot
get more room than by losing its largest VMs, one for each move; if the VMs of the lost node have no room even if all
nodes lose their largest VMs at once, so many moves are not enough.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from balancer.model import Move, Node, Purpose, Reason, Recent, Snapshot
from balancer.moves import make_move
from balancer.policy import Policy
from balancer.requests.plan_builder import only_cluster
from balancer.rules.constraints import (
    candidate,
    cluster_refusal,
    fit_refusal,
    load_refusal,
    source_refusal,
    state_for,
    static_target_refusal,
)
from balancer.state import Candidate, WorkingNode
from balancer.strategies.arrays import Ints
from balancer.strategies.targets import Targets
from balancer.survival.arrays import RoomArrays, state_of_losses
from balancer.survival.items import items_of
from balancer.survival.keep import Guard, moved
from balancer.survival.proofs import total_proof
from balancer.survival.survive import LossJudge
from balancer.survival.values import Loss, Restoration, SurvivalVerdict

MOST_MOVES = 4
WORK = 4_000
"""The most tries of a plan; in a cluster of many nodes each try counts more."""
MOST_SINGLE = 4
"""So many losses are tried alone where no plan was found for all together."""
WORK_OF_TRY = 20_000
"""How many times the search of one try may try a node for an item."""
NODES_OF_TRY = 16
"""A try counts one for so many nodes."""


def restore(
    snapshot: Snapshot, policy: Policy, recent: Recent, losses: Sequence[Loss], *, work: int = WORK
) -> Restoration | None:
    """The fewest moves after which each of these losses has room; ``None`` where every loss has room.

    A loss for which no moves help is left out. If no plan is found for all others together, the plan is for the first
    of them that has one.

    Args:
        snapshot: of one cluster.
        losses: answers of ``survive`` for this snapshot.
        work: instead of ``WORK``.

    Raises:
        ValueError: the snapshot does not hold exactly one cluster.
    """
    only_cluster(snapshot)
    broken = [loss for loss in losses if loss.verdict is SurvivalVerdict.NO]
    if not broken:
        return None
    search = _Search(snapshot, policy, recent, work)
    hopeless = {loss.node_ids: proof for loss in broken if (proof := search.hopeless(loss)) is not None}
    able = [loss for loss in broken if loss.node_ids not in hopeless]
    if not able:
        proof = hopeless[broken[0].node_ids]
        return Restoration(broken[0].node_ids, broken[0].node_names, (), proven=True, proof=proof)
    goals = [able, *([loss] for loss in able[:MOST_SINGLE])] if len(able) > 1 else [able]
    for goal in goals:
        found = search.fewest([loss.node_ids for loss in goal])
        if found == ():
            return None
        if found is not None:
            ids = tuple(i for loss in goal for i in loss.node_ids)
            names = tuple(name for loss in goal for name in loss.node_names)
            return Restoration(ids, names, found, proven=search.exhaustive)
    return Restoration(able[0].node_ids, able[0].node_names, (), proven=False)


class _Search:
    def __init__(self, snapshot: Snapshot, policy: Policy, recent: Recent, work: int) -> None:
        self._snapshot, self._policy, self._recent, self._work = snapshot, policy, recent, work
        self._cost = 1 + len(snapshot.nodes) // NODES_OF_TRY
        self._state = state_for(Purpose.ROOM, snapshot, policy, recent, source_id=None)
        self._settled = replace(recent, busy_nodes=frozenset())
        self._judged = state_of_losses(snapshot, policy, self._settled)
        self._arrays = RoomArrays(self._judged)
        closed = cluster_refusal(snapshot.clusters[0], self._state) is not None
        self._able = {i: [] if closed else self._able_on(node) for i, node in self._state.working.items()}
        self._targets = Targets(self._state)
        """For pairs of nodes only: it does not follow the moves."""
        self._open = {i for i, n in self._state.nodes.items() if static_target_refusal(n, self._state) is None}
        self._guard: Guard | None = None
        self._moves: list[Move] = []
        self._goal: list[tuple[int, ...]] = []
        self.exhaustive = True
        """Whether every plan that is shorter than the one found is excluded."""

    def hopeless(self, loss: Loss) -> Reason | None:
        """Why no moves make room for this loss: all nodes together have too little. Moves never add to that."""
        lost = [self._judged.nodes[i] for i in loss.node_ids]
        others = self._arrays.open.copy()
        others[[self._arrays.row[i] for i in loss.node_ids if i in self._arrays.row]] = False
        return total_proof(items_of(lost, self._arrays), self._arrays.room[others])

    def fewest(self, goal: Sequence[tuple[int, ...]]) -> tuple[Move, ...] | None:
        """The moves after which all losses of the goal have room; ``None`` = none found."""
        self._goal, self.exhaustive = list(goal), True
        for number in range(1, MOST_MOVES + 1):
            if self._extended(number):
                return tuple(self._moves)
        return None

    def _extended(self, left: int) -> bool:
        """Adds at most ``left`` moves to those made so far; whether the goal is then reached."""
        loss = next((ids for ids in self._goal if not self._has_room(ids)), None)
        if loss is None:
            return self._keeps_others()
        if left == 0 or self._is_over() or self._is_excluded(loss, left):
            return False
        for vm, home, there in self._candidates(loss, last=left == 1):
            if self._is_over():
                return False
            mark = self._state.checkpoint()
            here = self._state.working[home]
            named, count = self._judged.nodes[self._goal[0][0]].name, sum(map(len, self._goal))
            reason = Reason.of("move-survive-room", node=named, nodes=count)
            self._moves.append(make_move(self._state, vm, here, self._state.working[there], reason))
            if self._extended(left - 1):
                return True
            self._moves.pop()
            self._state.rollback(mark)
        return False

    def _candidates(self, loss: tuple[int, ...], *, last: bool) -> Iterator[tuple[Candidate, int, int]]:
        """The legal moves of this moment; of VMs that are alike only one. The last move must free enough by itself."""
        used = {move.vm_id for move in self._moves}
        bound = self._is_bound(loss)
        for row in self._arrays.roomiest.tolist():
            home = self._arrays.nodes[row].node
            seen = set()
            for vm in reversed(self._able.get(home.id, [])):
                kind = (*self._arrays.needs(vm), vm.vm.id if self._state.groups.binds(vm.vm.id) else 0)
                if vm.vm.id in used or kind in seen:
                    continue
                if self._is_over():
                    return
                seen.add(kind)
                if last and not bound and (home.id in loss or not self._frees_enough(loss, vm, row)):
                    continue
                for target in self._fitting(vm, home):
                    yield vm, home.id, target

    def _is_over(self) -> bool:
        """Whether the allowed work is done: the search then proves nothing."""
        if self._work <= 0:
            self.exhaustive = False
        return self._work <= 0

    def _fitting(self, vm: Candidate, home: Node) -> list[int]:
        """The nodes that take the VM at this moment, the fullest first."""
        state = self._state
        fitting = [
            node
            for node in state.working.values()
            if node.node.id in self._open
            and node.node.id != home.id
            and not (self._targets.pair(home, node.node) or load_refusal(node, state) or fit_refusal(vm, node, state))
        ]
        return [node.node.id for node in sorted(fitting, key=lambda n: (-n.severity, n.node.id))]

    def _able_on(self, node: WorkingNode) -> list[Candidate]:
        if source_refusal(node.node, self._state) is not None:
            return []
        verdicts = (candidate(vm, self._state) for vm in self._state.vms_on[node.node.id])
        return sorted((c for c in verdicts if isinstance(c, Candidate)), key=lambda c: c.size)

    # What a loss comes to ---------------------------------------------------------------------

    def _has_room(self, loss: tuple[int, ...]) -> bool:
        """Whether the loss has room after the moves made so far."""
        self._work -= self._cost
        touched = {i for move in self._moves for i in (move.source_id, move.target_id)}
        bound = any(self._state.groups.binds(move.vm_id) for move in self._moves)
        if bound or touched & set(loss):
            seen = self._snapshot
            for move in self._moves:
                seen = moved(seen, move, self._policy, self._settled)
            state = state_of_losses(seen, self._policy, self._settled)
            verdict = LossJudge(state, WORK_OF_TRY).judge(loss).verdict
        else:
            verdict = self._verdict(loss, self._room_after_moves())
        if verdict is SurvivalVerdict.UNDECIDED:
            self.exhaustive = False
        return verdict is SurvivalVerdict.YES

    def _verdict(self, loss: tuple[int, ...], room: Ints) -> SurvivalVerdict:
        return LossJudge(self._judged, WORK_OF_TRY, self._arrays.with_room(room)).judge(loss).verdict

    def _room_after_moves(self) -> Ints:
        room: Ints = self._arrays.room.copy()
        vms = {vm.vm.id: vm for own in self._able.values() for vm in own}
        for move in self._moves:
            needs = np.array(self._arrays.needs(vms[move.vm_id]), dtype=np.int64)
            room[self._arrays.row[move.target_id]] -= needs
            room[self._arrays.row[move.source_id]] += _freed(needs)
        return room

    def _frees_enough(self, loss: tuple[int, ...], vm: Candidate, row: int) -> bool:
        """Whether the loss could have room if the VM left its node and took room nowhere."""
        self._work -= self._cost
        room = self._room_after_moves()
        room[row] += _freed(np.array(self._arrays.needs(vm), dtype=np.int64))
        return self._verdict(loss, room) is not SurvivalVerdict.NO

    def _is_excluded(self, loss: tuple[int, ...], left: int) -> bool:
        """Whether counting excludes that so many moves are enough for the loss, see the top of this module."""
        if self._is_bound(loss):
            return False
        self._work -= self._cost
        room, used = self._room_after_moves(), {move.vm_id for move in self._moves}
        for node_id, own in self._able.items():
            needs = [self._arrays.needs(vm) for vm in own if vm.vm.id not in used]
            if needs and node_id not in loss:
                largest = np.sort(np.array(needs, dtype=np.int64), axis=0)[-left:].sum(axis=0)
                room[self._arrays.row[node_id]] += _freed(largest)
        return self._verdict(loss, room) is SurvivalVerdict.NO

    def _is_bound(self, loss: Collection[int]) -> bool:
        """Whether a rule of the operator binds a VM of the lost nodes: moves of other VMs may then open nodes to it."""
        groups = self._judged.groups
        return any(groups.binds(vm.id) for i in loss for vm in self._judged.vms_on[i])

    def _keeps_others(self) -> bool:
        """Whether the moves use no room for a node that could be lost before."""
        if self._guard is None:
            self._guard = Guard(self._snapshot, self._policy, self._recent)
        return self._guard.first_refused(self._moves) is None


def _freed(needs: Ints) -> Ints:
    """What a VM gives back to its node: not its available memory, which is unknown."""
    freed: Ints = needs.copy()
    freed[-1] = 0
    return freed
