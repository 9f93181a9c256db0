"""KEEP_SURVIVABLE: no plan uses the room for a node that could be lost before the plan.

After planning, each move is tried in turn: for every node that could be lost before, there must still be room after the
move, without the later moves of the plan. The VM of the first move that uses such room is held with the reason, and the
plan is made again. "Not decided" counts as no room.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from balancer.model import VM, Move, Node, Plan, Reason, Recent, Snapshot
from balancer.policy import Policy
from balancer.state import Candidate
from balancer.survival.arrays import state_of_losses
from balancer.survival.survive import LossJudge
from balancer.survival.values import Loss, SurvivalVerdict

ROUNDS = 40
"""The most rounds. After them all VMs are held, so that the plan is empty."""


def keeping(
    make: Callable[[Snapshot], Plan],
    snapshot: Snapshot,
    policy: Policy,
    recent: Recent,
    *,
    closing: Collection[int] = (),
) -> Plan:
    """The plan of ``make`` for the snapshot, without moves that use the room for a lost node.

    Args:
        make: makes a plan of a snapshot in which VMs that may not move are ``held``.
        snapshot: of one cluster.
        policy: without ``keep_survivable`` the plan is returned unchanged.
        recent: as for the plan.
        closing: ids of nodes that are being emptied: they count as nodes without room, before and after the plan.
    """
    plan = make(snapshot)
    if not policy.keep_survivable or not plan.moves:
        return plan
    guard = Guard(snapshot, policy, recent, closing)
    held = snapshot
    for _ in range(ROUNDS):
        refused = guard.first_refused(plan.moves)
        if refused is None:
            return plan
        move, reason = refused
        held = _holding(held, {move.vm_id}, reason)
        plan = _without_proof(make(held))
        if not plan.moves:
            return plan
    return make(_holding(held, {vm.id for vm in held.vms if vm.held is None}, reason))


def with_warning(snapshot: Snapshot, policy: Policy, recent: Recent, plan: Plan) -> Plan:
    """The plan with a caution if it uses the room for a lost node; only possible without KEEP_SURVIVABLE."""
    if not plan.moves or policy.keep_survivable:
        return plan
    reason = refusal(snapshot, policy, recent, plan.moves)
    if reason is None:
        return plan
    lost = reason.as_dict()
    caution = Reason.of("caution-survive-lost", node=lost["node"], vms=lost["vms"])
    return replace(plan, cautions=(*plan.cautions, caution))


def refusal(
    snapshot: Snapshot, policy: Policy, recent: Recent, moves: Sequence[Move], closing: Collection[int] = ()
) -> Reason | None:
    """Why these moves, one after another, use the room for a lost node; ``None`` = they do not."""
    refused = Guard(snapshot, policy, recent, closing).first_refused(moves)
    return None if refused is None else refused[1]


def _without_proof(plan: Plan) -> Plan:
    """The plan without its bound: with held VMs the bound is not valid for all plans."""
    return replace(plan, bound=None)


class Guard:
    """Remembers which nodes could be lost before any move."""

    def __init__(self, snapshot: Snapshot, policy: Policy, recent: Recent, closing: Collection[int] = ()) -> None:
        """Arguments as ``keeping``. Nodes with a running migration count, as they will after its end."""
        self._policy = policy.with_exclusions(frozenset(), frozenset(closing))
        self._recent = replace(recent, busy_nodes=frozenset())
        self._snapshot = snapshot
        judge = LossJudge(state_of_losses(snapshot, self._policy, self._recent))
        losses = (judge.judge((node.id,)) for node in snapshot.nodes)
        self._kept = {loss.node_ids[0]: loss for loss in losses if loss.verdict is SurvivalVerdict.YES}

    def first_refused(self, moves: Sequence[Move]) -> tuple[Move, Reason] | None:
        """The first of these moves, one after another, that uses the room for a lost node."""
        snapshot, kept = self._snapshot, dict(self._kept)
        for move in moves:
            snapshot = moved(snapshot, move, self._policy, self._recent)
            changed = [i for i, loss in kept.items() if _may_change(loss, move)]
            judge = LossJudge(state_of_losses(snapshot, self._policy, self._recent))
            for node_id in changed:
                kept[node_id] = loss = judge.judge((node_id,))
                if loss.verdict is not SurvivalVerdict.YES:
                    return move, Reason.of("vm-keeps-survivable", node=loss.node_names[0], vms=len(loss.left_out))
        return None


def _may_change(loss: Loss, move: Move) -> bool:
    """Whether the move may change the answer for this loss: for other losses the room does not become smaller."""
    own = loss.node_ids[0] in (move.source_id, move.target_id)
    return own or any(place.node_id == move.target_id for place in loss.places)


def moved(snapshot: Snapshot, move: Move, policy: Policy, recent: Recent) -> Snapshot:
    """The snapshot after the move, with estimated loads of measured nodes."""
    state = state_of_losses(snapshot, policy, recent)
    vm = next(vm for vm in snapshot.vms if vm.id == move.vm_id)
    brings = state.load_of(Candidate(vm, move.vcpus, move.memory_mib))
    sign = {move.source_id: -1, move.target_id: 1}
    nodes = tuple(_changed(node, move, brings, sign[node.id]) if node.id in sign else node for node in snapshot.nodes)
    vms = tuple(replace(vm, node_id=move.target_id) if vm.id == move.vm_id else vm for vm in snapshot.vms)
    return replace(snapshot, nodes=nodes, vms=vms)


def _changed(node: Node, move: Move, brings: float, sign: int) -> Node:
    live = node.measured
    if live is not None:
        load = max(0.0, live.load1 + sign * brings)
        available = live.memory_available_mib - (move.memory_mib if sign > 0 else 0)
        live = replace(live, load1=load, memory_available_mib=available)
    return replace(
        node,
        measured=live,
        vcpus_allocated=_plus(node.vcpus_allocated, sign * move.vcpus),
        memory_allocated_mib=_plus(node.memory_allocated_mib, sign * move.memory_mib),
        vm_count=_plus(node.vm_count, sign),
    )


def _plus(figure: int | None, change: int) -> int | None:
    return None if figure is None else max(0, figure + change)


def _holding(snapshot: Snapshot, vm_ids: Collection[int], reason: Reason) -> Snapshot:
    def hold(vm: VM) -> VM:
        return replace(vm, held=reason) if vm.id in vm_ids and vm.held is None else vm

    return replace(snapshot, vms=tuple(hold(vm) for vm in snapshot.vms))
