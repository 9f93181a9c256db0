"""The strategy ``balance``: it clears overload as ``optimal`` does, then evens out the load while a move gains enough.

J (imbalance.py) measures how uneven the load is. With a budget, the moves that clear overload come first, and the rest
of the budget evens out. Without a budget the moves that even out fastest come first, and overload is cleared among them
and at the end. If more nodes stay overloaded than with ``optimal``, the moves of ``optimal`` come first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from balancer.migration_time import MICROSECONDS
from balancer.model import Effort, Evenness, Move, Reason, Recent, Snapshot
from balancer.policy import REST, Policy
from balancer.state import Candidate, WorkingState
from balancer.strategies.arrays import NodeArrays, VMArrays
from balancer.strategies.balance.bound import lower_bound
from balancer.strategies.balance.imbalance import Field, Loads, Moment
from balancer.strategies.balance.search import even_out, vm_rows
from balancer.strategies.optimal.costs import durations
from balancer.strategies.optimal.heuristics import solve
from balancer.strategies.optimal.strategy import optimal
from balancer.strategies.outcome import Step, StrategyResult, carry_out, objective, overloaded

ATTEMPTS = 3
"""How many times the plan is made again with moves for overload that is hard to clear."""
RELIEF = 100.0
"""The weight of overload if nodes are still overloaded after evening out: far more than J."""


def balance(state: WorkingState) -> StrategyResult:
    """Makes the moves within the budget on the state. Returns them, facts about the whole plan, and its evenness."""
    start = _Start(state)
    cleared = optimal(state, cut=False)
    moves, limit = list(cleared.moves), state.policy.max_moves
    shown = moves[:limit] if limit else moves
    if start.uneven and state.recent.uneven_held <= 0:
        if limit:
            parts = _even_out(state, start, moves)
            if parts and len(parts[0]) > limit:  # the budget is too small for a pair, so nothing is evened out
                parts = []
                start.back()
                start.make(moves)
            shown = _within(limit, shown, parts)
            moves += _flat(parts)
        else:
            shown = moves = _fastest(state, start, moves)
    after_all = overloaded(state)
    if len(shown) < len(moves):
        start.back()
        start.make(shown)
    return replace(
        cleared,
        moves=shown,
        effort=start.effort(moves),
        overloaded_after_all=after_all,
        stuck=_stuck(state, cleared, after_all),
        evenness=Evenness(
            before=start.j,
            after=_j(state, start),
            moves=len(shown),
            bound=lower_bound(start.nodes, start.vms, len(shown)) if shown else None,
        ),
    )


def is_uneven(snapshot: Snapshot, policy: Policy) -> bool:
    """Whether there is something to even out in this cluster, without regard to OVERLOAD_HOLD_CYCLES."""
    state = WorkingState(snapshot, policy, Recent())
    nodes = NodeArrays.of(state)
    return _uneven(Loads.of(state, Field.of(state, nodes, VMArrays.of(state, nodes))), policy)


class _Start:
    """The cluster before the plan."""

    def __init__(self, state: WorkingState) -> None:
        self._state = state
        self._checkpoint = state.checkpoint()
        self.nodes = NodeArrays.of(state)
        self.vms = VMArrays.of(state, self.nodes)
        self.by_id = {c.vm.id: c for c in self.vms.candidates}
        field = Field.of(state, self.nodes, self.vms)
        loads = Loads.of(state, field)
        self.j = Moment.of(loads).j
        self.uneven = _uneven(loads, state.policy)
        self.mean_cpu = float(loads.cpu.sum()) / field.counted
        self.mean_memory = 100 * float(loads.memory.sum()) / field.counted

    def back(self) -> None:
        """Undoes every move."""
        self._state.rollback(self._checkpoint)
        self._checkpoint = self._state.checkpoint()

    def make(self, moves: Iterable[Move]) -> list[Move]:
        """Makes these moves again, if they are legal."""
        steps = [Step(self.by_id[m.vm_id], m.source_id, m.target_id, _again(m.reason)) for m in moves]
        return [move for _, move in carry_out(self._state, steps)]

    def make_late(self, late: Sequence[Move], moves: Sequence[Move]) -> list[Move]:
        """Makes ``moves`` from the start. Makes ``late`` when a move needs it, or at the end."""
        self.back()
        carried_out: list[Move] = []
        for move in moves:
            done = self.make([move])
            if not done:
                carried_out += self.make(late)
                late = ()
                done = self.make([move])
            carried_out += done
        return carried_out + self.make(late)

    def effort(self, moves: Sequence[Move]) -> Effort:
        row = {c.vm.id: i for i, c in enumerate(self.vms.candidates)}
        times = durations(self.vms, self._state.policy)
        time = sum(int(times[row[move.vm_id]]) for move in moves)
        return Effort(len(moves), time / MICROSECONDS, sum(move.memory_mib for move in moves))


def _fastest(state: WorkingState, start: _Start, clearing: Sequence[Move]) -> list[Move]:
    """Evens out, then clears the remaining overload. If some remains, its moves are made before evening out.

    If this fails too, ``clearing`` comes first: the result never has more overload than after ``clearing``.
    """
    aim = objective(state)
    provided: list[Move] = []
    for _ in range(ATTEMPTS):
        start.back()
        start.make(provided)
        moves = _flat(_even_out(state, start, provided))
        if overloaded(state):
            moves += _flat(_even_out(state, start, [*provided, *moves], RELIEF))
        hard = set(overloaded(state)) | {move.source_id for move in provided}
        if overloaded(state):
            moves += _clear_the_rest(state, [*provided, *moves])
        moves += _flat(_even_out(state, start, [*provided, *moves]))
        moves = start.make_late(provided, moves)
        needed = _needed(clearing, hard)
        if objective(state) <= aim:
            return moves
        if len(needed) == len(provided):
            break
        provided = needed
    start.back()
    first = start.make(clearing)
    return first + _flat(_even_out(state, start, first))


def _clear_the_rest(state: WorkingState, moved: Iterable[Move]) -> list[Move]:
    """The moves that clear the present overload, with VMs that have not moved yet."""
    verdicts = dict(state.verdicts)
    state.verdicts.update({move.vm_id: Reason.of("vm-busy") for move in moved})
    try:
        _, steps = solve(state)
        return [move for _, move in carry_out(state, steps)]
    finally:
        state.verdicts = verdicts


def _needed(clearing: Sequence[Move], hard: set[int]) -> list[Move]:
    """The moves that clear these nodes, and the moves that make room for them."""
    sources = set(hard)
    while True:
        needed = [move for move in clearing if move.source_id in sources]
        more = {move.target_id for move in needed} - sources
        if not more & {move.source_id for move in clearing}:
            return needed
        sources |= more


def _even_out(state: WorkingState, start: _Start, moved: Iterable[Move], relief: float = 0.0) -> list[list[Move]]:
    """Evens out the load with VMs that have not moved for a day and have no rule of the operator.

    Single moves, and pairs that help only together. If the rules refuse a move of a pair, the plan ends.
    """
    nodes = NodeArrays.of(state)
    taboo = {move.vm_id for move in moved}
    taboo |= {vm_id for vm_id, at in state.recent.migrated.items() if state.now - at < REST}
    free = [c.vm.id not in taboo and not state.groups.binds(c.vm.id) for c in start.vms.candidates]
    field = Field.of(state, nodes, start.vms, np.array(free, dtype=np.bool_))
    loads = Loads.of(state, field)
    rows = vm_rows(loads, even_out(loads, state.policy.balance_margin / field.counted, relief))
    parts = [[_step(start, nodes, start.vms.candidates[vm], target) for vm, target in part] for part in rows]
    checkpoint = state.checkpoint()
    moves = [[move for _, move in carry_out(state, part)] for part in parts]
    broken = next((i for i, part in enumerate(parts) if 0 < len(moves[i]) < len(part)), None)
    if broken is None:
        return [part for part in moves if part]
    state.rollback(checkpoint)
    return [done for part in parts[:broken] if (done := [move for _, move in carry_out(state, part)])]


def _within(limit: int, moves: Sequence[Move], parts: Iterable[Sequence[Move]]) -> list[Move]:
    """The moves, and after them as many complete parts as the budget allows: half a pair makes the load less even."""
    shown = list(moves)
    for part in parts:
        if len(shown) + len(part) > limit:
            break
        shown += part
    return shown


def _flat(parts: Iterable[Iterable[Move]]) -> list[Move]:
    return [move for part in parts for move in part]


def _step(start: _Start, nodes: NodeArrays, vm: Candidate, target: int) -> Step:
    home = vm.vm.node_id
    source_id = home if home is not None else 0

    def why(state: WorkingState) -> Reason:
        load = state.working[source_id].load
        return Reason.of(
            "move-even",
            cpu=load.cpu_ratio,
            memory=load.memory_percent,
            mean_cpu=start.mean_cpu,
            mean_memory=start.mean_memory,
        )

    return Step(vm, source_id, int(nodes.ids[target]), why)


def _uneven(loads: Loads, policy: Policy) -> bool:
    """Whether any node is further from the mean than the deadband."""
    counted = loads.field.nodes.counted
    parts = (
        (loads.cpu, policy.cpu_overload_ratio),
        (loads.memory, policy.memory_overload_percent / 100),
    )
    return any(
        bool(counted.any()) and float(abs(load[counted] - load[counted].mean()).max()) > policy.balance_deadband * limit
        for load, limit in parts
    )


def _j(state: WorkingState, start: _Start) -> float:
    nothing = np.zeros(len(start.vms), dtype=np.bool_)
    return Moment.of(Loads.of(state, Field.of(state, NodeArrays.of(state), start.vms, nothing))).j


def _stuck(state: WorkingState, cleared: StrategyResult, after_all: Sequence[int]) -> dict[int, Reason]:
    """Why nodes are still overloaded after the moves within the budget."""
    budget = Reason.of("source-budget", limit=state.policy.max_moves)
    return {
        node_id: cleared.stuck[node_id] if node_id in after_all else budget
        for node_id in overloaded(state)
        if node_id not in after_all or node_id in cleared.stuck
    }


def _again(reason: Reason) -> Callable[[WorkingState], Reason]:
    return lambda _: reason
