"""The plan that empties a node: who may leave, who has to go together, and the puzzle of where they all go.

Since every VM leaves the same node and no other, rooms only shrink: whatever fits all together is legal at every
prefix, in any order. The rules judge each move once more when it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np

from balancer.migration_time import migration_s
from balancer.model import Node, Plan, Purpose, Reason, Recent, Rejection, Snapshot
from balancer.policy import Policy
from balancer.requests.evacuation import Puzzle, Turn, solve
from balancer.requests.making import Making, known_node
from balancer.rules.constraints import candidate, cluster_refusal, group_refusal, source_refusal, static_target_refusal
from balancer.rules.rejections import fits_nowhere
from balancer.state import Candidate, WorkingNode, WorkingState
from balancer.strategies.arrays import Bools, Floats, most_mib, most_vcpus
from balancer.strategies.outcome import Step, carry_out
from balancer.strategies.targets import Targets

_UNBOUNDED = 1e18
_GRAIN = 1e-9
"""Loads are no whole numbers: a target is left this part of its limit, so that the rules never disagree."""
_TOLD = 3
"""The first resources tell how full a target is: vCPUs, memory, load; VMs and memory really available do not."""


class Party(NamedTuple):
    """VMs that leave together for one node: nearly always one."""

    vms: tuple[Candidate, ...]
    rule: str = ""
    """Which rule holds several together."""


def drain_plan(snapshot: Snapshot, policy: Policy, recent: Recent, node_id: int) -> Plan:
    """See ``balancer.requests.drain``."""
    making = Making(Purpose.DRAIN, snapshot, policy, recent, source_id=node_id)
    state = making.state
    known_node(state, node_id)
    node, cluster = state.nodes[node_id], making.cluster
    refusal = cluster_refusal(cluster, state)
    if refusal is not None:
        return making.plan((), [Rejection("cluster", cluster.id, cluster.name, refusal)])
    refusal = source_refusal(node, state)
    if refusal is not None:
        return making.plan((), [Rejection("source", node.id, node.name, refusal)])
    cautions = _cautions(node, policy, state)
    parties = _parties(node, state)
    targets = Targets(state).open_to(node)
    turns = solve(_puzzle(parties, targets, state))
    steps = [step for turn in turns for step in _steps(turn, node, parties, targets, state)]
    moves = [move for _, move in carry_out(state, steps)]
    staying = _staying(node, parties, {move.vm_id for move in moves}, state)
    return making.plan(moves, staying, cautions)


def _cautions(node: Node, policy: Policy, state: WorkingState) -> list[Reason]:
    found = []
    if node.id in policy.exclude_sources:
        found.append(Reason.of("caution-drain-excluded", node=node.name))
    if static_target_refusal(node, state) is None:
        found.append(Reason.of("caution-drain-open", node=node.name))
    return found


# --- who leaves, and together with whom -----------------------------------------------------------------


def _parties(node: Node, state: WorkingState) -> list[Party]:
    """The VMs that may leave, by id; those that affinity rules hold together as one."""
    able = [c for vm in state.vms_on[node.id] if isinstance(c := candidate(vm, state), Candidate)]
    leader = {vm.vm.id: vm.vm.id for vm in able}

    def lead(vm_id: int) -> int:
        while leader[vm_id] != vm_id:
            vm_id = leader[vm_id]
        return vm_id

    rules: dict[int, str] = {}
    for vm in able:
        for group in state.groups.together.get(vm.vm.id, ()):
            first = min(group.members & leader.keys())
            one, other = sorted((lead(first), lead(vm.vm.id)))
            leader[other] = one
            rules[one] = min(rules.get(other, group.name), rules.get(one, group.name), group.name)
    parties: dict[int, list[Candidate]] = {}
    for vm in able:
        parties.setdefault(lead(vm.vm.id), []).append(vm)
    return [Party(tuple(vms), rules[i] if len(vms) > 1 else "") for i, vms in parties.items()]


# --- where to -------------------------------------------------------------------------------------------


def _puzzle(parties: Sequence[Party], targets: Sequence[WorkingNode], state: WorkingState) -> Puzzle:
    room, limits = _room(targets, state)
    apart = _apart(parties, state)
    allowed = np.array([_allowed(party, targets, state) for party in parties], dtype=np.bool_)
    quarrelling = np.diagonal(apart)  # within a party: no node could take it
    return Puzzle(
        needs=np.array([_needs(party, state) for party in parties], dtype=np.float64).reshape(-1, room.shape[1]),
        room=room,
        limits=limits,
        allowed=allowed.reshape(len(parties), len(targets)) & ~quarrelling[:, None],
        apart=apart,
        weights=np.array([len(party.vms) for party in parties], dtype=np.int64),
    )


def _needs(party: Party, state: WorkingState) -> tuple[float, ...]:
    vcpus, mib = sum(vm.vcpus for vm in party.vms), sum(vm.memory_mib for vm in party.vms)
    return vcpus, mib, sum(state.load_of(vm) for vm in party.vms), len(party.vms), mib


def _room(targets: Sequence[WorkingNode], state: WorkingState) -> tuple[Floats, Floats]:
    """What is left on each target, and what would be left were it empty."""
    policy = state.policy
    rows, limits = [], []
    for target in targets:
        vcpus = most_vcpus(target.cpus, policy.fill_limit(policy.cpu_overload_ratio))
        mib = most_mib(target.memory_mib, policy.fill_limit(policy.memory_overload_percent))
        most = (target.node.vm_limit, state.clusters[target.node.cluster_id].vm_limit_per_node)
        count = min((limit for limit in most if limit is not None), default=_UNBOUNDED)
        load, taken, available = _UNBOUNDED, 0.0, _UNBOUNDED
        if target.live is not None:
            load = policy.fill_limit(policy.ssh_load_overload) * target.live.cpus
            load -= _GRAIN * max(1.0, load)
            taken, available = target.live.load, target.live.available_mib
        free = (vcpus - target.vcpus, mib - target.memory_allocated_mib, load - taken)
        rows.append((*free, count - target.vm_count, available))
        limits.append((max(vcpus, 1), max(mib, 1), load))
    resources = _TOLD + 2
    return np.array(rows, dtype=np.float64).reshape(-1, resources), np.array(limits).reshape(-1, _TOLD)


def _allowed(party: Party, targets: Sequence[WorkingNode], state: WorkingState) -> Bools:
    """Where the rules of the operator let all of them go."""
    bound = [vm for vm in party.vms if state.groups.binds(vm.vm.id)]
    if not bound:
        return np.ones(len(targets), dtype=np.bool_)
    return np.array([all(group_refusal(vm, t, state) is None for vm in bound) for t in targets], dtype=np.bool_)


def _apart(parties: Sequence[Party], state: WorkingState) -> Bools:
    """Which parties may not share a node; on the diagonal those that may not even be together themselves."""
    apart = np.zeros((len(parties), len(parties)), dtype=np.bool_)
    members: dict[int, list[int]] = {}
    for row, party in enumerate(parties):
        for vm in party.vms:
            for group in state.groups.apart.get(vm.vm.id, ()):
                members.setdefault(group.index, []).append(row)
    for rows in members.values():
        for i, row in enumerate(rows):
            for other in rows[:i]:
                apart[row, other] = apart[other, row] = True
    return apart


def _steps(
    turn: Turn, node: Node, parties: Sequence[Party], targets: Sequence[WorkingNode], state: WorkingState
) -> Iterable[Step]:
    party, target = parties[turn.thing], targets[turn.target]
    for vm in party.vms:
        yield Step(vm, node.id, target.node.id, _why(turn, party, seconds(vm, state)))


def seconds(vm: Candidate, state: WorkingState) -> float:
    """How long its migration is estimated to take."""
    return migration_s(vm.vm, state.clusters[vm.vm.cluster_id], state.policy)


def _why(turn: Turn, party: Party, time: float) -> Callable[[WorkingState], Reason]:
    if party.rule:
        reason = Reason.of("move-drain-together", rule=party.rule, vms=len(party.vms), seconds=time)
    elif turn.emptiest:
        reason = Reason.of("move-drain", targets=turn.choices, seconds=time)
    else:
        reason = Reason.of("move-drain-packed", targets=turn.choices, seconds=time)
    return lambda _: reason


# --- what stays -----------------------------------------------------------------------------------------


def _staying(node: Node, parties: Sequence[Party], moved: set[int], state: WorkingState) -> list[Rejection]:
    """One for each VM that stays, by id."""
    found: dict[int, Rejection] = {}
    for vm in state.vms_on[node.id]:
        verdict = candidate(vm, state)
        if isinstance(verdict, Reason):
            found[vm.id] = Rejection("vm", vm.id, vm.name, verdict)
    left = [party for party in parties if any(vm.vm.id not in moved for vm in party.vms)]
    single = [party.vms[0] for party in left if not party.rule]
    found.update({rejection.id: rejection for rejection in fits_nowhere(state, node, single)})
    for party in left:
        for able in party.vms:
            vm = able.vm
            if vm.id not in found and vm.id not in moved:
                found[vm.id] = Rejection("vm", vm.id, vm.name, _no_room(party))
    return [found[vm_id] for vm_id in sorted(found)]


def _no_room(party: Party) -> Reason:
    if party.rule:
        return Reason.of("drain-together", rule=party.rule, vms=len(party.vms))
    return Reason.of("drain-no-room")
